/* Datasets as named fields: pieces, other axes, windows of series, rows of variable length; what cannot be is one line. */
#include "io_test.h"

#include "hoop/import.h"
#include "hoop/loader.h"

/* How an HDF5 dataset lies in its file: mapped, chunks in two ways, and what HDF5 has to convert. */
typedef struct layout {
    const char *name;
    hsize_t     chunk;
    int         deflate;
    bool        swapped;
} layout;
static const layout layouts[] = {
    {"mapped", 0, 0, false}, {"chunked", 3, 0, false}, {"deflate", 2, 4, false}, {"swapped", 0, 0, true}};
enum { LAYOUTS = sizeof layouts / sizeof *layouts };

static void add(const char *path, bool create, const char *name, const layout *l, int ndim, const hsize_t *shape,
                const float *data)
{
    test_h5_add(path, create, name, l->swapped ? H5T_IEEE_F32BE : H5T_IEEE_F32LE, H5T_NATIVE_FLOAT, ndim, shape, data, l->chunk,
                l->deflate);
}

static hoop_dataset *open_fields(const char *spec, const hoop_field_opts *f, int n)
{
    return test_open_set(spec, &(hoop_dataset_opts){.fields = f, .nfields = n});
}

static void cannot(const char *spec, const hoop_field_opts *f, int n, hoop_status want, const char *a, const char *b)
{
    test_cannot_open(spec, &(hoop_dataset_opts){.fields = f, .nfields = n}, want, a, b);
}

/* ---- pieces and axes ---- */

enum { A = 7, B = 4, C = 5 };

static void make_cube(const char *path, const layout *l)
{
    float x[A * B * C];
    for (int i = 0; i < A * B * C; i++) x[i] = (float)i;
    add(path, true, "/g/cube", l, 3, (hsize_t[]){A, B, C}, x);
}

typedef struct piece {
    const char *text;
    int         axis, ndim, shape[2], from[3], to[3]; /* of the rows; what is taken of each dim */
} piece;

/* Rows are the other dims in their order, one after the other. */
static void check_piece(const char *path, const piece *p)
{
    char                  name[64];
    const hoop_field_opts f   = {.name = "u", .path = name, .sample_axis = p->axis};
    hoop_error            err = {0};
    float                 got[A * B * C];
    int64_t               index[A], n, numel = 1, at = 0;
    hoop_dataset         *ds;
    hoop_verify_report    r;
    (void)snprintf(name, sizeof name, "/g/cube%s", p->text);
    ds = open_fields(path, &f, 1);
    n  = hoop_dataset_about(ds)->length;
    assert_int_equal(n, ((int[]){A, B, C})[p->axis]);
    assert_int_equal(hoop_dataset_about(ds)->field[0].ndim, p->ndim);
    for (int d = 0; d < p->ndim; d++) assert_int_equal(hoop_dataset_about(ds)->field[0].shape[d], p->shape[d]);
    for (int d = 0; d < 3; d++) numel *= d == p->axis ? 1 : p->to[d] - p->from[d];
    assert_int_equal(hoop_dataset_about(ds)->field[0].numel, numel);
    for (int64_t i = 0; i < n; i++) index[i] = n - 1 - i;
    test_ok(hoop_dataset_read(ds, index, n, 0, HOOP_F32, got, &err));
    for (int64_t s = 0; s < n; s++)
        for (int i = p->axis == 0 ? (int)index[s] : p->from[0]; i < (p->axis == 0 ? index[s] + 1 : p->to[0]); i++)
            for (int j = p->axis == 1 ? (int)index[s] : p->from[1]; j < (p->axis == 1 ? index[s] + 1 : p->to[1]); j++)
                for (int k = p->axis == 2 ? (int)index[s] : p->from[2]; k < (p->axis == 2 ? index[s] + 1 : p->to[2]); k++)
                    if (got[at++] != (float)((i * B + j) * C + k))
                        fail_msg("%s %s axis %d: sample %d", path, name, p->axis, (int)s);
    test_ok(hoop_dataset_verify(ds, NULL, NULL, &err, &r));
    assert_int_equal(r.rows, n);
    hoop_dataset_close(&ds);
}

