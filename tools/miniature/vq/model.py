"""VQModel with the layer names and maths of the released image tokenizer (diffusers), so that its state dict loads there and in our engine."""
import torch
import torch.nn.functional as F
from torch import nn


def config(channels, groups: int, latent: int, embedding: int, codes: int, layers: int = 1):
    levels = len(channels)
    return dict(_class_name="VQModel", _diffusers_version="0.34.0", act_fn="silu", block_out_channels=list(channels),
                down_block_types=["DownEncoderBlock2D"] * levels, up_block_types=["UpDecoderBlock2D"] * levels, force_upcast=True,
                in_channels=3, latent_channels=latent, layers_per_block=layers, lookup_from_codebook=True,
                mid_block_add_attention=False, norm_num_groups=groups, norm_type="group", num_vq_embeddings=codes, out_channels=3,
                sample_size=64, scaling_factor=0.18215, vq_embed_dim=embedding)


def cell_of(c) -> int:
    """Pixels of a side of a cell."""
    return 2 ** (len(c["block_out_channels"]) - 1)


class Resnet(nn.Module):
    def __init__(self, before: int, after: int, groups: int):
        super().__init__()
        self.norm1, self.conv1 = nn.GroupNorm(groups, before, eps=1e-6), nn.Conv2d(before, after, 3, padding=1)
        self.norm2, self.conv2 = nn.GroupNorm(groups, after, eps=1e-6), nn.Conv2d(after, after, 3, padding=1)
        self.conv_shortcut = nn.Conv2d(before, after, 1) if before != after else None

    def forward(self, x):
        h = self.conv2(F.silu(self.norm2(self.conv1(F.silu(self.norm1(x))))))
        return h + (self.conv_shortcut(x) if self.conv_shortcut is not None else x)


class Down(nn.Module):
    def __init__(self, channels: int):
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, stride=2)

    def forward(self, x):
        return self.conv(F.pad(x, (0, 1, 0, 1)))


class Up(nn.Module):
    def __init__(self, channels: int):
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x):
        return self.conv(F.interpolate(x, scale_factor=2.0, mode="nearest"))


class Level(nn.Module):
    """Residual blocks, then a change of resolution where there is one."""

    def __init__(self, before: int, after: int, layers: int, groups: int, change=None):
        super().__init__()
        self.resnets = nn.ModuleList(Resnet(before if i == 0 else after, after, groups) for i in range(layers))
        if change:
            setattr(self, {Down: "downsamplers", Up: "upsamplers"}[change], nn.ModuleList([change(after)]))

    def forward(self, x):
        for resnet in self.resnets:
            x = resnet(x)
        for change in getattr(self, "downsamplers", getattr(self, "upsamplers", ())):
            x = change(x)
        return x


class Middle(nn.Module):
    def __init__(self, channels: int, groups: int):
        super().__init__()
        self.resnets = nn.ModuleList(Resnet(channels, channels, groups) for _ in range(2))

    def forward(self, x):
        return self.resnets[1](self.resnets[0](x))


class Half(nn.Module):
    """Encoder or decoder: conv_in, levels (and the middle before or after them), norm, conv_out."""

    def __init__(self, c, encodes: bool):
        super().__init__()
        widths, groups = c["block_out_channels"], c["norm_num_groups"]
        widths = widths if encodes else widths[::-1]
        layers = c["layers_per_block"] + (0 if encodes else 1)
        change = Down if encodes else Up
        levels = nn.ModuleList(Level(widths[max(i - 1, 0)], width, layers, groups, change if i < len(widths) - 1 else None)
                               for i, width in enumerate(widths))
        self.conv_in = nn.Conv2d(3 if encodes else c["latent_channels"], widths[0], 3, padding=1)
        if encodes:
            self.down_blocks = levels
            self.mid_block = Middle(widths[-1], groups)
        else:
            self.mid_block = Middle(widths[0], groups)
            self.up_blocks = levels
        self.conv_norm_out = nn.GroupNorm(groups, widths[-1], eps=1e-6)
        self.conv_out = nn.Conv2d(widths[-1], c["latent_channels"] if encodes else 3, 3, padding=1)

    def forward(self, x):
        x = self.conv_in(x)
        if hasattr(self, "up_blocks"):
            x = self.mid_block(x)
        for level in getattr(self, "down_blocks", getattr(self, "up_blocks", ())):
            x = level(x)
        if hasattr(self, "down_blocks"):
            x = self.mid_block(x)
        return self.conv_out(F.silu(self.conv_norm_out(x)))


class Quantize(nn.Module):
    def __init__(self, codes: int, width: int):
        super().__init__()
        self.embedding = nn.Embedding(codes, width)


class VQ(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.config = c
        self.encoder, self.decoder = Half(c, encodes=True), Half(c, encodes=False)
        self.quant_conv = nn.Conv2d(c["latent_channels"], c["vq_embed_dim"], 1)
        self.post_quant_conv = nn.Conv2d(c["vq_embed_dim"], c["latent_channels"], 1)
        self.quantize = Quantize(c["num_vq_embeddings"], c["vq_embed_dim"])

    def latents(self, x):
        """(B, 3, H, W) in [0, 1] -> (B, H / cell, W / cell, embedding)."""
        return self.quant_conv(self.encoder(x)).permute(0, 2, 3, 1)

    def encode(self, x):
        """Nearest code of every cell."""
        z, w = self.latents(x), self.quantize.embedding.weight
        return (w.pow(2).sum(1) - 2 * z @ w.t()).argmin(-1)

    def decode(self, codes):
        """(B, rows, columns) -> (B, 3, H, W), not clipped."""
        return self.decoder(self.post_quant_conv(self.quantize.embedding(codes).permute(0, 3, 1, 2)))
