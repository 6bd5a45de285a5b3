/*
 * watch.c - who is where when nothing moves.
 *
 * A rank whose deadline has passed asks all others over the control tag where they are. Whoever is inside any wait or
 * progress of hoop answers; those that do not within a second are silent. Those that did are then asked when they last heard of
 * the silent ones (of the least advanced of them). The error names the silent ranks and the least advanced of the others, and is
 * told to all, so that all return it at about the same time. In all this takes less than 2 s.
 */
#include "comm_internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define ANSWER_NS INT64_C(1000000000)
#define HEARSAY_NS INT64_C(500000000)
#define TELL_NS INT64_C(100000000)

static hoop__position own_position(const hoop_comm *c)
{
    hoop__position at = c->position;
    at.seq            = c->pending != NULL ? c->pending->seq : c->seq;
    at.age_ms         = (hoop__clock_ns() - c->position_ns) / 1000000;
    if (c->waiting != NULL) hoop__copy_text(at.what, c->waiting->what, HOOP__WHAT);
    return at;
}

void hoop__watch_heard(hoop_comm *c, const hoop_work *w, int peer)
{
    hoop__peer *p = &c->peers[peer];
    p->heard.step = c->position.step;
    p->heard.seq  = w->seq;
    p->heard_ns   = c->tick_ns;
    memcpy(p->heard.what, w->what, HOOP__WHAT);
}

static hoop__position heard_of(const hoop_comm *c, int peer)
{
    hoop__position at = c->peers[peer].heard;
    at.age_ms         = (hoop__clock_ns() - c->peers[peer].heard_ns) / 1000000;
    return at;
}

static void send_to_all(hoop_comm *c, const hoop__message *m)
{
    for (int r = 0; r < c->size; r++)
        if (r != c->rank && !c->peers[r].silent) c->transport->control_send(c, r, m);
}

static void answer(hoop_comm *c, const hoop__message *query)
{
    hoop__message *m = &c->message;
    const int      n = query->nabout < HOOP__ABOUT ? query->nabout : HOOP__ABOUT, to = query->from;
    int            about[HOOP__ABOUT] = {0};
    for (int i = 0; i < n; i++) about[i] = query->about[i];
    memset(m, 0, sizeof *m);
    m->type     = HOOP__ANSWER;
    m->from     = c->rank;
    m->position = own_position(c);
    for (int i = 0; i < n; i++) {
        if (about[i] < 0 || about[i] >= c->size || c->peers[about[i]].heard_ns == 0) continue;
        m->about[m->nabout]   = about[i];
        m->heard[m->nabout++] = heard_of(c, about[i]);
    }
    c->transport->control_send(c, to, m);
}

static bool is_behind(const hoop__position *a, const hoop__position *b)
{
    return a->step != b->step ? a->step < b->step : a->seq < b->seq;
}

static void take_answer(hoop_comm *c, const hoop__message *m)
{
    c->peers[m->from].answer   = m->position;
    c->peers[m->from].answered = true;
    for (int i = 0; i < m->nabout && i < HOOP__ABOUT; i++) {
        hoop__peer *p;
        if (m->about[i] < 0 || m->about[i] >= c->size) continue;
        p = &c->peers[m->about[i]];
        if (!p->has_hearsay || is_behind(&p->hearsay, &m->heard[i])) p->hearsay = m->heard[i];
        p->has_hearsay = true;
    }
}

void hoop__watch_poll(hoop_comm *c)
{
    while (c->poison.status == HOOP_OK && c->transport->control_receive(c, &c->message)) {
        hoop__message *m = &c->message;
        if (m->from < 0 || m->from >= c->size) continue;
        if (m->type == HOOP__QUERY) {
            if (m->from < c->rank) c->asked_below_ns = hoop__clock_ns();
            answer(c, m); /* writes into c->message */
        } else if (m->type == HOOP__ANSWER) {
            take_answer(c, m);
        } else if (m->type == HOOP__FAILED) {
            hoop_error why              = {0};
            m->text[sizeof m->text - 1] = '\0';
            (void)hoop_fail(&why, (hoop_status)m->status, "%s", m->text);
            c->told = true;
            hoop__comm_poison(c, &why);
        }
    }
}

void hoop__watch_tell(hoop_comm *c, const hoop_error *why)
{
    hoop__message *m = &c->message;
    if (c->transport == NULL) return;
    memset(m, 0, sizeof *m);
    m->type   = HOOP__FAILED;
    m->from   = c->rank;
    m->status = (int32_t)why->status;
    hoop__copy_text(m->text, why->text, sizeof m->text);
    send_to_all(c, m);
}

static int count_missing(const hoop_comm *c)
{
    int n = 0;
    for (int r = 0; r < c->size; r++) n += r != c->rank && !c->peers[r].answered && !c->peers[r].silent;
    return n;
}

/* Ask those that are not known to be silent; listen until all have answered, time is up, or someone else has found out. */
static void ask(hoop_comm *c, const int32_t *about, int nabout, int64_t ns)
{
    const int64_t until = hoop__clock_ns() + ns;
    int64_t       spins = 0;
    for (int r = 0; r < c->size; r++) c->peers[r].answered = false;
    memset(&c->message, 0, sizeof c->message);
    c->message.type   = HOOP__QUERY;
    c->message.from   = c->rank;
    c->message.nabout = nabout;
    for (int i = 0; i < nabout; i++) c->message.about[i] = about[i];
    send_to_all(c, &c->message);
    while (hoop__clock_ns() < until && count_missing(c) > 0 && c->poison.status == HOOP_OK) {
        hoop__watch_poll(c);
        spins += 1 << 20; /* nothing to hurry for: let others run */
        hoop__comm_relax(c, &spins);
    }
}

