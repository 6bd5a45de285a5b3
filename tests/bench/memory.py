"""memory.py PEER [--segments]: what activations of the peer's gpt take, as the process has them.

PEER is peer_train.py, whose model and data these are. Prints: median ms a step, the process at its largest, and of that what weights,
gradients, the optimizer (16 bytes a parameter) and the program itself (before there is a model, but after a small one was trained)
leave, in bytes. --segments: each layer by torch.utils.checkpoint.
"""
import os, resource, statistics, sys, time

peer, segments = sys.argv[1], "--segments" in sys.argv
sys.path.insert(0, os.path.dirname(os.path.abspath(peer)))
sys.argv = [peer, "gpt"]
import torch, torch.nn.functional as F
from torch.utils.checkpoint import checkpoint
import peer_train

class GPT(peer_train.GPT):
    def forward(s, x):
        h = s.te(x) + s.pe(torch.arange(x.size(1)))
        for b in s.h: h = checkpoint(b, h, use_reentrant=False) if segments else b(h)
        return s.head(s.ln(h))

def train(model, x, y, steps):
    opt, ms = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.01, fused=True), []
    for _ in range(steps):
        start = time.perf_counter()
        opt.zero_grad(set_to_none=True)
        o = model(x)
        F.cross_entropy(o.reshape(-1, o.size(-1)), y.reshape(-1)).backward()
        opt.step()
        ms.append(1e3 * (time.perf_counter() - start))
    return statistics.median(ms[1:] or ms)

torch.set_num_threads(1)
torch.manual_seed(0)
small = torch.randint(0, 65, (2, 16))
train(GPT(65, 16, 48, 6, 2), small, small, 2)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
model = GPT()
x, y = peer_train.W["gpt"][1]()
ms = train(model, x, y, 4)
process = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
state = 16 * sum(q.numel() for q in model.parameters())
print(f"{ms:.3f} {process} {process - before - state}")
