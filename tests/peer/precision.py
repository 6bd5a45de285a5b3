#!/usr/bin/env python3
"""precision.py PEER WORKLOAD SEED OUT.h5 F64.h5: one step of a workload of the peer's script, from weights and data of a seed, as its
--dump writes it; and the same step, from the same numbers, in f64."""
import sys
import h5py, torch
import torch.nn.functional as F

peer, workload, seed, out, out64 = sys.argv[1:6]
torch.set_num_threads(1)
sys.argv = [peer, workload]
nets = {}
exec(compile(open(peer).read().split("def train(")[0], peer, "exec"), nets)  # the nets alone
make, data, _ = nets["W"][workload]
torch.manual_seed(int(seed))
model = make()
x, y = data()
init = {n: t.clone() for n, t in model.state_dict().items()}
for name, dtype in ((out, torch.float32), (out64, torch.float64)):
    model.load_state_dict(init)
    model = model.to(dtype)
    opt = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.01)
    opt.zero_grad()
    p = model(x.to(dtype) if x.is_floating_point() else x)
    loss = F.mse_loss(p, y.to(dtype)) if y.is_floating_point() else F.cross_entropy(p.reshape(-1, p.size(-1)), y.reshape(-1))
    loss.backward()
    with h5py.File(name, "w") as f:
        for n, t in init.items():
            f["init/" + n] = t.numpy()
        f["x"], f["y"] = x.numpy(), y.numpy()
        for n, q in model.named_parameters():
            f["grad/" + n] = q.grad.numpy()
        opt.step()
        f["loss"] = [loss.item()]
        for n, t in model.state_dict().items():
            f["final/" + n] = t.detach().numpy()
