"""Element by element."""
from golden import *

case("add", torch.add, [rand(2, 1, 3), rand(4, 1)])
case("sub", torch.sub, [rand(3, 4), rand(4)])
case("mul", torch.mul, [rand(2, 1, 3), rand(4, 1)])
case("div", torch.div, [rand(3, 4), pos(4)])
case("neg", torch.neg, [rand(7)])
case("scale", lambda x: 3.5 * x, [rand(7)], value=3.5)
case("shift", lambda x: x + 0.7, [rand(7)], value=0.7)
case("reciprocal", torch.reciprocal, [pos(9)])
case("exp", torch.exp, [rand(3, 5)])
case("log", torch.log, [pos(3, 5)])
case("sqrt", torch.sqrt, [pos(3, 5)])
case("erf", torch.erf, [rand(19)])
case("tanh", torch.tanh, [rand(19)])
case("sigmoid", torch.sigmoid, [rand(19)])
case("relu", torch.relu, [rand(19)])
case("gelu", F.gelu, [rand(19)], kind=0)
case("gelu", lambda x: F.gelu(x, approximate="tanh"), [rand(19)], kind=1)
case("add", torch.add, [ints(9, 3, 4, dtype=torch.int32), ints(9, 4, dtype=torch.int32)])
case("sub", torch.sub, [ints(9, 5, dtype=torch.uint8), ints(9, 5, dtype=torch.uint8)])
case("mul", torch.mul, [ints(9, 2, 3), ints(9, 3)])
case("mul", torch.mul, [ints(99, 5, dtype=torch.uint8), ints(99, 5, dtype=torch.uint8)])
case("neg", torch.neg, [ints(9, 5)])

# powers, exponentials, logarithms
case("square", torch.square, [rand(17)])
case("rsqrt", torch.rsqrt, [pos(17)])
case("exp2", torch.exp2, [rand(17)])
case("expm1", torch.expm1, [rand(17) / 100])
case("log1p", torch.log1p, [rand(17) / 10])
case("log2", torch.log2, [pos(17)])
case("log10", torch.log10, [pos(17)])
case("pow", torch.pow, [pos(3, 4), rand(4)])
case("pow", torch.pow, [torch.tensor([0.0, 0.0, 2.0, -2.0, -1.5]), torch.tensor([0.0, 2.0, 0.0, 3.0, 2.0])], second=False)
for e in (2.0, 3.0, 0.5, -0.5, -1.0, 1.0, 0.0, -2.5):
    case("pow_scalar", lambda x: torch.pow(x, e), [pos(5)], value=e)
case("pow_scalar", lambda x: torch.pow(x, 3.0), [rand(5)], value=3.0)
case("fmod", torch.fmod, [rand(3, 5), pos(5)])
case("remainder", torch.remainder, [rand(3, 5), pos(5)])

# angles, hyperbolic functions
for name in ("sin", "cos", "atan", "sinh", "cosh", "asinh"):
    case(name, getattr(torch, name), [rand(17)])
case("tan", torch.tan, [rand(17, low=-1.2, high=1.2)])
for name in ("sin", "cos", "tan"):
    case(name, getattr(torch, name), [torch.tensor([1e3, -1e5, 1e7, 123456792.0, -(2.0 ** 60), 2.0 ** 100])], grad=False)
for name in ("asin", "acos", "atanh"):
    case(name, getattr(torch, name), [rand(17, low=-0.9, high=0.9)])
case("acosh", torch.acosh, [rand(17, low=1.1, high=3.0)])
case("atan2", torch.atan2, [rand(3, 4), rand(4)])

# size, rounding, choice
case("abs", torch.abs, [rand(17)])
case("abs", torch.abs, [-ints(9, 7)])
for name in ("sign", "floor", "ceil", "round", "trunc"):
    case(name, getattr(torch, name), [torch.cat([rand(13), torch.tensor([0.5, 1.5, 2.5, -0.5, 0.0, 3.0])])], grad=False)
case("minimum", torch.minimum, [ties(3, 7), ties(7)])
case("maximum", torch.maximum, [ties(3, 7), ties(7)])
case("maximum", torch.maximum, [ints(9, 7, dtype=torch.uint8), ints(9, 7, dtype=torch.uint8)])
case("clamp", lambda x: torch.clamp(x, -0.5, 1.0), [rand(17)], min=-0.5, max=1.0)
case("clamp", lambda x: torch.clamp(x, min=0.25), [rand(17)], min=0.25, max="inf")
case("clamp", lambda x: torch.clamp(x, max=0.25), [rand(17)], min="-inf", max=0.25)
case("clamp", lambda x: torch.clamp(x, 1.0, -1.0), [rand(7)], min=1.0, max=-1.0)


def mask(f):
    return lambda *x: f(*x).to(x[0].dtype)