static void pieces_of_every_layout(void **state)
{
    static const piece pieces[] = {
        {"", 0, 2, {B, C}, {0, 0, 0}, {A, B, C}},          {"", 1, 2, {A, C}, {0, 0, 0}, {A, B, C}},
        {"", 2, 2, {A, B}, {0, 0, 0}, {A, B, C}},          {"[:, :, :]", 0, 2, {B, C}, {0, 0, 0}, {A, B, C}},
        {"[:,1:3,:]", 0, 2, {2, C}, {0, 1, 0}, {A, 3, C}}, {"[:, 1:3, 2:]", 0, 2, {2, 3}, {0, 1, 2}, {A, 3, C}},
        {"[:, :, 1]", 0, 1, {B}, {0, 0, 1}, {A, B, 2}},    {"[ : , 2 , 3 ]", 0, 0, {0}, {0, 2, 3}, {A, 3, 4}},
        {"[:, 3, :2]", 0, 1, {2}, {0, 3, 0}, {A, 4, 2}},   {"[2:5, :, 4]", 1, 1, {3}, {2, 0, 4}, {5, B, 5}},
        {"[6, 1:, :]", 2, 1, {3}, {6, 1, 0}, {7, B, C}},   {"[1:, :2, :]", 2, 2, {6, 2}, {1, 0, 0}, {A, 2, C}},
    };
    (void)state;
    for (int l = 0; l < LAYOUTS; l++) {
        make_cube("cube.h5", &layouts[l]);
        for (size_t p = 0; p < sizeof pieces / sizeof *pieces; p++) check_piece("cube.h5", &pieces[p]);
    }
}

/* A piece has the fingerprint of a dataset that holds nothing else, in any layout, and in the short form too. */
static void a_piece_is_as_if_it_stood_alone(void **state)
{
    float                 x[A * 2];
    const hoop_field_opts part = {.name = "u", .path = "/g/cube[:, 1, 2:4]"}, alone = {.name = "u", .path = "/alone"};
    hoop_dataset         *a, *b;
    (void)state;
    for (int i = 0; i < A; i++)
        for (int k = 0; k < 2; k++) x[2 * i + k] = (float)((i * B + 1) * C + 2 + k);
    add("alone.h5", true, "/alone", &layouts[0], 2, (hsize_t[]){A, 2}, x);
    b = open_fields("alone.h5", &alone, 1);
    for (int l = 0; l < LAYOUTS; l++) {
        make_cube("cube.h5", &layouts[l]);
        a = open_fields("cube.h5", &part, 1);
        assert_string_equal(hoop_dataset_about(a)->fingerprint, hoop_dataset_about(b)->fingerprint);
        hoop_dataset_close(&a);
    }
    hoop_dataset_close(&b);
    a = test_open_set("cube.h5", &(hoop_dataset_opts){.x = "/g/cube[:, 1, 2:4]", .use_y = HOOP_Y_NONE});
    b = test_open_set("alone.h5", &(hoop_dataset_opts){.x = "/alone", .use_y = HOOP_Y_NONE});
    assert_string_equal(hoop_dataset_about(a)->fingerprint, hoop_dataset_about(b)->fingerprint);
    hoop_dataset_close(&a);
    hoop_dataset_close(&b);
}

static void a_name_with_brackets_is_a_name(void **state)
{
    const float   x[6] = {0, 1, 2, 3, 4, 5};
    hoop_error    err  = {0};
    hoop_dataset *ds;
    float         got[2];
    (void)state;
    add("kelvin.h5", true, "/T [K]", &layouts[0], 2, (hsize_t[]){3, 2}, x);
    ds = open_fields("kelvin.h5", &(hoop_field_opts){.name = "T", .path = "/T [K]"}, 1);
    test_ok(hoop_dataset_read(ds, &(int64_t){2}, 1, 0, HOOP_F32, got, &err));
    assert_true(got[0] == 4 && got[1] == 5);
    hoop_dataset_close(&ds);
    ds = open_fields("kelvin.h5", &(hoop_field_opts){.name = "T", .path = "/T [K][:, 1]"}, 1);
    test_ok(hoop_dataset_read(ds, &(int64_t){2}, 1, 0, HOOP_F32, got, &err));
    assert_true(got[0] == 5 && hoop_dataset_about(ds)->field[0].ndim == 0);
    hoop_dataset_close(&ds);
}

