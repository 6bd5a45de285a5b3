"""RNN, LSTM and GRU: states in and out, both directions, packed lengths, several layers."""
from golden import *
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

KINDS = [(0, lambda *a, **k: nn.RNN(*a, **k)), (1, lambda *a, **k: nn.RNN(*a, nonlinearity="relu", **k)), (2, nn.LSTM), (3, nn.GRU)]


def weights_of(module):
    return [rand(*p.shape, low=-1, high=1) for p in module.parameters()]


def net(module, state, packed):
    """The module as a function of x, its weights, h0, c0 and lengths."""
    names = [n for n, _ in module.named_parameters()]
    lstm = isinstance(module, nn.LSTM)

    def f(x, *rest):
        w, rest = dict(zip(names, rest)), list(rest[len(names):])
        s = None
        if state:
            s = rest.pop(0)
            if lstm:
                s = (s, rest.pop(0))
        if packed:
            x = pack_padded_sequence(x, rest.pop(0), batch_first=module.batch_first, enforce_sorted=False)
        y, s = torch.func.functional_call(module, w, (x, s))
        if packed:
            y, _ = pad_packed_sequence(y, batch_first=module.batch_first, total_length=steps)
        return (y, *s) if lstm else (y, s)

    return f


steps = 4
for kind, make in KINDS:
    lstm = kind == 2
    # one layer: plain, without biases, from given states, both ways, packed, time first
    for bias, state, both, packed, time_first in [(1, 0, 0, 0, 0), (0, 1, 0, 0, 0), (1, 1, 1, 1, 0), (1, 0, 1, 0, 1), (1, 1, 0, 1, 1)]:
        module = make(3, 2, bias=bool(bias), bidirectional=bool(both), batch_first=not time_first)
        inputs = [rand(4, 3, 3) if time_first else rand(3, 4, 3)] + weights_of(module)
        inputs += [rand(1 + both, 3, 2)] * state + [rand(1 + both, 3, 2)] * (state and lstm)
        inputs += [torch.tensor([2, 4, 1])] * packed
        # where a gradient is recorded the composite runs, else the fused gradient: cases of both
        case("rnn", net(module, state, packed), inputs, second=not both, kind=kind, bias=bias, state=state, bidirectional=both,
             packed=packed, time_first=time_first)
    # two layers, states of each
    module = make(2, 3, num_layers=2, batch_first=True)
    inputs = [rand(1, 4, 2)] + weights_of(module) + [rand(2, 1, 3)] * (1 + lstm)
    case("rnn", net(module, 1, 0), inputs, second=False, kind=kind, layers=2, state=1)
    # sizes of one
    module = make(1, 1, batch_first=True)
    case("rnn", net(module, 0, 0), [rand(1, 1, 1)] + weights_of(module), kind=kind)

first = lambda m, x: m(x)[0]
for name, make in [("rnn", nn.RNN), ("lstm", nn.LSTM), ("gru", nn.GRU)]:
    layer(name, make(5, 3, batch_first=True), [rand(2, 7, 5)], f=first, hidden=3)
    layer(name, make(3, 4, num_layers=2, bidirectional=True, batch_first=True), [rand(2, 3, 3)], f=first, hidden=4, layers=2,
          bidirectional=True)
    layer(name, make(3, 2, bias=False, num_layers=2, dropout=0.3, batch_first=True), [rand(2, 3, 3)], f=first, hidden=2, layers=2,
          no_bias=True, dropout=0.3)
layer("rnn", nn.RNN(3, 2, nonlinearity="relu", batch_first=True), [rand(2, 3, 3)], f=first, hidden=2, nonlinearity="relu")
# projected LSTMs
for bias, state, both, packed, time_first in [(1, 0, 0, 0, 0), (0, 1, 0, 0, 0), (1, 1, 1, 1, 0), (1, 0, 1, 0, 1), (1, 1, 0, 1, 1)]:
    module = nn.LSTM(3, 3, proj_size=2, bias=bool(bias), bidirectional=bool(both), batch_first=not time_first)
    inputs = [rand(4, 3, 3) if time_first else rand(3, 4, 3)] + weights_of(module)
    inputs += [rand(1 + both, 3, 2), rand(1 + both, 3, 3)] * state + [torch.tensor([2, 4, 1])] * packed
    case("rnn", net(module, state, packed), inputs, second=not both, kind=2, projected=1, bias=bias, state=state, bidirectional=both,
         packed=packed, time_first=time_first)
module = nn.LSTM(2, 3, num_layers=2, proj_size=1, batch_first=True)
case("rnn", net(module, 1, 0), [rand(1, 5, 2)] + weights_of(module) + [rand(2, 1, 1), rand(2, 1, 3)], second=False, kind=2,
     projected=1, layers=2, state=1)
layer("lstm", nn.LSTM(3, 4, proj_size=2, num_layers=2, bidirectional=True, batch_first=True), [rand(2, 3, 3)], f=first, hidden=4,
      layers=2, bidirectional=True, proj_size=2)
layer("lstm", nn.LSTM(5, 3, proj_size=1, bias=False, batch_first=True), [rand(2, 7, 5)], f=first, hidden=3, no_bias=True,
      proj_size=1)
done()
