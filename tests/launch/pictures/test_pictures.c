/* hoop predict --pictures: pages of models of each kind that are trained here for a step or two, read back; the same bytes on any
 * number of ranks; folders that are there, and what there are no pictures of. */
#include "../command/support.h"
#include "../../datasets.h"

#include <math.h>
#include <spng.h>
#include <sys/stat.h>

#include "hoop/dataset.h"

/* what pages are made of (pages.c): a margin, a line of words, then tiles, each with a line of its row and one a target */
enum { MARGIN = 16, LINE = 20, HEAD = MARGIN + LINE + 6 + 6, KEYS = LINE + 6 };

typedef struct page {
    int            width, height;
    unsigned char *pixel;
} page;

static page read_page(const char *path)
{
    int64_t          n;
    char            *data = load(path, &n);
    spng_ctx        *ctx  = spng_ctx_new(0);
    struct spng_ihdr head;
    page             p;
    assert_int_equal(spng_set_png_buffer(ctx, data, (size_t)n), 0);
    assert_int_equal(spng_get_ihdr(ctx, &head), 0);
    p = (page){(int)head.width, (int)head.height, malloc((size_t)head.width * head.height * 3)};
    assert_int_equal(spng_decode_image(ctx, p.pixel, (size_t)p.width * (size_t)p.height * 3, SPNG_FMT_RGB8, 0), 0);
    assert_int_equal(spng_decode_chunks(ctx), 0);
    spng_ctx_free(ctx);
    free(data);
    return p;
}

static int at(const page *p, int x, int y)
{
    const unsigned char *c = p->pixel + ((int64_t)y * p->width + x) * 3;
    assert_true(x >= 0 && y >= 0 && x < p->width && y < p->height);
    return c[0] << 16 | c[1] << 8 | c[2];
}

static int count(const page *p, int x, int y, int width, int height, int colour)
{
    int n = 0;
    for (int j = y; j < y + height && j < p->height; j++)
        for (int i = x; i < x + width && i < p->width; i++) n += at(p, i, j) == colour;
    return n;
}

/* Row `row` of a dataset's field. */
static void read_row(const char *data, const char *path, int64_t row, int64_t numel, double *out)
{
    hoop_error    err = {.status = HOOP_OK};
    hoop_dataset *ds  = NULL;
    assert_int_equal(hoop_dataset_open(data, &(hoop_dataset_opts){.x = path, .use_y = HOOP_Y_NONE}, &err, &ds), HOOP_OK);
    assert_int_equal(hoop_dataset_about(ds)->field[0].numel, numel);
    assert_int_equal(hoop_dataset_read(ds, &row, 1, 0, HOOP_F64, out, &err), HOOP_OK);
    hoop_dataset_close(&ds);
}

static void train(const char *name, const char *data, const char *rest)
{
    char config[1024], path[64];
    (void)snprintf(path, sizeof path, "%s.yaml", name);
    (void)snprintf(config, sizeof config, "data: {train: %s%s\nbatch: 8\nsteps: 2\n%s\n", data,
                   strchr(data, ',') != NULL ? "}" : "/train}", rest);
    store(path, config, (int64_t)strlen(config));
    if (hoop("train %s --out runs/%s", path, name) != 0) fail_msg("%s", last.err);
}

static int make_sets(void **state)
{
    if (test_enter(state) != 0) return 1;
    if (hoop("data synth digits --samples 40 --seed 1 --out digits") != 0) return print_error("%s", last.err), 1;
    if (hoop("data synth shapes --samples 16 --seed 1 --out shapes") != 0) return 1;
    if (hoop("data synth heat --samples 16 --seed 1 --shards 1 --out heat") != 0) return 1;
    if (hoop("data synth series --samples 16 --seed 1 --out series") != 0) return 1;
    return hoop("data synth spirals --samples 16 --seed 1 --out spirals") != 0;
}

enum { BLUE = 0x0072b2, VERMILION = 0xd55e00 };

