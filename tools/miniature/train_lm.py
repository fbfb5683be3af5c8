"""The language model: masked tokens predicted from all others, every task in one mixture."""
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch

from . import checkpoint, data, factors, lm, tokenizer
from .layout import Layout
from .optimizer import Optimizer
from .sizes import Size
from .world import sample
from .world.captions import caption
from .world.edits import edit
from .world.questions import ask
from .world.tasks import MAP_NAMES, SYSTEM


def tokenizer_of(size: Size, folder: Path, seed: int) -> tokenizer.Tokenizer:
    """From its file, or trained now on sentences of the world."""
    if not (folder / "tokenizer.json").exists():
        rng = np.random.default_rng([seed, 4])
        texts = list(SYSTEM.values()) * 40 + [f"Generate a {name} according to the image." for name in MAP_NAMES.values()] * 40
        for _ in range(4000):
            scene = sample.scene(rng, size.world)
            texts += [caption(rng, scene, size.world.cell), *ask(rng, scene, size.world)]
            found = edit(rng, scene, size.world)
            texts += found[:1] if found else []
        tokenizer.train(texts, size.merges).save(folder)
    return tokenizer.load(folder)


class Trainer:
    def __init__(self, size: Size, layout: Layout, encode, examples: list, seed: int, device: str, every: int | None = None):
        torch.manual_seed(seed)
        self.size, self.layout, self.device = size, layout, device
        self.every = every or max(5, size.lm_steps // 40)
        first = layout.tokenizer.first_code
        self.config = lm.config(size, first, layout.tokenizer.special)
        self.parts = factors.parts(encode.cells, size.world)
        self.model = lm.LM(self.config, first, self.parts).to(device)
        self.optimizer = Optimizer(self.model, size.rate, size.lm_steps, size.decay, min(100, 1 + size.lm_steps // 10))
        held = max(len(size.mixture), min(256, len(examples) // 20))
        self.held, self.sampler = examples[:held], data.Sampler(examples[held:], layout, size.tokens, seed)
        self.loss = self.model.loss
        self.pool = ThreadPoolExecutor(2)
        if device.startswith("cuda") and hasattr(torch, "compile"):
            self.model.body = torch.compile(self.model.body, dynamic=False)

    def tensors(self, batch: data.Batch):
        return [torch.from_numpy(a).to(self.device) for a in (batch.ids, batch.length, batch.where, batch.truth)]

    def run(self, batch: data.Batch):
        """Sum of the losses of what is hidden."""
        with checkpoint.fast(self.device):
            return self.loss(*self.tensors(batch))

    def gradients(self, batch: data.Batch):
        loss = self.run(batch)
        return loss.item(), torch.autograd.grad(loss, list(self.model.parameters()))

    def step(self, i: int):
        """On a CPU as two halves side by side, which waits less than two threads in every kernel; always added in the same order."""
        batch = self.sampler(i)
        parts = [self.gradients(batch)] if self.device.startswith("cuda") else list(self.pool.map(self.gradients, data.halves(batch)))
        for p, *gradients in zip(self.model.parameters(), *(g for _, g in parts)):
            p.grad = sum(gradients[1:], gradients[0]) / len(batch.truth)
        self.optimizer.step(i)
        return dict(loss=sum(loss for loss, _ in parts) / len(batch.truth))

    @torch.no_grad()
    def evaluate(self, done: int):
        """Mean loss of every task on held-out examples under the mean weights; always the same masks."""
        if done % self.every and done != self.size.lm_steps:
            return None
        now = {k: v.clone() for k, v in self.model.state_dict().items()}
        self.model.load_state_dict(self.optimizer.mean)
        found = {}
        for task in self.size.mixture:
            members = [one for one in self.held if one.task == task]
            if members:
                longest = max(len(one.full.ids) for one in members)
                made = data.batch(np.random.default_rng(0), members, self.layout, longest)
                found[task] = self.run(made).item() / len(made.truth)
        self.model.load_state_dict(now)
        return found

    def state(self):
        return self.optimizer.state()

    def load(self, state) -> None:
        self.optimizer.load(state)


def load_examples(paths) -> list:
    return [one for path in paths for one in torch.load(path)]


def shards(folder: Path, size: Size, layout: Layout, encode, seed: int, processes: int, say=print):
    return data.prepare(folder / "shards", size, layout, encode, seed, processes, say)

