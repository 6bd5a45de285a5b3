/* A text as a stream of ids: what the ids are is decided in a first reading, they are written in a second. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/files.h"
#include "import/source.h"
#include "import/summary.h"
#include "import/writer.h"
#include "tokens/tokens.h"

enum { BLOCK = 1 << 16, LOOK = 1 << 16, PAIRS = 4096, CODES = 0x110000 };
enum { AHEAD = HOOP_PIECE + 2 }; /* bytes that say what begins somewhere: of a piece also what follows it */
static const char *const what[]        = {"bytes", "characters", "byte pairs"}; /* by hoop_tokens_kind */
static const double      first_reading = 0.5;                                   /* of the time */

typedef struct text {
    const char             *path;
    const hoop_text_opts   *as;
    const hoop_import_opts *opts;
    int                     fd;
    int64_t                 bytes, ids, written; /* ids: how many it becomes */
    int64_t                 first, held;         /* of the file, those bytes are in `read` */
    unsigned char           read[BLOCK];
    hoop_tokenizer         *t;
    hoop_pieces             words;
    int32_t                *of_words; /* their ids, side by side */
    hoop_watch              watch;
    hoop_writer            *w;
    int64_t                 used; /* of block */
    union {
        uint8_t u8[BLOCK];
        int32_t i32[BLOCK];
    } block;
    bool wide;
} text;

static hoop_status text_open(text *s, hoop_error *err)
{
    const hoop_status st = hoop__source_file(s->path, s->opts->dir, err, &s->fd, &s->bytes);
    if (st != HOOP_OK) return st;
    return s->bytes > 0 ? HOOP_OK : hoop_fail(err, HOOP_EFORMAT, "%s: is empty", s->path);
}

static hoop_status changed(const text *s, int64_t at, hoop_error *err)
{
    return hoop_fail(err, HOOP_EIO, "%s: byte %lld: the file changed while it was read; import one that stays as it is", s->path,
                     (long long)at);
}

/* *n bytes from `at` on, at least AHEAD of them but at the end; they stay until the next call. Not mapped: what is gone from a
 * mapped file is a signal. */
static hoop_status look_at(text *s, int64_t at, hoop_error *err, const unsigned char **bytes, int64_t *n)
{
    const int64_t rest = s->bytes - at;
    if (at < s->first || at + (rest < AHEAD ? rest : AHEAD) > s->first + s->held) {
        hoop_error        why = {.status = HOOP_OK};
        const int64_t     all = rest < BLOCK ? rest : BLOCK;
        const hoop_status st  = hoop__file_read_at(s->fd, s->read, all, at, s->path, &why);
        if (st == HOOP_EFORMAT) return changed(s, at, err); /* it ends before its end */
        if (st != HOOP_OK) return hoop_fail(err, st, "%s", why.text);
        s->first = at;
        s->held  = all;
    }
    *bytes = s->read + (at - s->first);
    *n     = s->first + s->held - at;
    return HOOP_OK;
}

static hoop_status look_up(const text *s, int64_t at, hoop_error *err)
{
    return hoop__watch(&s->watch, (double)at / (double)s->bytes, err);
}

/* ---- the first reading ---- */

static hoop_status not_utf8(const text *s, int64_t at, unsigned char byte, hoop_error *err)
{
    return hoop_fail(
        err, HOOP_EFORMAT,
        "%s: byte %lld (0x%02x) begins no character of UTF-8; --tokens bytes takes any bytes, and iconv -t UTF-8 makes it "
        "UTF-8",
        s->path, (long long)at, byte);
}

static hoop_status not_known(const text *s, int64_t at, int32_t c, hoop_error *err)
{
    char name[32];
    hoop__character_name(c, name);
    return hoop_fail(err, HOOP_ERANGE, "%s: byte %lld: %s is none of the %lld characters of %s", s->path, (long long)at, name,
                     (long long)hoop_tokenizer_size(s->t), s->as->like);
}

/* How many characters there are, and which (seen), or whether each is known. */
static hoop_status read_characters(text *s, bool *seen, hoop_error *err)
{
    hoop_status st   = HOOP_OK;
    int64_t     look = 0;
    for (int64_t at = 0; at < s->bytes && st == HOOP_OK; s->ids++) {
        const unsigned char *from;
        int64_t              n;
        int                  length;
        int32_t              c;
        if ((st = look_at(s, at, err, &from, &n)) != HOOP_OK) break;
        c = hoop__character(from, n, &length);
        if (c < 0) return not_utf8(s, at, from[0], err);
        if (seen == NULL && hoop__tokenizer_character(s->t, c) < 0) return not_known(s, at, c, err);
        if (seen != NULL) seen[c] = true;
        at += length;
        if (at < look) continue;
        look = at + LOOK;
        st   = look_up(s, at, err);
    }
    return st;
}

