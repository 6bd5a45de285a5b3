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
for a, b in [((5,), (5,)), ((5,), (5, 3)), ((3, 5), (5,)), ((2, 3, 5), (5,)), ((5,), (2, 5, 3)), ((7, 1, 2, 3), (3,)), ((0, 3), (3,)),
             ((2, 0), (0,)), ((1, 2, 3), (4, 3, 1)), ((2, 1, 1, 5), (1, 3, 5, 2))]:
    case("product", torch.matmul, [rand(*a), rand(*b)])
case("outer", torch.outer, [rand(3), rand(5)])
case("dot", torch.dot, [rand(7), rand(7)])
case("bilinear", F.bilinear, [rand(2, 3, 4), rand(2, 3, 5), rand(6, 4, 5), rand(6)])
for text, shapes in [("ij,jk->ik", [(3, 5), (5, 2)]), ("bij,bjk->bik", [(2, 3, 5), (2, 5, 4)]), ("ij,jk", [(3, 5), (5, 2)]),
                     ("ij,ij->i", [(3, 5), (3, 5)]), ("i,j->ij", [(3,), (5,)]), ("ij->ji", [(3, 5)]), ("ij->", [(3, 5)]),
                     ("ijk->kj", [(2, 3, 5)]), ("bhqd,bhkd->bhqk", [(2, 3, 4, 5), (2, 3, 6, 5)]),
                     ("bqhd,bkhd->bhqk", [(2, 4, 3, 5), (2, 6, 3, 5)]), ("bhqk,bkhd->bqhd", [(2, 3, 4, 6), (2, 6, 3, 5)]),
                     ("abcd,cdef->abef", [(2, 3, 4, 5), (4, 5, 2, 3)]), ("abcd,dcef->faeb", [(2, 3, 4, 5), (5, 4, 2, 3)]),
                     ("...ij,...jk->...ik", [(2, 1, 3, 5), (4, 5, 2)]), ("...ij,jk", [(2, 3, 5), (5, 2)]),
                     ("i...,i...->...", [(3, 2, 5), (3, 5)]), ("ab,bc,cd->ad", [(2, 3), (3, 4), (4, 5)]),
                     ("ni,oij,nj->no", [(3, 4), (2, 4, 5), (3, 5)]), ("ii->i", [(4, 4)]), ("ii", [(4, 4)]), ("iij,jk->ik", [(3, 3, 5), (5, 2)]),
                     ("ij,kj->ki", [(1, 5), (3, 5)]), ("ij,jk->ik", [(3, 1), (5, 2)]), ("ij,jk->ik", [(3, 0), (0, 2)]),
                     ("ab,cd->", [(2, 3), (4, 5)]), ("zA,Ab", [(2, 3), (3, 4)]), ("i,i,i->i", [(5,), (5,), (5,)]), ("b i j , b j -> b i", [(2, 3, 5), (2, 5)])]:
    case("einsum", lambda *x: torch.einsum(text, *x), [rand(*s) for s in shapes], equation=text)
done()
