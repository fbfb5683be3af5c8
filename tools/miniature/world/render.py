"""Pictures of scenes. Layers of (coverage, colour) in the order of painting, anti-aliased over one pixel, in float64; rounded once."""
import numpy as np

from . import block as blocks
from . import figure as figures
from .font import dots
from .scene import Scene
from .shapes import area, distance
from .worlds import BACKGROUNDS, COLORS, FULL, World


def grid(scene: Scene):
    """x, y of the pixels' middles."""
    y, x = np.mgrid[0:scene.height, 0:scene.width]
    return x + 0.5, y + 0.5


def coverage(d):
    """Share of a pixel that lies inside, for a distance at its middle."""
    return np.clip(0.5 - d, 0, 1)


def silhouettes(scene: Scene, world: World = FULL):
    """(thing, silhouette distance, painted distance) of every flat shape."""
    x, y = grid(scene)
    for thing in scene.objects:
        at = (x - thing.x, y - thing.y, world.radius[thing.size])
        yield thing, distance(thing.shape, *at), area(thing.shape, thing.fill, *at)


def word_mask(scene: Scene, world: World = FULL):
    """Pixels of the word's dots, as booleans."""
    mask = np.zeros((scene.height, scene.width), bool)
    pattern = np.kron(dots(scene.word.text), np.ones((world.cell // 2, world.cell // 2), bool))
    mask[scene.word.y:scene.word.y + pattern.shape[0], scene.word.x:scene.word.x + pattern.shape[1]] = pattern
    return mask


def block_layers(block, x, y):
    x, y = x - block.x, y - block.y
    yield coverage(np.maximum(np.abs(x), np.abs(y)) - blocks.BODY), COLORS[block.body]
    for mark, at in blocks.marks(block):
        yield coverage(distance(mark.shape, x - at, y, blocks.MARK)), COLORS[mark.color]


def layers(scene: Scene, world: World = FULL):
    for thing, _, painted in silhouettes(scene, world):
        yield coverage(painted), COLORS[thing.color]
    x, y = grid(scene)
    if scene.block:
        yield from block_layers(scene.block, x, y)
    if scene.figure:
        yield coverage(figures.distance(scene.figure, x - scene.figure.x, y - scene.figure.y)), COLORS[scene.figure.color]
    if scene.word:
        yield word_mask(scene, world).astype(float), COLORS[scene.word.color]


def compose(scene: Scene, ground, painted):
    """Paints layers over a plain ground -> (height, width, channels) float64."""
    picture = np.empty((scene.height, scene.width, len(ground)))
    picture[:] = ground
    for share, color in painted:
        picture = picture * (1 - share[..., None]) + np.array(color, float) * share[..., None]
    return picture


def toned(picture, palette: str):
    """The palette of a style, channel by channel."""
    return {"plain": lambda v: v, "pastel": lambda v: (v + 255) / 2, "dusk": lambda v: v * np.array([0.55, 0.5, 0.75]),
            "negative": lambda v: 255 - v}[palette](picture)


def to_bytes(picture):
    """Rounded half up."""
    return np.floor(np.clip(picture, 0, 255) + 0.5).astype(np.uint8)


def render(scene: Scene, world: World = FULL):
    """(height, width, 3) bytes."""
    return to_bytes(toned(compose(scene, BACKGROUNDS[scene.background], layers(scene, world)), scene.palette))
