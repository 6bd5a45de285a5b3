/* Targets that are lists of boxes: the same bits on any ranks and after a resumption, whatever lists are padded to; what is wrong
 * with boxes, and with what is asked of them, is told with its place; and they find what they are trained on. */
#include "plan.h"
#include "../../datasets.h"

#include <math.h>

enum { ROWS = 48, SIDE = 16, MOST = 3 };

/* Of sample i, i % (MOST + 1) boxes; each is bright in its channel, which is its class. */
static void make(hid_t file)
{
    static float   images[ROWS][2][SIDE][SIDE], boxes[ROWS * MOST][5], table[ROWS][MOST][5], spoilt[ROWS * MOST][5];
    static int64_t offsets[ROWS + 1], label[ROWS];
    static uint8_t bytes[ROWS * MOST][5];
    int            n = 0;
    const struct spoils {
        const char *name;
        int         value;
        float       with;
    } bad[] = {{"/outside", 2, 17}, {"/before", 1, -1}, {"/inverted", 2, 0},
               {"/nan", 3, NAN},    {"/half", 4, 0.5F}, {"/class", 4, 7}};
    for (int i = 0; i < ROWS; i++) {
        offsets[i] = n;
        label[i]   = i % 2;
        for (int b = 0; b < i % (MOST + 1); b++, n++) {
            const int x = (i * 5 + b * 7) % 9, y = (i * 3 + b * 5) % 8, w = 4 + (i + b) % 4, h = 5 + i % 3, c = (i + b) % 2;
            for (int r = y; r < y + h; r++)
                for (int k = x; k < x + w; k++) images[i][c][r][k] = 1;
            memcpy(boxes[n], (float[]){(float)x, (float)y, (float)(x + w), (float)(y + h), (float)c}, sizeof boxes[n]);
            memcpy(table[i][b], boxes[n], sizeof boxes[n]);
        }
    }
    offsets[ROWS] = n;
    put(file, "/x", H5T_NATIVE_FLOAT, 4, (hsize_t[]){ROWS, 2, SIDE, SIDE}, images);
    put(file, "/boxes", H5T_NATIVE_FLOAT, 2, (hsize_t[]){(hsize_t)n, 5}, boxes);
    put(file, "/table", H5T_NATIVE_FLOAT, 3, (hsize_t[]){ROWS, MOST, 5}, table);
    put(file, "/four", H5T_NATIVE_FLOAT, 2, (hsize_t[]){(hsize_t)n, 4}, boxes);
    put(file, "/offsets", H5T_NATIVE_INT64, 1, (hsize_t[]){ROWS + 1}, offsets);
    put(file, "/label", H5T_NATIVE_INT64, 1, (hsize_t[]){ROWS}, label);
    put(file, "/bytes", H5T_NATIVE_UINT8, 2, (hsize_t[]){(hsize_t)n, 5}, bytes);
    for (size_t k = 0; k < sizeof bad / sizeof *bad; k++) { /* box 1 of sample 6 */
        memcpy(spoilt, boxes, sizeof spoilt);
        spoilt[offsets[6] + 1][bad[k].value] = bad[k].with;
        put(file, bad[k].name, H5T_NATIVE_FLOAT, 2, (hsize_t[]){(hsize_t)n, 5}, spoilt);
    }
}

/* The same where no sample has a box. */
static void make_empty(hid_t file)
{
    static const float   images[ROWS][2][SIDE][SIDE] = {{{{0}}}};
    static const int64_t offsets[ROWS + 1]           = {0};
    put(file, "/x", H5T_NATIVE_FLOAT, 4, (hsize_t[]){ROWS, 2, SIDE, SIDE}, images);
    put(file, "/boxes", H5T_NATIVE_FLOAT, 2, (hsize_t[]){0, 5}, images);
    put(file, "/offsets", H5T_NATIVE_INT64, 1, (hsize_t[]){ROWS + 1}, offsets);
}

