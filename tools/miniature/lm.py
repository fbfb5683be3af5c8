"""LLaDA's transformer in PyTorch: bidirectional, RMSNorm, rotary halves, SiLU-gated MLP, no biases, head not tied; the released names."""
import math

import torch
import torch.nn.functional as F
from torch import nn


def config(size, first_code: int, special: dict) -> dict:
    """config.json of the checkpoint."""
    rows = first_code + size.codes
    end = special["<|endoftext|>"]
    return dict(d_model=size.width, n_heads=size.heads, n_kv_heads=size.heads, n_layers=size.layers, mlp_hidden_size=size.mlp, mlp_ratio=4,
                activation_type="silu", block_type="llama", block_group_size=1, alibi=False, rope=True, rope_full_precision=True,
                rope_theta=10000.0, rms_norm_eps=1e-5, layer_norm_type="rms", layer_norm_with_affine=True, include_bias=False,
                include_qkv_bias=False, bias_for_layer_norm=False, attention_layer_norm=False, weight_tying=False, scale_logits=False,
                input_emb_norm=False, flash_attention=False, attention_dropout=0.0, residual_dropout=0.0, embedding_dropout=0.0,
                max_sequence_length=1024, vocab_size=rows, embedding_size=rows, mask_token_id=special["<|mdm_mask|>"], eos_token_id=end,
                pad_token_id=end, model_type="llada", architectures=["LLaDAForMultiModalGeneration"], init_device="cpu",
                torch_dtype="bfloat16", use_cache=False)


class Norm(nn.Module):
    def __init__(self, width: int, eps: float):
        super().__init__()
        self.weight, self.eps = nn.Parameter(torch.ones(width)), eps

    def forward(self, x):
        x = x.float()
        return self.weight * (x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.eps))


class Block(nn.Module):
    def __init__(self, c):
        super().__init__()
        width, mlp = c["d_model"], c["mlp_hidden_size"]
        self.heads = c["n_heads"]
        self.attn_norm, self.ff_norm = Norm(width, c["rms_norm_eps"]), Norm(width, c["rms_norm_eps"])
        for name, inputs, outputs in (("q_proj", width, width), ("k_proj", width, width), ("v_proj", width, width),
                                      ("attn_out", width, width), ("ff_proj", width, mlp), ("up_proj", width, mlp), ("ff_out", mlp, width)):
            setattr(self, name, nn.Linear(inputs, outputs, bias=False))

    def forward(self, x, rotary, seen):
        """x: (b, t, d); seen: additive (b, 1, 1, t) or None."""
        b, t, d = x.shape
        h = self.attn_norm(x)
        q, k, v = (project(h).view(b, t, self.heads, -1).transpose(1, 2) for project in (self.q_proj, self.k_proj, self.v_proj))
        x = x + self.attn_out(attend(turn(q, rotary), turn(k, rotary), v, seen).transpose(1, 2).reshape(b, t, d))
        h = self.ff_norm(x)
        return x + self.ff_out(F.silu(self.ff_proj(h)) * self.up_proj(h))


def turn(x, rotary):
    """Rotary on halves."""
    sin, cos = rotary
    low, high = x.chunk(2, -1)
    return (x * cos + torch.cat((-high, low), -1) * sin).to(x.dtype)


def attend(q, k, v, seen):
    if hasattr(F, "scaled_dot_product_attention"):
        return F.scaled_dot_product_attention(q, k, v, attn_mask=None if seen is None else seen.to(q.dtype))
    scores = q @ k.transpose(-1, -2) * (1 / math.sqrt(q.shape[-1]))
    return (scores if seen is None else scores + seen).softmax(-1) @ v


class Rows(nn.Module):
    """A row for every token: text ones each for itself, codes as sums of parts (factors.py) plus one of their own."""

    def __init__(self, first_code: int, parts, codes: int, width: int, spread: float):
        super().__init__()
        self.text = nn.Parameter(torch.randn(first_code, width) * spread)
        self.parts = nn.Parameter(torch.randn(parts.shape[1], width) * spread * 0.5)
        self.own = nn.Parameter(torch.randn(codes, width) * spread * 0.1)
        full = torch.zeros(codes, parts.shape[1])
        full[:len(parts)] = torch.from_numpy(parts)
        self.register_buffer("table", full, persistent=False)

    def forward(self):
        return torch.cat((self.text, self.table @ self.parts + self.own))


class LM(nn.Module):
    def __init__(self, c, first_code: int, parts):
        super().__init__()
        width, codes = c["d_model"], c["vocab_size"] - first_code
        self.wte = Rows(first_code, parts, codes, width, 0.02 * 8)
        self.head = Rows(first_code, parts, codes, width, 1 / math.sqrt(width) * 0.5)
        self.blocks = nn.ModuleList(Block(c) for _ in range(c["n_layers"]))
        self.ln_f = Norm(width, c["rms_norm_eps"])
        for name, p in self.blocks.named_parameters():
            if p.dim() == 2:
                deep = math.sqrt(2 * c["n_layers"]) if name.endswith(("attn_out.weight", "ff_out.weight")) else 1
                nn.init.normal_(p, 0, 1 / math.sqrt(p.shape[1]) / deep)
        half = width // c["n_heads"]
        angle = torch.arange(c["max_sequence_length"])[:, None] / c["rope_theta"] ** (torch.arange(0, half, 2).float() / half)
        angle = torch.cat((angle, angle), -1)
        self.register_buffer("sin", angle.sin(), persistent=False)
        self.register_buffer("cos", angle.cos(), persistent=False)

    def body(self, ids, length):
        """(b, t) -> (b, t, d); rows end at their length."""
        t = ids.shape[1]
        seen = torch.zeros(ids.shape, device=ids.device).masked_fill_(torch.arange(t, device=ids.device)[None] >= length[:, None], -1e9)
        x = F.embedding(ids, self.wte())
        for block in self.blocks:
            x = block(x, (self.sin[:t], self.cos[:t]), seen[:, None, None])
        return self.ln_f(x)

    def loss(self, ids, length, where, row, token, share, weight=None):
        """(sum of the cross-entropies, log probability of the likeliest token each). where: flat positions; row, token, share: what stands
        there, by prediction, with which probability; weight: of each prediction's cross-entropy (None: 1)."""
        x = self.body(ids, length)
        logits = (x.reshape(-1, x.shape[-1])[where] @ self.head().t()).float()
        total = logits.logsumexp(-1)
        sure = logits.detach().amax(-1) - total.detach()
        if weight is None:
            return total.sum() - (share * logits[row, token]).sum(), sure
        return (weight * total).sum() - (weight[row] * share * logits[row, token]).sum(), sure


def released_names(mean, parts) -> dict:
    """Weights under the released names, rows summed up."""
    full = {}
    for ours, theirs in (("wte", "wte"), ("head", "ff_out")):
        own = mean[f"{ours}.own"]
        table = torch.zeros(len(own), parts.shape[1])
        table[:len(parts)] = torch.from_numpy(parts)
        rows = torch.cat((mean[f"{ours}.text"].cpu(), table @ mean[f"{ours}.parts"].cpu() + own.cpu()))
        full[f"model.transformer.{theirs}.weight"] = rows
    for name, value in mean.items():
        if name.startswith(("blocks.", "ln_f.")):
            full[f"model.transformer.{name}"] = value.cpu()
    return full
