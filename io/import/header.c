/* Is the first line a header? Its cells are held against all that stands below them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "import/summary.h"
#include "import/table.h"

enum { FIRM = 5, SOME = 3, ROWS = 5 }; /* FIRM: so many cells do not count 0, 1, 2 ... by chance */

typedef struct evidence {
    int64_t over_numbers, again, fresh; /* words over numbers; there below, too; over other words */
    int64_t numbers, empty;             /* empty: but for the first */
    double  last;
    int64_t over, repeated, hole, lone; /* a column of each kind, -1: none */
    int64_t fitting;                    /* numbers such as stand below, too */
    bool    counting, names, rising;    /* 0, 1, 2 ...; names: whole, none twice; rising: over numbers that are not whole */
} evidence;

static bool counts(const hoop_table *t, int64_t i)
{
    char want[24];
    (void)snprintf(want, sizeof want, "%lld", (long long)(i - (*t->seen.first[0] == '\0')));
    return strcmp(t->seen.first[i], want) == 0;
}

static bool digits_only(const char *s)
{
    return *s != '\0' && s[strspn(s, "0123456789")] == '\0';
}

static void weigh_number(const hoop_table *t, int64_t i, double v, evidence *e)
{
    const hoop_column *c = &t->column[i];
    e->numbers++;
    if (!counts(t, i)) e->counting = false;
    if (!digits_only(t->seen.first[i])) e->names = false;
    for (int64_t k = 0; k < i && e->names && i < 4096; k++) e->names = strcmp(t->seen.first[k], t->seen.first[i]) != 0;
    e->fitting += c->seen.words == 0 && c->seen.whole && v >= c->seen.low && v <= c->seen.high;
    if (c->seen.whole || v <= e->last) e->rising = false;
    e->last = v;
}

static void weigh(const hoop_table *t, evidence *e)
{
    *e = (evidence){.over = -1, .repeated = -1, .hole = -1, .last = -1, .counting = true, .names = true, .rising = true};
    for (int64_t i = 0; i < t->columns; i++) {
        const hoop_column *c = &t->column[i];
        double             v;
        const hoop_cell    kind = hoop__cell(t->seen.first[i], t->locale, &v);
        switch (kind) {
        case HOOP_CELL_NUMBER:
            weigh_number(t, i, v, e);
            break;
        case HOOP_CELL_EMPTY:
            if ((i == 0 && t->columns > 1) || c->seen.empty == t->seen.rows) break; /* an index; a separator at each line's end */
            e->empty++;
            if (e->hole < 0) e->hole = i;
            break;
        case HOOP_CELL_WORD:
        case HOOP_CELL_BOOL:
            if (kind == HOOP_CELL_WORD ? c->seen.again : c->seen.bools > 0) {
                e->again++;
                if (e->repeated < 0) e->repeated = i;
            } else if (c->seen.words == 0 && c->seen.numbers + c->seen.bools > 0) {
                e->over_numbers++;
                if (e->over < 0) e->over = i;
            } else {
                e->fresh++;
                e->lone = i;
            }
            break;
        default:
            break; /* NA, inf: a header has none, a row may */
        }
    }
}

static hoop_status doubt(const hoop_table *t, int64_t i, const char *what, hoop_error *err)
{
    char shown[HOOP_SHOWN];
    return hoop_fail(err, HOOP_EFORMAT,
                     "%s: line %lld, column %lld: '%s' %s; say which it is: --header (the line names the columns) or --no-header "
                     "(it is data)",
                     t->csv.path, (long long)t->seen.first_line, (long long)i + 1, hoop__shown(t->seen.first[i], shown), what);
}

