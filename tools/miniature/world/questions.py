"""Questions about a scene with their one true answer. A question is only asked where one answer is true."""
import numpy as np

from .captions import NUMBERS, article, caption, plural, relation
from .sample import pick
from .scene import Scene
from .worlds import FILLS, World

FILL_WORDS = {"solid": "solid", "outline": "outlined", "stripes": "striped", "dots": "dotted"}


def named(thing) -> str:
    """A thing in questions: colour and shape alone."""
    return f"{thing.color} {thing.shape}"


def one_value(things, field: str) -> bool:
    return len({getattr(t, field) for t in things}) == 1


def _describe(rng, scene, world):
    return "Please describe this image.", caption(rng, scene, world.cell)


def _background(rng, scene, world):
    return "What color is the background?", scene.background


def _count(rng, scene, world):
    return ("How many objects are there?", NUMBERS[len(scene.objects)]) if scene.objects else None


def _count_of(rng, scene, world):
    color, shape = pick(rng, world.colors), pick(rng, world.shapes)
    if scene.objects and rng.random() < 0.8:
        thing = pick(rng, scene.objects)
        color, shape = thing.color, thing.shape
    found = sum(t.color == color and t.shape == shape for t in scene.objects)
    return f"How many {color} {plural(shape)} are there?", NUMBERS[found]


def _color(rng, scene, world):
    thing = pick(rng, scene.objects) if scene.objects else None
    if thing is None or not one_value([t for t in scene.objects if t.shape == thing.shape], "color"):
        return None
    return f"What color is the {thing.shape}?", thing.color


def _shape(rng, scene, world):
    thing = pick(rng, scene.objects) if scene.objects else None
    if thing is None or not one_value([t for t in scene.objects if t.color == thing.color], "shape"):
        return None
    return f"What shape is {thing.color}?", thing.shape


def _relation(rng, scene, world):
    """Of several things exactly one lies so to another one that is named."""
    names = [named(thing) for thing in scene.objects]
    found = []
    for b in (thing for thing, name in zip(scene.objects, names) if names.count(name) == 1):
        known = [(relation([a], [b], world.cell), a) for a in scene.objects if a is not b]
        said = [words for words, _ in known]
        found += [(words, a, b) for words, a in known if words and said.count(words) == 1]
    if not found:
        return None
    known, a, b = pick(rng, found)
    return f"What is {known} the {named(b)}?", article(named(a))


def _exists(rng, scene, world):
    color, shape = pick(rng, world.colors), pick(rng, world.shapes)
    if scene.objects and rng.random() < 0.5:
        thing = pick(rng, scene.objects)
        color, shape = thing.color, thing.shape
    yes = any(t.color == color and t.shape == shape for t in scene.objects)
    return f"Is there {article(f'{color} {shape}')}?", "yes" if yes else "no"


def _of_one(rng, scene, field: str):
    """A thing whose colour and shape name it, or others that are the same in this field."""
    thing = pick(rng, scene.objects) if scene.objects else None
    return thing if thing and one_value([t for t in scene.objects if named(t) == named(thing)], field) else None


def _fill(rng, scene, world):
    thing = _of_one(rng, scene, "fill")
    words = [FILL_WORDS[f] for f in FILLS]
    return (f"Is the {named(thing)} {', '.join(words[:-1])} or {words[-1]}?", FILL_WORDS[thing.fill]) if thing else None


def _size(rng, scene, world):
    thing = _of_one(rng, scene, "size")
    return (f"Is the {named(thing)} small or large?", thing.size) if thing else None


def _word(rng, scene, world):
    return ("What word is written?", scene.word.text) if scene.word else None


def _pose(rng, scene, world):
    side = pick(rng, ("left", "right"))
    return (f"Is the {side} arm up, out or down?", getattr(scene.figure, side)) if scene.figure else None


OFTEN = {"relation": 4, "describe": 3, "exists": 2}  # others once: what is hard to learn, or hardly ever fits
KINDS = {"describe": _describe, "background": _background, "count": _count, "color": _color, "shape": _shape, "relation": _relation,
         "exists": _exists}
MORE_KINDS = {"countof": _count_of, "fill": _fill, "size": _size, "word": _word, "pose": _pose}


def kinds(world: World):
    return {**KINDS, **MORE_KINDS} if world.all_tasks else KINDS


def ask(rng, scene: Scene, world: World, kind: str | None = None):
    """(question, answer); of the given kind, or of any that fits. None where that kind does not fit."""
    known = kinds(world)
    if kind:
        return known[kind](rng, scene, world)
    often = [OFTEN.get(name, 1) for name in known]
    while True:
        found = known[rng.choice(list(known), p=np.array(often) / sum(often))](rng, scene, world)
        if found:
            return found
