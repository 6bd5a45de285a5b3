/* A tokenizer: the line it is written in, ids of text, and what ids stand for. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tokens/tokens.h"

static const char *const kinds[] = {"bytes", "characters", "byte_pairs"};

struct hoop_tokenizer {
    hoop_tokens_kind kind;
    int64_t          size;
    char            *line;
    char            *bytes; /* of id i: from begin[i] up to begin[i + 1] */
    int64_t         *begin;
    int32_t         *id, ncharacters; /* of a character below that; -1: none */
    /* of pairs: the slot of two ids holds the one they become, 0: none */
    struct merged {
        int32_t a, b, id;
    } * slot;
    int64_t nslots;
};

void hoop_tokenizer_destroy(hoop_tokenizer **pt)
{
    hoop_tokenizer *t = pt == NULL ? NULL : *pt;
    if (t == NULL) return;
    free(t->line);
    free(t->bytes);
    free(t->begin);
    free(t->id);
    free(t->slot);
    free(t);
    *pt = NULL;
}

const char *hoop_tokenizer_line(const hoop_tokenizer *t)
{
    return t->line;
}

int64_t hoop_tokenizer_size(const hoop_tokenizer *t)
{
    return t->size;
}

hoop_tokens_kind hoop__tokenizer_kind(const hoop_tokenizer *t)
{
    return t->kind;
}

const char *hoop_tokenizer_token(const hoop_tokenizer *t, int64_t id, int64_t *bytes)
{
    if (id < 0 || id >= t->size) return NULL;
    if (bytes != NULL) *bytes = t->begin[id + 1] - t->begin[id];
    return t->bytes + t->begin[id];
}

/* ---- making one ---- */

/* Room for `size` ids of `bytes` in all. */
static hoop_tokenizer *make(hoop_tokens_kind kind, int64_t size, int64_t bytes)
{
    hoop_tokenizer *t = calloc(1, sizeof *t);
    if (t == NULL) return NULL;
    t->kind  = kind;
    t->size  = size;
    t->bytes = malloc((size_t)bytes + 8);
    t->begin = calloc((size_t)size + 1, sizeof *t->begin);
    if (t->bytes == NULL || t->begin == NULL) hoop_tokenizer_destroy(&t);
    return t;
}

/* With the line of a JSON object, which is freed. */
static hoop_status finish(hoop_tokenizer *t, json_t *object, hoop_error *err, hoop_tokenizer **out)
{
    bool good = t != NULL && object != NULL && json_object_set_new(object, "kind", json_string(kinds[t->kind])) == 0;
    if (good) t->line = json_dumps(object, JSON_ENSURE_ASCII | JSON_COMPACT | JSON_SORT_KEYS);
    good = good && t->line != NULL;
    json_decref(object);
    if (!good) hoop_tokenizer_destroy(&t);
    *out = t;
    return good ? HOOP_OK : hoop_fail(err, HOOP_ENOMEM, "no memory for a tokenizer");
}

static void put_bytes(hoop_tokenizer *t)
{
    for (int i = 0; i < HOOP_TOKENS_BYTES; i++) {
        t->bytes[i]     = (char)i;
        t->begin[i + 1] = i + 1;
    }
}

hoop_status hoop__tokenizer_bytes(hoop_error *err, hoop_tokenizer **out)
{
    hoop_tokenizer *t = make(HOOP_OF_BYTES, HOOP_TOKENS_BYTES, HOOP_TOKENS_BYTES);
    if (t != NULL) put_bytes(t);
    return finish(t, json_object(), err, out);
}

