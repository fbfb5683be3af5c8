"""A warm start: puts an earlier miniature's weights where `train.py` looks for its own, as if it had done no step.

    python3 -m miniature.warm --size first --source CHECKPOINT_FOLDER --folder DIR

The transformer and the text's rows are taken as they are, so dimensions and tokenizer must agree. A code's rows are the means of the rows of those
codes by which the earlier image tokenizer says the same cells; what its decoder reads is the mean of what the earlier decoder read there.
"""
import argparse
import json
import struct
from pathlib import Path

import numpy as np
import torch

from . import checkpoint, tokenizer, train_lm, train_vq
from .layout import Layout
from .sizes import SIZES
from .vq.codebook import cells_of
from .vq.model import VQ
from .world.tasks import TASKS

OWN = 0.3  # how much of what the parts do not explain stays in a code's own row


def read_safetensors(path: Path) -> dict:
    raw = path.read_bytes()
    (length,) = struct.unpack("<Q", raw[:8])
    header = json.loads(raw[8:8 + length])
    header.pop("__metadata__", None)
    found = {}
    for name, about in header.items():
        part = raw[8 + length:][slice(*about["data_offsets"])]
        bits = np.frombuffer(part, "<u2").astype(np.uint32) << 16 if about["dtype"] == "BF16" else np.frombuffer(part, "<u4")
        found[name] = torch.from_numpy(bits.view(np.float32).reshape(about["shape"]).copy())
    return found


@torch.no_grad()
def correspondence(vq: VQ, encode, world, seed: int, scenes: int = 1200):
    """(shares (codes, earlier codes), mean latents (codes, width)): how the earlier tokenizer sees each of our cells. Unseen cells: as their like."""
    rng = np.random.default_rng([seed, 5])
    earlier = len(vq.quantize.embedding.weight)
    share = torch.zeros(len(encode.cells), earlier)
    latent = torch.zeros(len(encode.cells), vq.config["vq_embed_dim"])
    for i in range(scenes):
        example = TASKS[list(TASKS)[i % len(TASKS)]](rng, world)
        for picture in (p for p in (*example.pictures, example.target) if p is not None):
            z = vq.latents(torch.from_numpy(picture).permute(2, 0, 1)[None].float() / 255)[0].flatten(0, 1)
            w = vq.quantize.embedding.weight
            old = (w.pow(2).sum(1) - 2 * z @ w.t()).argmin(-1)
            exact = np.array([one.tobytes() in encode.known for one in cells_of(picture, world.cell)])
            ours = torch.from_numpy(encode(picture).reshape(-1))[exact]
            share.index_put_((ours, old[exact]), torch.ones(len(ours)), accumulate=True)
            latent.index_add_(0, ours, z[exact])
    seen = share.sum(1)
    known = torch.nonzero(seen)[:, 0]
    table = torch.from_numpy(encode.table)
    for code in torch.nonzero(seen == 0)[:, 0]:
        like = known[(table[known] - table[code]).pow(2).sum(1).argmin()]
        share[code], latent[code] = share[like], latent[like]
    total = share.sum(1, keepdim=True)
    return share / total, latent / total


def fit_rows(rows, codes_rows, table):
    """Text rows, parts and own rows whose sums are nearest to the given rows."""
    gram = table.t() @ table + 0.3 * torch.eye(table.shape[1])
    parts = torch.linalg.solve(gram, table.t() @ codes_rows)
    return dict(text=rows, parts=parts, own=OWN * (codes_rows - table @ parts))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--size", choices=SIZES, default="first")
    parser.add_argument("--source", type=Path, required=True, help="a checkpoint in the Hugging Face layout")
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    size, folder = SIZES[asked.size], asked.folder
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.load(asked.source).save(folder)
    encode = train_vq.encoder_of(size, folder, asked.seed)
    layout = Layout(tokenizer.load(folder))

    vq = VQ(json.loads((asked.source / "vqvae/config.json").read_text())).eval()
    vq.load_state_dict(read_safetensors(asked.source / "vqvae/diffusion_pytorch_model.safetensors"))
    share, latent = correspondence(vq, encode, size.world, asked.seed)
    start = train_vq.Trainer(size, encode, asked.seed, "cpu")
    start.model.decoder.load_state_dict(vq.decoder.state_dict())
    with torch.no_grad():
        start.model.read[:len(latent)] = vq.post_quant_conv(latent.t()[None, :, :, None])[0, :, :, 0].t()
    save(folder / "vq.pt", start)

    weights = {k.removeprefix("model.transformer."): v for k, v in read_safetensors(asked.source / "model.safetensors").items()}
    model = train_lm.Trainer(size, layout, encode, [], asked.seed, "cpu")
    first = layout.tokenizer.first_code
    state = model.model.state_dict()
    for ours, theirs in (("wte", "wte"), ("head", "ff_out")):
        rows = weights.pop(f"{theirs}.weight")
        codes = torch.zeros(size.codes, size.width)
        codes[:len(share)] = share @ rows[first:first + share.shape[1]]
        table = getattr(model.model, ours).table
        state.update({f"{ours}.{name}": value for name, value in fit_rows(rows[:first], codes, table).items()})
    state.update(weights)
    model.model.load_state_dict(state)
    save(folder / "lm.pt", model)


def save(path: Path, trainer) -> None:
    """Step 0, the mean weights being the weights."""
    trainer.optimizer.mean = {k: v.clone() for k, v in trainer.model.state_dict().items()}
    checkpoint.write(path, dict(step=0, state=trainer.state(), curves=[], losses={}))


if __name__ == "__main__":
    main()