static hoop_status find_characters(text *s, hoop_error *err)
{
    bool       *seen = calloc(CODES, sizeof *seen);
    int32_t    *list = malloc((HOOP_TOKENS_MOST + 1) * sizeof *list);
    int64_t     n    = 0;
    hoop_status st   = HOOP_OK;
    if (seen == NULL || list == NULL) st = hoop_fail(err, HOOP_ENOMEM, "%s: no memory for its characters", s->path);
    if (st == HOOP_OK) st = read_characters(s, seen, err);
    for (int32_t c = 0; c < CODES && st == HOOP_OK && n <= HOOP_TOKENS_MOST; c++)
        if (seen[c]) list[n++] = c;
    if (st == HOOP_OK && n > HOOP_TOKENS_MOST)
        st = hoop_fail(err, HOOP_ERANGE, "%s: more than %d different characters; --tokens pairs, or bytes, takes them", s->path,
                       HOOP_TOKENS_MOST);
    if (st == HOOP_OK) st = hoop__tokenizer_characters(list, n, err, &s->t);
    free(seen);
    free(list);
    return st;
}

static hoop_status count_pieces(text *s, hoop_error *err)
{
    hoop_status st   = HOOP_OK;
    int64_t     look = 0;
    for (int64_t at = 0; at < s->bytes && st == HOOP_OK;) {
        const unsigned char *from;
        int64_t              n, k;
        int                  bytes;
        if ((st = look_at(s, at, err, &from, &n)) != HOOP_OK) break;
        bytes = hoop__piece(from, n);
        k     = hoop__pieces_find(&s->words, from, bytes);
        if (k < 0)
            return hoop_fail(err, HOOP_ENOMEM, "%s: no memory for %lld different pieces of text", s->path, (long long)s->words.n);
        s->words.word[k].count++;
        at += bytes;
        if (at < look) continue;
        look = at + LOOK;
        st   = look_up(s, at, err);
    }
    return st;
}

static hoop_status learn(text *s, hoop_error *err, hoop_import_result *result)
{
    const int64_t wanted = (s->as->vocabulary > 0 ? s->as->vocabulary : PAIRS) - HOOP_TOKENS_BYTES;
    int32_t(*merge)[2]   = NULL;
    int64_t     n        = 0;
    hoop_status st;
    s->watch.from = s->watch.to;
    s->watch.to   = first_reading;
    st            = hoop__learn_pairs(&s->words, wanted, &s->watch, err, &merge, &n);
    if (st == HOOP_OK) st = hoop__tokenizer_pairs((const int32_t(*)[2])merge, n, s->path, err, &s->t);
    free(merge);
    if (st == HOOP_OK && n < wanted)
        hoop__say(result, "pairs", "only %lld are there twice or more, of %lld that were asked for (--vocabulary)", (long long)n,
                  (long long)wanted);
    return st;
}

/* The ids of each piece, once; how many that makes of the text. */
static hoop_status encode_pieces(text *s, hoop_error *err)
{
    int64_t total = 0;
    for (int64_t k = 0; k < s->words.n; k++) total += s->words.word[k].bytes;
    s->of_words = malloc((size_t)(total > 0 ? total : 1) * sizeof *s->of_words);
    if (s->of_words == NULL) return hoop_fail(err, HOOP_ENOMEM, "%s: no memory for ids", s->path);
    total = 0;
    for (int64_t k = 0; k < s->words.n; k++) {
        struct hoop_piece *w = &s->words.word[k];
        int32_t            ids[HOOP_PIECE];
        w->ids = hoop__tokenizer_piece(s->t, w->text, w->bytes, ids);
        w->at  = total;
        memcpy(s->of_words + total, ids, (size_t)w->ids * sizeof *ids);
        total += w->ids;
        s->ids += w->count * w->ids;
    }
    return HOOP_OK;
}

static hoop_tokens_kind asked(const hoop_text_opts *o)
{
    return o->tokens == HOOP_TEXT_BYTES ? HOOP_OF_BYTES : o->tokens == HOOP_TEXT_BYTE_PAIRS ? HOOP_OF_PAIRS : HOOP_OF_CHARACTERS;
}

