"""What test_kinds compares models with: parameters, outputs and gradients of the same nets in PyTorch (torchvision's where it has them).

Run by hand where PyTorch and torchvision are installed (2.13 and its own wrote the file in the tree): python kinds.py
It writes kinds.golden. Weights and inputs are formulas of names and places, which test_kinds.c works out too; of a gradient there is
its sum, each element times such a number.
"""
import importlib.util, math, os, sys, types
import torch
import torch.nn as nn
import torch.nn.functional as F

torch.set_default_dtype(torch.float64)
torch.set_num_threads(1)
out = []


def torchvision(path):
    """A file of torchvision by itself: the package wants its compiled ops, which models of classes do not use."""
    where = importlib.util.find_spec("torch").submodule_search_locations[0] + "/../torchvision"
    for name in ("torchvision", "torchvision.models", "torchvision.ops", "torchvision.transforms"):
        if name not in sys.modules:
            sys.modules[name] = types.ModuleType(name)
            sys.modules[name].__path__ = [where + name[11:].replace(".", "/")]
    presets = types.ModuleType("torchvision.transforms._presets")
    presets.ImageClassification = presets.InterpolationMode = type("Any", (), {"BICUBIC": 0})
    utils = types.ModuleType("torchvision.utils")
    utils._log_api_usage_once = lambda x: None
    utils._make_ntuple = lambda x, n: (x,) * n
    sys.modules["torchvision.transforms._presets"], sys.modules["torchvision.utils"] = presets, utils
    return importlib.import_module(path)


def spread(j, shape):
    n = math.prod(shape)
    i = torch.arange(n, dtype=torch.int64)
    return (((i * 7919 + (j + 1) * 104729) % 2001 - 1000).double() / 1000).reshape(shape)


def number(name):
    h = 2166136261
    for c in name.encode():
        h = ((h ^ c) * 16777619) % 2**32
    return h % 1000


def fill(name, p):
    v = spread(number(name), p.shape)
    if p.ndim >= 2:
        v = v / math.sqrt(p.numel() / p.shape[0])
    elif name.endswith("weight") or name.endswith("running_var"):
        v = 1 + 0.25 * v
    else:
        v = 0.25 * v
    p.copy_(v)


def case(config, net, shape, tokens=0, classes=0, values=0, train=False, grad=True):
    """A model of this config against net: of inputs of a shape (below `tokens` where that is given), for so many classes or values."""
    net.train(train)
    with torch.no_grad():
        for k, p in list(net.named_parameters()) + list(net.named_buffers()):
            if p.is_floating_point():
                fill(k, p)
    out.append(f"case {config}")
    out.append(f"input {tokens} {'x'.join(map(str, shape))}")
    out.append(f"target {classes} {values}")
    if train:
        out.append("training")
    n = math.prod(shape)
    x = ((torch.arange(n) * 7919 + 3) % tokens).reshape(shape) if tokens else spread(0, shape)
    y = net(x)
    out.append(f"output {'x'.join(map(str, y.shape))}")
    out.extend(" ".join(repr(float(v)) for v in row) for row in y.detach().reshape(-1, y.shape[-1]))
    params = dict(net.named_parameters())
    grads = torch.autograd.grad((y * spread(0, y.shape)).sum(), list(params.values())) if grad else [None] * len(params)
    for (k, p), g in zip(params.items(), grads):
        out.append(f"param {k} {'x'.join(map(str, p.shape))} {'-' if g is None else repr(float((g * spread(1, g.shape)).sum()))}")
    for k, b in net.named_buffers():
        out.append(f"buffer {k} {'x'.join(map(str, b.shape)) or '.'}")
    out.append("end")


class Named(nn.Module):
    """Modules by their names, run one after the other."""

    def __init__(self, **parts):
        super().__init__()
        self.order = list(parts)
        for k, m in parts.items():
            setattr(self, k, m)

    def forward(self, x):
        for k in self.order:
            x = getattr(self, k)(x)
        return x


class Do(nn.Module):
    def __init__(self, f):
        super().__init__()
        self.f = f

    def forward(self, x):
        return self.f(x)


