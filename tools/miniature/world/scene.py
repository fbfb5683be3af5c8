"""One scene: everything that pictures, maps, captions, questions and edits are derived from. Plain values, equal when equal drawn."""
from dataclasses import asdict, dataclass, replace

from .worlds import FULL, World


@dataclass(frozen=True)
class Thing:
    """A flat shape; x, y: its centre in pixels, y downwards."""

    shape: str
    color: str
    size: str
    x: int
    y: int
    fill: str = "solid"

    @property
    def look(self):
        """What a caption can tell apart."""
        return self.fill, self.color, self.shape


@dataclass(frozen=True)
class Word:
    text: str
    color: str
    x: int  # left
    y: int  # top


@dataclass(frozen=True)
class Figure:
    """A stick figure; arms up, out or down, legs together or apart; left and right as in the picture."""

    color: str
    left: str
    right: str
    legs: str
    x: int
    y: int


@dataclass(frozen=True)
class Mark:
    shape: str
    color: str


@dataclass(frozen=True)
class Block:
    """A thing that looks different from every side: a square body with a mark on its left and one on its right."""

    body: str
    left: Mark
    right: Mark
    view: str
    x: int
    y: int


@dataclass(frozen=True)
class Scene:
    width: int
    height: int
    background: str
    objects: tuple[Thing, ...] = ()
    palette: str = "plain"
    word: Word | None = None
    figure: Figure | None = None
    block: Block | None = None

    def paint_of(self, thing: Thing, **changes) -> "Scene":
        """The scene with one of its things changed."""
        return replace(self, objects=tuple(replace(o, **changes) if o is thing else o for o in self.objects))

    def without(self, thing: Thing) -> "Scene":
        return replace(self, objects=tuple(o for o in self.objects if o is not thing))

    def json(self):
        return asdict(self)


def from_json(value) -> Scene:
    """The inverse of Scene.json; a missing field has its default."""
    value = dict(value, objects=tuple(Thing(**o) for o in value.get("objects", ())))
    for name, kind in (("word", Word), ("figure", Figure)):
        if value.get(name):
            value[name] = kind(**value[name])
    if value.get("block"):
        block = value["block"]
        value["block"] = Block(**{**block, "left": Mark(**block["left"]), "right": Mark(**block["right"])})
    return Scene(**value)


def fits(scene: Scene, world: World = FULL) -> bool:
    """Whether every thing lies inside the canvas, on the lattice of cells, in a block of cells of its own."""
    boxes = [(o.x, o.y, world.half[o.size]) for o in scene.objects]
    inside = all(h <= x <= scene.width - h and h <= y <= scene.height - h and (x - h) % world.cell == 0 and (y - h) % world.cell == 0
                 for x, y, h in boxes)
    return inside and all(apart(a, b) for i, a in enumerate(boxes) for b in boxes[:i])


def apart(a, b) -> bool:
    """Whether two blocks (x, y, half) share no cell."""
    return max(abs(a[0] - b[0]), abs(a[1] - b[1])) >= a[2] + b[2]
