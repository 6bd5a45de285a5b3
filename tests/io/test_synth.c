/* Synthetic sets: what they are made of, and that what is to be learnt of pictures cannot be had by a threshold. */
#include "io_test.h"

#include <math.h>

#include "hoop/detection.h"
#include "hoop/import.h"
#include "import/synth.h"

/* ---- a threshold, and what hangs together ---- */

enum { SIDE_MOST = 128, PARTS = 4096 };

typedef struct part {
    int x1, y1, x2, y2, pixels, of[4]; /* of: pixels of each class of a mask */
} part;

typedef struct parts {
    int   n;
    part  part[PARTS];
    short at[SIDE_MOST * SIDE_MOST];
} parts;

/* Otsu's threshold of grey values (IEEE Trans. SMC, 1979). */
static int otsu(const unsigned char *grey, int n)
{
    int    count[256] = {0}, best = 0, below = 0;
    double all = 0, sum = 0, most = -1;
    for (int i = 0; i < n; i++) count[grey[i]]++, all += grey[i];
    for (int t = 0; t < 255; t++) {
        double apart;
        below += count[t];
        sum += (double)t * count[t];
        if (below == 0 || below == n) continue;
        apart = sum / below - (all - sum) / (n - below);
        if (apart * apart * below * (n - below) > most) most = apart * apart * below * (n - below), best = t;
    }
    return best;
}

static void flood(const bool *in, int side, int from, parts *p)
{
    static int  stack[SIDE_MOST * SIDE_MOST];
    const short number = (short)p->n;
    part       *q      = &p->part[p->n++];
    int         n      = 0;
    *q                 = (part){side, side, 0, 0, 0, {0}};
    stack[n++]         = from;
    p->at[from]        = number;
    while (n > 0) {
        const int at = stack[--n], x = at % side, y = at / side,
                  next[4] = {x > 0 ? at - 1 : -1, x + 1 < side ? at + 1 : -1, y > 0 ? at - side : -1,
                             y + 1 < side ? at + side : -1};
        q->pixels++;
        if (x < q->x1) q->x1 = x;
        if (y < q->y1) q->y1 = y;
        if (x + 1 > q->x2) q->x2 = x + 1;
        if (y + 1 > q->y2) q->y2 = y + 1;
        for (int k = 0; k < 4; k++)
            if (next[k] >= 0 && in[next[k]] && p->at[next[k]] < 0) p->at[next[k]] = number, stack[n++] = next[k];
    }
}

/* Parts of both sides of the threshold. */
static void find_parts(const unsigned char *image, int side, parts *p)
{
    static unsigned char grey[SIDE_MOST * SIDE_MOST];
    static bool          in[SIDE_MOST * SIDE_MOST];
    const int            n = side * side;
    int                  t;
    for (int i = 0; i < n; i++) grey[i] = (unsigned char)((299 * image[i] + 587 * image[n + i] + 114 * image[2 * n + i]) / 1000);
    t    = otsu(grey, n);
    p->n = 0;
    for (int i = 0; i < n; i++) p->at[i] = -1;
    for (int side_of = 0; side_of < 2; side_of++) {
        for (int i = 0; i < n; i++) in[i] = (grey[i] > t) == (side_of == 1);
        for (int i = 0; i < n; i++)
            if (in[i] && p->at[i] < 0 && p->n < PARTS) flood(in, side, i, p);
    }
}

static double overlap(const part *a, const float *b)
{
    const double x1 = fmax(a->x1, (double)b[0]), y1 = fmax(a->y1, (double)b[1]), x2 = fmin(a->x2, (double)b[2]),
                 y2 = fmin(a->y2, (double)b[3]);
    const double in = x2 > x1 && y2 > y1 ? (x2 - x1) * (y2 - y1) : 0;
    return in / ((double)(a->x2 - a->x1) * (a->y2 - a->y1) + (double)((b[2] - b[0]) * (b[3] - b[1])) - in);
}

