/* Reading .golden files: words and numbers between blanks. */
#include "golden.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct golden_file {
    FILE       *file;
    char        path[512], family[GOLDEN_WORD];
    int         line;
    golden_case c;
};

golden_file *golden_open(const char *family)
{
    golden_file *f = calloc(1, sizeof *f);
    assert_non_null(f);
    (void)snprintf(f->family, sizeof f->family, "%s", family);
    (void)snprintf(f->path, sizeof f->path, "%s/%s.golden", GOLDEN_DIR, family);
    f->file = fopen(f->path, "r");
    if (f->file == NULL) fail_msg("%s: cannot be read", f->path);
    return f;
}

static void forget(golden_case *c)
{
    for (int i = 0; i < c->ntensors; i++) free(c->tensor[i].v);
    memset(c, 0, sizeof *c);
}

void golden_close(golden_file *f)
{
    forget(&f->c);
    (void)fclose(f->file);
    free(f);
}

static bool line_of(golden_file *f, char *line, int size)
{
    while (fgets(line, size, f->file) != NULL) {
        f->line++;
        line[strcspn(line, "\n")] = '\0';
        if (line[0] != '#' && line[0] != '\0') return true;
    }
    return false;
}

static int shape_of(const char *text, int64_t *shape)
{
    int ndim = 0;
    if (strcmp(text, ".") == 0) return 0;
    for (char *end;; text = end + 1) {
        shape[ndim++] = strtoll(text, &end, 10);
        if (*end != 'x' || ndim == HOOP_MAX_DIMS) return ndim;
    }
}

static void read_numbers(golden_file *f, golden_tensor *x)
{
    x->numel = 1;
    for (int d = 0; d < x->ndim; d++) x->numel *= x->shape[d];
    x->v = calloc((size_t)x->numel + 1, sizeof *x->v);
    assert_non_null(x->v);
    for (int64_t i = 0, n = 0; n < x->numel;) {
        char line[512], *at = line, *end;
        if (!line_of(f, line, sizeof line)) fail_msg("%s:%d: ends within numbers", f->path, f->line);
        for (i = n; n < x->numel; at = end) {
            x->v[n] = strtod(at, &end);
            if (end == at) break;
            n++;
        }
        if (n == i) fail_msg("%s:%d: no number", f->path, f->line);
    }
}

static void read_tensor(golden_file *f, const char *line)
{
    golden_tensor *x = &f->c.tensor[f->c.ntensors];
    char           shape[GOLDEN_WORD], dtype[GOLDEN_WORD];
    bool           found = false;
    if (f->c.ntensors == GOLDEN_TENSORS) fail_msg("%s:%d: more than %d tensors", f->path, f->line, GOLDEN_TENSORS);
    if (sscanf(line, "%95s %95s %95s %95s", x->word, x->name, dtype, shape) != 4) {
        if (sscanf(line, "%95s %95s %95s", x->word, dtype, shape) != 3)
            fail_msg("%s:%d: not a tensor: %s", f->path, f->line, line);
        x->name[0] = '\0';
    }
    for (int d = 0; d < HOOP_DTYPE_COUNT && !found; d++) {
        x->dtype = (hoop_dtype)d;
        found    = strcmp(hoop_dtype_name((hoop_dtype)d), dtype) == 0;
    }
    if (!found) fail_msg("%s:%d: no dtype %s", f->path, f->line, dtype);
    x->ndim = shape_of(shape, x->shape);
    f->c.ntensors++;
    read_numbers(f, x);
}

static void read_option(golden_file *f, const char *line)
{
    golden_option *o = &f->c.option[f->c.noptions++];
    if (f->c.noptions > GOLDEN_OPTIONS || sscanf(line, "option %95s %255[^\n]", o->key, o->value) != 2)
        fail_msg("%s:%d: not an option: %s", f->path, f->line, line);
}

