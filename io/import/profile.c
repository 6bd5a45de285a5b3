/* What the first pass sees of each column, in bounded memory. */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "import/table.h"

enum { SAMPLE_ROWS = 4096, SAMPLE_LEAST = 8, SAMPLE_CELLS = 1 << 21, FEW = 16, INDEX_BITS = 1 << 28 };

static hoop_status no_memory(const hoop_table *t, hoop_error *err)
{
    return hoop_fail(err, HOOP_ENOMEM, "%s: no memory", t->csv.path);
}

hoop_status hoop__table_begin(hoop_table *t, hoop_error *err)
{
    const size_t n      = (size_t)t->csv.nfields;
    t->columns          = t->csv.nfields;
    t->seen.first_line  = t->csv.line;
    t->seen.sample_room = SAMPLE_CELLS / t->columns;
    if (t->seen.sample_room > SAMPLE_ROWS) t->seen.sample_room = SAMPLE_ROWS;
    if (t->seen.sample_room < SAMPLE_LEAST) t->seen.sample_room = SAMPLE_LEAST;
    t->column       = calloc(n, sizeof *t->column);
    t->seen.first   = calloc(n, sizeof *t->seen.first);
    t->plan.target  = calloc(n, sizeof *t->plan.target);
    t->plan.feature = calloc(n, sizeof *t->plan.feature);
    t->seen.sample  = malloc((size_t)t->seen.sample_room * n * sizeof *t->seen.sample);
    if (t->column == NULL || t->seen.first == NULL || t->plan.target == NULL || t->plan.feature == NULL || t->seen.sample == NULL)
        return no_memory(t, err);
    for (int64_t i = 0; i < t->columns; i++) {
        t->seen.first[i] = strdup(hoop__csv_field(&t->csv, i));
        if (t->seen.first[i] == NULL) return no_memory(t, err);
        t->column[i].seen.low   = INFINITY;
        t->column[i].seen.high  = -INFINITY;
        t->column[i].seen.whole = true;
    }
    if (t->csv.remark != NULL) {
        const int64_t fields = hoop__csv_cut(&t->csv, t->csv.remark, &t->seen.remark);
        if (fields < 0) return no_memory(t, err);
        if (fields != t->columns) {
            free(t->seen.remark);
            t->seen.remark = NULL;
        }
    }
    t->seen.count_index = *t->seen.first[0] == '\0' || strncmp(t->seen.first[0], "Unnamed:", 8) == 0;
    t->seen.distinct = t->seen.rising = true;
    t->seen.before                    = -INFINITY;
    return HOOP_OK;
}

void hoop__table_forget(hoop_table *t)
{
    for (int64_t i = 0; i < t->columns; i++) {
        hoop_column *c = &t->column[i];
        c->na_there    = c->seen.na > 0;
        hoop__words_free(&c->seen.texts);
        hoop__labels_free(&c->labels);
        c->seen = (hoop_column_seen){.low = INFINITY, .high = -INFINITY, .whole = true};
    }
    t->seen.rows = t->seen.sampled = t->seen.word_columns = 0;
    t->seen.count_index                                   = false;
}

static void see_number(hoop_column_seen *c, double v, int64_t line)
{
    const double loss = fabs(v - (double)(float)v);
    c->numbers++;
    c->sum += v;
    if (v < c->low) c->low = v;
    if (v > c->high) c->high = v;
    if (loss > c->loss) {
        c->loss = loss;
        if (isinf(loss) && c->huge_line == 0) {
            c->huge_line = line;
            c->huge      = v;
        }
    }
    if (c->whole && (fabs(v) >= 0x1p63 || (double)(int64_t)v != v)) c->whole = false;
}

/* Is v, beyond 2^53, another number than the whole one that is written? */
static bool is_rounded(const char *text, double v)
{
    char         is[400];
    const size_t sign = *text == '-' || *text == '+', zeros = strspn(text + sign, "0");
    if (text[sign + strspn(text + sign, "0123456789")] != '\0') return false;
    (void)snprintf(is, sizeof is, "%.0f", fabs(v));
    return strcmp(is, text + sign + zeros) != 0;
}

static void first_line(int64_t *at, int64_t line, const char *text, char *out, size_t size)
{
    char shown[HOOP_SHOWN];
    if (*at != 0 && *at <= line) return;
    *at = line;
    if (out == NULL) return;
    (void)hoop__shown(text, shown);
    memcpy(out, shown, size < HOOP_SHOWN ? size : HOOP_SHOWN);
    out[size - 1] = '\0';
}

/* A text to remember. */
static bool remember(hoop_table *t, hoop_column *c, const char *text, int64_t line)
{
    if (c->seen.texts.max == 0)
        c->seen.texts.max = c->every || t->seen.word_columns++ < FEW ? HOOP_CLASSES_MAX : HOOP_WORDS_MAX + 1;
    return hoop__words_add(&c->seen.texts, text, line);
}

