"""Held-out cases: reproducible, complete, and their demands are those of their scenes."""
import itertools
import unittest

from ..cases import cases, kinds
from ..world.captions import groups
from ..world.scene import from_json
from ..world.worlds import HELD_OUT_WORDS, WORDS, WORLDS


class Cases(unittest.TestCase):
    def test_every_kind_is_reproducible_and_true(self):
        for world in WORLDS.values():
            for task, names in kinds(world).items():
                for kind in names:
                    found = list(cases(world, task, kind, 4, 1))
                    self.assertEqual(found, list(cases(world, task, kind, 4, 1)))
                    self.assertNotEqual(found, list(cases(world, task, kind, 4, 2)))
                    for case in found:
                        self.check(case)

    def check(self, case):
        scene = from_json(case["scene"])
        self.assertEqual((scene.width, scene.height), (case["width"], case["height"]))
        if case["judge"] == "answer":
            self.assertTrue(case["answers"])
        if case["ask"]:
            self.assertEqual([g["count"] for g in case["ask"]["groups"]], [len(g) for g in groups(scene)])
            for group in case["ask"]["groups"]:
                if case["judge"] == "asked" and case["task"] == "generate":
                    self.assertIn(f"{group['color']} {group['shape']}", case["prompt"])
        if "region" in case:
            x, y = case["region"]["left"] + case["region"]["width"] // 2, case["region"]["top"] + case["region"]["height"] // 2
            self.assertIn((x, y), [(t.x, t.y) for t in scene.objects])

    def test_words_are_held_out(self):
        self.assertFalse(set(WORDS) & set(HELD_OUT_WORDS))
        world = WORLDS["full"]
        found = [case["scene"]["word"]["text"] for case in itertools.islice(cases(world, "generate", "word", 12, 1), 12)]
        self.assertLessEqual(set(found), set(HELD_OUT_WORDS))


if __name__ == "__main__":
    unittest.main()
