"""The world keeps its promises: what scenes say can be read from pixels. Every check here fails when a renderer or a sampler errs."""
import unittest
from dataclasses import replace

import numpy as np

from ..world import captions, edits, maps, questions, render, sample, scene, tasks
from ..world.block import VIEWS, seen_from
from ..world.scene import Scene, Thing, apart, from_json
from ..world.shapes import distance
from ..world.worlds import BACKGROUNDS, COLORS, FIRST, FULL, SHAPES, SIZES, WORLDS, stands_out


def scenes(world, n, seed=0, **options):
    rng = np.random.default_rng(seed)
    return [sample.things(rng, world, **options) for _ in range(n)]


def is_color(picture, color):
    return (picture == np.array(color)).all(-1)


class Pictures(unittest.TestCase):
    def test_two_renders_are_identical_and_two_seeds_are_not(self):
        for world in WORLDS.values():
            a, b, c = scenes(world, 12), scenes(world, 12), scenes(world, 12, seed=1)
            self.assertEqual(a, b)
            self.assertNotEqual(a, c)
            for one, two in zip(a, b):
                np.testing.assert_array_equal(render.render(one, world), render.render(two, world))

    def test_shapes_share_no_pixel_and_stay_inside(self):
        for world in WORLDS.values():
            for one in scenes(world, 60):
                self.assertTrue(scene.fits(one, world))
                for thing, d, _ in render.silhouettes(one, world):
                    x, y = render.grid(one)
                    half = world.half[thing.size]
                    outside = np.maximum(np.abs(x - thing.x), np.abs(y - thing.y)) > half
                    self.assertFalse((render.coverage(d)[outside] > 0).any(), thing)
                covered = sum(np.asarray(render.coverage(d) > 0, int) for _, d, _ in render.silhouettes(one, world))
                self.assertLessEqual(covered.max(), 1)

    def test_every_thing_covers_a_hundredth_of_the_picture(self):
        x, y = np.meshgrid(np.arange(-48, 48) + 0.5, np.arange(-48, 48) + 0.5)
        for world in WORLDS.values():
            largest = max(width * height for width, height in world.canvases)
            for shape in world.shapes:
                covered = render.coverage(distance(shape, x, y, world.radius["small"])).sum()
                self.assertGreaterEqual(covered / largest, 0.01, shape)

    def test_colours_are_what_is_said(self):
        for world in WORLDS.values():
            for one in scenes(world, 60, seed=2):
                picture = render.render(one, world)
                self.assertGreater(is_color(picture, BACKGROUNDS[one.background]).mean(), 0.25)
                for thing in one.objects:
                    self.assertGreater(is_color(picture, COLORS[thing.color]).sum(), 15, thing)
                    self.assertTrue(stands_out(thing.color, one.background))

    def test_fills_differ_from_each_other_in_pixels(self):
        for shape in SHAPES:
            for size in SIZES:
                drawn = [render.render(Scene(96, 96, "white", (Thing(shape, "blue", size, 48, 48, fill),))) for fill in FULL.fills]
                for i, a in enumerate(drawn):
                    for b in drawn[:i]:
                        self.assertGreater((a != b).any(-1).sum(), 40, (shape, size))
                outside = [(picture == 250).all(-1).sum() for picture in drawn]
                self.assertEqual(outside[0], min(outside))  # the solid one has no holes

    def test_words_are_dots_of_half_cells(self):
        rng = np.random.default_rng(3)
        for _ in range(20):
            one = sample.word(rng)
            dark = render.word_mask(one)
            cells = dark.reshape(one.height // 8, 8, one.width // 8, 8).mean((1, 3))
            self.assertTrue(set(np.unique(cells)) == {0.0, 1.0})
            picture = render.render(one)
            np.testing.assert_array_equal(is_color(picture, COLORS[one.word.color])[dark], True)
            self.assertEqual(cells.sum(), sum(rows.sum() for rows in map(_letter, one.word.text)))

    def test_palettes_can_be_undone(self):
        plain = scenes(FULL, 1, seed=4)[0]
        pictures = {palette: render.render(replace(plain, palette=palette)) for palette in ("plain", "pastel", "dusk", "negative")}
        np.testing.assert_array_equal(255 - pictures["negative"].astype(int), pictures["plain"])
        self.assertGreaterEqual(pictures["pastel"].min(), 127)
        self.assertLessEqual(pictures["dusk"][..., 1].max(), 128)


def _letter(letter):
    from ..world.font import LETTERS
    return LETTERS[letter]


class Maps(unittest.TestCase):
    def test_maps_agree_with_the_picture(self):
        for world in WORLDS.values():
            for one in scenes(world, 20, seed=5):
                changed = ~is_color(render.render(one, world), BACKGROUNDS[one.background])
                depth = maps.draw_map("depth", one, world)[..., 0]
                solid = replace(one, objects=tuple(replace(t, fill="solid") for t in one.objects))
                silhouette = ~is_color(render.render(solid, world), BACKGROUNDS[one.background])
                self.assertLess(((depth > maps.FAR) != silhouette).mean(), 0.01)
                self.assertEqual(set(depth[depth > 160]) <= set(range(161, 253)), True)
                segments = maps.draw_map("sam2mask", one, world)
                colors = [c for c in maps.SEGMENTS if is_color(segments, c).any()]
                self.assertEqual(len(colors), len(one.objects))
                canny = maps.draw_map("canny", one, world)[..., 0] > 127
                rim = np.zeros_like(changed)
                rim[:, 1:] |= changed[:, 1:] != changed[:, :-1]
                rim[1:] |= changed[1:] != changed[:-1]
                wide = np.pad(canny, 1)
                near = sum(wide[y:y + one.height, x:x + one.width].astype(int) for y in range(3) for x in range(3)) > 0
                self.assertGreater((near & rim).sum() / rim.sum(), 0.97)

    def test_normal_map_points_outwards(self):
        one = Scene(128, 128, "white", (Thing("circle", "red", "large", 72, 72),))
        normal = maps.draw_map("normal", one).astype(int)
        self.assertGreater(normal[72, 72 + 32][0], 200)
        self.assertLess(normal[72, 72 - 33][0], 60)
        self.assertGreater(normal[72 + 32, 72][1], 200)
        self.assertEqual(list(normal[72, 72]), [128, 128, 255])

    def test_pose_map_shows_the_arms(self):
        rng = np.random.default_rng(6)
        for _ in range(30):
            one = sample.figure(rng)
            bones = maps.draw_map("openpose", one)
            for side in ("left", "right"):
                rows = np.nonzero(is_color(bones, maps.BONES[f"{side} arm"]))[0] - one.figure.y
                found = "up" if rows.min() < -36 else "down" if rows.max() > 4 else "out"
                self.assertEqual(found, getattr(one.figure, side))


class Words(unittest.TestCase):
    def test_captions_name_what_is_there(self):
        for world in WORLDS.values():
            rng, related = np.random.default_rng(7), set()
            for one in scenes(world, 200, seed=7):
                words = captions.caption(rng, one, world.cell)
                for group in captions.groups(one):
                    thing = group[0]
                    name = captions.plural(thing.shape) if len(group) > 1 else thing.shape
                    self.assertIn(captions.ADJECTIVES[thing.fill] + f"{thing.color} {name}", words)
                    if len(group) > 1:
                        self.assertIn(captions.NUMBERS[len(group)], words)
                if "background" in words:
                    self.assertIn(one.background, words)
                for known in captions.RELATIONS:
                    if known in words:
                        self.check_relation(one, words, known)
                        related.add(known)
            self.assertEqual(related, set(captions.RELATIONS))
        self.assertEqual(captions.phrase([Thing("oval", "orange", "small", 0, 0)]), "an orange oval")

    def check_relation(self, one, words, known):
        sets = captions.groups(one)
        first = min(sets, key=lambda g: words.index(captions.phrase(g)))
        second = next(g for g in sets if g is not first)
        axis, sign = {"to the left of": ("x", -1), "to the right of": ("x", 1), "above": ("y", -1), "below": ("y", 1)}[known]
        for a in first:
            for b in second:
                self.assertGreater(sign * (getattr(a, axis) - getattr(b, axis)), 0, words)

    def test_answers_are_true_and_occur(self):
        for world in WORLDS.values():
            rng = np.random.default_rng(8)
            seen = set()
            for _ in range(400):
                one = sample.scene(rng, world)
                question, answer = questions.ask(rng, one, world)
                seen.add(question.split()[0] + question.split()[1])
                if question.startswith("How many objects"):
                    self.assertEqual(answer, captions.NUMBERS[len(one.objects)])
                if question.startswith("Is there"):
                    found = any(f" {questions.named(t)}?" in question for t in one.objects)
                    self.assertEqual(answer, "yes" if found else "no")
                if question.startswith("What color is the ") and "background" not in question:
                    shape = question[18:-1]
                    self.assertEqual({t.color for t in one.objects if t.shape == shape}, {answer})
            self.assertGreaterEqual(len(seen), 6)

    def test_edits_change_what_they_say_and_nothing_else(self):
        for world in WORLDS.values():
            rng = np.random.default_rng(9)
            done = dict.fromkeys(edits.kinds(world), 0)
            while min(done.values()) < 8:
                for kind in done:
                    before = sample.scene(rng, world)
                    found = edits.edit(rng, before, world, kind)
                    if not found:
                        continue
                    words, after = found
                    done[kind] += 1
                    a, b = render.render(before, world), render.render(after, world)
                    changed = (a != b).any(-1)
                    self.assertTrue(changed.any(), words)
                    if kind == "background":
                        self.assertIn(after.background, words)
                        continue
                    self.check_kept(before, after, changed, world)
                    if kind in ("color", "replace", "fill"):
                        self.assertEqual(*([(t.x, t.y, t.size) for t in one.objects] for one in (before, after)))

    def check_kept(self, before, after, changed, world):
        """Pixels change only inside the blocks of things that are not in both scenes."""
        x, y = render.grid(before)
        allowed = np.zeros_like(changed)
        for thing in set(before.objects) ^ set(after.objects):
            half = world.half[thing.size]
            allowed |= np.maximum(np.abs(x - thing.x), np.abs(y - thing.y)) <= half
        if before.word != after.word:
            allowed |= render.word_mask(before) | render.word_mask(after)
        self.assertFalse((changed & ~allowed).any())

    def test_scenes_survive_json(self):
        rng = np.random.default_rng(10)
        for make in (sample.things, sample.word, sample.figure, sample.block):
            one = make(rng)
            self.assertEqual(from_json(one.json()), one)


class Tasks(unittest.TestCase):
    def test_every_task_makes_examples(self):
        for world in WORLDS.values():
            for name, make in tasks.TASKS.items():
                rng = np.random.default_rng(11)
                for _ in range(12):
                    example = make(rng, world)
                    self.assertEqual(example.task, name)
                    self.assertEqual((example.target is None), (example.answer is not None))
                    self.assertEqual(example.task == "generate", not example.pictures and example.answer is None)

    def test_views_follow_from_the_front(self):
        rng = np.random.default_rng(12)
        for _ in range(10):
            front = sample.block(rng)
            drawn = {view: render.render(replace(front, block=seen_from(front.block, view))) for view in VIEWS}
            for side in ("left", "right"):
                color = COLORS[getattr(front.block, side).color]
                other = COLORS[front.block.right.color if side == "left" else front.block.left.color]
                self.assertTrue(is_color(drawn[side], color).any())
                if other not in (color, BACKGROUNDS[front.background], COLORS[front.block.body]):
                    self.assertFalse(is_color(drawn[side], other).any())

    def test_blocks_of_cells(self):
        self.assertTrue(apart((8, 8, 8), (24, 8, 8)))
        self.assertFalse(apart((8, 8, 8), (16, 8, 8)))
        self.assertFalse(scene.fits(Scene(64, 64, "white", (Thing("star", "red", "small", 9, 8),)), FIRST))


if __name__ == "__main__":
    unittest.main()
