"""Writes scenes.jsonl: scenes of both worlds and the hashes of the pictures and maps that tools/miniature draws of them.

    python3 test/scenes/make.py        (numpy; test/quality-world.test.ts compares bench/quality/world with it)
"""
import hashlib
import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

here = Path(__file__).resolve().parent
sys.path.insert(0, str(here.parents[1] / "tools"))
from miniature.world import maps, sample, tasks  # noqa: E402
from miniature.world.block import VIEWS, seen_from  # noqa: E402
from miniature.world.render import render  # noqa: E402
from miniature.world.worlds import FILLS, FIRST, FULL, PALETTES  # noqa: E402


def digest(picture):
    return hashlib.sha1(picture.tobytes()).hexdigest()[:12]


def scenes(rng):
    for i in range(6):
        yield FIRST, sample.scene(rng, FIRST)
        yield FULL, sample.things(rng, FULL, fill=FILLS[i % 4])
        yield FULL, replace(sample.things(rng, FULL), palette=PALETTES[1 + i % 3])
        yield FULL, sample.word(rng)
        yield FULL, sample.figure(rng)
        front = sample.block(rng)
        yield FULL, replace(front, block=seen_from(front.block, ("front", *VIEWS)[i % 4]))


with open(here / "scenes.jsonl", "w") as out:
    for world, scene in scenes(np.random.default_rng(8)):
        pictures = {"picture": render(scene, world)}
        pictures |= {kind: maps.draw_map(kind, scene, world) for kind in tasks.map_kinds(scene, world)}
        line = dict(scene=dict(scene.json(), cell=world.cell), sha1={name: digest(picture) for name, picture in pictures.items()})
        out.write(json.dumps(line, separators=(",", ":")) + "\n")
