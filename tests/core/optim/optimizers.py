"""optimizers.py - writes optimizers.golden: what PyTorch's optimisers make of four parameters in 20 steps. Run by hand; f64."""
import os
import torch

torch.set_default_dtype(torch.float64)
# Muon's iterations in the parameter's own precision, as hoop makes them, where PyTorch takes bfloat16
torch.Tensor.bfloat16 = lambda x: x.clone()

STEPS = 20
SHAPES = [(5, 3), (3, 7), (2, 3, 4), (6,)]
gen = torch.Generator().manual_seed(11)
begin = [(torch.rand(s, generator=gen) * 2 - 1).mul(1000).round().div(1000) for s in SHAPES]
grads = [[(torch.randn(s, generator=gen) * 10 ** (i - 1)).mul(1000).round().div(1000) for i, s in enumerate(SHAPES)] for _ in range(STEPS)]
for g in grads[3]:
    g.flatten()[0] = 0.0

out = open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "optimizers.golden"), "w")


def numbers(key, x, digits=17):
    out.write(key + "".join(" %.*g" % (digits, v) for v in x.flatten().tolist()) + "\n")


out.write("# written by optimizers.py with PyTorch %s: parameters, gradients by step, and what optimisers make of these\n" % torch.__version__.split("+")[0])
for s, w in zip(SHAPES, begin):
    out.write("param %d %s\n" % (len(s), " ".join(map(str, s))))
    numbers("begin", w)
for step in grads:
    for g in step:
        numbers("gradient", g)


def case(name, make, states=(), cycle=None, **options):
    """make(params) -> optimisers; options in hoop's spelling; cycle: one_cycle's, with momentum"""
    ps = [torch.nn.Parameter(w.clone()) for w in begin]
    opts = make(ps)
    schedule = None if cycle is None else torch.optim.lr_scheduler.OneCycleLR(opts[0], options["lr"], STEPS + 1, **cycle)
    factors, momenta = [], []
    for step in grads:
        if schedule is not None:
            group = opts[0].param_groups[0]
            factors.append(group["lr"] / options["lr"])
            momenta.append(group["betas"][0] if "betas" in group else group["momentum"])
        for p, g in zip(ps, step):
            p.grad = g.clone().reshape(p.shape)
        for o in opts:
            o.step()
        if schedule is not None:
            schedule.step()
    out.write("case %s\n" % name)
    for k, v in options.items():
        out.write("option %s %s\n" % (k, str(v).lower() if isinstance(v, bool) else v))
    if schedule is not None:
        numbers("factors", torch.tensor(factors))
        numbers("momenta", torch.tensor(momenta))
    for p in ps:
        numbers("end", p.detach())
    for s in states:
        for p in ps:
            st = next((o.state[p] for o in opts if p in o.state), {})
            if s in st and st[s] is not None:
                out.write("state %s" % s)
                numbers("", st[s])
            else:
                out.write("state %s\n" % s)


def plain(name, kind, states=(), cycle=None, **options):
    betas = {k: options[k] for k in ("beta1", "beta2") if k in options}
    theirs = {k: v for k, v in options.items() if k not in betas}
    if betas:
        theirs["betas"] = (options.get("beta1", 0.9), options.get("beta2", 0.999))
    case(name, lambda ps: [kind(ps, foreach=False, **theirs)], states, cycle, **options)


