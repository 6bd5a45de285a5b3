/*
 * manifest.json: what the checkpoint is, its files, and where each piece of each tensor is. Its first line holds the XXH3-128
 * of all bytes after that line, so that it is checked before it is believed.
 */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "checkpoint/catalog.h"

enum { MANIFEST_MAX = 1 << 30 };
static const char head[] = "{\"xxh3_128\": \"", head_end[] = "\",\n", format_name[] = "hoop checkpoint";

/* The strings of meta: key and where. */
static const struct {
    const char *key;
    size_t      offset;
    bool        provenance;
} strings[] = {
    {"run_id", offsetof(hoop_checkpoint_meta, run_id), false},
    {"numerics", offsetof(hoop_checkpoint_meta, numerics), false},
    {"fingerprint", offsetof(hoop_checkpoint_meta, fingerprint), false},
    {"data_fingerprint", offsetof(hoop_checkpoint_meta, data_fingerprint), false},
    {"optimizer", offsetof(hoop_checkpoint_meta, optimizer), false},
    {"config", offsetof(hoop_checkpoint_meta, config), false},
    {"hoop", offsetof(hoop_checkpoint_meta, version), true},
    {"host", offsetof(hoop_checkpoint_meta, host), true},
    {"time", offsetof(hoop_checkpoint_meta, time), true},
    {"command", offsetof(hoop_checkpoint_meta, command), true},
};
static const struct {
    const char *key;
    size_t      offset;
} numbers[] = {
    {"step", offsetof(hoop_checkpoint_meta, step)},     {"epoch", offsetof(hoop_checkpoint_meta, epoch)},
    {"index", offsetof(hoop_checkpoint_meta, index)},   {"ranks", offsetof(hoop_checkpoint_meta, ranks)},
    {"leaves", offsetof(hoop_checkpoint_meta, leaves)}, {"batch", offsetof(hoop_checkpoint_meta, batch)},
};
enum { STRINGS = (int)(sizeof strings / sizeof strings[0]), NUMBERS = (int)(sizeof numbers / sizeof numbers[0]) };

/* ---- writing ---- */

/* A command line or host name need not be UTF-8, JSON must: bytes of text that is not become '?'. */
static json_t *text(const char *s)
{
    json_t *v = json_string(s == NULL ? "" : s);
    char   *copy;
    if (v != NULL || s == NULL || (copy = strdup(s)) == NULL) return v;
    for (char *c = copy; *c != '\0'; c++)
        if ((unsigned char)*c >= 0x80) *c = '?';
    v = json_string(copy);
    free(copy);
    return v;
}

/* Of these three NULL means no memory, or a name that is not UTF-8: nothing is left out silently. */
static json_t *shards_json(const hoop_catalog *c)
{
    json_t *list = json_array();
    bool    good = list != NULL;
    for (int64_t i = 0; i < c->nshards && good; i++)
        good = json_array_append_new(list, json_pack("{s:s, s:I, s:s}", "file", c->shard[i].file, "bytes",
                                                     (json_int_t)c->shard[i].bytes, "xxh3_128", c->shard[i].sum)) == 0;
    if (good) return list;
    json_decref(list);
    return NULL;
}

static json_t *tensor_json(const hoop_catalog_tensor *t)
{
    json_t *shape = json_array(), *pieces = json_array();
    bool    good = shape != NULL && pieces != NULL;
    for (int d = 0; d < t->about.ndim && good; d++) good = json_array_append_new(shape, json_integer(t->about.shape[d])) == 0;
    for (int64_t k = 0; k < t->npieces && good; k++) {
        const hoop_piece *p = &t->piece[k];
        good = json_array_append_new(pieces, json_pack("{s:I, s:I, s:I, s:I, s:s}", "shard", (json_int_t)p->shard, "first",
                                                       (json_int_t)p->first, "count", (json_int_t)p->count, "offset",
                                                       (json_int_t)p->offset, "xxh3_128", p->sum)) == 0;
    }
    if (good)
        return json_pack("{s:s, s:s, s:s, s:s, s:o, s:I, s:o}", "kind", hoop_checkpoint_kind_name(t->about.kind), "group",
                         t->group, "name", t->name, "dtype", hoop_dtype_name(t->about.dtype), "shape", shape, "order",
                         (json_int_t)t->about.order, "pieces", pieces);
    json_decref(shape);
    json_decref(pieces);
    return NULL;
}

static json_t *tensors_json(const hoop_catalog *c)
{
    json_t *list = json_array();
    bool    good = list != NULL;
    for (int64_t i = 0; i < c->ntensors && good; i++) good = json_array_append_new(list, tensor_json(&c->tensor[i])) == 0;
    if (good) return list;
    json_decref(list);
    return NULL;
}

