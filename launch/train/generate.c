/* Text: a model of it tells what comes next, one token is drawn of that, and it goes on behind it. */
#include "models/models.h"
#include "train/step.h"
#include "train/trained.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* a token and how likely it is */
typedef struct choice {
    double  p;
    int64_t id;
} choice;

typedef struct writing {
    const hoop__model_kind   *kind;
    const hoop_generate_opts *opts;
    hoop_trainer             *tr;
    hoop__model_memory        memory;
    int64_t                  *text; /* prompt and what was written */
    int64_t                   n, vocabulary;
    choice                   *choices;
    double                   *p;
} writing;

static hoop_status check(const hoop_generate_opts *o, hoop_error *err)
{
    if (o->nprompt < 1 || o->length < 0)
        return hoop_fail(err, HOOP_EARG, "a prompt of %lld tokens, %lld to be written; at least 1 and 0 are wanted",
                         (long long)o->nprompt, (long long)o->length);
    if (o->length > INT64_MAX / (int64_t)sizeof(int64_t) - o->nprompt)
        return hoop_fail(err, HOOP_EARG, "%lld tokens to be written; no memory holds as many", (long long)o->length);
    if (!(o->temperature >= 0.0) || !(o->top_p >= 0.0 && o->top_p <= 1.0) || o->top_k < 0)
        return hoop_fail(err, HOOP_EARG, "temperature %g, top_k %lld, top_p %g; at least 0, at least 0, and 0 to 1 are wanted",
                         o->temperature, (long long)o->top_k, o->top_p);
    return HOOP_OK;
}

static void forget(writing *w)
{
    for (int i = 0; i < w->memory.n && w->memory.part != NULL; i++) hoop_tensor_destroy(&w->memory.part[i]);
    free(w->memory.part);
    free(w->text);
    free(w->choices);
    free(w->p);
}

static hoop_status begin(writing *w, hoop_error *err)
{
    const hoop_generate_opts *o    = w->opts;
    const hoop_module        *root = hoop_model_root(w->tr->model);
    const hoop_shape         *out  = hoop_model_output(w->tr->model, 0);
    hoop_status               st;
    st = w->kind->remember(root, &w->memory, err);
    if (st != HOOP_OK) return st;
    w->vocabulary = out->size[out->ndim - 1];
    if (o->vocabulary > 0 && o->vocabulary != w->vocabulary)
        return hoop_fail(err, HOOP_EARG,
                         "the model gives one of %lld classes, and the tokenizer has %lld tokens: it writes no text",
                         (long long)w->vocabulary, (long long)o->vocabulary);
    w->text    = calloc((size_t)(o->nprompt + o->length), sizeof *w->text);
    w->choices = calloc((size_t)w->vocabulary, sizeof *w->choices);
    w->p       = calloc((size_t)w->vocabulary, sizeof *w->p);
    if (w->text == NULL || w->choices == NULL || w->p == NULL) return hoop_fail(err, HOOP_ENOMEM, "no memory for the text");
    memcpy(w->text, o->prompt, (size_t)o->nprompt * sizeof *w->text);
    w->n = o->nprompt;
    for (int64_t i = 0; i < w->n; i++)
        if (w->text[i] < 0 || w->text[i] >= w->vocabulary)
            return hoop_fail(err, HOOP_ERANGE, "token %lld of the prompt is %lld; the model knows 0 to %lld", (long long)i,
                             (long long)w->text[i], (long long)w->vocabulary - 1);
    return HOOP_OK;
}

/* read n tokens: how likely each is to come next, or at temperature 0 its logit, to w->p */
static hoop_status read_on(writing *w, const int64_t *tokens, int64_t n, hoop_error *err)
{
    hoop_tape   *t = w->tr->tape;
    hoop_tensor *x, *y;
    (void)hoop_tape_reset(t, NULL, NULL);
    (void)hoop_tape_set_training(t, false);
    (void)hoop_tape_set_grad(t, false);
    x = hoop_tape_wrap(t, HOOP_I64, 2, (int64_t[]){1, n}, tokens);
    y = w->kind->next(hoop_model_root(w->tr->model), t, &w->memory, x);
    y = hoop_slice(t, y, 1, n - 1, 1);
    y = hoop_cast(t, y, HOOP_F64);
    if (w->opts->temperature > 0.0) {
        y = hoop_scale(t, y, 1.0 / w->opts->temperature);
        y = hoop_softmax(t, y);
    }
    if (hoop_tape_error(t)->status != HOOP_OK) return hoop_fail(err, hoop_tape_error(t)->status, "%s", hoop_tape_error(t)->text);
    return hoop_tensor_read(y, w->p, err);
}

