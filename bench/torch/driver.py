"""The same forward pass in f32 by PyTorch, behind the words of bench/native/pass_bench.cc (`pass`, `all`, `logits <file>`):
    driver.py <model.gguf> <rows> <threads>
Reads an F32 GGUF file of llama.cpp's llada layout (`dimoo synth 0.5b --type f32 --layout llada`); rotary on neighbouring pairs, as
that layout has it. `pass` cuts the last layer down to the last row, as ours does."""
import mmap
import struct
import sys
import time

import numpy
import torch

SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}


class Gguf:
    """Keys and f32 tensors of a GGUF v3 file, mapped."""

    def __init__(self, path):
        with open(path, "rb") as file:
            self.data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        self.at = 8
        tensors, keys = self.take("Q"), self.take("Q")
        self.keys = {self.text(): self.value(self.take("I")) for _ in range(keys)}
        table = [(self.text(), [self.take("Q") for _ in range(self.take("I"))], self.take("I"), self.take("Q")) for _ in range(tensors)]
        start = (self.at + 31) // 32 * 32
        self.tensors = {name: self.tensor(sides, kind, start + offset) for name, sides, kind, offset in table}

    def take(self, kind):
        value = struct.unpack_from("<" + kind, self.data, self.at)[0]
        self.at += struct.calcsize("<" + kind)
        return value

    def text(self):
        size = self.take("Q")
        self.at += size
        return self.data[self.at - size : self.at].decode()

    def value(self, kind):
        if kind == 8:
            return self.text()
        if kind == 9:
            inner = self.take("I")
            return [self.value(inner) for _ in range(self.take("Q"))]
        return self.take(SCALARS[kind])

    def tensor(self, sides, kind, offset):
        assert kind == 0, "expected a file of F32 tensors"
        count = int(numpy.prod(sides))
        values = numpy.frombuffer(self.data, dtype=numpy.float32, count=count, offset=offset)
        return torch.from_numpy(values.reshape(sides[::-1]).copy())


class Model:
    def __init__(self, path, rows):
        file = Gguf(path)
        self.w, self.layers = file.tensors, file.keys["llada.block_count"]
        self.heads, self.eps = file.keys["llada.attention.head_count"], file.keys["llada.attention.layer_norm_rms_epsilon"]
        self.size = file.keys["llada.attention.key_length"]
        self.vocabulary = self.w["token_embd.weight"].shape[0]
        frequency = 1.0 / file.keys["llada.rope.freq_base"] ** (torch.arange(0, self.size, 2, dtype=torch.float32) / self.size)
        angle = torch.arange(rows, dtype=torch.float32)[:, None] * frequency
        self.cos, self.sin = angle.cos()[:, None, :], angle.sin()[:, None, :]
        self.tokens = torch.arange(rows, dtype=torch.int64) * 7919 % self.vocabulary

    def norm(self, x, name):
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.eps) * self.w[name]

    def rotate(self, x, positions):
        x = x.view(len(x), self.heads, self.size // 2, 2)
        a, b, cos, sin = x[..., 0], x[..., 1], self.cos[positions], self.sin[positions]
        return torch.stack((a * cos - b * sin, a * sin + b * cos), -1).flatten(2)

    def forward(self, wanted, every_row):
        """Logits of the rows `wanted`; every_row: the last layer computes all rows too."""
        linear, everything = torch.nn.functional.linear, torch.arange(len(self.tokens))
        x = self.w["token_embd.weight"][self.tokens]
        for i in range(self.layers):
            w = lambda part: self.w[f"blk.{i}.{part}.weight"]
            rows = everything if every_row or i + 1 < self.layers else wanted
            cut = len(rows) < len(everything)
            h = self.norm(x, f"blk.{i}.attn_norm.weight")
            k = self.rotate(linear(h, w("attn_k")), everything).permute(1, 2, 0)
            v = linear(h, w("attn_v")).view(-1, self.heads, self.size).transpose(0, 1)
            q = self.rotate(linear(h[rows] if cut else h, w("attn_q")), rows).transpose(0, 1)
            a = torch.softmax(torch.bmm(q, k) * self.size**-0.5, -1)
            x = (x[rows] if cut else x) + linear(torch.bmm(a, v).transpose(0, 1).reshape(len(rows), -1), w("attn_output"))
            h = self.norm(x, f"blk.{i}.ffn_norm.weight")
            x = x + linear(torch.nn.functional.silu(linear(h, w("ffn_gate"))) * linear(h, w("ffn_up")), w("ffn_down"))
        x = self.norm(x, "output_norm.weight")
        return linear(x if len(x) == len(wanted) else x[wanted], self.w["output.weight"])


def main():
    path, rows, threads = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    torch.set_num_threads(threads)
    model = Model(path, rows)
    for line in sys.stdin:
        line = line.strip()
        start = time.perf_counter()
        if line in ("pass", "all"):
            model.forward(torch.tensor([rows - 1]), line == "all")
            print(time.perf_counter() - start, flush=True)
        elif line.startswith("logits "):
            logits = model.forward(torch.tensor([0, rows // 2, rows - 1]), False)
            logits.numpy().tofile(line[7:])
            print(model.vocabulary, flush=True)
        elif line == "version":
            print(torch.__version__, flush=True)


with torch.no_grad():
    main()
