"""What results.py does with runs of a detector: PyTorch trains the same net by the same loss on the same files, from the same first weights;
mAP is counted as COCO does, of boxes found by the same suppression. Then hoop's last weights in PyTorch's net: mAP must be what hoop says.
"""
import glob, json, math, sys, time

import h5py, numpy as np, torch, yaml
import torch.nn.functional as F

import results
from nets import of_config


class Scenes:
    """Images, and lists of boxes padded with zeros."""

    def __init__(self, data, which):
        inputs, target = next(iter(data["inputs"].values())), next(iter(data["targets"].values()))
        images, self.boxes = [], []
        for path in sorted(glob.glob(data[which] + "-*-of-*.h5")):
            with h5py.File(path) as f:
                images.append(f[inputs if isinstance(inputs, str) else inputs["path"]][()])
                at, of = f[target["offsets"]][()], f[target["path"]][()]
                self.classes = int(f[target["path"]].attrs["classes"])
                self.boxes += [torch.from_numpy(of[a:b]) for a, b in zip(at, at[1:])]
        self.images = torch.from_numpy(np.concatenate(images))
        self.padded = torch.nn.utils.rnn.pad_sequence(self.boxes, batch_first=True)

    def x(self, index):
        return self.images[index].float() / 255


def assign(out, boxes, radius):
    """Per place the smallest box it is in, near its middle: distances to sides, class, whether there is one."""
    at, lo, hi = out[..., None, :2], boxes[:, None, :, :2], boxes[:, None, :, 2:4]
    near = ((at - (lo + hi) / 2).abs() <= radius * out[..., None, 2:3]).all(-1) & (at > lo).all(-1) & (at < hi).all(-1)
    area, which = torch.where(near, (hi - lo).prod(-1), torch.inf).min(-1)
    mine = torch.gather(boxes, 1, which[..., None].expand(-1, -1, 5))
    return torch.cat([out[..., :2] - mine[..., :2], mine[..., 2:4] - out[..., :2]], -1), mine[..., 4].long(), area.isfinite()


def loss_of(out, boxes, o):
    true, label, has = assign(out.detach(), boxes, o["radius"])
    logits, a, b = out[..., 7:], out[..., 3:7][has], true[has]
    both = (torch.minimum(a[:, :2], b[:, :2]) + torch.minimum(a[:, 2:], b[:, 2:])).prod(-1)
    outer = (torch.maximum(a[:, :2], b[:, :2]) + torch.maximum(a[:, 2:], b[:, 2:])).prod(-1)
    either = (a[:, :2] + a[:, 2:]).prod(-1) + (b[:, :2] + b[:, 2:]).prod(-1) - both
    wanted = torch.zeros_like(logits)
    wanted[has] = F.one_hot(label[has], logits.shape[-1]) * (both / either).detach()[:, None]
    score = ((wanted - torch.sigmoid(logits)) ** 2 * F.binary_cross_entropy_with_logits(logits, wanted, reduction="none")).sum()
    return score + o["box"] * (2 - both / either - either / outer).sum(), has.sum(1).clamp(min=1).sum()


def flipped(x, boxes, keys):
    """As data.augment's flip: each sample by itself."""
    for name, dim, low in (("horizontal", 3, 0), ("vertical", 2, 1)):
        if keys["axis"] not in (name, "both"):
            continue
        turn = torch.rand(len(x)) < keys["p"]
        x[turn] = x[turn].flip(dim)
        box, size = boxes[turn], x.shape[dim]
        real, first = box[..., 2] > box[..., 0], box[..., low].clone()
        box[..., low] = torch.where(real, size - box[..., low + 2], 0.0)
        box[..., low + 2] = torch.where(real, size - first, 0.0)
        boxes[turn] = box
    return x, boxes


def overlaps(a, b):
    both = (np.minimum(a[:, None, 2:4], b[None, :, 2:4]) - np.maximum(a[:, None, :2], b[None, :, :2])).clip(0).prod(-1)
    size = lambda v: (v[:, 2:4] - v[:, :2]).prod(-1)
    return both / np.maximum(size(a)[:, None] + size(b)[None] - both, 1e-12)


def detect(out, o):
    """Rows x1, y1, x2, y2, class, score, the best first."""
    end, p = (out[:, :2] + out[:, 2:3] / 2).amax(0).repeat(2), torch.sigmoid(out[:, 7:])
    place, label = (p > o["score"]).nonzero(as_tuple=True)
    box = torch.minimum(torch.cat([out[:, :2] - out[:, 3:5], out[:, :2] + out[:, 5:7]], -1).clamp(min=0), end)[place]
    found = torch.cat([box, label[:, None].float(), p[place, label][:, None]], -1).double().numpy()
    found = found[np.argsort(-found[:, 5], kind="stable")]
    over, kept = overlaps(found, found), []
    for i in range(len(found)):
        if len(kept) < o["most"] and all(found[k, 4] != found[i, 4] or over[k, i] <= o["overlap"] for k in kept):
            kept.append(i)
    return found[kept]


