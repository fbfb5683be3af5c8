"""The two worlds that models are trained on: what can be drawn, how large, where.

`FIRST` is the world of the embedded model (64x64 pixels, image cells of 8), `FULL` the one of every task (up to 256x256, cells of 16).
Both share words, colours and formulas; whatever holds in FIRST holds in FULL with more to choose from.
"""
from dataclasses import dataclass

COLORS = {
    "red": (226, 30, 38), "green": (30, 160, 60), "blue": (30, 80, 230), "yellow": (250, 214, 40), "purple": (160, 50, 200),
    "orange": (250, 140, 20), "pink": (255, 130, 180), "brown": (120, 70, 30), "cyan": (40, 200, 220), "black": (20, 20, 20),
}
BACKGROUNDS = {
    "white": (250, 250, 250), "gray": (160, 160, 160), "black": (20, 20, 20), "beige": (235, 220, 180), "mint": (190, 235, 205),
    "navy": (25, 35, 95),
}
UNSEEN = {("black", "navy")}  # a colour that does not stand out from this background
SHAPES = ("circle", "square", "triangle", "star", "cross", "diamond", "heart", "moon", "arrow", "oval")
FILLS = ("solid", "outline", "stripes", "dots")
SIZES = ("small", "large")
PALETTES = ("plain", "pastel", "dusk", "negative")
WORDS = (
    "SUN", "SKY", "CAT", "DOG", "BOX", "CUP", "MAP", "KEY", "BEE", "FOX", "ICE", "JAM", "OWL", "PEN", "RED", "TOY", "VAN", "ZOO",
    "FISH", "MOON", "STAR", "TREE", "WIND", "BLUE", "LAKE", "QUIZ", "GOLD", "HAND", "JUMP", "ROCK",
)
HELD_OUT_WORDS = ("HAT", "MUG", "BIRD", "KING", "LEAF", "SNOW")


@dataclass(frozen=True)
class World:
    """Lengths in pixels. A thing of a size stays inside a square of 2 * half, which is made of whole image cells."""

    name: str
    cell: int
    canvases: tuple[tuple[int, int], ...]
    colors: tuple[str, ...]
    backgrounds: tuple[str, ...]
    shapes: tuple[str, ...]
    fills: tuple[str, ...]
    radius: dict[str, int]
    half: dict[str, int]
    most: int  # things in a scene
    all_tasks: bool  # words, figures, blocks, palettes and the tasks that need them


FIRST = World(
    "first", 8, ((64, 64),), ("red", "green", "blue", "yellow", "purple", "orange"), ("white", "gray", "black"), SHAPES[:6], ("solid",),
    {"small": 7, "large": 14}, {"small": 8, "large": 16}, 4, False)
FULL = World(
    "full", 16, ((128, 128), (192, 192), (256, 256), (256, 128), (128, 256), (192, 128), (128, 192), (256, 192), (192, 256)),
    tuple(COLORS), tuple(BACKGROUNDS), SHAPES, FILLS, {"small": 21, "large": 35}, {"small": 24, "large": 40}, 5, True)
WORLDS = {"first": FIRST, "full": FULL}


def stands_out(color: str, background: str) -> bool:
    return color != background and (color, background) not in UNSEEN