/* the first tile is row 0, its image pixel for pixel; others are evenly spaced */
static void classes_of_images(void **state)
{
    enum { ZOOM = 256 / 28, TILE = 256 + LINE, TOP = HEAD + 3 * LINE };
    double image[784];
    page   p;
    (void)state;
    train("digits", "digits", "model: {kind: mlp, hidden: [8]}");
    assert_int_equal(hoop("predict runs/digits --data digits/train --pictures look"), 0);
    said("look: 2 pages of pictures, from runs/digits");
    assert_int_equal(count_files("look"), 2);
    p = read_page("look/page-001.png");
    read_row("digits/train", "/x", 0, 784, image);
    for (int i = 0; i < 784; i++) {
        const int grey = (int)lround(image[i] * 255);
        assert_int_equal(at(&p, MARGIN + i % 28 * ZOOM + 4, TOP + i / 28 * ZOOM + 4), grey << 16 | grey << 8 | grey);
    }
    read_row("digits/train", "/x", 39 / 23, 784, image); /* the second of 24 */
    for (int i = 0; i < 784; i++) {
        const int grey = (int)lround(image[i] * 255);
        assert_int_equal(at(&p, MARGIN + TILE + i % 28 * ZOOM + 4, TOP + i / 28 * ZOOM + 4), grey << 16 | grey << 8 | grey);
    }
    assert_true(count(&p, 0, HEAD, p.width, p.height - HEAD, BLUE) + count(&p, 0, HEAD, p.width, p.height - HEAD, VERMILION) >
                1000);
    free(p.pixel);
}

/* the worst come first: as long as there are wrong ones, no right one */
static void worst_first_on_any_ranks(void **state)
{
    page p;
    int  right = 0;
    (void)state;
    assert_int_equal(
        hoop("predict runs/digits --data digits/train --pictures worst-1 --worst --pictures-count 30 --set threads=1"), 0);
    p = read_page("worst-1/page-001.png");
    for (int y = HEAD + LINE; y < p.height - LINE; y += 252 + 4 * LINE + 12)
        for (int x = MARGIN; x + 256 <= p.width; x += 256 + LINE) {
            if (count(&p, x, y, 256, LINE, BLUE) > 0) right++;
            if (count(&p, x, y, 256, LINE, VERMILION) > 0) assert_int_equal(right, 0);
        }
    assert_true(count(&p, MARGIN, HEAD + LINE, 256, LINE, VERMILION) > 0);
    free(p.pixel);
    for (int r = 2; r <= 3; r++) {
        (void)hoop_ranks(
            r, "predict runs/digits --data digits/train --pictures worst-%d --worst --pictures-count 30 --set threads=1", r);
        assert_int_equal(last.code, 0);
        assert_int_equal(shell("diff -r worst-1 worst-%d", r), 0);
    }
    (void)hoop_ranks(3, "predict runs/digits --data digits/train --pictures look-3 --set threads=1 --out digits.h5");
    assert_int_equal(last.code, 0);
    assert_int_equal(shell("diff -r look look-3"), 0);
    assert_true(exists("digits.h5"));
}

