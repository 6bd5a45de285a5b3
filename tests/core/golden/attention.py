"""Scaled dot-product attention, rotary positions, and what is made of them."""
from golden import *
from torch.nn.attention import SDPBackend, sdpa_kernel

attention = F.scaled_dot_product_attention


def math(f):
    """By PyTorch's primitive ops: its fused ones have no second derivatives."""
    def g(*x):
        with sdpa_kernel([SDPBackend.MATH]):
            return f(*x)
    return g


def sdpa(causal="none", scale=0, **more):
    """PyTorch's call; `end` is its causal_lower_right, written out (rows that may look at nothing are zeros)."""
    def f(q, k, v, mask=None):
        if mask is not None and not mask.is_floating_point():
            mask = mask.bool()
        if causal == "end":
            t, s = q.shape[-2], k.shape[-2]
            mask = torch.ones(t, s).tril(s - t).bool()
        return attention(q, k, v, attn_mask=mask, is_causal=causal == "start", scale=scale or None,
                                              enable_gqa=q.shape[1] != k.shape[1])
    return f


def attend(inputs, second=True, **options):
    f = sdpa(**options)
    case("sdpa", math(f) if second else f, inputs, second=second, **options)


def qkv(n, h, kv, t, s, d, e):
    return [rand(n, h, t, d), rand(n, kv, s, d), rand(n, kv, s, e)]


attend(qkv(2, 3, 3, 5, 7, 4, 4))
attend(qkv(1, 1, 1, 1, 1, 1, 1))
attend(qkv(1, 2, 2, 1, 11, 3, 5))
attend(qkv(1, 2, 2, 5, 3, 3, 2), scale=0.37)
attend(qkv(1, 1, 1, 13, 13, 3, 3), causal="start")
attend(qkv(1, 1, 1, 3, 7, 3, 2), causal="start")
attend(qkv(1, 1, 1, 7, 3, 3, 2), causal="start")
attend(qkv(1, 1, 1, 3, 7, 3, 2), causal="end")
attend(qkv(1, 1, 1, 5, 3, 3, 2), causal="end")
attend(qkv(1, 1, 1, 67, 67, 1, 1), causal="start", second=False)
attend(qkv(1, 6, 2, 3, 4, 3, 2))
attend(qkv(1, 4, 1, 5, 5, 2, 2), causal="start")
attend(qkv(2, 2, 2, 3, 5, 3, 3) + [rand(3, 5)])
attend(qkv(2, 2, 2, 3, 5, 3, 3) + [rand(2, 1, 1, 5)])
attend(qkv(2, 2, 1, 3, 5, 3, 3) + [rand(2, 2, 3, 5)], scale=2.0)
attend(qkv(2, 3, 3, 5, 7, 4, 4), second=False)  # by its fused op
attend(qkv(2, 2, 2, 3, 5, 3, 3) + [ints(2, 2, 1, 3, 5, dtype=torch.uint8)])
attend(qkv(2, 2, 2, 5, 3, 3, 3) + [torch.ones(5, 3).tril(-2).to(torch.uint8)])  # rows that may look at nothing
attend(qkv(0, 2, 2, 3, 5, 3, 3))
attend(qkv(2, 2, 2, 0, 5, 3, 3))


def lengths(q, k, v, n):
    keep = torch.arange(k.shape[2])[None, None, None, :] < n[:, None, None, None]
    return attention(q, k, v, attn_mask=keep)


def at_end_of(q, k, v, n):
    t, s = q.shape[2], k.shape[2]
    last = n[:, None, None, None] - t + torch.arange(t)[None, None, :, None]
    return attention(q, k, v, attn_mask=torch.arange(s)[None, None, None, :] <= last)


case("sdpa", math(lengths), qkv(3, 2, 2, 3, 5, 3, 2) + [torch.tensor([5, 1, 3])])
case("sdpa", math(at_end_of), qkv(3, 2, 2, 3, 7, 3, 2) + [torch.tensor([7, 3, 5])], causal="end")


def packed(x, kv_heads, causal):
    h = x.shape[2] - 2 * kv_heads
    q, k, v = (y.transpose(1, 2) for y in x.split([h, kv_heads, kv_heads], 2))
    return attention(q, k, v, is_causal=causal, enable_gqa=True).transpose(1, 2)


case("packed", math(lambda x: packed(x, 2, True)), [rand(2, 5, 6, 3)], kv_heads=2, causal="start")
case("packed", math(lambda x: packed(x, 1, False)), [rand(1, 3, 5, 3)], kv_heads=1)
case("cross", math(lambda q, kv: attention(*(y.transpose(1, 2) for y in (q, *kv.chunk(2, 2)))).transpose(1, 2)),
     [rand(2, 3, 2, 3), rand(2, 5, 4, 3)])
done()