static void bad_pieces(void **state)
{
    static const struct {
        const char *path;
        int         axis;
        hoop_status status;
        const char *a, *b;
    } bad[] = {
        {"/g/cube[:, 1:9, :]", 0, HOOP_ESHAPE, "has 4 places", "place 8 is wanted"},
        {"/g/cube[:, 4, :]", 0, HOOP_ESHAPE, "has 4 places", "place 4 is wanted"},
        {"/g/cube[:, 0:2]", 0, HOOP_ESHAPE, "names 2 dims", "has 3"},
        {"/g/cube[0:3, :, :]", 0, HOOP_ESHAPE, "counts samples", "only `:`"},
        {"/g/cube[:, 1, :]", 1, HOOP_ESHAPE, "dim 1", "only `:`"},
        {"/g/cube", 3, HOOP_ESHAPE, "sample_axis", "0 to 2"},
        {"/g/cube", -1, HOOP_EARG, "sample_axis of u is -1", "possible"},
        {"/g/cube[:, 3:1, :]", 0, HOOP_EARG, "a piece is written", "FROM:TO"},
        {"/g/cube[:, -1, :]", 0, HOOP_EARG, "a piece is written", "FROM:TO"},
        {"/g/cube[:, ::2, :]", 0, HOOP_EARG, "a piece is written", "FROM:TO"},
        {"/g/cube[:, a, :]", 0, HOOP_EARG, "a piece is written", "FROM:TO"},
        {"/g/cube[]", 0, HOOP_EARG, "a piece is written", "FROM:TO"},
        {"/g/cube[:, :, :, :, :, :, :, :, :, :]", 0, HOOP_EARG, "a piece is written", "FROM:TO"},
        {"[:, 1]", 0, HOOP_EARG, "a piece is written", "FROM:TO"},
        {"/g/cube:, 1]", 0, HOOP_EFORMAT, "there is no dataset", "cube"},
        {"/none[:, 1]", 0, HOOP_EFORMAT, "there is no dataset /none", "g/cube"},
    };
    const hoop_field_opts twice[] = {{.name = "u", .path = "/g/cube"}, {.name = "u", .path = "/g/cube"}}, none = {.name = "u"},
                          other[] = {{.name = "u", .path = "/g/cube"}, {.name = "v", .path = "/g/cube", .sample_axis = 1}};
    (void)state;
    make_cube("cube.h5", &layouts[0]);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        const hoop_field_opts f = {.name = "u", .path = bad[i].path, .sample_axis = bad[i].axis};
        cannot("cube.h5", &f, 1, bad[i].status, bad[i].a, bad[i].b);
    }
    cannot("cube.h5", twice, 2, HOOP_EARG, "two fields", "u");
    cannot("cube.h5", &none, 1, HOOP_EARG, "no path", "0");
    cannot("cube.h5", other, 0, HOOP_EARG, "0 fields", "1 to 64");
    cannot("cube.h5", other, 65, HOOP_EARG, "65 fields", "1 to 64");
    cannot("cube.h5", other, 2, HOOP_ESHAPE, "has 7 rows", "has 4");
}

/* ---- windows ---- */

enum { W = 6, H = 4, STRIDE = 3, SERIES = 2 };
static const int rows_of[SERIES] = {40, 23};

static float u_at(int shard, int row, int k)
{
    return (float)(10000 * shard + 10 * row + k);
}

static void make_series(const layout *l)
{
    char  path[32];
    float u[40 * 3], p[40];
    for (int s = 0; s < SERIES; s++) {
        for (int i = 0; i < rows_of[s]; i++) {
            for (int k = 0; k < 3; k++) u[3 * i + k] = u_at(s, i, k);
            p[i] = u_at(s, i, 9);
        }
        (void)snprintf(path, sizeof path, "series-%05d-of-%05d.h5", s, SERIES);
        add(path, true, "/u", l, 2, (hsize_t[]){(hsize_t)rows_of[s], 3}, u);
        add(path, false, "/p", l, 1, (hsize_t[]){(hsize_t)rows_of[s]}, p);
    }
}

/* u: windows of its last two columns; p: the H rows after them; q: the row at H; v: the next row of each */
static const hoop_field_opts series[] = {
    {.name = "u", .path = "/u[:, 1:3]", .window = W, .stride = STRIDE},
    {.name = "p", .path = "/p", .role = HOOP_TARGET, .window = H, .horizon = H},
    {.name = "q", .path = "/p", .role = HOOP_TARGET, .horizon = H},
    {.name = "v", .path = "/p", .role = HOOP_TARGET, .window = W, .horizon = 1},
};

/* Which shard and first row sample i is. */
static int place_of(int64_t i, int *shard)
{
    const int n = (rows_of[0] - W - H) / STRIDE + 1;
    *shard      = i >= n;
    return (int)(i >= n ? i - n : i) * STRIDE;
}

