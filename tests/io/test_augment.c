/* Augmentation: what becomes of a sample hangs on seed, epoch and sample alone; images and masks stay together; numbers are as
 * drawn. */
#include "io_test.h"

#include <math.h>

#include "hoop/augment.h"
#include "hoop/random.h"

enum { N = 12, C = 3, H = 9, W = 11, IMAGE = C * H * W, MASK = H * W };

/* A leaf: images, tables, masks, real targets, labels. */
typedef struct leaf {
    float             x[N][IMAGE], t[N][4];
    int64_t           mask[N][MASK], label[N];
    double            y[N][2];
    int64_t           sample[N];
    hoop_augment_part parts[N * HOOP_AUGMENT_PARTS];
    hoop_augment_rows field[5];
    hoop_augment_leaf is;
} leaf;

static const int64_t image_shape[] = {C, H, W}, mask_shape[] = {H, W}, table_shape[] = {4}, y_shape[] = {2};

/* Fields of rows [first, first + n) of the leaf. */
static void point(leaf *l, int first, int n, int64_t epoch)
{
    l->field[0] = (hoop_augment_rows){.data = l->x[first], .dtype = HOOP_F32, .ndim = 3, .shape = image_shape};
    l->field[1] = (hoop_augment_rows){.data = l->t[first], .dtype = HOOP_F32, .ndim = 1, .shape = table_shape};
    l->field[2] = (hoop_augment_rows){.data = l->mask[first], .dtype = HOOP_I64, .target = true, .ndim = 2, .shape = mask_shape};
    l->field[3] = (hoop_augment_rows){.data = l->y[first], .dtype = HOOP_F64, .target = true, .ndim = 1, .shape = y_shape};
    l->field[4] = (hoop_augment_rows){.data = &l->label[first], .dtype = HOOP_I64, .target = true};
    l->is       = (hoop_augment_leaf){
              .seed = 3, .epoch = epoch, .n = n, .sample = l->sample + first, .nfields = 5, .field = l->field, .parts = l->parts};
}

/* Pixels of the first channel are those of the mask; of the others too, times 2 and 3. */
static leaf *make(void)
{
    leaf    *l    = calloc(1, sizeof *l);
    uint64_t seed = 1;
    for (int i = 0; i < N; i++) {
        l->sample[i] = 100 + 7 * i;
        l->label[i]  = i;
        l->y[i][0] = l->y[i][1] = i;
        for (int k = 0; k < 4; k++) l->t[i][k] = (float)i;
        for (int p = 0; p < MASK; p++) {
            l->mask[i][p] = 1 + (int64_t)(test_random(&seed) % 5);
            for (int c = 0; c < C; c++) l->x[i][c * MASK + p] = (float)((c + 1) * l->mask[i][p]);
        }
    }
    return l;
}

static void apply(leaf *l, const char *name, const char *option, const char *value, int first, int n, int64_t epoch)
{
    hoop_augment_use          use   = {.kind = hoop_augment_find(name)};
    static hoop_augment_space space = {0};
    hoop_error                err   = {0};
    assert_non_null(use.kind);
    test_ok(hoop_option_defaults(&use.kind->options, use.opts));
    if (option != NULL) test_ok(hoop_option_parse(hoop_option_find(&use.kind->options, option), value, use.opts, &err));
    point(l, first, n, epoch);
    test_ok(hoop_augment_apply(&use, 1, &l->is, &space, &err));
}

/* In which leaf it is, and with whom, does not matter to a sample that is not mixed; epochs and samples do. */
static void samples_have_their_own(void **state)
{
    (void)state;
    for (int k = 0; hoop_augment_get(k) != NULL; k++) {
        const char *name = hoop_augment_get(k)->name;
        leaf       *a = make(), *b = make(), *c = make();
        bool        moved = false;
        apply(a, name, NULL, NULL, 0, N, 4);
        apply(b, name, NULL, NULL, 0, N, 5);
        assert_memory_not_equal(a->x, b->x, sizeof a->x);
        if ((hoop_augment_get(k)->what & HOOP_AUGMENT_MIXES) != 0)
            apply(c, name, NULL, NULL, 0, N, 4);
        else
            for (int i = N - 1; i >= 0; i--) apply(c, name, NULL, NULL, i, 1, 4);
        assert_memory_equal(a->x, c->x, sizeof a->x);
        assert_memory_equal(a->mask, c->mask, sizeof a->mask);
        assert_memory_equal(a->y, c->y, sizeof a->y);
        assert_memory_equal(a->label, c->label, sizeof a->label);
        for (int i = 0; i < N; i++) moved = moved || memcmp(a->x[i], b->x[i], sizeof a->x[i]) != 0;
        assert_true(moved);
        free(a);
        free(b);
        free(c);
    }
    assert_null(hoop_augment_find("cat"));
}

