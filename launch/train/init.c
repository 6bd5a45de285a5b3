/* model.init: one scheme for all parameters, or a list that says of names how they are filled; else as the kind of model has it.
 */
#include "models/models.h"
#include "train/plan.h"

#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const hoop_config_free hoop__model_init = {"model.init", true,
                                           "how parameters begin: pytorch, he, glorot, or a list such as [{match: \"*.weight\", "
                                           "name: kaiming_normal}]: names as of files, the first that matches; the rest, and "
                                           "pytorch, as PyTorch's layers or the kind of model have it (hoop train --help inits)",
                                           NULL, "pytorch"};

enum { OWN_BYTES = 256 }; /* options of a way to begin that a kind of model asks for */

/* the options of an item, then what its own keys say */
typedef struct item_place {
    size_t match, name, size;
} item_place;

static hoop_status unknown(const hoop_value *v, const char *name, int most, hoop_error *err)
{
    const char           *names[64], *near;
    const hoop_init_kind *k;
    int                   n = 0;
    for (; n < 64 && n < most && (k = hoop_init_kind_get(n)) != NULL; n++) names[n] = k->name;
    near = hoop_nearest(name, names, n);
    if (near == NULL)
        return hoop_value_fail(v, err, "'%s' is none of the ways to begin; hoop train --help inits lists them", name);
    return hoop_value_fail(v, err, "'%s' is none of the ways to begin; did you mean %s?", name, near);
}

/* {match: .., name: .., and options of that way} */
static hoop_status read_item(const hoop_value *item, const item_place *at, char *memory, hoop_init_rule *rule, hoop_error *err)
{
    const hoop_value     *name = hoop_value_find(item, "name");
    const hoop_init_kind *kind;
    hoop_option          *rows;
    hoop_option_table     table;
    hoop_status           st;
    if (hoop_value_get_kind(item) != HOOP_VALUE_MAP || hoop_value_get_kind(name) != HOOP_VALUE_SCALAR)
        return hoop_value_fail(item, err, "match and name must be given, as in {match: \"*.weight\", name: kaiming_normal}");
    kind = hoop_init_kind_find(hoop_value_text(name));
    if (kind == NULL) return unknown(name, hoop_value_text(name), 64, err);
    rows = calloc((size_t)kind->options.count + 2, sizeof *rows);
    if (rows == NULL) return hoop_fail(err, HOOP_ENOMEM, "no memory for model.init");
    rows[0] = (hoop_option){"match", HOOP_OPT_STRING, at->match, NULL, 0, 0, NULL, true, "names of parameters", NULL};
    rows[1] = (hoop_option){"name", HOOP_OPT_STRING, at->name, NULL, 0, 0, NULL, true, "how these begin", NULL};
    if (kind->options.count > 0) memcpy(rows + 2, kind->options.rows, (size_t)kind->options.count * sizeof *rows);
    table = (hoop_option_table){"", rows, kind->options.count + 2};
    st    = hoop_value_fill(item, &table, err, memory);
    free(rows);
    *rule = (hoop_init_rule){memory + at->match, kind, memory};
    return st;
}

static hoop_status read_list(hoop_trainer *tr, const hoop_value *list, hoop_error *err)
{
    hoop__plan           *plan = tr->plan;
    const int             n    = hoop_value_count(list);
    item_place            at   = {0};
    const hoop_init_kind *k;
    hoop_status           st = HOOP_OK;
    for (int i = 0; (k = hoop_init_kind_get(i)) != NULL; i++) at.match = k->opts_size > at.match ? k->opts_size : at.match;
    at.match          = (at.match + 15) / 16 * 16;
    at.name           = at.match + HOOP_OPT_STRING_MAX;
    at.size           = at.name + HOOP_OPT_STRING_MAX;
    plan->inits       = calloc((size_t)n + 1, sizeof *plan->inits);
    plan->init_memory = calloc((size_t)n + 1, at.size);
    if (plan->inits == NULL || plan->init_memory == NULL) return hoop_fail(err, HOOP_ENOMEM, "no memory for model.init");
    for (int i = 0; i < n && st == HOOP_OK; i++)
        st = read_item(hoop_value_at(list, i), &at, plan->init_memory + (size_t)i * at.size, &plan->inits[i], err);
    plan->ninits = n;
    return st;
}