static void check_sample(int64_t i, const float *u, const float *p, const float *q, const float *v)
{
    int       shard;
    const int first = place_of(i, &shard);
    for (int r = 0; r < W; r++)
        for (int k = 0; k < 2; k++) assert_true(u[2 * r + k] == u_at(shard, first + r, k + 1));
    for (int r = 0; r < H; r++) assert_true(p[r] == u_at(shard, first + W + r, 9));
    assert_true(*q == u_at(shard, first + W + H - 1, 9));
    for (int r = 0; r < W; r++) assert_true(v[r] == u_at(shard, first + 1 + r, 9));
}

static void windows_of_a_series(void **state)
{
    const int64_t n   = (rows_of[0] - W - H) / STRIDE + 1 + (rows_of[1] - W - H) / STRIDE + 1;
    hoop_error    err = {0};
    (void)state;
    for (int l = 0; l < LAYOUTS; l++) {
        float                     u[W * 2], p[H], q, v[W];
        hoop_dataset             *ds;
        const hoop_dataset_field *f;
        make_series(&layouts[l]);
        ds = open_fields("series", series, 4);
        f  = hoop_dataset_about(ds)->field;
        assert_int_equal(hoop_dataset_about(ds)->length, n);
        assert_true(f[0].ndim == 2 && f[0].shape[0] == W && f[0].shape[1] == 2 && f[0].numel == 2 * W && f[0].window == W);
        assert_true(f[1].ndim == 1 && f[1].shape[0] == H && f[1].role == HOOP_TARGET && f[1].horizon == H &&
                    f[1].stride == STRIDE);
        assert_true(f[2].ndim == 0 && f[2].numel == 1);
        assert_int_equal(hoop_dataset_find(ds, "q"), 2);
        assert_int_equal(hoop_dataset_find(ds, "w"), -1);
        assert_true(f[0].varies == false && hoop_dataset_about(ds)->mapped == (l == 0));
        for (int64_t k = n - 1; k >= 0; k--) {
            test_ok(hoop_dataset_read(ds, &k, 1, 0, HOOP_F32, u, &err));
            test_ok(hoop_dataset_read(ds, &k, 1, 1, HOOP_F32, p, &err));
            test_ok(hoop_dataset_read(ds, &k, 1, 2, HOOP_F32, &q, &err));
            test_ok(hoop_dataset_read(ds, &k, 1, 3, HOOP_F32, v, &err));
            check_sample(k, u, p, &q, v);
        }
        hoop_dataset_close(&ds);
    }
}

/* ---- loading, each once whatever the number of ranks ---- */

enum { BATCH = 5, LEAVES = 3, MOST = 64 };

typedef void check_leaf(const hoop_loader_leaf *leaf, void *ctx);

/* Steps [from, to) by P ranks: which samples, and how often each. */
static void load(hoop_dataset *ds, const hoop_loader_opts *how, int size, int64_t from, int64_t to, check_leaf *check, void *ctx,
                 int *seen, int64_t *order)
{
    hoop_error err = {0};
    int64_t    at  = 0;
    for (int rank = 0; rank < size; rank++) {
        hoop_loader_opts o = *how;
        hoop_loader     *l;
        hoop_loader_leaf leaf;
        o.rank     = rank;
        o.size     = size;
        o.prefetch = rank;
        test_ok(hoop_loader_create(ds, &o, &err, &l));
        if (from > 0) test_ok(hoop_loader_seek(l, from, &err));
        for (int64_t s = from; s < to; s++) {
            test_ok(hoop_loader_next_step(l, &err, NULL));
            while (hoop_loader_next_leaf(l, &leaf))
                for (int64_t i = 0; i < leaf.n; i++) {
                    if (i == 0) check(&leaf, ctx);
                    seen[leaf.sample[i]]++;
                    order[s * BATCH + leaf.first + i] = leaf.sample[i];
                    at++;
                }
        }
        hoop_loader_destroy(&l);
    }
    assert_true(at > 0);
}

/* An epoch at P = 1, 2, 3: each sample once, and in the same leaves; and the same from the middle on. */
static void load_all(hoop_dataset *ds, const hoop_loader_opts *how, check_leaf *check, void *ctx)
{
    const int64_t n = hoop_dataset_about(ds)->length, steps = (n - 1) / BATCH + 1;
    int64_t       first[MOST];
    assert_in_range(n, 1, MOST);
    for (int size = 1; size <= 3; size++)
        for (int64_t from = 0; from <= steps / 2; from += steps / 2) {
            int     seen[MOST] = {0};
            int64_t order[MOST];
            load(ds, how, size, from, steps, check, ctx, seen, order);
            if (size == 1 && from == 0) memcpy(first, order, sizeof first);
            for (int64_t i = from * BATCH; i < n; i++) assert_int_equal(order[i], first[i]);
            for (int64_t i = 0; from == 0 && i < n; i++) assert_int_equal(seen[i], 1);
        }
}