for name, f in (("equal", torch.eq), ("not_equal", torch.ne), ("less", torch.lt), ("less_equal", torch.le), ("greater", torch.gt),
                ("greater_equal", torch.ge)):
    case(name, mask(f), [ties(3, 7), ties(7)], grad=False)
    case(name, mask(f), [ints(3, 3, 5), ints(3, 5)])
for name in ("logical_and", "logical_or", "logical_xor"):
    case(name, mask(getattr(torch, name)), [ties(3, 7), ties(7)], grad=False)
    case(name, mask(getattr(torch, name)), [ints(2, 9, dtype=torch.uint8), ints(2, 9, dtype=torch.uint8)])
case("logical_not", mask(torch.logical_not), [ties(17)], grad=False)
for name in ("isfinite", "isinf", "isnan"):
    case(name, mask(getattr(torch, name)), [torch.tensor([1.0, float("inf"), -float("inf"), float("nan"), 0.0])], grad=False)
case("where", lambda m, a, b: torch.where(m != 0, a, b), [ints(2, 3, 1, dtype=torch.uint8), rand(2, 1, 5), rand(3, 5)])
case("where", lambda m, a, b: torch.where(m != 0, a, b), [ints(2, 7), ints(9, 7, dtype=torch.int32), ints(9, 1, dtype=torch.int32)])
case("masked_fill", lambda x, m: x.masked_fill(m != 0, -1.5), [rand(3, 5), ints(2, 5, dtype=torch.uint8)], value=-1.5)

# activations
case("leaky_relu", F.leaky_relu, [rand(17)], slope=0.01)
case("leaky_relu", lambda x: F.leaky_relu(x, 0.3), [rand(17)], slope=0.3)
case("leaky_relu", lambda x: F.leaky_relu(x, -0.5), [rand(17)], slope=-0.5)
case("prelu", F.prelu, [rand(2, 3, 5), rand(3)])
case("prelu", F.prelu, [rand(2, 7), rand(1)])
case("elu", F.elu, [rand(17)], alpha=1.0)
case("elu", lambda x: F.elu(x, 0.7), [rand(17)], alpha=0.7)
case("selu", F.selu, [rand(17)])
case("celu", lambda x: F.celu(x, 1.75), [rand(17)], alpha=1.75)  # PyTorch rounds alpha to f32 in its gradient
for name in ("silu", "mish", "softsign", "hardswish", "relu6"):
    case(name, getattr(F, name), [rand(17, low=-5.0, high=8.0)])
case("hardsigmoid", F.hardsigmoid, [rand(17, low=-5.0, high=8.0)], grad=False)  # whose slope PyTorch rounds to f32
case("log_sigmoid", F.logsigmoid, [rand(17, low=-30.0, high=30.0)])
case("softplus", F.softplus, [rand(17, low=-25.0, high=25.0)], beta=1.0, threshold=20.0)
case("softplus", lambda x: F.softplus(x, 2.5, 3.0), [rand(17)], beta=2.5, threshold=3.0)
case("hardtanh", lambda x: F.hardtanh(x, -0.5, 1.25), [rand(17)], min=-0.5, max=1.25)
case("glu", F.glu, [rand(3, 8)], dim=-1)
case("glu", lambda x: F.glu(x, 1), [rand(2, 6, 3)], dim=1)
case("silu", F.silu, [rand(0, 3)])
case("prelu", F.prelu, [rand(0, 3), rand(3)])

# layers
X = [3, 5]
for name, module in (("relu", nn.ReLU()), ("relu6", nn.ReLU6()), ("selu", nn.SELU()), ("silu", nn.SiLU()), ("mish", nn.Mish()),
                     ("sigmoid", nn.Sigmoid()), ("log_sigmoid", nn.LogSigmoid()), ("tanh", nn.Tanh()), ("softsign", nn.Softsign()),
                     ("hardswish", nn.Hardswish()), ("leaky_relu", nn.LeakyReLU()),
                     ("elu", nn.ELU()), ("celu", nn.CELU()), ("softplus", nn.Softplus()), ("hardtanh", nn.Hardtanh()),
                     ("gelu", nn.GELU()), ("glu", nn.GLU()), ("prelu", nn.PReLU())):
    layer(name, module, [rand(3, 6, low=-4.0, high=7.0)])
