"""Trains a miniature from nothing and exports it. Run again with the same folder, it goes on where it was.

    python3 -m miniature.train --size smoke|first|full --folder DIR [--device cuda] [--seconds N] [--seed 1]
"""
import argparse
import os
import sys
from pathlib import Path

import torch

from . import checkpoint, export, factors, train_lm, train_vq
from .layout import Layout
from .sizes import SIZES


def options():
    parser = argparse.ArgumentParser(description="Train a miniature and export it to FOLDER/model.")
    parser.add_argument("--size", choices=SIZES, required=True)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=float("inf"), help="stop after about so long; run again to go on")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1, help="that make the examples")
    return parser.parse_args()


def main() -> int:
    """0 when all is done, 75 (try again) when there is more to do."""
    asked = options()
    size, folder, seed = SIZES[asked.size], asked.folder, asked.seed
    folder.mkdir(parents=True, exist_ok=True)

    encode = train_vq.encoder_of(size, folder, seed)
    print(f"codebook: {len(encode.cells)} cells, {encode.table.shape[1]} signals", flush=True)
    layout = Layout(train_lm.tokenizer_of(size, folder, seed))
    paths = train_lm.shards(folder, size, layout, encode, seed, asked.processes)

    vq = train_vq.Trainer(size, encode, seed, asked.device)
    if not checkpoint.run(vq, size.vq_steps, folder / "vq.pt", asked.seconds):
        return 75
    model = train_lm.Trainer(size, layout, encode, train_lm.load_examples(paths), seed, asked.device)
    if not checkpoint.run(model, size.lm_steps, folder / "lm.pt", asked.seconds):
        return 75
    export.export(folder / "model", size, layout.tokenizer, encode, export.trained(folder / "lm.pt"), export.trained(folder / "vq.pt"),
                  factors.parts(encode.cells, size.world))
    print(f"exported to {folder / 'model'}")
    return 0


if __name__ == "__main__":
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", os.cpu_count() or 1)))
    sys.exit(main())
