"""Losses."""
from golden import *

# losses of classes: labels that do not count, weights, smoothing, focusing
label = ints(5, 2, 6)
label[0, 1] = label[1, 4] = -100
x = rand(2, 6, 5)
w = pos(5)


def rows(f):
    return lambda x, y: f(x.reshape(-1, x.shape[-1]), y.reshape(-1))


def counted(y, w, ignore=-100):
    y = y[(y != ignore) & (y != -100)]
    return y.numel() if w is None else w[y].sum().item()


loss("cross_entropy", rows(lambda x, y: F.cross_entropy(x, y, reduction="sum")), [x, label], second=True, weight=10)
for smoothing in [0.0, 0.1, 1.0]:
    for weight in [None, w]:
        options = {} if weight is None else {"weight": weight.tolist()}
        loss("cross_entropy", rows(lambda x, y: F.cross_entropy(x, y, weight, reduction="sum", label_smoothing=smoothing)), [x, label],
             second=True, **{"expect-weight": counted(label, weight)}, label_smoothing=smoothing, **options)
label2 = ints(5, 7)
label2[3] = 2
loss("cross_entropy", lambda x, y: F.cross_entropy(x, y, w, reduction="sum", ignore_index=2), [rand(7, 5), label2], second=True,
     **{"expect-weight": counted(label2, w, 2), "weight": w.tolist(), "ignore_index": 2})
loss("cross_entropy", lambda x, y: F.cross_entropy(x, y, reduction="sum", label_smoothing=0.1), [rand(3, 1), ints(1, 3)], weight=3, label_smoothing=0.1)
loss("cross_entropy", lambda x, y: F.cross_entropy(x, y, reduction="sum", label_smoothing=0.1), [rand(0, 3), ints(3, 0)], weight=0, label_smoothing=0.1)
loss("cross_entropy", lambda x, y: F.cross_entropy(x, y, reduction="sum", label_smoothing=0.1), [200 * rand(2, 3), ints(3, 2)], weight=2, label_smoothing=0.1)
# (N, C, H, W) and labels (N, H, W), as hoop_loss_classes_last gives them
image, pixels = rand(2, 3, 2, 5), ints(5, 2, 3, 2)
loss("cross_entropy", lambda x, y: F.cross_entropy(x.permute(0, 3, 1, 2), y, w, reduction="sum", label_smoothing=0.1), [image, pixels],
     **{"expect-weight": counted(pixels, w), "weight": w.tolist(), "label_smoothing": 0.1})
logp = torch.round(F.log_softmax(rand(7, 5), -1) * 1000) / 1000
loss("nll", lambda x, y: F.nll_loss(x, y, reduction="sum"), [logp, label2], second=True, weight=7)
loss("nll", lambda x, y: F.nll_loss(x, y, w, reduction="sum", ignore_index=2), [logp, label2],
     **{"expect-weight": counted(label2, w, 2), "weight": w.tolist(), "ignore_index": 2})
loss("nll", lambda x, y: F.nll_loss(x, y, reduction="sum"), [rand(0, 3), ints(3, 0)], weight=0)


def focal(gamma, alpha=None):
    def f(x, y):
        n = F.cross_entropy(x, y, reduction="none")
        k = (y != -100).double() if alpha is None else alpha[y]
        return (k * (1 - torch.exp(-n)) ** gamma * n).sum()
    return f


loss("focal", focal(2.0), [rand(7, 5), label2], second=True, weight=7)
loss("focal", focal(0.5, w), [rand(7, 5), label2], second=True, weight=counted(label2, w), gamma=0.5, alpha=w.tolist())
loss("focal", focal(0.0), [rand(3, 1), ints(1, 3)], gamma=0.0)


def dice(smooth, ignore=-100):
    def f(x, y):
        p = torch.softmax(x, -1)
        g = F.one_hot(torch.where(y == ignore, 0, y), x.shape[-1]).double() * (y != ignore).unsqueeze(-1)
        p = p * (y != ignore).unsqueeze(-1)
        d = tuple(range(1, x.dim() - 1))
        both, sizes = (p * g).sum(d), (p + g).sum(d)
        return (1 - (2 * both + smooth) / (sizes + smooth)).mean(-1).sum()
    return f


