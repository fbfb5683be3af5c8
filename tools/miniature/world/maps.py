"""Maps of scenes, as pictures of the scene's size: what dense prediction gives and control takes.

Gray (three equal channels) but for normal, sam2mask and openpose. Only silhouettes matter, but for canny, which sees every edge.
"""
import numpy as np

from . import block as blocks
from . import figure as figures
from .render import compose, coverage, grid, silhouettes, to_bytes, word_mask
from .scene import Scene
from .shapes import distance
from .worlds import FULL, World

KINDS = ("canny", "hed", "depth", "normal", "sam2mask", "openpose")
FAR = 30  # the canvas's depth
WORD_DEPTH, OTHER_DEPTH = 120, 200
BEVEL = 8  # pixels inside the outline that slope
SEGMENTS = ((230, 60, 60), (60, 200, 80), (70, 110, 240), (240, 210, 60), (190, 80, 220))
BONES = {"spine": (255, 255, 255), "left arm": (255, 60, 60), "right arm": (60, 255, 60), "left leg": (60, 120, 255),
         "right leg": (255, 220, 40)}
FACE = (255, 0, 255)


def draw_map(kind: str, scene: Scene, world: World = FULL):
    """(height, width, 3) bytes."""
    return to_bytes(_MAPS[kind](scene, world))


def depth_of(radius: int, world: World) -> float:
    """Nearer is brighter, and larger things are nearer: 161 and 252 in both worlds."""
    return 161.0 if radius == world.radius["small"] else 252.0


def outlines(scene: Scene, world: World):
    """(silhouette distance, painted distance, depth) of everything with an outline, in the order of painting."""
    x, y = grid(scene)
    for thing, d, painted in silhouettes(scene, world):
        yield d, painted, depth_of(world.radius[thing.size], world)
    if scene.block:
        x0, y0 = x - scene.block.x, y - scene.block.y
        body = np.maximum(np.abs(x0), np.abs(y0)) - blocks.BODY
        yield body, body, OTHER_DEPTH
        for mark, at in blocks.marks(scene.block):
            d = distance(mark.shape, x0 - at, y0, blocks.MARK)
            yield d, d, 252.0
    if scene.figure:
        d = figures.distance(scene.figure, x - scene.figure.x, y - scene.figure.y)
        yield d, d, OTHER_DEPTH
    if scene.word:
        d = np.where(word_mask(scene, world), -4.0, 4.0)  # dots have no smooth outline
        yield d, d, WORD_DEPTH


def _canny(scene, world):
    """White lines two to three pixels wide along every edge; nearer things hide farther ones."""
    out = np.zeros((scene.height, scene.width))
    for _, painted, _ in outlines(scene, world):
        out = np.maximum(np.where(painted < -1, 0, out), 255 * np.clip(1.5 - np.abs(painted), 0, 1))
    return np.repeat(out[..., None], 3, 2)


def _hed(scene, world):
    """Soft lines along the silhouettes."""
    out = np.zeros((scene.height, scene.width))
    for d, _, _ in outlines(scene, world):
        out = np.maximum(np.where(d < -4, 0, out), 255 * np.clip(1 - np.abs(d) / 4, 0, 1))
    return np.repeat(out[..., None], 3, 2)


def _depth(scene, world):
    return compose(scene, (FAR,) * 3, ((coverage(d), (depth,) * 3) for d, _, depth in outlines(scene, world)))


def _normal(scene, world):
    """Flat things whose rims slope outwards: red to the right, green downwards, blue towards the eye."""
    out = compose(scene, (128, 128, 255), ())
    for d, _, _ in outlines(scene, world):
        slope_y, slope_x = np.gradient(d)
        length = np.hypot(slope_x, slope_y) + 1e-6
        tilted = np.stack((128 + 90 * slope_x / length, 128 + 90 * slope_y / length, np.full_like(d, 218)), -1)
        rim = np.where((d > -BEVEL)[..., None], tilted, np.array((128.0, 128.0, 255.0)))
        share = coverage(d)[..., None]
        out = out * (1 - share) + rim * share
    return out


def _segments(scene, world):
    """Every thing in a colour by its place in reading order; a word, figure or block is one thing."""
    x, y = grid(scene)
    found = [(thing.y, thing.x, d) for thing, d, _ in silhouettes(scene, world)]
    others = list(outlines(scene, world))[len(scene.objects):]
    if others:
        found.append((scene.height, 0, np.minimum.reduce([d for d, _, _ in others])))
    found.sort(key=lambda one: one[:2])
    return compose(scene, (0, 0, 0), ((coverage(d), SEGMENTS[i]) for i, (_, _, d) in enumerate(found)))


def _pose(scene, world):
    """The bones of the figure, each in its colour; black without one."""
    x, y = grid(scene)
    painted = []
    if scene.figure:
        x, y = x - scene.figure.x, y - scene.figure.y
        painted = [(coverage(figures.segment(x, y, *limb, 3)), BONES[name]) for name, limb in figures.limbs(scene.figure).items()]
        painted.append((coverage(np.hypot(x - figures.HEAD[0], y - figures.HEAD[1]) - 8), FACE))
    return compose(scene, (0, 0, 0), painted)


_MAPS = {"canny": _canny, "hed": _hed, "depth": _depth, "normal": _normal, "sam2mask": _segments, "openpose": _pose}
