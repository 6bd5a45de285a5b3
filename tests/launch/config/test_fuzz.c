/* Mutated and random YAML never crashes, hangs or is read as something that does not read back (run it under ASan too). */
#include "support.h"

#include "config/tree.h"
#include "hoop/config.h"

static const char *const seeds[] = {
    ("seed: 1\nmodel: {kind: mlp, hidden: [512, 256], activation: relu}\ndata: {train: digits/train, validation: 'a b'}\n"
     "batch: 128\nleaves: auto\noptimizer:\n  name: adamw\n  lr: 1e-3\n# comment\nschedule: {name: cosine, warmup_steps: 50}\n"),
    "model:\n  layers:\n    - linear: {out: 512, bias: true}\n    - relu\n    - {dropout: 0.1}\nclip_norm: 1.0\n",
    "a: |\n  block\n   text\nb: >-\n  folded\n  text\nc: \"\\x41\\u00e9\\n\"\nd: [~, null, {}, [], '']\n---\n",
    "? a\n: b\n*x : &y z\n!!map {a: !t b}\n%YAML 1.1\n",
    "{a: {b: {c: {d: [1, [2, [3, {e: f}]]]}}}}\n",
};
static const char *const tokens[] = {
    "[",  "]",  "{",  "}",   ": ",    "- ",   ",",    "\n",           "\n  ",         "\t",   "'",   "\"",
    "\\", "&a", "*a", "!!t", "---\n", "...",  "<<: ", "? ",           "|\n",          ">-\n", "#",   "%",
    "@",  "\r", "~",  "1e9", "0x1",   "\xff", "\xc3", "\xe2\x80\xa8", "\xef\xbb\xbf", "\x01", "a.b", "a: "};

typedef struct bits {
    int64_t   seed, batch;
    double    lr;
    char      train[HOOP_OPT_STRING_MAX];
    hoop_ints hidden;
} bits;

static const hoop_option rows[] = {
    {"seed", HOOP_OPT_INT, offsetof(bits, seed), "0", 0, 0, NULL, true, "seed"},
    {"batch", HOOP_OPT_INT, offsetof(bits, batch), "auto", 1, 1e9, NULL, true, "batch"},
    {"a", HOOP_OPT_STRING, offsetof(bits, train), "", 0, 0, NULL, false, "text"},
};
static const hoop_option model_rows[] = {
    {"hidden", HOOP_OPT_INTS, offsetof(bits, hidden), "[1]", 0, 0, NULL, true, "widths"},
    {"lr", HOOP_OPT_FLOAT, offsetof(bits, lr), "1", 0, 0, NULL, true, "rate"},
};
static const hoop_option_table table = {"", rows, 3}, model_table = {"model", model_rows, 2};

static bool kinds(int i, hoop_config_kind *out)
{
    static const hoop_config_kind all[] = {{"adamw", "one", {"", &model_rows[1], 1}, sizeof(bits), NULL},
                                           {"cosine", "another", {"", model_rows, 2}, sizeof(bits), NULL}};
    if (i < 2) *out = all[i];
    return i < 2;
}
static const hoop_config_choice choice = {"optimizer", "name", "which", kinds}, other = {"schedule", "name", "which", kinds};

/* splitmix64: any generator does, the same everywhere */
static uint64_t next(uint64_t *state)
{
    uint64_t z = (*state += 0x9e3779b97f4a7c15U);
    z          = (z ^ z >> 30) * 0xbf58476d1ce4e5b9U;
    z          = (z ^ z >> 27) * 0x94d049bb133111ebU;
    return z ^ z >> 31;
}

static size_t below(uint64_t *state, size_t n)
{
    return n == 0 ? 0 : (size_t)(next(state) % n);
}

static size_t mutate(uint64_t *random, char *text, size_t size, size_t room)
{
    size_t      at = below(random, size + 1), n;
    const char *token;
    switch (below(random, 5)) {
    case 0: /* change a byte */
        if (at < size) text[at] = (char)(1 + below(random, 255));
        return size;
    case 1: /* cut */
        n = below(random, size - at + 1);
        if (n > 8) n = 8;
        memmove(text + at, text + at + n, size - at - n);
        return size - n;
    case 2: /* repeat */
        n = below(random, size - at + 1);
        if (n > 40) n = 40;
        if (size + n >= room) return size;
        memmove(text + at + n, text + at, size - at);
        return size + n;
    case 3: /* truncate, now and then */
        return below(random, 8) == 0 ? at : size;
    default:
        token = tokens[below(random, sizeof tokens / sizeof *tokens)];
        n     = strlen(token);
        if (size + n >= room) return size;
        memmove(text + at + n, text + at, size - at);
        memcpy(text + at, token, n);
        return size + n;
    }
}

