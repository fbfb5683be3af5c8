"""Training at the smoke size: losses fall, a run that is cut off ends with the same weights as one that is not, the export is complete."""
import json
import os
import signal
import struct
import subprocess
import sys
import tempfile
import time
import unittest
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from shutil import which
from unittest import mock

import numpy as np
import torch

from .. import checkpoint, fused, train_lm, train_vq
from ..layout import Layout
from ..sizes import SIZES
from ..vq import tables
from ..vq.model import VQ
from ..world import sample
from ..world.render import render

SIZE = replace(SIZES["smoke"], examples=64, vq_steps=6, lm_steps=8, tokens=1024)


def make(folder: Path):
    """Everything before the first step, once for all tests."""
    return train_vq.encoder_of(SIZE, folder, 1), Layout(train_lm.tokenizer_of(SIZE, folder, 1))


class Parts(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.encode, cls.layout = make(Path(cls.folder.name))

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def test_plain_cells_have_one_code_each_and_cells_do_not_see_each_other(self):
        rng = np.random.default_rng(1)
        for _ in range(10):
            scene = sample.things(rng, SIZE.world)
            whole = self.encode(render(scene, SIZE.world))
            for thing in scene.objects:
                alone = self.encode(render(replace(scene, objects=(thing,)), SIZE.world))
                half, cell = SIZE.world.half[thing.size], SIZE.world.cell
                block = np.s_[(thing.y - half) // cell:(thing.y + half) // cell, (thing.x - half) // cell:(thing.x + half) // cell]
                np.testing.assert_array_equal(whole[block], alone[block])
            self.assertEqual(len(np.unique(self.encode(render(replace(scene, objects=()), SIZE.world)))), 1)

    def test_the_network_finds_the_codes_that_the_table_says(self):
        vq = VQ(train_vq.config_of(SIZE)).eval()
        tables.write(vq, self.encode, torch.randn(SIZE.codes, SIZE.latent))
        rng = np.random.default_rng(2)
        for _ in range(6):
            picture = render(sample.things(rng, SIZE.world), SIZE.world)
            with torch.no_grad():
                found = vq.encode(torch.from_numpy(picture).permute(2, 0, 1)[None].float() / 255)[0]
            np.testing.assert_array_equal(found.numpy(), self.encode(picture))

    def test_words_of_answers_weigh_more_and_nothing_else_does(self):
        plain = train_lm.Trainer(SIZE, self.layout, self.encode, 1, "cpu")
        heavy = train_lm.Trainer(replace(SIZE, words=6.0), self.layout, self.encode, 1, "cpu")
        made, pictures = plain.held["understand"], plain.held["edit"]
        self.assertIsNone(plain.weight(made))
        self.assertTrue((heavy.weight(pictures) == 1).all())
        weight, text = heavy.weight(made), [self.layout.tokenizer.special["<padding>"], self.layout.answer[1]]
        for token, found in zip(made.token, weight):
            self.assertEqual(found, 1 if token in text else 6)
        self.assertIn(1, weight)
        self.assertIn(6, weight)
        with torch.no_grad():
            whole, sure = plain.run(made, np.ones(len(weight), np.float32))
            parts = [plain.run(made, (weight == value).astype(np.float32))[0] for value in (1, 6)]
            torch.testing.assert_close(plain.run(made)[0], whole)
            torch.testing.assert_close(heavy.run(made, weight)[0], parts[0] + 6 * parts[1])

    @unittest.skipUnless(checkpoint.narrow("cpu") and which("g++"), "needs avx512_bf16 and g++")
    def test_fused_blocks_have_the_gradients_of_plain_ones(self):
        """As near to f32's as those of PyTorch's own products in bf16."""
        plain = train_lm.Trainer(SIZE, self.layout, self.encode, 1, "cpu")
        made = plain.held["edit"]
        with mock.patch.object(checkpoint, "fast", lambda device: nullcontext()):
            loss, _, exact = plain.gradients(made)
        _, _, near = plain.gradients(made)
        fused.use(plain.model)
        found, _, gradients = plain.gradients(made)
        self.assertLess(abs(found - loss) / loss, 1e-3)
        names = [name for name, _ in plain.model.named_parameters()]
        for name, truth, other, gradient in zip(names, exact, near, gradients):
            error, allowed = ((value - truth).norm() / truth.norm() for value in (gradient, other))
            self.assertLess(error, max(1.5 * allowed, 0.01), name)

    def test_a_run_that_is_cut_off_ends_as_one_that_is_not(self):
        def trainers():
            yield train_vq.Trainer(SIZE, self.encode, 1, "cpu", every=3), SIZE.vq_steps
            yield train_lm.Trainer(SIZE, self.layout, self.encode, 1, "cpu", every=4), SIZE.lm_steps

        with tempfile.TemporaryDirectory() as folder:
            for number, (whole, steps) in enumerate(trainers()):
                straight, cut = Path(folder) / f"straight{number}.pt", Path(folder) / f"cut{number}.pt"
                self.assertTrue(checkpoint.run(whole, steps, straight, say=lambda line: None))
                for pieces in range(steps):
                    trainer = list(trainers())[number][0]
                    if checkpoint.run(trainer, steps, cut, seconds=0, say=lambda line: None):
                        break
                self.assertEqual(pieces, steps - 1)
                a, b = torch.load(straight), torch.load(cut)
                self.assertEqual(a["curves"], b["curves"])
                for key in ("model", "mean"):
                    for name, value in a["state"][key].items():
                        self.assertTrue(torch.equal(value, b["state"][key][name]), name)


class Whole(unittest.TestCase):
    """The command itself, killed once. DIMOO_SMOKE keeps its folder, for the engine's test."""

    def test_losses_fall_and_the_export_is_complete(self):
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(os.environ.get("DIMOO_SMOKE", temporary))
            command = [sys.executable, "-m", "miniature.train", "--size", "smoke", "--folder", str(folder), "--processes", "1"]
            root = Path(__file__).resolve().parents[2]
            first = subprocess.Popen([*command, "--seconds", "3"], cwd=root, stdout=subprocess.DEVNULL)
            while first.poll() is None and not (folder / "vq.pt").exists():
                time.sleep(0.1)
            first.send_signal(signal.SIGKILL)
            first.wait()
            subprocess.run(command, cwd=root, check=True, stdout=subprocess.DEVNULL)

            curves = json.loads((folder / "lm.curves.json").read_text())
            self.assertLess(curves[-1]["generate"], 0.8 * curves[0]["generate"])
            self.assertGreater(json.loads((folder / "vq.curves.json").read_text())[-1]["psnr"], 10)
            for name in ("model.safetensors", "vqvae/diffusion_pytorch_model.safetensors"):
                raw = (folder / "model" / name).read_bytes()
                (length,) = struct.unpack("<Q", raw[:8])
                header = json.loads(raw[8:8 + length])
                self.assertEqual(max(t["data_offsets"][1] for n, t in header.items() if n != "__metadata__"), len(raw) - 8 - length)


if __name__ == "__main__":
    torch.set_num_threads(2)
    unittest.main()
