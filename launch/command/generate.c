/* hoop generate RUN --prompt TEXT */
#include "command/command.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command/print.h"
#include "hoop/tokenizer.h"
#include "hoop/trained.h"

enum { KEY_TEMPERATURE = 256, KEY_TOP_K, KEY_TOP_P, KEY_SEED, KEY_LENGTH, KEY_STOP };

typedef struct generate_args {
    const char        *path, *prompt, *stop;
    hoop_generate_opts how;
    command_sets       set;
} generate_args;

static const char doc[] = "Write text with a trained language model (kind: gpt, lstm or gru), behind a prompt, to standard "
                          "output. Tokenizer and weights are "
                          "the run's; nothing else is needed. The same text for any number of threads. A gpt reads the last of "
                          "its context once that is "
                          "full.\vExamples:\n"
                          "  hoop generate runs/shakespeare --prompt 'ROMEO:' --length 500\n"
                          "  hoop generate runs/shakespeare --prompt 'To be' --top-k 20 --seed 7\n"
                          "  hoop generate runs/shakespeare --prompt 'To be' --temperature 0.8\n"
                          "  hoop generate runs/shakespeare --prompt 'To be' --top-p 0.9 --stop $'\\n\\n'";
static const struct argp_option options[] = {
    {"prompt", 'p', "TEXT", 0, "what stands before (default: the end of a line)", 0},
    {"length", KEY_LENGTH, "N", 0, "tokens to write (default 256)", 0},
    {"temperature", KEY_TEMPERATURE, "X", 0, "below 1: likelier text, above: wilder; 0: always the likeliest token (default 1)",
     0},
    {"top-k", KEY_TOP_K, "N", 0, "draw from the N likeliest tokens only (default 0: all)", 0},
    {"top-p", KEY_TOP_P, "X", 0, "draw from the fewest tokens whose probabilities add up to X (default 1: all)", 0},
    {"seed", KEY_SEED, "N", 0, "another seed, another text (default 1)", 0},
    {"stop", KEY_STOP, "TEXT", 0, "end before this text", 0},
    {"set", 's', "KEY=VALUE", 0, "set a key of the checkpoint's config, such as threads=2 (repeatable)", 0},
    {0},
};

static int64_t whole(struct argp_state *state, const char *name, const char *text, int64_t most)
{
    char     *end;
    long long v;
    errno = 0;
    v     = strtoll(text, &end, 10);
    if (end == text || *end != '\0' || errno != 0 || v < 0 || v > most)
        argp_error(state, "--%s=%s: a whole number from 0 to %lld is wanted", name, text, (long long)most);
    return v;
}

