"""Captions: the words of this world. Everything a caption says is true of its scene; what it does not name is plain."""
from dataclasses import dataclass, replace

from .scene import Figure, Scene, Thing

NUMBERS = ("none", "one", "two", "three", "four", "five")
RELATIONS = ("to the left of", "to the right of", "above", "below")
ADJECTIVES = {"solid": "", "outline": "outlined ", "stripes": "striped ", "dots": "dotted "}


def article(words: str) -> str:
    return ("an " if words[0] in "aeiou" else "a ") + words


def plural(shape: str) -> str:
    return shape + ("es" if shape == "cross" else "s")


def noun(thing: Thing, size: bool = False) -> str:
    return (f"{thing.size} " if size else "") + ADJECTIVES[thing.fill] + f"{thing.color} {thing.shape}"


def place(at: int, side: int, low: str, high: str) -> str:
    return low if at < 0.36 * side else high if at > 0.64 * side else ""


def where(scene: Scene, thing: Thing) -> str:
    """Where a thing is, by thirds of the canvas."""
    down, across = place(thing.y, scene.height, "top", "bottom"), place(thing.x, scene.width, "left", "right")
    if down and across:
        return f"in the {down} {across}"
    return f"at the {down}" if down else f"on the {across}" if across else "in the center"


def groups(scene: Scene) -> list[list[Thing]]:
    """Things that look alike, in the order of the scene."""
    found: dict = {}
    for thing in scene.objects:
        found.setdefault(thing.look, []).append(thing)
    return list(found.values())


def relation(a: list[Thing], b: list[Thing], least: float) -> str | None:
    """How group a lies to group b: by the clearer axis of the mean centres, and for every pair; None where neither is clear."""
    def mean(group, axis):
        return sum(getattr(t, axis) for t in group) / len(group)

    dx, dy = mean(a, "x") - mean(b, "x"), mean(a, "y") - mean(b, "y")
    axis, d, other = ("x", dx, dy) if abs(dx) > abs(dy) else ("y", dy, dx)
    if abs(d) <= 1.3 * abs(other) or abs(d) <= least:
        return None
    sign = 1 if d > 0 else -1
    if not all((getattr(one, axis) - getattr(two, axis)) * sign > 0 for one in a for two in b):
        return None
    return RELATIONS[(0 if axis == "x" else 2) + (sign > 0 if axis == "x" else sign > 0)]


def phrase(group: list[Thing], size: bool = False) -> str:
    """`a large red circle`, `three green stars`."""
    if len(group) == 1:
        return article(noun(group[0], size))
    return f"{NUMBERS[len(group)]} {ADJECTIVES[group[0].fill]}{group[0].color} {plural(group[0].shape)}"


def listed(phrases: list[str]) -> str:
    return phrases[0] if len(phrases) == 1 else ", ".join(phrases[:-1]) + " and " + phrases[-1]


def figure_phrase(figure: Figure) -> str:
    arms = f"both arms {figure.left}" if figure.left == figure.right else f"the left arm {figure.left} and the right arm {figure.right}"
    return f"{article(figure.color)} figure with {arms}" + (" and legs apart" if figure.legs == "apart" else "")


def block_phrase(block) -> str:
    left, right = (f"{m.color} {m.shape}" for m in (block.left, block.right))
    return f"{article(block.body)} block with {article(left)} on the left and {article(right)} on the right"


def on_background(words: str, background: str) -> str:
    return f"{words} on {article(background)} background"


def plain_caption(scene: Scene) -> str:
    """The shortest complete caption: what there is, and the background unless it is white."""
    parts = [f"the word {scene.word.text} in {scene.word.color}"] if scene.word else []
    parts += [figure_phrase(scene.figure)] if scene.figure else []
    parts += [block_phrase(scene.block)] if scene.block else []
    words = listed(parts + [phrase(group) for group in groups(scene)])
    return words if scene.background == "white" else on_background(words, scene.background)


@dataclass(frozen=True)
class Said:
    """A caption and what it tells beside looks and counts."""

    words: str
    sized: bool = False
    placed: str | None = None  # where the one thing is
    relation: str | None = None  # of the first group of the scene to the second
    background: bool = False


RELATED, LISTED, SIZED = 3, 2, 1.5  # how often two groups are captioned so, in either order
BACKGROUND_SAID = {True: 0.3, False: 0.9}  # how often the background is, where it is white and where it is not


def object_captions(scene: Scene, least: float):
    """Every wording for the things of a scene, without the background: (what is said, how often to say it)."""
    sets = groups(scene)
    if len(sets) == 1:
        (group,) = sets
        yield Said(phrase(group)), 4
        if len(group) == 1:
            for size in (False, True):
                at = where(scene, group[0])
                yield Said(phrase(group, size), size), 1
                yield Said(f"{phrase(group, size)} {at}", size, at), 1
        return
    if len(sets) == 2:
        known = relation(*sets, least)
        for a, b in (sets, sets[::-1]):
            if known:
                yield Said(f"{phrase(a)} {relation(a, b, least)} {phrase(b)}", relation=known), RELATED
            yield Said(f"{phrase(a)} and {phrase(b)}"), LISTED
            yield Said(listed([phrase(g, len(g) == 1) for g in (a, b)]), sized=True), SIZED
        return
    for turn in range(len(sets)):
        yield Said(listed([phrase(g) for g in sets[turn:] + sets[:turn]])), 1


def say(rng, scene: Scene, least: float) -> Said:
    """One of the true captions, drawn at random; `least`: pixels between centres that make a relation."""
    if not scene.objects or scene.word:
        return Said(plain_caption(scene))
    options = list(object_captions(scene, least))
    weights = [weight for _, weight in options]
    said = options[rng.choice(len(options), p=[w / sum(weights) for w in weights])][0]
    if rng.random() < BACKGROUND_SAID[scene.background == "white"]:
        return replace(said, words=on_background(said.words, scene.background), background=True)
    return said


def caption(rng, scene: Scene, least: float) -> str:
    return say(rng, scene, least).words