/* input, truth, prediction, wrong: four panels of 64 pixels, four times as large */
static void masks(void **state)
{
    enum { ZOOM = 4, SIDE = 64, TILE = 256 + 12, TOP = HEAD + KEYS + 3 * LINE };
    static double image[3 * SIDE * SIDE], label[SIDE * SIDE];
    page          p;
    int           tinted = 0;
    (void)state;
    train("shapes", "shapes", "model: {layers: [{conv: {out: 4, kernel: 1}}]}\nloss: cross_entropy");
    assert_int_equal(hoop("predict runs/shapes --data shapes/train --pictures masks --pictures-count 2"), 0);
    p = read_page("masks/page-001.png");
    read_row("shapes/train", "/x", 0, 3 * SIDE * SIDE, image);
    read_row("shapes/train", "/y", 0, SIDE * SIDE, label);
    for (int i = 0; i < SIDE * SIDE; i++) {
        const int x = MARGIN + i % SIDE * ZOOM + 1, y = TOP + i / SIDE * ZOOM + 1;
        const int red = (int)lround(image[i] * 255), green = (int)lround(image[SIDE * SIDE + i] * 255),
                  blue  = (int)lround(image[2 * SIDE * SIDE + i] * 255),
                  light = (299 * red + 587 * green + 114 * blue + 500) / 1000, grey = light << 16 | light << 8 | light;
        assert_int_equal(at(&p, x, y), red << 16 | green << 8 | blue);
        if (label[i] < 1)
            assert_int_equal(at(&p, x + TILE, y), grey); /* the ground has no colour */
        else
            tinted += at(&p, x + TILE, y) != grey;
        if (at(&p, x + 3 * TILE, y) == VERMILION) assert_true(label[i] > 0 || at(&p, x + 2 * TILE, y) != grey);
    }
    assert_true(tinted > 100);
    assert_true(count(&p, 0, MARGIN + LINE, p.width, LINE + 6, 0x56b4e9) > 100); /* the key of the second class */
    free(p.pixel);
}

/* a copy of its input has three panels: input, prediction, error; a field four */
static void copies_and_fields(void **state)
{
    page p, q;
    (void)state;
    train("copy", "digits/train, inputs: {x: /x}, targets: {image: /x}",
          "model: {kind: autoencoder, hidden: [8], latent: 2, output: sigmoid}\nloss: mse");
    assert_int_equal(hoop("predict runs/copy --data digits/train --pictures copies --pictures-count 1"), 0);
    p = read_page("copies/page-001.png");
    assert_int_equal(p.height, HEAD + 3 * LINE + 252 + 12 + LINE + 12 + MARGIN);
    free(p.pixel);
    train("heat", "heat", "model: {layers: [{conv: {out: 1, kernel: 3, padding: 1}}]}\nloss: mse");
    assert_int_equal(hoop("predict runs/heat --data heat/train --pictures fields --pictures-count 1"), 0);
    q = read_page("fields/page-001.png");
    assert_int_equal(q.width, 2 * MARGIN + 4 * 256 + 3 * 12);
    for (int i = 0; i < 4; i++) /* each panel has its scale: both ends of it, and numbers */
        assert_true(count(&q, MARGIN + i * (256 + 12), HEAD + 3 * LINE + 256 + 12, 256, LINE, 0x181818) > 50);
    assert_int_equal(at(&q, MARGIN, HEAD + 3 * LINE + 256 + 6), 8 << 16 | 14 << 8 | 48);
    assert_int_equal(at(&q, MARGIN + 255, HEAD + 3 * LINE + 256 + 6), 255 << 16 | 250 << 8 | 222);
    free(q.pixel);
}

/* Boxes of a sample, (n, 5). */
static int64_t read_boxes(const char *data, int64_t row, double *out, int64_t room)
{
    static const hoop_field_opts field = {.name = "boxes", .path = "/boxes", .offsets = "/boxes_offsets"};
    hoop_error                   err   = {.status = HOOP_OK};
    hoop_dataset                *ds    = NULL;
    int64_t                      n     = 0;
    assert_int_equal(hoop_dataset_open(data, &(hoop_dataset_opts){.fields = &field, .nfields = 1}, &err, &ds), HOOP_OK);
    assert_int_equal(hoop_dataset_lengths(ds, &row, 1, 0, &n, &err), HOOP_OK);
    assert_true(n >= 1 && n <= room);
    assert_int_equal(hoop_dataset_read_padded(ds, &row, 1, 0, HOOP_F64, n, out, &err), HOOP_OK);
    hoop_dataset_close(&ds);
    return n;
}

