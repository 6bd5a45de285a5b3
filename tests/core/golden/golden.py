"""What the scripts of this folder write their files with: cases of ops, layers, losses and metrics, with the numbers PyTorch has.

A script FAMILY.py is run by hand where PyTorch is installed (2.13 wrote the files in the tree): python FAMILY.py
It writes FAMILY.golden, which test_golden reads. Numbers are f64 and have few digits where they are inputs.
"""
import inspect, os, sys
import torch
import torch.nn as nn
import torch.nn.functional as F

torch.set_default_dtype(torch.float64)
torch.set_num_threads(1)
torch.manual_seed(20261127)  # of what layers begin with
_gen = torch.Generator().manual_seed(20261127)
_out = []


def rand(*shape, low=-2.0, high=2.0):
    """Floats of three digits."""
    return torch.round((low + (high - low) * torch.rand(shape, generator=_gen)) * 1000) / 1000


def pos(*shape):
    return rand(*shape, low=0.5, high=2.0)


def ties(*shape):
    """Several equal elements in most rows."""
    return torch.round(rand(*shape))


def ints(below, *shape, dtype=torch.int64):
    return torch.randint(0, below, shape, generator=_gen).to(dtype)


_DTYPES = {torch.float64: "f64", torch.float32: "f32", torch.int64: "i64", torch.int32: "i32", torch.uint8: "u8", torch.bool: "u8"}


def _tensor(word, x):
    x = torch.empty(x.shape, dtype=x.dtype).copy_(x.detach())  # gradients that are 0 everywhere have no storage
    text = [format(v, ".17g" if x.is_floating_point() else "d").replace("nan", "NaN") for v in x.reshape(-1).to(
        x.dtype if x.is_floating_point() else torch.int64).tolist()]
    if x.is_floating_point():  # as short as the number allows
        text = [repr(float(v))[:-2] if repr(float(v)).endswith(".0") else repr(float(v)) for v in text]
    _out.append(f"{word} {_DTYPES[x.dtype]} {'x'.join(map(str, x.shape)) or '.'}")
    line = ""
    for t in text:
        if len(line) + len(t) > 125:
            _out.append(line)
            line = ""
        line += " " + t
    if line:
        _out.append(line)


def _options(options):
    for key, value in options.items():
        if isinstance(value, bool):
            value = "true" if value else "false"
        elif isinstance(value, (list, tuple)):
            value = "[" + ", ".join(map(str, value)) + "]"
        _out.append(f"option {key} {value}")


def weights(j, shape):
    """What output j is weighed with: test_golden.c works out the same."""
    n = 1
    for s in shape:
        n *= s
    i = torch.arange(n, dtype=torch.int64)
    return (((i * 7919 + (j + 1) * 104729) % 2001 - 1000).double() / 1000).reshape(shape)


def _numbers(outs, wanted, second):
    """Outputs, the gradients of L = sum of outputs times weights by what is wanted {name: leaf}, and, of G = sum (dL/dx0)^2, by x0."""
    for y in outs:
        _tensor("output", y)
    floats = [(j, y) for j, y in enumerate(outs) if y.is_floating_point() and y.requires_grad]
    if not floats or not wanted:
        return
    loss = sum((y * weights(j, y.shape)).sum() for j, y in floats)
    grads = torch.autograd.grad(loss, list(wanted.values()), create_graph=second, allow_unused=True)
    for (name, x), g in zip(wanted.items(), grads):
        _tensor(f"grad {name}", torch.zeros_like(x) if g is None else g)
    first = grads[0]
    if not second:
        return
    x0 = next(iter(wanted.values()))
    square = None if first is None else (first * first).sum()
    g = torch.autograd.grad(square, x0, allow_unused=True)[0] if square is not None and square.requires_grad else None
    _tensor("second", torch.zeros_like(x0) if g is None else g)


def _run(kind, name, f, inputs, options, second, grad):
    _out.append(f"{kind} {name}")
    _options(options)
    leaf = [x.clone().requires_grad_() if x.is_floating_point() and grad else x for x in inputs]
    for x in inputs:
        _tensor("input", x)
    outs = f(*leaf)
    outs = list(outs) if isinstance(outs, (tuple, list)) else [outs]
    _numbers(outs, {f"{i}": x for i, x in enumerate(leaf) if x.requires_grad}, second)
    _out.append("end")


def case(name, f, inputs, second=True, grad=True, **options):
    """An op: a row of the table, whose attributes `options` are, or a function of calls_FAMILY.c."""
    _run("case", name, f, inputs, options, second, grad)


def loss(name, f, inputs, second=False, weight=None, **options):
    """A row of the losses: f gives the sum over all; weight: what the sum is divided by for the mean (default: not looked at); a list
    is the option of that name."""
    if isinstance(weight, list):
        options = dict(options, weight=weight)
    elif weight is not None:
        options = dict(options, **{"expect-weight": weight})
    _run("loss", name, f, inputs, options, second, True)


def metric(name, value, inputs, **options):
    """A row of the metrics: `value` is what it is of outputs and targets."""
    _run("metric", name, lambda *x: torch.as_tensor(value, dtype=torch.float64), inputs, options, False, False)


def layer(name, module, inputs, train=False, second=False, f=None, skip=(), **options):
    """A layer with this module's parameters and buffers. train: in training mode, and what its buffers are after the call.
    f(module, *inputs): how it is called, if not module(*inputs). skip: parameters and buffers that hoop's does not have."""
    module = module.double()
    with torch.no_grad():
        for p in module.parameters():
            p.copy_(torch.round((p if p.numel() > 1 or p.abs() > 0 else p + 0.5) * 1000) / 1000)
    module.train(train)
    _out.append(f"layer {name}")
    _options(options)
    if train:
        _out.append("training")
    leaf = [x.clone().requires_grad_() if x.is_floating_point() else x for x in inputs]
    for x in inputs:
        _tensor("input", x)
    for k, p in module.named_parameters():
        if k not in skip:
            _tensor(f"param {k}", p)
    for k, b in module.named_buffers():
        if k not in skip:
            _tensor(f"buffer {k}", b)
    outs = f(module, *leaf) if f else module(*leaf)
    outs = list(outs) if isinstance(outs, (tuple, list)) else [outs]
    wanted = {f"{i}": x for i, x in enumerate(leaf) if x.requires_grad}
    wanted.update({k: p for k, p in module.named_parameters() if k not in skip})
    _numbers(outs, wanted, second)
    if train:
        for k, b in module.named_buffers():
            if k not in skip:
                _tensor(f"after {k}", b)
    _out.append("end")


def done():
    """Write the file beside the script."""
    script = inspect.stack()[1].filename
    with open(os.path.splitext(os.path.abspath(script))[0] + ".golden", "w") as f:
        f.write(f"# Written by {os.path.basename(script)} with PyTorch {torch.__version__.split('+')[0]}; not edited by hand.\n")
        f.write("\n".join(_out) + "\n")
    print(f"{sum(line == 'end' for line in _out)} cases", file=sys.stderr)
