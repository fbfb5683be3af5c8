"""The states of decoding that the model learns from: what of an example is hidden.

Cells hidden by lot do not teach what decoding needs. It fixes what the model is surest of, plain cells, so that half a picture stands there
without any thing in it; a lot hardly ever makes such a state, and a model that never saw one leaves things out. So an example is learnt from
several times on its way from everything hidden to little: before each, cells are shown as decoding would choose them, by the model's sureness
and decoding's noise, but with the truth in them. The choice never looks at the truth, so having been chosen tells nothing about it.
"""
import math
from dataclasses import dataclass, field

import numpy as np

from .data import Tokens
from .layout import Sequence

DROP = 0.06  # of each condition, for guidance: the text, the pictures
STATIONS = 5  # states of one example on its way
END = 0.92  # of the cosine schedule: what is left then is easy
NOISE = 0.5  # of decoding's choice: its default temperature
BY_LOT, HOLES = 0.2, 0.12  # shares of pictures that are hidden otherwise: by lot; as a rectangle, text to image alone
BLOCK = 8  # tokens that decoding fixes before it turns to the next ones


def mask_share(progress: float) -> float:
    """The original's: the cosine of an angle."""
    return math.cos(progress * math.pi / 2)


@dataclass
class State:
    """An example on its way. `sizes`: how many positions are hidden at the states to come, falling; the first of them is the present one."""

    task: str
    sequence: Sequence
    hidden: np.ndarray
    sizes: list[int] = field(default_factory=list)
    told: tuple | None = None  # of text to image: (scene, what is said of it)

    def advance(self, rng, sure) -> bool:
        """Shows what is surest; whether there is another state. sure: log probability of the likeliest token, an entry a hidden position."""
        self.sizes = self.sizes[1:]
        if not self.sizes:
            return False
        score = np.asarray(sure) + NOISE * rng.gumbel(size=len(self.hidden))
        self.hidden = self.hidden[np.argsort(score, kind="stable")[:self.sizes[0]]]
        return True


def drop(rng, tokens: Tokens) -> Sequence:
    share = rng.random()
    if share < DROP and tokens.textless is not None:
        return tokens.textless
    if DROP <= share < 2 * DROP and tokens.pictureless is not None:
        return tokens.pictureless
    return tokens.full


def by_lot(rng, places, share: float):
    return rng.permutation(places)[:max(1, int(len(places) * share))]


def path(rng, places) -> list[int]:
    """Sizes at evenly spaced times of the cosine schedule, from a random beginning on."""
    start = rng.random()
    return [max(1, int(len(places) * mask_share(END * (i + start) / STATIONS))) for i in range(STATIONS)]


def hole(rng, sequence: Sequence, side: int):
    """Cells of a random rectangle of a square picture."""
    (top, height), (left, width) = ((rng.integers(side - n + 1), n) for n in rng.integers(2, side, size=2))
    rows, columns = np.arange(top, top + height), np.arange(left, left + width)
    return sequence.open[(rows[:, None] * side + columns).reshape(-1)]


def answer(rng, places):
    """By lot, or as decoding goes: blocks in their order, all that follow hidden."""
    if rng.random() < 0.4:
        return by_lot(rng, places, mask_share(rng.random()))
    first = BLOCK * int(rng.integers(len(places) // BLOCK))
    return np.concatenate((by_lot(rng, places[first:first + BLOCK], rng.random()), places[first + BLOCK:]))


def begin(rng, tokens: Tokens) -> State:
    """The first state of an example."""
    sequence = drop(rng, tokens)
    places = sequence.open
    told = tokens.told if sequence is tokens.full else None
    if tokens.task == "understand":
        return State(tokens.task, sequence, answer(rng, places), [0])
    share = rng.random()
    if share < BY_LOT:
        return State(tokens.task, sequence, by_lot(rng, places, mask_share(rng.random())), [0], told)
    side = math.isqrt(len(places))
    if share < BY_LOT + HOLES and tokens.task == "generate" and side * side == len(places):
        places = hole(rng, sequence, side)
    sizes = path(rng, places)
    return State(tokens.task, sequence, rng.permutation(places)[:sizes[0]], sizes, told)