hoop_status hoop__tokenizer_characters(const int32_t *character, int64_t n, hoop_error *err, hoop_tokenizer **out)
{
    hoop_tokenizer *t    = make(HOOP_OF_CHARACTERS, n, 4 * n);
    json_t         *all  = json_object();
    bool            good = t != NULL;
    if (good) {
        t->ncharacters = character[n - 1] + 1;
        t->id          = malloc((size_t)t->ncharacters * sizeof *t->id);
        good           = t->id != NULL;
    }
    for (int32_t c = 0; good && c < t->ncharacters; c++) t->id[c] = -1;
    for (int64_t i = 0; good && i < n; i++) {
        char text[5];
        int  bytes = hoop__character_put(character[i], text);
        memcpy(t->bytes + t->begin[i], text, (size_t)bytes);
        t->begin[i + 1]     = t->begin[i] + bytes;
        t->id[character[i]] = (int32_t)i;
    }
    good = good && json_object_set_new(all, "characters", json_stringn(t->bytes, (size_t)t->begin[n])) == 0;
    if (!good) hoop_tokenizer_destroy(&t);
    return finish(t, all, err, out);
}

static uint64_t mix(int32_t a, int32_t b)
{
    return ((uint64_t)(uint32_t)a << 32 | (uint32_t)b) * 0x9e3779b97f4a7c15u >> 17;
}

static struct merged *slot_of(const hoop_tokenizer *t, int32_t a, int32_t b)
{
    uint64_t at = mix(a, b) & (uint64_t)(t->nslots - 1);
    while (t->slot[at].id != 0 && (t->slot[at].a != a || t->slot[at].b != b)) at = (at + 1) & (uint64_t)(t->nslots - 1);
    return &t->slot[at];
}

/* Ids of merges that come before their own, each pair once, no token longer than a piece: then *bytes of all tokens. */
static hoop_status add_merges(hoop_tokenizer *t, const int32_t (*merge)[2], int64_t n, const char *name, hoop_error *err)
{
    for (int64_t i = 0; i < n; i++) {
        const int32_t  id = (int32_t)(HOOP_TOKENS_BYTES + i), a = merge[i][0], b = merge[i][1];
        struct merged *slot;
        int64_t        length[2];
        if (a < 0 || b < 0 || a >= id || b >= id)
            return hoop_fail(err, HOOP_EFORMAT, "%s: merge %lld of the tokenizer is of ids %d and %d; both are below its own, %d",
                             name, (long long)i, a, b, id);
        slot = slot_of(t, a, b);
        if (slot->id != 0)
            return hoop_fail(err, HOOP_EFORMAT, "%s: merge %lld of the tokenizer, of %d and %d, is there twice", name,
                             (long long)i, a, b);
        *slot     = (struct merged){a, b, id};
        length[0] = t->begin[a + 1] - t->begin[a];
        length[1] = t->begin[b + 1] - t->begin[b];
        if (length[0] + length[1] > HOOP_PIECE)
            return hoop_fail(err, HOOP_EFORMAT,
                             "%s: merge %lld of the tokenizer makes %lld bytes; a piece of text has at most %d", name,
                             (long long)i, (long long)(length[0] + length[1]), HOOP_PIECE);
        memcpy(t->bytes + t->begin[id], t->bytes + t->begin[a], (size_t)length[0]);
        memcpy(t->bytes + t->begin[id] + length[0], t->bytes + t->begin[b], (size_t)length[1]);
        t->begin[id + 1] = t->begin[id] + length[0] + length[1];
    }
    return HOOP_OK;
}

hoop_status hoop__tokenizer_pairs(const int32_t (*merge)[2], int64_t n, const char *name, hoop_error *err, hoop_tokenizer **out)
{
    hoop_tokenizer *t   = make(HOOP_OF_PAIRS, HOOP_TOKENS_BYTES + n, HOOP_TOKENS_BYTES + HOOP_PIECE * n);
    json_t         *all = json_object(), *list = json_array();
    bool            good = t != NULL && list != NULL;
    hoop_status     st   = HOOP_OK;
    *out                 = NULL;
    for (int64_t i = 0; good && i < n; i++)
        good = json_array_append_new(list, json_pack("[i, i]", (int)merge[i][0], (int)merge[i][1])) == 0;
    good = good && json_object_set(all, "merges", list) == 0;
    json_decref(list);
    if (good) {
        for (t->nslots = 64; t->nslots < 2 * n + 2;) t->nslots *= 2;
        t->slot = calloc((size_t)t->nslots, sizeof *t->slot);
        good    = t->slot != NULL;
    }
    if (good) {
        put_bytes(t);
        st = add_merges(t, merge, n, name, err);
    }
    if (!good || st != HOOP_OK) hoop_tokenizer_destroy(&t);
    if (st == HOOP_OK) return finish(t, all, err, out);
    json_decref(all);
    return st;
}