/* Numbers, and words that stand in no line below: a class that is there once, or a name. */
static hoop_status by_target(hoop_table *t, const evidence *e, hoop_error *err)
{
    int64_t            i = t->columns - 1;
    const hoop_column *c;
    if (t->opts->target != NULL && !hoop__names_said(t->opts->target)) i = strtoll(t->opts->target, NULL, 10);
    if (i < 0) i += t->columns;
    if (t->opts->no_target || i < 0 || i >= t->columns) i = t->columns - 1;
    c = &t->column[i];
    if (c->seen.words == 0 || digits_only(t->seen.first[i]) || c->seen.words < 2 * c->seen.texts.n) {
        if (!e->names || e->fitting > 0 || t->seen.rows < ROWS) return HOOP_OK;
        return doubt(t, e->lone, "stands in no other line, as a name would, beside numbers that are none of their columns'", err);
    }
    if (e->names && e->fitting < e->numbers) {
        t->plan.header = true;
        hoop__say(t->result, "header",
                  "line %lld names the columns: '%s' stands nowhere else in its column (--no-header: it is data)",
                  (long long)t->seen.first_line, t->seen.first[i]);
        return HOOP_OK;
    }
    return doubt(t, i, "stands nowhere else in its column, as a name would, but numbers stand beside it, as in a row", err);
}

static hoop_status by_words(hoop_table *t, const evidence *e, hoop_error *err)
{
    if (e->numbers > 0) {
        if (e->counting && e->numbers > 1) {
            if (e->again > 0)
                return doubt(t, e->repeated, "stands in other lines, too, beside numbers that count 0, 1, 2 ...", err);
            t->plan.header = true;
            hoop__say(t->result, "header", "line %lld names the columns: its numbers count 0, 1, 2 ... (--no-header: it is data)",
                      (long long)t->seen.first_line);
            return HOOP_OK;
        }
        if (e->again > 0) return HOOP_OK;
        if (e->over_numbers > 0)
            return doubt(t, e->over, "is a word over numbers, as a name would be, but the line has numbers, too", err);
        return by_target(t, e, err);
    }
    if (e->again > 0 && e->fresh > 0 && e->over_numbers == 0)
        return doubt(t, e->repeated, "stands in other lines, too, as data would; other words of the line do not", err);
    if (e->again > 0 && e->over_numbers == 0) return HOOP_OK;
    if (e->empty > 0) return doubt(t, e->hole, "is empty between what look like names", err);
    t->plan.header = true;
    hoop__say(t->result, "header", "line %lld names the columns: words, %s (--no-header: it is data)",
              (long long)t->seen.first_line, e->over_numbers > 0 ? "which stand over numbers" : "which stand in no other line");
    return HOOP_OK;
}

/* numpy.arange in rows: the second line goes on where the first ends. */
static bool goes_on(const hoop_table *t)
{
    for (int64_t i = 0; i < t->columns; i++)
        if (t->seen.sampled == 0 || t->seen.sample[i] != (double)(t->columns + i)) return false;
    return true;
}

static hoop_status by_evidence(hoop_table *t, hoop_error *err)
{
    evidence e;
    weigh(t, &e);
    if (e.over_numbers + e.again + e.fresh > 0) return by_words(t, &e, err);
    if (e.names && e.rising && e.numbers == t->columns && e.numbers >= SOME && !e.counting && t->seen.rows > 0)
        return doubt(
            t, 0, "begins a line of rising whole numbers over numbers that are not whole, as years would that name columns", err);
    if (!e.counting || e.numbers < 2 || e.empty > 0 || t->seen.rows == 0) return HOOP_OK;
    if (goes_on(t)) return doubt(t, 0, "begins a line that counts 0, 1, 2 ..., and the next counts on", err);
    if (e.fitting == e.numbers && e.numbers < FIRM)
        return doubt(t, t->columns - 1, "ends a line that counts 0, 1, 2 ..., as names would that pandas gives, or a row might",
                     err);
    t->plan.header = true;
    hoop__say(t->result, "header", "line %lld names the columns: it counts 0, 1, 2 ... (--no-header: it is data)",
              (long long)t->seen.first_line);
    return HOOP_OK;
}

