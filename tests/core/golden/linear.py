"""Matrix products, and a few of the nets that are made of them."""
from golden import *

case("matmul", torch.matmul, [rand(3, 5), rand(5, 4)])
case("matmul", torch.matmul, [rand(2, 1, 3, 4), rand(3, 4, 2)])
case("linear", F.linear, [rand(2, 3, 6), rand(5, 6), rand(5)])
case("linear", F.linear, [rand(6), rand(5, 6), rand(5)])
layer("linear", nn.Linear(5, 3), [rand(4, 5)], out=3)
case("mlp", lambda x, w, b, v, y: F.cross_entropy(F.linear(F.gelu(F.linear(x, w, b)), v), y, reduction="sum"),
     [rand(6, 5), rand(4, 5), rand(4), rand(3, 4), ints(3, 6)])
case("attention", lambda q, k, v: F.softmax(q @ k.transpose(1, 2) * 0.5, -1) @ v, [rand(2, 3, 4), rand(2, 5, 4), rand(2, 5, 4)])
done()