/* Deadlines pass at about the same time everywhere: where a lower rank is asking too, its finding is waited for, so that one rank
 * tells and all others were told. */
static void let_lower_rank_tell(hoop_comm *c)
{
    const int64_t now   = hoop__clock_ns();
    int64_t       spins = 0;
    if (c->asked_below_ns == 0 || now - c->asked_below_ns > 2 * ANSWER_NS) return;
    while (hoop__clock_ns() < now + TELL_NS && c->poison.status == HOOP_OK) {
        hoop__watch_poll(c);
        spins += 1 << 20;
        hoop__comm_relax(c, &spins);
    }
}

typedef struct line {
    char text[HOOP_ERROR_TEXT];
    int  used;
} line;

static void HOOP_PRINTF(2, 3) append(line *l, const char *format, ...)
{
    va_list args;
    int     n;
    va_start(args, format);
    n = vsnprintf(l->text + l->used, sizeof l->text - (size_t)l->used, format, args);
    va_end(args);
    if (n > 0) l->used += n;
    if (l->used > (int)sizeof l->text - 1) l->used = (int)sizeof l->text - 1;
}

/* Where rank r was when anybody last heard of it; false: nobody did. */
static bool last_heard(const hoop_comm *c, int r, hoop__position *last)
{
    const hoop__peer *p     = &c->peers[r];
    const bool        known = p->heard_ns != 0;
    *last                   = heard_of(c, r);
    if (p->has_hearsay && (!known || is_behind(last, &p->hearsay))) *last = p->hearsay;
    return known || p->has_hearsay;
}

/* Of the silent ranks but those in `named` the least advanced, as far as is known; -1: there is no other. */
static int next_silent(const hoop_comm *c, const int32_t *named, int n)
{
    int            least       = -1;
    bool           least_known = false;
    hoop__position at, least_at;
    for (int r = 0; r < c->size; r++) {
        bool taken = r == c->rank || !c->peers[r].silent, known;
        for (int i = 0; i < n; i++) taken |= named[i] == r;
        if (taken) continue;
        known = last_heard(c, r, &at);
        if (least >= 0 && !(known && least_known ? is_behind(&at, &least_at) : least_known && !known)) continue;
        least       = r;
        least_at    = at;
        least_known = known;
    }
    return least;
}

static void append_silent(line *l, const hoop_comm *c, int r)
{
    hoop__position last;
    append(l, "rank %d on %s ", r, c->peers[r].host);
    if (last_heard(c, r, &last))
        append(l, "(last heard of in \"%s\" of step %lld, %.1f s ago)", last.what, (long long)last.step,
               (double)last.age_ms * 1e-3);
    else
        append(l, "(never heard of)");
}

/* The text of the error, from what was found out. */
static void describe(const hoop_comm *c, const hoop_work *w, double waited_s, line *l)
{
    hoop__position least = own_position(c);
    int32_t        named[HOOP__ABOUT];
    int            who = c->rank, silent = 0, shown = 0;
    for (int r = 0; r < c->size; r++) {
        if (r == c->rank) continue;
        silent += c->peers[r].silent;
        if (c->peers[r].silent || !is_behind(&c->peers[r].answer, &least)) continue;
        least = c->peers[r].answer;
        who   = r;
    }
    append(l, "%s of step %lld: nothing moved for %.1f s; ", w->what, (long long)c->position.step, waited_s);
    if (silent == 0)
        append(l, "all ranks answer");
    else
        append(l, "silent: ");
    for (int r; shown < HOOP__ABOUT && (r = next_silent(c, named, shown)) >= 0; named[shown++] = r) {
        if (shown > 0) append(l, ", ");
        append_silent(l, c, r);
    }
    if (silent > shown) append(l, " and %d more", silent - shown);
    append(l, "; least advanced of those that answer: rank %d on %s, in \"%s\" of step %lld", who, c->peers[who].host, least.what,
           (long long)least.step);
}

hoop_status hoop__watch_diagnose(hoop_comm *c, const hoop_work *w, double waited_s, hoop_error *err)
{
    int32_t about[HOOP__ABOUT];
    int     n = 0;
    line    l = {{0}, 0};
    for (int r = 0; r < c->size; r++) c->peers[r].silent = false;
    ask(c, NULL, 0, ANSWER_NS);
    for (int r = 0; r < c->size; r++) c->peers[r].silent = r != c->rank && !c->peers[r].answered;
    for (int r; n < HOOP__ABOUT && (r = next_silent(c, about, n)) >= 0;) about[n++] = r;
    if (n > 0) ask(c, about, n, HEARSAY_NS);
    let_lower_rank_tell(c);
    if (c->poison.status != HOOP_OK) return hoop_comm_check(c, err);
    describe(c, w, waited_s, &l);
    (void)hoop_fail(err, HOOP_ETIMEOUT, "%s", l.text);
    for (int r = 0; r < c->size; r++) c->peers[r].silent = false; /* it may come back, and is told too */
    hoop__watch_tell(c, err);
    return HOOP_ETIMEOUT;
}
