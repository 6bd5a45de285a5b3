"""Over some dims: `dims` of a row is a bit mask."""
from golden import *

ALL = 2**32 - 1


def mask(dims):
    return sum(1 << d for d in dims)


case("sum", lambda x: x.sum((0, 2), keepdim=True), [rand(2, 3, 4)], dims=5, keep=1)
case("sum", lambda x: x.sum(), [rand(0, 3)], dims=ALL, keep=0)
case("sum", lambda x: x.sum(1), [ints(9, 3, 5, dtype=torch.int32)], dims=2, keep=0)
case("sum", lambda x: x.sum((0, 1)), [ints(250, 3, 5, dtype=torch.uint8)], dims=3, keep=0)
case("mean", lambda x: x.mean(1), [rand(2, 3, 4)], dims=2, keep=0)
case("mean", lambda x: x.mean((0, 2, 3), keepdim=True), [rand(2, 3, 5, 1)], dims=13, keep=1)
for name, f in [("max", torch.amax), ("min", torch.amin)]:
    case(name, lambda x: f(x, 1), [ties(4, 9)], dims=2, keep=0)
    case(name, lambda x: f(x, (0, 1)), [rand(3, 5)], dims=ALL, keep=0)
    case(name, lambda x: f(x, (0, 2), keepdim=True), [rand(3, 1, 7)], dims=5, keep=1)
    case(name, lambda x: f(x, 0), [ints(200, 5, 3, dtype=torch.uint8)], dims=1, keep=0)
for name, f in [("argmax", torch.argmax), ("argmin", torch.argmin)]:
    case(name, lambda x: f(x, 1), [rand(3, 17)], dims=2, keep=0)
    case(name, lambda x: f(x, 0, keepdim=True), [rand(11, 2, 3)], dims=1, keep=1)
    case(name, lambda x: f(x), [rand(5, 7)], dims=ALL, keep=0)
    case(name, lambda x: f(x, 1), [ints(9000, 3, 17)], dims=2, keep=0)
for name, f in [("var", torch.var), ("std", torch.std)]:
    for dims, shape, correction, keep in [((1,), (3, 17), 1, False), ((0,), (11, 3), 0, False), ((0, 2), (3, 2, 5), 1, True),
                                          ((1, 3), (2, 3, 2, 5), 0, False), ((0, 1), (2, 2), 1, False)]:
        case(name, lambda x: f(x, dims, correction=correction, keepdim=keep), [rand(*shape)], dims=mask(dims), keep=int(keep),
             param=correction)
case("logsumexp", lambda x: torch.logsumexp(x, 1), [rand(3, 17)], dims=2, keep=0)
case("logsumexp", lambda x: torch.logsumexp(x, (0, 2), keepdim=True), [rand(3, 2, 5) * 30], dims=5, keep=1)
case("logsumexp", lambda x: torch.logsumexp(x, 0), [rand(1, 7)], dims=1, keep=0)
for p in (1, 2, 3, 0.5, 2.5, float("inf")):
    x = pos(3, 7) if p < 1 else rand(3, 7)
    case("norm", lambda x: torch.linalg.vector_norm(x, p, 1), [x], second=p not in (1, float("inf")), dims=2, keep=0, param=p)
    case("norm", lambda x: torch.linalg.vector_norm(x, p, (0, 2), keepdim=True), [x.reshape(3, 1, 7)], second=False, dims=5, keep=1,
         param=p)
case("norm", lambda x: torch.linalg.vector_norm(x), [torch.zeros(3)], second=False, dims=ALL, keep=0, param=2)
case("prod", lambda x: x.prod(1), [rand(3, 7)], dims=2, keep=0)
case("prod", lambda x: x.prod(0, keepdim=True), [rand(5, 2, 3)], dims=1, keep=1)
case("prod", lambda x: x.prod(), [rand(0)], second=False, dims=ALL, keep=0)
x = rand(4, 5)
x[1, 2] = x[2, 0] = x[2, 4] = 0
case("prod", lambda x: x.prod(1), [x], dims=2, keep=0)
case("prod", lambda x: x.prod(1), [ints(9, 3, 5, dtype=torch.int32)], dims=2, keep=0)
case("any", lambda x: x.any(1), [ints(2, 5, 2, dtype=torch.uint8)], dims=2, keep=0)
case("all", lambda x: x.all(1), [ints(2, 5, 2, dtype=torch.uint8)], dims=2, keep=0)
case("any", lambda x: x.bool().any(0, keepdim=True), [ints(2, 2, 7)], dims=1, keep=1)
case("all", lambda x: x.bool().all(), [ints(2, 0, 7)], dims=ALL, keep=0)
case("cumsum", lambda x: x.cumsum(1), [rand(3, 17)], dim=1)
case("cumsum", lambda x: x.cumsum(0), [rand(7, 3, 2)], dim=0)
case("cumsum", lambda x: x.cumsum(1), [ints(250, 3, 7, dtype=torch.uint8)], dim=1)
for by, f in [("mean", lambda x, d, k: x.mean(d, k)), ("sum", lambda x, d, k: x.sum(d, k)), ("max", torch.amax), ("min", torch.amin),
              ("std", lambda x, d, k: x.std(d, keepdim=k)), ("var", lambda x, d, k: x.var(d, keepdim=k)),
              ("logsumexp", torch.logsumexp), ("norm", lambda x, d, k: torch.linalg.vector_norm(x, 2, d, k))]:
    layer("reduce", nn.Identity(), [rand(2, 3, 5, 2)], f=lambda m, x: f(x, (1, 3), True), dims=[1, -1], by=by, keep=True)
layer("reduce", nn.Identity(), [rand(2, 3, 7)], f=lambda m, x: x.prod(2), dims=2, by="prod")
case("cumprod", lambda x: x.cumprod(1), [rand(3, 11)], dim=1)
case("cumprod", lambda x: x.cumprod(0), [rand(5, 3, 2)], dim=0)
x = rand(4, 5)
x[1, 2] = x[2, 0] = x[2, 4] = x[3, 1] = x[3, 2] = 0
case("cumprod", lambda x: x.cumprod(1), [x], dim=1)
case("cumprod", lambda x: x.cumprod(0), [x], dim=0)
case("cumprod", lambda x: x.cumprod(1), [rand(3, 0)], second=False, dim=1)
case("cumprod", lambda x: x.cumprod(1), [ints(9, 3, 7, dtype=torch.int32)], dim=1)
for name, f in [("cummax", torch.cummax), ("cummin", torch.cummin)]:
    case(name, lambda x: f(x, 1), [ties(3, 17)], dim=1)
    case(name, lambda x: f(x, 0), [rand(7, 3, 2)], dim=0)
    case(name, lambda x: f(x, 2), [ties(2, 3, 5)], dim=2)
    case(name, lambda x: f(x, 1), [ints(250, 3, 7, dtype=torch.uint8)], dim=1)
done()
