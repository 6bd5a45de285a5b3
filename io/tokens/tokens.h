/** io/tokens/tokens.h - inside a tokenizer: its kinds, pieces of text, and how byte pairs are learnt. */
#ifndef HOOP_IO_TOKENS_H
#define HOOP_IO_TOKENS_H

#include <stdbool.h>
#include <stddef.h>

#include "hoop/tokenizer.h"

enum { HOOP_PIECE = 64, HOOP_TOKENS_MOST = 65536, HOOP_TOKENS_BYTES = 256 };

typedef enum hoop_tokens_kind { HOOP_OF_BYTES, HOOP_OF_CHARACTERS, HOOP_OF_PAIRS } hoop_tokens_kind;

/* ---- tokenizers ---- */

/** Of bytes; of these characters, ascending; of these merges, each of two ids before its own (256 + its number). */
hoop_status hoop__tokenizer_bytes(hoop_error *err, hoop_tokenizer **out);
hoop_status hoop__tokenizer_characters(const int32_t *character, int64_t n, hoop_error *err, hoop_tokenizer **out);
hoop_status hoop__tokenizer_pairs(const int32_t (*merge)[2], int64_t n, const char *name, hoop_error *err, hoop_tokenizer **out);
hoop_tokens_kind hoop__tokenizer_kind(const hoop_tokenizer *t);
/** The id of a character; -1: it has none. */
int64_t hoop__tokenizer_character(const hoop_tokenizer *t, int32_t character);
/** Ids of a piece (pairs), at most as many as it has bytes; returns how many. */
int hoop__tokenizer_piece(const hoop_tokenizer *t, const unsigned char *piece, int bytes, int32_t out[HOOP_PIECE]);

/* ---- text ---- */

/** The character at the begin of n bytes, and *bytes of it; -1: it is not UTF-8. */
int32_t hoop__character(const unsigned char *text, int64_t n, int *bytes);
/** Its bytes, and how many; NUL behind them. */
int hoop__character_put(int32_t character, char out[5]);
/** "U+00E9 'é'", "U+000A". */
void hoop__character_name(int32_t character, char out[32]);
/** Bytes of the piece that begins n > 0 bytes of text: 1 to HOOP_PIECE. */
int hoop__piece(const unsigned char *text, int64_t n);

/** Different pieces of a text, and how often each is there. */
typedef struct hoop_pieces {
    struct hoop_piece {
        const unsigned char *text; /* a copy */
        int                  bytes, ids;
        int64_t              count, at; /* at: where its ids stand, for whoever keeps such */
    } * word;
    int64_t                  n, room;
    int64_t                 *slot, nslots;
    struct hoop_piece_texts *texts; /* of pieces; the newest first */
} hoop_pieces;
/** The place of a piece, added where it is new; -1: no memory. */
int64_t hoop__pieces_find(hoop_pieces *w, const unsigned char *piece, int bytes);
void    hoop__pieces_free(hoop_pieces *w);

/** Who waits is told (fraction), and may end it (*stop not 0): HOOP_EINTERRUPTED. */
typedef struct hoop_watch {
    const volatile int *stop;
    void               *ctx;
    void (*progress)(void *ctx, double fraction);
    double from, to; /* of the whole */
} hoop_watch;
hoop_status hoop__watch(const hoop_watch *w, double part, hoop_error *err);

/** Byte pairs: of the pairs inside pieces the one that is there most often (of several the lowest ids) becomes a token, `wanted`
 * times, or until none is there twice. free(*merge). */
hoop_status hoop__learn_pairs(const hoop_pieces *words, int64_t wanted, const hoop_watch *watch, hoop_error *err,
                              int32_t (**merge)[2], int64_t *n);

#endif
