"""What PyTorch reaches on this GPU, for bench/native/gpu_bench.cc and bench/README.md: cuBLAS on the layer shapes, the best of SDPA, and the
plain loop's step (bf16, SDPA, two passes, full head) eager and compiled:
    gpu_reference.py [products] [attention] [step] [--layers 4] > reference.json
Those named, or all. Random weights of the released model's shapes. Teraflops, and seconds for whole steps. Progress goes to stderr; what was
measured is printed even where a later part fails."""
import json
import sys
import time

import torch
import torch.nn.functional as functional

WIDTH, HIDDEN, HEADS, CODES, VOCABULARY = 4096, 12288, 32, 8192, 134548
BRANCHES = (4264, 4178)
DEVICE = "cuda"


def seconds(body):
    for _ in range(3):
        body()
    rounds = []
    for _ in range(5):
        torch.cuda.synchronize()
        start = time.perf_counter()
        for _ in range(5):
            body()
        torch.cuda.synchronize()
        rounds.append((time.perf_counter() - start) / 5)
    return sorted(rounds)[2]


def matrix(rows, columns):
    return torch.randn(rows, columns, device=DEVICE, dtype=torch.bfloat16) * 0.02


def products():
    result = {}
    for n, k in ((WIDTH, WIDTH), (HIDDEN, WIDTH), (WIDTH, HIDDEN), (CODES, WIDTH)):
        weight = matrix(n, k)
        for rows in (sum(BRANCHES), 845, 128, 32):
            x = matrix(rows, k)
            result[f"{rows}x{n}x{k}"] = 2 * rows * n * k / seconds(lambda: functional.linear(x, weight)) / 1e12
    return result


def attention():
    q, k, v = (torch.randn(1, HEADS, BRANCHES[0], WIDTH // HEADS, device=DEVICE, dtype=torch.bfloat16) for _ in range(3))
    operations = 4 * BRANCHES[0] ** 2 * WIDTH
    best = 0
    backends = torch.nn.attention.SDPBackend
    for backend in (backends.FLASH_ATTENTION, backends.CUDNN_ATTENTION, backends.EFFICIENT_ATTENTION):
        try:
            with torch.nn.attention.sdpa_kernel(backend):
                best = max(best, operations / seconds(lambda: functional.scaled_dot_product_attention(q, k, v)) / 1e12)
        except RuntimeError:
            continue
    return {"sdpa": best}


class Layer(torch.nn.Module):
    def __init__(self):
        super().__init__()
        shapes = {"q": (WIDTH, WIDTH), "k": (WIDTH, WIDTH), "v": (WIDTH, WIDTH), "o": (WIDTH, WIDTH), "gate": (HIDDEN, WIDTH), "up": (HIDDEN, WIDTH), "down": (WIDTH, HIDDEN)}
        for name, shape in shapes.items():
            self.register_buffer(name, matrix(*shape))
        self.register_buffer("norm1", torch.ones(WIDTH, device=DEVICE, dtype=torch.bfloat16))
        self.register_buffer("norm2", torch.ones(WIDTH, device=DEVICE, dtype=torch.bfloat16))

    @staticmethod
    def normed(x, weight):
        wide = x.float()
        return (wide * torch.rsqrt(wide.pow(2).mean(-1, keepdim=True) + 1e-5)).to(x.dtype) * weight

    @staticmethod
    def turned(x, cos, sin):
        first, second = x.float().chunk(2, -1)
        return (x.float() * cos + torch.cat((-second, first), -1) * sin).to(x.dtype)

    def forward(self, x, cos, sin):
        h = self.normed(x, self.norm1)
        q, k, v = (functional.linear(h, w).view(1, -1, HEADS, WIDTH // HEADS).transpose(1, 2) for w in (self.q, self.k, self.v))
        a = functional.scaled_dot_product_attention(self.turned(q, cos, sin), self.turned(k, cos, sin), v)
        x = x + functional.linear(a.transpose(1, 2).reshape(1, -1, WIDTH), self.o)
        h = self.normed(x, self.norm2)
        return x + functional.linear(functional.silu(functional.linear(h, self.gate)) * functional.linear(h, self.up), self.down)


def step(layers):
    """Seconds of a step of 32 layers, from `layers` of them: two passes one after another, the head over the whole vocabulary."""
    blocks, head = [Layer() for _ in range(layers)], matrix(VOCABULARY, WIDTH)
    angles = torch.outer(torch.arange(max(BRANCHES), device=DEVICE).float(), 500000.0 ** (-torch.arange(0, 128, 2, device=DEVICE).float() / 128)).repeat(1, 2)
    cos, sin = angles.cos(), angles.sin()

    def layers_of(run):
        for rows in BRANCHES:
            x = torch.randn(1, rows, WIDTH, device=DEVICE, dtype=torch.bfloat16)
            for block in run:
                x = block(x, cos[:rows], sin[:rows])

    def heads():
        for rows in BRANCHES:
            functional.linear(matrix(rows, WIDTH), head)

    with torch.no_grad():
        heads_seconds = seconds(heads)
        result = {"eager": seconds(lambda: layers_of(blocks)) * 32 / layers + heads_seconds}
        try:
            compiled = [torch.compile(block) for block in blocks]
            result["compiled"] = seconds(lambda: layers_of(compiled)) * 32 / layers + heads_seconds
        except Exception as error:  # a machine without a compiler for it
            result["compileFailed"] = str(error)[:200]
    return result


def main(names):
    layers = 4
    if "--layers" in names:
        at = names.index("--layers")
        layers = int(names[at + 1])
        del names[at : at + 2]
    parts = {"products": products, "attention": attention, "step": lambda: step(layers)}
    unknown = [name for name in names if name not in parts]
    if unknown:
        sys.exit(f"gpu_reference: expected {', '.join(parts)}, got {unknown[0]}")
    report = {"device": torch.cuda.get_device_name(), "torch": torch.__version__}
    try:
        for name in names or parts:
            report[name] = parts[name]()
            print(name, json.dumps(report[name]), file=sys.stderr, flush=True)
    finally:
        print(json.dumps(report), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
