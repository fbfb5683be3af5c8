"""Token sequences as the released model lays them out (its prompts, row ends after every row, padded answers), and what may be masked.

picture task: <system>S</system><user>TEXT [<IMAGE> rows </IMAGE>]...</user> <answer> <IMAGE> rows </IMAGE> </answer>
text task:    <system>S</system><user>TEXT [<IMAGE> rows </IMAGE>]...</user> <answer> TEXT </answer> <padding>... </answer>
"""
from dataclasses import dataclass

import numpy as np

from .tokenizer import Tokenizer
from .world.tasks import SYSTEM

ANSWER = 32  # tokens of a text answer, its end and its padding included
UNCONDITION = "<uncondition>"


@dataclass(frozen=True)
class Sequence:
    ids: np.ndarray  # what is true
    open: np.ndarray  # positions that decoding has to find


class Layout:
    def __init__(self, tokenizer: Tokenizer):
        self.tokenizer = tokenizer
        special = tokenizer.special
        self.row_end, self.mask, self.padding = special["<|reserved_token_0|>"], special["<|mdm_mask|>"], special["<padding>"]
        self.image = special["<IMAGE>"], special["</IMAGE>"]
        self.answer = special["<answer>"], special["</answer>"]

    def picture(self, codes) -> list[int]:
        """codes: (rows, columns) of the image tokenizer."""
        ends = np.full((len(codes), 1), self.row_end)
        rows = np.concatenate((codes + self.tokenizer.first_code, ends), 1).reshape(-1)
        return [self.image[0], *rows.tolist(), self.image[1]]

    def prompt(self, task: str, user: str, pictures) -> list[int]:
        """Pictures stand before the last token of the words, which is </user>."""
        ids = self.tokenizer(f"<system>{SYSTEM[task]}</system><user>{user}</user>")
        given = [token for codes in pictures for token in self.picture(codes)]
        return ids[:-1] + given + ids[-1:]

    def sequence(self, task: str, user: str, pictures, target=None, answer: str | None = None) -> Sequence:
        head = self.prompt(task, user, pictures)
        if target is not None:
            body = [self.answer[0], *self.picture(target), self.answer[1]]
            free = [i for i, token in enumerate(body) if token >= self.tokenizer.first_code]
        else:
            text = (self.tokenizer(answer) + [self.answer[1]])[:ANSWER]
            body = [self.answer[0], *text, *[self.padding] * (ANSWER - len(text)), self.answer[1]]
            free = range(1, ANSWER + 1)
        return Sequence(np.array(head + body), np.array(free) + len(head))