static hoop_status take_names(hoop_table *t, char *const *from, hoop_error *err)
{
    t->plan.names = calloc((size_t)t->columns, sizeof *t->plan.names);
    for (int64_t i = 0; t->plan.names != NULL && i < t->columns; i++)
        if ((t->plan.names[i] = strdup(from[i])) == NULL) return hoop_fail(err, HOOP_ENOMEM, "%s: no memory", t->csv.path);
    return t->plan.names != NULL ? HOOP_OK : hoop_fail(err, HOOP_ENOMEM, "%s: no memory", t->csv.path);
}

/* ---- names in a comment, as numpy.savetxt writes them ---- */

/* The last comment above the first record, cut as rows are, gives as many fields, none a number. */
static hoop_status from_remark(hoop_table *t, hoop_error *err, bool *found)
{
    double  v;
    int64_t numbers = 0;
    *found          = false;
    if (t->seen.remark == NULL || t->columns < 2) return HOOP_OK;
    for (int64_t i = 0; i < t->columns; i++)
        numbers += *t->seen.remark[i] == '\0' || hoop__cell(t->seen.remark[i], t->locale, &v) == HOOP_CELL_NUMBER;
    *found = numbers == 0;
    if (*found) return take_names(t, t->seen.remark, err);
    if (t->opts->comment == 0 && numbers >= (t->csv.separator == HOOP_CSV_BLANK ? t->columns - 1 : 1))
        t->csv.alike_line = t->csv.remark_line; /* a row, rather */
    return HOOP_OK;
}

static bool names_wanted(const hoop_table *t)
{
    const hoop_csv_opts *o = t->opts;
    for (int64_t k = 0; t->by_like && k < t->like.nx && t->like.x != NULL; k++)
        for (int64_t i = 0; i < t->columns; i++)
            if (strcmp(t->seen.first[i], t->like.x[k]) == 0 && hoop__names_said(t->seen.first[i])) return true;
    return hoop__names_said(o->target) || hoop__names_said(o->drop) || hoop__names_said(o->columns) ||
           hoop__names_said(o->one_hot);
}

static bool first_is_numbers(const hoop_table *t)
{
    double v;
    for (int64_t i = 0; i < t->columns; i++)
        if (hoop__cell(t->seen.first[i], t->locale, &v) != HOOP_CELL_NUMBER) return false;
    return true;
}

hoop_status hoop__table_header(hoop_table *t, hoop_error *err)
{
    const hoop_csv_header said   = t->opts->header;
    const bool            wanted = said == HOOP_CSV_HEADER || (said == HOOP_CSV_AUTO && names_wanted(t));
    hoop_status           st;
    if (said != HOOP_CSV_NO_HEADER && (!wanted || first_is_numbers(t))) {
        if ((st = from_remark(t, err, &t->plan.from_remark)) != HOOP_OK) return st;
    }
    if (t->csv.alike_line > 0 && t->opts->comment == 0)
        return hoop_fail(
            err, HOOP_EFORMAT,
            "%s: line %lld begins with # and has as many fields as a row; is it one? --comment none takes it as one, "
            "--comment '#' leaves such lines out",
            t->csv.path, (long long)t->csv.alike_line);
    if (t->plan.from_remark) {
        hoop__say(t->result, "header", "the comment in line %lld names the columns (--no-header: it does not)",
                  (long long)t->csv.remark_line);
        return HOOP_OK;
    }
    if (wanted) {
        t->plan.header = true;
        hoop__say(t->result, "header", "line %lld names the columns, as %s", (long long)t->seen.first_line,
                  said == HOOP_CSV_HEADER ? "--header says" : "other options use names");
        return take_names(t, t->seen.first, err);
    }
    if (said == HOOP_CSV_AUTO && (st = by_evidence(t, err)) != HOOP_OK) return st;
    if (t->plan.header) return take_names(t, t->seen.first, err);
    hoop__say(t->result, "header", "none: line %lld is data%s", (long long)t->seen.first_line,
              said == HOOP_CSV_NO_HEADER ? ", as --no-header says" : " (--header: it names the columns)");
    return HOOP_OK;
}
