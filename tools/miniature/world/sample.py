"""Random scenes. Things lie on the lattice of cells in blocks of their own, so that shapes never touch."""
import numpy as np

from . import block as blocks
from . import figure as figures
from .font import HEIGHT, WIDTH
from .scene import Block, Figure, Mark, Scene, Thing, Word, apart
from .worlds import FULL, SIZES, WORDS, World, stands_out


WHITE = 0.5  # of flat things' backgrounds


def pick(rng, items):
    return items[int(rng.integers(len(items)))]


def other(rng, items, *taken):
    return pick(rng, [item for item in items if item not in taken])


def paint(rng, world: World, background: str) -> str:
    """A colour that stands out from the background."""
    return pick(rng, [color for color in world.colors if stands_out(color, background)])


def spot(rng, width: int, height: int, half_x: int, half_y: int, cell: int) -> tuple[int, int]:
    """A centre from which a block of 2 * half pixels lies inside the canvas on whole cells."""
    columns, rows = (width - 2 * half_x) // cell, (height - 2 * half_y) // cell
    return half_x + cell * int(rng.integers(columns + 1)), half_y + cell * int(rng.integers(rows + 1))


def place(rng, width: int, height: int, halves, cell: int, taken=()):
    """(x, y) for every half without a common cell, or None where it does not work out."""
    boxes = list(taken)
    for half in halves:
        for _ in range(40):
            x, y = spot(rng, width, height, half, half, cell)
            if all(apart((x, y, half), box) for box in boxes):
                boxes.append((x, y, half))
                break
        else:
            return None
    return [box[:2] for box in boxes[len(taken):]]


def look(rng, world: World, background: str, fill: str | None = None) -> dict:
    """A random fill, colour and shape; the colour is not the background's."""
    chosen = fill or (pick(rng, world.fills) if rng.random() < 0.4 else "solid")
    return dict(fill=chosen, color=paint(rng, world, background), shape=pick(rng, world.shapes))


def looks(rng, world: World, background: str, counts, fill: str | None = None) -> list[dict]:
    """One look for every thing; groups of the given counts look alike inside and differ from each other."""
    found: list[dict] = []
    while len(found) < len(counts):
        one = look(rng, world, background, fill)
        if one not in found:
            found.append(one)
    return [one for one, n in zip(found, counts) for _ in range(n)]


def split(rng, world: World) -> list[int]:
    """How many things of each group."""
    n = int(rng.choice(np.arange(1, world.most + 1), p=[0.25, 0.41, 0.19, 0.15] if world.most == 4 else [0.3, 0.3, 0.16, 0.14, 0.1]))
    if n == 1 or rng.random() < 0.35:
        return [n]
    if world.name == "full" and n > 2 and rng.random() < 0.6:
        first = int(rng.integers(1, n))
        return [first, n - first]
    return [1] * n


def things(rng, world: World = FULL, counts=None, canvas=None, background=None, fill=None) -> Scene:
    """Flat shapes only; `counts`: how many alike in each group."""
    while True:
        width, height = canvas or pick(rng, world.canvases)
        ground = background or (world.backgrounds[0] if rng.random() < WHITE else pick(rng, world.backgrounds[1:]))
        sizes_of = counts or split(rng, world)
        total = sum(sizes_of)
        one_size = total > 2 or len(sizes_of) == 1
        sizes = [pick(rng, SIZES) if total < 3 else "small"] * total if one_size else [pick(rng, SIZES) for _ in range(total)]
        at = place(rng, width, height, [world.half[size] for size in sizes], world.cell)
        if at is None:
            continue
        objects = [Thing(size=size, x=x, y=y, **one)
                   for one, size, (x, y) in zip(looks(rng, world, ground, sizes_of, fill), sizes, at)]
        scene = Scene(width, height, ground, tuple(objects))
        if not held_out(scene, world):
            return scene


def held_out(scene: Scene, world: World) -> bool:
    """Whether the scoreboard asks about this scene. Scenes with several things hardly ever come twice; of those with one in the first world
    an eleventh is kept from training."""
    if world.name != "first" or len(scene.objects) != 1:
        return False
    (thing,) = scene.objects
    place = thing.x // world.cell + 2 * (thing.y // world.cell)
    look = 3 * world.colors.index(thing.color) + 5 * world.shapes.index(thing.shape) + 7 * world.backgrounds.index(scene.background)
    return (place + look) % 11 == 0


def ground_and_canvas(rng, least_width: int, least_height: int):
    canvas = pick(rng, [c for c in FULL.canvases if c[0] >= least_width and c[1] >= least_height])
    return canvas, FULL.backgrounds[0] if rng.random() < 0.6 else pick(rng, FULL.backgrounds)


def word(rng, text: str | None = None) -> Scene:
    """A word alone, or with a small thing."""
    text = text or pick(rng, WORDS)
    dot = FULL.cell // 2
    wide, high = WIDTH * dot * len(text), HEIGHT * dot
    (width, height), ground = ground_and_canvas(rng, wide, high)
    cell = FULL.cell
    x, y = cell * int(rng.integers((width - wide) // cell + 1)), cell * int(rng.integers((height - high) // cell + 1))
    scene = Scene(width, height, ground, word=Word(text, paint(rng, FULL, ground), x, y))
    if rng.random() < 0.7:
        return scene
    letters = [(x + cell * (2 * i + 1), y + (cell * 3) // 2, cell * 3 // 2) for i in range(len(text))]
    at = place(rng, width, height, [FULL.half["small"]], cell, letters)
    if at is None:
        return scene
    thing = Thing(size="small", x=at[0][0], y=at[0][1], **look(rng, FULL, ground))
    return Scene(width, height, ground, (thing,), word=scene.word)


def figure(rng) -> Scene:
    (width, height), ground = ground_and_canvas(rng, 2 * figures.HALF_WIDTH, 2 * figures.HALF_HEIGHT)
    x, y = spot(rng, width, height, figures.HALF_WIDTH, figures.HALF_HEIGHT, FULL.cell)
    left = pick(rng, figures.ARMS)
    right = left if rng.random() < 0.4 else pick(rng, figures.ARMS)
    return Scene(width, height, ground,
                 figure=Figure(paint(rng, FULL, ground), left, right, pick(rng, tuple(figures.FEET)), x, y))


def block(rng) -> Scene:
    (width, height), ground = ground_and_canvas(rng, 2 * blocks.HALF, 2 * blocks.HALF)
    x, y = spot(rng, width, height, blocks.HALF, blocks.HALF, FULL.cell)
    body = paint(rng, FULL, ground)
    left, right = (Mark(pick(rng, FULL.shapes), other(rng, FULL.colors, body)) for _ in range(2))
    return Scene(width, height, ground, block=Block(body, left, right, "front", x, y))


def scene(rng, world: World = FULL, canvas=None) -> Scene:
    """Any scene of the world, in the mixture of the training data."""
    share = rng.random()
    if not world.all_tasks or canvas or share < 0.8:
        return things(rng, world, canvas=canvas)
    return word(rng) if share < 0.88 else figure(rng) if share < 0.94 else block(rng)
