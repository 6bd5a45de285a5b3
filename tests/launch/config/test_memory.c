/* Each allocation of the config fails once: every call then says HOOP_ENOMEM, frees what it had, and leaves the config usable.
 * The linker turns our calls of calloc, realloc and strdup into those below (--wrap); libyaml's own stay. */
#include "support.h"

#include "hoop/config.h"

void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t size);

static long left = -1; /* allocations until the one that fails; below 0: none does */

void *__wrap_calloc(size_t n, size_t size)
{
    return left >= 0 && left-- == 0 ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t size)
{
    return left >= 0 && left-- == 0 ? NULL : __real_realloc(p, size);
}

typedef struct values {
    int64_t   batch;
    hoop_ints hidden;
    char      train[HOOP_OPT_STRING_MAX];
} values;

static const hoop_option top_rows[]   = {{"batch", HOOP_OPT_INT, offsetof(values, batch), "1", 1, 1e9, NULL, true, "samples"}};
static const hoop_option model_rows[] = {
    {"hidden", HOOP_OPT_INTS, offsetof(values, hidden), "[]", 0, 0, NULL, true, "widths"},
    {"train", HOOP_OPT_STRING, offsetof(values, train), NULL, 0, 0, NULL, false, "text"},
};
static const hoop_option_table top = {"", top_rows, 1}, model = {"model", model_rows, 2};

static bool kinds(int i, hoop_config_kind *out)
{
    static const hoop_config_kind all[] = {{"one", "first", {0}, 0, NULL},
                                           {"two", "second", {"", model_rows, 1}, sizeof(values), NULL}};
    if (i < 2) *out = all[i];
    return i < 2;
}
static const hoop_config_choice choice = {"choice", "kind", "which", kinds};

/* What a run does with its config; the first failure ends it. */
static hoop_status use(hoop_error *err)
{
    values             v       = {0};
    hoop_config_chosen chosen  = {0};
    hoop_config_free   loose   = {"model.layers", true, "layers"};
    hoop_config_part   parts[] = {{.table = &top, .values = &v},
                                  {.table = &model, .values = &v},
                                  {.choice = &choice, .values = &chosen},
                                  {.free_key = &loose}};
    hoop_config_schema schema  = {parts, 4};
    hoop_config       *cfg     = NULL;
    char              *text = NULL, *help = NULL, print[HOOP_FINGERPRINT_SIZE];
    hoop_status        st;
    HOOP_TRY(
        st, done,
        hoop_config_parse(
            "batch: 3\nmodel:\n  hidden: [1, 2, 3]\n  layers: [{linear: 3}, relu, 'x y']\nchoice: {kind: two, hidden: [4]}\n",
            "m.yaml", err, &cfg));
    HOOP_TRY(st, done, hoop_config_set(cfg, "model.train=\"a b\"", err));
    HOOP_TRY(st, done, hoop_config_read(cfg, &schema, err));
    HOOP_TRY(st, done, hoop_config_resolve(cfg, &schema, err, &text));
    HOOP_TRY(st, done, hoop_config_fingerprint(cfg, &schema, err, print));
    HOOP_TRY(st, done, hoop_config_diff_bits(cfg, cfg, &schema, err));
    HOOP_TRY(st, done, hoop_config_help(&schema, err, &help));
done:
    free(text);
    free(help);
    hoop_config_chosen_clear(&chosen);
    hoop_config_destroy(&cfg);
    return st;
}

static void every_allocation_fails_once(void **state)
{
    (void)state;
    long n = 0;
    for (;; n++) {
        hoop_error err      = {0};
        left                = n;
        hoop_status st      = use(&err);
        bool        reached = left < 0;
        left                = -1;
        if (!reached) {
            assert_int_equal(st, HOOP_OK);
            break;
        }
        if (st != HOOP_ENOMEM) fail_msg("allocation %ld: %s %s", n, hoop_status_name(st), err.text);
        assert_int_equal(err.status, HOOP_ENOMEM);
    }
    print_message("%ld allocations\n", n);
    assert_true(n > 50);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_allocation_fails_once)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
