#!/usr/bin/env python3
"""Write golden.h: values and derivatives of ops as PyTorch computes them in f64, the second opinion of test_golden.c.

Run by hand where PyTorch is installed (2.13 wrote the file in the tree): python make_golden.py > golden.h
Every case: inputs, out = f(inputs), weights w, the gradients of L = sum(out * w), and of G = sum((dL/dx0)^2) by x0.
"""
import torch
import torch.nn.functional as F

torch.set_default_dtype(torch.float64)
gen = torch.Generator().manual_seed(20261123)


def rand(*shape, low=-2.0, high=2.0):
    x = low + (high - low) * torch.rand(shape, generator=gen)
    return torch.round(x * 1000) / 1000


def pos(*shape):
    return rand(*shape, low=0.5, high=2.0)


def ints(below, *shape):
    return torch.randint(0, below, shape, generator=gen)


def ties(*shape):
    return torch.round(rand(*shape))  # several largest elements


label = ints(5, 2, 6)
label[0, 1] = label[1, 4] = -100

CASES = [
    ("add", torch.add, [rand(2, 1, 3), rand(4, 1)]),
    ("sub", torch.sub, [rand(3, 4), rand(4)]),
    ("mul", torch.mul, [rand(2, 1, 3), rand(4, 1)]),
    ("div", torch.div, [rand(3, 4), pos(4)]),
    ("neg", torch.neg, [rand(7)]),
    ("scale", lambda x: 3.5 * x, [rand(7)]),
    ("shift", lambda x: x + 0.7, [rand(7)]),
    ("reciprocal", torch.reciprocal, [pos(9)]),
    ("exp", torch.exp, [rand(3, 5)]),
    ("log", torch.log, [pos(3, 5)]),
    ("sqrt", torch.sqrt, [pos(3, 5)]),
    ("erf", torch.erf, [rand(19)]),
    ("tanh", torch.tanh, [rand(19)]),
    ("sigmoid", torch.sigmoid, [rand(19)]),
    ("relu", torch.relu, [rand(19)]),
    ("gelu_erf", lambda x: F.gelu(x), [rand(19)]),
    ("gelu_tanh", lambda x: F.gelu(x, approximate="tanh"), [rand(19)]),
    ("sum_outer_kept", lambda x: x.sum((0, 2), keepdim=True), [rand(2, 3, 4)]),
    ("mean_middle", lambda x: x.mean(1), [rand(2, 3, 4)]),
    ("max_ties", lambda x: x.amax(1), [ties(4, 9)]),
    ("max_all", lambda x: x.amax(), [rand(3, 5)]),
    ("reshape", lambda x: x.reshape(4, -1), [rand(2, 6)]),
    ("transpose", lambda x: x.transpose(0, 2), [rand(2, 3, 4)]),
    ("expand", lambda x: x.expand(2, 3, 4), [rand(3, 1)]),
    ("slice", lambda x: x[:, 1:3], [rand(3, 5)]),
    ("unslice", lambda x: F.pad(x, (2, 1)), [rand(3, 2)]),
    ("concat", lambda a, b, c: torch.cat([a, b, c], 1), [rand(2, 3), rand(2, 1), rand(2, 2)]),
    ("matmul", torch.matmul, [rand(3, 5), rand(5, 4)]),
    ("matmul_broadcast", torch.matmul, [rand(2, 1, 3, 4), rand(3, 4, 2)]),
    ("linear", F.linear, [rand(2, 3, 6), rand(5, 6), rand(5)]),
    ("linear_vector", F.linear, [rand(6), rand(5, 6), rand(5)]),
    ("softmax", lambda x: F.softmax(x, -1), [rand(2, 3, 7)]),
    ("log_softmax", lambda x: F.log_softmax(x, -1), [rand(2, 3, 7)]),
    ("cross_entropy", lambda x, y: F.cross_entropy(x.reshape(-1, 5), y.reshape(-1), reduction="sum", ignore_index=-100), [rand(2, 6, 5), label]),
    ("mse", lambda a, b: F.mse_loss(a, b, reduction="sum"), [rand(3, 4), rand(3, 4)]),
    ("embedding", lambda w, i: F.embedding(i, w), [rand(5, 3), ints(5, 2, 4)]),
    ("mlp", lambda x, w, b, v, y: F.cross_entropy(F.linear(F.gelu(F.linear(x, w, b)), v), y, reduction="sum"),
     [rand(6, 5), rand(4, 5), rand(4), rand(3, 4), ints(3, 6)]),
    ("attention", lambda q, k, v: F.softmax(q @ k.transpose(1, 2) * 0.5, -1) @ v, [rand(2, 3, 4), rand(2, 5, 4), rand(2, 5, 4)]),
    ("split", lambda x: (lambda a, b, c: a * b + c[:, 1:])(*x.split([2, 1, 3], 1)), [torch.round(torch.sin(torch.arange(24.0)) * 2000).reshape(4, 6) / 1000]),
]


def array(name, x):
    flat = x.detach().reshape(-1).tolist()
    kind = "double" if x.is_floating_point() else "int64_t"
    text = [repr(v) for v in flat]
    lines, line = [], "   "
    for t in text:
        if len(line) + len(t) + 2 > 126:
            lines.append(line)
            line = "   "
        line += " " + t + ","
    lines.append(line)
    print(f"static const {kind} {name}[] = {{\n" + "\n".join(lines) + "\n};")


def shape(x):
    return "{" + ", ".join(str(n) for n in x.shape) + "}" if x.dim() else "{0}"


print("/* Written by make_golden.py with PyTorch " + torch.__version__.split("+")[0] + "; not edited by hand. */\n/* clang-format off */")
rows = []
for name, f, inputs in CASES:
    leaf = [x.clone().requires_grad_() if x.is_floating_point() else x for x in inputs]
    out = f(*leaf)
    w = rand(*out.shape)
    floats = [x for x in leaf if x.is_floating_point()]
    grads = list(torch.autograd.grad((out * w).sum(), floats, create_graph=True))
    square = (grads[0] * grads[0]).sum()
    second = torch.autograd.grad(square, leaf[0], allow_unused=True)[0] if square.requires_grad else None
    if second is None:
        second = torch.zeros_like(leaf[0])
    fields = []
    for i, x in enumerate(inputs):
        array(f"{name}_in{i}", x)
        member = ".f64" if x.is_floating_point() else ".i64"
        grad = "NULL"
        if x.is_floating_point():
            grad = f"{name}_grad{i}"
            array(grad, grads.pop(0))
        fields.append(f"{{{x.dim()}, {shape(x)}, {member} = {name}_in{i}, .grad = {grad}}}")
    array(f"{name}_out", out)
    array(f"{name}_w", w)
    array(f"{name}_second", second)
    rows.append(f'    {{"{name}", {len(inputs)}, {{{", ".join(fields)}}}, {out.dim()}, {shape(out)}, {name}_out, {name}_w, {name}_second}},')
print("static const golden_case golden[] = {\n" + "\n".join(rows) + "\n};\n/* clang-format on */")