static double real(struct argp_state *state, const char *name, const char *text, double most)
{
    char  *end;
    double v = strtod(text, &end);
    if (end == text || *end != '\0' || !(v >= 0.0 && v <= most))
        argp_error(state, "--%s=%s: a number from 0 to %g is wanted", name, text, most);
    return v;
}

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
    generate_args *a = state->input;
    switch (key) {
    case 'p':
        if (arg[0] == '\0') argp_error(state, "--prompt is empty; at least a character is wanted");
        a->prompt = arg;
        return 0;
    case KEY_LENGTH:
        a->how.length = whole(state, "length", arg, 1000000000);
        return 0;
    case KEY_TEMPERATURE:
        a->how.temperature = real(state, "temperature", arg, 1e6);
        return 0;
    case KEY_TOP_K:
        a->how.top_k = whole(state, "top-k", arg, INT64_MAX);
        return 0;
    case KEY_TOP_P:
        a->how.top_p = real(state, "top-p", arg, 1.0);
        return 0;
    case KEY_SEED:
        a->how.seed = (uint64_t)whole(state, "seed", arg, INT64_MAX);
        return 0;
    case KEY_STOP:
        if (arg[0] == '\0') argp_error(state, "--stop is empty; the text to end before is wanted");
        a->stop = arg;
        return 0;
    case 's':
        command_set(&a->set, arg, state);
        return 0;
    case ARGP_KEY_ARG:
        command_only(&a->path, arg, "RUN", state);
        return 0;
    case ARGP_KEY_END:
        if (a->path == NULL) argp_error(state, "which run or checkpoint? hoop generate RUN --prompt TEXT");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* What was written and not printed yet: it may be the begin of what ends the text. */
typedef struct page {
    const hoop_tokenizer *tokenizer;
    const char           *stop;
    char                 *held;
    size_t                n, room;
    bool                  full; /* no memory */
} page;

static bool hold(page *p, const char *text, size_t bytes)
{
    char *more = p->n + bytes < p->room ? p->held : realloc(p->held, 2 * (p->n + bytes) + 64);
    p->full    = p->full || more == NULL;
    if (more == NULL) return false;
    if (more != p->held) p->room = 2 * (p->n + bytes) + 64;
    p->held = more;
    memcpy(p->held + p->n, text, bytes);
    p->n += bytes;
    return true;
}

/* all but the last `keep` bytes */
static void release(page *p, size_t keep)
{
    const size_t n = p->n > keep ? p->n - keep : 0;
    if (n == 0) return;
    (void)fwrite(p->held, 1, n, stdout);
    memmove(p->held, p->held + n, p->n - n);
    p->n -= n;
    (void)fflush(stdout);
}

static bool on_token(void *ctx, int64_t id)
{
    page       *p     = ctx;
    int64_t     bytes = 0;
    const char *text  = hoop_tokenizer_token(p->tokenizer, id, &bytes), *end;
    if (text == NULL || !hold(p, text, (size_t)bytes)) return text == NULL;
    if (p->stop != NULL) {
        end = memmem(p->held, p->n, p->stop, strlen(p->stop));
        if (end != NULL) p->n = (size_t)(end - p->held);
        if (end != NULL) return false;
    }
    release(p, p->stop == NULL ? 0 : strlen(p->stop) - 1);
    return ferror(stdout) == 0;
}

static hoop_status generate(const generate_args *a, hoop_trained *t, hoop_error *err)
{
    hoop_generate_opts how    = a->how;
    const char        *prompt = a->prompt == NULL ? "\n" : a->prompt, *line = hoop_trained_tokenizer(t);
    hoop_tokenizer    *tokens = NULL;
    int64_t           *ids    = NULL;
    page               p      = {.stop = a->stop};
    hoop_error         why    = {.status = HOOP_OK};
    hoop_status        st;
    HOOP_TRY(st, done, hoop_tokenizer_parse(line, a->path, err, &tokens));
    st = hoop_tokenizer_encode(tokens, prompt, (int64_t)strlen(prompt), &why, &ids, &how.nprompt);
    if (st != HOOP_OK) {
        (void)hoop_fail(err, st, "--prompt: %s", why.text);
        goto done;
    }
    p.tokenizer    = tokens;
    how.vocabulary = hoop_tokenizer_size(tokens);
    how.prompt     = ids;
    how.ctx        = &p;
    how.token      = on_token;
    if (a->prompt != NULL) (void)fputs(prompt, stdout);
    st = hoop_trained_generate(t, &how, &why);
    if (st == HOOP_OK && p.full) st = hoop_fail(&why, HOOP_ENOMEM, "no memory for the text");
    if (st != HOOP_OK) (void)hoop_fail(err, st, "%s: %s", a->path, why.text);
    release(&p, 0);
    if (st == HOOP_OK) (void)putchar('\n');
done:
    free(p.held);
    free(ids);
    hoop_tokenizer_destroy(&tokens);
    return st;
}

int command_generate(int argc, char **argv)
{
    const struct argp argp = {options, parse_option, "RUN", doc, NULL, NULL, NULL};
    generate_args     a    = {.how = {.length = 256, .temperature = 1.0, .top_p = 1.0, .seed = 1}};
    hoop_error        err  = {.status = HOOP_OK};
    hoop_trained     *t    = NULL;
    hoop_comm        *comm = NULL;
    hoop_status       st;
    command_parse(&argp, argc, argv, &a);
    HOOP_TRY(st, done, hoop_trained_read(a.path, a.set.text, a.set.n, &err, &t));
    HOOP_TRY(st, done, hoop_trained_writes(t, &err));
    HOOP_TRY(st, done, hoop_comm_create_self(NULL, &err, &comm));
    HOOP_TRY(st, done, hoop_trained_open(t, comm, NULL, &err));
    st = generate(&a, t, &err);
done:
    hoop_trained_close(&t);
    hoop_comm_destroy(&comm);
    return print_done(st == HOOP_OK ? HOOP_EXIT_OK : command_report(&err));
}