static void masks_go_along(void **state)
{
    static const char *const names[] = {"flip", "crop"};
    (void)state;
    for (int k = 0; k < 2; k++) {
        leaf *l = make(), *was = make();
        int   changed = 0, gone = 0;
        apply(l, names[k], k == 0 ? "axis" : "padding", k == 0 ? "both" : "3", 0, N, 1);
        for (int i = 0; i < N; i++) {
            changed += memcmp(l->mask[i], was->mask[i], sizeof l->mask[i]) != 0;
            for (int p = 0; p < MASK; p++) {
                gone += l->mask[i][p] == -100;
                for (int c = 0; c < C; c++) {
                    const float want = l->mask[i][p] == -100 ? 0.0f : (float)((c + 1) * l->mask[i][p]);
                    assert_true(l->x[i][c * MASK + p] == want);
                }
            }
        }
        assert_true(changed > N / 3);
        assert_true((k == 0) == (gone == 0));
        assert_memory_equal(l->t, was->t, sizeof l->t);
        assert_memory_equal(l->label, was->label, sizeof l->label);
        free(l);
        free(was);
    }
    /* flipped twice alike it is what it was */
    {
        leaf *l = make(), *was = make();
        apply(l, "flip", "p", "1", 0, N, 1);
        assert_int_equal(l->mask[3][0], was->mask[3][W - 1]);
        apply(l, "flip", "p", "1", 0, N, 1);
        assert_memory_equal(l->x, was->x, sizeof l->x);
        free(l);
        free(was);
    }
}

/* A box around the bright pixels of an image stays around them; of what is cut away it is cut, and dropped where little is left.
 */
static void boxes_go_along(void **state)
{
    enum { BOXES = 2 };
    static const int64_t shape[] = {BOXES, 5}, varying[] = {-1, 5};
    int                  cuts = 0, drops = 0, moves = 0;
    (void)state;
    for (int kind = 0; kind < 3; kind++)
        for (int s = 0; s < 60; s++) {
            leaf                     *l                = make();
            double                    box[N][BOXES][5] = {{{0}}}, was[N][BOXES][5];
            hoop_augment_use          use              = {.kind = hoop_augment_find(kind == 0 ? "flip" : "crop")};
            static hoop_augment_space space            = {0};
            hoop_error                err              = {0};
            test_ok(hoop_option_defaults(&use.kind->options, use.opts));
            if (kind == 0) test_ok(hoop_option_parse(hoop_option_find(&use.kind->options, "axis"), "both", use.opts, &err));
            if (kind == 2) test_ok(hoop_option_parse(hoop_option_find(&use.kind->options, "keep"), "0.6", use.opts, &err));
            for (int i = 0; i < N; i++) {
                const int x = (i + s) % 7, y = s % 4, w = 2 + i % 3, h = 1 + (s + i) % 5;
                memset(l->x[i], 0, sizeof l->x[i]);
                for (int r = y; r < y + h; r++)
                    for (int c = x; c < x + w; c++) l->x[i][r * W + c] = 1;
                memcpy(box[i][1], (double[]){x, y, x + w, y + h, 3}, sizeof box[i][1]); /* behind one that is padding */
            }
            memcpy(was, box, sizeof was);
            point(l, 0, N, 100 + s);
            l->field[3] = (hoop_augment_rows){.data   = box,
                                              .dtype  = HOOP_F64,
                                              .target = true,
                                              .boxes  = true,
                                              .varies = s % 2 == 1,
                                              .length = BOXES,
                                              .ndim   = 2,
                                              .shape  = s % 2 == 1 ? varying : shape};
            test_ok(hoop_augment_check(&use, 1, l->field, 5, &err, NULL));
            test_ok(hoop_augment_apply(&use, 1, &l->is, &space, &err));
            for (int i = 0; i < N; i++) {
                double       seen[4] = {W, H, 0, 0};
                const double part    = (was[i][1][2] - was[i][1][0]) * (was[i][1][3] - was[i][1][1]);
                int          left    = 0;
                for (int p = 0; p < MASK; p++) {
                    if (l->x[i][p] == 0) continue;
                    left++;
                    seen[0] = fmin(seen[0], p % W);
                    seen[1] = fmin(seen[1], p / W);
                    seen[2] = fmax(seen[2], p % W + 1);
                    seen[3] = fmax(seen[3], p / W + 1);
                }
                for (int k = 0; k < 5; k++) assert_true(box[i][0][k] == 0);
                if (left == 0 || left < (kind == 2 ? 0.6 : 0.25) * part) {
                    for (int k = 0; k < 5; k++) assert_true(box[i][1][k] == 0);
                    drops++;
                    continue;
                }
                for (int k = 0; k < 4; k++) assert_true(box[i][1][k] == seen[k]);
                assert_true(box[i][1][4] == 3);
                cuts += left < part;
                moves += memcmp(box[i][1], was[i][1], sizeof was[i][1]) != 0;
            }
            free(l);
        }
    assert_true(cuts > 50 && drops > 10 && moves > 200);
}

