"""Shape and index."""
from golden import *

case("embedding", lambda w, i: F.embedding(i, w), [rand(5, 3), ints(5, 2, 4)])
case("slice", lambda x: x[:, 1:3], [rand(3, 5)], dim=1, first=1, count=2, step=1)
case("slice", lambda x: x[:, 1::3], [rand(3, 8)], dim=1, first=1, count=3, step=3)
case("slice", lambda x: x[0::2], [rand(5, 1)], dim=0, first=0, count=3, step=2)
for shape, pads in [((2, 3), (1, 2)), ((1, 2, 5), (2, 0, 1, 1)), ((1, 2, 4, 3), (1, 2, 0, 3)), ((0, 3), (1, 1)), ((3,), (0, 2))]:
    case("pad", lambda x: F.pad(x, pads, value=1.5), [rand(*shape)], pads=list(pads), mode=0, value=1.5)
for mode, word in [(1, "reflect"), (2, "replicate"), (3, "circular")]:
    for shape, pads in [((1, 2, 5), (2, 1)), ((1, 2, 4, 3), (1, 2, 3, 0)), ((1, 1, 3, 4, 2), (1, 0, 2, 1, 1, 2)), ((2, 7, 1), (0, 0))]:
        case("pad", lambda x: F.pad(x, pads, mode=word), [rand(*shape)], pads=list(pads), mode=mode)
case("pad", lambda x: F.pad(x, (1, 2)), [ints(9, 3, 2, dtype=torch.int32)], pads=[1, 2], mode=0)
case("flip", lambda x: x.flip(0, 2), [rand(2, 3, 5)], dims=5)
case("roll", lambda x: x.roll(3, 1), [rand(2, 7)], dim=1, shift=3)
case("roll", lambda x: x.roll(-9, 0), [rand(7, 1)], dim=0, shift=-9)
case("roll", lambda x: x.roll(5, 0), [ints(9, 0, 3)], dim=0, shift=5)
case("stack", lambda a, b, c: torch.stack((a, b, c), 1), [rand(2, 3), rand(2, 3), rand(2, 3)], dim=1)
case("stack", lambda a, b: torch.stack((a, b), -1), [rand(3), rand(3)], dim=-1)
case("concat", lambda a, b: torch.cat((a, b), 1), [rand(2, 1), rand(2, 3)], dim=1)
case("chunk", lambda x: x.chunk(3, 1), [rand(2, 7)], dim=1, n=3)
case("chunk", lambda x: x.chunk(4, 0), [rand(5, 2)], dim=0, n=4)
case("repeat", lambda x: x.repeat(2, 1, 3), [rand(2, 5)], times=[2, 1, 3])
case("repeat", lambda x: x.repeat(0, 2), [rand(3)], second=False, times=[0, 2])
case("repeat_interleave", lambda x: x.repeat_interleave(3, 1), [rand(2, 5, 2)], dim=1, times=3)
case("unsqueeze", lambda x: x.unsqueeze(1), [rand(3, 2)], dim=1)
case("squeeze", lambda x: x.squeeze(1), [rand(3, 1, 2)], dim=1)
for diagonal, shape in [(0, (3, 3)), (1, (2, 3, 5)), (-2, (5, 2)), (7, (3, 2)), (0, (0, 2))]:
    case("triu", lambda x: x.triu(diagonal), [rand(*shape)], diagonal=diagonal)
    case("tril", lambda x: x.tril(diagonal), [rand(*shape)], diagonal=diagonal)
case("diagonal", lambda x: torch.diagonal(x, 0, 0, 1), [rand(3, 5)], offset=0, a=0, b=1)
case("diagonal", lambda x: torch.diagonal(x, -1, 2, 0), [rand(3, 2, 5)], offset=-1, a=2, b=0)
case("diagonal", lambda x: torch.diagonal(x, 9, 0, 1), [rand(3, 5)], second=False, offset=9, a=0, b=1)
case("gather", lambda x, i: x.gather(1, i), [rand(3, 5), ints(5, 2, 7)], dim=1)
case("gather", lambda x, i: x.gather(0, i), [rand(3, 5, 2), ints(3, 4, 5, 1)], dim=0)
case("gather", lambda x, i: x.gather(0, i), [ints(200, 3, 5, dtype=torch.uint8), ints(3, 1, 5)], dim=0)
case("scatter_add", lambda x, i, s: x.scatter_add(1, i, s), [rand(3, 5), ints(5, 2, 7), rand(2, 7)], dim=1)
case("scatter_add", lambda x, i, s: x.scatter_add(0, i, s), [rand(7), ints(7, 17), rand(17)], dim=0)
case("index_select", lambda x, i: x.index_select(1, i), [rand(3, 5, 2), ints(5, 7)], dim=1)
case("index_select", lambda x, i: x.index_select(0, i), [rand(5), ints(5, 0)], dim=0)
case("index_add", lambda x, i, s: x.index_add(0, i, s), [rand(5, 3), ints(5, 7), rand(7, 3)], dim=0)
case("index_add", lambda x, i, s: x.index_add(1, i, s), [rand(2, 5), ints(5, 11), rand(2, 11)], dim=1)
case("one_hot", lambda i: F.one_hot(i, 5).double(), [ints(5, 2, 3)], classes=5, dtype=1)
case("arange", lambda: torch.arange(7, 7 + 5 * 3, 3), [], dtype=2, n=5, start=7, step=3)
case("sort", lambda x: x.sort(dim=1, stable=True), [ties(3, 17)], dim=1)
case("sort", lambda x: x.sort(dim=0, descending=True, stable=True), [ties(11, 2)], dim=0, descending=1)
case("sort", lambda x: x.sort(dim=1, stable=True), [ints(9, 2, 13, dtype=torch.int32)], dim=1)
x = rand(2, 7)
x[0, 3] = float("nan")
case("sort", lambda x: x.sort(dim=1, descending=True, stable=True), [x], grad=False, dim=1, descending=1)
case("argsort", lambda x: x.argsort(dim=-1, stable=True), [ties(3, 7)], dim=-1)
case("topk", lambda x: x.topk(3, 1), [rand(2, 17)], k=3, dim=1, largest=1)
case("topk", lambda x: x.topk(5, 0, largest=False), [rand(7, 2)], k=5, dim=0, largest=0)
case("topk", lambda x: x.topk(1, 0), [rand(1)], k=1, dim=0, largest=1)
case("unfold", lambda x: x.unfold(1, 3, 2), [rand(2, 9, 2)], dim=1, size=3, step=2, dilation=1)
case("unfold", lambda x: x.unfold(0, 5, 7), [rand(5)], dim=0, size=5, step=7, dilation=1)
for shape, o in [((2, 3, 5, 7), dict(kernel_size=(2, 3))), ((1, 2, 5, 4), dict(kernel_size=3, stride=2, padding=1)),
                 ((1, 1, 7, 6), dict(kernel_size=(2, 3), dilation=(3, 1), padding=(0, 2), stride=(1, 2)))]:
    pair = lambda v: list(v) if isinstance(v, tuple) else [v, v]
    words = {"kernel" if k == "kernel_size" else k: pair(v) for k, v in o.items()}
    case("im2col", lambda x: F.unfold(x, **o), [rand(*shape)], **words)
    cols = F.unfold(torch.zeros(*shape), **o).shape
    case("col2im", lambda x: F.fold(x, shape[2:], **o), [rand(*cols)], size=list(shape[2:]), **words)
done()
