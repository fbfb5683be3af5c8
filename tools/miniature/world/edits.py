"""Edits: an instruction and the scene after it. Whatever it does not name stays as it was, pixel for pixel."""
from dataclasses import replace

from .captions import article, noun, where
from .questions import FILL_WORDS
from .sample import look, other, pick, place
from .scene import Scene, Thing
from .worlds import WORDS, World, stands_out


def unique(scene: Scene) -> list[Thing]:
    """Things that their fill, colour and shape name."""
    seen = [t.look for t in scene.objects]
    return [t for t in scene.objects if seen.count(t.look) == 1]


def _color(rng, scene, world):
    if not unique(scene):
        return None
    thing = pick(rng, unique(scene))
    color = other(rng, [c for c in world.colors if stands_out(c, scene.background)], thing.color)
    return f"Change the {noun(thing)} to {color}.", scene.paint_of(thing, color=color)


def _remove(rng, scene, world):
    if not unique(scene) or len(scene.objects) < 2:
        return None
    thing = pick(rng, unique(scene))
    return f"Remove the {noun(thing)}.", scene.without(thing)


def _replace(rng, scene, world):
    if not unique(scene):
        return None
    thing = pick(rng, unique(scene))
    shape = other(rng, world.shapes, thing.shape)
    return f"Replace the {noun(thing)} with {article(shape)}.", scene.paint_of(thing, shape=shape)


def _background(rng, scene, world):
    used = {t.color for t in scene.objects} | {part.color for part in (scene.word, scene.figure) if part}
    used |= {scene.block.body} if scene.block else set()
    fitting = [b for b in world.backgrounds if b != scene.background and all(stands_out(color, b) for color in used)]
    background = pick(rng, fitting)
    return f"Make the background {background}.", replace(scene, background=background)


def _add(rng, scene, world):
    if not scene.objects or scene.word or len(scene.objects) >= world.most - 1:
        return None
    taken = [(t.x, t.y, world.half[t.size]) for t in scene.objects]
    at = place(rng, scene.width, scene.height, [world.half["small"]], world.cell, taken)
    one = look(rng, world, scene.background)
    if at is None or any(t.look == (one["fill"], one["color"], one["shape"]) for t in scene.objects):
        return None
    thing = Thing(size="small", x=at[0][0], y=at[0][1], **one)
    return f"Add {article(noun(thing))} {where(scene, thing)}.", replace(scene, objects=(*scene.objects, thing))


def _fill(rng, scene, world):
    if not unique(scene):
        return None
    thing = pick(rng, unique(scene))
    fill = other(rng, world.fills, thing.fill)
    words = f"Make the {noun(thing)} {FILL_WORDS[fill]}."
    return words, scene.paint_of(thing, fill=fill)


def _word(rng, scene, world):
    """Another word of the same length, so that it fits where the old one was."""
    if not scene.word:
        return None
    text = other(rng, [w for w in WORDS if len(w) == len(scene.word.text)], scene.word.text)
    return f"Change the word to {text}.", replace(scene, word=replace(scene.word, text=text))


KINDS = {"color": _color, "remove": _remove, "replace": _replace, "background": _background, "add": _add}
MORE_KINDS = {"fill": _fill, "word": _word}


def kinds(world: World):
    return {**KINDS, **MORE_KINDS} if world.all_tasks else KINDS


def edit(rng, scene: Scene, world: World, kind: str | None = None):
    """(instruction, scene after it), or None where the kind (drawn at random unless given) does not fit the scene."""
    known = kinds(world)
    return known[kind or pick(rng, tuple(known))](rng, scene, world)