static void check_windows(const hoop_loader_leaf *leaf, void *ctx)
{
    (void)ctx;
    for (int k = 0; k < 4; k++) assert_true(leaf->field[k].lengths == NULL && leaf->field[k].length == 0);
    for (int64_t i = 0; i < leaf->n; i++)
        check_sample(leaf->sample[i], (const float *)leaf->field[0].data + i * 2 * W, (const float *)leaf->field[1].data + i * H,
                     (const float *)leaf->field[2].data + i, (const float *)leaf->field[3].data + i * W);
}

static void windows_are_loaded_once_each(void **state)
{
    const hoop_loader_opts how = {.batch = BATCH, .leaves = LEAVES, .seed = 3, .shuffle = true};
    (void)state;
    for (int l = 0; l < LAYOUTS; l++) {
        hoop_dataset *ds;
        make_series(&layouts[l]);
        ds = open_fields("series", series, 4);
        load_all(ds, &how, check_windows, NULL);
        hoop_dataset_close(&ds);
    }
}

static void bad_windows(void **state)
{
    const hoop_field_opts u = {.name = "u", .path = "/u", .window = W}, y = {.name = "y", .path = "/p", .role = HOOP_TARGET};
    hoop_field_opts       f[2] = {u, y};
    (void)state;
    make_series(&layouts[0]);
    f[0].window  = 24;
    f[1].horizon = 1;
    cannot("series", f, 2, HOOP_ESHAPE, "series-00001-of-00002.h5: /u has 23 rows", "a sample of y reaches over 25");
    f[0] = u, f[1] = y;
    cannot("series", f, 2, HOOP_ESHAPE, "/p has 40 rows", "35 windows");
    f[1].horizon = 1, f[1].stride = 2, f[0].stride = 3;
    cannot("series", f, 2, HOOP_EARG, "stride of y is 2", "one for all");
    f[0] = u, f[1] = y, f[0].horizon = 1;
    cannot("series", f, 2, HOOP_EARG, "u is an input", "horizon");
    f[0] = u, f[0].window = 0, f[1].horizon = 2;
    cannot("series", f, 2, HOOP_EARG, "horizon of y", "wants an input with a window");
    f[1] = y, f[0].stride = 2;
    cannot("series", f, 2, HOOP_EARG, "a stride wants", "window");
    f[0] = u, f[1] = y, f[1].window = 9, f[1].horizon = 2;
    cannot("series", f, 2, HOOP_EARG, "window of y, 9 rows", "at most 8");
    f[1].window = -1;
    cannot("series", f, 2, HOOP_EARG, "window of y is -1", "possible");
    f[1] = y, f[0].offsets = "/p";
    cannot("series", f, 2, HOOP_EARG, "u has both", "one of them");
    f[0] = u, f[1].window = f[1].horizon = 3, f[1].length = 4;
    cannot("series", f, 2, HOOP_EARG, "rows of /p are all of one length", "length");
    f[0].window = INT64_C(1) << 62, f[1] = y;
    cannot("series", f, 2, HOOP_EARG, "window of u", "possible");
    test_h5_add("two.h5", true, "/u", H5T_IEEE_F32LE, H5T_NATIVE_FLOAT, 1, (hsize_t[]){9}, (float[9]){0}, 0, 0);
    test_h5_add("two.h5", false, "/p", H5T_IEEE_F32LE, H5T_NATIVE_FLOAT, 1, (hsize_t[]){8}, (float[8]){0}, 0, 0);
    f[0] = u, f[1] = y, f[1].horizon = 1;
    cannot("two.h5", f, 2, HOOP_ESHAPE, "/u has 9 rows, /p has 8", "series of one length");
}

/* ---- rows of variable length ---- */

enum { N = 23, LONGEST = 10 };

static int64_t length_of(int64_t i)
{
    return (i * 7 + 3) % 11;
}

