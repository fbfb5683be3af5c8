"""Muon for matrices inside the blocks (momentum, made orthogonal by Newton and Schulz; Jordan et al. 2024), AdamW for all else; an
exponential mean of the weights, which is what gets exported."""
import torch

from .checkpoint import narrow


def orthogonal(x, rounds: int = 5):
    """(n, rows <= columns, columns): towards the nearest matrices with orthonormal rows."""
    x = x / (x.flatten(1).norm(dim=1)[:, None, None] + 1e-7)
    x = x.bfloat16() if narrow(str(x.device)) else x
    for _ in range(rounds):
        a = x @ x.transpose(1, 2)
        x = 3.4445 * x + (-4.7750 * a + 2.0315 * a @ a) @ x
    return x.float()


class Muon:
    """Matrices of the same shape are made orthogonal together."""

    def __init__(self, parameters, momentum: float = 0.95, decay: float = 0.05):
        self.parameters, self.momentum, self.decay = list(parameters), momentum, decay
        self.velocity = [torch.zeros_like(p) for p in self.parameters]
        self.shapes: dict = {}
        for i, p in enumerate(self.parameters):
            self.shapes.setdefault(tuple(sorted(p.shape)), []).append(i)

    @torch.no_grad()
    def step(self, rate: float) -> None:
        for shape, members in self.shapes.items():
            wide = []
            for i in members:
                gradient, velocity = self.parameters[i].grad, self.velocity[i]
                velocity.mul_(self.momentum).add_(gradient)
                update = gradient + self.momentum * velocity
                wide.append(update.t() if update.shape[0] > update.shape[1] else update)
            for i, update in zip(members, orthogonal(torch.stack(wide))):
                p = self.parameters[i]
                p.mul_(1 - rate * self.decay)
                p.add_(update.t() if p.shape[0] > p.shape[1] else update, alpha=-rate * 0.2 * shape[-1] ** 0.5)


class Optimizer:
    def __init__(self, model, rate: float, steps: int, decay: float, warmup: int, inner=lambda name: "blocks" in name):
        named = list(model.named_parameters())
        self.model, self.rate, self.steps, self.decay, self.warmup = model, rate, steps, decay, warmup
        self.muon = Muon(p for n, p in named if p.dim() == 2 and inner(n))
        outer = [p for n, p in named if p.dim() >= 2 and not (p.dim() == 2 and inner(n))]
        self.adam = torch.optim.AdamW([dict(params=outer, weight_decay=0.02), dict(params=[p for _, p in named if p.dim() < 2], weight_decay=0)],
                                      lr=rate, betas=(0.9, 0.98))
        self.mean = {k: v.detach().clone() for k, v in model.state_dict().items()}

    def rate_at(self, i: int) -> float:
        """Warm-up, constant, then down to 0 in a straight line."""
        return self.rate * min(1, (i + 1) / self.warmup) * min(1, (self.steps - i) / max(1, self.decay * self.steps))

    def step(self, i: int) -> None:
        """From the gradients at hand."""
        rate = self.rate_at(i)
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        for group in self.adam.param_groups:
            group["lr"] = rate
        self.adam.step()
        self.muon.step(rate)
        keep = min(0.999, (i + 1) / (i + 20))
        with torch.no_grad():
            for k, v in self.model.state_dict().items():
                self.mean[k].lerp_(v, 1 - keep)

    def state(self):
        return dict(model=self.model.state_dict(), mean=self.mean, adam=self.adam.state_dict(), velocity=self.muon.velocity)

    def load(self, state) -> None:
        self.model.load_state_dict(state["model"])
        self.adam.load_state_dict(state["adam"])
        self.mean, self.muon.velocity = state["mean"], state["velocity"]
