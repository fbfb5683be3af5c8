"""The codebook: cells that occur in the world. Where there is room for all of them it is exact; else the most different ones stand for their
likes (k-means). A plain cell is always one code.

A row has two halves. The first is what the encoder says of the cell; the nearest one wins. The second is what the decoder reads; it is
trained, and one last number makes all second halves equally long, so that they take no part in the comparison.
"""
from dataclasses import dataclass

import numpy as np

from ..world import maps
from ..world.render import render
from ..world.scene import Scene, Thing
from ..world.tasks import TASKS
from ..world.worlds import SIZES, World, stands_out
from .local import Projection


def cells_of(picture, cell: int):
    """(h, w, 3) -> (cells, cell, cell, 3) in row-major order."""
    h, w, _ = picture.shape
    return picture.reshape(h // cell, cell, w // cell, cell, 3).transpose(0, 2, 1, 3, 4).reshape(-1, cell, cell, 3)


def alone(world: World):
    """Every thing of the world by itself, and the maps of its outline."""
    for size in SIZES:
        side = 4 * world.half["large"]
        middle = side // 2 + (world.half[size] % world.cell)
        for shape in world.shapes:
            for fill in world.fills:
                for background in world.backgrounds:
                    for color in world.colors:
                        if stands_out(color, background):
                            yield render(Scene(side, side, background, (Thing(shape, color, size, middle, middle, fill),)), world)
                scene = Scene(side, side, "white", (Thing(shape, "red", size, middle, middle, fill),))
                for kind in maps.KINDS[:5] if world.all_tasks else ("canny", "depth"):
                    yield maps.draw_map(kind, scene, world)


def pictures(world: World, examples: int, seed: int):
    """Things alone, then what the tasks show: words, figures, blocks, palettes, several things at once."""
    yield from alone(world)
    if not world.all_tasks:
        return
    rng = np.random.default_rng(seed)
    for _ in range(examples):
        for make in TASKS.values():
            example = make(rng, world)
            yield from (p for p in (*example.pictures, example.target) if p is not None)


def distinct(world: World, examples: int = 0, seed: int = 0):
    """(cells (n, cell, cell, 3), how often each was seen), plain ones first, then by number."""
    seen: dict[bytes, int] = {}
    for picture in pictures(world, examples, seed):
        for one in cells_of(picture, world.cell):
            key = one.tobytes()
            seen[key] = seen.get(key, 0) + 1
    cells = np.stack([np.frombuffer(key, np.uint8) for key in seen]).reshape(-1, world.cell, world.cell, 3)
    counts = np.array(list(seen.values()))
    order = np.lexsort((-counts, ~is_plain(cells)))
    return cells[order], counts[order]


def is_plain(cells):
    return (cells == cells[:, :1, :1]).all((1, 2, 3))


def choose(cells, counts, signals, codes: int, seed: int = 0, rounds: int = 12):
    """Indices of the cells that stand for all: everything where it fits; else k-means on the signals, weighted by the root of the counts."""
    if len(cells) <= codes:
        return np.arange(len(cells))
    fixed = int(min(is_plain(cells).sum(), codes // 4))
    rng = np.random.default_rng(seed)
    weight = np.sqrt(counts[fixed:])
    x = signals[fixed:]
    centers = x[rng.choice(len(x), codes - fixed, replace=False, p=weight / weight.sum())]
    for _ in range(rounds):
        nearest = nearest_rows(x, centers)
        total = np.zeros(len(centers))
        np.add.at(total, nearest, weight)
        moved = np.zeros_like(centers)
        np.add.at(moved, nearest, x * weight[:, None])
        centers = np.where(total[:, None] > 0, moved / np.maximum(total, 1e-9)[:, None], centers)
    return np.concatenate((np.arange(fixed), fixed + np.unique(nearest_rows(centers, x))))


def nearest_rows(x, table, chunk: int = 4096):
    """Index of the nearest row of the table for every row of x; the first on ties."""
    norms = (table * table).sum(1)
    return np.concatenate([(norms - 2 * x[i:i + chunk] @ table.T).argmin(1) for i in range(0, len(x), chunk)])


REMEMBERED = 1 << 18  # cells


@dataclass
class Encoder:
    """Codes of pictures, as the model's encoder finds them, without running it: known cells are looked up, others compared."""

    projection: Projection
    cells: np.ndarray  # of the codes
    cell: int

    def __post_init__(self):
        self.table = self.projection(self.cells)
        self.known = {one.tobytes(): code for code, one in enumerate(self.cells)}

    def __call__(self, picture):
        """(h, w, 3) bytes -> (h / cell, w / cell) codes."""
        cells = cells_of(picture, self.cell)
        codes = [self.known.get(one.tobytes(), -1) for one in cells]
        new = [i for i, code in enumerate(codes) if code < 0]
        for i, code in zip(new, nearest_rows(self.projection(cells[new]), self.table) if new else ()):
            codes[i] = int(code)
            if len(self.known) < REMEMBERED:
                self.known[cells[i].tobytes()] = codes[i]
        return np.array(codes).reshape(picture.shape[0] // self.cell, picture.shape[1] // self.cell)
