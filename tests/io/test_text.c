/* Text as ids: what the importer writes by each kind of tokenizer, what comes back, what is refused and where it says the fault
 * is. */
#include "io_test.h"

#include <unistd.h>

#include "hoop/import.h"
#include "hoop/tokenizer.h"

static const char lines[] =
    "First Citizen:\nBefore we proceed any further, hear me speak.\n\nAll:\nSpeak, speak.  1234567 na\xc3\xafve "
    "\xe2\x82\xac \xf0\x9f\x98\x80 aaaaaaa\n";

static hoop_dataset *open_text(const char *spec)
{
    static const hoop_field_opts f = {.name = "text", .path = "/text"};
    return test_open_set(spec, &(hoop_dataset_opts){.fields = &f, .nfields = 1});
}

/* All ids of a set: free them. */
static int64_t *all_ids(hoop_dataset *ds, int64_t *n)
{
    hoop_error err = {0};
    int64_t   *ids, *index;
    *n    = hoop_dataset_about(ds)->length;
    ids   = malloc((size_t)*n * sizeof *ids);
    index = malloc((size_t)*n * sizeof *index);
    for (int64_t i = 0; i < *n; i++) index[i] = i;
    test_ok(hoop_dataset_read(ds, index, *n, 0, HOOP_I64, ids, &err));
    free(index);
    return ids;
}

/* The set's ids are those that its tokenizer makes of the text, and stand for it. */
static void check_set(const char *spec, const char *text, int64_t bytes, int64_t size)
{
    hoop_error      err = {0};
    hoop_dataset   *ds  = open_text(spec);
    hoop_tokenizer *t, *again;
    int64_t         n, m, *ids = all_ids(ds, &n), *own, at = 0;
    test_ok(hoop_tokenizer_of_dataset(ds, &err, &t));
    assert_int_equal(hoop_tokenizer_size(t), size);
    test_ok(hoop_tokenizer_parse(hoop_tokenizer_line(t), "line", &err, &again));
    assert_string_equal(hoop_tokenizer_line(t), hoop_tokenizer_line(again));
    test_ok(hoop_tokenizer_encode(again, text, bytes, &err, &own, &m));
    assert_int_equal(n, m);
    assert_memory_equal(ids, own, (size_t)n * sizeof *ids);
    for (int64_t i = 0; i < n; i++) {
        int64_t     k;
        const char *token = hoop_tokenizer_token(t, ids[i], &k);
        assert_true(token != NULL && at + k <= bytes && memcmp(token, text + at, (size_t)k) == 0);
        at += k;
    }
    assert_int_equal(at, bytes);
    assert_null(hoop_tokenizer_token(t, size, NULL));
    assert_null(hoop_tokenizer_token(t, -1, NULL));
    hoop_tokenizer_destroy(&t);
    hoop_tokenizer_destroy(&again);
    hoop_dataset_close(&ds);
    free(ids);
    free(own);
}

static void text_comes_back(void **state)
{
    static const struct {
        hoop_text_tokens tokens;
        int64_t          vocabulary, size;
    } cases[]            = {{HOOP_TEXT_CHARACTERS, 0, 41}, {HOOP_TEXT_BYTES, 0, 256}, {HOOP_TEXT_BYTE_PAIRS, 263, 263}};
    const int64_t      n = (int64_t)sizeof lines - 1;
    hoop_import_result r;
    hoop_error         err = {0};
    (void)state;
    test_store("t.txt", lines, n);
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        const hoop_import_opts o = {.dir = "text", .force = true};
        test_ok(hoop_import_text("t.txt", &(hoop_text_opts){.tokens = cases[k].tokens, .vocabulary = cases[k].vocabulary}, &o,
                                 &err, &r));
        assert_int_equal(r.classes, cases[k].size);
        assert_int_equal(r.validation_rows, 0);
        check_set("text/train", lines, n, cases[k].size);
        assert_true(test_exists("text/train-00000-of-00001.h5"));
    }
    /* the same again, in shards, by the tokenizer that was learnt */
    test_ok(hoop_import_text("t.txt", &(hoop_text_opts){.like = "text/train"}, &(hoop_import_opts){.dir = "like", .shards = 3},
                             &err, &r));
    check_set("like/train", lines, n, 263);
}

/* ---- byte pairs, as FORMAT.md says them ---- */

