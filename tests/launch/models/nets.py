"""The kinds of `model:` in PyTorch: the same nets under the same names of parameters (torchvision's where it has them).

of_config(model, shape, classes, values) is the one that a config's `model:` means. kinds.py writes down what these give, which
test_kinds holds hoop's to; tests/peer/results.py trains them.
"""
import importlib, importlib.util, math, sys, types
import torch
import torch.nn as nn
import torch.nn.functional as F


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


class Named(nn.Module):
    """Modules by their names, run one after the other; None: left out."""

    def __init__(self, **parts):
        super().__init__()
        self.order = [k for k in parts if parts[k] is not None]
        for k in self.order:
            setattr(self, k, parts[k])

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


ACTIVATIONS = {"relu": nn.ReLU, "gelu": nn.GELU, "silu": nn.SiLU, "elu": nn.ELU, "leaky_relu": nn.LeakyReLU, "tanh": nn.Tanh,
               "sigmoid": nn.Sigmoid}


def linears(sizes, act, dropout=0.0):
    """Linears of these sizes, an activation behind each but the last, dropout before each."""
    layers = []
    for i, o in zip(sizes, sizes[1:]):
        layers += [nn.Dropout(dropout)] if dropout > 0 else []
        layers += [nn.Linear(i, o), ACTIVATIONS[act]()]
    return layers[:-1]


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


def gpt(m, shape, classes, values):
    width = m.get("width", 128)
    return GPT(m.get("layers", 4), m.get("heads", 4), width, auto(m, "context", shape[0]), auto(m, "vocabulary", classes),
               auto(m, "feedforward", 4 * width), m.get("tied", True))


# ---- images ----