static json_t *manifest_json(const hoop_checkpoint_meta *m, const hoop_catalog *c)
{
    json_t *root = json_object(), *provenance = json_object(), *notes = json_object();
    char    seed[24];
    bool    good = root != NULL && provenance != NULL && notes != NULL;
    (void)snprintf(seed, sizeof seed, "%" PRIu64, m->seed);
    good = good && json_object_set_new(root, "format", json_string(format_name)) == 0 &&
           json_object_set_new(root, "version", json_integer(HOOP_CHECKPOINT_VERSION)) == 0;
    for (int i = 0; i < NUMBERS && good; i++)
        good = json_object_set_new(root, numbers[i].key,
                                   json_integer(*(const int64_t *)(const void *)((const char *)m + numbers[i].offset))) == 0;
    good = good && json_object_set_new(root, "seed", json_string(seed)) == 0; /* 64 bits, which many JSON readers would round */
    for (int i = 0; i < STRINGS && good; i++)
        good = json_object_set_new(strings[i].provenance ? provenance : root, strings[i].key,
                                   text(*(const char *const *)(const void *)((const char *)m + strings[i].offset))) == 0;
    for (int64_t i = 0; i < m->nnotes && good; i++)
        good = json_object_set_new(notes, m->notes[2 * i], text(m->notes[2 * i + 1])) == 0;
    good = good && json_object_set(root, "provenance", provenance) == 0 && json_object_set(root, "notes", notes) == 0 &&
           json_object_set_new(root, "shards", shards_json(c)) == 0 && json_object_set_new(root, "tensors", tensors_json(c)) == 0;
    json_decref(provenance);
    json_decref(notes);
    if (!good) {
        json_decref(root);
        root = NULL;
    }
    return root;
}

hoop_status hoop__manifest_write(const char *path, const hoop_checkpoint_meta *meta, const hoop_catalog *c, hoop_error *err)
{
    const size_t line = strlen(head) + HOOP_SUM_TEXT - 1 + strlen(head_end);
    json_t      *root = manifest_json(meta, c);
    char        *body = root == NULL ? NULL : json_dumps(root, JSON_INDENT(1) | JSON_PRESERVE_ORDER),
         *rest        = body == NULL ? NULL : strchr(body, '\n');
    char       *all   = NULL, sum[HOOP_SUM_TEXT];
    hoop_status st    = HOOP_OK;
    json_decref(root);
    if (rest != NULL) {
        const size_t n = strlen(++rest); /* after "{\n" */
        hoop__sum_text(rest, (int64_t)n, sum);
        all = malloc(line + n + 1);
        if (all != NULL) {
            (void)snprintf(all, line + 1, "%s%s%s", head, sum, head_end);
            memcpy(all + line, rest, n + 1);
        }
    }
    if (all == NULL)
        st = hoop_fail(err, HOOP_ENOMEM, "%s: the manifest cannot be made: no memory, or a name that is not UTF-8", path);
    else
        st = hoop__file_replace(path, all, (int64_t)strlen(all), err);
    free(all);
    free(body);
    return st;
}

/* ---- reading ---- */

/* What the strings of a read meta point into. */
typedef struct owner {
    json_t      *root;
    const char **notes;
} owner;

static bool get_i64(const json_t *object, const char *key, int64_t low, int64_t *out)
{
    const json_t *v = json_object_get(object, key);
    if (!json_is_integer(v)) return false;
    *out = (int64_t)json_integer_value(v);
    return *out >= low;
}

static bool get_text(const json_t *object, const char *key, char *out, size_t size)
{
    const char *s = json_string_value(json_object_get(object, key));
    return s != NULL && snprintf(out, size, "%s", s) < (int)size;
}

/* Of these HOOP_EFORMAT means that a key is missing or has an impossible value. */
static hoop_status read_shards(const json_t *root, hoop_catalog *c)
{
    const json_t *list = json_object_get(root, "shards");
    int64_t       index, count;
    if (!json_is_array(list) || json_array_size(list) == 0 || json_array_size(list) > 99999) return HOOP_EFORMAT;
    c->nshards = (int64_t)json_array_size(list);
    c->shard   = calloc((size_t)c->nshards, sizeof *c->shard);
    if (c->shard == NULL) return HOOP_ENOMEM;
    for (int64_t i = 0; i < c->nshards; i++) {
        const json_t       *v = json_array_get(list, (size_t)i);
        hoop_catalog_shard *s = &c->shard[i];
        if (!get_text(v, "file", s->file, sizeof s->file) || !get_i64(v, "bytes", 1, &s->bytes) ||
            !get_text(v, "xxh3_128", s->sum, sizeof s->sum) || !hoop__checkpoint_shard_name(s->file, &index, &count) ||
            index != i || count != c->nshards)
            return HOOP_EFORMAT;
    }
    return HOOP_OK;
}

