"""Losses."""
from golden import *

label = ints(5, 2, 6)
label[0, 1] = label[1, 4] = -100
loss("cross_entropy", lambda x, y: F.cross_entropy(x.reshape(-1, 5), y.reshape(-1), reduction="sum"), [rand(2, 6, 5), label], second=True, weight=10)
loss("mse", lambda a, b: F.mse_loss(a, b, reduction="sum"), [rand(3, 4), rand(3, 4)], second=True, weight=12)
done()