def convs(channels, norm, act, pool, n, inp, dims, kernel):
    conv, batch, most, mean = ((nn.Conv2d, nn.BatchNorm2d, nn.MaxPool2d, nn.AvgPool2d), (nn.Conv3d, nn.BatchNorm3d, nn.MaxPool3d, nn.AvgPool3d))[dims - 2]
    layers = []
    for c in channels:
        for _ in range(n):
            layers.append(conv(inp, c, kernel, padding=kernel // 2, bias=norm != "batch"))
            layers += [batch(c)] if norm == "batch" else [nn.GroupNorm(next(g for g in range(min(c, 8), 0, -1) if c % g == 0), c)] if norm == "group" else []
            layers.append(ACTIVATIONS[act]())
            inp = c
        layers += [most(2)] if pool == "max" else [mean(2)] if pool == "avg" else []
    return nn.Sequential(*layers)


def image(shape):
    """A module for images (H, W), none for those that have channels; and (C, H, W)."""
    return (Do(lambda x: x[:, None]), (1, *shape)) if len(shape) == 2 else (None, tuple(shape))


def cnn(m, shape, classes, values):
    one, shape = image(shape)
    channels, pool = m.get("channels", [32, 64]), m.get("pool", "max")
    features = convs(channels, m.get("norm", "batch"), m.get("activation", "relu"), pool, m.get("convs", 1), shape[0], len(shape) - 1,
                     m.get("kernel", 3))
    last = channels[-1] * math.prod(s >> len(channels) if pool != "none" else s for s in shape[1:])
    sizes = [last, *m.get("hidden", [128]), classes or values]
    return Named(image=one, features=features, flatten=nn.Flatten(),
                 classifier=nn.Sequential(*linears(sizes, m.get("activation", "relu"), m.get("dropout", 0.0))))


class Small(nn.Module):
    """He et al.'s for CIFAR, of torchvision's blocks."""

    def __init__(self, resnet, blocks, width, inp, classes):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(inp, width, 3, padding=1, bias=False), nn.BatchNorm2d(width)
        for s in range(3):
            planes, stride = width << s, 2 if s else 1
            short = nn.Sequential(nn.Conv2d(planes // 2, planes, 1, 2, bias=False), nn.BatchNorm2d(planes)) if s else None
            layers = [resnet.BasicBlock(planes // stride, planes, stride, short)]
            setattr(self, f"layer{s + 1}", nn.Sequential(*layers, *(resnet.BasicBlock(planes, planes) for _ in range(blocks - 1))))
        self.fc = nn.Linear(4 * width, classes)

    def forward(self, x):
        x = x[:, None] if x.ndim == 3 else x
        x = self.layer3(self.layer2(self.layer1(F.relu(self.bn1(self.conv1(x))))))
        return self.fc(x.mean((2, 3)))


def resnet(m, shape, classes, values):
    net, depth = torchvision("torchvision.models.resnet"), int(m.get("depth", 20))
    if depth in (20, 32, 44, 56, 110):
        return Small(net, (depth - 2) // 6, auto(m, "width", 16), image(shape)[1][0], classes or values)
    return getattr(net, f"resnet{depth}")(num_classes=classes or values)


def vit(m, shape, classes, values):
    one, (channels, side, _) = image(shape)
    patch, width = m.get("patch", 4), m.get("width", 64)
    net = torchvision("torchvision.models.vision_transformer").VisionTransformer(
        side, patch, m.get("layers", 4), m.get("heads", 4), width, auto(m, "feedforward", 4 * width), dropout=m.get("dropout", 0.0),
        num_classes=classes or values)
    net.conv_proj = nn.Conv2d(channels, width, patch, patch)
    whole = net.forward
    if one is not None:
        net.forward = lambda x: whole(one(x))
    return net


class Level(nn.Module):
    def __init__(self, inp, out, up, norm, dims):
        super().__init__()
        conv, back, batch = ((nn.Conv2d, nn.ConvTranspose2d, nn.BatchNorm2d), (nn.Conv3d, nn.ConvTranspose3d, nn.BatchNorm3d))[dims - 2]
        if up:
            self.up = back(inp, out, 2, 2)
            inp = 2 * out
        kinds = {"batch": batch, "group": lambda c: nn.GroupNorm(next(g for g in range(min(c, 8), 0, -1) if c % g == 0), c), "none": None}[norm]
        self.conv1, self.conv2 = conv(inp, out, 3, padding=1, bias=norm == "none"), conv(out, out, 3, padding=1, bias=norm == "none")
        self.bn1, self.bn2 = (kinds(out), kinds(out)) if kinds else (nn.Identity(), nn.Identity())

    def forward(self, x, skip=None):
        if skip is not None:
            x = torch.cat([skip, self.up(x)], 1)
        return F.relu(self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x))))))


class UNet(nn.Module):
    def __init__(self, inp, channels, out, norm, dims):
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


def unet(m, shape, classes, values):
    one, (inp, *sizes) = image(shape)
    net = UNet(inp, m.get("channels", [16, 32, 64]), classes or values // math.prod(sizes), m.get("norm", "batch"), len(sizes))
    whole = net.forward
    if one is not None:
        net.forward = lambda x: whole(one(x))
    return net


class Detector(nn.Module):
    """torchvision's blocks; the stages from that of the stride on meet in one map."""

    def __init__(self, resnet, inp, channels, width, head, stride, classes, blocks, stem):
        super().__init__()
        d = self.detector = nn.Module()
        for i in range(1, stem + 1):
            setattr(d, f"conv{i}", nn.Conv2d(inp if i == 1 else channels[0], channels[0], 3, 2 if i == 1 else 1, 1, bias=False))
            setattr(d, f"bn{i}", nn.BatchNorm2d(channels[0]))
        self.stem = stem
        self.stride, self.stages, self.first = stride, len(channels) - 1, {4: 1, 8: 2}[stride]
        for s, (i, o) in enumerate(zip(channels, channels[1:]), 1):
            short = nn.Sequential(nn.Conv2d(i, o, 1, 2, bias=False), nn.BatchNorm2d(o))
            setattr(d, f"layer{s}", nn.Sequential(resnet.BasicBlock(i, o, 2, short), *(resnet.BasicBlock(o, o) for _ in range(blocks - 1))))
            if s >= self.first:
                setattr(d, f"lateral{s}", nn.Conv2d(o, width, 1))
        tower = lambda n: nn.Sequential(*(m for _ in range(n) for m in (nn.Conv2d(width, width, 3, padding=1, bias=False),
                                                                         nn.BatchNorm2d(width), nn.ReLU())))
        d.smooth = tower(1)
        if head:
            d.head = tower(head)
        d.cls, d.box = nn.Conv2d(width, classes, 3, padding=1), nn.Conv2d(width, 4, 3, padding=1)

    def forward(self, x):
        d, up, level = self.detector, None, []
        for i in range(1, self.stem + 1):
            x = F.relu(getattr(d, f"bn{i}")(getattr(d, f"conv{i}")(x)))
        for s in range(1, self.stages + 1):
            x = getattr(d, f"layer{s}")(x)
            level.append(x)
        for s in range(self.stages, self.first - 1, -1):
            own = getattr(d, f"lateral{s}")(level[s - 1])
            up = own if up is None else own + F.interpolate(up, scale_factor=2)
        x = d.smooth(up)
        x = d.head(x) if hasattr(d, "head") else x
        (h, w), s = x.shape[2:], self.stride
        row, col = torch.meshgrid((torch.arange(h) + 0.5) * s, (torch.arange(w) + 0.5) * s, indexing="ij")
        grid = torch.stack([col, row, torch.full_like(col, s)])[None].expand(x.shape[0], -1, -1, -1).to(x)
        return torch.cat([grid, torch.exp(d.box(x).clamp(-8, 8)) * s, d.cls(x)], 1).flatten(2).transpose(1, 2)


def detector(m, shape, classes, values):
    one, shape = image(shape)
    net = Detector(torchvision("torchvision.models.resnet"), shape[0], m.get("channels", [32, 48, 96, 128]), m.get("width", 48), m.get("head", 2),
                   int(m.get("stride", 4)), classes, m.get("blocks", 1), m.get("stem", 1))
    whole = net.forward
    if one is not None:
        net.forward = lambda x: whole(one(x))
    return net


# ---- sequences ----


class Net(nn.Module):
    """lstm and gru give a pair."""

    def __init__(self, name, net, head, last, embedding=None, dropout=0.0):
        super().__init__()
        if embedding:
            self.embedding = embedding
        setattr(self, name, net)
        self.name, self.last, self.head, self.drop = name, last, head, nn.Dropout(dropout)

    def forward(self, x):
        x = self.drop(self.embedding(x)) if hasattr(self, "embedding") else x
        x = getattr(self, self.name)(x)[0]
        return self.head(self.drop(x[:, -1] if self.last else x))


def recurrent(m, shape, classes, values):
    tokens, hidden, layers, both = m.get("vocabulary", 0), m.get("hidden", 128), m.get("layers", 1), m.get("bidirectional", False)
    each, drop = {"auto": tokens > 0, "last": False, "each": True}[m.get("steps", "auto")], m.get("dropout", 0.0)
    table = nn.Embedding(tokens, m.get("embedding", 128)) if tokens else None
    net = (nn.LSTM if m["kind"] == "lstm" else nn.GRU)(table.weight.shape[1] if tokens else shape[1], hidden, layers, batch_first=True,
                                                      bidirectional=both, dropout=drop if layers > 1 else 0.0)
    head = nn.Linear(hidden * (2 if both else 1), classes or (values // shape[0] if each else values))
    return Net(m["kind"], net, head, not each, table, drop)


def encoder(width, heads, hidden, act, first, layers, dropout):
    layer = nn.TransformerEncoderLayer(width, heads, hidden, dropout, act, batch_first=True, norm_first=first)
    return nn.TransformerEncoder(layer, layers, nn.LayerNorm(width) if first else None, enable_nested_tensor=False)


POOLS = {"mean": lambda x: x.mean(1), "max": lambda x: x.amax(1), "first": lambda x: x[:, 0], "last": lambda x: x[:, -1], "none": lambda x: x}


def transformer(m, shape, classes, values):
    tokens, width, pool, drop = m.get("vocabulary", 0), m.get("width", 64), m.get("pool", "mean"), m.get("dropout", 0.0)
    table = nn.Embedding(tokens, width) if tokens else nn.Linear(shape[1], width)
    place = {"learned": Table(m.get("length", 0) or shape[0], width), "none": None}[m.get("position", "learned")]
    layers = encoder(width, m.get("heads", 4), auto(m, "feedforward", 4 * width), m.get("activation", "gelu"), m.get("norm_first", True),
                     m.get("layers", 2), drop)
    return Named(embedding=table, position=place, dropout=nn.Dropout(drop), encoder=layers, pool=Do(POOLS[pool]),
                 head=nn.Linear(width, classes or (values // shape[0] if pool == "none" else values)))


# ---- rows ----


def autoencoder(m, shape, classes, values):
    sizes, act = [math.prod(shape), *m.get("hidden", [256, 64]), m.get("latent", 16)], m.get("activation", "relu")
    last = m.get("output", "none")
    return Named(flatten=nn.Flatten(), encoder=nn.Sequential(*linears(sizes, act)),
                 decoder=nn.Sequential(*linears(sizes[:0:-1] + [values], act), *([] if last == "none" else [ACTIVATIONS[last]()])))


def mlp(m, shape, classes, values):
    sizes = [math.prod(shape), *m["hidden"], classes or values]
    layers = []
    for i, o in zip(sizes, sizes[1:]):
        layers += [nn.Linear(i, o), ACTIVATIONS[m["activation"]]()] + ([nn.Dropout(m["dropout"])] if m.get("dropout", 0) > 0 else [])
    return Named(flatten=nn.Flatten(), layers=nn.Sequential(*layers[: -2 if m.get("dropout", 0) > 0 else -1]))


KINDS = {"gpt": gpt, "cnn": cnn, "resnet": resnet, "vit": vit, "unet": unet, "detector": detector, "lstm": recurrent, "gru": recurrent,
         "transformer": transformer, "autoencoder": autoencoder, "mlp": mlp}


def auto(m, key, value):
    return value if m.get(key, "auto") == "auto" else m[key]


def of_config(m, shape, classes=0, values=0):
    """The net of a config's `model:`, of inputs of a row's shape, for so many classes or values."""
    return KINDS[m["kind"]](m, shape, classes, values)
