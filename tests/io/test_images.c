/* Pictures in folders: what comes of their pixels and names, and that broken ones are named, left out where that is asked for,
 * and never half written. */
#include "io_test.h"

#include <spng.h>
#include <sys/stat.h>
#include <turbojpeg.h>
#include <unistd.h>

#include "hoop/import.h"

static void folder(const char *path)
{
    assert_int_equal(mkdir(path, 0777), 0);
}

/* 8 bits: 1 channel grey, 2 with alpha, 3 RGB, 4 with alpha; 16 bits (grey) where `deep`. */
static void png(const char *path, int height, int width, int channels, bool deep, const void *pixels)
{
    static const uint8_t types[] = {0, SPNG_COLOR_TYPE_GRAYSCALE, SPNG_COLOR_TYPE_GRAYSCALE_ALPHA, SPNG_COLOR_TYPE_TRUECOLOR,
                                    SPNG_COLOR_TYPE_TRUECOLOR_ALPHA};
    spng_ctx            *ctx     = spng_ctx_new(SPNG_CTX_ENCODER);
    struct spng_ihdr     head    = {
               .width = (uint32_t)width, .height = (uint32_t)height, .bit_depth = deep ? 16 : 8, .color_type = types[channels]};
    size_t n;
    int    rc;
    void  *data;
    assert_int_equal(spng_set_option(ctx, SPNG_ENCODE_TO_BUFFER, 1), 0);
    assert_int_equal(spng_set_ihdr(ctx, &head), 0);
    assert_int_equal(
        spng_encode_image(ctx, pixels, (size_t)(height * width * channels * (deep ? 2 : 1)), SPNG_FMT_PNG, SPNG_ENCODE_FINALIZE),
        0);
    data = spng_get_png_buffer(ctx, &n, &rc);
    test_store(path, data, (int64_t)n);
    free(data);
    spng_ctx_free(ctx);
}

static void jpeg(const char *path, int height, int width, bool grey, const unsigned char *pixels)
{
    tjhandle       tj   = tjInitCompress();
    unsigned char *data = NULL;
    unsigned long  n    = 0;
    assert_int_equal(
        tjCompress2(tj, pixels, width, 0, height, grey ? TJPF_GRAY : TJPF_RGB, &data, &n, grey ? TJSAMP_GRAY : TJSAMP_444, 95, 0),
        0);
    test_store(path, data, (int64_t)n);
    tjFree(data);
    (void)tjDestroy(tj);
}

static void noise(unsigned char *to, int n, uint64_t seed)
{
    for (int i = 0; i < n; i++) to[i] = (unsigned char)(test_random(&seed) >> 13);
}

/* Sample i of x, as stored. */
static void sample(hoop_dataset *ds, int64_t i, double *to)
{
    hoop_error err = {0};
    test_ok(hoop_dataset_read(ds, &i, 1, HOOP_FIELD_X, HOOP_F64, to, &err));
    for (int64_t k = 0; k < hoop_dataset_about(ds)->field[0].numel; k++) to[k] *= 255;
}

static int64_t label(hoop_dataset *ds, int64_t i)
{
    hoop_error err = {0};
    int64_t    y;
    test_ok(hoop_dataset_read(ds, &i, 1, HOOP_FIELD_Y, HOOP_I64, &y, &err));
    return y;
}

static void near(double a, double b, double by)
{
    if (!(a >= b - by && a <= b + by)) fail_msg("%g, not %g", a, b);
}