loss("dice", dice(1.0), [rand(2, 3, 2, 4), ints(4, 2, 3, 2)], second=True, weight=2)
loss("dice", dice(0.25, 1), [rand(2, 5, 3), ints(3, 2, 5)], weight=2, smooth=0.25, ignore_index=1)
loss("dice", dice(1.0), [rand(0, 5, 3), ints(3, 0, 5)], weight=0)
loss("binary_dice", lambda x, g: (1 - (2 * (torch.sigmoid(x) * g).sum((1, 2)) + 0.5) / (torch.sigmoid(x).sum((1, 2)) + g.sum((1, 2)) + 0.5)).sum(),
     [rand(3, 2, 5), ints(2, 3, 2, 5).double()], second=True, weight=3, smooth=0.5)

# CTC: hoop takes logits (n, T, C) and labels padded with -100
def ctc(lengths, blank=0, zero=False, by_length=True):
    def f(x, y):
        y = torch.where(y < 0, 0 if blank else 1, y)
        n = F.ctc_loss(F.log_softmax(x, -1).transpose(0, 1), y, torch.full((x.shape[0],), x.shape[1]), torch.tensor(lengths), blank=blank,
                       reduction="none", zero_infinity=zero)
        return (n / torch.tensor(lengths).clamp_min(1) if by_length else n).sum()
    return f


text = torch.tensor([[1, 2, 2, 3], [4, 4, -100, -100], [2, -100, -100, -100]])
loss("ctc", ctc([4, 2, 1]), [rand(3, 9, 5), text], weight=3, tolerance=10)
loss("ctc", ctc([4, 2, 1], by_length=False), [rand(3, 9, 5), text], weight=3, reduction="sum", tolerance=10)
loss("ctc", ctc([4, 2, 1], zero=True), [rand(3, 4, 5), text], weight=3, zero_infinity=True, tolerance=10)
loss("ctc", ctc([3, 0], blank=4), [rand(2, 7, 5), torch.tensor([[0, 1, 0], [-100, -100, -100]])], weight=2, blank=4, tolerance=10)
loss("ctc", ctc([1], blank=2), [40 * rand(1, 13, 3), torch.tensor([[1]])], weight=1, blank=2, tolerance=10)

# losses of values
a, b = rand(3, 5), rand(3, 5)
loss("mse", lambda a, b: F.mse_loss(a, b, reduction="sum"), [rand(3, 4), rand(3, 4)], second=True, weight=12)
loss("l1", lambda a, b: F.l1_loss(a, b, reduction="sum"), [a, b], second=True, weight=15)
for beta in [1.0, 0.3, 0.0]:
    loss("smooth_l1", lambda a, b: F.smooth_l1_loss(a, b, reduction="sum", beta=beta), [a, b], second=beta > 0, weight=15, beta=beta)
for delta in [1.0, 0.3]:
    loss("huber", lambda a, b: F.huber_loss(a, b, reduction="sum", delta=delta), [a, b], second=True, weight=15, delta=delta)
for name, f in [("l1", F.l1_loss), ("huber", F.huber_loss), ("smooth_l1", F.smooth_l1_loss)]:
    loss(name, lambda a, b: f(a, b, reduction="sum"), [rand(0, 3), rand(0, 3)], weight=0)
    loss(name, lambda a, b: f(a, b, reduction="sum"), [rand(1), rand(1)], weight=1)

# targets from 0 to 1
y = rand(3, 5, low=0, high=1)
y[0] = torch.tensor([0.0, 1.0, 0.0, 1.0, 0.0])
loss("bce_with_logits", lambda x, y: F.binary_cross_entropy_with_logits(x, y, reduction="sum"), [rand(3, 5), y], second=True, weight=15)
loss("bce_with_logits", lambda x, y: F.binary_cross_entropy_with_logits(x, y, reduction="sum"), [60 * rand(3, 5), y], weight=15)
loss("bce_with_logits", lambda x, y: F.binary_cross_entropy_with_logits(x, y, pos_weight=w, reduction="sum"), [rand(3, 5), y], second=True,
     weight=15, pos_weight=w.tolist())
loss("bce_with_logits", lambda x, y: F.binary_cross_entropy_with_logits(x, y, w, pos_weight=torch.tensor([3.0]), reduction="sum"), [rand(3, 5), y],
     second=True, **{"expect-weight": 15, "pos_weight": [3.0], "weight": w.tolist()})
loss("bce_with_logits", lambda x, y: F.binary_cross_entropy_with_logits(x, y, reduction="sum"), [rand(0, 2), rand(0, 2)], weight=0)
zero = torch.tensor([[0.0, 1.0, 0.0, -0.5, 0.0], [2.0, 0.0, 0.0, 0.0, -1.0], [0.0, 0.0, 0.0, 0.5, 0.0]])
loss("bce_with_logits", lambda x, y: F.binary_cross_entropy_with_logits(x, y, w, pos_weight=w, reduction="sum"), [zero, y], second=True,
     **{"expect-weight": 15, "pos_weight": w.tolist(), "weight": w.tolist()})
