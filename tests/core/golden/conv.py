from golden import *

CONV = [None, F.conv1d, F.conv2d, F.conv3d]
TRANSPOSE = [None, F.conv_transpose1d, F.conv_transpose2d, F.conv_transpose3d]
LAYER = [None, nn.Conv1d, nn.Conv2d, nn.Conv3d]
TRANSPOSE_LAYER = [None, nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d]


def conv(x, w, bias=True, **o):
    inputs = [rand(*x), rand(*w)] + ([rand(w[0])] if bias else [])
    given = dict(o)
    if given.pop("same", False):
        given["padding"] = "same"
    case("conv", lambda *a: CONV[len(x) - 2](*a, **given), inputs, **o)


def transpose(x, w, bias=True, **o):
    inputs = [rand(*x), rand(*w)] + ([rand(w[1] * o.get("groups", 1))] if bias else [])
    case("conv_transpose", lambda *a: TRANSPOSE[len(x) - 2](*a, **o), inputs, **o)


# 1, 2 and 3 dims; defaults; each option alone and with others
conv((2, 3, 7), (4, 3, 3))
conv((2, 3, 7), (4, 3, 3), bias=False)
conv((1, 2, 11), (3, 2, 4), stride=[3], padding=[2], dilation=[2])
conv((2, 3, 5, 4), (4, 3, 3, 3), padding=[1, 1])
conv((2, 3, 7, 5), (5, 3, 3, 2), stride=[2, 1], padding=[1, 0])
conv((1, 2, 8, 9), (3, 2, 3, 2), stride=[2, 3], padding=[2, 1], dilation=[1, 3])
conv((1, 2, 3, 4, 5), (2, 2, 2, 3, 2), stride=[1, 2, 2], padding=[1, 0, 1], dilation=[2, 1, 1])
conv((1, 1, 3, 3, 3), (2, 1, 3, 3, 3), padding=[1, 1, 1])
conv((2, 4, 4, 3), (6, 2, 3, 3), padding=[1, 1], groups=2)
conv((1, 5, 6, 4), (5, 1, 3, 3), padding=[1, 1], groups=5)
conv((2, 3, 5), (6, 1, 2), groups=3, stride=[2])
conv((1, 3, 6, 5), (2, 3, 2, 4), same=True, dilation=[1, 1])
conv((1, 2, 7), (3, 2, 3), same=True, dilation=[3])
conv((2, 5, 4, 4), (3, 5, 1, 1), stride=[2, 2])
conv((3, 1, 1, 1), (1, 1, 1, 1))
conv((0, 2, 5), (3, 2, 3), padding=[1])
conv((1, 37, 3, 2), (1, 37, 3, 3), padding=[1, 1])  # patches longer than a block of terms



def padded(x, w, mode, padding, **o):
    both = [p for p in reversed(padding) for _ in range(2)]
    case("conv", lambda x, w: CONV[x.ndim - 2](F.pad(x, both, mode=mode), w, **o), [rand(*x), rand(*w)], mode=mode, padding=padding, **o)


padded((2, 2, 5), (3, 2, 3), "reflect", [2])
padded((1, 2, 4, 3), (2, 2, 3, 2), "circular", [2, 1], stride=[1, 2])
padded((1, 2, 3, 3, 2), (2, 1, 2, 2, 2), "replicate", [1, 0, 2], groups=2)
padded((1, 2, 3, 2, 3), (2, 2, 2, 2, 2), "circular", [1, 1, 2])

transpose((2, 3, 5), (3, 4, 3))
transpose((2, 3, 5), (3, 4, 3), bias=False)
transpose((1, 2, 4), (2, 3, 4), stride=[3], padding=[1], output_padding=[2], dilation=[2])
transpose((1, 3, 4, 3), (3, 2, 3, 3), stride=[2, 2], padding=[1, 1], output_padding=[1, 1])
transpose((2, 3, 4, 3), (3, 2, 4, 2), stride=[2, 1], padding=[1, 0])
transpose((1, 2, 3, 3), (2, 3, 2, 2), dilation=[3, 2], output_padding=[2, 1])
transpose((1, 2, 2, 2, 3), (2, 2, 2, 3, 2), stride=[2, 1, 3], padding=[0, 1, 1], output_padding=[1, 0, 2])
transpose((1, 4, 3, 3), (4, 2, 2, 3), groups=2, stride=[1, 2])
transpose((1, 5, 3, 4), (5, 1, 3, 3), groups=5, stride=[2, 2], padding=[1, 1])
transpose((3, 1, 1, 1), (1, 1, 1, 1))
transpose((0, 2, 5), (2, 3, 3), stride=[2])


def same_layer(name, kinds, x, out, kernel, hoop=None, **o):
    module = kinds[len(x) - 2](x[1], out, kernel, **o)
    options = dict(o, **(hoop or {}))
    if not options.pop("bias", True):
        options["no_bias"] = True
    layer(name, module, [rand(*x)], out=out, kernel=kernel, **options)


same_layer("conv", LAYER, (2, 3, 9), 4, 3)
same_layer("conv", LAYER, (2, 3, 5, 4), 4, [3, 2], stride=2, padding=1)
same_layer("conv", LAYER, (2, 3, 5, 4), 4, [3, 2], stride=[1, 2], padding=[0, 1], dilation=2, bias=False)
same_layer("conv", LAYER, (1, 4, 5, 4), 6, 3, padding="same", groups=2)
same_layer("conv", LAYER, (1, 4, 5, 4), 4, 3, padding="valid", groups=4)
same_layer("conv", LAYER, (1, 2, 3, 2, 4), 2, 2, padding=1)
same_layer("conv", LAYER, (2, 2, 4, 5), 3, 3, padding=[1, 2], padding_mode="reflect")
same_layer("conv", LAYER, (2, 2, 5, 4), 3, 3, padding="same", padding_mode="circular")
same_layer("conv", LAYER, (2, 3, 5), 2, 2, padding=1, padding_mode="replicate", bias=False)
same_layer("conv_transpose", TRANSPOSE_LAYER, (2, 3, 5), 4, 3)
same_layer("conv_transpose", TRANSPOSE_LAYER, (1, 4, 3, 4), 6, [2, 3], stride=2, padding=[0, 1], output_padding=1, groups=2)
same_layer("conv_transpose", TRANSPOSE_LAYER, (1, 2, 2, 3, 2), 2, 2, stride=[1, 2, 1], dilation=2, bias=False)
conv((1, 17, 4, 3), (16, 17, 3, 3), padding=[1, 1])  # by Winograd, and its gradients

done()