static void classes_are_folders(void **state)
{
    unsigned char      rgb[5 * 7 * 3], rgba[5 * 7 * 4], grey[5 * 7], deep[5 * 7 * 2], flat[5 * 7 * 3];
    double             x[5 * 7 * 3];
    hoop_error         err = {0};
    hoop_import_result r;
    hoop_dataset      *ds;
    (void)state;
    noise(rgb, sizeof rgb, 1);
    noise(rgba, sizeof rgba, 2);
    noise(grey, sizeof grey, 3);
    noise(deep, sizeof deep, 4);
    for (int i = 0; i < 35; i++) flat[3 * i] = 200, flat[3 * i + 1] = 30, flat[3 * i + 2] = 90;
    folder("f");
    folder("f/b");
    folder("f/a");
    folder("f/Z");
    folder("f/empty");
    folder("f/a/deeper");
    folder("f/.hidden");
    png("f/a/2.png", 5, 7, 3, false, rgb);
    png("f/a/10.PNG", 5, 7, 4, false, rgba);
    png("f/a/deeper/1.png", 5, 7, 1, false, grey);
    png("f/b/deep.png", 5, 7, 1, true, deep);
    jpeg("f/Z/flat.jpeg", 5, 7, false, flat);
    png("f/.hidden/x.png", 5, 7, 3, false, rgb);
    test_store("f/a/notes.txt", "x", 1);
    assert_int_equal(symlink("nowhere", "f/a/link"), 0);
    test_ok(hoop_import_images("f", NULL, &(hoop_import_opts){.dir = "set"}, &err, &r));
    assert_int_equal(r.classes, 3);
    assert_int_equal(r.train_rows, 5);
    ds = test_open_set("set/train", NULL);
    assert_int_equal(hoop_dataset_about(ds)->field[0].ndim, 3);
    assert_string_equal(hoop_dataset_class_name(ds, HOOP_FIELD_Y, 0), "Z");
    assert_string_equal(hoop_dataset_class_name(ds, HOOP_FIELD_Y, 2), "b");
    for (int i = 0; i < 5; i++) assert_int_equal(label(ds, i), i == 0 ? 0 : i == 4 ? 2 : 1);
    sample(ds, 0, x);
    for (int c = 0; c < 3; c++)
        for (int p = 0; p < 35; p++) near(x[35 * c + p], flat[3 * p + c], 3);
    sample(ds, 1, x); /* 10.PNG */
    for (int c = 0; c < 3; c++)
        for (int p = 0; p < 35; p++) near(x[35 * c + p], rgba[4 * p + c], 1e-9);
    sample(ds, 2, x);
    for (int c = 0; c < 3; c++)
        for (int p = 0; p < 35; p++) near(x[35 * c + p], rgb[3 * p + c], 1e-9);
    sample(ds, 3, x); /* deeper/1.png */
    for (int c = 0; c < 3; c++)
        for (int p = 0; p < 35; p++) near(x[35 * c + p], grey[p], 1e-9);
    sample(ds, 4, x);
    for (int c = 0; c < 3; c++)
        for (int p = 0; p < 35; p++) near(x[35 * c + p], deep[2 * p + 1], 1e-9);
    hoop_dataset_close(&ds);
    /* grey */
    test_ok(hoop_import_images("f", &(hoop_images_opts){.grey = true}, &(hoop_import_opts){.dir = "grey"}, &err, &r));
    ds = test_open_set("grey/train", NULL);
    assert_int_equal(hoop_dataset_about(ds)->field[0].shape[0], 1);
    sample(ds, 3, x);
    for (int p = 0; p < 35; p++) near(x[p], grey[p], 1e-9);
    sample(ds, 2, x);
    for (int p = 0; p < 35; p++) near(x[p], 0.299 * rgb[3 * p] + 0.587 * rgb[3 * p + 1] + 0.114 * rgb[3 * p + 2], 0.52);
    hoop_dataset_close(&ds);
    /* no classes */
    test_ok(hoop_import_images("f/b", NULL, &(hoop_import_opts){.dir = "none"}, &err, &r));
    assert_int_equal(r.classes, 0);
    ds = test_open_set("none/train", &(hoop_dataset_opts){.use_y = HOOP_Y_OPTIONAL});
    assert_false(hoop_dataset_about(ds)->field[1].present);
    hoop_dataset_close(&ds);
}

static void sizes(void **state)
{
    enum { H = 12, W = 24 };
    unsigned char ramp[H * W], flat[6 * 6];
    double        x[36];
    hoop_error    err = {0};
    hoop_dataset *ds;
    (void)state;
    for (int y = 0; y < H; y++)
        for (int c = 0; c < W; c++) ramp[y * W + c] = (unsigned char)(10 * c + y);
    memset(flat, 77, sizeof flat);
    folder("s");
    png("s/a.png", H, W, 1, false, ramp);
    png("s/b.png", 6, 6, 1, false, flat);
    test_failed(hoop_import_images("s", NULL, &(hoop_import_opts){.dir = "bad"}, &err, NULL), &err, HOOP_ESHAPE, "s/b.png",
                "6 x 6", "s/a.png is 12 x 24", "--size", NULL);
    assert_false(test_exists("bad"));
    for (int stretch = 0; stretch < 2; stretch++) {
        const hoop_images_opts o = {
            .grey = true, .height = 6, .width = 6, .fit = stretch ? HOOP_IMAGES_STRETCH : HOOP_IMAGES_CROP};
        memset(&err, 0, sizeof err);
        test_ok(hoop_import_images("s", &o, &(hoop_import_opts){.dir = "sized", .force = true}, &err, NULL));
        ds = test_open_set("sized/train", &(hoop_dataset_opts){.use_y = HOOP_Y_OPTIONAL});
        sample(ds, 0, x); /* inside a ramp every filter is its middle */
        for (int r = 1; r < 5; r++)
            for (int c = 1; c < 5; c++)
                near(x[6 * r + c], (stretch ? 10 * (4 * c + 1.5) : 10 * (2 * c + 6.5)) + 2 * r + 0.5, 0.51);
        sample(ds, 1, x);
        for (int p = 0; p < 36; p++) near(x[p], 77, 1e-9);
        hoop_dataset_close(&ds);
    }
    /* to more pixels */
    test_ok(hoop_import_images("s", &(hoop_images_opts){.grey = true, .height = 24, .width = 48},
                               &(hoop_import_opts){.dir = "large"}, &err, NULL));
    ds = test_open_set("large/train", &(hoop_dataset_opts){.use_y = HOOP_Y_OPTIONAL});
    {
        double large[24 * 48];
        sample(ds, 0, large);
        for (int r = 1; r < 23; r++)
            for (int c = 1; c < 47; c++) near(large[48 * r + c], 10 * ((c + 0.5) / 2 - 0.5) + (r + 0.5) / 2 - 0.5, 0.51);
    }
    hoop_dataset_close(&ds);
}