static int class_of(unsigned char c)
{
    return (c | 32) >= 'a' && (c | 32) <= 'z' ? 0
           : c >= 128                         ? 0
           : c >= '0' && c <= '9'             ? 1
           : c == 32 || (c > 8 && c < 14)     ? 2
                                              : 3;
}

/* Where each piece of `lines` ends, byte by byte. */
static int cut(const unsigned char *s, int n, int *end)
{
    int count = 0;
    for (int at = 0; at < n;) {
        const bool space = s[at] == ' ' && at + 1 < n && class_of(s[at + 1]) != 2;
        const int  first = at + space, class = class_of(s[first]);
        int        to = first;
        while (to < n && class_of(s[to]) == class && to - at < 64 && !(class == 1 && to - first == 3)) to++;
        if (class == 2 && to - at > 1 && to < n && s[to - 1] == ' ' && class_of(s[to]) != 2) to--;
        end[count++] = at = to;
    }
    return count;
}

static void pairs_are_learnt_by_count(void **state)
{
    enum { N = (int)sizeof lines - 1, MERGES = 7 };
    int             id[N], end[N], n = N, pieces = cut((const unsigned char *)lines, N, end);
    char            line[512] = "{\"kind\":\"byte_pairs\",\"merges\":[";
    hoop_error      err       = {0};
    hoop_dataset   *ds;
    hoop_tokenizer *t;
    (void)state;
    for (int i = 0; i < N; i++) id[i] = (unsigned char)lines[i];
    for (int m = 0; m < MERGES; m++) { /* all pairs counted, again and again */
        int best[3] = {0, 0, 0}, to = 0, p = 0;
        for (int a = 0; a < 256 + m; a++)
            for (int b = 0; b < 256 + m; b++) {
                int count = 0;
                for (int i = 0, k = 0; i + 1 < n; i++) {
                    while (k < pieces && i >= end[k]) k++;
                    count += id[i] == a && id[i + 1] == b && i + 1 < end[k];
                }
                if (count > best[0]) best[0] = count, best[1] = a, best[2] = b;
            }
        for (int i = 0; i < n; to++) {
            const int now = i;
            i += id[i] == best[1] && i + 1 < end[p] && id[i + 1] == best[2] ? 2 : 1;
            id[to] = i - now == 2 ? 256 + m : id[now];
            while (p < pieces && i == end[p]) end[p++] = to + 1;
        }
        n = to;
        (void)snprintf(line + strlen(line), sizeof line - strlen(line), "%s[%d,%d]", m > 0 ? "," : "", best[1], best[2]);
    }
    (void)snprintf(line + strlen(line), sizeof line - strlen(line), "]}");
    test_store("t.txt", lines, N);
    test_ok(hoop_import_text("t.txt", &(hoop_text_opts){.tokens = HOOP_TEXT_BYTE_PAIRS, .vocabulary = 256 + MERGES},
                             &(hoop_import_opts){.dir = "pairs"}, &err, NULL));
    ds = open_text("pairs/train");
    test_ok(hoop_tokenizer_parse(line, "naive", &err, &t));
    assert_string_equal(hoop_dataset_tokenizer(ds), hoop_tokenizer_line(t));
    assert_int_equal(hoop_dataset_about(ds)->length, n);
    hoop_tokenizer_destroy(&t);
    hoop_dataset_close(&ds);
}

/* A larger text: many words, ids beyond a byte, an end in the middle of a piece. */
static void noise_comes_back(void **state)
{
    enum { N = 200000 };
    char              *text = malloc(N);
    uint64_t           seed = 5;
    hoop_error         err  = {0};
    hoop_import_result r;
    (void)state;
    for (int i = 0; i < N; i++) {
        const uint64_t v = test_random(&seed);
        text[i] = (char)(v % 7 == 0 ? ' ' : v % 97 == 1 ? '\n' : v % 89 == 2 ? v >> 20 : 'a' + (v >> 8) % (1 + (v >> 16) % 26));
    }
    test_store("n.txt", text, N);
    test_ok(hoop_import_text("n.txt", &(hoop_text_opts){.tokens = HOOP_TEXT_BYTE_PAIRS, .vocabulary = 1000},
                             &(hoop_import_opts){.dir = "noise"}, &err, &r));
    check_set("noise/train", text, N, 1000);
    test_ok(
        hoop_import_text("n.txt", &(hoop_text_opts){.tokens = HOOP_TEXT_BYTES}, &(hoop_import_opts){.dir = "noise8"}, &err, &r));
    check_set("noise8/train", text, N, 256);
    free(text);
}

