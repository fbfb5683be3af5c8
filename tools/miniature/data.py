"""Examples as token sequences, tokenised once and kept in shards; masks and dropped conditions are drawn anew every time they are used.

A shard depends on the seed and its number alone, so any number of processes may make them, in any order.
"""
import math
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .checkpoint import write
from .layout import UNCONDITION, Layout, Sequence
from .sizes import Size
from .vq.codebook import Encoder
from .world.tasks import TASKS

SHARD = 512  # examples
DROP = 0.06  # of each condition, for guidance: the text, the pictures


@dataclass(frozen=True)
class Tokens:
    """One example: everything given; without its text; without its pictures (None where it has none, or where it is a question)."""

    task: str
    full: Sequence
    textless: Sequence | None
    pictureless: Sequence | None


def tokenise(example, layout: Layout, encode: Encoder) -> Tokens:
    pictures = [encode(p) for p in example.pictures]
    target = None if example.target is None else encode(example.target)

    def sequence(user, given):
        return layout.sequence(example.task, user, given, target, example.answer)

    if example.task == "understand":
        return Tokens(example.task, sequence(example.user, pictures), None, None)
    return Tokens(example.task, sequence(example.user, pictures), sequence(UNCONDITION, pictures),
                  sequence(example.user, []) if pictures else None)


def make_shard(number: int, size: Size, layout: Layout, encode: Encoder, seed: int) -> list[Tokens]:
    rng = np.random.default_rng([seed, 1, number])
    names, shares = list(size.mixture), list(size.mixture.values())
    return [tokenise(TASKS[name](rng, size.world), layout, encode)
            for name in rng.choice(names, size=min(SHARD, size.examples), p=np.array(shares) / sum(shares))]


_shared: tuple = ()


def _begin(*shared) -> None:
    global _shared
    _shared = shared


def _work(job) -> None:
    number, path = job
    write(path, make_shard(number, *_shared))


def prepare(folder: Path, size: Size, layout: Layout, encode: Encoder, seed: int, processes: int, say=print) -> list[Path]:
    """The shards, those that are missing made now."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{number:05}.pt" for number in range(-(-size.examples // SHARD))]
    missing = [(number, path) for number, path in enumerate(paths) if not path.exists()]
    if missing:
        say(f"{len(missing)} shards of {SHARD} examples to make")
    if processes > 1:
        with ProcessPoolExecutor(processes, initializer=_begin, initargs=(size, layout, encode, seed)) as pool:
            list(pool.map(_work, missing))
    else:
        _begin(size, layout, encode, seed)
        for job in missing:
            _work(job)
    return paths


def mask_share(rng) -> float:
    """The original's: the cosine of a uniform angle."""
    return math.cos(rng.random() * math.pi / 2)


@dataclass(frozen=True)
class Batch:
    ids: np.ndarray  # (b, t), masks and padding written in
    length: np.ndarray  # (b,)
    where: np.ndarray  # flat positions to predict
    truth: np.ndarray  # what stands there
    task: np.ndarray  # (predictions,) number of the example


def halves(made: Batch) -> list[Batch]:
    """The first and the second half of the examples, where there are at least two."""
    rows, length = made.ids.shape
    if rows < 2:
        return [made]
    cut = rows // 2
    first = made.task < cut
    return [Batch(made.ids[:cut], made.length[:cut], made.where[first], made.truth[first], made.task[first]),
            Batch(made.ids[cut:], made.length[cut:], made.where[~first] - cut * length, made.truth[~first], made.task[~first] - cut)]


def drop(rng, tokens: Tokens) -> Sequence:
    share = rng.random()
    if share < DROP and tokens.textless is not None:
        return tokens.textless
    if DROP <= share < 2 * DROP and tokens.pictureless is not None:
        return tokens.pictureless
    return tokens.full


def batch(rng, examples: list[Tokens], layout: Layout, length: int) -> Batch:
    """Masks at least one open position of every example; pads to `length`."""
    ids = np.full((len(examples), length), layout.padding)
    lengths, where, truth, task = [], [], [], []
    for row, tokens in enumerate(examples):
        sequence = drop(rng, tokens)
        hidden = rng.permutation(sequence.open)[:max(1, int(len(sequence.open) * mask_share(rng)))]
        ids[row, :len(sequence.ids)] = sequence.ids
        ids[row, hidden] = layout.mask
        lengths.append(len(sequence.ids))
        where.append(row * length + hidden)
        truth.append(sequence.ids[hidden])
        task.append(np.full(len(hidden), row))
    return Batch(ids, np.array(lengths), np.concatenate(where), np.concatenate(truth), np.concatenate(task))


class Sampler:
    """Batches of examples of about the same length, the same for the same seed and step."""

    BUCKET = 32  # lengths are padded to multiples

    def __init__(self, examples: list[Tokens], layout: Layout, tokens: int, seed: int):
        self.layout, self.tokens, self.seed = layout, tokens, seed
        self.buckets: dict[int, list[Tokens]] = {}
        for one in examples:
            longest = max(len(s.ids) for s in (one.full, one.textless) if s is not None)
            self.buckets.setdefault(-(-longest // self.BUCKET) * self.BUCKET, []).append(one)
        self.lengths = sorted(self.buckets)
        weight = np.array([length * len(self.buckets[length]) for length in self.lengths], float)
        self.share = weight / max(1.0, weight.sum())

    def __call__(self, step: int) -> Batch:
        rng = np.random.default_rng([self.seed, 2, step])
        length = self.lengths[rng.choice(len(self.lengths), p=self.share)]
        pool = self.buckets[length]
        chosen = rng.integers(len(pool), size=max(1, self.tokens // length))
        return batch(rng, [pool[i] for i in chosen], self.layout, length)
