#include "command/layer_tree.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command/print.h"

/* parameters, then buffers */
typedef struct tensors {
    const hoop_checkpoint_tensor **x;
    int64_t                        n;
} tensors;

enum { PATH = HOOP_CHECKPOINT_NAME + 1, LIST = 200 };

/* what comes behind a path ("h.0."); NULL: it is not below it */
static const char *below(const hoop_checkpoint_tensor *t, const char *path)
{
    const size_t n = strlen(path);
    return strncmp(t->name, path, n) == 0 ? t->name + n : NULL;
}

static int64_t parameters(const tensors *all, const char *path)
{
    int64_t sum = 0;
    for (int64_t i = 0; i < all->n; i++)
        if (all->x[i]->kind == HOOP_CKPT_PARAMETER && below(all->x[i], path) != NULL) sum += all->x[i]->numel;
    return sum;
}

/* the next tensor from i on that is below a path; all->n: none */
static int64_t next_below(const tensors *all, int64_t i, const char *path)
{
    while (i < all->n && below(all->x[i], path) == NULL) i++;
    return i;
}

/* the same names and shapes below both? */
static bool alike(const tensors *all, const char *a, const char *b)
{
    int64_t i = next_below(all, 0, a), j = next_below(all, 0, b);
    for (; i < all->n && j < all->n; i = next_below(all, i + 1, a), j = next_below(all, j + 1, b)) {
        const hoop_checkpoint_tensor *s = all->x[i], *t = all->x[j];
        if (strcmp(below(s, a), below(t, b)) != 0 || s->kind != t->kind || s->ndim != t->ndim ||
            memcmp(s->shape, t->shape, (size_t)s->ndim * sizeof *s->shape) != 0)
            return false;
    }
    return i == all->n && j == all->n;
}

/* "weight (64, 3, 3, 3), bias (64)": those that stand at the path itself */
static void own_tensors(const tensors *all, const char *path, char out[LIST])
{
    size_t at = 0;
    out[0]    = '\0';
    for (int64_t i = 0; i < all->n && at < LIST; i++) {
        const hoop_checkpoint_tensor *t    = all->x[i];
        const char                   *name = below(t, path);
        char                          shape[PRINT_SHAPE];
        if (name == NULL || strchr(name, '.') != NULL) continue;
        print_shape(t->ndim, t->shape, shape);
        at += (size_t)snprintf(out + at, LIST - at, "%s%s %s", at == 0 ? "" : ", ", name, shape);
    }
}

/* The path of the layer that tensor i is in, right below a path ("h.0." below "h."); false: it stands there itself, or another
 * before it is of the same layer. */
static bool begins(const tensors *all, int64_t i, const char *path, char out[PATH])
{
    const char *name = below(all->x[i], path), *dot = name == NULL ? NULL : strchr(name, '.');
    if (dot == NULL) return false;
    (void)snprintf(out, PATH, "%.*s", (int)(dot + 1 - all->x[i]->name), all->x[i]->name);
    return next_below(all, 0, out) == i;
}

/* how many numbered layers from this one on are alike; last: the path of the last of them */
static int64_t run_of(const tensors *all, int64_t i, const char *path, const char *layer, char last[PATH])
{
    char    next[PATH];
    int64_t n = 1;
    (void)snprintf(last, PATH, "%s", layer);
    if (layer[strlen(path) + strspn(layer + strlen(path), "0123456789")] != '.') return 1;
    for (int64_t j = i + 1; j < all->n; j++) {
        if (!begins(all, j, path, next)) continue;
        if (!alike(all, layer, next)) return n;
        (void)snprintf(last, PATH, "%s", next);
        n++;
    }
    return n;
}

/* "3." without its dot */
static int word(const char *layer, const char *path)
{
    return (int)(strlen(layer) - strlen(path)) - 1;
}

static void print_below(table *t, const tensors *all, const char *path, int depth)
{
    char layer[PATH], last[PATH], own[LIST];
    for (int64_t i = 0; i < all->n; i++) {
        const char *name = below(all->x[i], path);
        int64_t     same;
        if (!begins(all, i, path, layer)) continue;
        same = run_of(all, i, path, layer, last);
        own_tensors(all, layer, own);
        if (same == 1)
            table_cell(t, "%*s%.*s", 2 * depth, "", word(layer, path), name);
        else
            table_cell(t, "%*s%.*s ... %.*s", 2 * depth, "", word(layer, path), name, word(last, path), last + strlen(path));
        table_cell(t, "%" PRId64, same * parameters(all, layer));
        if (same == 1)
            table_cell(t, "%s", own);
        else
            table_cell(t, "%" PRId64 " alike%s%s", same, own[0] == '\0' ? "" : ", of each: ", own);
        print_below(t, all, layer, depth + 1);
        while (same > 1) same -= begins(all, ++i, path, layer);
    }
}

bool layer_tree_print(const hoop_checkpoint *c)
{
    static const char *const      head[] = {"layer", "-parameters", ""};
    const hoop_checkpoint_tensor *x;
    tensors                       all = {NULL, 0};
    table                         t   = {0};
    int64_t                       n   = 0;
    char                          own[LIST];
    while (hoop_checkpoint_tensor_at(c, n) != NULL) n++;
    all.x = calloc((size_t)n + 1, sizeof *all.x);
    if (all.x == NULL) return false;
    for (int buffers = 0; buffers < 2; buffers++)
        for (int64_t i = 0; (x = hoop_checkpoint_tensor_at(c, i)) != NULL; i++)
            if (x->kind == (buffers ? HOOP_CKPT_BUFFER : HOOP_CKPT_PARAMETER)) all.x[all.n++] = x;
    own_tensors(&all, "", own);
    table_begin(&t, head, 3);
    table_cell(&t, "model");
    table_cell(&t, "%" PRId64, parameters(&all, ""));
    table_cell(&t, "%s", own);
    print_below(&t, &all, "", 1);
    free(all.x);
    return table_end(&t, "");
}
