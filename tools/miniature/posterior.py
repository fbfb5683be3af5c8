"""What the cells of a picture can be, given its caption and the cells that are known: Bayes' rule over the scenes of the first world.

The truth of one hidden cell says little: a thing could stand nearly anywhere. In this world its places can be counted, so a model may learn from
the whole distribution instead. Exact for one thing and for two; three and four by scenes drawn at random, with what is partly seen held fixed.
"""
from dataclasses import dataclass

import numpy as np

from .vq.codebook import Encoder
from .world.captions import BACKGROUND_SAID, LISTED, RELATED, SIZED, Said, groups, relation, where
from .world.render import render
from .world.sample import WHITE
from .world.scene import Scene, Thing, apart
from .world.worlds import SIZES, World, stands_out

DRAWS = 1200  # of scenes with more than two things
FEWEST = 40  # of them that must be possible
BLANK = -1  # the code of a cell that a thing does not reach


@dataclass(frozen=True)
class Belief:
    """For every cell asked for the probabilities (cells, values) of some codes (values); of all others it is 0."""

    codes: np.ndarray
    share: np.ndarray


@dataclass
class Part:
    """Places that a thing may have: their patterns (places, cells) of codes and their weights."""

    patterns: np.ndarray
    weights: np.ndarray


class Posterior:
    def __init__(self, world: World, encode: Encoder):
        """For worlds with one canvas and nothing but plain things."""
        self.world, self.encode = world, encode
        (self.width, self.height), = world.canvases
        self.columns = self.width // world.cell
        self.places = [(size, x, y) for size in SIZES for h in (world.half[size],)
                       for y in range(h, self.height - h + 1, world.cell) for x in range(h, self.width - h + 1, world.cell)]
        self.number = {place: i for i, place in enumerate(self.places)}
        self.large = np.array([size == "large" for size, _, _ in self.places])
        things = [Thing("circle", "red", size, x, y) for size, x, y in self.places]
        blank = Scene(self.width, self.height, "white")
        self.where = np.array([where(blank, thing) for thing in things])
        boxes = [(x, y, world.half[size]) for size, x, y in self.places]
        self.apart = np.array([[apart(a, b) for b in boxes] for a in boxes])
        self.relation = np.array([[relation([a], [b], world.cell) or "" for b in things] for a in things])
        alike = self.large[:, None] == self.large
        share = 0.5 / np.where(self.large, self.large.sum(), (~self.large).sum())  # of a place, both sizes as often
        then = share[:, None] * self.apart  # the second one goes where there is room for it
        free = {size: (self.apart & (self.large == size)).sum(1) for size in (False, True)}
        room = np.maximum(1, np.where(self.large, free[True][:, None], free[False][:, None]))
        self.single, self.alike = share, then * alike / room
        self.pair = (then / room + (then / room).T) / 4 / (2 * (LISTED + SIZED) + 2 * RELATED * (self.relation != ""))
        self.patterns: dict = {}
        self.plain = {b: int(encode(render(Scene(self.width, self.height, b), world))[0, 0]) for b in world.backgrounds}

    def pattern(self, background: str, color: str, shape: str):
        """(places, cells) of codes."""
        key = background, color, shape
        if key not in self.patterns:
            found = np.full((len(self.places), self.columns * self.height // self.world.cell), BLANK)
            for row, (size, x, y) in zip(found, self.places):
                half = self.world.half[size]
                scene = Scene(self.width, self.height, background, (Thing(shape, color, size, x, y),))
                block = np.s_[(y - half) // self.world.cell:(y + half) // self.world.cell, (x - half) // self.world.cell:(x + half) // self.world.cell]
                row.reshape(-1, self.columns)[block] = self.encode(render(scene, self.world))[block]
            self.patterns[key] = found
        return self.patterns[key]

    def __call__(self, rng, scene: Scene, said: Said, truth, hidden) -> Belief | None:
        """truth: (cells) codes; hidden: the cells asked for. None where too few scenes were found."""
        known = np.ones(len(truth), bool)
        known[hidden] = False
        found = []
        for background in self.backgrounds(scene, said, truth[known]):
            mass, parts = self.parts(rng, scene, said, truth, known, background)
            if mass > 0:
                prior = WHITE if background == "white" else (1 - WHITE) / (len(self.plain) - 1)
                said_so = BACKGROUND_SAID[background == "white"]
                found.append((mass * prior * (said_so if said.background else 1 - said_so), self.plain[background], parts))
        total = sum(mass for mass, _, _ in found)
        return self.added([(mass / total, plain, parts) for mass, plain, parts in found], hidden) if total > 0 else None

    def backgrounds(self, scene: Scene, said: Said, seen):
        if said.background or (seen == self.plain[scene.background]).any():
            return [scene.background]
        return [b for b in self.plain if all(stands_out(thing.color, b) for thing in scene.objects)]

    def added(self, found, hidden) -> Belief:
        """Things never share a cell, so what each of them makes likely adds up; the background has the rest."""
        codes = np.unique(np.concatenate([[plain for _, plain, _ in found],
                                          *(part.patterns[:, hidden].reshape(-1) for _, _, parts in found for part in parts)]))
        codes = codes[codes != BLANK]
        share = np.zeros((len(hidden), len(codes)))
        for mass, plain, parts in found:
            own = np.zeros_like(share)
            for part in parts:
                patterns = part.patterns[:, hidden]
                place, cell = np.nonzero(patterns != BLANK)
                slot = cell * len(codes) + np.searchsorted(codes, patterns[place, cell])
                own += np.bincount(slot, part.weights[place] / part.weights.sum(), own.size).reshape(own.shape)
            own[:, np.searchsorted(codes, plain)] += 1 - own.sum(1)
            share += mass * own
        return Belief(codes, share)

    def parts(self, rng, scene: Scene, said: Said, truth, known, background: str):
        """(how likely what is known is, a part for every thing)."""
        looks = [self.pattern(background, thing.color, thing.shape) for thing in scene.objects]
        shown = known & (truth != self.plain[background])
        fits = [((look[:, known] == truth[known]) | (look[:, known] == BLANK)).all(1) for look in looks]
        if len(looks) == 1:
            return self.one(said, looks[0], fits[0], shown, scene)
        if len(looks) == 2:
            return self.two(said, looks, fits, shown, scene)
        return self.many(rng, looks, fits, shown, scene)

    def one(self, said: Said, look, fits, shown, scene: Scene):
        weights = self.single * fits * (look[:, shown] != BLANK).all(1)
        if said.sized:
            weights = weights * (self.large == (scene.objects[0].size == "large"))
        if said.placed:
            weights = weights * (self.where == said.placed)
        return weights.sum(), [Part(look, weights)]

    def two(self, said: Said, looks, fits, shown, scene: Scene):
        if said.sized:
            fits = [fit & (self.large == (thing.size == "large")) for fit, thing in zip(fits, scene.objects)]
        at = [np.flatnonzero(fit) for fit in fits]
        weights = (self.alike if len(groups(scene)) == 1 else self.pair)[np.ix_(*at)]
        if said.relation:
            weights = weights * (self.relation[np.ix_(*at)] == said.relation)
        if shown.any():
            first, second = ((look[i][:, shown] == BLANK) for look, i in zip(looks, at))
            weights = weights * ~(first[:, None] & second).any(2)
        return weights.sum(), [Part(look[i], weights.sum(1 - axis)) for axis, (look, i) in enumerate(zip(looks, at))]

    def many(self, rng, looks, fits, shown, scene: Scene):
        """All of them small. Those of which something is seen stand where they do: one cell tells."""
        true = [self.number[thing.size, thing.x, thing.y] for thing in scene.objects]
        seen = [bool((look[i, shown] != BLANK).any()) for look, i in zip(looks, true)]
        fixed = [i for i, is_seen in zip(true, seen) if is_seen]
        if not all(fit[i] for fit, i, is_seen in zip(fits, true, seen) if is_seen):
            return 0.0, []  # another background would show
        parts = [Part(look[i:i + 1], np.ones(1)) for look, i, is_seen in zip(looks, true, seen) if is_seen]
        free = [(look, np.flatnonzero(fit & ~self.large & self.apart[:, fixed].all(1)))
                for look, fit, is_seen in zip(looks, fits, seen) if not is_seen]
        drawn = [at[rng.integers(len(at), size=DRAWS)] for _, at in free]
        fit = np.ones(DRAWS, bool)
        for i, a in enumerate(drawn):
            for b in drawn[:i]:
                fit &= self.apart[a, b]
        if free and fit.sum() < FEWEST:
            return 0.0, []
        parts += [Part(look[a[fit]], np.ones(fit.sum())) for (look, _), a in zip(free, drawn)]
        return fit.mean() * float(np.prod([len(at) for _, at in free])), parts
