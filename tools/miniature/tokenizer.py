"""Byte-level BPE (GPT-2's splitting) trained on the world's own sentences, written as a Hugging Face tokenizer.json.

Ids: 256 bytes, then merges, then the special tokens in the released tokenizer's strings, then (not in the tokenizer) the image codes.
"""
import json
import re
from collections import Counter
from functools import cache

WORDS = re.compile(r"'s|'t|'re|'ve|'m|'ll|'d| ?[^\W\d_]+| ?\d+| ?(?:[^\s\w]|_)+|\s+(?!\S)|\s+")
# <|reserved_token_0|> ends a row of image tokens.
SPECIAL = ("<|startoftext|>", "<|endoftext|>", "<|reserved_token_0|>", "<|mdm_mask|>", "<padding>", "<system>", "</system>", "<user>",
           "</user>", "<IMAGE>", "</IMAGE>", "<uncondition>", "<|reserved_token_1|>", "<|reserved_token_2|>", "<answer>", "</answer>")


def byte_letters() -> list[str]:
    """A printable letter for every byte: itself, or one above U+0100."""
    keep = [*range(33, 127), *range(161, 173), *range(174, 256)]
    spare = iter(range(256, 512))
    return [chr(b) if b in keep else chr(next(spare)) for b in range(256)]


LETTERS = byte_letters()


def merged(word: tuple[str, ...], pair: tuple[str, str]) -> tuple[str, ...]:
    """The word with every occurrence of the pair joined, from the left."""
    out, i = [], 0
    while i < len(word):
        both = word[i:i + 2] == pair
        out.append(word[i] + word[i + 1] if both else word[i])
        i += 2 if both else 1
    return tuple(out)


def train(sentences, merges: int) -> "Tokenizer":
    """The most frequent pair is joined, again and again; ties go to the later pair in code-point order."""
    words = Counter(tuple(LETTERS[b] for b in word.encode()) for text in sentences for word in WORDS.findall(text))
    rules: list[tuple[str, str]] = []
    while len(rules) < merges:
        pairs: Counter = Counter()
        for word, n in words.items():
            for pair in zip(word, word[1:]):
                pairs[pair] += n
        if not pairs:
            break
        rules.append(max(pairs, key=lambda pair: (pairs[pair], pair)))
        joined: Counter = Counter()
        for word, n in words.items():
            joined[merged(word, rules[-1])] += n
        words = joined
    return Tokenizer(rules)


class Tokenizer:
    def __init__(self, rules):
        self.rules = [tuple(rule) for rule in rules]
        self.rank = {rule: i for i, rule in enumerate(self.rules)}
        self.vocabulary = LETTERS + ["".join(rule) for rule in self.rules]
        self.ids = {token: i for i, token in enumerate(self.vocabulary)}
        self.special = {token: len(self.vocabulary) + i for i, token in enumerate(SPECIAL)}
        self.first_code = len(self.vocabulary) + len(SPECIAL)
        self.pieces = re.compile("(" + "|".join(map(re.escape, SPECIAL)) + ")")
        self.word = cache(self._word)

    def _word(self, text: str) -> tuple[int, ...]:
        parts = tuple(LETTERS[b] for b in text.encode())
        while len(parts) > 1:
            pair = min(zip(parts, parts[1:]), key=lambda pair: self.rank.get(pair, len(self.rank)))
            if pair not in self.rank:
                break
            parts = merged(parts, pair)
        return tuple(self.ids[part] for part in parts)

    def __call__(self, text: str) -> list[int]:
        """Special tokens are matched literally first."""
        ids: list[int] = []
        for piece in self.pieces.split(text):
            if piece in self.special:
                ids.append(self.special[piece])
            else:
                for word in WORDS.findall(piece):
                    ids += self.word(word)
        return ids

    def decode(self, ids) -> str:
        """Special tokens and codes are left out."""
        byte = {letter: b for b, letter in enumerate(LETTERS)}
        return bytes(byte[letter] for i in ids if i < len(self.vocabulary) for letter in self.vocabulary[i]).decode(errors="replace")

    def save(self, folder) -> None:
        """tokenizer.json, tokenizer_config.json, special_tokens_map.json."""
        flags = dict(single_word=False, lstrip=False, rstrip=False, normalized=False, special=True)
        added = [dict(id=i, content=token, **flags) for token, i in self.special.items()]
        level = dict(type="ByteLevel", trim_offsets=True, use_regex=True)
        model = dict(type="BPE", dropout=None, unk_token=None, continuing_subword_prefix=None, end_of_word_suffix=None,
                     fuse_unk=False, byte_fallback=False, ignore_merges=False, vocab=self.ids, merges=[list(r) for r in self.rules])
        ends = dict(bos_token="<|startoftext|>", eos_token="<|endoftext|>", pad_token="<|endoftext|>")
        files = {
            "tokenizer.json": dict(version="1.0", truncation=None, padding=None, added_tokens=added, normalizer=None,
                                   pre_tokenizer=dict(level, add_prefix_space=False), post_processor=None,
                                   decoder=dict(level, add_prefix_space=True), model=model),
            "tokenizer_config.json": dict(tokenizer_class="PreTrainedTokenizerFast", clean_up_tokenization_spaces=False,
                                          model_max_length=4096, **ends,
                                          added_tokens_decoder={str(a["id"]): dict(flags, content=a["content"]) for a in added}),
            "special_tokens_map.json": ends,
        }
        for name, value in files.items():
            (folder / name).write_text(json.dumps(value, ensure_ascii=False, indent=1) + "\n")


def load(folder) -> Tokenizer:
    return Tokenizer(json.loads((folder / "tokenizer.json").read_text())["model"]["merges"])
