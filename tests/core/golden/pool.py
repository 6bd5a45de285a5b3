"""Pooling, resampling, shuffling."""
from golden import *


def pool(f, dims, **kw):
    return lambda x: getattr(F, f"{f}{dims}d")(x, **kw)


def max_pool(shape, kernel, **kw):
    dims = len(shape) - 2
    indices = kw.pop("return_indices", False)
    case("max_pool", pool("max_pool", dims, kernel_size=kernel, return_indices=indices, **kw), [rand(*shape)], kernel=kernel,
         return_indices=indices, **kw)


def avg_pool(shape, kernel, **kw):
    case("avg_pool", pool("avg_pool", len(shape) - 2, kernel_size=kernel, **kw), [rand(*shape)], kernel=kernel, **kw)


max_pool((2, 3, 7), [2])
max_pool((2, 3, 7), [3], stride=[2], padding=[1], dilation=[2], return_indices=True)
max_pool((2, 3, 5, 7), [3, 2], stride=[2, 1], padding=[1, 0], return_indices=True)
max_pool((1, 17, 4, 6), [3, 3], stride=[2, 2], padding=[1, 1], ceil_mode=True, return_indices=True)
max_pool((2, 2, 3, 4, 5), [2, 1, 3], stride=[1, 2, 2], padding=[1, 0, 1], return_indices=True)
max_pool((2, 1, 1, 1), [1, 1])
max_pool((0, 2, 5), [2])
case("max_pool", pool("max_pool", 2, kernel_size=[2, 2], stride=[1, 1], return_indices=True), [ties(2, 3, 4, 5)], kernel=[2, 2],
     stride=[1, 1], return_indices=True)
nans = rand(1, 2, 5)
nans[0, 0, 2] = nans[0, 1, 1] = nans[0, 1, 2] = float("nan")
case("max_pool", pool("max_pool", 1, kernel_size=[3], stride=[1], return_indices=True), [nans], kernel=[3], stride=[1],
     return_indices=True, grad=False)
for shape, size in (((2, 3, 7), [3]), ((2, 3, 5, 4), [2, 3]), ((1, 2, 3, 5, 2), [2, 7, 1])):
    d = len(size)
    case("adaptive_max_pool", pool("adaptive_max_pool", d, output_size=size, return_indices=True), [rand(*shape)], size=size,
         return_indices=True)
    case("adaptive_avg_pool", pool("adaptive_avg_pool", d, output_size=size), [rand(*shape)], size=size)
case("adaptive_avg_pool", pool("adaptive_avg_pool", 2, output_size=1), [rand(2, 17, 5, 3)], size=[1, 1])
avg_pool((2, 3, 7), [2])
avg_pool((2, 3, 7), [3], stride=[2], padding=[1])
avg_pool((2, 3, 7), [3], stride=[2], padding=[1], count_include_pad=False)
avg_pool((2, 3, 5, 7), [3, 2], stride=[2, 1], padding=[1, 0], divisor_override=5)
avg_pool((1, 17, 4, 6), [3, 3], stride=[2, 2], padding=[1, 1], ceil_mode=True)
avg_pool((1, 3, 4, 6), [3, 3], stride=[2, 2], padding=[1, 1], ceil_mode=True, count_include_pad=False)
avg_pool((2, 2, 3, 4, 5), [2, 1, 3], stride=[1, 2, 2], padding=[1, 0, 1])
avg_pool((0, 2, 5), [2])
modes = ["", "linear", "bilinear", "trilinear"]


def upsample(shape, mode, out=None, scale=None, align=None):
    options = {} if align is None else {"align_corners": align}
    number = {"nearest": 0, "bicubic": 2}.get(mode, 1)
    case("upsample", lambda x: F.interpolate(x, size=out, scale_factor=scale, mode=mode, **options), [rand(*shape)],
         **({"size": out} if out else {"scale_factor": scale}), mode=number, **options)


for shape, out, scale in (((2, 3, 5), [7], [1.7]), ((2, 2, 3, 5), [7, 4], [2.0, 0.6]), ((1, 2, 3, 1, 5), [2, 3, 7], [1.5, 2.0, 1.3])):
    linear = modes[len(out)]
    upsample(shape, "nearest", out=out)
    upsample(shape, "nearest", scale=scale)
    upsample(shape, linear, out=out, align=False)
    upsample(shape, linear, out=out, align=True)
    upsample(shape, linear, scale=scale, align=False)
    upsample(shape, linear, scale=scale, align=True)
upsample((1, 17, 3, 5), "bilinear", out=[5, 1], align=True)
upsample((2, 2, 3, 5), "bicubic", out=[7, 4], align=False)
upsample((2, 2, 3, 5), "bicubic", out=[7, 4], align=True)
upsample((2, 2, 3, 5), "bicubic", scale=[2.0, 0.6], align=False)
upsample((0, 2, 5), "linear", out=[7], align=False)
case("pixel_shuffle", lambda x: F.pixel_shuffle(x, 2), [rand(2, 12, 3, 1)], factor=2)
case("pixel_shuffle", lambda x: F.pixel_shuffle(x, 1), [rand(1, 3, 2, 5)], factor=1)
case("pixel_unshuffle", lambda x: F.pixel_unshuffle(x, 3), [rand(2, 1, 3, 6)], factor=3)
case("channel_shuffle", lambda x: F.channel_shuffle(x, 3), [rand(2, 6, 5)], groups=3)
case("channel_shuffle", lambda x: F.channel_shuffle(x, 2), [rand(2, 6, 1, 5)], groups=2)

