"""Examples as token sequences. What an example is depends on the seed and its number alone.

Where a world's pictures are quickly drawn they are made when they are wanted, no two alike; else once, kept in shards, in any order by any
number of processes.
"""
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .checkpoint import write
from .layout import UNCONDITION, Layout, Sequence
from .sizes import Size
from .vq.codebook import Encoder
from .world.captions import Said
from .world.scene import Scene
from .world.tasks import TASKS

SHARD = 512  # examples


@dataclass(frozen=True)
class Tokens:
    """One example: everything given; without its text; without its pictures (None where it has none, or where it is a question)."""

    task: str
    full: Sequence
    textless: Sequence | None
    pictureless: Sequence | None
    told: tuple[Scene, Said] | None = None  # what posterior.py asks of text to image


def tokenise(example, layout: Layout, encode: Encoder) -> Tokens:
    pictures = [encode(p) for p in example.pictures]
    target = None if example.target is None else encode(example.target)

    def sequence(user, given):
        return layout.sequence(example.task, user, given, target, example.answer)

    if example.task == "understand":
        return Tokens(example.task, sequence(example.user, pictures), None, None)
    return Tokens(example.task, sequence(example.user, pictures), sequence(UNCONDITION, pictures),
                  sequence(example.user, []) if pictures else None, example.told)


def draw(rng, size: Size, layout: Layout, encode: Encoder, tasks: dict) -> Tokens:
    """tasks: how often each."""
    shares = np.array(list(tasks.values()))
    return tokenise(TASKS[rng.choice(list(tasks), p=shares / shares.sum())](rng, size.world), layout, encode)


def make_shard(number: int, size: Size, layout: Layout, encode: Encoder, seed: int) -> list[Tokens]:
    rng = np.random.default_rng([seed, 1, number])
    return [draw(rng, size, layout, encode, size.mixture) for _ in range(min(SHARD, size.examples))]


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


@dataclass(frozen=True)
class Source:
    """Examples of some tasks by number: made when wanted, or those of the shards in a random order, again and again."""

    size: Size
    layout: Layout
    encode: Encoder
    seed: int
    tasks: dict  # how often each
    stored: tuple[Tokens, ...] = ()

    def __call__(self, number: int) -> Tokens:
        rng = np.random.default_rng([self.seed, 8, number])
        if not self.stored:
            return draw(rng, self.size, self.layout, self.encode, self.tasks)
        while True:
            found = self.stored[rng.integers(len(self.stored))]
            if found.task in self.tasks:
                return found