def mean_precision(images, classes):
    """mAP at overlaps of 0.5 to 0.95 (Lin et al., ECCV 2014), of pairs found, true: (at 0.5, over all)."""
    table = np.zeros((classes, 10))
    for c in range(classes):
        scores, right, n = [], [], 0
        for found, true in images:
            found, true = found[found[:, 4] == c][:100], true[true[:, 4] == c]
            n += len(true)
            over, hit = overlaps(found, true), np.zeros((len(found), 10), bool)
            for k in range(10):
                free = np.ones(len(true), bool)
                for i in range(len(found)):
                    best = np.where(free, over[i], -1)
                    if len(true) and best.max() >= (50 + 5 * k) / 100:
                        hit[i, k], free[best.argmax()] = True, False
            scores.append(found[:, 5])
            right.append(hit)
        order = np.argsort(-np.concatenate(scores), kind="stable")
        hits = np.concatenate(right)[order].cumsum(0)
        for k in range(10 if len(hits) else 0):
            precision = np.maximum.accumulate((hits[:, k] / np.arange(1, len(hits) + 1))[::-1])[::-1]
            at = np.searchsorted(hits[:, k], n * np.arange(101) / 100.0)
            table[c, k] = np.where(at < len(hits), precision[np.minimum(at, len(hits) - 1)], 0).mean()
    return table[:, 0].mean(), table.mean()


def evaluate(net, held, o):
    net.eval()
    images, lost, places = [], 0.0, 0
    with torch.no_grad():
        for i in range(0, len(held.images), 64):
            out = net(held.x(slice(i, i + 64)))
            loss, n = loss_of(out, held.padded[i : i + 64], o)
            lost, places = lost + loss.item(), places + n.item()
            images += [(detect(one, o), held.boxes[i + k].double().numpy()) for k, one in enumerate(out)]
    net.train()
    map_50, map_50_95 = mean_precision(images, held.classes)
    return {"loss": lost / places, "map_50": map_50, "map_50_95": map_50_95}


def train(config, net, data, held, o, tell):
    batch, clip, augment = config["batch"], float(config["clip_norm"]), config["data"].get("augment") or []
    steps, step = config["steps"] or config["epochs"] * -(-len(data.images) // batch), 0
    opt, began = results.optimizer(config["optimizer"], net), time.time()
    while step < steps:
        for index in torch.randperm(len(data.images)).split(batch):
            for g in opt.param_groups:
                g["lr"] = g["base"] * results.factor(config["schedule"], step, steps)
            x, boxes = data.x(index), data.padded[index]
            for item in augment:
                (name, keys), = item.items()
                if name != "flip":
                    sys.exit(f"PyTorch's side does not {name} yet")
                x, boxes = flipped(x, boxes, {"axis": "horizontal", "p": 0.5, **(keys if isinstance(keys, dict) else {"axis": keys})})
            opt.zero_grad(set_to_none=True)
            loss, places = loss_of(net(x), boxes, o)
            (loss / places).backward()
            if clip > 0:
                torch.nn.utils.clip_grad_norm_(net.parameters(), clip)
            opt.step()
            step += 1
            if step == steps:
                break
        found = evaluate(net, held, o)
        tell(f"step {step}/{steps}  " + "  ".join(f"{k} {v:.4f}" for k, v in found.items()) + f"  {time.time() - began:.0f} s")
    return found, time.time() - began


def row(run):
    tell = lambda line: print(f"{run}: {line}", file=sys.stderr, flush=True)
    config = yaml.safe_load(open(run + "/config.yaml"))
    results.refuse({**config, "data": {**config["data"], "augment": None}})  # train looks at that itself
    data, held, o = Scenes(config["data"], "train"), Scenes(config["data"], "validation"), {k: v for k, v in config["loss"].items() if k != "name"}
    net = of_config(config["model"], tuple(data.images.shape[1:]), data.classes, 0)
    lines = [json.loads(line) for line in open(run + "/metrics.jsonl")]
    about, ours = next(l["start"] for l in lines if "start" in l), json.loads(results.hoop("eval", run, "--json"))
    results.put(net, results.first_weights(run), dict(net.named_parameters()))
    theirs, seconds = train(config, net, data, held, o, tell)
    results.put(net, results.checkpoint(run), {**dict(net.named_parameters()), **dict(net.named_buffers())})
    judged, wrong = evaluate(net, held, o), 0
    for k, v in judged.items():
        tell(f"{k}: {ours[k]:.6g} by hoop, {v:.6g} of the same weights by PyTorch")
        wrong += not math.isclose(v, ours[k], rel_tol=2e-3, abs_tol=1e-3)
    shown = lambda found: f"mAP@0.5 {found['map_50']:.3f}, mAP@[.5:.95] {found['map_50_95']:.3f}"
    print(f"| `{run.rstrip('/').split('/')[-1]}.yaml` | {sum(p.numel() for p in net.parameters()):,} | {config['batch']} / {about['leaf_samples']} | "
          f"{shown(ours)} | {results.clock(next(l['time'] for l in reversed(lines) if 'time' in l))} | {shown(theirs)} | {results.clock(seconds)} |  |",
          flush=True)
    return wrong


if __name__ == "__main__":
    results.HOOP = sys.argv[1]
    torch.set_num_threads(results.THREADS)
    torch.manual_seed(1)
    sys.exit(sum([row(run) for run in sys.argv[2:]]) > 0)
