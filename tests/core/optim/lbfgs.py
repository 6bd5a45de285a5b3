"""lbfgs.py - writes lbfgs.golden: what torch.optim.LBFGS makes of three functions in 20 steps. Run by hand; f64."""
import os
import torch

torch.set_default_dtype(torch.float64)
STEPS = 20
SHAPES = [(5, 3), (2, 3, 4), (6,)]
gen = torch.Generator().manual_seed(12)
begin = [(torch.rand(s, generator=gen) * 2 - 1).mul(1000).round().div(1000) for s in SHAPES]
out = open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "lbfgs.golden"), "w")


def numbers(key, x, digits=17):
    out.write(key + "".join(" %.*g" % (digits, v) for v in x.flatten().tolist()) + "\n")


# the same in test_lbfgs.c
def quadratic(x):
    """of condition 1000"""
    n = len(x)
    a = 10 ** (3 * torch.arange(n) / (n - 1))
    d = x - torch.arange(n) / n
    return (a * d * d).sum() / 2 + (d[1:] * d[:-1]).sum() / 4


def rosenbrock(x):
    return (100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum()


def valleys(x):
    """x^4 - 2 x^2 + x / 2 of sums: several minima, and slopes that change fast"""
    s = x + 0.5 * torch.roll(x, 1)
    return (s ** 4 - 2 * s ** 2 + s / 2).sum()


out.write("# written by lbfgs.py with PyTorch %s: parameters; how far PyTorch is from itself where losses and gradients are moved by 16 ulps at most, eight times; evaluations of each of 20 steps and the loss where it began; all parameters at the end\n" % torch.__version__.split("+")[0])
for s, w in zip(SHAPES, begin):
    out.write("param %d %s\n" % (len(s), " ".join(map(str, s))))
    numbers("begin", w)


def run(f, options, moved):
    """evaluations and first losses of all steps, and weights at the end; moved: with losses and gradients each up to 16 ulps away, as sums of 45 terms may be, by a seed"""
    ulps = torch.Generator().manual_seed(moved)
    ps = [torch.nn.Parameter(w.clone()) for w in begin]
    theirs = dict(options, line_search_fn=None if options.get("line_search_fn") == "none" else "strong_wolfe")
    o = torch.optim.LBFGS(ps, **theirs)
    counts, losses = [], []

    def closure():
        counts[-1] += 1
        o.zero_grad()
        loss = f(torch.cat([p.flatten() for p in ps]))
        loss.backward()
        for p in ps:
            p.grad *= 1 + (moved > 0) * torch.randint(-16, 17, p.shape, generator=ulps) * 2.0**-52
        return loss * (1 + (moved > 0) * torch.randint(-16, 17, (), generator=ulps) * 2.0**-52)

    for i in range(STEPS):
        counts.append(0)
        losses.append(o.step(closure).item())
    return counts, losses, torch.cat([p.detach().flatten() for p in ps])


def far(a, b):
    return abs(a - b) / max(1.0, abs(b))


def case(f, **options):
    counts, losses, end = run(f, options, 0)
    rounding = 0.0
    for moved in range(1, 9):
        c, l, e = run(f, options, moved)
        assert c == counts, (f.__name__, options)
        rounding = max([rounding] + [far(a, b) for a, b in zip(l, losses)] + [far(a.item(), b.item()) for a, b in zip(e, end)])
    out.write("case %s\n" % f.__name__)
    for k, v in options.items():
        out.write("option %s %s\n" % (k, v))
    out.write("rounding %.2g\n" % rounding)
    for c, l in zip(counts, losses):
        out.write("step %d %.17g\n" % (c, l))
    numbers("end", end)
    print(f.__name__, options, "%.2g" % rounding)


case(quadratic)
case(quadratic, history_size=5, max_iter=2)
case(quadratic, line_search_fn="none", lr=0.5, max_iter=3)
case(rosenbrock, max_iter=3)
case(rosenbrock, max_iter=2, history_size=3, lr=0.7)
case(rosenbrock, max_iter=10, max_eval=4)
case(rosenbrock, max_iter=1, max_eval=1, lr=2)
case(valleys, max_iter=3, lr=4)
case(valleys, max_iter=5, tolerance_change=1e-4, tolerance_grad=1e-3)
case(quadratic, max_iter=5, lr=10, tolerance_change=0.3)
case(valleys, line_search_fn="none", lr=0.05, max_iter=5, history_size=4, max_eval=4)
