#include "command/profile.h"

#include "command/print.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A row of a step. NaN: it has none. */
typedef struct line {
    const char *name, *phase; /* phase "": neither */
    bool        op;
    double      calls, ms, share, gflops, gb_s, of_limit; /* share: of the step */
} line;

static int by_time(const void *a, const void *b)
{
    const line *x = a, *y = b;
    return (x->ms < y->ms) - (x->ms > y->ms);
}

/* sorted; NULL: no memory */
static line *lines_of(const profile_steps *p, const rank_limits *limits, int *n)
{
    static const char *const phases[] = {
        [HOOP_PHASE_FORWARD] = "forward", [HOOP_PHASE_BACKWARD] = "backward", [HOOP_PHASE_OTHER] = ""};
    const hoop_profile_row *rows;
    line                   *lines;
    const double            steps = (double)p->steps;
    *n                            = hoop_profile_rows(p->profile, &rows);
    lines                         = calloc((size_t)*n, sizeof *lines);
    for (int i = 0; lines != NULL && i < *n; i++) {
        const hoop_profile_row *r    = &rows[i];
        const bool              took = r->seconds > 0.0, product = r->flops > 0.0, moves = !product && r->bytes > 0.0;
        line                   *l = &lines[i];
        *l          = (line){.name = r->name, .phase = phases[r->phase], .op = r->op, .calls = (double)r->calls / steps};
        l->ms       = 1e3 * r->seconds / steps;
        l->share    = r->seconds / p->seconds;
        l->gflops   = took && product ? r->flops / r->seconds * 1e-9 : NAN;
        l->gb_s     = took && moves ? r->bytes / r->seconds * 1e-9 : NAN;
        l->of_limit = took && product ? l->gflops / limits->fma_gflops
                      : took && moves ? l->gb_s / limits_move(limits, r->bytes / (double)r->calls)
                                      : NAN;
    }
    if (lines != NULL) qsort(lines, (size_t)*n, sizeof *lines, by_time);
    return lines;
}

static void cell(table *t, const char *format, double v)
{
    if (isnan(v))
        table_cell(t, "%s", "");
    else
        table_cell(t, format, v);
}

static double most_copied(const rank_limits *limits)
{
    double most = 0.0;
    for (int i = 0; i < LIMITS_COPIES; i++) most = limits->copy_gb_s[i] > most ? limits->copy_gb_s[i] : most;
    return most;
}

bool profile_print(const profile_steps *p, const rank_limits *limits)
{
    static const char *const head[] = {"op", "phase", "-calls/step", "-ms/step", "-% of step", "-GF/s", "-GB/s", "-% of limit"};
    table                    t;
    int                      n;
    line                    *lines = lines_of(p, limits, &n);
    if (lines == NULL) return false;
    (void)printf("profile of %lld steps; limits %.0f GF/s fma, memcpy of %.0f GB/s from memory to %.0f from caches\n",
                 (long long)p->steps, limits->fma_gflops, 2.0 * limits->copy_gb_s[LIMITS_COPIES - 1], 2.0 * most_copied(limits));
    table_begin(&t, head, (int)(sizeof head / sizeof *head));
    for (int i = 0; i < n; i++) {
        const line *l = &lines[i];
        if (!l->op && l->share < 5e-4 && strcmp(l->name, "other") != 0)
            continue; /* did not happen, on one rank or without data */
        table_cell(&t, "%s", l->name);
        table_cell(&t, "%s", l->phase);
        cell(&t, l->calls == floor(l->calls) ? "%.0f" : "%.2f", l->calls > 0.0 ? l->calls : NAN);
        table_cell(&t, "%.4f", l->ms);
        table_cell(&t, "%.1f", 100.0 * l->share);
        cell(&t, "%.1f", l->gflops);
        cell(&t, "%.1f", l->gb_s);
        cell(&t, "%.0f", 100.0 * l->of_limit);
    }
    table_cell(&t, "all");
    for (int i = 0; i < 2; i++) table_cell(&t, "%s", "");
    table_cell(&t, "%.4f", 1e3 * p->seconds / (double)p->steps);
    table_cell(&t, "%.1f", 100.0);
    for (int i = 0; i < 3; i++) table_cell(&t, "%s", "");
    free(lines);
    return table_end(&t, "");
}

static void add(json_t *o, const char *key, double v)
{
    if (!isnan(v)) (void)json_object_set_new(o, key, json_real(v));
}

json_t *profile_json(const profile_steps *p, const rank_limits *limits)
{
    int     n;
    line   *lines = lines_of(p, limits, &n);
    json_t *rows  = json_array();
    for (int i = 0; lines != NULL && i < n; i++) {
        const line *l = &lines[i];
        json_t *o = json_pack("{s:s, s:s?, s:b, s:f, s:f, s:f}", "name", l->name, "phase", l->phase[0] == '\0' ? NULL : l->phase,
                              "op", l->op, "calls_per_step", l->calls, "ms_per_step", l->ms, "share", l->share);
        add(o, "gflops", l->gflops);
        add(o, "gb_s", l->gb_s);
        add(o, "of_limit", l->of_limit);
        (void)json_array_append_new(rows, o);
    }
    if (lines == NULL) json_decref(rows);
    free(lines);
    return lines == NULL ? NULL
                         : json_pack("{s:I, s:f, s:f, s:f, s:o}", "steps", (json_int_t)p->steps, "ms_per_step",
                                     1e3 * p->seconds / (double)p->steps, "fma_gflops", limits->fma_gflops, "memcpy_gb_s",
                                     limits->copy_gb_s[LIMITS_COPIES - 1], "rows", rows);
}