p = rand(3, 5, low=0.05, high=0.95)
loss("bce", lambda x, y: F.binary_cross_entropy(x, y, reduction="sum"), [p, y], weight=15)
loss("bce", lambda x, y: F.binary_cross_entropy(x, y, w, reduction="sum"), [p, y], **{"expect-weight": 15, "weight": w.tolist()})
edge = torch.tensor([0.0, 1.0, 0.0, 1.0, 0.5])
loss("bce", lambda x, y: F.binary_cross_entropy(x, y, reduction="sum"), [edge, torch.tensor([0.0, 1.0, 1.0, 0.0, 0.5])], tolerance=1e6)  # PyTorch's 1e-12 is an f32
loss("bce", lambda x, y: F.binary_cross_entropy(x, y, w, reduction="sum"), [edge, torch.tensor([0.0, 1.0, 1.0, 0.0, 0.5])],
     **{"tolerance": 1e6, "expect-weight": 5, "weight": w.tolist()})


def sigmoid_focal(alpha, gamma):
    def f(x, y):
        p = torch.sigmoid(x)
        ce = F.binary_cross_entropy_with_logits(x, y, reduction="none")
        p_t = p * y + (1 - p) * (1 - y)
        n = ce * (1 - p_t) ** gamma
        return (n * (alpha * y + (1 - alpha) * (1 - y)) if alpha >= 0 else n).sum()
    return f


loss("sigmoid_focal", sigmoid_focal(0.25, 2.0), [rand(3, 5), y], second=True, weight=15)
loss("sigmoid_focal", sigmoid_focal(-1.0, 0.5), [rand(3, 5), y], second=True, weight=15, alpha=-1.0, gamma=0.5)

# distributions and counts
lp = torch.round(F.log_softmax(rand(3, 5), -1) * 1000) / 1000
loss("kl_div", lambda x, t: F.kl_div(x, t, reduction="sum"), [lp, pos(3, 5)], weight=3)
loss("kl_div", lambda x, t: F.kl_div(x, t, reduction="sum", log_target=True), [lp, lp.flip(0)], weight=3, log_target=True)
counts = ints(6, 3, 5).double()
loss("poisson_nll", lambda x, t: F.poisson_nll_loss(x, t, reduction="sum"), [rand(3, 5), counts], weight=15)
loss("poisson_nll", lambda x, t: F.poisson_nll_loss(x, t, full=True, reduction="sum"), [rand(3, 5), pos(3, 5) + 1.0], weight=15, full=True)
loss("poisson_nll", lambda x, t: F.poisson_nll_loss(x, t, log_input=False, eps=0.01, reduction="sum"), [pos(3, 5), counts], weight=15, log_input=False,
     eps=0.01)
for full in [False, True]:
    loss("gaussian_nll", lambda x, t: F.gaussian_nll_loss(x[:, :3], t, x[:, 3:], full=full, eps=0.75, reduction="sum"), [pos(4, 6), rand(4, 3)],
         weight=12, full=full, eps=0.75)
loss("cosine_embedding", lambda x, t: F.cosine_embedding_loss(x[:, :4], x[:, 4:], t, reduction="sum"), [rand(5, 8), torch.tensor([1.0, -1, -1, 1, -1])],
     second=True, weight=5)
loss("cosine_embedding", lambda x, t: F.cosine_embedding_loss(x[:, :4], x[:, 4:], t, margin=-0.4, reduction="sum"),
     [rand(5, 8), torch.tensor([1.0, -1, -1, 1, -1])], weight=5, margin=-0.4)

# margins
sides = torch.where(rand(3, 5) > 0, 1.0, -1.0)
for margin in (1.0, 0.3):
    loss("hinge_embedding", lambda x, t: F.hinge_embedding_loss(x, t, margin=margin, reduction="sum"), [rand(3, 5), sides], weight=15,
         margin=margin)
    loss("margin_ranking", lambda x, t: F.margin_ranking_loss(x[:, :5], x[:, 5:], t, margin=margin, reduction="sum"),
         [rand(3, 10), sides], weight=15, margin=margin)
loss("hinge_embedding", lambda x, t: F.hinge_embedding_loss(x, t, reduction="sum"), [rand(5), torch.tensor([1.0, 0.0, -1.0, 0.5, 1.0])],
     weight=5)
loss("margin_ranking", lambda x, t: F.margin_ranking_loss(x[..., :1], x[..., 1:], t, reduction="sum"), [rand(2, 3, 2), sides[:2, :3, None]],
     weight=6)