layer("hardsigmoid", nn.Hardsigmoid(), [rand(3, 6, low=-4.0, high=7.0)], f=lambda m, x: m(x.detach()))
layer("gelu", nn.GELU(approximate="tanh"), [rand(*X)], approximate="tanh")
layer("leaky_relu", nn.LeakyReLU(0.2), [rand(*X)], negative_slope=0.2)
layer("elu", nn.ELU(0.5), [rand(*X)], alpha=0.5)
layer("celu", nn.CELU(2.5), [rand(*X)], alpha=2.5)
layer("softplus", nn.Softplus(2.0, 1.5), [rand(*X)], beta=2.0, threshold=1.5)
layer("hardtanh", nn.Hardtanh(-0.25, 0.75), [rand(*X)], min_val=-0.25, max_val=0.75)
layer("glu", nn.GLU(1), [rand(2, 4, 3)], dim=1)
layer("prelu", nn.PReLU(3), [rand(2, 3, 4)], num_parameters=3)
layer("prelu", nn.PReLU(init=0.1), [rand(5)[:, None]], init=0.1)
layer("embedding", nn.Embedding(5, 3, padding_idx=2), [torch.tensor([[0, 2, 4], [2, 3, 2]])], rows=5, width=3, padding_idx=2)
layer("dropout", nn.Dropout(0.5), [rand(*X)], p=0.5)
layer("dropout", nn.Dropout2d(0.5), [rand(2, 3, 2, 2)], p=0.5, channels=True)
layer("alpha_dropout", nn.AlphaDropout(0.5), [rand(*X)], p=0.5)
edges = torch.tensor([-0.75, -0.5, 0.0, 0.5, 0.75, float("inf"), -float("inf")])
for l in (0.5, 0.0, 1.25):
    case("hardshrink", lambda x: F.hardshrink(x, l), [rand(17)], **{"lambda": l})
    case("softshrink", lambda x: F.softshrink(x, l), [rand(17)], **{"lambda": l})
    case("hardshrink", lambda x: F.hardshrink(x, l), [edges], **{"lambda": l})
    case("softshrink", lambda x: F.softshrink(x, l), [edges], **{"lambda": l})
case("tanhshrink", F.tanhshrink, [rand(17)])
case("tanhshrink", F.tanhshrink, [rand(0, 3)])
case("threshold", lambda x: F.threshold(x, 0.25, -3.0), [rand(17)], threshold=0.25, value=-3.0)
case("threshold", lambda x: F.threshold(x, 0.5, 20.0), [edges], threshold=0.5, value=20.0)
case("rrelu", lambda x: F.rrelu(x, 0.1, 0.4), [rand(17)], lower=0.1, upper=0.4)
for name, module in (("hardshrink", nn.Hardshrink()), ("softshrink", nn.Softshrink()), ("tanhshrink", nn.Tanhshrink()),
                     ("rrelu", nn.RReLU()), ("softmax", nn.Softmax(-1)), ("log_softmax", nn.LogSoftmax(-1)), ("softmin", nn.Softmin(-1))):
    layer(name, module, [rand(3, 6)])
layer("hardshrink", nn.Hardshrink(1.25), [rand(*X)], **{"lambda": 1.25})
layer("softshrink", nn.Softshrink(1.25), [rand(*X)], **{"lambda": 1.25})
layer("threshold", nn.Threshold(0.5, -1.0), [rand(*X)], threshold=0.5, value=-1.0)
layer("rrelu", nn.RReLU(0.2, 0.5), [rand(*X)], lower=0.2, upper=0.5)
layer("softmax", nn.Softmax(1), [rand(2, 3, 2, 2)], dim=1)
layer("softmax", nn.Softmax(2), [rand(2, 3, 2, 2)], dim=2)
layer("log_softmax", nn.LogSoftmax(1), [rand(2, 3, 5)], dim=1)
layer("softmin", nn.Softmin(-2), [rand(2, 3, 1)], dim=-2)


class Of(nn.Module):
    """A function without parameters."""
    def __init__(self, f):
        super().__init__()
        self.forward = f


layer("log", Of(torch.log), [pos(*X)])
layer("log", Of(lambda x: torch.log(x + 0.5)), [pos(*X)], eps=0.5)
layer("log1p", Of(torch.log1p), [pos(*X)])
layer("clip", Of(lambda x: torch.clip(x, -0.5, 0.25)), [rand(*X)], min=-0.5, max=0.25)
layer("clip", Of(lambda x: torch.clip(x, min=0.1)), [rand(*X)], min=0.1)
layer("clip", Of(lambda x: torch.clip(x, max=0.1)), [rand(*X)], max=0.1)
layer("one_hot", Of(lambda i: F.one_hot(i, 5).double()), [ints(5, 2, 3)], classes=5)
layer("one_hot", Of(lambda i: F.one_hot(i, 5).double().movedim(-1, 1)), [ints(5, 2, 3, 4)], classes=5, first=True)
M, S = torch.tensor([0.5, -1.0, 2.0]), torch.tensor([2.0, 0.25, 4.0])
layer("normalize", Of(lambda x: (x - 0.5) / 0.25), [rand(*X)], mean=0.5, std=0.25)
layer("normalize", Of(lambda x: (x - M[:, None, None]) / S[:, None, None]), [rand(2, 3, 2, 4)], mean=[0.5, -1.0, 2.0], std=[2.0, 0.25, 4.0])
layer("normalize", Of(lambda x: (x - M) / S), [rand(2, 5, 3)], mean=[0.5, -1.0, 2.0], std=[2.0, 0.25, 4.0])
layer("normalize", Of(lambda x: (x - M[:, None]) / S[:, None]), [rand(2, 3, 5)], mean=[0.5, -1.0, 2.0], std=[2.0, 0.25, 4.0], dim=0)
done()