/* Cut anywhere, or with a byte that is another, a file is named, or makes a picture: no import ends otherwise. */
static void broken_files_are_named(void **state)
{
    unsigned char rgb[16 * 16 * 3];
    (void)state;
    for (int i = 0; i < (int)sizeof rgb; i++) rgb[i] = (unsigned char)(i / 3);
    folder("w");
    for (int kind = 0; kind < 2; kind++) {
        const char *name = kind == 0 ? "w/a.png" : "w/a.jpg";
        char       *whole;
        int64_t     n;
        uint64_t    seed = 9;
        if (kind == 0)
            png(name, 16, 16, 3, false, rgb);
        else
            jpeg(name, 16, 16, false, rgb);
        whole = test_load(name, &n);
        for (int64_t cut = 0; cut < n - 4; cut += 1 + n / 60) { /* the last 4 of a PNG are the checksum of its end */
            hoop_error err = {0};
            test_store(name, whole, cut);
            test_failed(hoop_import_images("w", NULL, &(hoop_import_opts){.dir = "cut"}, &err, NULL), &err, HOOP_EFORMAT, name,
                        NULL);
            assert_false(test_exists("cut"));
        }
        for (int i = 0; i < 60; i++) {
            hoop_error    err = {0};
            const int64_t at  = (int64_t)(test_random(&seed) % (uint64_t)n);
            hoop_status   st;
            test_store(name, whole, n);
            test_flip(name, at, (unsigned char)(1 << test_random(&seed) % 8));
            st = hoop_import_images("w", NULL, &(hoop_import_opts){.dir = "flip", .force = true, .shards = 1}, &err, NULL);
            if (st != HOOP_OK) test_failed(st, &err, HOOP_EFORMAT, name, NULL);
            if (kind == 0 && at >= 8 && at < n - 12) assert_int_equal(st, HOOP_EFORMAT); /* all of it has checksums */
        }
        free(whole);
        test_remove(name);
    }
}

static void broken_files_are_left_out(void **state)
{
    unsigned char      grey[16] = {0};
    hoop_error         err      = {0};
    hoop_import_result r;
    bool               told = false;
    (void)state;
    folder("k");
    folder("k/a");
    folder("k/b");
    test_store("k/a/0.png", "\x89PNG\r\n\x1a\nand no more", 19);
    png("k/a/1.png", 4, 4, 1, false, grey);
    test_store("k/b/2.jpg", "", 0);
    png("k/b/3.jpg", 4, 4, 1, false, grey); /* what it is counts, not its name */
    test_failed(hoop_import_images("k", NULL, &(hoop_import_opts){.dir = "bad"}, &err, NULL), &err, HOOP_EFORMAT, "k/a/0.png",
                "PNG", NULL);
    memset(&err, 0, sizeof err);
    test_ok(hoop_import_images("k", &(hoop_images_opts){.skip_broken = true}, &(hoop_import_opts){.dir = "kept"}, &err, &r));
    assert_int_equal(r.train_rows, 2);
    assert_int_equal(r.dropped_rows, 2);
    for (int i = 0; i < r.nlines; i++)
        told = told || (strcmp(r.line[i].about, "broken") == 0 && strstr(r.line[i].text, "k/a/0.png") != NULL);
    assert_true(told);
    /* b has no picture any more; what is of another size is not blamed on one that was left out */
    test_remove("k/b/3.jpg");
    memset(&err, 0, sizeof err);
    test_ok(hoop_import_images("k", &(hoop_images_opts){.skip_broken = true}, &(hoop_import_opts){.dir = "one"}, &err, &r));
    assert_int_equal(r.train_rows, 1);
    assert_int_equal(r.classes, 1);
    png("k/b/3.jpg", 2, 8, 1, false, grey);
    test_failed(hoop_import_images("k", &(hoop_images_opts){.skip_broken = true}, &(hoop_import_opts){.dir = "bad"}, &err, NULL),
                &err, HOOP_ESHAPE, "k/b/3.jpg: is 2 x 8, and k/a/1.png is 4 x 4", NULL);
    memset(&err, 0, sizeof err);
    test_remove("k/a/1.png");
    test_remove("k/b/3.jpg");
    test_failed(hoop_import_images("k", &(hoop_images_opts){.skip_broken = true}, &(hoop_import_opts){.dir = "bad"}, &err, NULL),
                &err, HOOP_EFORMAT, "all 2", "k/a/0.png", NULL);
    assert_false(test_exists("bad"));
}

