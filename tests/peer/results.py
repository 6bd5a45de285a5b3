#!/usr/bin/env python3
"""results.py HOOP RUN...: PyTorch beside finished runs of recipes; prints a row of launch/recipes/README.md's table for each.

RUN/config.yaml has every value that was in force. By these PyTorch trains the same net (tests/launch/models/nets.py) on the same files,
from the same initial weights (those of a step of hoop with lr 0), with the same optimiser, schedule, clipping, batch and epochs; the
order of samples and what dropout drops are its own draws, and its batch norm takes a batch where hoop's takes a leaf. One process
of two threads. Times are of training with a validation after each epoch, without start-up.

Then hoop's last weights are put into PyTorch's net: what that makes of the validation data must be what `hoop eval` says, else the
exit code is 1. Paths in configs are relative to the current folder, as for hoop.
"""
import fnmatch, glob, json, math, os, subprocess, sys, tempfile, time

import h5py, numpy, torch, yaml
import torch.nn.functional as F

sys.path.append(os.path.dirname(os.path.abspath(__file__)) + "/../launch/models")
from nets import of_config

THREADS = 2


# ---- files ----


def text(v):
    return v.decode() if isinstance(v, bytes) else str(v)


def dataset(prefix, path):
    """A dataset of all shards, and its attributes."""
    files = [h5py.File(f) for f in sorted(glob.glob(prefix + "-*-of-*.h5"))]
    if not files:
        sys.exit(f"there is no {prefix}-*.h5 here; run this where the recipe was run")
    return numpy.concatenate([f[path][()] for f in files]), files[0][path].attrs


class Field:
    """Samples of an input or a target: rows, or windows of a series; integers as i64, images as f32."""

    def __init__(self, prefix, spec, others=()):
        spec = {"path": spec} if isinstance(spec, str) else spec
        rows, about = dataset(prefix, spec["path"])
        self.classes = int(about.get("classes", 0))
        rows = torch.from_numpy(rows)
        self.rows = rows.to(torch.float32) * float(about["scale"]) if "scale" in about else rows
        if "window" in spec:
            w, s, h = (spec.get(k, d) for k, d in (("window", 0), ("stride", others[0] if others else 1), ("horizon", 0)))
            self.step, self.rows = s, self.rows[h:].unfold(0, w, s)
        if self.classes:
            self.rows = self.rows if "window" in spec else self.rows.to(torch.int64)

    def __getitem__(self, i):
        rows = self.rows[i]
        return rows if rows.is_floating_point() else rows.to(torch.int64)


class Set:
    def __init__(self, data, which):
        one = lambda many, short: next(iter(data[many].values())) if many in data else data[short]
        self.x = Field(data[which], one("inputs", "x"))
        self.y = Field(data[which], one("targets", "y"), (self.x.step,) if hasattr(self.x, "step") else ())
        self.n = min(len(self.x.rows), len(self.y.rows))
        self.shape = tuple(self.x.rows.shape[1:])
        self.values = 0 if self.y.classes else math.prod(self.y.rows.shape[1:])


def checkpoint(run):
    """Parameters and buffers by name, of as many files as wrote it."""
    tensors = {}
    for name in sorted(glob.glob(run + "/latest/shard-*.h5")):
        with h5py.File(name) as f:
            for part in ("parameters", "buffers"):
                for key, d in f[part].items() if part in f else ():
                    if "shape" not in d.attrs:
                        tensors[key] = torch.from_numpy(numpy.asarray(d[()]))
                        continue
                    key, first, count = text(d.attrs.get("tensor", key)), int(d.attrs["first"]), int(d.attrs["count"])
                    shape = tuple(int(n) for n in d.attrs["shape"])
                    whole = tensors.setdefault(key, torch.zeros(shape, dtype=torch.from_numpy(d[:1]).dtype))
                    whole.view(-1)[first : first + count] = torch.from_numpy(d[()])
    return tensors