/* Which tokenizer, and how many ids it makes of the text. */
static hoop_status decide(text *s, hoop_error *err, hoop_import_result *result)
{
    hoop_tokens_kind kind = asked(s->as);
    hoop_status      st   = HOOP_OK;
    s->watch.to           = first_reading;
    if (s->t != NULL) kind = hoop__tokenizer_kind(s->t);
    if (kind == HOOP_OF_BYTES) {
        s->ids = s->bytes;
        return s->t != NULL ? HOOP_OK : hoop__tokenizer_bytes(err, &s->t);
    }
    if (kind == HOOP_OF_CHARACTERS) return s->t != NULL ? read_characters(s, NULL, err) : find_characters(s, err);
    if (s->t == NULL) s->watch.to /= 2;
    st = count_pieces(s, err);
    if (st == HOOP_OK && s->t == NULL) st = learn(s, err, result);
    return st == HOOP_OK ? encode_pieces(s, err) : st;
}

/* ---- the second ---- */

static hoop_status flush(text *s, hoop_error *err)
{
    const hoop_status st = hoop__writer_rows(s->w, &s->block, s->used, err);
    s->used              = 0;
    return st;
}

static hoop_status put(text *s, int64_t at, const int32_t *ids, int n, hoop_error *err)
{
    hoop_status st = HOOP_OK;
    s->written += n;
    if (s->written > s->ids) return changed(s, at, err);
    if (s->used + n > BLOCK && (st = flush(s, err)) != HOOP_OK) return st;
    for (int i = 0; i < n; i++) {
        if (s->wide)
            s->block.i32[s->used++] = ids[i];
        else
            s->block.u8[s->used++] = (uint8_t)ids[i];
    }
    return st;
}

static hoop_status write_bytes(text *s, hoop_error *err)
{
    hoop_status st = HOOP_OK;
    for (int64_t at = 0, n = 0; at < s->bytes && st == HOOP_OK; at += n) {
        const unsigned char *from;
        st = look_at(s, at, err, &from, &n);
        if (st == HOOP_OK) st = hoop__writer_rows(s->w, from, n, err);
    }
    return st;
}

/* The id of a character, and its bytes; none: it was another in the first reading. */
static hoop_status put_character(text *s, int64_t at, const unsigned char *from, int64_t n, hoop_error *err, int *bytes)
{
    const int32_t c  = hoop__character(from, n, bytes);
    const int32_t id = c < 0 ? -1 : (int32_t)hoop__tokenizer_character(s->t, c);
    return id < 0 ? changed(s, at, err) : put(s, at, &id, 1, err);
}

static hoop_status put_piece(text *s, int64_t at, const unsigned char *from, int64_t n, hoop_error *err, int *bytes)
{
    const int64_t known = s->words.n;
    int64_t       k;
    *bytes = hoop__piece(from, n);
    k      = hoop__pieces_find(&s->words, from, *bytes);
    if (k < 0 || k >= known) return changed(s, at, err); /* only what is new could want memory */
    return put(s, at, s->of_words + s->words.word[k].at, s->words.word[k].ids, err);
}

static hoop_status write_ids(text *s, hoop_error *err)
{
    const hoop_tokens_kind kind = hoop__tokenizer_kind(s->t);
    hoop_status            st   = HOOP_OK;
    s->held                     = 0; /* read anew */
    if (kind == HOOP_OF_BYTES) return write_bytes(s, err);
    for (int64_t at = 0; at < s->bytes && st == HOOP_OK;) {
        const unsigned char *from;
        int64_t              n;
        int                  bytes = 0;
        if ((st = look_at(s, at, err, &from, &n)) != HOOP_OK) break;
        st = kind == HOOP_OF_CHARACTERS ? put_character(s, at, from, n, err, &bytes) : put_piece(s, at, from, n, err, &bytes);
        at += bytes;
    }
    if (st == HOOP_OK && s->written != s->ids) return changed(s, s->bytes, err);
    return st == HOOP_OK ? flush(s, err) : st;
}

static void second_reading(void *ctx, double fraction)
{
    const hoop_watch *w = ctx;
    w->progress(w->ctx, first_reading + (1 - first_reading) * fraction);
}

/* ---- the whole ---- */

static hoop_status check(const hoop_text_opts *o, hoop_error *err)
{
    if (o->vocabulary != 0 && (o->tokens != HOOP_TEXT_BYTE_PAIRS || o->like != NULL))
        return hoop_fail(err, HOOP_EARG, "import: a vocabulary of %lld is for byte pairs that are learnt here; take it out",
                         (long long)o->vocabulary);
    if (o->vocabulary != 0 && (o->vocabulary <= HOOP_TOKENS_BYTES || o->vocabulary > HOOP_TOKENS_MOST))
        return hoop_fail(err, HOOP_EARG, "import: a vocabulary of %lld; %d to %d are possible, of which 256 are bytes",
                         (long long)o->vocabulary, HOOP_TOKENS_BYTES + 1, HOOP_TOKENS_MOST);
    return HOOP_OK;
}

