/**
 * hoop/tokenizer.h - text as ids, and back.
 *
 * A tokenizer is one line of JSON (io/FORMAT.md, 1.5), which says all of it: `hoop data import-text` keeps it with the set it
 * writes, training copies it into each checkpoint (the note `tokenizer`), and a program that has only that can make ids of text
 * and text of ids.
 *
 *     HOOP_TRY(st, done, hoop_tokenizer_of_checkpoint(c, err, &t));
 *     HOOP_TRY(st, done, hoop_tokenizer_encode(t, "To be, or", 9, err, &ids, &n));
 *     const char *text = hoop_tokenizer_token(t, ids[0], &bytes);
 */
#ifndef HOOP_TOKENIZER_H
#define HOOP_TOKENIZER_H

#include <stdint.h>

#include "hoop/checkpoint.h"
#include "hoop/dataset.h"
#include "hoop/status.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct hoop_tokenizer hoop_tokenizer;

/** From its line. `name` is what errors begin with. Owns: caller. Errors: HOOP_EFORMAT (no tokenizer), HOOP_ENOMEM. Calls: Local.
 */
HOOP_API hoop_status hoop_tokenizer_parse(const char *line, const char *name, hoop_error *err, hoop_tokenizer **out);
/** That of a set, or of what a run was trained on. Owns: caller. Errors besides: HOOP_EFORMAT (it is not of text). Calls: Local.
 */
HOOP_API hoop_status hoop_tokenizer_of_dataset(const hoop_dataset *ds, hoop_error *err, hoop_tokenizer **out);
HOOP_API hoop_status hoop_tokenizer_of_checkpoint(const hoop_checkpoint *c, hoop_error *err, hoop_tokenizer **out);
/** Accepts NULL. Calls: Local. */
HOOP_API void hoop_tokenizer_destroy(hoop_tokenizer **t);
/** Its line; lives as long as t. Calls: Local. */
HOOP_API const char *hoop_tokenizer_line(const hoop_tokenizer *t);
/** How many ids there are, 0 to that less 1: the classes of a model of text. Calls: Local. */
HOOP_API int64_t hoop_tokenizer_size(const hoop_tokenizer *t);
/** Ids of a text, *n of them: free(*ids). Errors, with the byte it is at: HOOP_EFORMAT (not UTF-8, where tokens are characters),
 * HOOP_ERANGE (a character that is none of its own), HOOP_ENOMEM. Calls: Local. */
HOOP_API hoop_status hoop_tokenizer_encode(const hoop_tokenizer *t, const char *text, int64_t bytes, hoop_error *err,
                                           int64_t **ids, int64_t *n);
/** What id stands for, *bytes of it (at least 1, not terminated; of bytes and byte pairs maybe a part of a character); it lives
 * as long as t. NULL: there is no such id. Calls: Local. */
HOOP_API const char *hoop_tokenizer_token(const hoop_tokenizer *t, int64_t id, int64_t *bytes);

#ifdef __cplusplus
}
#endif
#endif
