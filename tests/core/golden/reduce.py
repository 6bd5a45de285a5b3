"""Over some dims: `dims` of a row is a bit mask."""
from golden import *

case("sum", lambda x: x.sum((0, 2), keepdim=True), [rand(2, 3, 4)], dims=5, keep=1)
case("mean", lambda x: x.mean(1), [rand(2, 3, 4)], dims=2, keep=0)
case("max", lambda x: x.amax(1), [ties(4, 9)], dims=2, keep=0)
case("max", lambda x: x.amax(), [rand(3, 5)], dims=2**32 - 1, keep=0)
done()
