"""An encoder that cannot leak: what it says of a cell depends on the pixels of that cell alone, exactly.

A trained encoder of this layout writes the whole picture into every cell, through 3x3 kernels and GroupNorm's statistics; a small language
model then has to learn that noise. This one is written down, not trained. It is linear: 2x2 pixels (then 2x2 of those, ...) become
signals, of which each level keeps the principal ones.

- 3x3 kernels have their centre alone, strided ones the four taps of their own block; residual branches are zero.
- The last GroupNorm sees every signal with its negative, so the mean is 0, and two constants +-LOUD a group, next to which the signals'
  share of the variance is below 1e-6: it multiplies by a constant.
- silu(s) - silu(-s) = s: with both signs at hand, the activation is undone.
"""
from dataclasses import dataclass

import numpy as np
import torch

from .model import VQ

LOUD = 4096.0
PIXEL = 3


def blocks(x):
    """(n, h, w, c) -> (n, h / 2, w / 2, 4 c): order row, column, channel."""
    n, h, w, c = x.shape
    return x.reshape(n, h // 2, 2, w // 2, 2, c).transpose(0, 1, 3, 2, 4, 5).reshape(n, h // 2, w // 2, 4 * c)


@dataclass
class Projection:
    """One matrix (signals out, 4 * signals in) a level."""

    levels: list[np.ndarray]

    def __call__(self, cells):
        """(n, cell, cell, 3) bytes -> (n, signals) float64."""
        x = cells.astype(np.float64) / 255 - 0.5
        for matrix in self.levels:
            x = blocks(x) @ matrix.T
        return x.reshape(len(x), -1)


def signals_of(c) -> int:
    """How many signals the last GroupNorm has room for: both signs of each beside two constants a group."""
    groups = c["norm_num_groups"]
    return groups * ((c["block_out_channels"][-1] // groups - 2) // 2)


def fit(cells, c) -> Projection:
    """Principal directions of the given cells, level by level; exact while there is room for all."""
    room = [*c["block_out_channels"][:-2], signals_of(c)]
    x, levels = cells.astype(np.float64) / 255 - 0.5, []
    for width in room:
        x = blocks(x)
        rows = x.reshape(-1, x.shape[-1])
        if rows.shape[1] <= width:
            levels.append(np.eye(rows.shape[1]))
        else:
            rows = rows - rows.mean(0)
            _, directions = np.linalg.eigh(rows.T @ rows)
            levels.append(directions.T[::-1][:width].copy())
        x = x @ levels[-1].T
    return Projection(levels)


def positions(c) -> tuple[list[int], list[int], list[int], list[int]]:
    """Channels of the last level: of the signals, of their negatives, of the two constants of every group."""
    width = c["block_out_channels"][-1] // c["norm_num_groups"]
    pairs = (width - 2) // 2
    starts = range(0, c["block_out_channels"][-1], width)
    plus = [start + 2 + 2 * i for start in starts for i in range(pairs)]
    return plus, [p + 1 for p in plus], list(starts), [start + 1 for start in starts]


@torch.no_grad()
def write(model: VQ, projection: Projection) -> None:
    """Puts the projection into the encoder's weights."""
    c = model.config
    assert c["block_out_channels"][-1] == c["block_out_channels"][-2], "the last two levels must be equally wide"
    for parameter in [*model.encoder.parameters(), *model.quant_conv.parameters()]:
        parameter.zero_()
    encoder = model.encoder
    for i in range(PIXEL):
        encoder.conv_in.weight[i, i, 1, 1] = 1
        encoder.conv_in.bias[i] = -0.5
    for level in encoder.down_blocks:
        for resnet in level.resnets:
            if resnet.conv_shortcut is not None:
                narrow = resnet.conv_shortcut.weight.shape[1]
                resnet.conv_shortcut.weight[:narrow, :, 0, 0] = torch.eye(narrow)
    plus, minus, high, low = positions(c)
    for i, matrix in enumerate(projection.levels):
        conv = encoder.down_blocks[i].downsamplers[0].conv
        signals = matrix.shape[1] // 4
        taps = torch.from_numpy(matrix).float().reshape(-1, 2, 2, signals).permute(0, 3, 1, 2)
        last = i == len(projection.levels) - 1
        conv.weight[plus if last else range(len(taps)), :signals, :2, :2] = taps
        if last:
            conv.weight[minus, :signals, :2, :2] = -taps
            conv.bias[high], conv.bias[low] = LOUD, -LOUD
    width = c["block_out_channels"][-1] // c["norm_num_groups"]
    encoder.conv_norm_out.weight[plus + minus] = LOUD * (2 / width) ** 0.5
    for k, (p, m) in enumerate(zip(plus, minus)):
        encoder.conv_out.weight[k, p, 1, 1], encoder.conv_out.weight[k, m, 1, 1] = 1, -1
        model.quant_conv.weight[k, k, 0, 0] = 1
