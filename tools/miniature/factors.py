"""What a code shows, as a sum of shared parts: ground, ink, both together, and where the ink is. A code's row in the embedding and in the head
is the sum of its parts' rows plus one of its own, so that a rare cell learns from all that resemble it. Summed up when exported."""
import numpy as np

from .world import maps
from .world.worlds import BACKGROUNDS, COLORS, World, stands_out


def pairs(world: World):
    """(ground, ink) colours that occur together; maps' too."""
    found = [(BACKGROUNDS[b], COLORS[c]) for b in world.backgrounds for c in world.colors if stands_out(c, b)]
    gray = [(0, 255), (maps.FAR, 161), (maps.FAR, 252)] + ([(maps.FAR, 120), (maps.FAR, 200)] if world.all_tasks else [])
    found += [((a,) * 3, (b,) * 3) for a, b in gray]
    if world.all_tasks:
        found += [((0, 0, 0), color) for color in (*maps.SEGMENTS, *maps.BONES.values(), maps.FACE)]
        found += [(COLORS[a], COLORS[b]) for a in world.colors for b in world.colors if a != b]  # marks on blocks
    return np.array(found, float)


def inked(cells, world: World):
    """Each cell as (number of its pair, share of ink in every pixel), by the pair that explains its pixels best."""
    pixels = cells.reshape(len(cells), -1, 3).astype(float)
    best = np.full(len(cells), np.inf)
    which, share = np.zeros(len(cells), int), np.zeros(pixels.shape[:2])
    for number, (ground, ink) in enumerate(pairs(world)):
        line = ink - ground
        a = np.clip((pixels - ground) @ line / (line @ line), 0, 1)
        error = ((pixels - ground - a[..., None] * line) ** 2).sum((1, 2))
        better = error < best - 1e-6
        best[better], which[better], share[better] = error[better], number, a[better]
    return which, share


def parts(cells, world: World):
    """(codes, parts) of zeros and ones."""
    which, share = inked(cells, world)
    colors = pairs(world)
    side = cells.shape[1]
    columns: dict = {}
    rows = []
    for cell, number, ink in zip(cells, which, share):
        ground, color = (tuple(c) for c in colors[number])
        grid = ink.reshape(side, side)
        coarse = grid.reshape(4, side // 4, 4, side // 4).mean((1, 3))
        keys = [("fine", np.round(grid * 2).astype(np.uint8).tobytes()), ("coarse", np.round(coarse * 2).astype(np.uint8).tobytes())]
        keys += [("ground", ground)] if ink.min() < 0.5 else []
        keys += [("ink", color)] if ink.max() > 0.1 else []
        keys += [("pair", int(number))] if len(keys) == 4 else []
        rows.append([columns.setdefault(key, len(columns)) for key in keys])
    table = np.zeros((len(cells), len(columns)), np.float32)
    for row, members in zip(table, rows):
        row[members] = 1
    return table