def soft_margin(x, t):
    """PyTorch's has no gradient by targets."""
    by_target = F.softplus(-x.detach() * t).sum()
    return F.soft_margin_loss(x, t.detach(), reduction="sum") + by_target - by_target.detach()


loss("soft_margin", soft_margin, [rand(3, 5), sides], weight=15)
loss("soft_margin", soft_margin, [20 * rand(7), sides.reshape(-1)[:7]], weight=7)
loss("multilabel_soft_margin", lambda x, t: 5 * F.multilabel_soft_margin_loss(x, t, reduction="sum"), [rand(3, 5), y], second=True, weight=15)
loss("multilabel_soft_margin", lambda x, t: 5 * F.multilabel_soft_margin_loss(x, t, w, reduction="sum"), [rand(3, 5), y],
     **{"expect-weight": 15, "weight": w.tolist()})
for p in (1, 2):
    for margin in (1.0, 0.3):
        loss("multi_margin", lambda x, t: F.multi_margin_loss(x, t, p=p, margin=margin, reduction="sum"), [rand(7, 5), ints(5, 7)], weight=7,
             p=p, margin=margin)
    loss("multi_margin", lambda x, t: F.multi_margin_loss(x, t, p=p, weight=w, reduction="sum"), [rand(7, 5), ints(5, 7)],
         **{"expect-weight": 7, "weight": w.tolist(), "p": p})
mixed = ints(5, 7)
mixed[2] = mixed[5] = -100
mixed[3] = 1
loss("multi_margin", lambda x, t: F.multi_margin_loss(x[t >= 2], t[t >= 2], reduction="sum") + F.multi_margin_loss(x[t == 0], t[t == 0], reduction="sum"),
     [rand(7, 5), mixed], weight=int((mixed > 1).sum() + (mixed == 0).sum()), ignore_index=1)
loss("multi_margin", lambda x, t: F.multi_margin_loss(x, t, reduction="sum"), [rand(3, 1), ints(1, 3)], weight=3)

# shares of classes
shares = torch.round(torch.softmax(rand(7, 5), -1) * 1000) / 1000
for smoothing in (0.0, 0.2, 1.0):
    loss("soft_cross_entropy", lambda x, t: F.cross_entropy(x, t, reduction="sum", label_smoothing=smoothing), [rand(7, 5), shares],
         second=True, weight=7, label_smoothing=smoothing)
loss("soft_cross_entropy", lambda x, t: F.cross_entropy(x, t, w, reduction="sum", label_smoothing=0.1), [rand(7, 5), shares],
     **{"expect-weight": 7, "weight": w.tolist(), "label_smoothing": 0.1})
loss("soft_cross_entropy", lambda x, t: F.cross_entropy(x, t, reduction="sum"), [rand(2, 3, 2, 2), rand(2, 3, 2, 2).softmax(1)], weight=8, dim=1)
loss("soft_cross_entropy", lambda x, t: F.cross_entropy(x, t, reduction="sum"), [rand(0, 3), rand(0, 3)], weight=0)

# boxes: places x, y, stride, then distances to four sides, then logits; true ones x1, y1, x2, y2, class


def iou(a, b, generalised=False):
    """Of boxes by their distances from one place."""
    both = (torch.minimum(a[..., 0], b[..., 0]) + torch.minimum(a[..., 2], b[..., 2])) * (
        torch.minimum(a[..., 1], b[..., 1]) + torch.minimum(a[..., 3], b[..., 3]))
    size = lambda v: (v[..., 0] + v[..., 2]) * (v[..., 1] + v[..., 3])
    all_ = size(a) + size(b) - both
    if not generalised:
        return both / all_
    around = (torch.maximum(a[..., 0], b[..., 0]) + torch.maximum(a[..., 2], b[..., 2])) * (
        torch.maximum(a[..., 1], b[..., 1]) + torch.maximum(a[..., 3], b[..., 3]))
    return both / all_ - (around - all_) / around