/* Boxes of all parts as large as an object, even with the class of the object that each overlaps most. */
static void scenes_want_more_than_a_threshold(void **state)
{
    enum { N = 80, SIDE = HOOP_SCENE_SIDE };
    static unsigned char image[3 * SIDE * SIDE];
    static parts         p;
    hoop_error           err = {0};
    hoop_detections     *d;
    double               value;
    (void)state;
    test_ok(hoop_detections_create(5, &err, &d));
    for (int64_t i = 0; i < N; i++) {
        float    box[HOOP_SCENE_MOST][HOOP_SCENE_BOX];
        hoop_box found[PARTS], real[HOOP_SCENE_MOST];
        int      n = 0, objects = hoop__synth_objects(3, i);
        hoop__synth_scene(3, i, image, box);
        find_parts(image, SIDE, &p);
        for (int k = 0; k < objects; k++)
            real[k] =
                (hoop_box){(double)box[k][0], (double)box[k][1], (double)box[k][2], (double)box[k][3], (int64_t)box[k][4], 0};
        for (int j = 0; j < p.n; j++) {
            const part *q    = &p.part[j];
            int         best = 0;
            if (q->pixels < 16 || q->x2 - q->x1 > 50 || q->y2 - q->y1 > 50) continue;
            for (int k = 1; k < objects; k++)
                if (overlap(q, box[k]) > overlap(q, box[best])) best = k;
            found[n++] = (hoop_box){q->x1, q->y1, q->x2, q->y2, real[best].label, q->pixels};
        }
        test_ok(hoop_detections_add(d, i, found, n, real, objects, &err));
    }
    value = hoop_detections_value(d, -1, 0);
    print_message("a threshold on scenes: mAP@0.5 %.3f\n", value);
    assert_true(value > 0.02 && value < 0.5);
    hoop_detections_destroy(&d);
}

/* Each part has the class that most of its pixels are of. */
static void shapes_want_more_than_a_threshold(void **state)
{
    enum { N = 200, SIDE = HOOP_SHAPES_SIDE };
    static unsigned char image[3 * SIDE * SIDE], mask[SIDE * SIDE];
    static parts         p;
    double               both[4] = {0}, either[4] = {0}, mean = 0;
    (void)state;
    for (int64_t i = 0; i < N; i++) {
        hoop__synth_shapes(3, i, image, mask);
        find_parts(image, SIDE, &p);
        for (int k = 0; k < SIDE * SIDE; k++) p.part[p.at[k]].of[mask[k]]++;
        for (int k = 0; k < SIDE * SIDE; k++) {
            const int *of = p.part[p.at[k]].of;
            int        c  = 0;
            for (int j = 1; j < 4; j++)
                if (of[j] > of[c]) c = j;
            both[c] += c == mask[k];
            either[c]++;
            if (c != mask[k]) either[mask[k]]++;
        }
    }
    for (int c = 0; c < 4; c++) mean += both[c] / either[c] / 4;
    print_message("a threshold on shapes: mIoU %.3f (%.2f %.2f %.2f %.2f)\n", mean, both[0] / either[0], both[1] / either[1],
                  both[2] / either[2], both[3] / either[3]);
    assert_true(mean > 0.1 && mean < 0.5);
}

/* ---- equations ---- */