hoop_status hoop__init_read(hoop_trainer *tr, hoop_error *err)
{
    const hoop_value     *v    = hoop_config_get(tr->config, "model.init");
    const char           *word = hoop_value_get_kind(v) == HOOP_VALUE_NULL ? hoop__model_init.fallback : hoop_value_text(v);
    const hoop_init_kind *kind;
    if (hoop_value_get_kind(v) == HOOP_VALUE_LIST) return read_list(tr, v, err);
    if (hoop_value_get_kind(v) == HOOP_VALUE_MAP)
        return hoop_value_fail(v, err, "a list is wanted, such as [{match: \"*.weight\", name: kaiming_normal}]");
    kind = hoop_init_kind_find(word);
    for (int i = 0; i <= HOOP_INIT_GLOROT; i++) {
        if (kind == NULL || kind != hoop_init_kind_get(i)) continue;
        tr->plan->inits = calloc(1, sizeof *tr->plan->inits);
        if (tr->plan->inits == NULL) return hoop_fail(err, HOOP_ENOMEM, "no memory for model.init");
        tr->plan->inits[0] = (hoop_init_rule){"*", kind, NULL};
        tr->plan->ninits   = 1;
        return HOOP_OK;
    }
    if (kind != NULL)
        return hoop_value_fail(v, err, "%s is for parameters that are named, as in [{match: \"*.weight\", name: %s}]", word,
                               word);
    return unknown(v, word, HOOP_INIT_GLOROT + 1, err);
}

/* is the last of n rules a parameter's first that it is like? */
static bool last_fills(const hoop_trainer *tr, const hoop_init_rule *rules, int n)
{
    for (int i = 0; i < hoop_params_count(tr->params); i++) {
        const char *name = hoop_params_name(tr->params, i);
        int         r    = 0;
        while (r < n && fnmatch(rules[r].match, name, 0) != 0) r++;
        if (r == n - 1) return true;
    }
    return false;
}

static hoop_status own_options(const hoop__model_begin *b, const hoop_init_kind *as, char *opts, hoop_error *err)
{
    char        text[32];
    hoop_status st = hoop_option_defaults(&as->options, opts);
    (void)snprintf(text, sizeof text, "%.17g", b->value);
    if (st == HOOP_OK && b->key != NULL) st = hoop_option_parse(hoop_option_find(&as->options, b->key), text, opts, err);
    for (int i = 0; i < 4 && b->words[i] != NULL && st == HOOP_OK; i += 2)
        st = hoop_option_parse(hoop_option_find(&as->options, b->words[i]), b->words[i + 1], opts, err);
    return st;
}

/* What the kind of model says of its parameters, behind the n rules of the config, or before its one word `pytorch`, which means
 * that too. */
static hoop_status add_own(hoop_trainer *tr, int *n, hoop_error *err)
{
    const hoop__model_kind *kind = hoop__model_kind_get(tr->plan->kind.kind);
    hoop__plan             *plan = tr->plan;
    const bool              word = plan->init_memory == NULL;
    hoop__model_begin       own[HOOP__MODEL_BEGINS];
    const int               m = kind->begin == NULL || (word && plan->inits[0].kind != hoop_init_kind_get(HOOP_INIT_PYTORCH))
                                    ? 0
                                    : kind->begin(tr->plan->kind.opts, own);
    hoop_init_rule         *all;
    hoop_status             st = HOOP_OK;
    if (m == 0) return HOOP_OK;
    plan->own_inits = calloc((size_t)m, OWN_BYTES);
    all             = realloc(plan->inits, (size_t)(*n + m) * sizeof *all);
    if (all != NULL) plan->inits = all;
    if (all == NULL || plan->own_inits == NULL) return hoop_fail(err, HOOP_ENOMEM, "no memory for model.init");
    if (word) *n = 0; /* of all that is left: as PyTorch's layers */
    for (int i = 0; i < m && st == HOOP_OK; i++) {
        const hoop_init_kind *as   = hoop_init_kind_find(own[i].init);
        char                 *opts = plan->own_inits + (size_t)i * OWN_BYTES;
        st                         = own_options(&own[i], as, opts, err);
        all[(*n)++]                = (hoop_init_rule){own[i].match, as, opts};
        if (!last_fills(tr, all, *n)) (*n)--; /* the config says otherwise of all of these */
    }
    return st;
}

hoop_status hoop__init_apply(hoop_trainer *tr, hoop_error *err)
{
    const hoop_value *v   = hoop_config_get(tr->config, "model.init");
    hoop_error        why = {.status = HOOP_OK};
    int               bad = -1, n = hoop_params_count(tr->params) > 0 ? tr->plan->ninits : 0;
    hoop_status       st = add_own(tr, &n, err);
    if (st != HOOP_OK) return st;
    st = hoop_model_init_rules(tr->model, tr->plan->inits, n, (uint64_t)tr->plan->run.seed, &why, &bad);
    if (st == HOOP_OK) return HOOP_OK;
    if (hoop_value_get_kind(v) == HOOP_VALUE_LIST && bad >= 0) v = hoop_value_at(v, bad);
    return v != NULL ? hoop_value_fail(v, err, "%s", why.text) : hoop_fail(err, st, "%s", why.text);
}