static int enter(void **state)
{
    hid_t file;
    if (enter_folder(state) != 0) return -1;
    file = H5Fcreate("b.h5", H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    make(file);
    if (H5Fclose(file) < 0) return -1;
    file = H5Fcreate("b-empty.h5", H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    make_empty(file);
    return H5Fclose(file) >= 0 ? 0 : -1;
}

#define TRAIN "seed: 5\nbatch: 12\nleaves: 4\nthreads: 1\noptimizer: {name: adamw, lr: 1e-2}\n"
#define NET "model: {kind: detector, channels: [4, 6, 8], width: 6, head: 1}\n"
#define DATA(field, more) "data: {train: b.h5, inputs: {x: /x}, targets: {b: {path: " field "}}" more "}\n"
#define LISTS ", offsets: /offsets"
#define MOVED ", augment: [{flip: both}, {crop: {padding: 3, keep: 0.4}}]"

static void resumed(void **state)
{
    (void)state;
    plan_resumes(TRAIN NET "loss: detection\nepochs: 3\n" DATA("/boxes" LISTS, MOVED), "lists-run");
    plan_resumes(TRAIN NET "loss: detection\nepochs: 3\n" DATA("/boxes" LISTS ", length: 7", MOVED), "padded-run");
}

/* Padded to the longest of a leaf, to one length, or stored so: the same. */
static void padding_does_not_count(void **state)
{
    plan p[3] = {{.config = {TRAIN NET "loss: detection\nepochs: 2\n" DATA("/boxes" LISTS, MOVED)}},
                 {.config = {TRAIN NET "loss: detection\nepochs: 2\n" DATA("/boxes" LISTS ", length: 7", MOVED)}},
                 {.config = {TRAIN NET "loss: detection\nepochs: 2\n" DATA("/table", MOVED)}}};
    (void)state;
    for (int i = 0; i < 3; i++) {
        plan_run(&p[i], 1);
        plan_good(&p[i]);
        plan_same(&p[i], &p[0]);
    }
    assert_true(p[1].rank[0].about.replayed);
    for (int i = 0; i < 3; i++) plan_clear(&p[i]);
}

/* A shard without boxes, and validation data without any. */
static void no_boxes(void **state)
{
    plan p[2] = {{{0}}};
    (void)state;
    for (int i = 0; i < 2; i++) {
        p[i].config[0] = TRAIN NET "loss: detection\nepochs: 1\ndata: {train: 'b*.h5', validation: b-empty.h5, inputs: {x: /x}, "
                                   "targets: {b: {path: /boxes, offsets: /offsets}}}\n";
        plan_run(&p[i], i + 1);
        plan_good(&p[i]);
        plan_same(&p[i], &p[0]);
    }
    for (int i = 0; i < 2; i++) plan_clear(&p[i]);
}

/* ---- what they find ---- */

static hoop_status evaluated(plan *p, hoop_trainer *tr, int rank, hoop_error *err)
{
    double           *map = p->ctx;
    hoop_metrics_sums sums;
    hoop_status       st = hoop_trainer_run(tr, NULL, 0, err);
    if (st == HOOP_OK) st = hoop_trainer_evaluate(tr, NULL, err, &sums);
    if (st != HOOP_OK) return st;
    assert_int_equal(sums.target[0].nmetrics, 4);
    for (int m = 0; m < 4; m++) {
        static const char *const names[] = {"map_50", "map_50_95", "map_50_none", "map_50_95_none"};
        const hoop_metric_value *v       = &sums.target[0].metric[m];
        assert_string_equal(v->name, names[m]);
        assert_int_equal(v->numbers, m < 2 ? 0 : 2);
        if (m < 2)
            map[2 * rank + m] = v->value;
        else
            assert_true(isnan(v->value) && fabs((v->list[0] + v->list[1]) / 2 - map[2 * rank + m - 2]) < 1e-12);
    }
    return HOOP_OK;
}

static void boxes_are_found(void **state)
{
    double map[3][2 * MOST_RANKS] = {{0}};
    plan   p                      = {.config = {TRAIN NET "loss: detection\nepochs: 60\nclip_norm: 5\n"
                                                                                 "metrics: [map_50, map_50_95, {map_50: {average: none}}, {map_50_95: {average: none}}]\n" DATA(
                                                              "/boxes" LISTS ", length: 3", ", validation: b.h5")},
                                     .drive  = evaluated};
    (void)state;
    for (int size = 1; size <= 3; size++) {
        p.ctx = map[size - 1];
        plan_run(&p, size);
        plan_good(&p);
        for (int k = 0; k < 2 * size; k++) assert_true(map[size - 1][k] == map[0][k % 2]);
        plan_clear(&p);
    }
    if (!(map[0][0] > 0.7 && map[0][1] > 0.3 && map[0][1] < map[0][0])) fail_msg("map_50 %g, map_50_95 %g", map[0][0], map[0][1]);
}

/* ---- what is wrong ---- */

static void refused(void **state)
{
#define WRONG(field) TRAIN NET "steps: 1\nloss: detection\n" DATA(field LISTS, "")
    static const struct {
        const char *config, *words;
        hoop_status status;
    } cases[] = {
        {WRONG("/outside"),
         "box 1 of sample 6 of /outside, (1, 7) to (17, 12), class 1: it is not in the picture, which is 16 wide", HOOP_ERANGE},
        {WRONG("/before"), "box 1 of sample 6 of /before", HOOP_ERANGE},
        {WRONG("/inverted"), "x2 is to be more than x1", HOOP_ERANGE},
        {WRONG("/nan"), "box 1 of sample 6 of /nan, (1, 7) to (8, nan), class 1: a number of it is not finite", HOOP_ERANGE},
        {WRONG("/half"), "class 0.5: its class is to be a whole number from 0", HOOP_ERANGE},
        {WRONG("/class, classes: 3"), "class 7: data.targets.b.classes says classes 0 to 2", HOOP_ERANGE},
        {TRAIN NET "steps: 1\nloss: detection\ndata: {train: b-empty.h5, inputs: {x: /x}, targets: {b: {path: /boxes, offsets: "
                   "/offsets}}}\n",
         "no sample has a box in /boxes: there is nothing to learn from", HOOP_ECONFIG},
        {WRONG("/bytes"), "/bytes is u8, and boxes are wanted as floats or integers of more bytes", HOOP_EDTYPE},
        {WRONG("/four"), "/four holds no lists of boxes", HOOP_ESHAPE},
        {TRAIN NET "steps: 1\nloss: detection\n" DATA("/boxes", ""), "rows, ", HOOP_ESHAPE},
        {TRAIN "model: {hidden: [4]}\nsteps: 1\nloss: detection\n" DATA("/table", ""),
         "detection wants outputs (N, places, 7 + classes)", HOOP_ECONFIG},
        {TRAIN NET "steps: 1\nloss: cross_entropy\n" DATA("/label", ""),
         "model: this kind is for lists of boxes, and 'b' are classes; give it loss: detection", HOOP_ECONFIG},
        {TRAIN "model: {kind: detector, channels: [4]}\nsteps: 1\nloss: detection\n" DATA("/table", ""),
         ":6: model.channels: 1 are given; a stride of 4 wants 2 or more", HOOP_ECONFIG},
        {TRAIN "model: {kind: detector, stride: 8, channels: [4, 4]}\nsteps: 1\nloss: detection\n" DATA("/table", ""),
         "a stride of 8 wants 3 or more", HOOP_ECONFIG},
        {TRAIN "model: {kind: detector, stride: 5}\nsteps: 1\nloss: detection\n" DATA("/table", ""), ":6: model.stride",
         HOOP_ECONFIG},
        {TRAIN "model: {kind: detector, channels: [4, 4, 4, 4, 4]}\nsteps: 1\nloss: detection\n" DATA("/table", ""),
         "5 of them halve the size down to 1/32, of which the images' size in dim 2, 16, is no multiple", HOOP_ECONFIG},
        {TRAIN NET "steps: 1\nloss: {name: detection, radius: 0}\n" DATA("/table", ""), "loss.radius", HOOP_ECONFIG},
        {TRAIN NET "steps: 1\nloss: {name: detection, overlap: 2}\n" DATA("/table", ""), "loss.overlap", HOOP_ECONFIG},
        {TRAIN NET "steps: 1\nloss: {name: detection, score: 1}\n" DATA("/table", ""), "loss.score", HOOP_ECONFIG},
        {TRAIN NET "steps: 1\nloss: {name: detection, most: 0}\n" DATA("/table", ""), "loss.most", HOOP_ECONFIG},
        {TRAIN NET "steps: 1\nloss: detection\nmetrics: [accuracy]\n" DATA("/table", ""),
         "accuracy is of classes or 0 and 1, and loss is detection; beside that go map_50_95, map_50", HOOP_ECONFIG},
        {TRAIN "model: {hidden: [4]}\nsteps: 1\nloss: cross_entropy\nmetrics: [map_50_95]\n" DATA("/label", ""),
         "map_50_95 is of boxes", HOOP_ECONFIG},
        {TRAIN NET "steps: 1\nloss: detection\n" DATA("/table", ", augment: [{rotate: 10}]"),
         "data.augment[0]: rotate moves pixels, and boxes would not be boxes any more; flip and crop move them, too",
         HOOP_ECONFIG},
        {TRAIN NET "steps: 1\nloss: detection\n" DATA("/table", ", augment: [noise, mixup]"),
         "data.augment[1]: mixup mixes samples", HOOP_ECONFIG},
        {TRAIN NET "steps: 1\nloss: detection\n" DATA("/table", ", augment: [{crop: {keep: 2}}]"), "keep", HOOP_ECONFIG},
        {TRAIN
         "model: {kind: detector, channels: [4, 4], output_shape: [100, 6]}\nsteps: 1\nloss: detection\n" DATA("/table", ""),
         "model.output_shape: is for values, and 'b' are boxes", HOOP_ECONFIG},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        plan p = {.config = {cases[i].config}};
        plan_run(&p, 1);
        plan_failed(&p, 0, cases[i].status, cases[i].words);
        plan_clear(&p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(resumed),  cmocka_unit_test(padding_does_not_count),
        cmocka_unit_test(no_boxes), cmocka_unit_test(boxes_are_found),
        cmocka_unit_test(refused),
    };
    return cmocka_run_group_tests(tests, enter, leave_folder);
}
