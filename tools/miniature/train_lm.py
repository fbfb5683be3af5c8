"""The language model: masked tokens predicted from all others, every task in one mixture."""
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch

from . import checkpoint, data, factors, fused, lm, tokenizer
from .layout import Layout
from .optimizer import Optimizer
from .posterior import Posterior
from .sampler import Batch, Sampler, batch
from .sizes import Size
from .states import State, by_lot, mask_share
from .world import sample
from .world.captions import caption
from .world.edits import edit
from .world.questions import ask
from .world.tasks import MAP_NAMES, SYSTEM

HELD_OUT, HELD = 90_001, 32  # seed and number of the held-out examples of a task
EMPTY = 0.28  # of the schedule: the first part of it, in which nine tenths are hidden


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
    """Half of every step is text to image, which is hardest to learn, the other half the whole mixture."""

    def __init__(self, size: Size, layout: Layout, encode, seed: int, device: str, stored=(), every: int | None = None,
                 fuse: bool = False):
        """stored: examples of shards; without them all are made when wanted. fuse: blocks through `fused`, on a CPU."""
        torch.manual_seed(seed)
        self.size, self.layout, self.device = size, layout, device
        self.every = every or max(5, size.lm_steps // 80)
        first = layout.tokenizer.first_code
        self.config = lm.config(size, first, layout.tokenizer.special)
        self.model = lm.LM(self.config, first, factors.parts(encode.cells, size.world)).to(device)
        self.optimizer = Optimizer(self.model, size.rate, size.lm_steps, size.decay, min(100, 1 + size.lm_steps // 10))
        posterior = None if size.world.all_tasks else Posterior(size.world, encode)
        self.samplers = [Sampler(data.Source(size, layout, encode, seed + number, tasks, stored), layout, size.tokens // 2, seed + number,
                                 posterior) for number, tasks in enumerate(({"generate": 1.0}, size.mixture))]
        self.held = held_out(size, layout, encode, posterior)
        self.loss = self.model.loss
        self.pool = ThreadPoolExecutor(2)
        if device.startswith("cuda") and hasattr(torch, "compile"):
            self.model.body = torch.compile(self.model.body, dynamic=False)
        if fuse:
            fused.use(self.model)

    def run(self, made: Batch, weight=None):
        """(sum of the losses, log probability of the likeliest token) of what is hidden. weight: of each prediction (None: 1)."""
        arrays = made.ids, made.length, made.where, made.row, made.token, made.share, *(() if weight is None else (weight,))
        with checkpoint.fast(self.device):
            return self.loss(*(torch.from_numpy(a).to(self.device) for a in arrays))

    def weight(self, made: Batch):
        """Of each prediction in training: words of answers are few among cells and padding, so they may weigh more (`Size.words`)."""
        if self.size.words == 1:
            return None
        first, ends = self.layout.tokenizer.first_code, (self.layout.padding, self.layout.answer[1])
        weight = np.ones(len(made.where), np.float32)
        weight[made.row[(made.token < first) & ~np.isin(made.token, ends)]] = self.size.words
        return weight

    def gradients(self, made: Batch):
        loss, sure = self.run(made, self.weight(made))
        return loss.item(), sure.cpu().numpy(), torch.autograd.grad(loss, list(self.model.parameters()))

    def step(self, i: int):
        """On a CPU both halves side by side, which waits less than two threads in every kernel; always added in the same order."""
        made = [sampler(i) for sampler in self.samplers]
        found = list((map if self.device.startswith("cuda") else self.pool.map)(self.gradients, made))
        total = sum(len(half.where) for half in made)
        for p, *gradients in zip(self.model.parameters(), *(g for _, _, g in found)):
            p.grad = sum(gradients[1:], gradients[0]) / total
        self.optimizer.step(i)
        for sampler, half, (_, sure, _) in zip(self.samplers, made, found):
            sampler.learn(i, sure, half.sizes)
        return dict(loss=sum(loss - half.entropy for half, (loss, _, _) in zip(made, found)) / total)

    @torch.no_grad()
    def evaluate(self, done: int):
        """Mean loss of every task on held-out examples under the mean weights, always with the same cells hidden; of `generate` also with
        nearly all hidden and, beyond what nobody can know, with either."""
        if done % self.every and done != self.size.lm_steps:
            return None
        now = {k: v.clone() for k, v in self.model.state_dict().items()}
        self.model.load_state_dict(self.optimizer.mean)
        found = {name: (self.run(made)[0].item() - made.entropy) / len(made.where) for name, made in self.held.items()}
        self.model.load_state_dict(now)
        return found

    def state(self):
        return dict(self.optimizer.state(), samplers=[sampler.state() for sampler in self.samplers])

    def load(self, state) -> None:
        self.optimizer.load(state)
        for sampler, known in zip(self.samplers, state.get("samplers", ())):
            sampler.load(known)


def held_out(size: Size, layout: Layout, encode, posterior: Posterior | None) -> dict[str, Batch]:
    """A batch of every task, hidden by lot; of `generate` more: at least nine tenths hidden, and against what may stand there."""
    found = {}
    for task in size.mixture:
        source, rng = data.Source(size, layout, encode, HELD_OUT, {task: 1.0}), np.random.default_rng(HELD_OUT)
        examples = [source(number) for number in range(HELD)]
        for name, most in ((task, 1.0), *(((f"{task}, empty", EMPTY),) if task == "generate" else ())):
            states = [State(task, one.full, by_lot(rng, one.full.open, mask_share(rng.random() * most)), told=one.told) for one in examples]
            found[name] = batch(rng, states, layout)
            if posterior and task == "generate":
                found[f"{name}, beyond"] = batch(rng, states, layout, posterior)
    return found


def load_examples(paths) -> tuple:
    return tuple(one for path in paths for one in torch.load(path))