static void add_varying(const char *path, const char *name, hid_t base, int64_t n, hsize_t chunk, int deflate)
{
    const hid_t file = H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT), space = H5Screate_simple(1, (hsize_t[]){(hsize_t)n}, NULL),
                dcpl = H5Pcreate(H5P_DATASET_CREATE), type = H5Tvlen_create(base), memory = H5Tvlen_create(H5T_NATIVE_INT);
    hvl_t list[N];
    int   values[N][LONGEST];
    hid_t dset;
    for (int64_t i = 0; i < n; i++) {
        list[i] = (hvl_t){(size_t)length_of(i), values[i]};
        for (int64_t k = 0; k < length_of(i); k++) values[i][k] = (int)(100 * i + k) % 128;
    }
    if (chunk > 0) assert_true(H5Pset_chunk(dcpl, 1, &chunk) >= 0);
    if (deflate > 0) assert_true(H5Pset_deflate(dcpl, (unsigned)deflate) >= 0);
    dset = H5Dcreate2(file, name, type, space, H5P_DEFAULT, dcpl, H5P_DEFAULT);
    assert_true(dset >= 0 && H5Dwrite(dset, memory, H5S_ALL, H5S_ALL, H5P_DEFAULT, list) >= 0);
    (void)H5Dclose(dset);
    (void)H5Tclose(memory);
    (void)H5Tclose(type);
    (void)H5Pclose(dcpl);
    (void)H5Sclose(space);
    assert_true(H5Fclose(file) >= 0);
}

/* x: rows of two by offsets; label: one number a row of x; words: lists of HDF5's */
static void make_lists(const layout *l)
{
    float   x[N * LONGEST * 2];
    int64_t label[N * LONGEST], at[N + 1] = {0};
    int     y[N];
    for (int64_t i = 0; i < N; i++) {
        at[i + 1] = at[i] + length_of(i);
        y[i]      = (int)i;
        for (int64_t k = 0; k < length_of(i); k++) {
            x[2 * (at[i] + k)]     = (float)(100 * i + k);
            x[2 * (at[i] + k) + 1] = (float)-k;
            label[at[i] + k]       = (100 * i + k) % 128;
        }
    }
    add("lists.h5", true, "/x", l, 2, (hsize_t[]){(hsize_t)at[N], 2}, x);
    test_h5_add("lists.h5", false, "/label", H5T_STD_I64LE, H5T_NATIVE_INT64, 1, (hsize_t[]){(hsize_t)at[N]}, label, l->chunk,
                l->deflate);
    test_h5_add("lists.h5", false, "/at", l->swapped ? H5T_STD_U32BE : H5T_STD_I64LE, H5T_NATIVE_INT64, 1, (hsize_t[]){N + 1}, at,
                l->chunk, l->deflate);
    test_h5_add("lists.h5", false, "/y", H5T_STD_I32LE, H5T_NATIVE_INT, 1, (hsize_t[]){N}, y, 0, 0);
    add_varying("lists.h5", "/words", l->swapped ? H5T_STD_I16BE : H5T_STD_I32LE, N, l->chunk, l->deflate);
}

static const hoop_field_opts lists[] = {
    {.name = "x", .path = "/x", .offsets = "/at"},
    {.name = "label", .path = "/label", .role = HOOP_TARGET, .offsets = "/at", .length = LONGEST + 2},
    {.name = "words", .path = "/words"},
    {.name = "y", .path = "/y", .role = HOOP_TARGET},
};

/* Rows of one sample, each padded to its length. */
static void check_list(int64_t i, int64_t nx, const float *x, int64_t nlabel, const int64_t *label, int64_t nwords,
                       const int64_t *words)
{
    for (int64_t k = 0; k < nx; k++)
        assert_true(k < length_of(i) ? x[2 * k] == (float)(100 * i + k) && x[2 * k + 1] == (float)-k
                                     : x[2 * k] == 0 && x[2 * k + 1] == 0);
    for (int64_t k = 0; k < nlabel; k++) assert_int_equal(label[k], k < length_of(i) ? (100 * i + k) % 128 : HOOP_PADDING_LABEL);
    for (int64_t k = 0; k < nwords; k++) assert_int_equal(words[k], k < length_of(i) ? (100 * i + k) % 128 : 0);
}