O = torch.optim
plain("sgd", O.SGD, lr=0.1)
plain("sgd", O.SGD, ["momentum_buffer"], lr=0.03, momentum=0.9, weight_decay=0.05, nesterov=True)
plain("sgd", O.SGD, ["momentum_buffer"], lr=0.03, momentum=0.8, dampening=0.3, maximize=True)
plain("sgd", O.SGD, ["momentum_buffer"], {}, lr=0.03, weight_decay=0.05)
plain("rmsprop", O.RMSprop, ["momentum_buffer"], {"base_momentum": 0.3, "max_momentum": 0.8}, lr=0.003)
plain("adam", O.Adam, ["exp_avg", "exp_avg_sq"], {"three_phase": True, "pct_start": 0.4}, lr=0.01, weight_decay=0.1)
plain("radam", O.RAdam, ["exp_avg"], {}, lr=0.01)
plain("adam", O.Adam, ["exp_avg", "exp_avg_sq"], lr=0.01, weight_decay=0.1)
plain("adam", O.Adam, ["exp_avg_sq", "max_exp_avg_sq"], lr=0.01, beta2=0.7, amsgrad=True, maximize=True)
plain("adamw", O.AdamW, lr=0.02, weight_decay=0.1, beta1=0.8)
plain("adamw", O.AdamW, ["max_exp_avg_sq"], lr=0.02, weight_decay=0.1, beta1=0.8, beta2=0.9, eps=1e-5, amsgrad=True)
plain("rmsprop", O.RMSprop, ["square_avg", "momentum_buffer", "grad_avg"], lr=0.01)
plain("rmsprop", O.RMSprop, ["square_avg", "momentum_buffer", "grad_avg"], lr=0.01, momentum=0.9, weight_decay=0.1)
plain("rmsprop", O.RMSprop, ["square_avg", "momentum_buffer", "grad_avg"], lr=0.01, alpha=0.8, centered=True, eps=1e-4)
plain("rmsprop", O.RMSprop, ["square_avg", "momentum_buffer", "grad_avg"], lr=0.01, alpha=0.9, centered=True, momentum=0.5, maximize=True)
plain("adagrad", O.Adagrad, ["sum"], lr=0.1)
plain("adagrad", O.Adagrad, ["sum"], lr=0.1, lr_decay=0.05, weight_decay=0.1, initial_accumulator_value=0.25, eps=1e-6)
plain("adagrad", O.Adagrad, lr=0.1, maximize=True)
plain("radam", O.RAdam, ["exp_avg", "exp_avg_sq"], lr=0.02)
plain("radam", O.RAdam, lr=0.02, weight_decay=0.1, beta1=0.8, beta2=0.9)
plain("radam", O.RAdam, lr=0.02, weight_decay=0.1, beta2=0.98, eps=1e-5, decoupled_weight_decay=True, maximize=True)
plain("nadam", O.NAdam, ["exp_avg", "exp_avg_sq"], lr=0.02)
plain("nadam", O.NAdam, lr=0.02, weight_decay=0.1, beta1=0.8, beta2=0.9, momentum_decay=0.05)
plain("nadam", O.NAdam, lr=0.02, weight_decay=0.1, eps=1e-5, decoupled_weight_decay=True, maximize=True)
F = ["row_var", "col_var", "variance"]
plain("adafactor", O.Adafactor, F)
plain("adafactor", O.Adafactor, F, lr=0.5, weight_decay=0.1, beta2_decay=-0.5, d=1.2)
case("adafactor", lambda ps: [O.Adafactor(ps, lr=0.3, eps=(0.05, 0.9), maximize=True)], F, lr=0.3, eps1=0.05, eps2=0.9, maximize=True)


def muon(adamw_lr=None, beta1=0.9, beta2=0.95, adamw_eps=1e-8, no_nesterov=False, lr=1e-3, weight_decay=0.1, by=None, maximize=False, **options):
    theirs = {k: v for k, v in options.items() if k != "ns_coefficients"}
    if "ns_coefficients" in options:
        theirs["ns_coefficients"] = tuple(float(v) for v in options["ns_coefficients"].strip("[]").split(","))

    class Flat(O.Muon):
        """of more than two dims: the first is that of rows"""
        def step(self):
            for p in self.flat:
                p[1].grad = (-1 if maximize else 1) * p[0].grad.reshape(p[1].shape)
            super().step()

    def make(ps):
        matrices = [] if by == "adamw" else [p for p in ps if p.dim() > 1]
        others = [p for p in ps if by == "adamw" or p.dim() < 2]
        made = [O.AdamW(others, lr=lr if adamw_lr is None else adamw_lr, betas=(beta1, beta2), eps=adamw_eps, weight_decay=weight_decay, maximize=maximize, foreach=False)]
        if matrices:
            views = [torch.nn.Parameter(p.data.view(p.shape[0], -1)) for p in matrices]
            o = Flat(views, lr=lr, weight_decay=weight_decay, nesterov=not no_nesterov, **theirs)
            o.flat = list(zip(matrices, views))
            made.append(o)
        return made

    said = dict(options, lr=lr, weight_decay=weight_decay, beta1=beta1, beta2=beta2, adamw_eps=adamw_eps)
    if adamw_lr is not None: said["adamw_lr"] = adamw_lr
    if no_nesterov: said["no_nesterov"] = True
    if maximize: said["maximize"] = True
    if by: said["by"] = by
    case("muon", make, ["exp_avg"], **said)


muon()
muon(lr=0.02, adamw_lr=0.003, momentum=0.8, no_nesterov=True, adjust_lr_fn="match_rms_adamw", weight_decay=0.0)
muon(lr=0.02, ns_steps=3, ns_coefficients="[2, -1.5, 0.5]", eps=1.0, beta1=0.7, maximize=True)
muon(lr=0.02, by="adamw")
out.close()