static hoop_status take_like(text *s, hoop_error *err)
{
    hoop_dataset    *ds     = NULL;
    hoop_field_opts *fields = NULL;
    int              n;
    hoop_status      st = hoop_dataset_fields(s->as->like, err, &fields, &n);
    if (st == HOOP_OK)
        st = hoop_dataset_open(s->as->like, &(hoop_dataset_opts){.fields = fields, .nfields = n, .use_y = HOOP_Y_OPTIONAL}, err,
                               &ds);
    if (st == HOOP_OK) st = hoop_tokenizer_of_dataset(ds, err, &s->t);
    hoop_dataset_close(&ds);
    free(fields);
    if (st == HOOP_OK && s->as->tokens != HOOP_TEXT_CHARACTERS && hoop__tokenizer_kind(s->t) != asked(s->as))
        st = hoop_fail(err, HOOP_EARG, "import: tokens %s, and those of %s are %s; take one of both out", what[asked(s->as)],
                       s->as->like, what[hoop__tokenizer_kind(s->t)]);
    return st;
}

static void say(const text *s, hoop_import_result *result)
{
    hoop__say(result, "text", "%lld bytes, %lld ids: %.3g bytes each", (long long)s->bytes, (long long)s->ids,
              (double)s->bytes / (double)s->ids);
    hoop__say(result, "tokens", "%lld %s%s%s (--tokens: %s)", (long long)hoop_tokenizer_size(s->t),
              what[hoop__tokenizer_kind(s->t)], s->as->like != NULL ? ", as those of " : "",
              s->as->like != NULL ? s->as->like : "", "characters, bytes or pairs");
}

static hoop_status write_set(text *s, hoop_error *err, hoop_import_result *result)
{
    hoop_import_opts  opts = *s->opts;
    hoop_watch        told = s->watch;
    hoop_writer_field f    = {.name = "text"};
    hoop_status       st;
    s->wide             = hoop_tokenizer_size(s->t) > 256;
    f.dtype             = s->wide ? HOOP_I32 : HOOP_U8;
    f.attrs[f.nattrs++] = (hoop_h5_attr){.name = "classes", .kind = HOOP_H5_I64, .v.i64 = hoop_tokenizer_size(s->t)};
    f.attrs[f.nattrs++] = (hoop_h5_attr){.name = "tokenizer", .kind = HOOP_H5_STRING, .v.string = hoop_tokenizer_line(s->t)};
    if (opts.shards == 0) opts.shards = 1;
    if (opts.progress != NULL) {
        opts.progress = second_reading;
        opts.ctx      = &told;
    }
    HOOP_TRY(st, done, hoop__writer_create(&opts, s->ids, &f, 1, err, &s->w));
    hoop__writer_in_order(s->w);
    HOOP_TRY(st, done, write_ids(s, err));
    st = hoop__writer_finish(s->w, err, result);
done:
    hoop__writer_destroy(&s->w);
    return st;
}

hoop_status hoop_import_text(const char *path, const hoop_text_opts *as, const hoop_import_opts *opts, hoop_error *err,
                             hoop_import_result *result)
{
    static const hoop_text_opts none = {0};
    text                       *s    = calloc(1, sizeof *s);
    hoop_status                 st;
    if (result != NULL) *result = (hoop_import_result){0};
    if (s == NULL) return hoop_fail(err, HOOP_ENOMEM, "import: no memory");
    s->fd    = -1;
    s->path  = path;
    s->as    = as != NULL ? as : &none;
    s->opts  = opts;
    s->watch = (hoop_watch){.stop = opts->stop, .ctx = opts->ctx, .progress = opts->progress};
    HOOP_TRY(st, done, check(s->as, err));
    if (s->as->like != NULL) HOOP_TRY(st, done, take_like(s, err));
    HOOP_TRY(st, done, text_open(s, err));
    HOOP_TRY(st, done, decide(s, err, result));
    HOOP_TRY(st, done, write_set(s, err, result));
    if (result != NULL) result->classes = hoop_tokenizer_size(s->t);
    say(s, result);
done:
    if (s->fd >= 0) (void)close(s->fd);
    hoop_tokenizer_destroy(&s->t);
    hoop__pieces_free(&s->words);
    free(s->of_words);
    free(s);
    return st;
}