static bool see_cell(hoop_table *t, int64_t i, const char *text, int64_t line, double *v)
{
    hoop_column *c = &t->column[i];
    switch (hoop__cell(text, t->locale, v)) {
    case HOOP_CELL_NUMBER:
        see_number(&c->seen, *v, line);
        if (fabs(*v) >= 0x1p53 && c->seen.rounded_line == 0 && is_rounded(text, *v)) c->seen.rounded_line = line;
        return !c->every || c->seen.texts.many || remember(t, c, text, line);
    case HOOP_CELL_BOOL:
        c->seen.bools++;
        c->seen.sum += *v;
        if (*v < c->seen.low) c->seen.low = *v;
        if (*v > c->seen.high) c->seen.high = *v;
        if (c->seen.word_line == 0 && c->seen.words == 0)
            first_line(&c->seen.word_line, line, text, c->seen.word, sizeof c->seen.word);
        return remember(t, c, text, line);
    case HOOP_CELL_EMPTY:
        c->seen.empty++;
        first_line(&c->seen.empty_line, line, text, NULL, 0);
        break;
    case HOOP_CELL_NA:
        c->seen.na++;
        first_line(&c->seen.na_line, line, text, c->seen.na_text, sizeof c->seen.na_text);
        *v = NAN;
        return !c->every || remember(t, c, text, line);
    case HOOP_CELL_INFINITE:
        c->seen.infinite++;
        first_line(&c->seen.infinite_line, line, text, c->seen.infinite_text, sizeof c->seen.infinite_text);
        *v = NAN;
        return !c->every || remember(t, c, text, line);
    default:
        if (c->seen.words++ == 0 && c->seen.bools > 0) c->seen.word_line = 0; /* not of true or false */
        first_line(&c->seen.word_line, line, text, c->seen.word, sizeof c->seen.word);
        if (!c->seen.again && line > t->seen.first_line) c->seen.again = strcmp(text, t->seen.first[i]) == 0;
        *v = NAN;
        return remember(t, c, text, line);
    }
    *v = NAN;
    return true;
}

/* Whole numbers of which none is twice: rising, or each with a bit of its own. */
static bool see_index(hoop_table *t, double v)
{
    int64_t at, room;
    if (!(v > t->seen.before)) t->seen.rising = false;
    t->seen.before = v;
    if (!(v >= 0 && v < INDEX_BITS && v == floor(v))) {
        t->seen.distinct = false; /* as far as bits can tell */
        return true;
    }
    if (!t->seen.distinct) return true;
    at = (int64_t)v;
    if (at >= t->seen.nbits) {
        unsigned char *grown;
        for (room = t->seen.nbits == 0 ? 8192 : t->seen.nbits; room <= at;) room *= 2;
        grown = realloc(t->seen.bits, (size_t)(room / 8));
        if (grown == NULL) return false;
        memset(grown + t->seen.nbits / 8, 0, (size_t)((room - t->seen.nbits) / 8));
        t->seen.bits  = grown;
        t->seen.nbits = room;
    }
    if (t->seen.bits[at / 8] & 1 << at % 8) t->seen.distinct = false;
    t->seen.bits[at / 8] = (unsigned char)(t->seen.bits[at / 8] | 1 << at % 8);
    return true;
}

bool hoop__table_counts(const hoop_table *t)
{
    const hoop_column *c = &t->column[0];
    return t->seen.count_index && c->seen.whole && c->seen.numbers == t->seen.rows && (t->seen.rising || t->seen.distinct);
}

hoop_status hoop__table_see(hoop_table *t, hoop_error *err)
{
    double *sample = t->seen.sampled < t->seen.sample_room ? t->seen.sample + t->seen.sampled * t->columns : NULL;
    if (t->csv.nfields != t->columns)
        return hoop_fail(err, HOOP_EFORMAT, "%s: line %lld has %lld columns, the first has %lld", t->csv.path,
                         (long long)t->csv.line, (long long)t->csv.nfields, (long long)t->columns);
    for (int64_t i = 0; i < t->columns; i++) {
        double v;
        if (!see_cell(t, i, hoop__csv_field(&t->csv, i), t->csv.line, &v)) return no_memory(t, err);
        if (sample != NULL) sample[i] = v;
        if (i == 0 && t->seen.count_index && !see_index(t, v)) return no_memory(t, err);
    }
    if (sample != NULL) t->seen.sampled++;
    t->seen.rows++;
    return HOOP_OK;
}

hoop_status hoop__table_see_first(hoop_table *t, hoop_error *err)
{
    t->seen.count_index = false;
    for (int64_t i = 0; i < t->columns; i++) {
        double v;
        if (!see_cell(t, i, t->seen.first[i], t->seen.first_line, &v)) return no_memory(t, err);
        if (t->seen.sampled > 0) t->seen.sample[i] = v; /* another takes its place */
    }
    t->seen.rows++;
    return HOOP_OK;
}

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

int64_t hoop__table_merged(const hoop_table *t, int64_t i, int64_t *different)
{
    double *v = malloc((size_t)(t->seen.sampled + 1) * sizeof *v);
    int64_t n = 0, merged = 0;
    *different = 0;
    if (v == NULL) return 0; /* not worth an error: the other measure is there */
    for (int64_t k = 0; k < t->seen.sampled; k++)
        if (!isnan(t->seen.sample[k * t->columns + i])) v[n++] = t->seen.sample[k * t->columns + i];
    qsort(v, (size_t)n, sizeof *v, by_value);
    for (int64_t k = 0; k < n; k++) {
        if (k > 0 && v[k] == v[k - 1]) continue;
        ++*different;
        merged += k > 0 && (float)v[k] == (float)v[k - 1];
    }
    free(v);
    return merged;
}
