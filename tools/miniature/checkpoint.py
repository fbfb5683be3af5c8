"""Training that can be killed at any time. What a step does depends on the seed, its number and the state before it, nothing else: so a run
that goes on from a checkpoint ends with the same weights as one that was never interrupted."""
import json
import os
import time
from contextlib import nullcontext
from functools import cache
from pathlib import Path

import torch

SAVE_SECONDS = 45


def write(path: Path, value) -> None:
    """Never half a file."""
    partial = path.with_suffix(".partial")
    torch.save(value, partial)
    os.replace(partial, path)


def run(trainer, steps: int, path: Path, seconds: float = float("inf"), say=print) -> bool:
    """Goes on from `path` where it exists, up to `steps` or for `seconds`; whether it is done.

    trainer: `state()` and `load(state)`; `step(i)` does step i and returns named losses; `evaluate(i)` returns named losses, or None
    where it is not due. Curves are kept in the checkpoint and written beside it as JSON.
    """
    began = saved = time.monotonic()
    first, curves = 0, []
    if path.exists():
        known = torch.load(path, map_location=getattr(trainer, "device", "cpu"))
        first, curves = known["step"], known["curves"]
        trainer.load(known["state"])
    for i in range(first, steps):
        losses = trainer.step(i)
        found = trainer.evaluate(i + 1)
        if found:
            curves.append(dict(step=i + 1, **found))
            say(f"{time.monotonic() - began:6.0f} s  step {i + 1}/{steps}  " + "  ".join(f"{k} {v:.3f}" for k, v in found.items()))
        now = time.monotonic()
        last = i + 1 == steps or now - began > seconds
        if last or now - saved > SAVE_SECONDS:
            write(path, dict(step=i + 1, state=trainer.state(), curves=curves, losses=losses))
            path.with_suffix(".curves.json").write_text(json.dumps(curves, indent=1) + "\n")
            saved = now
        if last:
            return i + 1 == steps
    return True


@cache
def narrow(device: str) -> bool:
    """Whether products in bf16 are worth it: on GPUs, and on processors with an instruction for them."""
    if device.startswith("cuda"):
        return True
    cpus = Path("/proc/cpuinfo")
    return cpus.exists() and "avx512_bf16" in cpus.read_text()


def fast(device: str):
    """Products in bf16 where that is worth it."""
    return torch.autocast("cuda" if device.startswith("cuda") else "cpu", torch.bfloat16) if narrow(device) else nullcontext()
