# Not tried with Spack, which wants the network: written to its packaging guide. Put this file into a repository of yours as
# packages/hoop/package.py, then: spack dev-build hoop@main   (in a clone), or set `git` below to where yours lies.
from spack.package import *


class Hoop(CMakePackage):
    """Data-parallel training over MPI, with the same bits on any number of ranks."""

    git = "file:///path/to/hoop"
    license("Apache-2.0")

    version("main", branch="main")

    depends_on("c", type="build")
    depends_on("cmake@3.25:", type="build")
    depends_on("ninja", type="build")
    depends_on("pkgconfig", type="build")
    depends_on("mpi@3:")
    depends_on("openblas threads=openmp")
    depends_on("hdf5@1.10:+threadsafe~mpi+hl")
    depends_on("libyaml")
    depends_on("jansson")
    depends_on("xxhash")
    depends_on("openssl")
    depends_on("zlib-api")
    depends_on("liblzf")
    depends_on("libspng")
    depends_on("libjpeg-turbo")

    generator("ninja")

    def cmake_args(self):
        return [self.define("HOOP_TESTS", self.run_tests)]