/* The end is for validation, and samples are windows, the target one further. */
static void windows_of_text(void **state)
{
    const int64_t         n   = (int64_t)sizeof lines - 1;
    const hoop_field_opts f[] = {{.name = "x", .path = "/text", .window = 8},
                                 {.name = "y", .path = "/text", .role = HOOP_TARGET, .window = 8, .horizon = 1}};
    hoop_error            err = {0};
    hoop_import_result    r;
    (void)state;
    test_store("t.txt", lines, n);
    test_ok(hoop_import_text("t.txt", &(hoop_text_opts){.tokens = HOOP_TEXT_BYTES},
                             &(hoop_import_opts){.dir = "w", .split = 0.25}, &err, &r));
    assert_int_equal(r.train_rows + r.validation_rows, n);
    for (int part = 0; part < 2; part++) {
        const int64_t first = part == 0 ? 0 : r.train_rows, rows = part == 0 ? r.train_rows : r.validation_rows;
        hoop_dataset *ds = test_open_set(part == 0 ? "w/train" : "w/validation", &(hoop_dataset_opts){.fields = f, .nfields = 2});
        assert_int_equal(hoop_dataset_about(ds)->length, rows - 8);
        assert_int_equal(hoop_dataset_about(ds)->field[1].classes, 256);
        for (int64_t i = 0; i < rows - 8; i++) {
            int64_t x[8], y[8];
            test_ok(hoop_dataset_read(ds, &i, 1, 0, HOOP_I64, x, &err));
            test_ok(hoop_dataset_read(ds, &i, 1, 1, HOOP_I64, y, &err));
            for (int k = 0; k < 8; k++) {
                assert_int_equal(x[k], (unsigned char)lines[first + i + k]);
                assert_int_equal(y[k], (unsigned char)lines[first + i + k + 1]);
            }
        }
        hoop_dataset_close(&ds);
    }
}

static void bad_text(void **state)
{
    static const struct {
        const char    *text;
        int64_t        bytes;
        hoop_text_opts o;
        hoop_status    want;
        const char    *a, *b;
    } cases[] = {
        {"", 0, {0}, HOOP_EFORMAT, "is empty", "b.txt"},
        {"ab\xff", 3, {0}, HOOP_EFORMAT, "byte 2 (0xff)", "--tokens bytes"},
        {"ab\xc3", 3, {0}, HOOP_EFORMAT, "byte 2 (0xc3)", "UTF-8"},
        {"\xc0\x80", 2, {0}, HOOP_EFORMAT, "byte 0 (0xc0)", "UTF-8"},         /* a longer form of NUL */
        {"x\xed\xa0\x80", 4, {0}, HOOP_EFORMAT, "byte 1 (0xed)", "UTF-8"},    /* half of a surrogate pair */
        {"\xf4\x90\x80\x80", 4, {0}, HOOP_EFORMAT, "byte 0 (0xf4)", "UTF-8"}, /* beyond Unicode */
        {"First, \xc3\xa9", 9, {.like = "known/train"}, HOOP_ERANGE, "byte 7: U+00E9 '\xc3\xa9'", "known/train"},
        {"First", 5, {.like = "spirals/train"}, HOOP_EFORMAT, "no tokenizer", "spirals"},
        {"First", 5, {.like = "none/train"}, HOOP_EIO, "none/train", ""},
        {"First",
         5,
         {.tokens = HOOP_TEXT_BYTE_PAIRS, .like = "known/train"},
         HOOP_EARG,
         "byte pairs",
         "known/train are characters"},
        {"First", 5, {.vocabulary = 300}, HOOP_EARG, "300", "byte pairs"},
        {"First", 5, {.tokens = HOOP_TEXT_BYTE_PAIRS, .vocabulary = 256}, HOOP_EARG, "256", "257 to 65536"},
        {"First", 5, {.tokens = HOOP_TEXT_BYTE_PAIRS, .vocabulary = 65537}, HOOP_EARG, "65537", "257 to 65536"},
    };
    hoop_error err = {0};
    (void)state;
    test_store("k.txt", lines, 61);
    test_ok(hoop_import_text("k.txt", NULL, &(hoop_import_opts){.dir = "known"}, &err, NULL));
    test_ok(hoop_synth("spirals", 10, &(hoop_import_opts){.dir = "spirals"}, &err, NULL));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        memset(&err, 0, sizeof err);
        test_store("b.txt", cases[i].text, cases[i].bytes);
        test_failed(hoop_import_text("b.txt", &cases[i].o, &(hoop_import_opts){.dir = "bad"}, &err, NULL), &err, cases[i].want,
                    cases[i].a, cases[i].b, NULL);
        assert_false(test_exists("bad"));
    }
    memset(&err, 0, sizeof err);
    test_failed(hoop_import_text("none.txt", NULL, &(hoop_import_opts){.dir = "bad"}, &err, NULL), &err, HOOP_EIO, "none.txt",
                NULL);
}