/* Each kind of row is where it says, with the value that it says; places are spread: each quarter of each has its share. */
static void points_are_of_their_equations(void **state)
{
    enum { N = 2000 };
    const double pi = 3.14159265358979323846;
    for (int kind = 0; kind < 2; kind++) {
        int inside = 0, first = 0, edges[4] = {0}, quarter[4] = {0}, along[4] = {0};
        (void)state;
        for (int64_t i = 0; i < N; i++) {
            float x[3], y;
            (kind == 0 ? hoop__synth_poisson : hoop__synth_burgers)(7, i, false, x, &y);
            assert_true(x[0] >= (kind == 0 ? 0.0F : -1.0F) && x[0] <= 1.0F && x[1] >= 0.0F && x[1] <= 1.0F);
            if (x[2] == 1.0F) {
                const double a = kind == 0 ? (double)x[0] : ((double)x[0] + 1) / 2;
                inside++;
                quarter[(a < 0.5 ? 0 : 1) + (x[1] < 0.5F ? 0 : 2)]++;
                if (kind == 0)
                    assert_true(fabs((double)y - 2 * pi * pi * sin(pi * (double)x[0]) * sin(pi * (double)x[1])) < 1e-5);
                else
                    assert_true(y == 0.0F);
                continue;
            }
            assert_true(x[2] == 0.0F);
            if (kind == 1 && x[1] == 0.0F) {
                first++;
                along[(int)fmin(3, 2 * ((double)x[0] + 1))]++;
                assert_true(fabs((double)y + sin(pi * (double)x[0])) < 1e-6);
                continue;
            }
            assert_true(y == 0.0F);
            if (kind == 0 && (x[1] == 0.0F || x[1] == 1.0F))
                edges[x[1] == 0.0F ? 2 : 3]++, along[(int)fmin(3, 4 * (double)x[0])]++;
            else
                edges[x[0] == 1.0F ? 1 : 0]++;
            if (kind == 1) assert_true(x[0] == 1.0F || x[0] == -1.0F);
        }
        assert_int_equal(inside, N * 4 / 5);
        for (int q = 0; q < 4; q++) assert_true(abs(quarter[q] - inside / 4) < 10 && abs(along[q] - N / 40) < 10);
        if (kind == 0)
            for (int e = 0; e < 4; e++) assert_int_equal(edges[e], N / 20);
        else
            assert_true(first == N / 10 && edges[0] == N / 20 && edges[1] == N / 20);
    }
}

/* The steepest slope at 0 that Basdevant et al. tell, 152.00516 at t = 1.6037 / pi; odd in x, 0 at the ends; at an early time it
 * solves the equation by differences. */
static void burgers_is_as_published(void **state)
{
    const double pi = 3.14159265358979323846, t = 1.6037 / pi, h = 1e-5, e = 1e-3, nu = 0.01 / pi;
    (void)state;
    assert_true(fabs(-hoop__synth_burgers_at(h, t) / h - 152.00516) < 0.01);
    assert_true(-hoop__synth_burgers_at(h, t - 0.02) / h < 151.9 && -hoop__synth_burgers_at(h, t + 0.02) / h < 151.9);
    for (double x = 0.1; x < 1; x += 0.2) {
        const double u = hoop__synth_burgers_at(x, 0.25), left = hoop__synth_burgers_at(x - e, 0.25),
                     right = hoop__synth_burgers_at(x + e, 0.25),
                     u_t   = (hoop__synth_burgers_at(x, 0.25 + e) - hoop__synth_burgers_at(x, 0.25 - e)) / (2 * e);
        assert_true(fabs(u + hoop__synth_burgers_at(-x, 0.25)) < 1e-12);
        assert_true(fabs(u_t + u * (right - left) / (2 * e) - nu * (right - 2 * u + left) / (e * e)) < 1e-3);
    }
    assert_true(fabs(hoop__synth_burgers_at(1, 0.7)) < 1e-9 && fabs(hoop__synth_burgers_at(-0.5, 1e-9) - 1) < 1e-6);
}

/* Validation are the points where the solution is known; columns have names. */
static void solutions_are_for_validation(void **state)
{
    hoop_error    err = {0};
    hoop_dataset *ds;
    (void)state;
    test_ok(hoop_synth("burgers", 50, &(hoop_import_opts){.dir = "burgers", .seed = 5, .split = 0.3}, &err, NULL));
    ds = test_open_set("burgers/validation", NULL);
    assert_int_equal(hoop_dataset_about(ds)->length, 15);
    for (int64_t i = 0; i < 15; i++) {
        float x[3], y, want_x[3], want;
        test_ok(hoop_dataset_read(ds, &i, 1, 0, HOOP_F32, x, &err));
        test_ok(hoop_dataset_read(ds, &i, 1, 1, HOOP_F32, &y, &err));
        hoop__synth_burgers(5, i, true, want_x, &want);
        assert_memory_equal(x, want_x, sizeof x);
        assert_true(y == want && x[2] == 0.0F);
    }
    hoop_dataset_close(&ds);
    ds = test_open_set("burgers/train", &(hoop_dataset_opts){.fields  = (hoop_field_opts[]){{.name = "x", .path = "/x"},
                                                                                            {.name = "w", .path = "/w"}},
                                                             .nfields = 2});
    assert_int_equal(hoop_dataset_about(ds)->length, 35);
    for (int64_t i = 0; i < 35; i++) {
        float x[3], w;
        test_ok(hoop_dataset_read(ds, &i, 1, 0, HOOP_F32, x, &err));
        test_ok(hoop_dataset_read(ds, &i, 1, 1, HOOP_F32, &w, &err));
        assert_true(w == (x[2] == 1.0F ? 1.0F : 20.0F));
    }
    hoop_dataset_close(&ds);
}

