/* hoop diff A B */
#include "command/command.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "command/open.h"
#include "command/print.h"
#include "hoop/config.h"
#include "hoop/inspect.h"

/* as of diff and cmp */
enum { EXIT_EQUAL = 0, EXIT_DIFFERENT = 1, EXIT_TROUBLE = 2 };

typedef struct diff_args {
    const char *path[2];
    int         n;
} diff_args;

static const char doc[] =
    "Show where two checkpoints differ: tensors that only one has, other shapes or dtypes, values (how many elements, the "
    "largest absolute "
    "difference, the norm of the difference over that of A), and config keys. Runs stand for their newest checkpoint."
    "\vExamples:\n"
    "  hoop diff runs/a runs/b\n"
    "  hoop diff runs/a/checkpoints/step-00000400 runs/a/checkpoints/step-00000800\n\n"
    "Exit codes: 0 all tensors are equal to the last bit (configs may differ), 1 some differ, 2 they could not be\n"
    "compared.";

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
    diff_args *a = state->input;
    switch (key) {
    case ARGP_KEY_ARG:
        if (a->n == 2) argp_error(state, "two paths are wanted; '%s' is a third", arg);
        a->path[a->n++] = arg;
        return 0;
    case ARGP_KEY_END:
        if (a->n < 2) argp_error(state, "which two runs or checkpoints? hoop diff A B");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static void print_tensor(table *t, const hoop_checkpoint_difference *d)
{
    const hoop_checkpoint_tensor *x = d->a != NULL ? d->a : d->b;
    char                          a[PRINT_SHAPE], b[PRINT_SHAPE];
    table_cell(t, "%s", hoop_checkpoint_kind_name(x->kind));
    table_cell(t, "%s%s%s", x->group, x->group[0] != '\0' ? "/" : "", x->name);
    if (d->relation == HOOP_TENSORS_DIFFERENT) {
        table_cell(t, "%" PRId64 " of %" PRId64, d->elements, x->numel);
        table_cell(t, "%.4g", d->max_abs);
        table_cell(t, "%.4g", d->relative);
        table_cell(t, "%s", "");
        return;
    }
    for (int i = 0; i < 3; i++) table_cell(t, "-");
    if (d->relation == HOOP_TENSORS_OTHER_KIND) {
        print_shape(d->a->ndim, d->a->shape, a);
        print_shape(d->b->ndim, d->b->shape, b);
        table_cell(t, "A %s %s, B %s %s", hoop_dtype_name(d->a->dtype), a, hoop_dtype_name(d->b->dtype), b);
    } else {
        table_cell(t, "only in %s", d->relation == HOOP_TENSORS_ONLY_A ? "A" : "B");
    }
}

static hoop_status diff_tensors(hoop_checkpoint *a, hoop_checkpoint *b, hoop_error *err, bool *equal)
{
    static const char *const    head[] = {"kind", "name", "-differing", "-max |A-B|", "-|A-B|/|A|", ""};
    hoop_checkpoint_difference *list   = NULL;
    int64_t                     n = 0, count[HOOP_TENSORS_ONLY_B + 1] = {0};
    table                       t;
    meter                       m;
    hoop_status                 st;
    meter_begin(&m, "comparing");
    st = hoop_checkpoint_compare(a, b, meter_update, &m, err, &list, &n);
    meter_end(&m);
    if (st != HOOP_OK) return st;
    table_begin(&t, head, 6);
    for (int64_t i = 0; i < n; i++) {
        count[list[i].relation]++;
        if (list[i].relation != HOOP_TENSORS_EQUAL) print_tensor(&t, &list[i]);
    }
    *equal = count[HOOP_TENSORS_EQUAL] == n;
    free(list);
    if (!table_end(&t, "")) return hoop_fail(err, HOOP_ENOMEM, "no memory for the table");
    (void)printf("%" PRId64 " tensors equal to the last bit, %" PRId64 " with other values, %" PRId64
                 " with another shape or dtype, %" PRId64 " only in A, %" PRId64 " only in B\n",
                 count[HOOP_TENSORS_EQUAL], count[HOOP_TENSORS_DIFFERENT], count[HOOP_TENSORS_OTHER_KIND],
                 count[HOOP_TENSORS_ONLY_A], count[HOOP_TENSORS_ONLY_B]);
    return HOOP_OK;
}

static hoop_status diff_configs(const hoop_checkpoint *a, const hoop_checkpoint *b, hoop_error *err)
{
    hoop_config            *ca = NULL, *cb = NULL;
    hoop_config_difference *list = NULL;
    int64_t                 n    = 0;
    hoop_status             st;
    HOOP_TRY(st, done, hoop_config_parse(hoop_checkpoint_about(a)->config, hoop_checkpoint_path(a), err, &ca));
    HOOP_TRY(st, done, hoop_config_parse(hoop_checkpoint_about(b)->config, hoop_checkpoint_path(b), err, &cb));
    HOOP_TRY(st, done, hoop_config_compare(ca, cb, err, &list, &n));
    if (n > 0) (void)printf("config\n");
    for (int64_t i = 0; i < n; i++) {
        (void)printf("  %s: %s in A, %s in B\n", list[i].key, list[i].a == NULL ? "nothing" : list[i].a,
                     list[i].b == NULL ? "nothing" : list[i].b);
    }
    hoop_config_differences_free(&list, n);
done:
    hoop_config_destroy(&ca);
    hoop_config_destroy(&cb);
    return st;
}

int command_diff(int argc, char **argv)
{
    const struct argp argp = {NULL, parse_option, "A B", doc, NULL, NULL, NULL};
    diff_args         args = {0};
    hoop_error        err  = {.status = HOOP_OK};
    hoop_checkpoint  *a = NULL, *b = NULL;
    bool              equal = false;
    hoop_status       st;
    int               code;
    command_parse(&argp, argc, argv, &args);
    HOOP_TRY(st, done, open_checkpoint(args.path[0], &err, &a));
    HOOP_TRY(st, done, open_checkpoint(args.path[1], &err, &b));
    (void)printf("A %s, step %" PRId64 "\nB %s, step %" PRId64 "\n", hoop_checkpoint_path(a), hoop_checkpoint_about(a)->step,
                 hoop_checkpoint_path(b), hoop_checkpoint_about(b)->step);
    HOOP_TRY(st, done, diff_configs(a, b, &err));
    st = diff_tensors(a, b, &err, &equal);
done:
    hoop_checkpoint_close(&a);
    hoop_checkpoint_close(&b);
    if (st != HOOP_OK) (void)command_report(&err);
    code = st != HOOP_OK ? EXIT_TROUBLE : equal ? EXIT_EQUAL : EXIT_DIFFERENT;
    return print_done(HOOP_EXIT_OK) == HOOP_EXIT_OK ? code : EXIT_TROUBLE;
}
