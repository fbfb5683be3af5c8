"""Batches: states of about the same length, drawn from a pool that examples enter one after another and leave at the end of their way."""
from dataclasses import dataclass

import numpy as np

from .layout import Layout
from .posterior import Posterior
from .states import State, begin

BUCKET = 16  # lengths are padded to multiples
POOL = 256  # states at hand
LEAST = 1e-6  # smaller probabilities are left out


@dataclass(frozen=True)
class Batch:
    ids: np.ndarray  # (b, t), masks and padding written in
    length: np.ndarray  # (b,)
    where: np.ndarray  # flat positions to predict
    sizes: np.ndarray  # (b,) how many of them in each row
    row: np.ndarray  # what stands there, or may stand there: numbers of predictions,
    token: np.ndarray  # tokens,
    share: np.ndarray  # and probabilities, which add up to 1 for each prediction

    @property
    def entropy(self) -> float:
        """What no model can know."""
        return float(-(self.share * np.log(self.share)).sum())


def targets(rng, state: State, posterior: Posterior | None, layout: Layout):
    """(rows, tokens, shares) of one state's predictions."""
    told = posterior and state.told
    if told:
        first = layout.tokenizer.first_code
        cells = np.searchsorted(state.sequence.open, state.hidden)
        belief = posterior(rng, *told, state.sequence.ids[state.sequence.open] - first, cells)
        if belief:
            row, value = np.nonzero(belief.share > LEAST)
            return row, belief.codes[value] + first, belief.share[row, value]
    return np.arange(len(state.hidden)), state.sequence.ids[state.hidden], np.ones(len(state.hidden))


def batch(rng, states: list[State], layout: Layout, posterior: Posterior | None = None) -> Batch:
    """Learns from what may stand there where that is known, else from what does."""
    length = -(-max(len(state.sequence.ids) for state in states) // BUCKET) * BUCKET
    ids = np.full((len(states), length), layout.padding)
    where, found, before = [], [], 0
    for row, state in enumerate(states):
        ids[row, :len(state.sequence.ids)] = state.sequence.ids
        ids[row, state.hidden] = layout.mask
        where.append(row * length + state.hidden)
        rows, tokens, shares = targets(rng, state, posterior, layout)
        found.append((rows + before, tokens, shares.astype(np.float32)))
        before += len(state.hidden)
    return Batch(ids, np.array([len(state.sequence.ids) for state in states]), np.concatenate(where),
                 np.array([len(state.hidden) for state in states]), *(np.concatenate(part) for part in zip(*found)))


class Sampler:
    """make: number -> Tokens. The same batches for the same seed, numbers of steps and sureness."""

    def __init__(self, make, layout: Layout, tokens: int, seed: int, posterior: Posterior | None = None):
        self.make, self.layout, self.tokens, self.seed, self.posterior = make, layout, tokens, seed, posterior
        self.pool: list[State] = []
        self.made = 0
        self.chosen: list[State] = []

    def __call__(self, step: int) -> Batch:
        """Takes the states out of the pool until `learn` gives them back."""
        rng = np.random.default_rng([self.seed, 2, step])
        while len(self.pool) < POOL:
            self.pool.append(begin(rng, self.make(self.made)))
            self.made += 1
        bucket = np.array([-(-len(state.sequence.ids) // BUCKET) for state in self.pool])
        length = rng.choice(bucket, p=bucket / bucket.sum())  # as often as there are tokens of it
        among = rng.permutation(np.flatnonzero(bucket == length))[:max(1, self.tokens // (length * BUCKET))]
        self.chosen = [self.pool[i] for i in among]
        taken = set(among.tolist())
        self.pool = [state for i, state in enumerate(self.pool) if i not in taken]
        return batch(rng, self.chosen, self.layout, self.posterior)

    def learn(self, step: int, sure, sizes) -> None:
        """sure: of the last batch's predictions, log probability of the likeliest token."""
        rng = np.random.default_rng([self.seed, 3, step])
        for state, part in zip(self.chosen, np.split(np.asarray(sure), np.cumsum(sizes)[:-1])):
            if state.advance(rng, part):
                self.pool.append(state)
        self.chosen = []

    def state(self):
        return dict(pool=self.pool, made=self.made)

    def load(self, state) -> None:
        self.pool, self.made = list(state["pool"]), state["made"]