/* ---- lists ---- */

static hoop_dataset *open_scenes(const char *spec)
{
    hoop_error       err = {0};
    hoop_field_opts *f;
    hoop_dataset    *ds;
    int              n;
    test_ok(hoop_dataset_fields(spec, &err, &f, &n));
    assert_int_equal(n, 2);
    assert_string_equal(f[1].offsets, "/boxes_offsets");
    ds = test_open_set(spec, &(hoop_dataset_opts){.fields = f, .nfields = n});
    free(f);
    return ds;
}

/* Each sample stands in one of the parts, with all its boxes, whatever the shards. */
static void scenes_are_pictures_and_lists(void **state)
{
    enum { N = 23, SIDE = HOOP_SCENE_SIDE };
    static unsigned char image[3 * SIDE * SIDE];
    static float         x[3 * SIDE * SIDE];
    int                  seen[N] = {0};
    hoop_error           err     = {0};
    hoop_dataset        *ds;
    (void)state;
    test_ok(hoop_synth("scenes", N, &(hoop_import_opts){.dir = "scenes", .seed = 5, .split = 0.3, .shards = 3}, &err, NULL));
    for (int part_of = 0; part_of < 2; part_of++) {
        ds = open_scenes(part_of == 0 ? "scenes/train" : "scenes/validation");
        assert_int_equal(hoop_dataset_about(ds)->field[1].classes, 5);
        assert_string_equal(hoop_dataset_class_name(ds, 1, 3), "ring");
        for (int64_t i = 0, from = 0; i < hoop_dataset_about(ds)->length; i++, from++) {
            float   box[HOOP_SCENE_MOST][HOOP_SCENE_BOX], is[HOOP_SCENE_MOST][HOOP_SCENE_BOX];
            int64_t length;
            bool    same = false;
            test_ok(hoop_dataset_lengths(ds, &i, 1, 1, &length, &err));
            test_ok(hoop_dataset_read(ds, &i, 1, 0, HOOP_F32, x, &err));
            test_ok(hoop_dataset_read_padded(ds, &i, 1, 1, HOOP_F32, HOOP_SCENE_MOST, box, &err));
            for (; from < N && !same; from += !same) { /* rows keep their order */
                hoop__synth_scene(5, from, image, is);
                same = true;
                for (int k = 0; k < 3 * SIDE * SIDE && same; k++) same = (int)(x[k] * 255 + 0.5f) == image[k];
            }
            assert_true(same);
            seen[from]++;
            assert_int_equal(length, hoop__synth_objects(5, from));
            assert_memory_equal(box, is, (size_t)length * sizeof *box);
            for (int k = 0; k < length; k++) {
                const float w = box[k][2] - box[k][0], h = box[k][3] - box[k][1], longer = w > h ? w : h;
                assert_true(box[k][0] >= 0 && box[k][1] >= 0 && box[k][2] <= SIDE && box[k][3] <= SIDE && longer >= 8 &&
                            longer <= 48);
                assert_true(box[k][4] >= 0 && box[k][4] <= 4);
            }
            assert_in_range(length, HOOP_SCENE_LEAST, HOOP_SCENE_MOST);
        }
        hoop_dataset_close(&ds);
    }
    for (int i = 0; i < N; i++) assert_int_equal(seen[i], 1);
}

