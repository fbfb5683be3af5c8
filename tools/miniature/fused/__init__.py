"""Blocks of lm.py on a CPU with bf16 instructions: PyTorch multiplies matrices, block.cpp does what stands between, built by the C++ compiler (CXX,
or g++) when it is first wanted. Measured with AVX-512, one thread a batch: 0.59 s of CPU time a step of 4,096 tokens instead of 0.80 s."""
import ctypes
import os
import subprocess
import tempfile
from functools import cache, partial
from pathlib import Path

import torch
import torch.nn.functional as F

from ..checkpoint import narrow

FLAGS = ["-O3", "-march=native", "-ffast-math", "-std=c++17", "-shared", "-fPIC"]


@cache
def built():
    """The library. RuntimeError where the processor has no such instructions; the compiler's own error where it fails."""
    if not narrow("cpu"):
        raise RuntimeError("expected a processor with avx512_bf16 for the fused blocks, found none: train without --fused")
    with tempfile.TemporaryDirectory() as folder:
        library = Path(folder) / "block.so"
        subprocess.run([os.environ.get("CXX", "g++"), *FLAGS, str(Path(__file__).with_name("block.cpp")), "-o", str(library)], check=True)
        return ctypes.CDLL(str(library))


def call(name: str, *given) -> None:
    """Tensors by their memory, which must be in order; whole numbers as int64; numbers as float."""
    assert all(one.is_contiguous() for one in given if torch.is_tensor(one)), name
    kinds = {int: ctypes.c_int64, float: ctypes.c_float}
    getattr(built(), name)(*(ctypes.c_void_p(one.data_ptr()) if torch.is_tensor(one) else kinds[type(one)](one) for one in given))


def half(*shape: int):
    return torch.empty(shape, dtype=torch.bfloat16)


class Fused(torch.autograd.Function):
    """x (b * t, d) and norms (d) in f32, cosine and sine (t, w); the matrices' weights."""

    @staticmethod
    def forward(ctx, x, norm1, norm2, q, k, v, o, gate, up, down, cosine, sine, length, b, t, h, eps):
        (n, d), w, m = x.shape, x.shape[1] // h, down.shape[1]
        qkv, o, gate_up, down = (part.bfloat16() for part in (torch.cat((q, k, v)), o, torch.cat((gate, up)), down))
        h1, inverse1, heads, h2, inverse2, a = half(n, d), torch.empty(n), half(n, d), half(n, d), torch.empty(n), half(n, m)
        call("norm", x, norm1, n, d, eps, h1, inverse1)
        q, k, v = (half(b * h, t, w) for _ in range(3))
        call("split", h1 @ qkv.t(), cosine, sine, b, t, h, w, q, k, v)
        p = torch.bmm(q, k.transpose(1, 2)).contiguous()
        call("softmax", p, length, b, h * t, t)
        call("exchange", torch.bmm(p, v).contiguous(), b, h, t, w, heads)
        middle = x.clone()
        call("add", middle, heads @ o.t(), n * d)
        call("norm", middle, norm2, n, d, eps, h2, inverse2)
        both = h2 @ gate_up.t()
        call("gated", both, n, m, a)
        out = middle.clone()
        call("add", out, a @ down.t(), n * d)
        ctx.kept = x, norm1, norm2, qkv, o, gate_up, down, cosine, sine, h1, inverse1, q, k, v, p, heads, middle, h2, inverse2, both, a
        ctx.sizes = b, t, h
        return out

    @staticmethod
    def backward(ctx, grad):
        x, norm1, norm2, qkv, o, gate_up, down, cosine, sine, h1, inverse1, q, k, v, p, heads, middle, h2, inverse2, both, a = ctx.kept
        (b, t, h), (n, d), m = ctx.sizes, x.shape, a.shape[1]
        dx, dnorm1, dnorm2 = grad.clone(memory_format=torch.contiguous_format), torch.zeros(d), torch.zeros(d)
        dz, dboth, dheads, dall = dx.bfloat16(), half(n, 2 * m), half(b * h, t, d // h), half(n, 3 * d)
        ddown = dz.t() @ a
        call("gated_back", both, dz @ down, n, m, dboth)
        call("norm_back", dboth @ gate_up, middle, norm2, inverse2, n, d, dx, dnorm2)
        dz = dx.bfloat16()
        call("exchange", dz @ o, b, t, h, d // h, dheads)
        dp = torch.bmm(dheads, v.transpose(1, 2)).contiguous()
        call("softmax_back", p, dp, b * h * t, t)
        dq, dk = torch.bmm(dp, k).contiguous(), torch.bmm(dp.transpose(1, 2), q).contiguous()
        call("split_back", dq, dk, torch.bmm(p.transpose(1, 2), dheads).contiguous(), cosine, sine, b, t, h, d // h, dall)
        call("norm_back", dall @ qkv, x, norm1, inverse1, n, d, dx, dnorm1)
        dqkv, d_o, dgate_up = ((one.t() @ other).float() for one, other in ((dall, h1), (dz, heads), (dboth, h2)))
        return (dx, dnorm1, dnorm2, *dqkv.chunk(3), d_o, *dgate_up.chunk(2), ddown.float()) + (None,) * 7


def body(model, ids, length):
    """LM.body, its blocks fused."""
    b, t = ids.shape
    cosine, sine = model.cos[:t].contiguous(), model.sin[:t].contiguous()
    with torch.autocast("cpu", enabled=False):
        x = F.embedding(ids, model.wte()).reshape(b * t, -1).float()
        for k in model.blocks:
            weights = [part.weight for part in (k.attn_norm, k.ff_norm, k.q_proj, k.k_proj, k.v_proj, k.attn_out, k.ff_proj, k.up_proj, k.ff_out)]
            x = Fused.apply(x.contiguous(), *weights, cosine, sine, length.long().contiguous(), b, t, k.heads, k.attn_norm.eps)
        return model.ln_f(x).view(b, t, -1)


def use(model) -> None:
    """From now on; RuntimeError where it cannot be built."""
    built()
    model.body = partial(body, model)