def assigned(out, boxes, radius):
    x, y, stride = out[..., None, 0], out[..., None, 1], out[..., None, 2]
    x1, y1, x2, y2 = (boxes[:, None, :, k] for k in range(4))
    side = torch.stack([x - x1, y - y1, x2 - x, y2 - y], -1)
    far = torch.maximum((x - (x1 + x2) / 2).abs(), (y - (y1 + y2) / 2).abs())
    size = torch.where((side.amin(-1) > 0) & (far <= radius * stride) & (x2 > x1) & (y2 > y1), (x2 - x1) * (y2 - y1), torch.inf)
    area, which = size.min(-1)
    has = area.isfinite()
    side = torch.where(has[..., None], torch.gather(side, 2, which[..., None, None].expand(-1, -1, 1, 4)).squeeze(2), 0.0)
    label = torch.gather(boxes[..., 4], 1, which).long().clamp(0, out.shape[-1] - 8)
    score = F.one_hot(label, out.shape[-1] - 7) * torch.where(has, iou(out[..., 3:7], side), 0.0)[..., None]
    return torch.cat([score, has[..., None].double(), side], -1)


def detection(radius=1.5, box=2.0):
    def f(out, boxes):
        a = assigned(out.detach(), boxes.detach(), radius)
        z, q, has = out[..., 7:], a[..., : out.shape[-1] - 7], a[..., out.shape[-1] - 7] > 0
        wrong = ((q - torch.sigmoid(z)) ** 2 * F.binary_cross_entropy_with_logits(z, q, reduction="none")).sum()
        return wrong + box * (1 - iou(out[..., 3:7][has], a[..., -4:][has], True)).sum()
    return f


def scene(n, side, stride, classes, most):
    """Outputs for images of side x side, and boxes in them, of which the last sample has none."""
    at = (torch.arange(side // stride) + 0.5) * stride
    grid = torch.stack([at.repeat(len(at)), at.repeat_interleave(len(at)), torch.full((len(at) ** 2,), float(stride))], -1)
    out = torch.cat([grid.expand(n, -1, -1), rand(n, len(grid), 4, low=1, high=9), rand(n, len(grid), classes)], -1)
    one, two = rand(n, most, 2, low=0, high=side - 8), rand(n, most, 2, low=3, high=8)
    boxes = torch.cat([one, one + two, ints(classes, n, most, 1).double()], -1)
    boxes[-1] = 0
    return out, boxes


for radius, stride, classes in [(1.5, 4, 3), (0.5, 2, 2), (3.0, 4, 1)]:
    out, boxes = scene(2, 16 if stride == 4 else 8, stride, classes, 4)
    weight = assigned(out, boxes, radius)[..., classes].sum(1).clamp(min=1).sum().item()
    loss("detection", detection(radius, 0.75), [out, boxes], weight=weight, radius=radius, box=0.75)
    case("box_assign", lambda o, b: assigned(o, b, radius), [out, boxes], grad=False, radius=radius)
loss("detection", detection(), [rand(0, 4, 9), rand(0, 3, 5)], weight=0)
case("box_giou", lambda a, b: 1 - iou(a, b, True), [pos(3, 5, 4), pos(3, 5, 4)], second=False)


def detected(score, overlap, most):
    """Greedy, by class, the best first."""
    def f(out):
        found = torch.zeros(out.shape[0], most, 6)
        found[..., 5] = -1
        for i, o in enumerate(out):
            end = (o[:, :2] + o[:, 2:3] / 2).amax(0).repeat(2)
            box = torch.minimum(torch.cat([o[:, :2] - o[:, 3:5], o[:, :2] + o[:, 5:7]], -1).clamp(min=0), end)
            p, kept = torch.sigmoid(o[:, 7:]), []
            for k in torch.sort(p.reshape(-1), descending=True, stable=True).indices.tolist():
                place, c = divmod(k, p.shape[1])
                wide = lambda a, b: (torch.minimum(a[2:], b[2:]) - torch.maximum(a[:2], b[:2])).clamp(min=0).prod()
                same = [box[j] for j, d in kept if d == c]
                union = lambda a, b: wide(a, a) + wide(b, b) - wide(a, b)
                if p[place, c] > score and len(kept) < most and all(wide(box[place], b) <= overlap * union(box[place], b) for b in same):
                    kept.append((place, c))
            for k, (place, c) in enumerate(kept):
                found[i, k] = torch.cat([box[place], p[place, c][None], torch.tensor([float(c)])])
        return found
    return f


for score, overlap, most in [(0.3, 0.4, 7), (0.05, 0.8, 30), (0.6, 0.0, 3)]:
    case("box_detect", detected(score, overlap, most), [scene(2, 16, 4, 3, 1)[0]], grad=False, score=score, overlap=overlap, most=most)
tied = scene(2, 16, 4, 2, 1)[0]
tied[..., 7:] = torch.round(tied[..., 7:])  # equal scores: the first place is before the next, and class 0 before 1
case("box_detect", detected(0.2, 0.5, 9), [tied], grad=False, score=0.2, overlap=0.5, most=9)
done()
