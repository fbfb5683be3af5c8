"""Held-out cases for a scoreboard: JSON lines, one file a task and kind, each with its scene as the truth. README.md tells the fields.

    python3 -m miniature.cases --folder DIR [--cases 100] [--seed 5001] [--world full|first]

Drawn from streams of random numbers that training does not use. The words to write are from a list that training never sees; a scene of one
thing may by chance have been trained on.
"""
import argparse
import json
from dataclasses import replace
from pathlib import Path

import numpy as np

from .world import block as blocks
from .world import maps, sample
from .world.captions import caption, groups, on_background, phrase, plain_caption, relation, where
from .world.edits import edit
from .world.edits import kinds as edit_kinds
from .world.questions import ask as question_of
from .world.questions import kinds as question_kinds
from .world.scene import Scene
from .world.tasks import MAP_NAMES, SYSTEM, styled, subject_words
from .world.worlds import FILLS, HELD_OUT_WORDS, PALETTES, WORLDS, World, stands_out


def asked(scene: Scene, known: str | None = None, sized: bool = False, placed: bool = False) -> dict:
    """What a caption demands; null: anything will do."""
    sets = [dict(count=len(g), shape=g[0].shape, color=g[0].color, fill=g[0].fill, size=g[0].size if sized else None,
                 where=where(scene, g[0]) if placed and len(g) == 1 else None) for g in groups(scene)]
    rest = scene.json()
    return dict(background=scene.background, palette=scene.palette, groups=sets, relation=known, word=rest["word"], figure=rest["figure"])


def with_ground(words: str, scene: Scene) -> str:
    return words if scene.background == "white" else on_background(words, scene.background)


def free(prompt: str, scene: Scene, **demands) -> dict:
    return dict(prompt=prompt, scene=scene, ask=asked(scene, **demands), judge="asked")


def placed(prompt: str, scene: Scene, **inputs) -> dict:
    return dict(prompt=prompt, scene=scene, ask=asked(scene), judge="placed", **inputs)


