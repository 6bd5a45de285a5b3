#!/usr/bin/env python3
"""pinn.py RUN: PyTorch's L-BFGS on the net, the data and the steps of a finished run of pinn-poisson or pinn-burgers.

RUN/config.yaml says which; paths in it are relative to the current folder. Weights are PyTorch's own draws, derivatives by autograd
twice, in the run's precision, two threads. Prints loss and relative L2 of the validation points, and seconds, beside the run's own.
"""
import glob, json, sys, time
import h5py, numpy, torch, yaml

run = sys.argv[1]
c = yaml.safe_load(open(run + "/config.yaml"))
torch.manual_seed(int(sys.argv[2]) if len(sys.argv) > 2 else 1)
torch.set_num_threads(2)
torch.set_default_dtype({"f32": torch.float32, "f64": torch.float64}[c.get("precision", "f32")])


def rows(prefix):
    files = [h5py.File(f) for f in sorted(glob.glob(prefix + "-*-of-*.h5"))]
    return [torch.from_numpy(numpy.concatenate([f[k][()] for f in files])).to(torch.get_default_dtype()) for k in ("/x", "/y", "/w")]


(x, y, w), (vx, vy, _) = rows(c["data"]["train"]), rows(c["data"]["validation"])
w = w[:, None] if c["data"].get("weights") else torch.ones_like(y)
m, o = c["model"], c["optimizer"]
act = {"tanh": torch.nn.Tanh, "silu": torch.nn.SiLU, "sigmoid": torch.nn.Sigmoid}[m["activation"]]
sizes = [x.shape[1] - 1] + list(m["hidden"])
layers = [part for a, b in zip(sizes, sizes[1:]) for part in (torch.nn.Linear(a, b), act())]
net = torch.nn.Sequential(*layers, torch.nn.Linear(sizes[-1], 1))
inside = x[:, -1] > 0.5
at, known = x[inside, :-1].requires_grad_(True), x[~inside, :-1]


def side(u):
    d = torch.autograd.grad(u.sum(), at, create_graph=True)[0]
    second = lambda j: torch.autograd.grad(d[:, j].sum(), at, create_graph=True)[0][:, j : j + 1]
    if m["equation"] == "poisson":
        return -sum(second(j) for j in range(at.shape[1]))
    return d[:, 1:2] + u * d[:, :1] - float(m["viscosity"]) * second(0)


def loss_of():
    of = lambda out, which: (w[which] * (out - y[which]).square()).sum()
    return (of(side(net(at)), inside) + of(net(known), ~inside)) / w.sum()


opt = torch.optim.LBFGS(net.parameters(), lr=float(o["lr"]), max_iter=o["max_iter"], history_size=o["history_size"],
                        tolerance_grad=float(o["tolerance_grad"]), tolerance_change=float(o["tolerance_change"]),
                        line_search_fn=None if o["line_search_fn"] == "none" else o["line_search_fn"])
evaluations, began = 0, time.time()


def closure():
    global evaluations
    evaluations += 1
    opt.zero_grad()
    loss = loss_of()
    loss.backward()
    return loss


def l2():
    with torch.no_grad():
        return ((net(vx[:, :-1]) - vy).norm() / vy.norm()).item()


for step in range(c["steps"] or c["epochs"]):
    loss = opt.step(closure).item()
    if step % 10 == 9:
        print(f"step {step + 1}  loss {loss:.3e}  relative L2 {l2():.3e}  {evaluations} evaluations  {time.time() - began:.0f} s", file=sys.stderr)
took = time.time() - began
lines = [json.loads(line) for line in open(run + "/metrics.jsonl")]
last = [v for v in lines if "validation_relative_l2_all" in v][-1]
print("hoop     relative L2 %.3e, %d evaluations, %.0f s" % (last["validation_relative_l2_all"], sum(v.get("evaluations", 0) for v in lines), last["time"]))
print("PyTorch  relative L2 %.3e, %d evaluations, %.0f s" % (l2(), evaluations, took))
