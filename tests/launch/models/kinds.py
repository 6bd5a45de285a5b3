"""What test_kinds compares models with: parameters, outputs and gradients of the same nets in PyTorch (torchvision's where it has them).

Run by hand where PyTorch, torchvision and PyYAML are installed (PyTorch 2.13 wrote the file in the tree): python kinds.py; nets.py has the nets.
It writes kinds.golden. Weights and inputs are formulas of names and places, which test_kinds.c works out too; of a gradient there is
its sum, each element times such a number.
"""
import math, os, sys
import torch
import torch.nn as nn
import yaml

from nets import Do, of_config

torch.set_default_dtype(torch.float64)
torch.set_num_threads(1)
out = []


def spread(j, shape):
    n = math.prod(shape)
    i = torch.arange(n, dtype=torch.int64)
    return (((i * 7919 + (j + 1) * 104729) % 2001 - 1000).double() / 1000).reshape(shape)


def number(name):
    h = 2166136261
    for c in name.encode():
        h = ((h ^ c) * 16777619) % 2**32
    return h % 1000


def fill(name, p):
    v = spread(number(name), p.shape)
    if p.ndim >= 2:
        v = v / math.sqrt(p.numel() / p.shape[0])
    elif name.endswith("weight") or name.endswith("running_var"):
        v = 1 + 0.25 * v
    else:
        v = 0.25 * v
    p.copy_(v)


def case(config, shape, tokens=0, classes=0, values=0, boxes=0, train=False, grad=True, net=None):
    """The model of this config: of inputs of a shape (below `tokens` where that is given), for so many classes, values, or classes of boxes;
    net: another."""
    net = net or of_config(yaml.safe_load(config), shape[1:], classes or boxes, values)
    net.train(train)
    with torch.no_grad():
        for k, p in list(net.named_parameters()) + list(net.named_buffers()):
            if p.is_floating_point():
                fill(k, p)
    out.append(f"case {config}")
    out.append(f"input {tokens} {'x'.join(map(str, shape))}")
    out.append(f"target {classes} {values or boxes}")
    if boxes:
        out.append("boxes")
    if train:
        out.append("training")
    n = math.prod(shape)
    x = ((torch.arange(n) * 7919 + 3) % tokens).reshape(shape) if tokens else spread(0, shape)
    y = net(x)
    out.append(f"output {'x'.join(map(str, y.shape))}")
    out.extend(" ".join(repr(float(v)) for v in row) for row in y.detach().reshape(-1, y.shape[-1]))
    params = dict(net.named_parameters())
    grads = torch.autograd.grad((y * spread(0, y.shape)).sum(), list(params.values())) if grad else [None] * len(params)
    for (k, p), g in zip(params.items(), grads):
        out.append(f"param {k} {'x'.join(map(str, p.shape))} {'-' if g is None else repr(float((g * spread(1, g.shape)).sum()))}")
    for k, b in net.named_buffers():
        out.append(f"buffer {k} {'x'.join(map(str, b.shape)) or '.'}")
    out.append("end")


case("{kind: gpt, layers: 2, heads: 3, width: 12}", (2, 7), tokens=11, classes=11)
case("{kind: gpt, layers: 1, heads: 1, width: 5, context: 9, vocabulary: 13, feedforward: 7, tied: false, checkpoint: true}", (3, 4),
     tokens=11, classes=11)

case("{kind: cnn, channels: [4, 6], hidden: [5]}", (2, 8, 9), classes=3)
case("{kind: cnn, channels: [6], convs: 2, kernel: 5, norm: group, activation: gelu, pool: avg, hidden: []}", (2, 3, 7, 8), values=2,
     train=True)
