/* lstm, gru: sequences step by step, by the net of that name in torch.nn: language models, forecasters, classifiers. */
#include "models/parts.h"

#include "hoop/ops.h"

#include <stdlib.h>

typedef struct recurrent_opts {
    int64_t vocabulary, embedding, hidden, layers;
    int     steps;
    bool    bidirectional;
    double  dropout;
} recurrent_opts;

enum { STEPS_AUTO, STEPS_LAST, STEPS_EACH };
static const char *const steps[] = {"auto", "last", "each", NULL};

#define AT(field) offsetof(recurrent_opts, field)
static const hoop_option rows[] = {
    {"vocabulary", HOOP_OPT_INT, AT(vocabulary), "auto", 0, 1e9, NULL, true,
     "different tokens of rows (T); 0: rows are numbers, (T, F) or (T); auto: those of a text, else 0"},
    {"steps", HOOP_OPT_ENUM, AT(steps), "auto", 0, 0, steps, true,
     "outputs are those of the last step, or of each; auto: of tokens each, of numbers the last"},
    {"embedding", HOOP_OPT_INT, AT(embedding), "128", 1, 1e6, NULL, true, "elements of a token"},
    {"hidden", HOOP_OPT_INT, AT(hidden), "128", 1, 1e6, NULL, true, "units of a layer"},
    {"layers", HOOP_OPT_INT, AT(layers), "1", 1, 16, NULL, true, "one on top of the other"},
    {"bidirectional", HOOP_OPT_BOOL, AT(bidirectional), "false", 0, 0, NULL, true,
     "each layer also from the last step to the first; twice as many outputs"},
    {"dropout", HOOP_OPT_FLOAT, AT(dropout), "0.0", 0, 0.999, NULL, true,
     "of what goes into each layer and into the last, in training"},
};
#undef AT

static hoop_status build(const hoop__model_call *c, const char *net, hoop_error *err)
{
    recurrent_opts            *o     = c->opts;
    const int64_t              known = hoop__model_vocabulary(c, &o->vocabulary);
    const bool                 each  = o->steps == STEPS_EACH || (o->steps == STEPS_AUTO && known > 0);
    const hoop_rnn_module_opts cells = {
        .hidden = o->hidden, .layers = o->layers, .bidirectional = o->bidirectional, .dropout = o->layers > 1 ? o->dropout : 0.0};
    const hoop_dropout_opts drop = {.p = o->dropout};
    hoop_linear_opts        last = {0};
    hoop_status             st;
    HOOP_TRY(st, done, hoop__model_sequence(c, o->vocabulary, o->embedding, false, err));
    if (o->dropout > 0.0 && o->vocabulary > 0)
        HOOP_TRY(st, done, hoop__part_add(c->parent, "dropout", "before", &drop, err, NULL));
    HOOP_TRY(st, done, hoop__part_add(c->parent, net, net, &cells, err, NULL));
    if (!each) HOOP_TRY(st, done, hoop__part_step(c->parent, "last", true, err));
    if (o->dropout > 0.0) HOOP_TRY(st, done, hoop__part_add(c->parent, "dropout", "behind", &drop, err, NULL));
    HOOP_TRY(st, done, each ? hoop__model_outputs_each(c, &last.out, err) : hoop__model_outputs(c, &last.out, err));
    st = hoop__part_add(c->parent, "linear", "head", &last, err, NULL);
done:
    return st;
}

static hoop_status build_lstm(const hoop__model_call *c, hoop_error *err)
{
    return build(c, "lstm", err);
}

static hoop_status build_gru(const hoop__model_call *c, hoop_error *err)
{
    return build(c, "gru", err);
}

/* ---- one token after the other ---- */