static void turns(void **state)
{
    leaf  *l = make(), *was = make();
    double cosine, sine;
    (void)state;
    apply(l, "rotate", "degrees", "0", 0, N, 1);
    assert_memory_equal(l->x, was->x, sizeof l->x);
    assert_memory_equal(l->mask, was->mask, sizeof l->mask);
    for (int i = 0; i < N; i++) /* a plane stays one, of the slope turned by the angle */
        for (int c = 0; c < C; c++)
            for (int p = 0; p < MASK; p++) l->x[i][c * MASK + p] = (float)(p % W - W / 2);
    apply(l, "rotate", "degrees", "40", 0, N, 1);
    for (int i = 0; i < N; i++) {
        const float *x = l->x[i] + H / 2 * W + W / 2;
        const double a = (double)x[1], b = (double)x[W];
        assert_true(fabs((double)x[0]) < 1e-6 && fabs(a * a + b * b - 1) < 1e-5);
        assert_true(a >= cos(40 * 3.14159265 / 180) - 1e-5);
        assert_true(fabs((double)x[2 * W + 2] - 2 * a - 2 * b) < 1e-5);
    }
    assert_true(l->x[0][0] == 0 || l->x[1][0] == 0 || l->x[2][0] == 0); /* corners come from outside */
    for (int k = -8; k <= 8; k++) {
        hoop_random_turn(k / 8.0, &cosine, &sine);
        assert_true(fabs(cosine - cos(k * 0.785398163397448)) < 1e-12 && fabs(sine - sin(k * 0.785398163397448)) < 1e-12);
    }
    free(l);
    free(was);
}

static void values(void **state)
{
    leaf  *l = make(), *was = make();
    double sum = 0, squares = 0;
    int    zeros = 0;
    (void)state;
    apply(l, "noise", "std", "0.5", 0, N, 1);
    for (int i = 0; i < N; i++)
        for (int p = 0; p < IMAGE; p++) {
            const double e = (double)(l->x[i][p] - was->x[i][p]);
            sum += e / (N * IMAGE);
            squares += e * e / (N * IMAGE);
        }
    assert_true(fabs(sum) < 0.04 && fabs(squares - 0.25) < 0.03);
    assert_memory_not_equal(l->t, was->t, sizeof l->t);
    assert_memory_equal(l->y, was->y, sizeof l->y);
    apply(was, "cutout", "size", "4", 0, N, 1);
    for (int i = 0; i < N; i++)
        for (int p = 0; p < MASK; p++) {
            const bool cut = was->x[i][p] == 0;
            zeros += cut;
            assert_true(cut == (was->x[i][2 * MASK + p] == 0));
            assert_true(was->mask[i][p] > 0);
        }
    assert_true(zeros > 4 * N && zeros <= 16 * N);
    free(l);
    free(was);
    l = make(), was = make();
    apply(l, "jitter", "contrast", "0", 0, N, 1); /* greys keep their order, and what is grey stays so */
    for (int i = 0; i < N; i++)
        for (int p = 1; p < MASK; p++)
            if (was->x[i][p] == was->x[i][0]) assert_true(fabsf(l->x[i][p] - l->x[i][0]) < 1e-5f);
    free(l);
    free(was);
}