class Maker:
    """One method a task: a case of this kind, or None where the drawn scene does not fit."""

    def __init__(self, rng, world: World):
        self.rng, self.world = rng, world

    def things(self, counts=None, **options):
        return sample.things(self.rng, self.world, counts=counts, **options)

    def generate(self, kind: str):
        rng, world = self.rng, self.world
        if kind == "word":
            scene = sample.word(rng, sample.pick(rng, HELD_OUT_WORDS))
            return free(plain_caption(scene), scene)
        if kind in ("single", "colors"):
            scene = self.things([1], fill="solid" if kind == "colors" else None, background="white" if kind == "colors" else None)
            return free(with_ground(phrase(groups(scene)[0]), scene), scene)
        if kind == "counting":
            scene = self.things([int(rng.integers(2, world.most + 1))], fill="solid")
            return free(with_ground(phrase(groups(scene)[0]), scene), scene)
        plain = "solid" if kind in ("two", "position") else None
        many = kind == "position" and world.all_tasks and rng.random() < 0.3
        scene = self.things([int(rng.integers(2, 4)), 1] if many else [1, 1], fill=plain)
        a, b = groups(scene)
        if kind == "position":
            known = relation(a, b, world.cell)
            return known and free(with_ground(f"{phrase(a)} {known} {phrase(b)}", scene), scene, known=known)
        different = a[0].color != b[0].color and a[0].shape != b[0].shape
        if kind == "binding" and not (different and (a[0].fill != b[0].fill or not world.all_tasks)):
            return None
        return free(with_ground(f"{phrase(a)} and {phrase(b)}", scene), scene)

    def edit(self, kind: str):
        before = sample.scene(self.rng, self.world)
        found = edit(self.rng, before, self.world, kind)
        return found and placed(found[0], found[1], image=before)

    def region(self, thing) -> dict:
        half = self.world.half[thing.size]
        return dict(left=thing.x - half, top=thing.y - half, width=2 * half, height=2 * half)

    def inpaint(self, kind: str):
        scene = self.things([1, 1])
        return placed(plain_caption(scene), scene, image=scene, region=self.region(scene.objects[0]))

    def outpaint(self, kind: str):
        """The second thing lies on a side that is cut off; the first one's side is given."""
        scene = self.things([1, 1])
        kept, missing = scene.objects
        border = kept.x + self.world.half[kept.size]
        if border > missing.x - self.world.half[missing.size] or border % 16:
            return None
        case = free(plain_caption(scene), scene)
        return dict(case, image=scene, extend=dict(right=scene.width - border))

    def mapped(self, kind: str) -> Scene:
        return sample.figure(self.rng) if kind == "openpose" else self.things()

    def predict(self, kind: str):
        scene = self.mapped(kind)
        return dict(prompt=f"Generate a {MAP_NAMES[kind]} according to the image.", scene=scene, ask=None, judge="map", image=scene, map=kind)

    def control(self, kind: str):
        scene = self.mapped(kind)
        return placed(plain_caption(scene), scene, image=scene, map=kind)

    def subject(self, kind: str):
        rng, world = self.rng, self.world
        scene = self.things([1, 1] if kind == "relation" else [1], background="white" if kind == "place" else None)
        thing = scene.objects[0]
        if kind == "background" and scene.background == "white":
            return None
        grounds = [b for b in world.backgrounds if b != scene.background and stands_out(thing.color, b)]
        other = self.things([1], background=sample.pick(rng, grounds))
        given = replace(other, objects=(replace(other.objects[0], fill=thing.fill, color=thing.color, shape=thing.shape),))
        known = relation([thing], [scene.objects[1]], world.cell) if kind == "relation" else None
        if kind == "relation" and not known:
            return None
        words = {"place": f"this object {where(scene, thing)}", "background": on_background("this object", scene.background),
                 "relation": subject_words(rng, scene, world)}[kind]
        return dict(free(words, scene, known=known, placed=kind == "place"), image=given)

    def style(self, kind: str):
        fill = sample.pick(self.rng, FILLS) if kind == "texture" else None
        palette = sample.pick(self.rng, PALETTES[1:]) if kind == "palette" else "plain"
        content = self.things()
        reference = styled(self.things(canvas=(content.width, content.height)), palette, fill)
        return placed(SYSTEM["style"], styled(content, palette, fill), image=content, style=reference)

    def view(self, kind: str):
        front = sample.block(self.rng)
        seen = replace(front, block=blocks.seen_from(front.block, kind))
        return dict(placed(f"Generate the {kind} view based on the provided front view.", seen, image=front), view=kind)

    def ask(self, kind: str):
        rng, world = self.rng, self.world
        scene = {"word": sample.word, "pose": sample.figure}.get(kind, lambda rng: self.things())(rng)
        if kind == "relation" and len(scene.objects) < 3:
            return None  # of two things the answer would always be the other one
        found = question_of(rng, scene, world, kind)
        if not found:
            return None
        answers = sorted({caption(rng, scene, world.cell) for _ in range(400)}) if kind == "describe" else [found[1]]
        return dict(prompt=found[0], scene=scene, ask=None, judge="answer", image=scene, answers=answers)


def kinds(world: World) -> dict[str, tuple[str, ...]]:
    """Task -> kinds."""
    rich = world.all_tasks
    of_map = maps.KINDS if rich else ("canny", "depth")
    found = {"generate": ("single", "two", "counting", "colors", "position", "binding") + (("word",) if rich else ()),
             "edit": tuple(edit_kinds(world)), "inpaint": ("one",), "outpaint": ("one",), "predict": of_map, "control": of_map,
             "ask": tuple(question_kinds(world))}
    if rich:
        found |= {"subject": ("place", "background", "relation"), "style": ("palette", "texture"), "view": blocks.VIEWS}
    return found


# Names under which these were first drawn: the same cases for the same seed.
DRAWN_AS = {"generate": "text-to-image", "ask": "understand"}


def cases(world: World, task: str, kind: str, n: int, seed: int):
    """n cases, the same for the same seed, whatever other kinds are made."""
    rng = np.random.default_rng([seed, 7, *f"{DRAWN_AS.get(task, task)} {kind}".encode()])
    maker, number = Maker(rng, world), 0
    while number < n:
        case = getattr(maker, task)(kind)
        if not case:
            continue
        scene = case["scene"]
        yield {"id": f"{task}.{kind}.{number}", "task": task, "kind": kind, "width": scene.width, "height": scene.height,
               **{name: value.json() if isinstance(value, Scene) else value for name, value in case.items()}}
        number += 1


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--cases", type=int, default=100)
    parser.add_argument("--seed", type=int, default=5001)
    parser.add_argument("--world", choices=WORLDS, default="full")
    asked_for = parser.parse_args()
    asked_for.folder.mkdir(parents=True, exist_ok=True)
    world = WORLDS[asked_for.world]
    for task, names in kinds(world).items():
        for kind in names:
            lines = (json.dumps(case) for case in cases(world, task, kind, asked_for.cases, asked_for.seed))
            (asked_for.folder / f"{task}.{kind}.jsonl").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
