"""Over rows, and over channels."""
from golden import *

case("softmax", lambda x: F.softmax(x, -1), [rand(2, 3, 7)])
case("log_softmax", lambda x: F.log_softmax(x, -1), [rand(2, 3, 7)])


def layer_norm(dims, eps=None):
    return lambda x, *wb: F.layer_norm(x, x.shape[-dims:], *wb, **({} if eps is None else {"eps": eps}))


case("layer_norm", layer_norm(1), [rand(3, 7), rand(7), rand(7)])
case("layer_norm", layer_norm(2, 0.01), [rand(2, 3, 5), rand(3, 5), rand(3, 5)], dims=2, eps=0.01)
case("layer_norm", layer_norm(1, 0.1), [rand(2, 3, 19), rand(19)], eps=0.1)
case("layer_norm", layer_norm(1), [rand(2, 33)])
case("layer_norm", layer_norm(1, 0.5), [rand(5, 1), rand(1), rand(1)], eps=0.5)
case("layer_norm", layer_norm(1), [rand(0, 3), rand(3), rand(3)])
case("layer_norm", layer_norm(1), [100 + rand(2, 67)])
case("rms_norm", lambda x, w: F.rms_norm(x, (7,), w), [rand(3, 7), rand(7)])
case("rms_norm", lambda x, w: F.rms_norm(x, (3, 5), w, eps=0.1), [rand(2, 3, 5), rand(3, 5)], dims=2, eps=0.1)
case("rms_norm", lambda x: F.rms_norm(x, (1,), eps=0.1), [rand(5, 1)], eps=0.1)
case("group_norm", lambda x, w, b: F.group_norm(x, 2, w, b), [rand(3, 4, 5), rand(4), rand(4)], groups=2)
case("group_norm", lambda x, w, b: F.group_norm(x, 3, w, b, eps=0.1), [rand(2, 6, 3, 1), rand(6), rand(6)], groups=3, eps=0.1)
case("group_norm", lambda x: F.group_norm(x, 1), [rand(2, 3, 2, 1, 5)], groups=1)
case("group_norm", lambda x, w, b: F.group_norm(x, 2, w, b), [rand(3, 6), rand(6), rand(6)], groups=2)
case("group_norm", lambda x, w, b: F.group_norm(x, 1, w, b), [rand(0, 2, 3), rand(2), rand(2)], groups=1)
case("instance_norm", lambda x, w, b: F.instance_norm(x, weight=w, bias=b), [rand(2, 3, 5), rand(3), rand(3)])
case("instance_norm", lambda x: F.instance_norm(x, eps=0.1), [rand(1, 2, 3, 5)], eps=0.1)
case("batch_norm", lambda x, w, b: F.batch_norm(x, None, None, w, b, True), [rand(7, 3), rand(3), rand(3)])
case("batch_norm", lambda x, w, b: F.batch_norm(x, None, None, w, b, True, eps=0.1), [rand(3, 2, 5), rand(2), rand(2)], eps=0.1)
case("batch_norm", lambda x: F.batch_norm(x, None, None, None, None, True), [rand(2, 17, 3, 1)])
case("batch_norm", lambda x, w, b: F.batch_norm(x, None, None, w, b, True), [rand(2, 3, 2, 1, 3), rand(3), rand(3)])
case("batch_norm", lambda x, w, b: F.batch_norm(x, None, None, w, b, True), [rand(7, 1, 13, 2), rand(1), rand(1)])

layer("layer_norm", nn.LayerNorm(7), [rand(3, 7)])
layer("layer_norm", nn.LayerNorm((3, 5), eps=0.1), [rand(2, 3, 5)], normalized_shape=[3, 5], eps=0.1)
layer("layer_norm", nn.LayerNorm(5, bias=False), [rand(2, 3, 5)], bias=False)
layer("layer_norm", nn.LayerNorm(5, elementwise_affine=False), [rand(2, 3, 5)], elementwise_affine=False)
layer("rms_norm", nn.RMSNorm(7), [rand(3, 7)])
layer("rms_norm", nn.RMSNorm((3, 5), eps=0.1), [rand(2, 3, 5)], normalized_shape=[3, 5], eps=0.1)
layer("rms_norm", nn.RMSNorm(5, elementwise_affine=False), [rand(2, 3, 5)], elementwise_affine=False)
layer("group_norm", nn.GroupNorm(2, 6), [rand(2, 6, 3)], num_groups=2)
layer("group_norm", nn.GroupNorm(3, 6, eps=0.1, affine=False), [rand(2, 6, 2, 3)], num_groups=3, eps=0.1, affine=False)
layer("instance_norm", nn.InstanceNorm1d(3), [rand(2, 3, 5)])
layer("instance_norm", nn.InstanceNorm2d(3, affine=True, eps=0.1), [rand(2, 3, 5, 3)], affine=True, eps=0.1)
layer("instance_norm", nn.InstanceNorm3d(2, track_running_stats=True, momentum=0.3), [rand(2, 2, 1, 5, 3)], train=True,
      track_running_stats=True, momentum=0.3, tolerance=100)  # sums of buffers have 38 bits and more
layer("instance_norm", nn.InstanceNorm1d(2, track_running_stats=True), [rand(2, 2, 5)], track_running_stats=True)
for train in (True, False):
    of = dict(train=train, tolerance=100 if train else 1)
    layer("batch_norm", nn.BatchNorm1d(3), [rand(7, 3)], **of)
    layer("batch_norm", nn.BatchNorm1d(3, eps=0.1, momentum=0.3), [rand(3, 3, 5)], eps=0.1, momentum=0.3, **of)
    layer("batch_norm", nn.BatchNorm2d(5, momentum=None), [rand(3, 5, 2, 3)], cumulative=True, **of)
    layer("batch_norm", nn.BatchNorm3d(2, affine=False), [rand(3, 2, 1, 2, 3)], affine=False, **of)
    layer("batch_norm", nn.BatchNorm2d(2, track_running_stats=False), [rand(3, 2, 2, 3)], track_running_stats=False, **of)
done()
