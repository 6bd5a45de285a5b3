"""Shape and index."""
from golden import *

case("reshape", lambda x: x.reshape(4, -1), [rand(2, 6)], ndim=2, shape=[4, -1])
case("permute", lambda x: x.permute(2, 0, 1), [rand(2, 3, 4)], ndim=3, dims=[2, 0, 1])
case("transpose", lambda x: x.transpose(0, 2), [rand(2, 3, 4)], dims=[0, 2])
case("expand", lambda x: x.expand(2, 3, 4), [rand(3, 1)], ndim=3, shape=[2, 3, 4])
case("slice", lambda x: x[:, 1:3], [rand(3, 5)], dim=1, first=1, count=2)
case("unslice", lambda x: F.pad(x, (2, 1)), [rand(3, 2)], dim=1, first=2, count=5)
case("concat", lambda a, b, c: torch.cat([a, b, c], 1), [rand(2, 3), rand(2, 1), rand(2, 2)], dim=1)
case("split", lambda x: x.split([2, 1, 3], 1), [rand(4, 6)], dim=1, n=3, sizes=[2, 1, 3])
case("embedding", lambda w, i: F.embedding(i, w), [rand(5, 3), ints(5, 2, 4)])
done()
