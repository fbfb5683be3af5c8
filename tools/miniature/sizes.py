"""What is trained: dimensions, amounts, defaults. A size fixes everything but the seed."""
from dataclasses import dataclass, field

from .world.worlds import FIRST, FULL, World

IMAGE = dict(width=64, height=64, steps=24, guidance=0.5, guidance_floor=0.05, temperature=0.5)
EDIT = dict(steps=24, guidance_text=0.3, guidance_image=0.3, temperature=0.5, image_area=64)
TEXT = dict(length=32, block=8, steps=32, guidance=0.0, temperature=0.0, image_area=64)


@dataclass(frozen=True)
class Size:
    world: World
    # image tokenizer
    channels: tuple[int, ...]
    groups: int
    latent: int
    codes: int
    sampled: int  # examples of every task that the codebook is chosen from (where the world's things alone do not say it all)
    vq_steps: int
    vq_batch: int
    # language model
    width: int
    layers: int
    heads: int
    mlp: int
    merges: int
    examples: int  # kept in shards; 0: made when wanted
    lm_steps: int
    tokens: int  # of a step, padding included
    rate: float
    decay: float = 0.25  # share of the steps at the end in which the rate falls to 0
    words: float = 1.0  # what a word of an answer weighs in the loss, against a cell, an answer's end or its padding
    mixture: dict = field(default_factory=lambda: dict(generate=0.5, understand=0.25, edit=0.14, predict=0.02, control=0.06, subject=0.01,
                                                       style=0.01, view=0.01))
    defaults: dict = field(default_factory=lambda: dict(image=IMAGE, edit=EDIT, text=TEXT, judge=dict(by="redraw")))


SIZES = {
    # Everything once, on a CPU, in about a minute: a test.
    "smoke": Size(FIRST, (16, 32, 32, 32), 4, 16, 1792, 0, 40, 3, 64, 2, 2, 128, 200, 256, 40, 1024, 3e-3),
    # The world of 64x64 pixels: hours on two CPU cores, minutes on a GPU.
    "first": Size(FIRST, (16, 32, 64, 64), 8, 32, 1792, 0, 6000, 16, 192, 6, 6, 512, 240, 0, 20_000, 4096, 1.2e-3),
    # Every task, up to 256x256 pixels: for one data-centre GPU (README.md: time).
    "full": Size(FULL, (16, 32, 64, 96, 96), 8, 40, 4096, 1500, 4000, 64, 256, 7, 8, 704, 512, 400_000, 14_000, 65_536, 2e-3,
                 defaults=dict(image=dict(width=192, height=192, steps=32, guidance=1.0, temperature=0.5),
                               edit=dict(steps=32, guidance_text=1.5, guidance_image=1.5, temperature=0.5, image_area=192),
                               text=dict(TEXT, image_area=192))),
}