layer("max_pool", nn.MaxPool2d(3, stride=2, padding=1), [rand(2, 3, 5, 7)], kernel=3, stride=2, padding=1)
layer("max_pool", nn.MaxPool1d(2, dilation=2, ceil_mode=True), [rand(2, 3, 7)], kernel=2, dilation=2, ceil_mode=True)
layer("max_pool", nn.MaxPool3d((2, 1, 3)), [rand(1, 2, 3, 4, 5)], kernel=[2, 1, 3])
layer("avg_pool", nn.AvgPool2d(3, stride=(2, 1), padding=1, count_include_pad=False), [rand(2, 3, 5, 7)], kernel=3, stride=[2, 1],
      padding=1, count_include_pad=False)
layer("avg_pool", nn.AvgPool1d(2, ceil_mode=True), [rand(2, 3, 7)], kernel=2, ceil_mode=True)
layer("avg_pool", nn.AvgPool3d(2, divisor_override=3), [rand(1, 2, 3, 4, 5)], kernel=2, divisor_override=3)
layer("adaptive_max_pool", nn.AdaptiveMaxPool2d((3, 2)), [rand(2, 3, 5, 7)], size=[3, 2])
layer("adaptive_avg_pool", nn.AdaptiveAvgPool2d(1), [rand(2, 3, 5, 7)])
layer("adaptive_avg_pool", nn.AdaptiveAvgPool1d(4), [rand(2, 3, 7)], size=4)
layer("upsample", nn.Upsample(scale_factor=2, mode="bilinear"), [rand(2, 3, 3, 5)], scale_factor=2, mode="bilinear")
layer("upsample", nn.Upsample(size=7), [rand(2, 3, 5)], size=7)
layer("upsample", nn.Upsample(size=(2, 5, 3), mode="trilinear", align_corners=True), [rand(1, 2, 3, 4, 2)], size=[2, 5, 3],
      mode="trilinear", align_corners=True)
layer("upsample", nn.Upsample(scale_factor=1.5, mode="bicubic"), [rand(1, 2, 4, 3)], scale_factor=1.5, mode="bicubic")
layer("upsample", nn.Upsample(scale_factor=1.5, mode="linear"), [rand(1, 2, 4)], scale_factor=1.5, mode="linear")
layer("pixel_shuffle", nn.PixelShuffle(2), [rand(2, 8, 3, 1)], factor=2)
layer("pixel_unshuffle", nn.PixelUnshuffle(2), [rand(2, 1, 4, 6)], factor=2)
layer("channel_shuffle", nn.ChannelShuffle(2), [rand(2, 4, 3, 1)], groups=2)
max_pool((2, 3, 7), [3], stride=[1], padding=[1], dilation=[2], return_indices=True)
max_pool((1, 2, 8, 3), [3, 2], stride=[1, 1], padding=[1, 1], dilation=[3, 2], return_indices=True)


def lp_pool(x, p, kernel, **options):
    one = {k: v[0] if isinstance(v, list) and len(kernel) == 1 else v for k, v in dict(options, kernel_size=kernel).items()}
    case("lp_pool", pool("lp_pool", len(kernel), norm_type=p, **one), [x], kernel=kernel, norm_type=p, **options)


for shape, kernel, options in (((2, 3, 7), [2], {}), ((1, 2, 5, 7), [3, 2], {"stride": [2, 1]}),
                               ((1, 2, 4, 6), [3, 3], {"stride": [2, 2], "ceil_mode": True}), ((0, 2, 5), [2], {}),
                               ((1, 2, 3, 4, 2), [2, 1, 2], {"stride": [1, 2, 1]})):
    for p in (1, 2, 3, 2.5):
        lp_pool(pos(*shape) if p > 2 else rand(*shape), p, kernel, **options)
zeros = rand(2, 1, 8)
zeros[0, 0, 2:6] = zeros[1, 0, 0] = 0
lp_pool(zeros, 1, [2])
lp_pool(zeros, 2, [2])
layer("lp_pool", nn.LPPool1d(3, 2, stride=1), [pos(2, 3, 7)], norm_type=3, kernel=2, stride=1)
layer("lp_pool", nn.LPPool2d(2, 3, ceil_mode=True), [rand(1, 2, 5, 7)], norm_type=2, kernel=3, ceil_mode=True)
layer("lp_pool", nn.LPPool3d(2, (2, 1, 3), stride=(1, 2, 1)), [rand(1, 2, 3, 4, 3)], norm_type=2, kernel=[2, 1, 3], stride=[1, 2, 1])
done()
