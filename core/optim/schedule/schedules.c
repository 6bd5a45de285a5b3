/* The table of schedules, and a schedule: warm-up, then what its kind says. */
#include "hoop/optim.h"

#include "kernels/vmath64.h"
#include "optim/kinds.h"
#include "runtime/runtime.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define HOOP_SCHEDULE(name) extern const hoop_schedule_kind hoop__schedule_##name;
#include "optim/schedule/schedules.def"
#undef HOOP_SCHEDULE

static const hoop_schedule_kind *const kinds[] = {
#define HOOP_SCHEDULE(name) &hoop__schedule_##name,
#include "optim/schedule/schedules.def"
#undef HOOP_SCHEDULE
};

static const hoop_option rows[] = {
    {"warmup_steps", HOOP_OPT_INT, offsetof(hoop_schedule_opts, warmup_steps), "0", 0, 1e12, NULL, true,
     "steps of linear warm-up from 0"},
};
const hoop_option_table hoop_schedule_options = {"schedule", rows, (int)(sizeof rows / sizeof rows[0])};

const hoop_schedule_kind *hoop_schedule_kind_get(int i)
{
    return i >= 0 && i < (int)(sizeof kinds / sizeof kinds[0]) ? kinds[i] : NULL;
}

const hoop_schedule_kind *hoop_schedule_kind_find(const char *name)
{
    const hoop_schedule_kind *k;
    for (int i = 0; (k = hoop_schedule_kind_get(i)) != NULL; i++) {
        if (strcmp(k->name, name) == 0) return k;
    }
    return NULL;
}

const char *const hoop_watch_modes[] = {"auto", "min", "max", NULL};

double hoop__schedule_share(int64_t total, int64_t step, int64_t steps)
{
    const int64_t n = total == HOOP_OPT_AUTO ? steps : total;
    return n <= 0 || step >= n ? 1.0 : (double)step / (double)n;
}

double hoop__schedule_wave(double a, double b, double share)
{
    double cosine = -1.0, sine;
    if (share < 1.0) v_turn_f64(share * 0.5, &cosine, &sine);
    return b + (a - b) * 0.5 * (1.0 + cosine);
}

struct hoop_schedule {
    const hoop_schedule_kind *kind;
    int64_t                   warmup_steps;
    double                    state[HOOP_SCHEDULE_STATE];
    max_align_t               opts[]; /* the kind's struct */
};

hoop_status hoop_schedule_create(const hoop_schedule_opts *opts, hoop_error *err, hoop_schedule **out)
{
    hoop_schedule_opts        own  = opts == NULL ? (hoop_schedule_opts){0} : *opts;
    const hoop_schedule_kind *kind = own.kind;
    hoop_schedule            *s;
    hoop_status               st;
    *out = NULL;
    if (kind == NULL) kind = own.name == NULL ? kinds[0] : hoop_schedule_kind_find(own.name);
    if (kind == NULL) return hoop_fail(err, HOOP_ECONFIG, "schedule: there is none called '%s'", own.name);
    s = calloc(1, sizeof *s + kind->opts_size);
    if (s == NULL) return hoop_fail(err, HOOP_ENOMEM, "no memory for a schedule");
    st = hoop_option_resolve(&hoop_schedule_options, &own, err);
    if (st == HOOP_OK) st = hoop__kind_opts(&kind->options, kind->opts_size, own.opts, err, s->opts);
    if (st == HOOP_OK && kind->check != NULL) st = kind->check(s->opts, err);
    if (st != HOOP_OK) {
        free(s);
        if (err != NULL) (void)hoop_fail_within(err, "schedule");
        return st;
    }
    s->kind         = kind;
    s->warmup_steps = own.warmup_steps;
    *out            = s;
    return HOOP_OK;
}

void hoop_schedule_destroy(hoop_schedule **s)
{
    if (s == NULL) return;
    free(*s);
    *s = NULL;
}

const hoop_schedule_kind *hoop_schedule_about(const hoop_schedule *s)
{
    return s->kind;
}

static HOOP_NOINLINE double factor(const hoop_schedule *s, int64_t step, int64_t total_steps)
{
    if (step < s->warmup_steps) return (double)(step + 1) / (double)s->warmup_steps;
    if (s->kind->factor_now != NULL) return s->kind->factor_now(s->opts, s->state);
    return s->kind->factor(s->opts, step - s->warmup_steps, total_steps - s->warmup_steps);
}

double hoop_schedule_factor(const hoop_schedule *s, int64_t step, int64_t total_steps)
{
    uint64_t mode = hoop_fp_enter();
    double   f    = factor(s, step, total_steps);
    hoop_fp_restore(mode);
    return f;
}

static HOOP_NOINLINE double momentum(const hoop_schedule *s, int64_t step, int64_t total_steps)
{
    const int64_t at = step < s->warmup_steps ? 0 : step - s->warmup_steps;
    return s->kind->momentum(s->opts, at, total_steps - s->warmup_steps);
}

double hoop_schedule_momentum(const hoop_schedule *s, int64_t step, int64_t total_steps)
{
    uint64_t mode = hoop_fp_enter();
    double   m    = s->kind->momentum == NULL ? (double)NAN : momentum(s, step, total_steps);
    hoop_fp_restore(mode);
    return m;
}

bool hoop_schedule_by_end(const hoop_schedule *s)
{
    return s->kind->by_end != NULL && s->kind->by_end(s->opts);
}

bool hoop_schedule_watched(const hoop_schedule *s, hoop_watched *out)
{
    if (s->kind->watched == NULL) return false;
    s->kind->watched(s->opts, out);
    return true;
}

void hoop_schedule_set_mode(hoop_schedule *s, int mode)
{
    if (s->kind->set_mode != NULL) s->kind->set_mode(s->opts, mode);
}

static HOOP_NOINLINE void feed(hoop_schedule *s, double value)
{
    s->kind->feed(s->opts, value, s->state);
}

void hoop_schedule_feed(hoop_schedule *s, double value)
{
    uint64_t mode = hoop_fp_enter();
    if (s->kind->feed != NULL) feed(s, value);
    hoop_fp_restore(mode);
}

double *hoop_schedule_state(hoop_schedule *s)
{
    return s->state;
}