/* All that was not read yet. A memory that is full is begun anew with the last three quarters of what it held, so that there is
 * room for some time. */
static hoop_status catch_up(writing *w, hoop_error *err)
{
    hoop__model_memory *m     = &w->memory;
    int64_t             first = w->n - 1;
    if (m->read == 0) first = m->limit > 0 && w->n > m->limit ? w->n - m->limit : 0;
    if (m->limit > 0 && m->read == m->limit) {
        m->read = 0;
        first   = w->n - (m->limit - m->limit / 4);
    }
    return read_on(w, w->text + first, w->n - first, err);
}

/* the likelier first; of two alike the lower id */
static int by_chance(const void *a, const void *b)
{
    const choice *x = a, *y = b;
    if (x->p != y->p) return x->p > y->p ? -1 : 1;
    return x->id < y->id ? -1 : 1;
}

static int64_t draw(writing *w)
{
    const hoop_generate_opts *o   = w->opts;
    const hoop_key            key = hoop_key_make(o->seed, HOOP_FOR_TEXT, 0, 0, 0);
    double                    sum = 0.0, at;
    int64_t                   n = w->vocabulary, most = 0;
    for (int64_t i = 0; i < n; i++) {
        w->choices[i] = (choice){w->p[i], i};
        if (w->p[i] > w->p[most]) most = i;
    }
    if (o->temperature == 0.0) return most;
    if (o->top_k > 0 || (o->top_p > 0.0 && o->top_p < 1.0)) qsort(w->choices, (size_t)n, sizeof *w->choices, by_chance);
    if (o->top_k > 0 && o->top_k < n) n = o->top_k;
    for (int64_t i = 0; i < n; i++) {
        sum += w->choices[i].p;
        if (o->top_p > 0.0 && o->top_p < 1.0 && sum >= o->top_p) n = i + 1;
    }
    at = sum * hoop_random_f64(key, (uint64_t)(w->n - o->nprompt));
    for (int64_t i = 0; i < n; i++) {
        at -= w->choices[i].p;
        if (at < 0.0) return w->choices[i].id;
    }
    return w->choices[n - 1].id;
}

static hoop_status check_options(const hoop_trained *t, const hoop__model_kind *kind, hoop_error *err)
{
    hoop_config_chosen chosen = {0};
    hoop_status        st     = hoop_config_choose(t->config, &hoop__model_choice, err, &chosen);
    if (st == HOOP_OK && (st = kind->writes(chosen.opts, err)) != HOOP_OK) (void)hoop_fail_within(err, "%s", t->path);
    hoop_config_chosen_clear(&chosen);
    return st;
}

hoop_status hoop_trained_writes(const hoop_trained *t, hoop_error *err)
{
    const hoop__model_kind *kind      = hoop__trained_kind(t), *k;
    char                    list[128] = "";
    size_t                  at        = 0;
    if (hoop_trained_tokenizer(t) == NULL)
        return hoop_fail(err, HOOP_EFORMAT, "%s: was not trained on text (hoop data import-text), and has no tokenizer", t->path);
    if (kind != NULL && kind->next != NULL) return kind->writes == NULL ? HOOP_OK : check_options(t, kind, err);
    for (int i = 0; (k = hoop__model_kind_get(i)) != NULL && at < sizeof list; i++)
        if (k->next != NULL) at += (size_t)snprintf(list + at, sizeof list - at, "%s%s", at > 0 ? ", " : "", k->name);
    return hoop_fail(err, HOOP_EARG, "%s: its model (kind: %s) writes no text; %s do", t->path,
                     kind == NULL ? "unknown" : kind->name, list);
}

hoop_status hoop_trained_generate(hoop_trained *t, const hoop_generate_opts *opts, hoop_error *err)
{
    writing     w  = {.opts = opts, .tr = t->trainer, .kind = hoop__model_kind_get(t->trainer->plan->kind.kind)};
    hoop_status st = hoop_trained_writes(t, err);
    if (st == HOOP_OK) st = check(opts, err);
    if (st == HOOP_OK) st = begin(&w, err);
    for (bool on = true; st == HOOP_OK && on && w.n < opts->nprompt + opts->length;) {
        st = catch_up(&w, err);
        if (st != HOOP_OK) break;
        w.text[w.n] = draw(&w);
        on          = opts->token == NULL || opts->token(opts->ctx, w.text[w.n]);
        w.n++;
    }
    forget(&w);
    return st;
}

const char *hoop_trained_tokenizer(const hoop_trained *t)
{
    return t->meaning.tokenizer;
}