static bool read_tensor(const json_t *v, hoop_catalog_tensor *t)
{
    const json_t *shape = json_object_get(v, "shape");
    char          kind[16], dtype[16];
    int           k = 0;
    memset(t, 0, sizeof *t);
    if (!get_text(v, "kind", kind, sizeof kind) || !get_text(v, "group", t->group, sizeof t->group) ||
        !get_text(v, "name", t->name, sizeof t->name) || !get_text(v, "dtype", dtype, sizeof dtype) ||
        !hoop_dtype_parse(dtype, &t->about.dtype) || !get_i64(v, "order", INT64_MIN, &t->about.order) || !json_is_array(shape) ||
        json_array_size(shape) > HOOP_CHECKPOINT_DIMS || !hoop__checkpoint_name_ok(t->name))
        return false;
    while (k < HOOP_CKPT_KINDS && strcmp(kind, hoop_checkpoint_kind_name((hoop_checkpoint_kind)k)) != 0) k++;
    if (k == HOOP_CKPT_KINDS) return false;
    t->about.kind = (hoop_checkpoint_kind)k;
    t->about.ndim = (int)json_array_size(shape);
    for (int d = 0; d < t->about.ndim; d++) {
        const json_t *size = json_array_get(shape, (size_t)d);
        if (!json_is_integer(size)) return false;
        t->about.shape[d] = (int64_t)json_integer_value(size);
    }
    return hoop__checkpoint_numel(t->about.dtype, t->about.ndim, t->about.shape, &t->about.numel);
}

static hoop_status read_tensors(const json_t *root, hoop_catalog *c, const char *path)
{
    const json_t       *list = json_object_get(root, "tensors"), *pieces;
    hoop_catalog_tensor t;
    if (!json_is_array(list)) return HOOP_EFORMAT;
    for (size_t i = 0; i < json_array_size(list); i++) {
        const int64_t width = read_tensor(json_array_get(list, i), &t) ? (int64_t)hoop_dtype_size(t.about.dtype) : 0;
        pieces              = json_object_get(json_array_get(list, i), "pieces");
        if (width == 0 || !json_is_array(pieces) || json_array_size(pieces) == 0) return HOOP_EFORMAT;
        for (size_t k = 0; k < json_array_size(pieces); k++) {
            const json_t *v = json_array_get(pieces, k);
            hoop_piece    p = {0};
            if (!get_i64(v, "shard", 0, &p.shard) || p.shard >= c->nshards || !get_i64(v, "first", 0, &p.first) ||
                !get_i64(v, "count", 0, &p.count) || !get_i64(v, "offset", 0, &p.offset) ||
                !get_text(v, "xxh3_128", p.sum, sizeof p.sum) || p.first > t.about.numel || p.count > t.about.numel - p.first ||
                p.offset > c->shard[p.shard].bytes || p.count * width > c->shard[p.shard].bytes - p.offset)
                return HOOP_EFORMAT;
            if (hoop__catalog_add(c, &t, &p, path, NULL) != HOOP_OK) return HOOP_ENOMEM;
        }
    }
    return HOOP_OK;
}

static hoop_status read_meta(const json_t *root, hoop_checkpoint_meta *m, owner *o)
{
    const json_t *provenance = json_object_get(root, "provenance"), *notes = json_object_get(root, "notes");
    const char   *seed = json_string_value(json_object_get(root, "seed")), *key;
    json_t       *value;
    char         *end;
    for (int i = 0; i < NUMBERS; i++)
        if (!get_i64(root, numbers[i].key, 0, (int64_t *)(void *)((char *)m + numbers[i].offset))) return HOOP_EFORMAT;
    for (int i = 0; i < STRINGS; i++) {
        const char *s = json_string_value(json_object_get(strings[i].provenance ? provenance : root, strings[i].key));
        if (s == NULL) return HOOP_EFORMAT;
        *(const char **)(void *)((char *)m + strings[i].offset) = s;
    }
    if (seed == NULL) return HOOP_EFORMAT;
    m->seed = strtoull(seed, &end, 10);
    if (*end != '\0' || !json_is_object(notes)) return HOOP_EFORMAT;
    o->notes = calloc(2 * json_object_size(notes) + 1, sizeof *o->notes);
    if (o->notes == NULL) return HOOP_ENOMEM;
    json_object_foreach((json_t *)(uintptr_t)notes, key, value)
    {
        if (!json_is_string(value)) return HOOP_EFORMAT;
        o->notes[2 * m->nnotes]     = key;
        o->notes[2 * m->nnotes + 1] = json_string_value(value);
        m->nnotes++;
    }
    m->notes = o->notes;
    return HOOP_OK;
}

