"""Image tokenizer: builds the codebook, then trains what the decoder reads of every code and the decoder. Encoder and codes are final before
the first step, so the language model's data can be made at the same time."""
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from . import checkpoint
from .optimizer import Optimizer
from .sizes import Size
from .vq import tables
from .vq.model import VQ, config
from .world.tasks import TASKS


def config_of(size: Size) -> dict:
    signals = tables.local.signals_of(dict(block_out_channels=size.channels, norm_num_groups=size.groups))
    return config(size.channels, size.groups, size.latent, signals + size.latent + 1, size.codes)


def encoder_of(size: Size, folder: Path, seed: int):
    """The codebook, from its file or made now."""
    path = folder / "codebook.pt"
    if not path.exists():
        made = tables.build(size.world, config_of(size), size.sampled, seed)
        checkpoint.write(path, tables.stored(made.cells, made.projection))
    return tables.restored(torch.load(path), size.world.cell)


class Reader(torch.nn.Module):
    """What is trained: a vector a code, and the decoder."""

    def __init__(self, size: Size, signals):
        super().__init__()
        vq = VQ(config_of(size))
        self.decoder = vq.decoder
        start = torch.randn(size.codes, size.latent) * 0.1
        known = torch.from_numpy(signals).float()[:, :size.latent]
        start[:len(known), :known.shape[1]] += known / known.std()
        self.read = torch.nn.Parameter(start)

    def forward(self, codes):
        return self.decoder(F.embedding(codes, self.read).permute(0, 3, 1, 2))


def loss_of(drawn, truth):
    """Absolute and squared differences, edges counted more: they are few."""
    edge = (truth - F.avg_pool2d(truth, 5, 1, 2)).abs().mean(1, keepdim=True)
    difference = drawn - truth
    return ((difference.abs() + 2 * difference.pow(2)) * (1 + 8 * edge)).mean()


class Trainer:
    def __init__(self, size: Size, encode, seed: int, device: str, every: int | None = None):
        torch.manual_seed(seed)
        self.size, self.encode, self.seed, self.device = size, encode, seed, device
        self.every = every or max(5, size.vq_steps // 20)
        self.model = Reader(size, encode.table).to(device)
        self.optimizer = Optimizer(self.model, 2e-3, size.vq_steps, 0.5, min(100, 1 + size.vq_steps // 4), inner=lambda name: False)
        self.noise: list[float] = []

    def pictures(self, step: int):
        """Of one canvas size: what the tasks show and draw."""
        rng = np.random.default_rng([self.seed, 3, step])
        found: list = []
        shape = None
        while len(found) < self.size.vq_batch:
            example = TASKS[list(TASKS)[rng.integers(len(TASKS))]](rng, self.size.world)
            for picture in (*example.pictures, example.target):
                if picture is not None and picture.shape == (shape := shape or picture.shape):
                    found.append(picture)
        return found[:self.size.vq_batch]

    def step(self, i: int):
        pictures = self.pictures(i)
        codes = torch.from_numpy(np.stack([self.encode(p) for p in pictures])).to(self.device)
        truth = torch.from_numpy(np.stack(pictures)).to(self.device).permute(0, 3, 1, 2).float() / 255
        # On a CPU a norm of groups takes one type for all.
        with checkpoint.fast(self.device) if self.device.startswith("cuda") else nullcontext():
            drawn = self.model(codes).float()
        loss = loss_of(drawn, truth)
        self.model.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step(i)
        self.noise.append((drawn.detach() - truth).clamp(-1, 1).pow(2).mean().item())
        return dict(loss=loss.item())

    def evaluate(self, done: int):
        if done % self.every and done != self.size.vq_steps:
            return None
        noise, self.noise = self.noise, []
        return dict(psnr=-10 * np.log10(np.mean(noise)))

    def state(self):
        return dict(self.optimizer.state(), noise=self.noise)

    def load(self, state) -> None:
        self.noise = state["noise"]
        self.optimizer.load(state)


def assembled(size: Size, encode, mean) -> VQ:
    """The whole image tokenizer, from the trainer's mean weights."""
    vq = VQ(config_of(size))
    vq.decoder.load_state_dict({k.removeprefix("decoder."): v for k, v in mean.items() if k.startswith("decoder.")})
    tables.write(vq, encode, mean["read"].cpu())
    return vq
