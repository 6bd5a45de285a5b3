"""The net, loss, data and budget of launch/recipes/scenes-detector.yaml in PyTorch, and mAP as COCO counts it.

    hoop data synth scenes --samples 6400 --split 0.1 --seed 1 --out scenes
    python detector.py scenes [epochs]

Two threads stand beside hoop's two ranks. Weights begin as hoop's do; order of samples, flips and batches of batch norm are PyTorch's own.
"""
import glob, math, sys, time
import h5py, numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

CHANNELS, WIDTH, HEAD, STRIDE, CLASSES = [32, 48, 96, 128], 48, 2, 4, 5
BATCH, LR, DECAY, WARMUP, CLIP, RADIUS, BOX = 32, 3e-3, 0.02, 100, 5.0, 1.5, 2.0


def read(prefix):
    x, boxes = [], []
    for path in sorted(glob.glob(prefix + "-*.h5")):
        with h5py.File(path) as f:
            x.append(f["x"][:])
            at, of = f["boxes_offsets"][:], f["boxes"][:]
            boxes += [of[a:b] for a, b in zip(at, at[1:])]
    return torch.from_numpy(np.concatenate(x)), [torch.from_numpy(b) for b in boxes]


class Block(nn.Module):
    def __init__(self, i, o):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(i, o, 3, 2, 1, bias=False), nn.BatchNorm2d(o)
        self.conv2, self.bn2 = nn.Conv2d(o, o, 3, 1, 1, bias=False), nn.BatchNorm2d(o)
        self.downsample = nn.Sequential(nn.Conv2d(i, o, 1, 2, bias=False), nn.BatchNorm2d(o))

    def forward(self, x):
        return F.relu(self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x))))) + self.downsample(x))


class Detector(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, CHANNELS[0], 3, 2, 1, bias=False), nn.BatchNorm2d(CHANNELS[0])
        self.layers = nn.ModuleList(Block(i, o) for i, o in zip(CHANNELS, CHANNELS[1:]))
        self.laterals = nn.ModuleList(nn.Conv2d(c, WIDTH, 1) for c in CHANNELS[1:])
        conv = lambda: [nn.Conv2d(WIDTH, WIDTH, 3, padding=1, bias=False), nn.BatchNorm2d(WIDTH), nn.ReLU()]
        self.smooth, self.head = nn.Sequential(*conv()), nn.Sequential(*(m for _ in range(HEAD) for m in conv()))
        self.cls, self.box = nn.Conv2d(WIDTH, CLASSES, 3, padding=1), nn.Conv2d(WIDTH, 4, 3, padding=1)
        for m in [self.conv1] + [m for b in self.layers for m in (b.conv1, b.conv2, b.downsample[0])]:
            nn.init.kaiming_normal_(m.weight, mode="fan_out", nonlinearity="relu")
        for m, bias in ((self.cls, -math.log(99)), (self.box, 0.0)):
            nn.init.normal_(m.weight, std=0.01)
            nn.init.constant_(m.bias, bias)

    def forward(self, x):
        x, levels, up = F.relu(self.bn1(self.conv1(x))), [], None
        for layer in self.layers:
            x = layer(x)
            levels.append(x)
        for lateral, level in zip(self.laterals[::-1], levels[::-1]):
            own = lateral(level)
            up = own if up is None else own + F.interpolate(up, scale_factor=2)
        x = self.head(self.smooth(up))
        flat = lambda y: y.flatten(2).transpose(1, 2)
        return flat(torch.exp(self.box(x).clamp(-8, 8)) * STRIDE), flat(self.cls(x))