/* ---- from its line ---- */

static hoop_status bad(const char *name, hoop_error *err, const char *what)
{
    return hoop_fail(err, HOOP_EFORMAT, "%s: its tokenizer is not one (%s)", name, what);
}

static hoop_status parse_characters(const json_t *all, const char *name, hoop_error *err, hoop_tokenizer **out)
{
    const unsigned char *text      = (const unsigned char *)json_string_value(all);
    const int64_t        bytes     = (int64_t)json_string_length(all);
    int32_t             *character = bytes > 0 ? malloc((size_t)bytes * sizeof *character) : NULL;
    int64_t              n         = 0;
    hoop_status          st        = HOOP_OK;
    if (bytes == 0) return bad(name, err, "characters, a text, is wanted");
    if (character == NULL) return hoop_fail(err, HOOP_ENOMEM, "%s: no memory for a tokenizer", name);
    for (int64_t at = 0; at < bytes && st == HOOP_OK;) {
        int length;
        character[n] = hoop__character(text + at, bytes - at, &length);
        if (character[n] < 0 || (n > 0 && character[n] <= character[n - 1])) st = bad(name, err, "characters do not ascend");
        n++;
        at += length;
    }
    if (st == HOOP_OK && n > HOOP_TOKENS_MOST) st = bad(name, err, "more than 65536 characters");
    if (st == HOOP_OK) st = hoop__tokenizer_characters(character, n, err, out);
    free(character);
    return st;
}

static hoop_status parse_pairs(const json_t *all, const char *name, hoop_error *err, hoop_tokenizer **out)
{
    const int64_t n    = (int64_t)json_array_size(all);
    int32_t(*merge)[2] = malloc((size_t)(n + 1) * sizeof *merge);
    hoop_status st     = HOOP_OK;
    if (merge == NULL) return hoop_fail(err, HOOP_ENOMEM, "%s: no memory for a tokenizer", name);
    if (!json_is_array(all) || n > HOOP_TOKENS_MOST - HOOP_TOKENS_BYTES)
        st = bad(name, err, "merges, a list of at most 65280, is wanted");
    for (int64_t i = 0; i < n && st == HOOP_OK; i++) {
        const json_t *two = json_array_get(all, (size_t)i);
        for (size_t k = 0; k < 2; k++) {
            const json_t *id = json_array_get(two, k);
            if (!json_is_integer(id) || json_array_size(two) != 2 || json_integer_value(id) < 0 ||
                json_integer_value(id) >= HOOP_TOKENS_MOST) {
                st = bad(name, err, "a merge is two ids");
                break;
            }
            merge[i][k] = (int32_t)json_integer_value(id);
        }
    }
    if (st == HOOP_OK) st = hoop__tokenizer_pairs((const int32_t(*)[2])merge, n, name, err, out);
    free(merge);
    return st;
}

hoop_status hoop_tokenizer_parse(const char *line, const char *name, hoop_error *err, hoop_tokenizer **out)
{
    json_error_t why;
    json_t      *root = json_loads(line, JSON_ALLOW_NUL, &why);
    const char  *kind = json_string_value(json_object_get(root, "kind"));
    hoop_status  st;
    *out = NULL;
    if (kind != NULL && strcmp(kind, kinds[HOOP_OF_BYTES]) == 0)
        st = hoop__tokenizer_bytes(err, out);
    else if (kind != NULL && strcmp(kind, kinds[HOOP_OF_CHARACTERS]) == 0)
        st = parse_characters(json_object_get(root, "characters"), name, err, out);
    else if (kind != NULL && strcmp(kind, kinds[HOOP_OF_PAIRS]) == 0)
        st = parse_pairs(json_object_get(root, "merges"), name, err, out);
    else
        st = bad(name, err, root == NULL ? why.text : "kind is none of bytes, characters and byte_pairs");
    json_decref(root);
    return st;
}