class Table(nn.Module):
    """Positions, learned."""

    def __init__(self, length, width):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(length, width))

    def forward(self, x):
        return x + self.weight[: x.shape[1]]


# ---- gpt ----


class Attention(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads, self.c_attn, self.c_proj = heads, nn.Linear(width, 3 * width), nn.Linear(width, width)

    def forward(self, x):
        n, t, c = x.shape
        q, k, v = (y.reshape(n, t, self.heads, c // self.heads).transpose(1, 2) for y in self.c_attn(x).split(c, 2))
        return self.c_proj(F.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2).reshape(n, t, c))


class Block(nn.Module):
    def __init__(self, width, heads, hidden):
        super().__init__()
        self.ln_1, self.attn, self.ln_2 = nn.LayerNorm(width), Attention(width, heads), nn.LayerNorm(width)
        self.mlp = Named(c_fc=nn.Linear(width, hidden), act=nn.GELU("tanh"), c_proj=nn.Linear(hidden, width))

    def forward(self, x):
        x = x + self.attn(self.ln_1(x))
        return x + self.mlp(self.ln_2(x))


class GPT(nn.Module):
    def __init__(self, layers, heads, width, context, vocabulary, hidden, tied=True):
        super().__init__()
        self.transformer = Named(wte=nn.Embedding(vocabulary, width), wpe=Table(context, width),
                                 h=nn.Sequential(*(Block(width, heads, hidden) for _ in range(layers))), ln_f=nn.LayerNorm(width))
        self.lm_head = nn.Linear(width, vocabulary, bias=False)
        if tied:
            self.lm_head.weight = self.transformer.wte.weight

    def forward(self, x):
        return self.lm_head(self.transformer(x))


case("{kind: gpt, layers: 2, heads: 3, width: 12}", GPT(2, 3, 12, 7, 11, 48), (2, 7), tokens=11, classes=11)
case("{kind: gpt, layers: 1, heads: 1, width: 5, context: 9, vocabulary: 13, feedforward: 7, tied: false, checkpoint: true}",
     GPT(1, 1, 5, 9, 13, 7, tied=False), (3, 4), tokens=11, classes=11)

# ---- images ----


def convs(channels, norm, act, pool, n=1, inp=1, dims=2, kernel=3):
    conv, batch, most, mean = ((nn.Conv2d, nn.BatchNorm2d, nn.MaxPool2d, nn.AvgPool2d), (nn.Conv3d, nn.BatchNorm3d, nn.MaxPool3d, nn.AvgPool3d))[dims - 2]
    layers = []
    for c in channels:
        for _ in range(n):
            layers.append(conv(inp, c, kernel, padding=kernel // 2, bias=norm != "batch"))
            layers += [batch(c)] if norm == "batch" else [nn.GroupNorm(next(g for g in range(min(c, 8), 0, -1) if c % g == 0), c)] if norm == "group" else []
            layers.append(act())
            inp = c
        layers += [most(2)] if pool == "max" else [mean(2)] if pool == "avg" else []
    return nn.Sequential(*layers)


one = Do(lambda x: x[:, None])
case("{kind: cnn, channels: [4, 6], hidden: [5]}",
     Named(image=one, features=convs([4, 6], "batch", nn.ReLU, "max"), flatten=nn.Flatten(),
           classifier=nn.Sequential(nn.Linear(24, 5), nn.ReLU(), nn.Linear(5, 3))), (2, 8, 9), classes=3)
case("{kind: cnn, channels: [6], convs: 2, kernel: 5, norm: group, activation: gelu, pool: avg, hidden: []}",
     Named(features=convs([6], "group", nn.GELU, "avg", n=2, inp=3, kernel=5), flatten=nn.Flatten(),
           classifier=nn.Sequential(nn.Linear(72, 2))), (2, 3, 7, 8), values=2, train=True)
case("{kind: cnn, channels: [3, 2], norm: none, activation: tanh, pool: none, hidden: []}",
     Named(features=convs([3, 2], "none", nn.Tanh, "none", inp=2, dims=3), flatten=nn.Flatten(),
           classifier=nn.Sequential(nn.Linear(120, 4))), (1, 2, 3, 4, 5), classes=4)

resnet = torchvision("torchvision.models.resnet")


class Small(nn.Module):
    """He et al.'s for CIFAR, of torchvision's blocks."""

    def __init__(self, blocks, width, inp, classes):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(inp, width, 3, padding=1, bias=False), nn.BatchNorm2d(width)
        for s in range(3):
            planes, stride = width << s, 2 if s else 1
            short = nn.Sequential(nn.Conv2d(planes // 2, planes, 1, 2, bias=False), nn.BatchNorm2d(planes)) if s else None
            layers = [resnet.BasicBlock(planes // stride, planes, stride, short)]
            setattr(self, f"layer{s + 1}", nn.Sequential(*layers, *(resnet.BasicBlock(planes, planes) for _ in range(blocks - 1))))
        self.fc = nn.Linear(4 * width, classes)

    def forward(self, x):
        x = self.layer3(self.layer2(self.layer1(F.relu(self.bn1(self.conv1(x))))))
        return self.fc(x.mean((2, 3)))


case("{kind: resnet, width: 3}", Small(3, 3, 2, 4), (3, 2, 9, 8), classes=4)
case("{kind: resnet, depth: 32}", Small(5, 16, 1, 2), (1, 1, 5, 5), classes=2, grad=False)
case("{kind: resnet, depth: 18}", resnet.resnet18(num_classes=5), (2, 3, 33, 32), classes=5)
case("{kind: resnet, depth: 50}", resnet.resnet50(num_classes=3), (1, 3, 32, 32), classes=3)

vit = torchvision("torchvision.models.vision_transformer")


def vision(image, patch, layers, heads, width, hidden, classes, channels=3):
    net = vit.VisionTransformer(image, patch, layers, heads, width, hidden, num_classes=classes)
    if channels != 3:
        net.conv_proj = nn.Conv2d(channels, width, patch, patch)
    return net


case("{kind: vit, patch: 4, layers: 2, heads: 2, width: 6}", vision(8, 4, 2, 2, 6, 24, 5), (2, 3, 8, 8), classes=5)
case("{kind: vit, patch: 3, layers: 1, heads: 1, width: 4, feedforward: 7, checkpoint: true}",
     vision(6, 3, 1, 1, 4, 7, 2, channels=1), (3, 1, 6, 6), classes=2)


class Level(nn.Module):
    def __init__(self, inp, out, up, norm, dims):
        super().__init__()
        conv, back, batch = ((nn.Conv2d, nn.ConvTranspose2d, nn.BatchNorm2d), (nn.Conv3d, nn.ConvTranspose3d, nn.BatchNorm3d))[dims - 2]
        if up:
            self.up = back(inp, out, 2, 2)
            inp = 2 * out
        kinds = {"batch": batch, "group": lambda c: nn.GroupNorm(min(c, 8), c), "none": None}[norm]
        self.conv1, self.conv2 = conv(inp, out, 3, padding=1, bias=norm == "none"), conv(out, out, 3, padding=1, bias=norm == "none")
        self.bn1, self.bn2 = (kinds(out), kinds(out)) if kinds else (nn.Identity(), nn.Identity())

    def forward(self, x, skip=None):
        if skip is not None:
            x = torch.cat([skip, self.up(x)], 1)
        return F.relu(self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x))))))


class UNet(nn.Module):
    def __init__(self, inp, channels, out, norm="batch", dims=2):
        super().__init__()
        self.unet = nn.Module()
        self.unet.down = nn.ModuleList(Level(i, o, False, norm, dims) for i, o in zip([inp] + channels, channels))
        self.unet.up = nn.ModuleList(Level(i, o, True, norm, dims) for i, o in zip(channels[:0:-1], channels[-2::-1]))
        self.head = (nn.Conv2d if dims == 2 else nn.Conv3d)(channels[0], out, 1)
        self.pool = nn.MaxPool2d(2) if dims == 2 else nn.MaxPool3d(2)

    def forward(self, x):
        skips = []
        for i, level in enumerate(self.unet.down):
            x = level(self.pool(x) if i else x)
            skips.append(x)
        for level, skip in zip(self.unet.up, skips[-2::-1]):
            x = level(x, skip)
        return self.head(x)


case("{kind: unet, channels: [3, 4, 5]}", UNet(2, [3, 4, 5], 3), (2, 2, 8, 4), classes=3)
case("{kind: unet, channels: [4, 2], norm: none}", UNet(1, [4, 2], 2, "none", 3), (1, 1, 2, 4, 2), values=32)
case("{kind: unet, channels: [3, 2], norm: group}",
     UNet(1, [3, 2], 1, "group"), (1, 1, 4, 6), values=24)

# ---- sequences ----


class Net(nn.Module):
    """lstm and gru give a pair."""

    def __init__(self, name, net, head, last, embedding=None):
        super().__init__()
        if embedding:
            self.embedding = embedding
        setattr(self, name, net)
        self.name, self.last, self.head = name, last, head

    def forward(self, x):
        x = self.embedding(x) if hasattr(self, "embedding") else x
        x = getattr(self, self.name)(x)[0]
        return self.head(x[:, -1] if self.last else x)


case("{kind: lstm, vocabulary: 7, embedding: 3, hidden: 4, layers: 2}",
     Net("lstm", nn.LSTM(3, 4, 2, batch_first=True), nn.Linear(4, 5), False, nn.Embedding(7, 3)), (2, 6), tokens=7, classes=5)
case("{kind: gru, hidden: 3, bidirectional: true}", Net("gru", nn.GRU(2, 3, batch_first=True, bidirectional=True), nn.Linear(6, 4), True),
     (3, 5, 2), values=4)
case("{kind: lstm, hidden: 3, steps: each}", Net("lstm", nn.LSTM(2, 3, batch_first=True), nn.Linear(3, 2), False), (2, 5, 2), values=10)


def encoder(width, heads, hidden, act, first, layers):
    layer = nn.TransformerEncoderLayer(width, heads, hidden, 0.0, act, batch_first=True, norm_first=first)
    return nn.TransformerEncoder(layer, layers, nn.LayerNorm(width) if first else None, enable_nested_tensor=False)


case("{kind: transformer, vocabulary: 9, width: 6, layers: 2, heads: 2}",
     Named(embedding=nn.Embedding(9, 6), position=Table(5, 6), encoder=encoder(6, 2, 24, "gelu", True, 2),
           pool=Do(lambda x: x.mean(1)), head=nn.Linear(6, 3)), (2, 5), tokens=9, classes=3)
case("{kind: transformer, width: 4, layers: 1, heads: 1, feedforward: 5, activation: relu, norm_first: false, position: none, pool: none}",
     Named(embedding=nn.Linear(2, 4), encoder=encoder(4, 1, 5, "relu", False, 1), head=nn.Linear(4, 3)), (2, 3, 2), values=9)
case("{kind: transformer, vocabulary: 9, width: 4, layers: 1, heads: 2, length: 8, pool: first}",
     Named(embedding=nn.Embedding(9, 4), position=Table(8, 4), encoder=encoder(4, 2, 16, "gelu", True, 1),
           pool=Do(lambda x: x[:, 0]), head=nn.Linear(4, 2)), (2, 5), tokens=9, values=2)

# ---- rows ----

case("{kind: autoencoder, hidden: [5, 4], latent: 2, output: sigmoid}",
     Named(flatten=nn.Flatten(), encoder=nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 4), nn.ReLU(), nn.Linear(4, 2)),
           decoder=nn.Sequential(nn.Linear(2, 4), nn.ReLU(), nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 6), nn.Sigmoid())),
     (3, 2, 3), values=6)
case("{kind: mlp, hidden: [5], activation: tanh}",
     Named(flatten=nn.Flatten(), layers=nn.Sequential(nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, 4))), (3, 2, 3), classes=4)

with open(os.path.splitext(os.path.abspath(__file__))[0] + ".golden", "w") as f:
    f.write(f"# Written by kinds.py with PyTorch {torch.__version__.split('+')[0]}; not edited by hand.\n" + "\n".join(out) + "\n")
print(f"{out.count('end')} cases", file=sys.stderr)