/* truth and prediction: 128 pixels, three times as large */
static void boxes(void **state)
{
    enum { ZOOM = 3, TOP = HEAD + KEYS + 3 * LINE };
    static const int classes[] = {0xe69f00, 0x56b4e9, 0x009e73, 0xf0e442, 0x0072b2};
    double           box[64 * 5];
    int64_t          n;
    int              seen = 0;
    page             p;
    (void)state;
    assert_int_equal(hoop("data synth scenes --samples 16 --seed 1 --out scenes"), 0);
    train("scenes", "scenes/train, inputs: {x: /x}, targets: {boxes: {path: /boxes, offsets: /boxes_offsets, length: 12}}",
          "model: {kind: detector, channels: [4, 6, 8], width: 6, head: 1}\nloss: detection");
    assert_int_equal(hoop("predict runs/scenes --data scenes/train --pictures boxes --pictures-count 1"), 0);
    p = read_page("boxes/page-001.png");
    assert_int_equal(p.width, 2 * MARGIN + 2 * 384 + 12);
    n = read_boxes("scenes/train", 0, box, 64);
    for (int64_t i = 0; i < n; i++) { /* a side of most is seen, whatever lies over some */
        const double *b = box + 5 * i;
        const int x = MARGIN + (int)lround(b[0] * ZOOM), y = TOP + (int)lround(b[1] * ZOOM), high = (int)((b[3] - b[1]) * ZOOM);
        seen += count(&p, x, y, 5, high, classes[(int)b[4]]) > high / 4;
    }
    assert_true(2 * seen > n);
    free(p.pixel);
}