/* All fields are mixed by one share: real targets show it. */
static void mixes(void **state)
{
    (void)state;
    for (int64_t epoch = 0; epoch < 60; epoch++) {
        leaf *l = make(), *was = make();
        apply(l, "mixup", "alpha", "1", 0, N, epoch);
        for (int i = 0; i < N; i++) {
            const double y     = l->y[i][0];
            double       share = -1;
            assert_true(fabs(y - l->y[i][1]) < 1e-12 && fabs((double)l->t[i][2] - y) < 1e-5 && y >= 0 && y <= N - 1);
            for (int j = 0; j < N && share < 0; j++) { /* which partner makes the image? */
                const double s    = j == i ? -1 : (y - j) / (i - j);
                bool         fits = s >= 0 && s <= 1;
                for (int p = 0; p < MASK && fits; p++)
                    fits = fabs(s * (double)was->x[i][p] + (1 - s) * (double)was->x[j][p] - (double)l->x[i][p]) < 1e-4;
                if (!fits) continue;
                share = s;
                if (s > 0.999) continue; /* next to nothing of any other */
                assert_true(l->label[i] == i && l->parts[2 * i].of == i && l->parts[2 * i + 1].of == j);
                assert_true(fabs(l->parts[2 * i].share - s) < 1e-9 && fabs(l->parts[2 * i + 1].share - (1 - s)) < 1e-9);
            }
            assert_true(share >= 0);
        }
        free(l);
        free(was);
    }
    for (int64_t epoch = 0; epoch < 30; epoch++) {
        leaf *l = make(), *was = make();
        apply(l, "cutmix", NULL, NULL, 0, N, epoch);
        for (int i = 0; i < N; i++) {
            int best = -1, theirs = 0;
            for (int j = 0; j < N && best < 0; j++) {
                bool fits = j != i;
                int  n    = 0;
                for (int p = 0; p < MASK && fits; p++) {
                    const bool mine = l->x[i][p] == was->x[i][p];
                    fits            = (mine || l->x[i][p] == was->x[j][p]) && l->x[i][p] == (float)l->mask[i][p];
                    n += !mine;
                }
                if (fits && fabs(l->y[i][0] - i) > 1e-12 && fabs((l->y[i][0] - i) / (j - i) - 1) < 1e-9 && n == 0) fits = false;
                if (fits && (n > 0 || l->y[i][0] == i)) best = j, theirs = n;
            }
            if (best < 0) continue; /* a box whose pixels are alike */
            assert_true(theirs == 0 || fabs(l->y[i][0] - i) > 1e-12);
        }
        free(l);
        free(was);
    }
    for (int64_t epoch = 0; epoch < 20; epoch++) { /* mixed once more, and again: all say the same of whom a sample is made */
        leaf            *l     = make();
        hoop_augment_use use[] = {
            {.kind = hoop_augment_find("mixup")}, {.kind = hoop_augment_find("cutmix")}, {.kind = hoop_augment_find("mixup")}};
        static hoop_augment_space space = {0};
        hoop_error                err   = {0};
        for (int k = 0; k < 3; k++) test_ok(hoop_option_defaults(&use[k].kind->options, use[k].opts));
        assert_int_equal(hoop_augment_parts(use, 3), HOOP_AUGMENT_PARTS);
        point(l, 0, N, epoch);
        test_ok(hoop_augment_apply(use, 3, &l->is, &space, &err));
        for (int i = 0; i < N; i++) {
            double y = 0, share = 0;
            for (int k = 0; k < HOOP_AUGMENT_PARTS; k++) {
                const hoop_augment_part *p = &l->parts[i * HOOP_AUGMENT_PARTS + k];
                assert_true(p->of >= 0 && p->of < N && p->share >= 0);
                y += p->share * (double)p->of;
                share += p->share;
            }
            assert_true(fabs(share - 1) < 1e-12 && fabs(y - l->y[i][0]) < 1e-9 && l->label[i] == i);
        }
        free(l);
    }
    { /* alone there is nobody to be mixed with */
        leaf *l = make(), *was = make();
        apply(l, "mixup", NULL, NULL, 5, 1, 1);
        assert_memory_equal(l->x, was->x, sizeof l->x);
        free(l);
        free(was);
    }
}

