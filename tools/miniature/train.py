"""Trains a miniature from nothing and exports it. Run again with the same folder, it goes on where it was.

    python3 -m miniature.train --size smoke|first|full --folder DIR [--device cuda] [--seconds N] [--seed 1]

What an earlier run or `warm.py` left in the folder is used.
"""
import argparse
import os
import sys
from dataclasses import replace
from pathlib import Path

import torch

from . import checkpoint, data, export, factors, train_lm, train_vq
from .layout import Layout
from .sizes import SIZES


def options():
    parser = argparse.ArgumentParser(description="Train a miniature and export it to FOLDER/model.")
    parser.add_argument("--size", choices=SIZES, required=True)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=float("inf"), help="stop after about so long; run again to go on")
    parser.add_argument("--steps", type=int, help="of the language model, other than the size's")
    parser.add_argument("--vq-steps", type=int, help="of the image tokenizer")
    parser.add_argument("--examples", type=int, help="other than the size's")
    parser.add_argument("--tokens", type=int, help="of a step")
    parser.add_argument("--words", type=float, help="what a word of an answer weighs in the loss, against a cell or padding (default: the size's, 1)")
    parser.add_argument("--fused", action="store_true", help="the language model's blocks through a kernel for CPUs with bf16, built when wanted")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1, help="that make the examples")
    return parser.parse_args()


def main() -> int:
    """0 when all is done, 75 (try again) when there is more to do."""
    asked = options()
    folder, seed = asked.folder, asked.seed
    changed = dict(lm_steps=asked.steps, vq_steps=asked.vq_steps, examples=asked.examples, tokens=asked.tokens,
                   words=asked.words)
    size = replace(SIZES[asked.size], **{name: value for name, value in changed.items() if value is not None})
    folder.mkdir(parents=True, exist_ok=True)

    encode = train_vq.encoder_of(size, folder, seed)
    print(f"codebook: {len(encode.cells)} cells, {encode.table.shape[1]} signals", flush=True)
    layout = Layout(train_lm.tokenizer_of(size, folder, seed))
    paths = data.prepare(folder / "shards", size, layout, encode, seed, asked.processes) if size.examples else []

    vq = train_vq.Trainer(size, encode, seed, asked.device)
    if not checkpoint.run(vq, size.vq_steps, folder / "vq.pt", asked.seconds):
        return 75
    model = train_lm.Trainer(size, layout, encode, seed, asked.device, train_lm.load_examples(paths), fuse=asked.fused)
    if not checkpoint.run(model, size.lm_steps, folder / "lm.pt", asked.seconds):
        return 75
    export.export(folder / "model", size, layout.tokenizer, encode, export.trained(folder / "lm.pt"), export.trained(folder / "vq.pt"),
                  factors.parts(encode.cells, size.world))
    print(f"exported to {folder / 'model'}")
    return 0


if __name__ == "__main__":
    torch.set_num_threads(1)  # train_lm.py uses threads of its own
    sys.exit(main())