static hoop_status writes(const void *opts, hoop_error *err)
{
    const recurrent_opts *o = opts;
    if (o->vocabulary == 0)
        return hoop_fail(err, HOOP_EARG,
                         "its rows are numbers (model.vocabulary: 0); what writes text is trained with vocabulary: auto");
    if (o->steps == STEPS_LAST)
        return hoop_fail(
            err, HOOP_EARG,
            "it tells what comes after a row alone (model.steps: last); what writes text is trained with steps: auto");
    if (o->bidirectional)
        return hoop_fail(err, HOOP_EARG,
                         "it is bidirectional, and knows what comes next; what writes text is trained with bidirectional: false");
    return HOOP_OK;
}

static const hoop_module *net_of(const hoop_module *parent, hoop_cell_kind *cell)
{
    const hoop_module *m = hoop_module_find(parent, "lstm");
    *cell                = m != NULL ? HOOP_LSTM : HOOP_GRU;
    return m != NULL ? m : hoop_module_find(parent, "gru");
}

/* h, and c of an lstm: (layers, 1, hidden) */
static hoop_status remember(const hoop_module *parent, hoop__model_memory *out, hoop_error *err)
{
    hoop_cell_kind              cell;
    const hoop_rnn_module_opts *o  = hoop_module_opts(net_of(parent, &cell));
    hoop_status                 st = HOOP_OK;
    *out                           = (hoop__model_memory){.n = cell == HOOP_LSTM ? 2 : 1};
    out->part                      = calloc((size_t)out->n, sizeof(hoop_tensor *));
    if (out->part == NULL) return hoop_fail(err, HOOP_ENOMEM, "no memory for the state of its layers");
    for (int i = 0; i < out->n && st == HOOP_OK; i++)
        st = hoop_tensor_create(hoop_module_dtype(parent), 3, (int64_t[]){o->layers, 1, o->hidden}, err, &out->part[i]);
    return st;
}

static hoop_tensor *next(const hoop_module *parent, hoop_tape *t, hoop__model_memory *memory, hoop_tensor *tokens)
{
    hoop_rnn_opts      opts = {0};
    const hoop_module *net  = net_of(parent, &opts.kind);
    hoop_tensor       *w[HOOP_MODULE_SLOTS], *state[2] = {NULL, NULL}, *x;
    hoop_error         why = {.status = HOOP_OK};
    opts.layers            = (int)((const hoop_rnn_module_opts *)hoop_module_opts(net))->layers;
    for (int i = 0; i < HOOP_MODULE_SLOTS; i++) w[i] = hoop_module_tensor(net, i);
    x = hoop__part_run(parent, "embedding", t, tokens);
    if (memory->read > 0) {
        opts.h0 = memory->part[0];
        opts.c0 = memory->n > 1 ? memory->part[1] : NULL;
    }
    x = hoop_rnn(t, x, w, &opts, &state[0], memory->n > 1 ? &state[1] : NULL);
    for (int i = 0; i < memory->n && hoop_tape_error(t)->status == HOOP_OK; i++)
        if (hoop_tensor_assign(memory->part[i], state[i], &why) != HOOP_OK) hoop_tape_fail(t, why.status, "%s", why.text);
    memory->read += hoop_tensor_size(tokens, 1);
    return hoop__part_run(parent, "head", t, x);
}

const hoop__model_kind hoop__model_lstm = {
    .name      = "lstm",
    .help      = "long short-term memory: tokens (N, T) -> (N, T, classes), numbers (N, T, F) -> (N, classes or values)",
    .options   = HOOP_OPTIONS(rows),
    .opts_size = sizeof(recurrent_opts),
    .build     = build_lstm,
    .writes    = writes,
    .remember  = remember,
    .next      = next,
};
const hoop__model_kind hoop__model_gru = {
    .name      = "gru",
    .help      = "gated recurrent units: the same",
    .options   = HOOP_OPTIONS(rows),
    .opts_size = sizeof(recurrent_opts),
    .build     = build_gru,
    .writes    = writes,
    .remember  = remember,
    .next      = next,
};