def grid(side):
    at = (torch.arange(side // STRIDE) + 0.5) * STRIDE
    return torch.stack([at.repeat(len(at)), at.repeat_interleave(len(at))], -1)


def assign(places, boxes):
    """Per place the smallest box it is in, near its middle: distances to sides, class, whether it has one."""
    lo, hi = boxes[:, None, :, :2], boxes[:, None, :, 2:4]
    p = places[None, :, None]
    near = ((p - (lo + hi) / 2).abs() <= RADIUS * STRIDE).all(-1) & (p > lo).all(-1) & (p < hi).all(-1)
    area, which = torch.where(near, (hi - lo).prod(-1), torch.inf).min(-1)
    mine = torch.gather(boxes, 1, which[..., None].expand(-1, -1, 5))
    return torch.cat([places - mine[..., :2], mine[..., 2:4] - places], -1), mine[..., 4].long(), area.isfinite()


def loss_of(sides, logits, places, boxes):
    true, label, has = assign(places, boxes)
    a, b = sides[has], true[has]
    both = (torch.minimum(a[:, :2], b[:, :2]) + torch.minimum(a[:, 2:], b[:, 2:])).prod(-1)
    outer = (torch.maximum(a[:, :2], b[:, :2]) + torch.maximum(a[:, 2:], b[:, 2:])).prod(-1)
    all_ = (a[:, :2] + a[:, 2:]).prod(-1) + (b[:, :2] + b[:, 2:]).prod(-1) - both
    wanted = torch.zeros_like(logits)
    wanted[has] = F.one_hot(label[has], CLASSES) * (both / all_).detach()[:, None]
    score = ((wanted - torch.sigmoid(logits)) ** 2 * F.binary_cross_entropy_with_logits(logits, wanted, reduction="none")).sum()
    return (score + BOX * (2 - both / all_ - all_ / outer).sum()) / has.sum(1).clamp(min=1).sum()


def overlaps(a, b):
    wide = (np.minimum(a[:, None, 2:4], b[None, :, 2:4]) - np.maximum(a[:, None, :2], b[None, :, :2])).clip(0).prod(-1)
    size = lambda v: (v[:, 2:4] - v[:, :2]).prod(-1)
    return wide / (size(a)[:, None] + size(b)[None] - wide)


def detect(sides, logits, places, side, score=0.05, overlap=0.6, most=100):
    """x1, y1, x2, y2, class, score of an image, by greedy suppression in each class."""
    p = torch.sigmoid(logits)
    place, label = (p > score).nonzero(as_tuple=True)
    box = torch.cat([places - sides[:, :2], places + sides[:, 2:]], -1).clamp(0, side)[place]
    found = torch.cat([box, label[:, None].float(), p[place, label][:, None]], -1).double().numpy()
    found = found[np.argsort(-found[:, 5], kind="stable")]
    all_, kept = overlaps(found, found), []
    for i in range(len(found)):
        if len(kept) < most and all(found[k, 4] != found[i, 4] or all_[k, i] <= overlap for k in kept):
            kept.append(i)
    return found[kept]


def mean_precision(images):
    """mAP at overlaps 0.5 ... 0.95 of (found, true) by image."""
    table = np.zeros((CLASSES, 10))
    for c in range(CLASSES):
        scores, right, n = [], [], 0
        for found, true in images:
            found, true = found[found[:, 4] == c], true[true[:, 4] == c]
            n += len(true)
            o, hit = overlaps(found, true), np.zeros((len(found), 10), bool)
            for k in range(10):
                free = np.ones(len(true), bool)
                for i in range(len(found)):
                    best = np.where(free, o[i], -1)
                    if len(true) and best.max() >= 0.5 + 0.05 * k:
                        hit[i, k], free[best.argmax()] = True, False
            scores.append(found[:, 5])
            right.append(hit)
        order = np.argsort(-np.concatenate(scores), kind="stable")
        hits = np.concatenate(right)[order].cumsum(0)
        for k in range(10):
            recall, precision = hits[:, k] / n, hits[:, k] / np.arange(1, len(hits) + 1)
            precision = np.maximum.accumulate(precision[::-1])[::-1]
            at = np.searchsorted(recall, np.linspace(0, 1, 101))
            table[c, k] = np.where(at < len(precision), precision[np.minimum(at, len(precision) - 1)], 0).mean() if len(precision) else 0
    return table.mean(), table[:, 0].mean()


def main():
    torch.manual_seed(1)
    torch.set_num_threads(2)
    folder, epochs = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 14
    x, boxes = read(folder + "/train")
    y = nn.utils.rnn.pad_sequence(boxes, batch_first=True)
    side, places = x.shape[-1], grid(x.shape[-1])
    net = Detector()
    optim = torch.optim.AdamW(net.parameters(), lr=LR, weight_decay=DECAY)
    steps, step, start = epochs * math.ceil(len(x) / BATCH), 0, time.time()
    for epoch in range(epochs):
        net.train()
        total = 0.0
        for index in torch.randperm(len(x)).split(BATCH):
            lr = LR * (min(1.0, (step + 1) / WARMUP) if step < WARMUP else 0.5 * (1 + math.cos(math.pi * (step - WARMUP) / (steps - WARMUP))))
            for g in optim.param_groups:
                g["lr"] = lr
            image, box = x[index].float() / 255, y[index].clone()
            real = (box[..., 2] > box[..., 0])[..., None]
            for dim, low, high in ((3, 0, 2), (2, 1, 3)):
                flipped = torch.rand(len(index)) < 0.5
                image[flipped] = image[flipped].flip(dim)
                turned = box[flipped]
                turned[..., low], turned[..., high] = side - box[flipped][..., high], side - box[flipped][..., low]
                box[flipped] = turned
            box = torch.where(real, box, 0.0)
            optim.zero_grad()
            loss = loss_of(*net(image), places, box)
            loss.backward()
            nn.utils.clip_grad_norm_(net.parameters(), CLIP)
            optim.step()
            total += loss.item()
            step += 1
        print(f"epoch {epoch + 1}: loss {total / math.ceil(len(x) / BATCH):.4f}, {time.time() - start:.0f} s", flush=True)
    spent = time.time() - start
    x, boxes = read(folder + "/validation")
    net.eval()
    images = []
    with torch.no_grad():
        for i in range(0, len(x), 64):
            for sides, logits in zip(*net(x[i : i + 64].float() / 255)):
                images.append((detect(sides, logits, places, side), boxes[len(images)].double().numpy()))
    print("map %.4f, map_50 %.4f of %d unseen scenes, %d s of training" % (*mean_precision(images), len(images), spent))


if __name__ == "__main__":
    main()
