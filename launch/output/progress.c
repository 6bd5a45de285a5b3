#include "output/progress.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "output/terminal.h"
#include "base/text.h"

struct hoop__progress {
    hoop__progress_opts opts;
    bool                bar, colours;
    bool                drawn;    /* a bar stands on the line of the cursor */
    hoop__text          bar_text; /* it */
    double              last_s;   /* of the last drawing or plain line */
    double              due_s;    /* of the last line that hoop__progress_due let through; NAN: there was none */
};

static double monotonic(void *unused)
{
    (void)unused;
    return hoop__now_s();
}

hoop_status hoop__progress_create(const hoop__progress_opts *opts, hoop_error *err, hoop__progress **out)
{
    int             columns = 0;
    hoop__progress *p       = calloc(1, sizeof *p);
    if (p == NULL) return hoop_fail(err, HOOP_ENOMEM, "out of memory for the progress bar");
    p->opts = *opts;
    if (p->opts.clock == NULL) p->opts.clock = monotonic;
    if (p->opts.redraw_s <= 0) p->opts.redraw_s = 0.1;
    if (p->opts.line_s <= 0) p->opts.line_s = 10;
    if (p->opts.worth_s <= 0) p->opts.worth_s = 3;
    bool terminal = hoop__terminal_find(fileno(opts->out), &columns);
    p->bar        = opts->mode == HOOP__PROGRESS_BAR || (opts->mode == HOOP__PROGRESS_AUTO && terminal);
    p->colours    = p->bar && terminal && hoop__terminal_colours();
    p->last_s     = p->opts.clock(p->opts.clock_context);
    p->due_s      = NAN;
    *out          = p;
    return HOOP_OK;
}

/* ---- Text ------------------------------------------------------------------------------------------------------------ */

/* In the order they stand on the line. */
enum { EPOCH, BAR, PERCENT, STEP, LOSS, METRICS, EVALUATIONS, SPEED, STALL, COMM, ETA, FIELDS };
#define CLEAR "\r\033[K"
enum { FIELD_MAX = 168, BAR_MIN = 12, BAR_MAX = 32 };

static void print_number(double x, const char *before, const char *after, char out[FIELD_MAX])
{
    const char *unit = fabs(x) >= 1e9 ? "G" : fabs(x) >= 1e6 ? "M" : fabs(x) >= 1e3 ? "k" : "";
    double      by   = fabs(x) >= 1e9 ? 1e9 : fabs(x) >= 1e6 ? 1e6 : fabs(x) >= 1e3 ? 1e3 : 1;
    (void)snprintf(out, FIELD_MAX, "%s%.*f%s%s", before, fabs(x / by) < 99.95 ? 1 : 0, x / by, unit, after);
}

static void print_share(double share, const char *name, char out[FIELD_MAX])
{
    if (!isnan(share)) (void)snprintf(out, FIELD_MAX, "%s %.0f%%", name, 100 * share);
}

static void print_time(double s, char out[FIELD_MAX])
{
    if (!(s < 1e9)) return;
    long long t = (long long)(s + 0.5);
    if (t < 3600) {
        (void)snprintf(out, FIELD_MAX, "eta %lld:%02lld", t / 60, t % 60);
    } else if (t < 86400) {
        (void)snprintf(out, FIELD_MAX, "eta %lld:%02lld:%02lld", t / 3600, t / 60 % 60, t % 60);
    } else {
        (void)snprintf(out, FIELD_MAX, "eta %lldd %02lldh", t / 86400, t / 3600 % 24);
    }
}

static double fraction(const hoop__progress_state *s)
{
    return s->steps <= 0 ? 0 : fmin(1, fmax(0, (double)s->step / (double)s->steps));
}

static void print_fields(const hoop__progress_state *s, char field[FIELDS][FIELD_MAX])
{
    memset(field, 0, (size_t)FIELDS * FIELD_MAX);
    if (s->epochs > 0) (void)snprintf(field[EPOCH], FIELD_MAX, "epoch %" PRId64 "/%" PRId64, s->epoch, s->epochs);
    (void)snprintf(field[PERCENT], FIELD_MAX, "%3.0f%%", floor(100 * fraction(s)));
    (void)snprintf(field[STEP], FIELD_MAX, "%" PRId64 "/%" PRId64, s->step, s->steps);
    if (!isnan(s->loss))
        (void)snprintf(field[LOSS], FIELD_MAX, fabs(s->loss) >= 1e-3 && fabs(s->loss) < 1e4 ? "loss %.4f" : "loss %.3e", s->loss);
    if (s->metrics != NULL) (void)snprintf(field[METRICS], FIELD_MAX, "%s", s->metrics);
    if (s->evaluations > 0) (void)snprintf(field[EVALUATIONS], FIELD_MAX, "evaluations %" PRId64, s->evaluations);
    if (!isnan(s->samples_per_s)) print_number(s->samples_per_s, "", " samples/s", field[SPEED]);
    print_share(s->stall, "stall", field[STALL]);
    print_share(s->communication, "comm", field[COMM]);
    if (s->step < s->steps) print_time((double)(s->steps - s->step) / s->steps_per_s, field[ETA]);
}

/* Columns that the line takes, two between fields; a field that is empty or dropped takes none. */
static int width(char field[FIELDS][FIELD_MAX], const bool *dropped, int bar)
{
    int sum = 0;
    for (int i = 0; i < FIELDS; i++) {
        int own = i == BAR ? bar : (int)strlen(field[i]);
        if (own > 0 && !dropped[i]) sum += own + (sum > 0 ? 2 : 0);
    }
    return sum;
}

