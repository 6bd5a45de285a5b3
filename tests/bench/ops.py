#!/usr/bin/env python3
"""PyTorch's side of ops.txt: ops.py FILE [NAME...], one thread; prints what bench_ops prints."""
import sys, time
import torch
import torch.nn.functional as F

torch.set_num_threads(1)
ROUNDS, ROUND_S = 7, 0.02


def tensor(text):
    below = 64
    if text.startswith("i64:"):
        text = text[4:]
        if "<" in text:
            text, below = text.split("<")
        return torch.randint(0, int(below), [int(n) for n in text.split("x")])
    return torch.randn([int(n) for n in text.split("x")] if text != "." else []).requires_grad_()


def once(f, x):
    for v in x:
        v.grad = None
    start = time.perf_counter()
    y = f(*x)
    forward = time.perf_counter() - start
    y = y[0] if isinstance(y, (tuple, list)) else y
    if not y.requires_grad:
        return forward, 0.0
    ones = torch.ones_like(y)
    start = time.perf_counter()
    y.backward(ones)
    return forward, time.perf_counter() - start


for line in open(sys.argv[1]):
    if line.startswith("#") or not line.strip() or (len(sys.argv) > 2 and line.split()[0] not in sys.argv[2:]):
        continue
    call, options, sizes, expression = (part.strip() for part in line.split("|"))
    for size in (s.strip() for s in sizes.split(";")):
        x = [tensor(t) for t in size.split()]
        f = eval("lambda " + ", ".join(f"x{i}" for i in range(len(x))) + ": " + expression)
        once(f, x), once(f, x)
        best_f = best_b = 1e9
        for _ in range(ROUNDS):
            start = time.perf_counter()
            while time.perf_counter() - start < ROUND_S:
                a, b = once(f, x)
                best_f, best_b = min(a, best_f), min(b, best_b)
        print(f"{call}{' ' if options else ''}{options}|{size}|{best_f * 1e6:.3f}|{best_b * 1e6:.3f}", flush=True)