hoop_status hoop_tokenizer_of_checkpoint(const hoop_checkpoint *c, hoop_error *err, hoop_tokenizer **out)
{
    const char *line = hoop_checkpoint_note(c, "tokenizer");
    *out             = NULL;
    if (line == NULL)
        return hoop_fail(err, HOOP_EFORMAT, "%s: has no tokenizer: it is not of text that hoop data import-text wrote",
                         hoop_checkpoint_path(c));
    return hoop_tokenizer_parse(line, hoop_checkpoint_path(c), err, out);
}

/* ---- ids of text ---- */

int64_t hoop__tokenizer_character(const hoop_tokenizer *t, int32_t character)
{
    return character < t->ncharacters ? t->id[character] : -1;
}

int hoop__tokenizer_piece(const hoop_tokenizer *t, const unsigned char *piece, int bytes, int32_t out[HOOP_PIECE])
{
    int n = bytes;
    for (int i = 0; i < n; i++) out[i] = piece[i];
    for (;;) {
        struct merged best = {.id = INT32_MAX};
        int           to   = 0;
        for (int i = 0; i + 1 < n; i++) {
            const struct merged *m = slot_of(t, out[i], out[i + 1]);
            if (m->id != 0 && m->id < best.id) best = *m;
        }
        if (best.id == INT32_MAX) return n;
        for (int i = 0; i < n; to++) {
            const bool both = i + 1 < n && out[i] == best.a && out[i + 1] == best.b;
            out[to]         = both ? best.id : out[i];
            i += both ? 2 : 1;
        }
        n = to;
    }
}

/* The ids of what begins at `at`, *n of them for *taken bytes. */
static hoop_status next_ids(const hoop_tokenizer *t, const unsigned char *text, int64_t at, int64_t bytes, hoop_error *err,
                            int32_t ids[HOOP_PIECE], int *n, int *taken)
{
    int32_t c;
    char    name[32];
    *n = *taken = 1;
    ids[0]      = text[at];
    if (t->kind == HOOP_OF_BYTES) return HOOP_OK;
    if (t->kind == HOOP_OF_PAIRS) {
        *taken = hoop__piece(text + at, bytes - at);
        *n     = hoop__tokenizer_piece(t, text + at, *taken, ids);
        return HOOP_OK;
    }
    c = hoop__character(text + at, bytes - at, taken);
    if (c < 0) return hoop_fail(err, HOOP_EFORMAT, "byte %lld (0x%02x) begins no character of UTF-8", (long long)at, text[at]);
    ids[0] = (int32_t)hoop__tokenizer_character(t, c);
    if (ids[0] >= 0) return HOOP_OK;
    hoop__character_name(c, name);
    return hoop_fail(err, HOOP_ERANGE, "byte %lld: %s is none of the %lld characters of the tokenizer", (long long)at, name,
                     (long long)t->size);
}

hoop_status hoop_tokenizer_encode(const hoop_tokenizer *t, const char *text, int64_t bytes, hoop_error *err, int64_t **ids,
                                  int64_t *n)
{
    int64_t    *list = malloc((size_t)(bytes + 1) * sizeof *list), count = 0;
    hoop_status st = HOOP_OK;
    *ids           = NULL;
    *n             = 0;
    if (list == NULL) return hoop_fail(err, HOOP_ENOMEM, "no memory for the ids of %lld bytes", (long long)bytes);
    for (int64_t at = 0; at < bytes && st == HOOP_OK;) {
        int32_t few[HOOP_PIECE];
        int     k, taken;
        st = next_ids(t, (const unsigned char *)text, at, bytes, err, few, &k, &taken);
        for (int i = 0; i < k && st == HOOP_OK; i++) list[count++] = few[i];
        at += taken;
    }
    if (st != HOOP_OK) {
        free(list);
        return st;
    }
    *ids = list;
    *n   = count;
    return HOOP_OK;
}
