"""Over rows."""
from golden import *

case("softmax", lambda x: F.softmax(x, -1), [rand(2, 3, 7)])
case("log_softmax", lambda x: F.log_softmax(x, -1), [rand(2, 3, 7)])
done()