def hoop(*words):
    done = subprocess.run([HOOP, *words], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit("hoop %s: exit code %d: %s" % (" ".join(words), done.returncode, done.stderr))
    return done.stdout


def first_weights(run):
    with tempfile.TemporaryDirectory() as folder:
        keys = ("steps=1", "epochs=0", "optimizer.lr=0", "checkpoint.every_steps=0", "data.validation=null")
        hoop("train", run + "/config.yaml", *("--set=" + k for k in keys), "--out", folder + "/run")
        return checkpoint(folder + "/run")


def put(net, tensors, where):
    """Tensors of a checkpoint into these of a net, which are all there."""
    more = set(tensors) - set(dict(net.named_parameters())) - set(dict(net.named_buffers())) - {"normalize_targets.mean", "normalize_targets.std"}
    if more:
        sys.exit("PyTorch's net has none of " + ", ".join(sorted(more)))
    with torch.no_grad():
        for k, p in where.items():
            p.copy_(tensors[k])


# ---- training ----


def optimizer(o, net):
    """One of torch.optim; parameters of a group are those that its pattern matches first."""
    number = lambda group, key: float(group.get(key, o[key]))
    groups = [(g["match"], g) for g in o.get("groups") or []] + [("*", {})]
    took, sets = set(), []
    for match, own in groups:
        of = [k for k, _ in net.named_parameters() if k not in took and fnmatch.fnmatchcase(k, match)]
        took.update(of)
        one = {"params": [p for k, p in net.named_parameters() if k in of], "lr": number(own, "lr"), "weight_decay": number(own, "weight_decay")}
        if o["name"] == "sgd":
            one.update(momentum=number(own, "momentum"), dampening=number(own, "dampening"), nesterov=o["nesterov"])
        else:
            one.update(betas=(number(own, "beta1"), number(own, "beta2")), eps=number(own, "eps"), amsgrad=o["amsgrad"])
        sets += [one] if of else []
    made = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[o["name"]](sets, fused=True)
    for g in made.param_groups:
        g["base"] = g["lr"]
    return made


def factor(s, step, steps):
    """What a schedule makes of lr in a step, from 0."""
    warm = s.get("warmup_steps", 0)
    if step < warm:
        return (step + 1) / warm
    return {"constant": lambda: 1.0,
            "cosine": lambda: float(s["min_factor"]) + (1 - float(s["min_factor"])) * (1 + math.cos(math.pi * (step - warm) / (steps - warm))) / 2}[s["name"]]()


class Task:
    """The loss of a config and what is counted beside it."""

    def __init__(self, config, data, weights):
        loss = config["loss"] if isinstance(config["loss"], dict) else {"name": config["loss"]}
        target = next(iter(config["data"].get("targets", {}).values()), None)
        self.name = target.get("loss", loss["name"]) if isinstance(target, dict) else loss["name"]
        self.smooth = float(loss.get("label_smoothing", 0))
        self.metrics = [m if isinstance(m, str) else next(iter(m)) for m in config.get("metrics") or []]
        self.classes = data.y.classes
        self.mean, self.std = (weights.get("normalize_targets." + k) for k in ("mean", "std"))

    def loss(self, out, y):
        if self.name == "cross_entropy":
            tokens = out.ndim == 3 and y.ndim == 2
            return F.cross_entropy(out.reshape(-1, out.shape[-1]) if tokens else out, y.reshape(-1) if tokens else y, label_smoothing=self.smooth)
        y = y.reshape(len(y), -1)
        return F.mse_loss(out, ((y - self.mean) / self.std).to(out.dtype) if self.mean is not None else y)

    def evaluate(self, net, data):
        net.eval()
        loss = right = count = 0.0
        table = torch.zeros(self.classes, self.classes)
        with torch.no_grad():
            for i in range(0, data.n, 256):
                x, y = data.x[i : min(i + 256, data.n)], data.y[i : min(i + 256, data.n)]
                out = net(x)
                if self.name != "cross_entropy":
                    out = out * self.std + self.mean if self.mean is not None else out
                    loss, count = loss + F.mse_loss(out.double(), y.reshape(len(y), -1).double(), reduction="sum").item(), count + y.numel()
                    continue
                out = out.movedim(1, -1) if out.ndim == 4 else out
                out, y = out.reshape(-1, out.shape[-1]), y.reshape(-1)
                loss, count = loss + F.cross_entropy(out, y, reduction="sum", label_smoothing=self.smooth).item(), count + len(y)
                said = out.argmax(1)
                right += (said == y).sum().item()
                if "miou" in self.metrics:
                    table += torch.bincount(y * self.classes + said, minlength=self.classes**2).reshape(self.classes, -1)
        net.train()
        found = {"loss": loss / count}
        if self.name == "cross_entropy":
            found["accuracy"] = right / count
        if "miou" in self.metrics:
            both, either = table.diag(), table.sum(0) + table.sum(1) - table.diag()
            found["miou"] = (both / either)[either > 0].mean().item()
        return found


def train(config, net, task, data, held, tell):
    batch, clip = config["batch"], float(config.get("clip_norm", 0))
    each = -(-data.n // batch)
    steps = config["steps"] or config["epochs"] * each
    opt, step, began = optimizer(config["optimizer"], net), 0, time.time()
    shown = began
    while step < steps:
        order = torch.randperm(data.n)
        for i in range(0, data.n, batch):
            for g in opt.param_groups:
                g["lr"] = g["base"] * factor(config["schedule"], step, steps)
            opt.zero_grad(set_to_none=True)
            loss = task.loss(net(data.x[order[i : i + batch]]), data.y[order[i : i + batch]])
            loss.backward()
            if clip > 0:
                torch.nn.utils.clip_grad_norm_(net.parameters(), clip)
            opt.step()
            step += 1
            if time.time() - shown > 20:
                shown = time.time()
                tell(f"step {step}/{steps}  loss {loss.item():.4f}  {shown - began:.0f} s")
            if step == steps:
                break
        found = task.evaluate(net, held)
        tell(f"step {step}/{steps}  " + "  ".join(f"{k} {v:.4f}" for k, v in found.items()) + f"  {time.time() - began:.0f} s")
    return found, time.time() - began


# ---- what needs no net ----


def simple(config, data, held):
    """What a forecast, or an image through a few numbers, comes to without one: a mean squared error by name."""
    x, y, xv, yv = (f.rows[: s.n].double().reshape(s.n, -1) for s in (data, held) for f in (s.x, s.y))
    error = lambda said: ((said - yv) ** 2).mean().item()
    if config["model"]["kind"] == "autoencoder":
        mean = x.mean(0)
        axes = torch.linalg.eigh((x - mean).T @ (x - mean)).eigenvectors[:, -config["model"]["latent"] :]
        return {f"{axes.shape[1]} principal components": error((xv - mean) @ axes @ axes.T + mean)}
    one = lambda a: torch.cat([a, torch.ones(len(a), 1, dtype=a.dtype)], 1)
    return {"the last value, kept": error(xv[:, -1:].expand_as(yv)), "least squares": error(one(xv) @ torch.linalg.lstsq(one(x), y).solution)}


# ---- the table ----


def shown(task, found):
    if "miou" in found:
        return f"{found['miou']:.4f} mIoU"
    if task.name != "cross_entropy":
        return f"{found['loss']:.5f} mse"
    return f"{found['loss']:.4f} nats" if task.text else f"{100 * found['accuracy']:.2f} %"


def clock(s):
    return f"{int(s) // 60}:{int(s) % 60:02d}"


def refuse(config):
    """What this side does not do must not be left out in silence."""
    data = config["data"]
    more = {"data.augment": data.get("augment"), "data.transform": data.get("transform"), "clip_value": float(config.get("clip_value", 0)),
            "ema": float(config.get("ema", {}).get("decay", 0)), "data.normalize": data["normalize"] != "none",
            "data.sampling": data["sampling"] != "once", "early_stop": config.get("early_stop", {}).get("patience", 0),
            "data.weights": data.get("weights"), "precision": config.get("precision", "f32") != "f32",
            "fields": any(len(data.get(k) or [0]) > 1 for k in ("inputs", "targets")), "model.weights": config["model"].get("weights")}
    if any(more.values()):
        sys.exit("PyTorch's side does not know of " + ", ".join(k for k, v in more.items() if v))


def row(run):
    name = os.path.basename(os.path.normpath(run))
    tell = lambda line: print(f"{name}: {line}", file=sys.stderr, flush=True)
    config = yaml.safe_load(open(run + "/config.yaml"))
    refuse(config)
    data, held = Set(config["data"], "train"), Set(config["data"], "validation")
    net = of_config(config["model"], data.shape, data.y.classes, data.values)
    lines = [json.loads(line) for line in open(run + "/metrics.jsonl")]
    about, ours, begun = next(l["start"] for l in lines if "start" in l), json.loads(hoop("eval", run, "--json")), first_weights(run)
    task = Task(config, data, begun)
    task.text = not data.x.rows.is_floating_point()

    put(net, begun, dict(net.named_parameters()))
    theirs, seconds = train(config, net, task, data, held, tell)

    put(net, checkpoint(run), {**dict(net.named_parameters()), **dict(net.named_buffers())})
    judged, wrong = task.evaluate(net, held), 0
    for k, v in judged.items():
        tell(f"{k}: {ours[k]:.6g} by hoop, {v:.6g} of the same weights by PyTorch")
        wrong += abs(v - ours[k]) > 1e-3 * abs(v)
    plain = simple(config, data, held) if task.name == "mse" else {}
    beside = "; ".join(f"{k} {v:.5f}" for k, v in plain.items())
    print(f"| `{name}.yaml` | {sum(p.numel() for p in net.parameters()):,} | {config['batch']} / {about['leaf_samples']} | {shown(task, ours)} | "
          f"{clock(next(l['time'] for l in reversed(lines) if 'time' in l))} | {shown(task, theirs)} | {clock(seconds)} | {beside} |", flush=True)
    return wrong


def row_of(run):
    """Detectors have a file of their own, detector.py."""
    if yaml.safe_load(open(run + "/config.yaml"))["model"]["kind"] != "detector":
        return row(run)
    import detector
    detector.results.HOOP = HOOP
    return detector.row(run)


if __name__ == "__main__":
    HOOP = sys.argv[1]
    torch.set_num_threads(THREADS)
    torch.manual_seed(1)
    sys.exit(sum([row_of(run) for run in sys.argv[2:]]) > 0)