const golden_case *golden_next(golden_file *f)
{
    static const char *const kinds[] = {"case", "layer", "loss", "metric"};
    char                     line[512], word[GOLDEN_WORD];
    forget(&f->c);
    if (!line_of(f, line, sizeof line)) return NULL;
    if (sscanf(line, "%95s %95s", word, f->c.name) != 2) fail_msg("%s:%d: no case: %s", f->path, f->line, line);
    while (f->c.kind <= GOLDEN_METRIC && strcmp(kinds[f->c.kind], word) != 0) f->c.kind++;
    if (f->c.kind > GOLDEN_METRIC) fail_msg("%s:%d: no kind of case: %s", f->path, f->line, word);
    (void)snprintf(f->c.where, sizeof f->c.where, "%.60s.golden:%d, %.60s", f->family, f->line, f->c.name);
    for (;;) {
        if (!line_of(f, line, sizeof line)) fail_msg("%s:%d: ends within a case", f->path, f->line);
        if (strcmp(line, "end") == 0) return &f->c;
        if (strcmp(line, "training") == 0)
            f->c.training = true;
        else if (strncmp(line, "option ", 7) == 0)
            read_option(f, line);
        else
            read_tensor(f, line);
    }
}

const golden_tensor *golden_find(const golden_case *c, const char *word, int i)
{
    for (int k = 0; k < c->ntensors; k++) {
        if (strcmp(c->tensor[k].word, word) == 0 && i-- == 0) return &c->tensor[k];
    }
    return NULL;
}

int golden_count(const golden_case *c, const char *word)
{
    int n = 0;
    while (golden_find(c, word, n) != NULL) n++;
    return n;
}

const char *golden_word(const golden_case *c, const char *key, const char *fallback)
{
    for (int i = 0; i < c->noptions; i++) {
        if (strcmp(c->option[i].key, key) == 0) return c->option[i].value;
    }
    return fallback;
}

double golden_float(const golden_case *c, const char *key, double fallback)
{
    const char *text = golden_word(c, key, NULL);
    return text == NULL ? fallback : strcmp(text, "true") == 0 ? 1.0 : strtod(text, NULL);
}

int golden_ints(const golden_case *c, const char *key, int most, int64_t *out)
{
    const char *at = golden_word(c, key, "");
    int         n  = 0;
    if (strcmp(at, "true") == 0) at = "1";
    while (*at == '[' || *at == ' ') at++;
    for (char *end; n < most; at = end + strspn(end, ", "), n++) {
        out[n] = strtoll(at, &end, 10);
        if (end == at) break;
    }
    return n;
}

int64_t golden_int(const golden_case *c, const char *key, int i, int64_t fallback)
{
    int64_t v[64];
    return i < golden_ints(c, key, 64, v) ? v[i] : fallback;
}

char *golden_attrs(const golden_case *c, const hoop_op *op)
{
    char *attrs = calloc(1, op->attrs_size + 1);
    assert_non_null(attrs);
    for (int i = 0; i < c->noptions; i++) {
        const char       *key = c->option[i].key;
        const hoop_field *f   = NULL;
        if (strcmp(key, "tolerance") == 0) continue;
        for (int k = 0; k < op->nfields && f == NULL; k++)
            if (strcmp(op->fields[k].name, key) == 0) f = &op->fields[k];
        if (f == NULL) {
            fail_msg("%s: %s has no attribute %s", c->where, op->name, key);
            break;
        }
        switch (f->type) {
        case 'i':
            *(int64_t *)(void *)(attrs + f->offset) = golden_int(c, key, 0, 0);
            break;
        case 'n':
            *(int *)(void *)(attrs + f->offset) = (int)golden_int(c, key, 0, 0);
            break;
        case 'b':
            *(bool *)(attrs + f->offset) = golden_int(c, key, 0, 0) != 0;
            break;
        case 'f':
            *(double *)(void *)(attrs + f->offset) = golden_float(c, key, 0.0);
            break;
        default:
            (void)golden_ints(c, key, f->type == 'I' ? HOOP_MAX_DIMS : HOOP_MAX_OUT, (int64_t *)(void *)(attrs + f->offset));
        }
    }
    return attrs;
}
