#include "import/words.h"

#include <stdlib.h>
#include <string.h>

static uint64_t hash(const char *s)
{
    uint64_t h = 0xcbf29ce484222325u; /* FNV-1a */
    for (; *s != '\0'; s++) h = (h ^ (unsigned char)*s) * 0x100000001b3u;
    return h ^ h >> 29;
}

static int64_t place(const hoop_words *w, const char *text)
{
    int64_t at = (int64_t)(hash(text) & (uint64_t)(w->slots - 1));
    while (w->slot[at] >= 0 && strcmp(w->word[w->slot[at]].text, text) != 0) at = (at + 1) & (w->slots - 1);
    return at;
}

static bool grow(hoop_words *w)
{
    const int64_t room  = w->room == 0 ? 16 : 2 * w->room;
    hoop_word    *grown = realloc(w->word, (size_t)room * sizeof *grown);
    int32_t      *slot  = malloc((size_t)(2 * room) * sizeof *slot);
    if (grown != NULL) w->word = grown;
    if (grown == NULL || slot == NULL) {
        free(slot);
        return false;
    }
    free(w->slot);
    w->slot  = slot;
    w->slots = 2 * room;
    w->room  = room;
    for (int64_t i = 0; i < w->slots; i++) slot[i] = -1;
    for (int64_t i = 0; i < w->n; i++) slot[place(w, w->word[i].text)] = (int32_t)i;
    return true;
}

hoop_word *hoop__words_find(hoop_words *w, const char *text)
{
    int64_t at;
    if (w->n == 0) return NULL;
    if (strcmp(w->word[w->last].text, text) == 0) return &w->word[w->last];
    at = place(w, text);
    if (w->slot[at] < 0) return NULL;
    w->last = w->slot[at];
    return &w->word[w->last];
}

bool hoop__words_add(hoop_words *w, const char *text, int64_t line)
{
    hoop_word *found = hoop__words_find(w, text);
    if (found != NULL) {
        found->count++;
        if (line < found->line) found->line = line;
        return true;
    }
    if (w->n == w->max) {
        if (!w->many) w->many_line = line;
        w->many = true;
        return true;
    }
    if (w->n == w->room && !grow(w)) return false;
    found  = &w->word[w->n];
    *found = (hoop_word){.text = strdup(text), .count = 1, .line = line, .id = -1};
    if (found->text == NULL) return false;
    w->slot[place(w, text)] = (int32_t)w->n;
    w->n++;
    return true;
}

void hoop__words_free(hoop_words *w)
{
    for (int64_t i = 0; i < w->n; i++) free(w->word[i].text);
    free(w->word);
    free(w->slot);
    *w = (hoop_words){0};
}
