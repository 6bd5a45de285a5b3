"""schedules.py - writes schedules.golden: PyTorch's learning rates by step, lr being 1. Run by hand; f64."""
import os
import torch
from torch.optim import lr_scheduler as L

STEPS = 60
out = open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "schedules.golden"), "w")
out.write("# written by schedules.py with PyTorch %s: learning rates of steps, the base rate being 1\n" % torch.__version__.split("+")[0])


def case(name, make, values=None, warmup=0, **options):
    p = torch.nn.Parameter(torch.zeros(1, dtype=torch.float64))
    o = torch.optim.SGD([p], lr=1.0, momentum=0.5)
    s = make(o)
    rates, momenta = [], []
    for i in range(STEPS):
        rates.append(o.param_groups[0]["lr"])
        momenta.append(o.param_groups[0]["momentum"])
        o.step()
        s.step(values[i]) if values else s.step()
    out.write("case %s\n" % name)
    for k, v in options.items():
        out.write("option %s %s\n" % (k, str(v).lower() if isinstance(v, bool) else v))
    if values:
        out.write("metric " + " ".join(map(str, values)) + "\n")
    if momenta != [0.5] * STEPS:
        out.write("momentum " + " ".join("%.17g" % m for m in momenta) + "\n")
    out.write("lr " + " ".join("%.17g" % r for r in rates) + "\n")


case("constant", lambda o: L.ConstantLR(o, 1.0))
case("linear", lambda o: L.LinearLR(o, 1.0, 0.0, STEPS))
case("linear", lambda o: L.LinearLR(o, 0.25, 1.0, 13), start_factor=0.25, end_factor=1.0, total_steps=13)
case("cosine", lambda o: L.CosineAnnealingLR(o, STEPS))
case("cosine", lambda o: L.LambdaLR(o, lambda t: 0.1 + 0.9 * 0.5 * (1 + torch.cos(torch.tensor(min(t / 37, 1.0) * torch.pi, dtype=torch.float64)).item())), min_factor=0.1, total_steps=37)
case("cosine_restarts", lambda o: L.CosineAnnealingWarmRestarts(o, 7, 1, 0.05), t_0=7, min_factor=0.05)
case("cosine_restarts", lambda o: L.CosineAnnealingWarmRestarts(o, 5, 2), t_0=5, t_mult=2)
case("step", lambda o: L.StepLR(o, 9, 0.3), every_steps=9, gamma=0.3)
case("multi_step", lambda o: L.MultiStepLR(o, [3, 10, 10, 41], 0.5), milestones="[3, 10, 10, 41]", gamma=0.5)
case("exponential", lambda o: L.ExponentialLR(o, 0.97), gamma=0.97)
case("polynomial", lambda o: L.PolynomialLR(o, STEPS, 2.0), power=2.0)
case("polynomial", lambda o: L.PolynomialLR(o, 31, 0.7), power=0.7, total_steps=31)


def cycle(cycle_momentum=False, **k):
    return lambda o: L.OneCycleLR(o, 1.0, STEPS + 1, cycle_momentum=cycle_momentum, **k)


case("one_cycle", cycle(), total_steps=STEPS + 1)
case("one_cycle", cycle(pct_start=0.4, div_factor=10.0, final_div_factor=50.0, anneal_strategy="linear"), pct_start=0.4, div_factor=10, final_div_factor=50, anneal_strategy="linear", total_steps=STEPS + 1)
case("one_cycle", cycle(pct_start=0.35, three_phase=True), pct_start=0.35, three_phase=True, total_steps=STEPS + 1)
case("one_cycle", cycle(cycle_momentum=True), cycle_momentum=True, total_steps=STEPS + 1)
case("one_cycle", cycle(cycle_momentum=True, base_momentum=0.6, max_momentum=0.9, anneal_strategy="linear", pct_start=0.4), cycle_momentum=True, base_momentum=0.6, max_momentum=0.9, anneal_strategy="linear", pct_start=0.4, total_steps=STEPS + 1)
case("one_cycle", cycle(cycle_momentum=True, three_phase=True, pct_start=0.35), cycle_momentum=True, three_phase=True, pct_start=0.35, total_steps=STEPS + 1)
gen = torch.Generator().manual_seed(3)
noise = torch.rand(STEPS, generator=gen).tolist()
falling = [round(1 / (1 + min(i, 20)) + 0.05 * noise[i], 4) for i in range(STEPS)]
rising = [round(min(i, 15) / 15 + 0.02 * noise[i], 4) for i in range(STEPS)]
case("plateau", lambda o: L.ReduceLROnPlateau(o, patience=3, eps=0), falling, patience=3)
case("plateau", lambda o: L.ReduceLROnPlateau(o, mode="max", factor=0.5, patience=2, threshold=0.01, threshold_mode="abs", cooldown=4, min_lr=0.2, eps=0), rising, mode="max", factor=0.5, patience=2, threshold=0.01, threshold_mode="abs", cooldown=4, min_factor=0.2)
case("plateau", lambda o: L.ReduceLROnPlateau(o, factor=0.9, patience=0, eps=0), falling, factor=0.9, patience=0)
case("plateau", lambda o: L.ReduceLROnPlateau(o, mode="max", factor=0.7, patience=1, threshold=0.05, eps=0), rising, mode="max", factor=0.7, patience=1, threshold=0.05)
inf, nan = float("inf"), float("nan")
case("plateau", lambda o: L.ReduceLROnPlateau(o, patience=2, eps=0), [inf] * 2 + falling[2:], patience=2)
case("plateau", lambda o: L.ReduceLROnPlateau(o, mode="max", factor=0.5, patience=2, eps=0), [-inf, nan, -inf, -inf] + rising[4:], mode="max", factor=0.5, patience=2)
case("plateau", lambda o: L.ReduceLROnPlateau(o, patience=2, threshold_mode="abs", eps=0), [nan, inf] + falling[2:], patience=2, threshold_mode="abs")
out.close()
