/** io/import/words.h - the different texts of a column, with what is known of each; at most as many as are allowed. */
#ifndef HOOP_IO_WORDS_H
#define HOOP_IO_WORDS_H

#include <stdbool.h>
#include <stdint.h>

typedef struct hoop_word {
    char   *text;
    int64_t count, line; /* how often, and first where */
    int64_t id;          /* of a class, or a column; -1: none yet */
} hoop_word;

typedef struct hoop_words {
    hoop_word *word; /* in the order they came */
    int64_t    n, room, max;
    int32_t   *slot; /* hash table of numbers in word, -1: free */
    int64_t    slots;
    bool       many;      /* there are more than max */
    int64_t    many_line; /* where the first of those stands */
    int64_t    last;      /* the one found last: columns repeat themselves */
} hoop_words;

/** Zero is empty, but for max. False: no memory. */
bool hoop__words_add(hoop_words *w, const char *text, int64_t line);
/** NULL: it is not there. */
hoop_word *hoop__words_find(hoop_words *w, const char *text);
void       hoop__words_free(hoop_words *w);

#endif