static void lists_of_every_layout(void **state)
{
    hoop_error err = {0};
    (void)state;
    for (int l = 0; l < LAYOUTS; l++) {
        const hoop_dataset_field *f;
        hoop_dataset             *ds;
        hoop_verify_report        r;
        int64_t                   lengths[N], index[N], label[LONGEST + 2], words[20];
        float                     x[20 * 2];
        make_lists(&layouts[l]);
        ds = open_fields("lists.h5", lists, 4);
        f  = hoop_dataset_about(ds)->field;
        assert_int_equal(hoop_dataset_about(ds)->length, N);
        assert_true(f[0].varies && f[0].ndim == 2 && f[0].shape[0] == -1 && f[0].shape[1] == 2 && f[0].longest == LONGEST);
        assert_true(f[0].numel == -1 && f[1].varies && f[1].ndim == 1 && f[1].shape[0] == LONGEST + 2 &&
                    f[1].numel == LONGEST + 2);
        assert_true(f[2].varies && f[2].ndim == 1 && f[2].shape[0] == -1 && f[2].longest == 0 && !f[2].checked && !f[3].varies);
        for (int64_t i = 0; i < N; i++) index[i] = (i * 5) % N;
        for (int k = 0; k < 3; k++) {
            test_ok(hoop_dataset_lengths(ds, index, N, k, lengths, &err));
            for (int64_t i = 0; i < N; i++) assert_int_equal(lengths[i], length_of(index[i]));
        }
        test_ok(hoop_dataset_lengths(ds, index, N, 3, lengths, &err));
        assert_int_equal(lengths[4], 1);
        for (int64_t i = 0; i < N; i++) {
            const int64_t n = length_of(i) + i % 3;
            test_ok(hoop_dataset_read_padded(ds, &i, 1, 0, HOOP_F32, n, x, &err));
            test_ok(hoop_dataset_read(ds, &i, 1, 1, HOOP_I64, label, &err));
            test_ok(hoop_dataset_read_padded(ds, &i, 1, 2, HOOP_I64, n, words, &err));
            check_list(i, n, x, LONGEST + 2, label, n, words);
        }
        test_failed(hoop_dataset_read(ds, index, 1, 0, HOOP_F32, x, &err), &err, HOOP_ESHAPE, "samples of x", "padded", NULL);
        err = (hoop_error){0};
        test_failed(hoop_dataset_read_padded(ds, &(int64_t){1}, 1, 2, HOOP_F32, 9, x, &err), &err, HOOP_ERANGE,
                    "sample 1 of words", "10 long", "9", NULL);
        err = (hoop_error){0};
        test_ok(hoop_dataset_verify(ds, NULL, NULL, &err, &r));
        assert_true(r.rows == N && r.field[2].least == 0 && r.field[0].greatest == (double)(100 * 22 + length_of(22) - 1));
        hoop_dataset_close(&ds);
    }
}

static void check_lists(const hoop_loader_leaf *leaf, void *ctx)
{
    const hoop_loader_field *f       = leaf->field;
    int64_t                  longest = 1;
    (void)ctx;
    for (int64_t i = 0; i < leaf->n; i++)
        if (length_of(leaf->sample[i]) > longest) longest = length_of(leaf->sample[i]);
    assert_true(f[0].length == longest && f[1].length == LONGEST + 2 && f[2].length == longest && f[3].lengths == NULL);
    for (int64_t i = 0; i < leaf->n; i++) {
        for (int k = 0; k < 3; k++) assert_int_equal(f[k].lengths[i], length_of(leaf->sample[i]));
        check_list(leaf->sample[i], longest, (const float *)f[0].data + i * longest * 2, LONGEST + 2,
                   (const int64_t *)f[1].data + i * (LONGEST + 2), longest, (const int64_t *)f[2].data + i * longest);
        assert_true(((const float *)f[3].data)[i] == (float)leaf->sample[i]);
    }
}

static void lists_are_loaded_once_each(void **state)
{
    const hoop_loader_opts how = {
        .batch = BATCH, .leaves = LEAVES, .seed = 3, .shuffle = true, .as = {HOOP_F32, HOOP_I64, HOOP_I64, HOOP_F32}};
    (void)state;
    for (int l = 0; l < LAYOUTS; l++) {
        hoop_dataset *ds;
        make_lists(&layouts[l]);
        ds = open_fields("lists.h5", lists, 4);
        load_all(ds, &how, check_lists, NULL);
        hoop_dataset_close(&ds);
    }
}

static void put_offsets(const char *name, int64_t n, const int64_t *at)
{
    test_h5_add("lists.h5", false, name, H5T_STD_I64LE, H5T_NATIVE_INT64, 1, (hsize_t[]){(hsize_t)n}, at, 0, 0);
}