static void draw_bar(const hoop__progress *p, double done, int columns, hoop__text *out)
{
    char cells[BAR_MAX + 1];
    int  inner = columns - 2, full = (int)(done * inner);
    for (int i = 0; i < inner; i++) cells[i] = i < full ? '=' : i == full ? '>' : ' ';
    cells[inner] = '\0';
    hoop__text_addf(out, "[%s%s%s]", p->colours ? "\033[32m" : "", cells, p->colours ? "\033[0m" : "");
}

/* Without an outlet (in tests) it is the stream itself; text that memory fails for is not shown. */
static void emit(hoop__progress *p, const hoop__text *text, bool stays)
{
    if (text->data == NULL || text->failed) return;
    if (p->opts.outlet == NULL) {
        (void)fwrite(text->data, 1, text->size, p->opts.out);
        (void)fflush(p->opts.out);
    } else if (stays) {
        hoop__outlet_keep(p->opts.outlet, text->data, text->size);
    } else {
        hoop__outlet_show(p->opts.outlet, text->data, text->size);
    }
}

/* Where the window is narrow, what matters least goes first. */
static void draw(hoop__progress *p, const hoop__progress_state *s)
{
    static const int least[] = {STALL, COMM, STEP, EVALUATIONS, SPEED, EPOCH, METRICS, BAR, ETA, LOSS};
    char             field[FIELDS][FIELD_MAX];
    bool             dropped[FIELDS] = {false};
    int              columns = p->opts.columns, bar = BAR_MIN, next = 0, written = 0;
    if (columns <= 0 && !hoop__terminal_find(fileno(p->opts.out), &columns)) columns = 80;
    print_fields(s, field);
    while (width(field, dropped, bar) >= columns && next < (int)(sizeof least / sizeof *least)) dropped[least[next++]] = true;
    while (bar < BAR_MAX && width(field, dropped, bar + 1) < columns) bar++;
    hoop__text_clear(&p->bar_text);
    hoop__text_adds(&p->bar_text, CLEAR);
    for (int i = 0; i < FIELDS; i++) {
        if (dropped[i] || (i != BAR && field[i][0] == '\0')) continue;
        if (written++ > 0) hoop__text_adds(&p->bar_text, "  ");
        if (i == BAR) {
            draw_bar(p, fraction(s), bar, &p->bar_text);
        } else {
            hoop__text_adds(&p->bar_text, field[i]);
        }
    }
    emit(p, &p->bar_text, false);
    p->drawn = true;
}

/* A line that stays, in one piece with the bar below it, which so is never away. */
static void put_line(hoop__progress *p, const hoop__text *line, bool bar_follows)
{
    hoop__text all = {0};
    if (p->drawn) hoop__text_adds(&all, CLEAR);
    hoop__text_add(&all, line->data == NULL ? "" : line->data, line->size);
    hoop__text_adds(&all, "\n");
    if (p->drawn && bar_follows) hoop__text_add(&all, p->bar_text.data, p->bar_text.size);
    p->drawn = p->drawn && bar_follows;
    if (!line->failed) emit(p, &all, true);
    hoop__text_clear(&all);
}

static void print_line(hoop__progress *p, const hoop__progress_state *s)
{
    char       field[FIELDS][FIELD_MAX];
    hoop__text line = {0};
    print_fields(s, field);
    hoop__text_addf(&line, "step %s", field[STEP]);
    for (int i = 0; i < FIELDS; i++) {
        if (i != BAR && i != PERCENT && i != STEP && field[i][0] != '\0') hoop__text_addf(&line, "  %s", field[i]);
    }
    put_line(p, &line, s->step < s->steps);
    hoop__text_clear(&line);
}

/* ---- Calls ----------------------------------------------------------------------------------------------------------- */

static bool wants(const hoop__progress *p, double now)
{
    return now - p->last_s >= (p->bar ? p->opts.redraw_s : p->opts.line_s);
}

bool hoop__progress_wants(const hoop__progress *p)
{
    return p != NULL && wants(p, p->opts.clock(p->opts.clock_context));
}

void hoop__progress_update(hoop__progress *p, const hoop__progress_state *state)
{
    if (p == NULL) return;
    double now = p->opts.clock(p->opts.clock_context);
    if (!wants(p, now)) return;
    p->last_s = now;
    if (p->bar) {
        draw(p, state);
    } else {
        print_line(p, state);
    }
}

void hoop__progress_keep(hoop__progress *p, const hoop__progress_state *state)
{
    if (p == NULL) return;
    print_line(p, state);
    p->last_s = p->opts.clock(p->opts.clock_context);
}

void hoop__progress_note(hoop__progress *p, const char *format, ...)
{
    va_list    args;
    char      *text = NULL;
    hoop__text line = {0};
    if (p == NULL) return;
    va_start(args, format);
    if (vasprintf(&text, format, args) < 0) text = NULL;
    va_end(args);
    hoop__text_adds(&line, text == NULL ? "(out of memory)" : text);
    put_line(p, &line, true);
    hoop__text_clear(&line);
    free(text);
}

bool hoop__progress_due(hoop__progress *p, bool worth)
{
    if (p == NULL) return false;
    double now = p->opts.clock(p->opts.clock_context);
    if (now - p->due_s < (worth ? p->opts.worth_s : p->opts.line_s)) return false; /* not if due_s is NAN */
    p->due_s = now;
    return true;
}

void hoop__progress_destroy(hoop__progress **p)
{
    hoop__text clear = {0};
    if (p == NULL || *p == NULL) return;
    hoop__text_adds(&clear, CLEAR);
    if ((*p)->drawn) emit(*p, &clear, true);
    hoop__text_clear(&clear);
    hoop__text_clear(&(*p)->bar_text);
    free(*p);
    *p = NULL;
}