/* what would be series of 8 channels is an image where it has boxes; lists may be empty */
static void boxes_in_small_images(void **state)
{
    enum { ROWS = 8, SIDE = 8, ZOOM = 48, TOP = HEAD + KEYS + 3 * LINE };
    static const float image[ROWS][SIDE][SIDE] = {{{1}}}, box[1][5] = {{2, 3, 6, 7, 0}};
    int64_t            offset[ROWS + 1] = {0};
    hid_t              file;
    page               p;
    (void)state;
    for (int i = 1; i <= ROWS; i++) offset[i] = 1;
    assert_int_equal(shell("mkdir small"), 0);
    file = H5Fcreate("small/train.h5", H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    put(file, "/x", H5T_NATIVE_FLOAT, 3, (hsize_t[]){ROWS, SIDE, SIDE}, image);
    put(file, "/boxes", H5T_NATIVE_FLOAT, 2, (hsize_t[]){1, 5}, box);
    put(file, "/offsets", H5T_NATIVE_INT64, 1, (hsize_t[]){ROWS + 1}, offset);
    (void)H5Fclose(file);
    train("small", "small/train.h5, inputs: {x: /x}, targets: {boxes: {path: /boxes, offsets: /offsets}}",
          "model: {kind: detector, channels: [4, 6], width: 6, head: 1}\nloss: detection");
    assert_int_equal(hoop("predict runs/small --data small/train.h5 --pictures small-boxes --pictures-count 2"), 0);
    p = read_page("small-boxes/page-001.png");
    assert_int_equal(p.width, 2 * MARGIN + 2 * 384 + 12);
    assert_true(count(&p, MARGIN + 2 * ZOOM, TOP + 3 * ZOOM, 4, 4 * ZOOM, 0xe69f00) > ZOOM);
    free(p.pixel);
}

static void forecasts(void **state)
{
    page p;
    (void)state;
    train("series", "series", "model: {layers: [flatten, {linear: 24}]}\nloss: mse");
    assert_int_equal(hoop("predict runs/series --data series/train --pictures curves --pictures-count 3"), 0);
    p = read_page("curves/page-001.png");
    assert_true(count(&p, MARGIN, HEAD + 3 * LINE, 640, 340, BLUE) > 100);
    assert_true(count(&p, MARGIN, HEAD + 3 * LINE, 640, 340, VERMILION) > 100);
    assert_true(count(&p, MARGIN, HEAD + 3 * LINE, 640, 340, 0x181818) > 500);
    free(p.pixel);
}

/* without targets there is nothing to compare with, and the prediction is shown */
static void data_without_targets(void **state)
{
    page p;
    (void)state;
    train("bare", "heat", "model: {layers: [{conv: {out: 1, kernel: 3, padding: 1}}]}\nloss: mse");
    assert_int_equal(shell("h5copy -i heat/train-00000-of-00001.h5 -o bare.h5 -s /x -d /x"), 0);
    assert_int_equal(hoop("predict runs/bare --data bare.h5 --pictures bare --pictures-count 1"), 0);
    p = read_page("bare/page-001.png");
    assert_int_equal(p.height, HEAD + 3 * LINE + 256 + 12 + LINE + 12 + MARGIN);
    assert_int_equal(count(&p, MARGIN + 2 * (256 + 12), HEAD, 200, 300, 0xffffff),
                     300 * (p.width - MARGIN - 2 * (256 + 12) < 200 ? p.width - MARGIN - 2 * (256 + 12) : 200));
    free(p.pixel);
    (void)hoop("predict runs/bare --data bare.h5 --pictures never --worst");
    failed(1, "--worst", "bare.h5 has no y");
    assert_false(exists("never"));
}

static void folders_that_are_there(void **state)
{
    (void)state;
    (void)hoop("predict runs/digits --data digits/train --pictures look");
    failed(1, "look/page-00", "is there already", "--force");
    assert_int_equal(hoop("predict runs/digits --data digits/train --pictures look --pictures-count 3 --force"), 0);
    assert_int_equal(count_files("look"), 1); /* older pages are gone */
    assert_int_equal(shell("mkdir mine && echo hello > mine/notes.txt && echo hello > mine/page-1.txt"), 0);
    assert_int_equal(hoop("predict runs/digits --data digits/train --pictures mine --pictures-count 3 --force"), 0);
    assert_int_equal(count_files("mine"), 3); /* what is none of hoop's stays */
    (void)hoop("predict runs/digits --data digits/train --pictures no/such/folder");
    failed(1, "no/such/folder", "cannot be made");
    (void)hoop("predict runs/digits --data digits/train --pictures digits.yaml");
    failed(1, "digits.yaml", "is no folder");
    assert_int_equal(shell("rm -rf full && mkdir full && mkdir full/page-001.png"), 0);
    (void)hoop("predict runs/digits --data digits/train --pictures full --pictures-count 1 --force");
    failed(1, "full/page-001.png", "no regular file");
    assert_int_equal(count_files("full"), 1); /* nothing half is left */
}

static void what_there_are_no_pictures_of(void **state)
{
    (void)state;
    train("spirals", "spirals", "model: {kind: mlp, hidden: [4]}");
    (void)hoop("predict runs/spirals --data spirals/train --pictures never");
    failed(1, "--pictures", "rows of /x are [2]", "images, fields and series");
    assert_false(exists("never"));
    (void)hoop("predict runs/digits --data digits/train --worst --out never.h5");
    failed(2, "--worst", "--pictures DIR");
    (void)hoop("predict runs/digits --data digits/train --pictures-count 4 --out never.h5");
    failed(2, "--pictures-count", "--pictures DIR");
    (void)hoop("predict runs/digits --data digits/train --pictures never --pictures-count 0");
    failed(2, "--pictures-count is '0'", "1 to 4096");
    (void)hoop("predict runs/digits --data digits/train --pictures never --pictures-count some");
    failed(2, "--pictures-count is 'some'");
    (void)hoop("predict runs/digits --data digits/train --pictures ''");
    failed(2, "--pictures is empty");
    (void)hoop("predict runs/digits --data digits/train");
    failed(2, "where to?", "--pictures DIR");
    assert_false(exists("never"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(classes_of_images),
        cmocka_unit_test(worst_first_on_any_ranks),
        cmocka_unit_test(masks),
        cmocka_unit_test(copies_and_fields),
        cmocka_unit_test(boxes),
        cmocka_unit_test(boxes_in_small_images),
        cmocka_unit_test(forecasts),
        cmocka_unit_test(data_without_targets),
        cmocka_unit_test(folders_that_are_there),
        cmocka_unit_test(what_there_are_no_pictures_of),
    };
    return cmocka_run_group_tests(tests, make_sets, test_leave);
}