/* The text after the first line, if that line's checksum is its. */
static const char *checked_body(char *all, int64_t n)
{
    const size_t head_n = strlen(head), end_n = strlen(head_end), line = head_n + HOOP_SUM_TEXT - 1 + end_n;
    char         sum[HOOP_SUM_TEXT];
    if (n < (int64_t)line || memcmp(all, head, head_n) != 0 || memcmp(all + line - end_n, head_end, end_n) != 0) return NULL;
    hoop__sum_text(all + line, n - (int64_t)line, sum);
    return memcmp(all + head_n, sum, HOOP_SUM_TEXT - 1) == 0 ? all + line : NULL;
}

static hoop_status read_all(const json_t *root, const char *path, hoop_error *err, hoop_checkpoint_meta *meta, hoop_catalog *c,
                            owner *o)
{
    const char *format  = json_string_value(json_object_get(root, "format"));
    int64_t     version = 0;
    hoop_status st;
    if (format == NULL || strcmp(format, format_name) != 0 || !get_i64(root, "version", 1, &version))
        return hoop_fail(err, HOOP_EFORMAT, "%s: no manifest of a hoop checkpoint", path);
    if (version > HOOP_CHECKPOINT_VERSION)
        return hoop_fail(err, HOOP_EFORMAT, "%s: format version %lld; this hoop reads up to %d", path, (long long)version,
                         HOOP_CHECKPOINT_VERSION);
    st = read_meta(root, meta, o);
    if (st == HOOP_OK) st = read_shards(root, c);
    if (st == HOOP_OK) st = read_tensors(root, c, path);
    if (st == HOOP_EFORMAT) return hoop_fail(err, st, "%s: a key is missing or has an impossible value", path);
    if (st != HOOP_OK) return hoop_fail(err, st, "%s: no memory for its catalogue", path);
    return hoop__catalog_finish(c, true, path, err);
}

hoop_status hoop__manifest_read(const char *path, hoop_error *err, hoop_checkpoint_meta *meta, hoop_catalog *c, void **out)
{
    char        *all = NULL;
    int64_t      n   = 0;
    json_error_t where;
    owner       *o = calloc(1, sizeof *o);
    hoop_status  st;
    *out = o;
    if (o == NULL) return hoop_fail(err, HOOP_ENOMEM, "%s: no memory", path);
    HOOP_TRY(st, done, hoop__file_load(path, MANIFEST_MAX, err, &all, &n));
    if (checked_body(all, n) == NULL) {
        st = hoop_fail(err, HOOP_ECHECKSUM, "%s: truncated or damaged: its checksum does not match", path);
        goto done;
    }
    o->root = json_loadb(all, (size_t)n, JSON_REJECT_DUPLICATES, &where);
    if (o->root == NULL) /* a writer made this checksum of JSON: what jansson calls bad tokens is memory that it did not get */
        st = hoop_fail(err, HOOP_ENOMEM, "%s: no memory to parse it, or no JSON: line %d, column %d: %s", path, where.line,
                       where.column, where.text);
    else
        st = read_all(o->root, path, err, meta, c, o);
done:
    free(all);
    if (st != HOOP_OK) hoop__manifest_release(out, meta);
    return st;
}

hoop_status hoop__manifest_check(const char *path, const hoop_catalog *c, hoop_error *err)
{
    hoop_checkpoint_meta meta  = {0};
    hoop_catalog         there = {0};
    void                *owned = NULL;
    hoop_status          st    = hoop__manifest_read(path, err, &meta, &there, &owned);
    bool                 same  = st == HOOP_OK && there.nshards == c->nshards && there.ntensors == c->ntensors;
    for (int64_t i = 0; i < c->ntensors && same; i++) same = there.tensor[i].npieces == c->tensor[i].npieces;
    if (st == HOOP_OK && !same)
        st = hoop_fail(err, HOOP_EFORMAT, "%s: read again, it holds %lld tensors of %lld shards, not %lld of %lld", path,
                       (long long)there.ntensors, (long long)there.nshards, (long long)c->ntensors, (long long)c->nshards);
    hoop__manifest_release(&owned, &meta);
    hoop__catalog_free(&there);
    return st;
}

void hoop__manifest_release(void **owned, hoop_checkpoint_meta *meta)
{
    owner *o = *owned;
    if (o != NULL) {
        json_decref(o->root);
        free(o->notes);
        free(o);
    }
    memset(meta, 0, sizeof *meta);
    *owned = NULL;
}
