/* The files of a run: SHA-256, metrics.jsonl, TensorBoard events, log.txt. */
#include "support.h"

#include <dirent.h>
#include <jansson.h>
#include <math.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "output/files.h"
#include "base/hash.h"
#include "output/log.h"
#include "output/lines.h"
#include "output/tensorboard.h"

/* Files may grow to `bytes` and no further: a full disk without one. 0: as before. */
static void limit_files(rlim_t bytes)
{
    static struct rlimit before;
    struct rlimit        now;
    (void)signal(SIGXFSZ, SIG_IGN);
    if (bytes > 0) {
        assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
        now          = before;
        now.rlim_cur = bytes;
    } else {
        now = before;
    }
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &now), 0);
}

static void sha256_of_the_standard(void **state)
{
    (void)state;
    /* FIPS 180-2, appendix B; and of nothing */
    static const char *const vectors[][2] = {
        {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
        {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
        {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
         "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
    };
    hoop__sha256 *h = NULL;
    char          hex[HOOP__SHA256_HEX];
    unsigned char bytes[HOOP__SHA256_BYTES];
    assert_ok(hoop__sha256_create(&err, &h));
    for (size_t i = 0; i < 3; i++) {
        const char *text = vectors[i][0];
        assert_ok(hoop__sha256_update(h, text, strlen(text), &err));
        assert_ok(hoop__sha256_finish(h, &err, NULL, hex));
        assert_string_equal(hex, vectors[i][1]);
        for (const char *c = text; *c != '\0'; c++) assert_ok(hoop__sha256_update(h, c, 1, &err));
        assert_ok(hoop__sha256_finish(h, &err, bytes, hex)); /* and is ready for the next */
        assert_string_equal(hex, vectors[i][1]);
        assert_int_equal(bytes[0] >> 4, (int)strtol((char[]){hex[0], 0}, NULL, 16));
    }
    hoop__sha256_destroy(&h);
    hoop__sha256_destroy(&h);
    assert_null(h);
}

/* ---- metrics.jsonl --------------------------------------------------------------------------------------------------- */

static hoop_status write_steps(const char *path, int64_t keep, int64_t from, int64_t to, hoop_error *err)
{
    hoop__metrics *m  = NULL;
    hoop_status    st = hoop__metrics_open(path, keep, err, &m);
    for (int64_t step = from; step <= to && st == HOOP_OK; step++) {
        hoop__metric list[] = {{.name = "loss", .type = HOOP__METRIC_REAL, .real = 1.0 / (double)step},
                               {.name = "epoch", .type = HOOP__METRIC_INT, .integer = step / 3}};
        hoop__metrics_write(m, step, list, 2);
        if (step % 2 == 0) st = hoop__metrics_flush(m, err); /* one or two at a time */
    }
    if (st != HOOP_OK) {
        (void)hoop__metrics_close(&m, NULL);
        return st;
    }
    return hoop__metrics_close(&m, err);
}

static void no_step_stands_twice(void **state)
{
    (void)state;
    char        folder[256], path[300];
    struct stat first, second;
    enter_folder(folder);
    (void)snprintf(path, sizeof path, "%s/metrics.jsonl", folder);
    write_all(path, ""); /* of a run that was killed before its first line: another file all the same */
    assert_int_equal(stat(path, &first), 0);
    assert_ok(write_steps(path, -1, 1, 10, &err));
    assert_int_equal(stat(path, &second), 0);
    assert_true(first.st_ino != second.st_ino);
    FILE *file = fopen(path, "ab"); /* what a kill leaves */
    assert_non_null(file);
    assert_true(fputs("{\"step\":11,\"lo", file) >= 0);
    assert_int_equal(fclose(file), 0);
    assert_ok(write_steps(path, 6, 7, 12, &err));
    char *text = read_all(path, NULL);
    int   want = 1;
    for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n"), want++) {
        json_t *object = json_loads(line, JSON_REJECT_DUPLICATES, NULL);
        assert_non_null(object);
        assert_int_equal(json_integer_value(json_object_get(object, "step")), want);
        assert_true(json_real_value(json_object_get(object, "loss")) == 1.0 / want); /* to the last bit */
        json_decref(object);
    }
    assert_int_equal(want, 13);
    free(text);
    assert_ok(write_steps(path, -1, 1, 1, &err)); /* a fresh run */
    text = read_all(path, NULL);
    assert_string_equal(text, "{\"step\":1,\"loss\":1.0,\"epoch\":0}\n");
    free(text);
    write_all(path, "garbage\n{\"step\":\"x\"}\n[]\n{\"step\":3}\n{\"step\":2,\"a\":null}\n\n");
    assert_ok(write_steps(path, 3, 4, 3, &err));
    text = read_all(path, NULL);
    assert_string_equal(text, "{\"step\":3}\n{\"step\":2,\"a\":null}\n");
    free(text);
    leave_folder(folder);
}

static void odd_values_are_still_json(void **state)
{
    (void)state;
    char           folder[256], path[300];
    hoop__metrics *m = NULL;
    enter_folder(folder);
    (void)snprintf(path, sizeof path, "%s/metrics.jsonl", folder);
    const hoop__metric list[] = {{.name = "a", .real = NAN},
                                 {.name = "b", .real = INFINITY},
                                 {.name = "c", .real = -INFINITY},
                                 {.name = "d", .real = -0.0},
                                 {.name = "e", .real = 1e300},
                                 {.name = "f", .real = 0.1},
                                 {.name = "g", .type = HOOP__METRIC_INT, .integer = INT64_MIN},
                                 {.target = "a \"b\\", .before = "validation_", .name = "h", .real = 0.5}};
    assert_ok(hoop__metrics_open(path, 0, &err, &m));
    hoop__metrics_write(m, 5, list, 8);
    char *text = read_all(path, NULL);
    assert_string_equal(text, ""); /* until it is flushed */
    free(text);
    assert_ok(hoop__metrics_flush(m, &err));
    assert_ok(hoop__metrics_flush(m, &err));
    text = read_all(path, NULL);
    assert_string_equal(
        text, "{\"step\":5,\"a\":\"NaN\",\"b\":\"Infinity\",\"c\":\"-Infinity\",\"d\":-0.0,\"e\":1.0000000000000001e+300,"
              "\"f\":0.10000000000000001,\"g\":-9223372036854775808,\"a \\\"b\\\\.validation_h\":0.5}\n");
    json_t *object = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(object);
    assert_true(json_real_value(json_object_get(object, "e")) == 1e300 && json_real_value(json_object_get(object, "f")) == 0.1);
    json_decref(object);
    free(text);
    assert_ok(hoop__metrics_close(&m, &err));
    (void)snprintf(path, sizeof path, "%s/none/metrics.jsonl", folder);
    assert_fails(HOOP_EIO, "none/metrics.jsonl: can't open", hoop__metrics_open(path, 0, &err, &m));
    assert_fails(HOOP_EIO, "Is a directory", hoop__metrics_open(folder, 0, &err, &m));
    assert_null(m);
    leave_folder(folder);
}

static void a_full_disk_leaves_whole_lines(void **state)
{
    (void)state;
    char folder[256], path[300];
    enter_folder(folder);
    (void)snprintf(path, sizeof path, "%s/metrics.jsonl", folder);
    limit_files(100);
    assert_fails(HOOP_EIO, "metrics.jsonl: can't write: File too large", write_steps(path, -1, 1, 10, &err));
    limit_files(0);
    char  *text = read_all(path, NULL);
    size_t size = strlen(text);
    assert_true(size > 0 && size <= 100 && text[size - 1] == '\n');
    free(text);
    limit_files(20); /* the rewrite fails: the old file stays, no .tmp */
    assert_fails(HOOP_EIO, "metrics.jsonl.tmp: can't write", write_steps(path, 1, 2, 2, &err));
    limit_files(0);
    (void)snprintf(path, sizeof path, "%s/metrics.jsonl", folder);
    text = read_all(path, NULL);
    assert_int_equal(strlen(text), size);
    free(text);
    (void)snprintf(path, sizeof path, "%s/metrics.jsonl.tmp", folder);
    assert_int_not_equal(access(path, F_OK), 0);
    leave_folder(folder);
}

/* ---- TensorBoard ------------------------------------------------------------------------------------------------------- */

/* A decoder of its own: of records and of the protobuf fields used, from the format's definition. */
typedef struct scalar {
    double  time;
    int64_t step;
    char    tag[64], version[32];
    float   value;
    int     status; /* of a session log */
} scalar;

static uint64_t little(const unsigned char *s, int bytes)
{
    uint64_t v = 0;
    for (int i = 0; i < bytes; i++) v |= (uint64_t)s[i] << 8 * i;
    return v;
}

/* Bit by bit, polynomial 0x1edc6f41 reflected. */
static uint32_t slow_crc32c(const unsigned char *s, size_t size)
{
    uint32_t c = 0xffffffff;
    for (size_t i = 0; i < 8 * size; i++) {
        uint32_t bit = (c ^ (uint32_t)(s[i / 8] >> i % 8)) & 1;
        c            = c >> 1 ^ (bit ? 0x82f63b78U : 0);
    }
    return ~c;
}

static uint32_t unmask(uint32_t masked)
{
    uint32_t rotated = masked - 0xa282ead8U;
    return rotated >> 17 | rotated << 15;
}

static uint64_t varint(const unsigned char **s, const unsigned char *end)
{
    uint64_t v = 0;
    for (int shift = 0; shift < 64; shift += 7) {
        assert_true(*s < end);
        unsigned char byte = *(*s)++;
        v |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) return v;
    }
    fail_msg("a varint of more than 64 bits");
    return 0;
}

/* context: 'E'vent, 'S'ummary, 'V'alue, session 'L'og */
static void decode(const unsigned char *s, const unsigned char *end, char context, scalar *out)
{
    while (s < end) {
        uint64_t key = varint(&s, end), field = key >> 3, wire = key & 7, size = 0;
        uint64_t bits = 0;
        if (wire == 0) bits = varint(&s, end);
        if (wire == 1 || wire == 5) size = wire == 1 ? 8 : 4;
        if (wire == 2) size = varint(&s, end);
        assert_true(size <= (uint64_t)(end - s));
        if (context == 'E' && field == 1) {
            bits = little(s, 8);
            memcpy(&out->time, &bits, 8);
        } else if (context == 'E' && field == 2) {
            out->step = (int64_t)bits;
        } else if (context == 'E' && field == 3) {
            (void)snprintf(out->version, sizeof out->version, "%.*s", (int)size, (const char *)s);
        } else if (context == 'E' && field == 5) {
            decode(s, s + size, 'S', out);
        } else if (context == 'E' && field == 7) {
            decode(s, s + size, 'L', out);
        } else if (context == 'S' && field == 1) {
            decode(s, s + size, 'V', out);
        } else if (context == 'V' && field == 1) {
            (void)snprintf(out->tag, sizeof out->tag, "%.*s", (int)size, (const char *)s);
        } else if (context == 'V' && field == 2) {
            uint32_t word = (uint32_t)little(s, 4);
            memcpy(&out->value, &word, 4);
        } else if (context == 'L' && field == 1) {
            out->status = (int)bits;
        } else {
            fail_msg("%c: field %d is none we write", context, (int)field);
        }
        s += size;
    }
}

static int decode_file(const char *path, scalar *list, int most)
{
    size_t         size;
    char          *text = read_all(path, &size);
    unsigned char *s = (unsigned char *)text, *end = s + size;
    int            n = 0;
    for (; s < end; n++) {
        assert_true(end - s >= 12 && n < most);
        uint64_t length = little(s, 8);
        assert_int_equal(unmask((uint32_t)little(s + 8, 4)), slow_crc32c(s, 8));
        assert_true(length + 16 <= (uint64_t)(end - s));
        assert_int_equal(unmask((uint32_t)little(s + 12 + length, 4)), slow_crc32c(s + 12, length));
        memset(&list[n], 0, sizeof list[n]);
        decode(s + 12, s + 12 + length, 'E', &list[n]);
        s += length + 16;
    }
    free(text);
    return n;
}

/* The event files of a folder, with more than `records` records; or fewer than as many and one, where it is negative. */
static int find_events(const char *folder, int records, char paths[2][600])
{
    scalar         list[16];
    int            n   = 0;
    DIR           *dir = opendir(folder);
    struct dirent *entry;
    assert_non_null(dir);
    while ((entry = readdir(dir)) != NULL) {
        char path[600];
        if (strncmp(entry->d_name, "events.out.tfevents.", 20) != 0) continue;
        (void)snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        int found = decode_file(path, list, 16);
        if (records < 0 ? found > -records : found <= records) continue;
        assert_true(n < 2);
        (void)snprintf(paths[n++], sizeof paths[0], "%s", path);
    }
    (void)closedir(dir);
    return n;
}

static void events_are_tensorboards(void **state)
{
    (void)state;
    char          folder[256];
    hoop__events *e = NULL, *second = NULL;
    scalar        list[16];
    char          paths[2][600];
    assert_int_equal(hoop__crc32c("123456789", 9), 0xe3069283); /* the check value of CRC-32C */
    enter_folder(folder);
    assert_ok(hoop__events_create(folder, 0, &err, &e));
    assert_ok(hoop__events_create(folder, 301, &err, &second)); /* in the same second */
    assert_int_equal(find_events(folder, 0, paths), 2);
    hoop__events_scalar(e, 1, "train/loss", 0.5);
    hoop__events_scalar(e, 300, "validation/accuracy", 0.975);
    hoop__events_scalar(e, INT64_C(1) << 40, "train/loss", NAN);
    assert_int_equal(find_events(folder, 2, paths), 0); /* a version, and the second a start, so far */
    assert_ok(hoop__events_flush(e, &err));
    assert_int_equal(find_events(folder, 2, paths), 1);
    assert_int_equal(decode_file(paths[0], list, 16), 4);
    assert_string_equal(list[0].version, "brain.Event:2");
    assert_true(list[0].time > 1.6e9);
    assert_string_equal(list[1].tag, "train/loss");
    assert_int_equal(list[1].step, 1);
    assert_true(list[1].value == 0.5F);
    assert_string_equal(list[2].tag, "validation/accuracy");
    assert_int_equal(list[2].step, 300);
    assert_true(list[2].value == 0.975F);
    assert_true(list[3].step == INT64_C(1) << 40);
    assert_true(isnan(list[3].value));
    assert_int_equal(find_events(folder, -2, paths), 1);
    assert_int_equal(decode_file(paths[0], list, 16), 2);
    assert_int_equal(list[1].status, 1); /* START */
    assert_int_equal(list[1].step, 301);
    assert_ok(hoop__events_close(&e, &err));
    assert_ok(hoop__events_close(&second, &err));
    assert_ok(hoop__events_close(&second, &err));
    limit_files(20);
    assert_fails(HOOP_EIO, "can't write: File too large", hoop__events_create(folder, 0, &err, &e));
    limit_files(0);
    assert_null(e);
    assert_int_equal(find_events(folder, 0, paths), 2);
    leave_folder(folder);
    assert_fails(HOOP_EIO, "can't create: No such file", hoop__events_create(folder, 0, &err, &e));
}

/* ---- Log, files -------------------------------------------------------------------------------------------------------- */

static void the_log_keeps_lines(void **state)
{
    (void)state;
    char       folder[256], path[300];
    hoop__log *log = NULL;
    enter_folder(folder);
    (void)snprintf(path, sizeof path, "%s/log.txt", folder);
    for (int i = 0; i < 2; i++) {
        assert_ok(hoop__log_open(path, 3, &err, &log));
        hoop__log_line(log, "part %d of\ntwo\n", i);
        assert_ok(hoop__log_close(&log, &err));
    }
    char *text = read_all(path, NULL), rest[64];
    int   y, mo, d, h, mi, s, ms, rank, part;
    assert_int_equal(
        sscanf(text, "%d-%d-%dT%d:%d:%d.%dZ rank %d: part %d of | %63s", &y, &mo, &d, &h, &mi, &s, &ms, &rank, &part, rest), 10);
    assert_true(y >= 2024 && rank == 3 && part == 0 && strcmp(rest, "two") == 0);
    assert_non_null(strstr(text, "two\n20"));
    free(text);
    limit_files(200);
    assert_ok(hoop__log_open(path, 3, &err, &log));
    for (int i = 0; i < 10; i++) hoop__log_line(log, "more than the disk has room for, as it happens");
    assert_fails(HOOP_EIO, "log.txt: can't write: File too large", hoop__log_close(&log, &err));
    limit_files(0);
    assert_null(log);
    text = read_all(path, NULL);
    assert_true(text[strlen(text) - 1] == '\n');
    free(text);
    hoop__log_line(NULL, "nowhere");
    assert_fails(HOOP_EIO, "can't open for writing", hoop__log_open(folder, 0, &err, &log));
    leave_folder(folder);
}

static void a_file_is_replaced_whole(void **state)
{
    (void)state;
    char folder[256], path[300];
    enter_folder(folder);
    (void)snprintf(path, sizeof path, "%s/latest", folder);
    assert_ok(hoop__replace_file(path, "one", 3, &err));
    assert_ok(hoop__replace_file(path, "two", 3, &err));
    limit_files(2);
    assert_fails(HOOP_EIO, "latest.tmp: can't write", hoop__replace_file(path, "three", 5, &err));
    limit_files(0);
    char *text = read_all(path, NULL);
    assert_string_equal(text, "two");
    free(text);
    assert_ok(hoop__replace_file(path, NULL, 0, &err));
    text = read_all(path, NULL);
    assert_string_equal(text, "");
    free(text);
    assert_fails(HOOP_EIO, "can't rename", hoop__replace_file(folder, "x", 1, &err));
    leave_folder(folder);
    char left[300];
    (void)snprintf(left, sizeof left, "%s.tmp", folder);
    assert_int_not_equal(access(left, F_OK), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sha256_of_the_standard),    cmocka_unit_test(no_step_stands_twice),
        cmocka_unit_test(odd_values_are_still_json), cmocka_unit_test(a_full_disk_leaves_whole_lines),
        cmocka_unit_test(events_are_tensorboards),   cmocka_unit_test(the_log_keeps_lines),
        cmocka_unit_test(a_file_is_replaced_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
