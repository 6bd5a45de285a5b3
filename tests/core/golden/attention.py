"""Scaled dot-product attention, rotary positions, and what is made of them."""
from golden import *
from torch.nn.attention import SDPBackend, sdpa_kernel

attention = F.scaled_dot_product_attention
torch.manual_seed(5)  # parameters of PyTorch's layers


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
            keep = torch.ones(t, s).tril(s - t).bool()
            mask = keep if mask is None else mask.masked_fill(~keep, -torch.inf)
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


def angles(rows, pairs, base, first=0):
    at = first + torch.arange(rows)
    return at[:, None] * base ** (-torch.arange(pairs) / pairs)[None, :]


def turned(x, base=10000.0, interleaved=False, dims=0, heads=0, first=0):
    """(N, T, H, D), as RoFormer has it: PyTorch has no function for it."""
    dims, heads = dims or x.shape[3], heads or x.shape[2]
    u = angles(x.shape[1], dims // 2, base, first)[None, :, None, :]
    y = x[:, :, :heads, :dims]
    a, b = (y[..., 0::2], y[..., 1::2]) if interleaved else y.chunk(2, -1)
    parts = [a * u.cos() - b * u.sin(), b * u.cos() + a * u.sin()]
    y = torch.stack(parts, -1).flatten(-2) if interleaved else torch.cat(parts, -1)
    y = torch.cat([y, x[:, :, :heads, dims:]], -1)
    return torch.cat([y, x[:, :, heads:]], 2)


case("rotary_of", turned, [rand(2, 5, 2, 6)])
case("rotary_of", lambda x: turned(x, 100.0, True, 4, 1), [rand(1, 3, 2, 5)], base=100.0, interleaved=1, dims=4, heads=1)
case("rotary_of", lambda x, n: turned(x, first=int(n)), [rand(1, 1, 1, 4), torch.tensor(17)])


def waves(x, first=0):
    u = angles(x.shape[1], (x.shape[2] + 1) // 2, 10000.0 ** (2 * ((x.shape[2] + 1) // 2) / x.shape[2]), first)
    return x + torch.stack([u.sin(), u.cos()], -1).flatten(-2)[:, :x.shape[2]]


case("sines", waves, [rand(2, 5, 6)])
case("sines", lambda x, n: waves(x, int(n)), [rand(1, 3, 5), torch.tensor(7)])


class Position(nn.Module):
    def __init__(self, length, width):
        super().__init__()
        self.weight = nn.Parameter(rand(length, width))

    def forward(self, x):
        return x + self.weight[:x.shape[1]]


layer("position", Position(5, 4), [rand(2, 5, 4)])
layer("position", Position(7, 4), [rand(2, 5, 4)], length=7)
layer("position", nn.Identity(), [rand(2, 5, 4)], f=lambda m, x: waves(x), kind="sinusoidal")


def to_itself(m, x, **more):
    return m(x, x, x, need_weights=False, **more)[0]


def heads(*args, **more):
    return nn.MultiheadAttention(*args, batch_first=True, **more)


def lower(n):
    return torch.ones(n, n).triu(1).bool()


layer("attention", heads(6, 2), [rand(2, 5, 6)], f=to_itself, heads=2)
layer("attention", heads(3, 1), [rand(1, 1, 3)], f=to_itself, heads=1)
layer("attention", heads(6, 3, bias=False), [rand(2, 7, 6)], heads=3, no_bias=True, causal=True,
      f=lambda m, x: to_itself(m, x, attn_mask=lower(7), is_causal=True))
layer("attention", heads(4, 2), [rand(2, 3, 4), torch.tensor([[1, 0, 1], [0, 1, 1]], dtype=torch.uint8)], heads=2,
      f=lambda m, x, k: to_itself(m, x, key_padding_mask=k == 0))
layer("attention", heads(4, 2), [rand(2, 3, 4), torch.tensor([3, 1])], heads=2,
      f=lambda m, x, n: to_itself(m, x, key_padding_mask=torch.arange(3)[None, :] >= n[:, None]))
layer("attention", heads(4, 2), [rand(2, 3, 4), rand(2, 5, 4)], f=lambda m, x, y: m(x, y, y, need_weights=False)[0], heads=2)
layer("attention", heads(4, 2, kdim=3, vdim=3), [rand(2, 3, 4), rand(2, 5, 3), torch.tensor([2, 5])], heads=2,
      f=lambda m, x, y, n: m(x, y, y, need_weights=False, key_padding_mask=torch.arange(5)[None, :] >= n[:, None])[0])


class Grouped(nn.Module):
    """What nn.MultiheadAttention has no options for."""
    def __init__(self, width, q, k, d):
        super().__init__()
        self.q, self.k, self.d = q, k, d
        self.in_proj_weight, self.in_proj_bias = nn.Parameter(rand((q + 2 * k) * d, width)), nn.Parameter(rand((q + 2 * k) * d))
        self.out_proj = nn.Linear(q * d, width)

    def forward(self, x, turn):
        y = F.linear(x, self.in_proj_weight, self.in_proj_bias).unflatten(-1, (-1, self.d))
        y = packed(turn(y, self.q + self.k), self.k, True)
        return self.out_proj(y.flatten(2))


layer("attention", Grouped(5, 4, 2, 2), [rand(2, 3, 5)], f=lambda m, x: m(x, lambda y, n: turned(y, heads=n)), heads=4, kv_heads=2,
      head_dim=2, causal=True, rotary="half")
layer("attention", Grouped(4, 2, 1, 4), [rand(1, 3, 4)], f=lambda m, x: m(x, lambda y, n: turned(y, 10.0, True, heads=n)), heads=2,
      kv_heads=1, head_dim=4, causal=True, rotary="interleaved", rotary_base=10.0)


def encoder(*args, **more):
    return nn.TransformerEncoderLayer(*args, dropout=0.0, batch_first=True, **more)


def masked(n):
    return torch.arange(3)[None, :] >= n[:, None]


layer("transformer_encoder_layer", encoder(4, 2, 5), [rand(2, 3, 4)], heads=2, feedforward=5)
layer("transformer_encoder_layer", encoder(4, 1, 3, norm_first=True, activation="gelu", layer_norm_eps=1e-3), [rand(2, 3, 4)], heads=1,
      feedforward=3, norm_first=True, activation="gelu", eps=1e-3, causal=True, f=lambda m, x: m(x, src_mask=lower(3), is_causal=True))
layer("transformer_encoder_layer", encoder(4, 2, 3), [rand(2, 3, 4), torch.tensor([2, 3])], heads=2, feedforward=3, train=True,
      f=lambda m, x, n: m(x, src_key_padding_mask=masked(n)))
shut = rand(3, 5)
shut[1] = -torch.inf  # so a row of what is added
shut[2, 3:] = -torch.inf
attend(qkv(2, 2, 2, 3, 5, 3, 3) + [shut])
attend(qkv(2, 2, 2, 3, 5, 3, 3) + [shut], second=False)
far = qkv(1, 2, 1, 5, 3, 3, 2) + [rand(5, 3)]
far[0][:, :, :2] = 300  # e^score of rows that may look at nothing is no f32
far[1] = far[1].abs() + 1
attend(far, causal="end")
attend(far, causal="end", second=False)
# dropout, which evaluation does not see
layer("attention", nn.MultiheadAttention(4, 2, dropout=0.3, batch_first=True), [rand(2, 3, 4)], heads=2, dropout=0.3,
      f=lambda m, x: m(x, x, x)[0])
layer("transformer_encoder_layer", nn.TransformerEncoderLayer(4, 2, 3, dropout=0.3, batch_first=True), [rand(1, 3, 4)], heads=2,
      feedforward=3, dropout=0.3)
done()