case("{kind: cnn, channels: [3, 2], norm: none, activation: tanh, pool: none, hidden: []}", (1, 2, 3, 4, 5), classes=4)
case("{kind: resnet, width: 3}", (3, 2, 9, 8), classes=4)
case("{kind: resnet, depth: 32}", (1, 1, 5, 5), classes=2, grad=False)
case("{kind: resnet, depth: 18}", (2, 3, 33, 32), classes=5)
case("{kind: resnet, depth: 50}", (1, 3, 32, 32), classes=3)
case("{kind: vit, patch: 4, layers: 2, heads: 2, width: 6}", (2, 3, 8, 8), classes=5)
case("{kind: vit, patch: 3, layers: 1, heads: 1, width: 4, feedforward: 7, checkpoint: true}", (3, 1, 6, 6), classes=2)
case("{kind: unet, channels: [3, 4, 5]}", (2, 2, 8, 4), classes=3)
case("{kind: unet, channels: [4, 2], norm: none}", (1, 1, 2, 4, 2), values=32)
case("{kind: unet, channels: [3, 2], norm: group}", (1, 1, 4, 6), values=24)
case("{kind: detector, channels: [3, 4, 5], width: 4}", (2, 2, 16, 8), boxes=2)
case("{kind: detector, channels: [2, 3, 4, 5], stem: 2, blocks: 2, width: 3, head: 0, stride: 8}", (2, 16, 32), boxes=3, train=True)

case("{kind: lstm, vocabulary: 7, embedding: 3, hidden: 4, layers: 2}", (2, 6), tokens=7, classes=5)
case("{kind: gru, hidden: 3, bidirectional: true}", (3, 5, 2), values=4)
case("{kind: lstm, hidden: 3, steps: each}", (2, 5, 2), values=10)
case("{kind: transformer, vocabulary: 9, width: 6, layers: 2, heads: 2}", (2, 5), tokens=9, classes=3)
case("{kind: transformer, width: 4, layers: 1, heads: 1, feedforward: 5, activation: relu, norm_first: false, position: none, pool: none}",
     (2, 3, 2), values=9)
case("{kind: transformer, vocabulary: 9, width: 4, layers: 1, heads: 2, length: 8, pool: first}", (2, 5), tokens=9, values=2)

case("{kind: autoencoder, hidden: [5, 4], latent: 2, output: sigmoid}", (3, 2, 3), values=6)
case("{kind: mlp, hidden: [5], activation: tanh}", (3, 2, 3), classes=4)

# ---- equations ----


class Pinn(nn.Module):
    """Derivatives by autograd, where hoop takes them forward."""

    def __init__(self, sizes, act, side):
        super().__init__()
        layers = [nn.Linear(sizes[0], sizes[1])]
        for a, b in zip(sizes[1:], sizes[2:]):
            layers += [act, nn.Linear(a, b)]
        self.layers, self.side = nn.Sequential(*layers), side

    def forward(self, x):
        at = x[:, :-1].clone().requires_grad_(True)
        u = self.layers(at)
        first = torch.autograd.grad(u.sum(), at, create_graph=True)[0]
        second = [torch.autograd.grad(first[:, j].sum(), at, create_graph=True)[0][:, j : j + 1] for j in range(at.shape[1])]
        return torch.where(x[:, -1:] > 0.5, self.side(u, first, second), u)


def poisson(u, first, second):
    return -sum(second)


def burgers(viscosity):
    return lambda u, first, second: first[:, 1:2] + u * first[:, :1] - viscosity * second[0]


case("{kind: pinn, hidden: [5, 4]}", (7, 3), values=1, net=Pinn([2, 5, 4, 1], nn.Tanh(), poisson))
case("{kind: pinn, hidden: [4], activation: sin}", (5, 2), values=1, net=Pinn([1, 4, 1], Do(torch.sin), poisson))
case("{kind: pinn, hidden: [4, 3], activation: silu}", (6, 4), values=1, net=Pinn([3, 4, 3, 1], nn.SiLU(), poisson))
case("{kind: pinn, equation: burgers, hidden: [5, 4, 3], viscosity: 0.3}", (7, 3), values=1, net=Pinn([2, 5, 4, 3, 1], nn.Tanh(), burgers(0.3)))
case("{kind: pinn, equation: burgers, hidden: [6], activation: sigmoid}", (7, 3), values=1, net=Pinn([2, 6, 1], nn.Sigmoid(), burgers(0.01 / math.pi)))

with open(os.path.splitext(os.path.abspath(__file__))[0] + ".golden", "w") as f:
    f.write(f"# Written by kinds.py with PyTorch {torch.__version__.split('+')[0]}; not edited by hand.\n" + "\n".join(out) + "\n")
print(f"{out.count('end')} cases", file=sys.stderr)
