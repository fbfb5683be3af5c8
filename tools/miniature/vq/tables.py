"""Codebooks inside a VQ model: writing both halves of the rows, reading them back as what the decoder trains."""
import numpy as np
import torch

from . import local
from .codebook import Encoder, choose, distinct
from .local import Projection
from .model import VQ


def build(world, c, examples: int, seed: int) -> Encoder:
    """The world's cells, their projection and the codes that stand for them."""
    cells, counts = distinct(world, examples, seed)
    projection = local.fit(cells, c)
    return Encoder(projection, cells[choose(cells, counts, projection(cells), c["num_vq_embeddings"], seed)], world.cell)


@torch.no_grad()
def write(model: VQ, encoder: Encoder, read: torch.Tensor) -> None:
    """Encoder weights and codebook rows (signals | what the decoder reads | balance). Rows without a cell are out of every cell's reach.

    `read`: (codes, width); stored at a length of at most 1, which post_quant_conv makes up for.
    """
    local.write(model, encoder.projection)
    rows, signals = model.quantize.embedding.weight, encoder.table.shape[1]
    used = len(encoder.cells)
    scale = read[:used].norm(dim=1).max().clamp_min(1e-6)
    half = read[:used] / scale
    rows.zero_()
    rows[:used, :signals] = torch.from_numpy(encoder.table).float()
    rows[:used, signals:-1] = half
    rows[:used, -1] = (1 - half.pow(2).sum(1)).clamp_min(0).sqrt()
    rows[used:, 0] = 1000 + torch.arange(len(rows) - used).float()
    weight = model.post_quant_conv.weight
    weight.zero_()
    latent = half.shape[1]
    weight[range(latent), range(signals, signals + latent), 0, 0] = scale
    model.post_quant_conv.bias.zero_()


def stored(cells: np.ndarray, projection: Projection) -> dict:
    return dict(cells=torch.from_numpy(cells), levels=[torch.from_numpy(m) for m in projection.levels])


def restored(saved: dict, cell: int) -> Encoder:
    return Encoder(Projection([m.numpy() for m in saved["levels"]]), saved["cells"].numpy(), cell)
