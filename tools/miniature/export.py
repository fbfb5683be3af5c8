"""Writes the trained pair as a Hugging Face folder in the released model's layout, which `dimoo` loads and `dimoo convert` makes a file of."""
import json
import struct
from pathlib import Path

import numpy as np
import torch

from . import lm, train_vq
from .sizes import Size
from .tokenizer import Tokenizer


def bytes_of(tensor, dtype: str) -> bytes:
    """Little-endian; BF16 rounds half to even."""
    value = tensor.detach().float().contiguous().numpy()
    if dtype == "F32":
        return value.astype("<f4").tobytes()
    bits = value.view(np.uint32)
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype("<u2").tobytes()


def safetensors(path: Path, tensors: dict, dtype: str) -> None:
    header: dict = {"__metadata__": {"format": "pt"}}
    blobs, at = [], 0
    for name, tensor in tensors.items():
        blob = bytes_of(tensor, dtype)
        header[name] = dict(dtype=dtype, shape=list(tensor.shape), data_offsets=[at, at + len(blob)])
        blobs.append(blob)
        at += len(blob)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + b"".join(blobs))


def export(folder: Path, size: Size, tokenizer: Tokenizer, encode, lm_state: dict, vq_state: dict, parts) -> None:
    (folder / "vqvae").mkdir(parents=True, exist_ok=True)
    vq = train_vq.assembled(size, encode, vq_state["mean"])
    safetensors(folder / "model.safetensors", lm.released_names(lm_state["mean"], parts), "BF16")
    safetensors(folder / "vqvae" / "diffusion_pytorch_model.safetensors", vq.state_dict(), "F32")
    tokenizer.save(folder)
    files = {"config.json": lm.config(size, tokenizer.first_code, tokenizer.special), "vqvae/config.json": vq.config,
             "generation_config.json": dict(lumina_dimoo=size.defaults)}
    for name, value in files.items():
        (folder / name).write_text(json.dumps(value, indent=1) + "\n")


def trained(path: Path) -> dict:
    return torch.load(path, map_location="cpu")["state"]
