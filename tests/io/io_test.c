#include "io_test.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

static char    root[512], before[4096];
static int64_t handles_before[16];

/* Types and property lists have members of HDF5's own: they are counted against what there was before. */
static const H5I_type_t kinds[] = {H5I_FILE, H5I_GROUP, H5I_DATATYPE, H5I_DATASPACE, H5I_DATASET, H5I_ATTR, H5I_GENPROP_LST};
enum { KINDS = sizeof kinds / sizeof kinds[0] };

static int64_t handles_of(H5I_type_t kind)
{
    hsize_t members = 0;
    return H5Inmembers(kind, &members) >= 0 ? (int64_t)members : 0;
}

int test_enter(void **state)
{
    const char *base = getenv("TMPDIR");
    (void)state;
    (void)H5open();
    (void)H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
    for (int i = 0; i < KINDS; i++) handles_before[i] = handles_of(kinds[i]);
    (void)snprintf(root, sizeof root, "%s/hoop-io-XXXXXX", base != NULL ? base : "/tmp");
    return getcwd(before, sizeof before) == NULL || mkdtemp(root) == NULL || chdir(root) != 0;
}

static int remove_one(const char *path, const struct stat *s, int kind, struct FTW *at)
{
    (void)s;
    (void)kind;
    (void)at;
    (void)remove(path);
    return 0;
}

void test_remove(const char *path)
{
    (void)nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* HDF5 1.10 loses memory of its own when it meets damaged metadata. That io closes what it opened is seen below instead. */
__attribute__((visibility("default"))) const char *__lsan_default_suppressions(void);
const char                                        *__lsan_default_suppressions(void)
{
    return "leak:libhdf5\n";
}

static int64_t open_handles(void)
{
    int64_t n = 0;
    for (int i = 0; i < KINDS; i++) {
        const int64_t left = handles_of(kinds[i]) - handles_before[i];
        if (left != 0) print_error("%lld HDF5 handles of kind %d were left open\n", (long long)left, (int)kinds[i]);
        n += left < 0 ? -left : left;
    }
    return n;
}

int test_leave(void **state)
{
    (void)state;
    if (open_handles() != 0) return 1;
    if (chdir(before) != 0) return 1;
    test_remove(root);
    return 0;
}

char *test_load(const char *path, int64_t *n)
{
    struct stat s;
    char       *data;
    const int   fd = open(path, O_RDONLY);
    assert_true(fd >= 0 && fstat(fd, &s) == 0);
    data = malloc((size_t)s.st_size + 1);
    assert_non_null(data);
    assert_int_equal(read(fd, data, (size_t)s.st_size), s.st_size);
    (void)close(fd);
    if (n != NULL) *n = s.st_size;
    data[s.st_size] = '\0';
    return data;
}

void test_store(const char *path, const void *data, int64_t n)
{
    const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0666);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, data, (size_t)n), n);
    assert_int_equal(close(fd), 0);
}

void test_flip(const char *path, int64_t offset, unsigned char mask)
{
    unsigned char c;
    const int     fd = open(path, O_RDWR);
    assert_true(fd >= 0);
    assert_int_equal(pread(fd, &c, 1, offset), 1);
    c ^= mask;
    assert_int_equal(pwrite(fd, &c, 1, offset), 1);
    (void)close(fd);
}

bool test_exists(const char *path)
{
    struct stat s;
    return lstat(path, &s) == 0;
}

static int counted;

static int count_one(const char *path, const struct stat *s, int kind, struct FTW *at)
{
    (void)path;
    (void)s;
    (void)at;
    if (kind == FTW_F) counted++;
    return 0;
}

int test_count(const char *dir)
{
    counted = 0;
    (void)nftw(dir, count_one, 16, FTW_PHYS);
    return counted;
}

static void write_map(const char *path, const char *format, unsigned id)
{
    char      text[32];
    const int n = snprintf(text, sizeof text, format, id), fd = open(path, O_WRONLY);
    if (fd < 0) return;
    (void)!write(fd, text, (size_t)n);
    (void)close(fd);
}

