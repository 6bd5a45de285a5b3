/* config/compare.c - the keys in which two configs differ. */

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "hoop/config.h"

/* One key with both values while the list grows; `other` is the config that is looked up. */
typedef struct comparison {
    hoop_config_difference *list;
    int64_t                 n, room;
    const hoop_config      *other;
    bool                    swapped; /* walking b: only keys that a lacks count */
    hoop_error             *err;
} comparison;

/* "relu", "[512, 256]", "{linear: 512}" */
static void render(const hoop_value *v, hoop__text *out)
{
    hoop_value_kind kind = hoop_value_get_kind(v);
    const char     *text = hoop_value_text(v);
    if (kind == HOOP_VALUE_NULL) {
        hoop__text_adds(out, "null");
    } else if (kind == HOOP_VALUE_SCALAR) {
        hoop__text_adds(out, text[0] == '\0' ? "\"\"" : text);
    } else {
        hoop__text_adds(out, kind == HOOP_VALUE_LIST ? "[" : "{");
        for (int i = 0; i < hoop_value_count(v); i++) {
            if (i > 0) hoop__text_adds(out, ", ");
            if (kind == HOOP_VALUE_MAP) hoop__text_addf(out, "%s: ", hoop_value_key(v, i));
            render(hoop_value_at(v, i), out);
        }
        hoop__text_adds(out, kind == HOOP_VALUE_LIST ? "]" : "}");
    }
}

static hoop_status render_new(const hoop_value *v, hoop_error *err, char **out)
{
    hoop__text text = {0};
    *out            = NULL;
    if (v == NULL) return HOOP_OK;
    render(v, &text);
    return hoop__text_take(&text, err, out);
}

static hoop_status add(comparison *c, const char *key, char *mine, char *theirs)
{
    if (c->n == c->room) {
        int64_t                 room  = c->room == 0 ? 16 : 2 * c->room;
        hoop_config_difference *grown = realloc(c->list, (size_t)room * sizeof *grown);
        if (grown == NULL) return hoop_fail(c->err, HOOP_ENOMEM, "no memory to compare configs");
        c->list = grown;
        c->room = room;
    }
    hoop_config_difference *d = &c->list[c->n];
    d->key                    = strdup(key);
    if (d->key == NULL) return hoop_fail(c->err, HOOP_ENOMEM, "no memory to compare configs");
    d->a = c->swapped ? theirs : mine;
    d->b = c->swapped ? mine : theirs;
    c->n++;
    return HOOP_OK;
}

static hoop_status compare_value(comparison *c, const char *key, const hoop_value *v)
{
    const hoop_value *w    = hoop_config_get(c->other, key);
    char             *mine = NULL, *theirs = NULL;
    hoop_status       st;
    if (c->swapped && w != NULL) return HOOP_OK;
    HOOP_TRY(st, done, render_new(v, c->err, &mine));
    HOOP_TRY(st, done, render_new(w, c->err, &theirs));
    if (theirs != NULL && strcmp(mine, theirs) == 0) goto done;
    st = add(c, key, mine, theirs);
    if (st == HOOP_OK) return HOOP_OK;
done:
    free(mine);
    free(theirs);
    return st;
}

/* Maps are walked, all else is one value. Depth is bounded by the parser. */
static hoop_status walk(comparison *c, const char *path, const hoop_value *v)
{
    hoop_status st = HOOP_OK;
    for (int i = 0; i < hoop_value_count(v) && st == HOOP_OK; i++) {
        const hoop_value *item = hoop_value_at(v, i);
        hoop__text        text = {0};
        char             *key  = NULL;
        hoop__text_addf(&text, "%s%s%s", path, path[0] == '\0' ? "" : ".", hoop_value_key(v, i));
        st = hoop__text_take(&text, c->err, &key);
        if (st != HOOP_OK) break;
        st = hoop_value_get_kind(item) == HOOP_VALUE_MAP ? walk(c, key, item) : compare_value(c, key, item);
        free(key);
    }
    return st;
}

hoop_status hoop_config_compare(const hoop_config *a, const hoop_config *b, hoop_error *err, hoop_config_difference **out,
                                int64_t *n)
{
    comparison  c = {.err = err};
    hoop_status st;
    c.other = b;
    HOOP_TRY(st, done, walk(&c, "", hoop_config_get(a, "")));
    c.other   = a;
    c.swapped = true;
    HOOP_TRY(st, done, walk(&c, "", hoop_config_get(b, "")));
    *out   = c.list;
    *n     = c.n;
    c.list = NULL;
done:
    hoop_config_differences_free(&c.list, c.n);
    return st;
}

void hoop_config_differences_free(hoop_config_difference **list, int64_t n)
{
    if (list == NULL || *list == NULL) return;
    for (int64_t i = 0; i < n; i++) {
        free((*list)[i].key);
        free((*list)[i].a);
        free((*list)[i].b);
    }
    free(*list);
    *list = NULL;
}
