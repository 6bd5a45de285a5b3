"""Metrics, against scikit-learn's."""
from golden import *
import numpy as np
import sklearn.metrics as S

NAN = float("nan")


def classes(n, c, every=True):
    x, y = rand(n, c), ints(c if every else c - 1, n)
    for i in range(0, n, 3):  # some are right
        x[i, y[i]] += 2.5
    return x, y


def tell(x, y):
    return x.argmax(-1).numpy(), y.numpy()


x, y = classes(60, 4)
said, so = tell(x, y)
few = classes(31, 5, every=False)  # no sample of the last class
fsaid, fso = tell(*few)
ignored = y.clone()
ignored[::7] = -100
keep = (ignored >= 0).numpy()
metric("accuracy", S.accuracy_score(so, said), [x, y])
metric("accuracy", S.accuracy_score(so[keep], said[keep]), [x, ignored])
metric("balanced_accuracy", S.balanced_accuracy_score(so, said), [x, y])
metric("balanced_accuracy", S.balanced_accuracy_score(so[keep], said[keep]), [x, ignored])
for k in [1, 2, 3]:
    metric("top_k", S.top_k_accuracy_score(so, x.numpy(), k=k, labels=range(4)), [x, y], k=k)
metric("top_k", S.top_k_accuracy_score(fso, few[0].numpy(), k=5, labels=range(5)), [few[0], few[1]])
for name, f in [("precision", S.precision_score), ("recall", S.recall_score), ("f1", S.f1_score), ("miou", S.jaccard_score)]:
    for average in ["macro", "micro", "weighted"]:
        metric(name, f(so, said, average=average, zero_division=0), [x, y], average=average)
        metric(name, f(fso, fsaid, average=average, zero_division=0), [*few], average=average)
    metric(name, f(so[keep], said[keep], average="macro", zero_division=0), [x, ignored])
    metric(name, f(so, said, average=None, zero_division=0), [x, y], average="none")
    two = classes(23, 2)
    tsaid, tso = tell(*two)
    metric(name, f(tso, tsaid, average="binary"), [*two], average="binary")
    # several targets of 0 and 1 a row: logits above 0 say 1
    z, m = rand(29, 3), ints(2, 29, 3)
    metric(name, f(m.numpy(), (z > 0).numpy(), average="macro", zero_division=0), [z, m.double()])
    metric(name, f(m.numpy(), (z > 0).numpy(), average=None, zero_division=0), [z, m.double()], average="none")
    metric(name, f(m[:, :1].numpy(), (z[:, :1] > 0).numpy(), average="binary", zero_division=0), [z[:, :1], m[:, :1].double()], average="binary")
metric("balanced_accuracy", S.balanced_accuracy_score(m[:, 0].numpy(), (z[:, 0] > 0).numpy()), [z[:, :1], m[:, :1].double()])
metric("confusion", S.confusion_matrix(so, said, labels=range(4)), [x, y])
for normalize in ["true", "pred", "all"]:
    metric("confusion", S.confusion_matrix(fso, fsaid, labels=range(5), normalize=normalize), [*few], normalize=normalize)
metric("confusion", [[3.0]], [rand(3, 1), ints(1, 3)])

# ranks: scores of three digits have a bin each, and it is exact
p = torch.softmax(x, -1).numpy()
hot = np.eye(4)[so]
metric("auroc", S.roc_auc_score(so, p, multi_class="ovr", average="macro"), [x, y])
metric("auroc", S.roc_auc_score(so, p, multi_class="ovr", average="weighted"), [x, y], average="weighted")
metric("auroc", [S.roc_auc_score(hot[:, k], p[:, k]) for k in range(4)], [x, y], average="none")
metric("average_precision", S.average_precision_score(hot, p, average="macro"), [x, y])
tx, ty = classes(41, 2)
metric("auroc", S.roc_auc_score(ty.numpy(), torch.softmax(tx, -1)[:, 1].numpy()), [tx, ty])
metric("average_precision", S.average_precision_score(ty.numpy(), torch.softmax(tx, -1)[:, 1].numpy()), [tx, ty])
steps = torch.round(rand(53, 1) * 2) / 2  # many equal
sm = ints(2, 53, 1)
metric("auroc", S.roc_auc_score(sm[:, 0].numpy(), steps[:, 0].numpy()), [steps, sm.double()])
metric("average_precision", S.average_precision_score(sm[:, 0].numpy(), steps[:, 0].numpy()), [steps, sm.double()])
metric("auroc", S.roc_auc_score(m.numpy(), z.numpy(), average="macro"), [z, m.double()])
metric("average_precision", S.average_precision_score(m.numpy(), z.numpy(), average="macro"), [z, m.double()])
metric("auroc", NAN, [rand(5, 1), torch.ones(5, 1)])  # nothing to tell apart
metric("perplexity", np.exp(S.log_loss(so, p, labels=range(4))), [x, y], tolerance=1000)
metric("perplexity", np.exp(F.cross_entropy(x, ignored).item()), [x, ignored], tolerance=1000)

# values
a, b = rand(13, 4), rand(13, 4)
metric("mae", S.mean_absolute_error(b.numpy(), a.numpy()), [a, b], tolerance=1000)
metric("rmse", S.mean_squared_error(b.numpy(), a.numpy()) ** 0.5, [a, b], tolerance=1000)
metric("r2", S.r2_score(b[:, :1].numpy(), a[:, :1].numpy()), [a[:, :1], b[:, :1]], tolerance=1000)
metric("relative_l2", ((a - b).norm(dim=1) / b.norm(dim=1)).mean().item(), [a, b], tolerance=1000)
metric("relative_l2", ((a - b).norm() / b.norm()).item(), [a, b], tolerance=1000, over="all")

# nothing there
for name in ["accuracy", "top_k", "balanced_accuracy", "f1", "auroc", "perplexity"]:
    metric(name, NAN, [rand(0, 3), ints(3, 0)])
for name in ["mae", "rmse", "relative_l2"]:
    metric(name, NAN, [rand(0, 3), rand(0, 3)])
done()