bool test_small_disk(const char *dir, const char *options)
{
    const unsigned uid = getuid(), gid = getgid();
    assert_int_equal(mkdir(dir, 0777), 0);
    if (mount("hoop-test", dir, "tmpfs", 0, options) == 0) return true;
    if (errno == EPERM && unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0) {
        write_map("/proc/self/setgroups", "deny", 0);
        write_map("/proc/self/uid_map", "0 %u 1", uid);
        write_map("/proc/self/gid_map", "0 %u 1", gid);
        if (mount("hoop-test", dir, "tmpfs", 0, options) == 0) return true;
    }
    print_message("[  SKIP    ] no tmpfs can be mounted here: %s\n", strerror(errno));
    return false;
}

void test_h5_add(const char *path, bool create, const char *name, hid_t type, hid_t memory, int ndim, const hsize_t *shape,
                 const void *data, hsize_t chunk, int deflate)
{
    const hid_t file =
        create ? H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT) : H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT);
    const hid_t space = ndim == 0 ? H5Screate(H5S_SCALAR) : H5Screate_simple(ndim, shape, NULL),
                dcpl = H5Pcreate(H5P_DATASET_CREATE), lcpl = H5Pcreate(H5P_LINK_CREATE);
    hsize_t chunks[8];
    hid_t   dset;
    (void)H5Pset_create_intermediate_group(lcpl, 1);
    for (int i = 0; i < ndim; i++) chunks[i] = i == 0 ? chunk : (shape[i] + 1) / 2;
    if (chunk > 0) assert_true(H5Pset_chunk(dcpl, ndim, chunks) >= 0);
    if (deflate > 0) assert_true(H5Pset_deflate(dcpl, (unsigned)deflate) >= 0);
    dset = H5Dcreate2(file, name, type, space, lcpl, dcpl, H5P_DEFAULT);
    assert_true(dset >= 0);
    if (data != NULL) assert_true(H5Dwrite(dset, memory, H5S_ALL, H5S_ALL, H5P_DEFAULT, data) >= 0);
    (void)H5Dclose(dset);
    (void)H5Pclose(lcpl);
    (void)H5Pclose(dcpl);
    (void)H5Sclose(space);
    assert_true(H5Fclose(file) >= 0);
}

static void attr_add(const char *path, const char *dataset, const char *name, hid_t type, const void *value)
{
    const hid_t file = H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT), dset = H5Dopen2(file, dataset, H5P_DEFAULT),
                space = H5Screate(H5S_SCALAR);
    const hid_t attr  = H5Acreate2(dset, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
    assert_true(attr >= 0 && H5Awrite(attr, type, value) >= 0);
    (void)H5Aclose(attr);
    (void)H5Sclose(space);
    (void)H5Dclose(dset);
    assert_true(H5Fclose(file) >= 0);
}

void test_h5_attr_f64(const char *path, const char *dataset, const char *name, double value)
{
    attr_add(path, dataset, name, H5T_NATIVE_DOUBLE, &value);
}

void test_h5_attr_i64(const char *path, const char *dataset, const char *name, int64_t value)
{
    attr_add(path, dataset, name, H5T_NATIVE_INT64, &value);
}

void test_failed(hoop_status st, const hoop_error *err, hoop_status want, ...)
{
    va_list     words;
    const char *word;
    if (st != want || err->status != want)
        fail_msg("%s is wanted, not %s (%s)", hoop_status_name(want), hoop_status_name(st), err->text);
    if (strchr(err->text, '\n') != NULL) fail_msg("more than one line: %s", err->text);
    va_start(words, want);
    while ((word = va_arg(words, const char *)) != NULL)
        if (strstr(err->text, word) == NULL) fail_msg("'%s' is missing in: %s", word, err->text);
    va_end(words);
}

uint64_t test_random(uint64_t *state)
{
    uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));
    z          = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z          = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

hoop_dataset *test_open_set(const char *spec, const hoop_dataset_opts *o)
{
    hoop_error    err = {0};
    hoop_dataset *ds;
    test_ok(hoop_dataset_open(spec, o, &err, &ds));
    return ds;
}

void test_cannot_open(const char *spec, const hoop_dataset_opts *o, hoop_status want, const char *a, const char *b)
{
    hoop_error    err = {0};
    hoop_dataset *ds;
    test_failed(hoop_dataset_open(spec, o, &err, &ds), &err, want, a, b, NULL);
    assert_null(ds);
}
