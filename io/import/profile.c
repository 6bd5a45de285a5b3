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
    const size_t n = (size_t)t->csv.nfields;
    t->columns     = t->csv.nfields;
    t->first_line  = t->csv.line;
    t->sample_room = SAMPLE_CELLS / t->columns;
    if (t->sample_room > SAMPLE_ROWS) t->sample_room = SAMPLE_ROWS;
    if (t->sample_room < SAMPLE_LEAST) t->sample_room = SAMPLE_LEAST;
    t->column  = calloc(n, sizeof *t->column);
    t->first   = calloc(n, sizeof *t->first);
    t->target  = calloc(n, sizeof *t->target);
    t->feature = calloc(n, sizeof *t->feature);
    t->sample  = malloc((size_t)t->sample_room * n * sizeof *t->sample);
    if (t->column == NULL || t->first == NULL || t->target == NULL || t->feature == NULL || t->sample == NULL)
        return no_memory(t, err);
    for (int64_t i = 0; i < t->columns; i++) {
        t->first[i] = strdup(hoop__csv_field(&t->csv, i));
        if (t->first[i] == NULL) return no_memory(t, err);
        t->column[i].low   = INFINITY;
        t->column[i].high  = -INFINITY;
        t->column[i].whole = true;
    }
    if (t->csv.remark != NULL) {
        const int64_t fields = hoop__csv_cut(&t->csv, t->csv.remark, &t->remark);
        if (fields < 0) return no_memory(t, err);
        if (fields != t->columns) {
            free(t->remark);
            t->remark = NULL;
        }
    }
    t->count_index = *t->first[0] == '\0' || strncmp(t->first[0], "Unnamed:", 8) == 0;
    t->distinct = t->rising = true;
    t->before               = -INFINITY;
    return HOOP_OK;
}

void hoop__table_forget(hoop_table *t)
{
    for (int64_t i = 0; i < t->columns; i++) {
        hoop_column *c     = &t->column[i];
        hoop_column  fresh = {
             .low = INFINITY, .high = -INFINITY, .whole = true, .every = c->every, .role = c->role, .one_hot = c->one_hot};
        fresh.na_there = c->na > 0;
        hoop__words_free(&c->seen);
        hoop__labels_free(&c->labels);
        *c = fresh;
    }
    t->rows = t->sampled = t->word_columns = 0;
    t->count_index                         = false;
}

static void see_number(hoop_column *c, double v, int64_t line)
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
    if (c->seen.max == 0) c->seen.max = c->every || t->word_columns++ < FEW ? HOOP_CLASSES_MAX : HOOP_WORDS_MAX + 1;
    return hoop__words_add(&c->seen, text, line);
}

static bool see_cell(hoop_table *t, int64_t i, const char *text, int64_t line, double *v)
{
    hoop_column *c = &t->column[i];
    switch (hoop__cell(text, t->locale, v)) {
    case HOOP_CELL_NUMBER:
        see_number(c, *v, line);
        if (fabs(*v) >= 0x1p53 && c->rounded_line == 0 && is_rounded(text, *v)) c->rounded_line = line;
        return !c->every || c->seen.many || remember(t, c, text, line);
    case HOOP_CELL_BOOL:
        c->bools++;
        c->sum += *v;
        if (*v < c->low) c->low = *v;
        if (*v > c->high) c->high = *v;
        if (c->word_line == 0 && c->words == 0) first_line(&c->word_line, line, text, c->word, sizeof c->word);
        return remember(t, c, text, line);
    case HOOP_CELL_EMPTY:
        c->empty++;
        first_line(&c->empty_line, line, text, NULL, 0);
        break;
    case HOOP_CELL_NA:
        c->na++;
        first_line(&c->na_line, line, text, c->na_text, sizeof c->na_text);
        *v = NAN;
        return !c->every || remember(t, c, text, line);
    case HOOP_CELL_INFINITE:
        c->infinite++;
        first_line(&c->infinite_line, line, text, c->infinite_text, sizeof c->infinite_text);
        *v = NAN;
        return !c->every || remember(t, c, text, line);
    default:
        if (c->words++ == 0 && c->bools > 0) c->word_line = 0; /* not of true or false */
        first_line(&c->word_line, line, text, c->word, sizeof c->word);
        if (!c->again && line > t->first_line) c->again = strcmp(text, t->first[i]) == 0;
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
    if (!(v > t->before)) t->rising = false;
    t->before = v;
    if (!(v >= 0 && v < INDEX_BITS && v == floor(v))) {
        t->distinct = false; /* as far as bits can tell */
        return true;
    }
    if (!t->distinct) return true;
    at = (int64_t)v;
    if (at >= t->nbits) {
        unsigned char *grown;
        for (room = t->nbits == 0 ? 8192 : t->nbits; room <= at;) room *= 2;
        grown = realloc(t->bits, (size_t)(room / 8));
        if (grown == NULL) return false;
        memset(grown + t->nbits / 8, 0, (size_t)((room - t->nbits) / 8));
        t->bits  = grown;
        t->nbits = room;
    }
    if (t->bits[at / 8] & 1 << at % 8) t->distinct = false;
    t->bits[at / 8] = (unsigned char)(t->bits[at / 8] | 1 << at % 8);
    return true;
}

bool hoop__table_counts(const hoop_table *t)
{
    const hoop_column *c = &t->column[0];
    return t->count_index && c->whole && c->numbers == t->rows && (t->rising || t->distinct);
}

hoop_status hoop__table_see(hoop_table *t, hoop_error *err)
{
    double *sample = t->sampled < t->sample_room ? t->sample + t->sampled * t->columns : NULL;
    if (t->csv.nfields != t->columns)
        return hoop_fail(err, HOOP_EFORMAT, "%s: line %lld has %lld columns, the first has %lld", t->csv.path,
                         (long long)t->csv.line, (long long)t->csv.nfields, (long long)t->columns);
    for (int64_t i = 0; i < t->columns; i++) {
        double v;
        if (!see_cell(t, i, hoop__csv_field(&t->csv, i), t->csv.line, &v)) return no_memory(t, err);
        if (sample != NULL) sample[i] = v;
        if (i == 0 && t->count_index && !see_index(t, v)) return no_memory(t, err);
    }
    if (sample != NULL) t->sampled++;
    t->rows++;
    return HOOP_OK;
}

hoop_status hoop__table_see_first(hoop_table *t, hoop_error *err)
{
    t->count_index = false;
    for (int64_t i = 0; i < t->columns; i++) {
        double v;
        if (!see_cell(t, i, t->first[i], t->first_line, &v)) return no_memory(t, err);
        if (t->sampled > 0) t->sample[i] = v; /* another takes its place */
    }
    t->rows++;
    return HOOP_OK;
}

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

int64_t hoop__table_merged(const hoop_table *t, int64_t i, int64_t *different)
{
    double *v = malloc((size_t)(t->sampled + 1) * sizeof *v);
    int64_t n = 0, merged = 0;
    *different = 0;
    if (v == NULL) return 0; /* not worth an error: the other measure is there */
    for (int64_t k = 0; k < t->sampled; k++)
        if (!isnan(t->sample[k * t->columns + i])) v[n++] = t->sample[k * t->columns + i];
    qsort(v, (size_t)n, sizeof *v, by_value);
    for (int64_t k = 0; k < n; k++) {
        if (k > 0 && v[k] == v[k - 1]) continue;
        ++*different;
        merged += k > 0 && (float)v[k] == (float)v[k - 1];
    }
    free(v);
    return merged;
}