/* Mean 1/2, variance 1 / (4 (2 alpha + 1)). */
static void shares(void **state)
{
    static const double alphas[] = {0.05, 0.2, 1, 3, 40};
    (void)state;
    for (size_t k = 0; k < sizeof alphas / sizeof *alphas; k++) {
        enum { DRAWS = 20000 };
        double mean = 0, variance = 0, want = 1 / (4 * (2 * alphas[k] + 1));
        for (int i = 0; i < DRAWS; i++) {
            const double x = hoop_random_beta(hoop_key_make(2, HOOP_FOR_TEST, (uint64_t)i, k, 0), alphas[k]);
            assert_true(x >= 0 && x <= 1);
            mean += x / DRAWS;
            variance += (x - 0.5) * (x - 0.5) / DRAWS;
        }
        assert_true(fabs(mean - 0.5) < 5 * sqrt(want / DRAWS));
        assert_true(fabs(variance / want - 1) < 0.05);
    }
}

static void what_cannot_be(void **state)
{
    static const int64_t flat[] = {7};
    hoop_augment_rows    rows[] = {{.dtype = HOOP_F32, .ndim = 1, .shape = flat}, {.dtype = HOOP_I64, .target = true}};
    hoop_augment_use     use[2] = {{.kind = hoop_augment_find("noise")}, {.kind = hoop_augment_find("crop")}}, mix[4] = {0};
    hoop_error           err = {0};
    int                  bad = -1;
    (void)state;
    test_ok(hoop_augment_check(use, 1, rows, 2, &err, &bad));
    test_failed(hoop_augment_check(use, 2, rows, 2, &err, &bad), &err, HOOP_ESHAPE, "crop is for images", NULL);
    assert_int_equal(bad, 1);
    rows[0].dtype = HOOP_I64;
    memset(&err, 0, sizeof err);
    test_failed(hoop_augment_check(use, 1, rows, 2, &err, &bad), &err, HOOP_EDTYPE, "noise is for real numbers", NULL);
    use[0].kind = hoop_augment_find("mixup");
    memset(&err, 0, sizeof err);
    test_failed(hoop_augment_check(use, 1, rows, 2, &err, &bad), &err, HOOP_EDTYPE, "indices", NULL);
    rows[0]        = (hoop_augment_rows){.dtype = HOOP_F32, .ndim = 3, .shape = image_shape};
    rows[1].varies = true;
    memset(&err, 0, sizeof err);
    test_failed(hoop_augment_check(use, 2, rows, 2, &err, &bad), &err, HOOP_ESHAPE, "vary in length", NULL);
    memset(&err, 0, sizeof err);
    test_failed(hoop_augment_check(use + 1, 1, rows, 2, &err, &bad), &err, HOOP_ESHAPE, "moves pixels", NULL);
    rows[1] = (hoop_augment_rows){.dtype = HOOP_I64, .target = true, .ndim = 2, .shape = mask_shape};
    for (int i = 0; i < 4; i++) mix[i].kind = hoop_augment_find(i == 1 ? "cutmix" : "mixup");
    assert_true(hoop_augment_in_parts(mix, 1, rows, 2, 1) && !hoop_augment_in_parts(mix + 1, 1, rows, 2, 1));
    memset(&err, 0, sizeof err);
    test_failed(hoop_augment_check(mix, 2, rows, 2, &err, &bad), &err, HOOP_ESHAPE, "mixup mixes labels of pixels, and another",
                NULL);
    rows[1] = (hoop_augment_rows){.dtype = HOOP_I64, .target = true};
    test_ok(hoop_augment_check(mix, 3, rows, 2, &err, &bad));
    memset(&err, 0, sizeof err);
    test_failed(hoop_augment_check(mix, 4, rows, 2, &err, &bad), &err, HOOP_ESHAPE,
                "one too many of those that mix samples; at most 3", NULL);
    assert_int_equal(bad, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(samples_have_their_own),
        cmocka_unit_test(masks_go_along),
        cmocka_unit_test(boxes_go_along),
        cmocka_unit_test(turns),
        cmocka_unit_test(values),
        cmocka_unit_test(mixes),
        cmocka_unit_test(shares),
        cmocka_unit_test(what_cannot_be),
    };
    return cmocka_run_group_tests(tests, test_enter, test_leave);
}