/* Tall to wide: what stands between is larger than both. */
static void between_sizes(void **state)
{
    enum { TALL = 65536 };
    unsigned char *grey = calloc(TALL, 1);
    hoop_error     err  = {0};
    (void)state;
    folder("tall");
    png("tall/a.png", TALL, 1, 1, false, grey);
    test_failed(hoop_import_images("tall", &(hoop_images_opts){.height = 1, .width = TALL, .fit = HOOP_IMAGES_STRETCH},
                                   &(hoop_import_opts){.dir = "bad"}, &err, NULL),
                &err, HOOP_ESIZE, "tall/a.png", "1 x 65536 of 65536 x 1", NULL);
    assert_false(test_exists("bad"));
    free(grey);
}

static void bad_folders(void **state)
{
    unsigned char grey[4] = {0};
    hoop_error    err     = {0};
    (void)state;
    test_failed(hoop_import_images("nowhere", NULL, &(hoop_import_opts){.dir = "bad"}, &err, NULL), &err, HOOP_EIO, "nowhere",
                NULL);
    folder("e");
    folder("e/a");
    memset(&err, 0, sizeof err);
    test_failed(hoop_import_images("e", NULL, &(hoop_import_opts){.dir = "bad"}, &err, NULL), &err, HOOP_EFORMAT,
                "FOLDER/CLASS/NAME.png", NULL);
    png("e/a/1.png", 2, 2, 1, false, grey);
    png("e/2.png", 2, 2, 1, false, grey);
    memset(&err, 0, sizeof err);
    test_failed(hoop_import_images("e", NULL, &(hoop_import_opts){.dir = "bad"}, &err, NULL), &err, HOOP_EFORMAT, "1 in none",
                NULL);
    memset(&err, 0, sizeof err);
    test_failed(hoop_import_images("e", &(hoop_images_opts){.height = 5}, &(hoop_import_opts){.dir = "bad"}, &err, NULL), &err,
                HOOP_EARG, "5 x 0", NULL);
    memset(&err, 0, sizeof err);
    test_failed(
        hoop_import_images("e", &(hoop_images_opts){.fit = HOOP_IMAGES_STRETCH}, &(hoop_import_opts){.dir = "bad"}, &err, NULL),
        &err, HOOP_EARG, "--size", NULL);
    memset(&err, 0, sizeof err);
    test_failed(hoop_import_images("e", &(hoop_images_opts){.height = 65536, .width = 65536}, &(hoop_import_opts){.dir = "bad"},
                                   &err, NULL),
                &err, HOOP_EARG, "65536 x 65536", "4294967296 pixels", NULL);
    memset(&err, 0, sizeof err);
    test_remove("e/2.png");
    folder("e/a\nb");
    test_failed(hoop_import_images("e", NULL, &(hoop_import_opts){.dir = "bad"}, &err, NULL), &err, HOOP_EARG,
                "control character", NULL);
    assert_false(test_exists("bad"));
}

static void stop_it(void *ctx, double fraction)
{
    (void)fraction;
    *(int *)ctx = 1;
}

static void an_interrupted_import_leaves_nothing(void **state)
{
    unsigned char grey[64] = {0};
    char          name[32];
    (void)state;
    folder("i");
    for (int i = 0; i < 20; i++) {
        (void)snprintf(name, sizeof name, "i/%d.png", i);
        png(name, 8, 8, 1, false, grey);
    }
    for (int skip = 0; skip < 2; skip++) {
        hoop_error err  = {0};
        int        stop = 0;
        test_failed(hoop_import_images("i", &(hoop_images_opts){.skip_broken = skip == 1},
                                       &(hoop_import_opts){.dir = "half", .ctx = &stop, .progress = stop_it, .stop = &stop}, &err,
                                       NULL),
                    &err, HOOP_EINTERRUPTED, "interrupted", NULL);
        assert_false(test_exists("half"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(classes_are_folders),
        cmocka_unit_test(sizes),
        cmocka_unit_test(broken_files_are_named),
        cmocka_unit_test(broken_files_are_left_out),
        cmocka_unit_test(between_sizes),
        cmocka_unit_test(bad_folders),
        cmocka_unit_test(an_interrupted_import_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, test_enter, test_leave);
}