static void bad_tokenizers(void **state)
{
    static const struct {
        const char *line, *word;
    } cases[] = {
        {"", "not one"},
        {"[]", "kind"},
        {"{\"kind\": \"words\"}", "kind"},
        {"{\"kind\": \"characters\"}", "characters, a text"},
        {"{\"kind\": \"characters\", \"characters\": \"ba\"}", "ascend"},
        {"{\"kind\": \"byte_pairs\"}", "merges"},
        {"{\"kind\": \"byte_pairs\", \"merges\": [[1]]}", "two ids"},
        {"{\"kind\": \"byte_pairs\", \"merges\": [[1, -2]]}", "two ids"},
        {"{\"kind\": \"byte_pairs\", \"merges\": [[1, 256]]}", "merge 0"},
        {"{\"kind\": \"byte_pairs\", \"merges\": [[1, 2], [1, 2]]}", "twice"},
        {"{\"kind\": \"byte_pairs\", \"merges\": [[1, 2], [256, 256], [257, 257], [258, 258], [259, 259], [260, 260], [261, 0]]}",
         "merge 6"},
    };
    hoop_tokenizer *t;
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        hoop_error err = {0};
        test_failed(hoop_tokenizer_parse(cases[i].line, "FILE", &err, &t), &err, HOOP_EFORMAT, "FILE", cases[i].word, NULL);
        assert_null(t);
    }
}

/* What is wrong with a set's tokenizer is said where it is opened. */
static void bad_tokenizers_of_sets(void **state)
{
    static const struct {
        const char *line;
        int64_t     classes;
        const char *a, *b;
    } cases[] = {
        {"{", 3, "tokenizer is not one", ""},
        {"", 3, "tokenizer", ""},
        {"{\"kind\":\"characters\",\"characters\":\"abcd\"}", 3, "has 4 tokens", "classes is 3"},
        {"{\"kind\":\"bytes\"}", 3, "has 256 tokens", "classes is 3"},
    };
    static const hoop_field_opts f    = {.name = "text", .path = "/text"};
    const char                  *path = "set3/train-00000-of-00001.h5";
    hoop_error                   err  = {0};
    (void)state;
    test_store("t.txt", "abcabc", 6);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        hid_t file, dset, type = H5Tcopy(H5T_C_S1), space = H5Screate(H5S_SCALAR), attr;
        test_ok(hoop_import_text("t.txt", NULL, &(hoop_import_opts){.dir = "set3", .force = true}, &err, NULL));
        file = H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT);
        dset = H5Dopen2(file, "/text", H5P_DEFAULT);
        (void)H5Tset_size(type, strlen(cases[i].line) + 1);
        assert_true(H5Adelete(dset, "tokenizer") >= 0);
        attr = H5Acreate2(dset, "tokenizer", type, space, H5P_DEFAULT, H5P_DEFAULT);
        assert_true(H5Awrite(attr, type, cases[i].line) >= 0);
        (void)H5Aclose(attr);
        (void)H5Sclose(space);
        (void)H5Tclose(type);
        (void)H5Dclose(dset);
        assert_true(H5Fclose(file) >= 0);
        test_cannot_open("set3/train", &(hoop_dataset_opts){.fields = &f, .nfields = 1}, HOOP_EFORMAT, cases[i].a, cases[i].b);
    }
}

/* ---- a text that changes ---- */

typedef struct change {
    const char *text; /* what is put over its begin; NULL: its first half is left */
    double      at;
    bool        done;
} change;