/* All there is to call on a config; what can be read must be written so that it reads back. */
static void exercise(const char *text, int *good)
{
    hoop_error         first = {0};
    hoop_config       *cfg = NULL, *back = NULL;
    bits               values;
    hoop_config_free   loose[] = {{"model.layers", true, "layers"}, {"d", false, "any"}, {"data", true, "any"}};
    hoop_config_chosen chosen = {0}, second = {0};
    hoop_config_part   parts[]  = {{.table = &table, .values = &values},
                                   {.table = &model_table, .values = &values},
                                   {.choice = &choice, .values = &chosen},
                                   {.free_key = &loose[0]},
                                   {.free_key = &loose[1]},
                                   {.free_key = &loose[2]},
                                   {.choice = &other, .values = &second}};
    hoop_config_schema schema   = {parts, 7};
    char              *resolved = NULL, print[2][HOOP_FINGERPRINT_SIZE];
    hoop_status        st       = hoop_config_parse(text, "f.yaml", &first, &cfg);
    if (st != HOOP_OK) {
        assert_int_equal(st, HOOP_ECONFIG);
        assert_memory_equal(first.text, "f.yaml:", 7);
        return;
    }
    (*good)++;
    hoop__text emitted = {0};
    assert_ok(hoop__emit_block(&emitted, hoop_config_get(cfg, ""), 0, &err));
    assert_ok(hoop_config_parse(emitted.data == NULL ? "" : emitted.data, "back.yaml", &err, &back));
    hoop__text one = {0}, two = {0};
    hoop__emit_canonical(&one, hoop_config_get(cfg, ""));
    hoop__emit_canonical(&two, hoop_config_get(back, ""));
    assert_string_equal(one.data, two.data);
    hoop__text_clear(&emitted);
    hoop__text_clear(&one);
    hoop__text_clear(&two);
    hoop_config_destroy(&back);

    (void)hoop_config_check_known(cfg, &schema, NULL);
    if (hoop_config_fill(cfg, &table, NULL, &values) == HOOP_OK &&
        hoop_config_fill(cfg, &model_table, NULL, &values) == HOOP_OK &&
        hoop_config_choose(cfg, &choice, NULL, &chosen) == HOOP_OK && hoop_config_choose(cfg, &other, NULL, &second) == HOOP_OK) {
        assert_ok(hoop_config_resolve(cfg, &schema, &err, &resolved));
        assert_ok(hoop_config_fingerprint(cfg, &schema, &err, print[0]));
        assert_ok(hoop_config_parse(resolved, "resolved", &err, &back));
        assert_ok(hoop_config_fingerprint(back, &schema, &err, print[1]));
        assert_string_equal(print[0], print[1]);
        assert_ok(hoop_config_diff_bits(back, cfg, &schema, &err));
        free(resolved);
        hoop_config_destroy(&back);
    }
    hoop_config_chosen_clear(&chosen);
    hoop_config_chosen_clear(&second);
    hoop_config_destroy(&cfg);
}

/* as many as that, or HOOP_TEST_TIMES times as many */
static int wanted_rounds(int rounds)
{
    const char *times = getenv("HOOP_TEST_TIMES");
    const long  n     = times == NULL ? 1 : strtol(times, NULL, 10);
    return n > 1 && n <= 1000 ? rounds * (int)n : rounds;
}

static void mutated_texts(void **state)
{
    (void)state;
    enum { ROOM = 2048 };
    int good = 0, rounds = wanted_rounds(60000);
    for (int round = 0; round < rounds; round++) {
        uint64_t random = (uint64_t)round;
        char     text[ROOM + 1];
        size_t   size;
        (void)snprintf(text, sizeof text, "%s", seeds[below(&random, sizeof seeds / sizeof *seeds)]);
        size = strlen(text);
        for (size_t n = 1 + below(&random, 3); n > 0; n--) size = mutate(&random, text, size, ROOM);
        text[size] = '\0';
        exercise(text, &good);
    }
    print_message("%d of %d mutated texts were configs\n", good, rounds);
    assert_true(good > rounds / 20 && good < rounds);
}

static void mutated_assignments(void **state)
{
    (void)state;
    static const char *const starts[] = {"model.kind=mlp", "a.b.c=[1, {x: y}]", "batch=128", "data={train: x}", "d='it''s'"};
    int                      good     = 0;
    for (int round = 0, rounds = wanted_rounds(20000); round < rounds; round++) {
        uint64_t     random = (uint64_t)round;
        char         text[512];
        hoop_config *cfg = NULL;
        int          all = 0;
        assert_ok(hoop_config_parse(seeds[below(&random, 2)], "f.yaml", &err, &cfg));
        for (int n = 0; n < 3; n++) {
            (void)snprintf(text, sizeof text, "%s", starts[below(&random, 5)]);
            size_t size = strlen(text);
            for (size_t k = below(&random, 4); k > 0; k--) size = mutate(&random, text, size, sizeof text - 1);
            text[size]       = '\0';
            hoop_error first = {0};
            if (hoop_config_set(cfg, text, &first) == HOOP_OK) {
                good++;
            } else {
                assert_memory_equal(first.text, "--set ", 6);
            }
        }
        hoop__text emitted = {0};
        assert_ok(hoop__emit_block(&emitted, hoop_config_get(cfg, ""), 0, &err));
        exercise(emitted.data, &all);
        assert_int_equal(all, 1);
        hoop__text_clear(&emitted);
        hoop_config_destroy(&cfg);
    }
    assert_true(good > 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(mutated_texts), cmocka_unit_test(mutated_assignments)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