static void damaged_offsets_are_found(void **state)
{
    hoop_error       err = {0};
    hoop_field_opts *f;
    hoop_dataset    *ds;
    int              n;
    char            *data;
    int64_t          bytes, at = -1, first = hoop__synth_objects(1, 0), second = first + hoop__synth_objects(1, 1);
    (void)state;
    test_ok(hoop_synth("scenes", 4, &(hoop_import_opts){.dir = "damaged", .seed = 1, .shards = 1}, &err, NULL));
    test_ok(hoop_dataset_fields("damaged/train", &err, &f, &n));
    data = test_load("damaged/train-00000-of-00001.h5", &bytes);
    for (int64_t i = 0; i + 24 <= bytes && at < 0; i++) {
        int64_t v[3];
        memcpy(v, data + i, sizeof v);
        if (v[0] == 0 && v[1] == first && v[2] == second) at = i + 8;
    }
    assert_true(at > 0);
    test_flip("damaged/train-00000-of-00001.h5", at, 1);
    test_failed(hoop_dataset_open("damaged/train", &(hoop_dataset_opts){.fields = f, .nfields = n}, &err, &ds), &err,
                HOOP_ECHECKSUM, "offsets are damaged", NULL);
    free(f);
    free(data);
}

/* ---- fields, series ---- */

static void heat_follows_its_scheme(void **state)
{
    enum { SIDE = HOOP_HEAT_SIDE, N = SIDE * SIDE };
    static float  before[N], after[N];
    static double u[N], v[N];
    double        sum = 0, was = 0;
    (void)state;
    hoop__synth_heat(9, 4, before, after);
    for (int k = 0; k < N; k++) u[k] = (double)before[k];
    for (int t = 0; t < 50; t++) {
        for (int k = 0; k < N; k++) {
            const int x = k % SIDE, y = k / SIDE, left = (x + SIDE - 1) % SIDE, right = (x + 1) % SIDE;
            const int up = (y + SIDE - 1) % SIDE * SIDE + x, down = (y + 1) % SIDE * SIDE + x;
            v[k] = u[k] + 0.2 * (u[y * SIDE + left] + u[y * SIDE + right] + u[up] + u[down] - 4 * u[k]);
        }
        memcpy(u, v, sizeof u);
    }
    for (int k = 0; k < N; k++) {
        assert_true(fabs(u[k] - (double)after[k]) < 1e-6);
        sum += (double)after[k];
        was += (double)before[k];
    }
    assert_true(fabs(sum - was) < 1e-3); /* what there is stays */
}

/* Noise apart, two waves, their second harmonics, a level and a trend cannot be told ahead by repeating the last value. */
static void series_go_on(void **state)
{
    double jump = 0, spread = 0;
    (void)state;
    for (int64_t i = 0; i < 200; i++) {
        float past[HOOP_SERIES_PAST], next[HOOP_SERIES_NEXT];
        hoop__synth_series(4, i, past, next);
        for (int t = 1; t < HOOP_SERIES_PAST; t++) {
            const double step = (double)(past[t] - past[t - 1]);
            assert_true(fabs(step) < 2.5);
        }
        assert_true(fabsf(next[0] - past[HOOP_SERIES_PAST - 1]) < 2.5f);
        for (int t = 0; t < HOOP_SERIES_NEXT; t++) {
            const double e = (double)(next[t] - past[HOOP_SERIES_PAST - 1]);
            jump += e * e / (200 * HOOP_SERIES_NEXT);
            spread += (double)next[t] * (double)next[t] / (200 * HOOP_SERIES_NEXT);
        }
    }
    print_message("series: persistence errs by %.3f, of a mean square of %.3f\n", jump, spread);
    assert_true(jump > 0.2 && spread > 0.2 && spread < 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scenes_want_more_than_a_threshold), cmocka_unit_test(shapes_want_more_than_a_threshold),
        cmocka_unit_test(scenes_are_pictures_and_lists),     cmocka_unit_test(damaged_offsets_are_found),
        cmocka_unit_test(heat_follows_its_scheme),           cmocka_unit_test(series_go_on),
        cmocka_unit_test(points_are_of_their_equations),     cmocka_unit_test(burgers_is_as_published),
        cmocka_unit_test(solutions_are_for_validation),
    };
    return cmocka_run_group_tests(tests, test_enter, test_leave);
}
