"""What is hidden and what is learnt from: states hide what decoding has to find; beliefs are what counting scenes finds."""
import tempfile
import unittest
from dataclasses import replace
from pathlib import Path

import numpy as np

from .. import data, states, train_lm, train_vq
from ..layout import Layout
from ..posterior import Posterior
from ..sampler import Sampler, batch
from ..sizes import SIZES
from ..world import sample
from ..world.captions import say
from ..world.render import render

SIZE = SIZES["smoke"]
LOOKS = ("yellow", "circle"), ("orange", "star")  # seen on every background


class States(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.encode = train_vq.encoder_of(SIZE, Path(cls.folder.name), 1)
        cls.layout = Layout(train_lm.tokenizer_of(SIZE, Path(cls.folder.name), 1))
        cls.posterior = Posterior(SIZE.world, cls.encode)

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def test_states_hide_open_positions_only_and_ever_fewer(self):
        source, rng = data.Source(SIZE, self.layout, self.encode, 1, SIZE.mixture), np.random.default_rng(3)
        for number in range(60):
            state, before = states.begin(rng, source(number)), None
            while True:
                self.assertGreaterEqual(len(state.hidden), 1)
                self.assertTrue(set(state.hidden) <= (set(state.sequence.open) if before is None else before))
                before = set(state.hidden)
                if not state.advance(rng, rng.normal(size=len(state.hidden))):
                    break
        self.assertEqual([states.mask_share(0), round(states.mask_share(2 / 3), 9)], [1, 0.5])

    def test_what_is_shown_is_what_the_model_is_surest_of(self):
        sequence = data.Source(SIZE, self.layout, self.encode, 1, {"generate": 1.0})(0).full
        sure = np.where(np.arange(64) < 32, -0.01, -50.0)
        state = states.State("generate", sequence, sequence.open.copy(), [64, 32])
        state.advance(np.random.default_rng(1), sure)
        self.assertEqual(set(state.hidden), set(sequence.open[32:]))

    def test_a_batch_masks_what_is_hidden_and_learns_the_truth_of_it(self):
        source, rng = data.Source(SIZE, self.layout, self.encode, 1, {"edit": 1.0}), np.random.default_rng(3)
        some = [states.begin(rng, source(number)) for number in range(8)]
        made = batch(rng, some, self.layout, self.posterior)
        self.assertTrue((made.ids.reshape(-1)[made.where] == self.layout.mask).all())
        self.assertEqual((made.ids == self.layout.mask).sum(), len(made.where))
        np.testing.assert_array_equal(made.token, np.concatenate([one.sequence.ids[one.hidden] for one in some]))
        self.assertTrue((made.share == 1).all())

    def test_a_sampler_goes_on_where_it_was(self):
        def sampler():
            return Sampler(data.Source(SIZE, self.layout, self.encode, 1, {"generate": 1.0}), self.layout, 1024, 1, self.posterior)

        def steps(one, numbers):
            made = []
            for i in numbers:
                made.append(one(i))
                one.learn(i, -np.arange(len(made[-1].where)) / 64, made[-1].sizes)
            return made[-1]

        straight, cut, rest = sampler(), sampler(), sampler()
        steps(cut, range(3))
        rest.load(cut.state())
        a, b = steps(straight, range(5)), steps(rest, range(3, 5))
        for name in ("ids", "where", "row", "token", "share"):
            np.testing.assert_array_equal(getattr(a, name), getattr(b, name), name)

    def scenes(self, count: int, draws: int):
        """Of things that look as LOOKS, with what a caption says of each."""
        rng = np.random.default_rng(4)
        for _ in range(draws):
            scene = sample.things(rng, SIZE.world, [1] * count)
            things = [replace(thing, color=color, shape=shape) for thing, (color, shape) in zip(scene.objects, LOOKS)]
            scene = replace(scene, objects=tuple(things))
            yield scene, say(rng, scene, SIZE.world.cell)

    def codes(self, scene):
        return self.encode(render(scene, SIZE.world)).reshape(-1)

    def check(self, count: int, draws: int, alike, seen: int):
        """`alike`: of which captions; the first of them with `seen` plain cells shown, against all others that show the same there."""
        found = [(scene, said) for scene, said in self.scenes(count, draws) if alike(said)]
        (scene, said), truth = found[0], self.codes(found[0][0])
        plain = self.posterior.plain[scene.background]
        known = np.flatnonzero(truth == plain)[:seen]
        hidden = np.setdiff1d(np.arange(64), known)
        fit = [codes for codes in (self.codes(one) for one, other in found if other.words == said.words) if (codes[known] == truth[known]).all()]
        belief = self.posterior(np.random.default_rng(1), scene, said, truth, hidden)
        np.testing.assert_allclose(belief.share.sum(1), 1)
        counted = np.stack([(np.stack(fit)[:, hidden] == code).mean(0) for code in belief.codes], 1)
        self.assertGreater(len(fit), 60)
        allowed = 5 * np.sqrt(np.maximum(belief.share * (1 - belief.share), 0.002) / len(fit))
        self.assertTrue((np.abs(counted - belief.share) < allowed).all(), np.abs(counted - belief.share).max())

    def test_beliefs_are_what_counting_scenes_finds(self):
        for what, count, draws, alike, seen in (
            ("one", 1, 1500, lambda said: said.words == "a yellow circle on a gray background", 0),
            ("one, sized", 1, 3000, lambda said: said.words == "a small yellow circle", 0),
            ("two", 2, 3000, lambda said: said.words == "a yellow circle and an orange star", 0),
            ("two, related", 2, 3000, lambda said: said.words == "a yellow circle to the left of an orange star", 0),
            ("two, some seen", 2, 4000, lambda said: said.words == "a yellow circle and an orange star", 6),
        ):
            with self.subTest(what):
                self.check(count, draws, alike, seen)