static void bad_lists(void **state)
{
    const hoop_field_opts x = {.name = "x", .path = "/x", .offsets = "/at"}, w = {.name = "w", .path = "/words"};
    hoop_field_opts       f[2] = {x, w};
    hoop_error            err  = {0};
    hoop_dataset         *ds;
    (void)state;
    make_lists(&layouts[0]);
    put_offsets("/down", 4, (int64_t[]){0, 5, 3, 9});
    put_offsets("/far", 3, (int64_t[]){0, 5, 500});
    put_offsets("/below", 3, (int64_t[]){-1, 5, 6});
    put_offsets("/one", 1, (int64_t[]){0});
    put_offsets("/three", 4, (int64_t[]){0, 1, 2, 3});
    f[0].offsets = "/down";
    cannot("lists.h5", f, 1, HOOP_EFORMAT, "offset 2 of /down is 3, after 5", "ascend");
    f[0].offsets = "/far";
    cannot("lists.h5", f, 1, HOOP_EFORMAT, "offset 2 of /far is 500", "/x has ");
    f[0].offsets = "/below";
    cannot("lists.h5", f, 1, HOOP_EFORMAT, "offset 0 of /below is -1", "ascend from 0");
    f[0].offsets = "/one";
    cannot("lists.h5", f, 1, HOOP_EFORMAT, "/one is 1 x 1 of i64", "one more than there are samples");
    f[0].offsets = "/x";
    cannot("lists.h5", f, 1, HOOP_EFORMAT, "/x is", "integers");
    f[0].offsets = "/none";
    cannot("lists.h5", f, 1, HOOP_EFORMAT, "there is no dataset /none", "words");
    f[0].offsets = "/three";
    cannot("lists.h5", f, 2, HOOP_ESHAPE, "/three has 3 rows", "/words has 23");
    f[0] = x, f[0].length = LONGEST - 1;
    cannot("lists.h5", f, 1, HOOP_ERANGE, "of x has 10 rows", "its length is 9");
    f[0] = w, f[0].window = 2;
    cannot("lists.h5", f, 1, HOOP_ESHAPE, "/words", "lists of any length");
    f[0] = w, f[0].path = "/words[:]";
    cannot("lists.h5", f, 1, HOOP_ESHAPE, "/words[:]", "lists of any length");
    f[0] = w, f[0].sample_axis = 1;
    cannot("lists.h5", f, 1, HOOP_ESHAPE, "sample_axis", "1 dims");
    f[0] = w, f[0].length = 4;
    ds = open_fields("lists.h5", f, 1);
    assert_true(hoop_dataset_about(ds)->field[0].checked);
    test_failed(hoop_dataset_check(ds, &err), &err, HOOP_ERANGE, "sample 1 of w is 10 long", "4", NULL);
    hoop_dataset_close(&ds);
}

/* ---- fingerprints ---- */

/* As they were before there were fields: what they are kept in checkpoints for. */
static void fingerprints_of_x_and_y_stay(void **state)
{
    float         x[N * 3];
    int64_t       y[N];
    hoop_dataset *ds;
    (void)state;
    for (int i = 0; i < N; i++) {
        for (int k = 0; k < 3; k++) x[3 * i + k] = (float)(10 * i + k);
        y[i] = i % 4;
    }
    for (int l = 0; l < LAYOUTS; l++) {
        add("plain.h5", true, "/x", &layouts[l], 2, (hsize_t[]){N, 3}, x);
        test_h5_add("plain.h5", false, "/y", H5T_STD_I64LE, H5T_NATIVE_INT64, 1, (hsize_t[]){N}, y, layouts[l].chunk, 0);
        ds = test_open_set("plain.h5", &(hoop_dataset_opts){.classes = 4});
        assert_string_equal(hoop_dataset_about(ds)->fingerprint, "8ead2d09c07775b0815dda9011aa6adf");
        hoop_dataset_close(&ds);
        ds = test_open_set("plain.h5", &(hoop_dataset_opts){.use_y = HOOP_Y_NONE});
        assert_string_equal(hoop_dataset_about(ds)->fingerprint, "362fb1b264740a7e3bd77ba74159df05");
        hoop_dataset_close(&ds);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_of_every_layout),
        cmocka_unit_test(a_piece_is_as_if_it_stood_alone),
        cmocka_unit_test(a_name_with_brackets_is_a_name),
        cmocka_unit_test(bad_pieces),
        cmocka_unit_test(windows_of_a_series),
        cmocka_unit_test(windows_are_loaded_once_each),
        cmocka_unit_test(bad_windows),
        cmocka_unit_test(lists_of_every_layout),
        cmocka_unit_test(lists_are_loaded_once_each),
        cmocka_unit_test(bad_lists),
        cmocka_unit_test(fingerprints_of_x_and_y_stay),
    };
    return cmocka_run_group_tests(tests, test_enter, test_leave);
}