static void change_it(void *ctx, double fraction)
{
    change *c = ctx;
    if (c->done || fraction < c->at) return;
    c->done = true;
    if (c->text == NULL) {
        assert_int_equal(truncate("moving.txt", 300000), 0);
    } else {
        FILE *f = fopen("moving.txt", "r+");
        assert_non_null(f);
        assert_int_equal(fwrite(c->text, 1, strlen(c->text), f), strlen(c->text));
        assert_int_equal(fclose(f), 0);
    }
}

static void a_text_that_changes_is_no_text(void **state)
{
    enum { N = 600000 };
    static const struct {
        hoop_text_tokens tokens;
        const char      *text;
        double           at;
    } cases[] = {
        {HOOP_TEXT_CHARACTERS, NULL, 0.1},  {HOOP_TEXT_CHARACTERS, NULL, 0.45},       {HOOP_TEXT_CHARACTERS, "\xff\xff", 0.4},
        {HOOP_TEXT_CHARACTERS, "ZZ", 0.4},  {HOOP_TEXT_CHARACTERS, "\xc3\xa9", 0.4},  {HOOP_TEXT_BYTE_PAIRS, NULL, 0.1},
        {HOOP_TEXT_BYTE_PAIRS, NULL, 0.45}, {HOOP_TEXT_BYTE_PAIRS, "qZqZqZqZ ", 0.2}, {HOOP_TEXT_BYTE_PAIRS, "aaaaabbbaac ", 0.2},
        {HOOP_TEXT_BYTES, NULL, 0.55},
    };
    char *text = malloc(N);
    (void)state;
    for (int i = 0; i < N; i++) text[i] = (char)(i % 7 == 6 ? ' ' : 'a' + i / 7 * (i % 3) % 5);
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        change     c   = {.text = cases[k].text, .at = cases[k].at};
        hoop_error err = {0};
        test_store("moving.txt", text, N);
        test_failed(hoop_import_text("moving.txt", &(hoop_text_opts){.tokens = cases[k].tokens},
                                     &(hoop_import_opts){.dir = "moved", .ctx = &c, .progress = change_it}, &err, NULL),
                    &err, HOOP_EIO, "moving.txt", "changed while it was read", NULL);
        assert_true(c.done);
        assert_false(test_exists("moved"));
    }
    free(text);
}

/* ---- Ctrl-C ---- */

typedef struct later {
    int calls, at, stop;
} later;

static void stop_later(void *ctx, double fraction)
{
    later *l = ctx;
    assert_true(fraction >= 0 && fraction <= 1);
    if (++l->calls == l->at) l->stop = 1;
}

static void an_interrupted_import_leaves_nothing(void **state)
{
    enum { N = 1000000 };
    char      *text = malloc(N);
    later      l    = {.at = INT32_MAX};
    hoop_error err  = {0};
    (void)state;
    for (int i = 0; i < N; i++) text[i] = (char)('a' + i * (i % 3) % 23);
    test_store("long.txt", text, N);
    test_ok(hoop_import_text(
        "long.txt", NULL,
        &(hoop_import_opts){.dir = "all", .shards = 3, .split = 0.3, .ctx = &l, .progress = stop_later, .stop = &l.stop}, &err,
        NULL));
    assert_true(l.calls > 8);
    for (int at = 1; at < l.calls; at++) {
        later again = {.at = at};
        memset(&err, 0, sizeof err);
        test_failed(hoop_import_text(
                        "long.txt", NULL,
                        &(hoop_import_opts){
                            .dir = "half", .shards = 3, .split = 0.3, .ctx = &again, .progress = stop_later, .stop = &again.stop},
                        &err, NULL),
                    &err, HOOP_EINTERRUPTED, "interrupted", NULL);
        assert_false(test_exists("half"));
    }
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_comes_back),
        cmocka_unit_test(pairs_are_learnt_by_count),
        cmocka_unit_test(noise_comes_back),
        cmocka_unit_test(windows_of_text),
        cmocka_unit_test(bad_text),
        cmocka_unit_test(bad_tokenizers),
        cmocka_unit_test(bad_tokenizers_of_sets),
        cmocka_unit_test(a_text_that_changes_is_no_text),
        cmocka_unit_test(an_interrupted_import_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, test_enter, test_leave);
}
