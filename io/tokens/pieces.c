/* Text in parts: characters, pieces, and how often each piece is there. */
#include "tokens/tokens.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/files.h"

int32_t hoop__character(const unsigned char *text, int64_t n, int *bytes)
{
    static const int32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    const int            first   = text[0];
    const int length = first < 0x80 ? 1 : first < 0xc0 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf8 ? 4 : 0;
    int32_t   c      = length == 1 ? first : first & (0x7f >> length);
    *bytes           = length;
    if (length == 0 || length > n) return -1;
    for (int i = 1; i < length; i++) {
        if ((text[i] & 0xc0) != 0x80) return -1;
        c = c << 6 | (text[i] & 0x3f);
    }
    return c < least[length] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000) ? -1 : c;
}

int hoop__character_put(int32_t c, char out[5])
{
    const int tail = c < 0x80 ? 0 : c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
    out[0]         = (char)(tail == 0 ? c : (0xff << (7 - tail) & 0xff) | c >> 6 * tail);
    for (int i = 1; i <= tail; i++) out[i] = (char)(0x80 | (c >> 6 * (tail - i) & 0x3f));
    out[tail + 1] = '\0';
    return tail + 1;
}

void hoop__character_name(int32_t c, char out[32])
{
    char text[5];
    (void)hoop__character_put(c, text);
    if (c < 0x20 || (c >= 0x7f && c < 0xa0))
        (void)snprintf(out, 32, "U+%04X", (unsigned)c);
    else
        (void)snprintf(out, 32, "U+%04X '%s'", (unsigned)c, text);
}

/* ---- pieces ---- */

enum { LETTER, DIGIT, BLANK, OTHER };

static int class_of(unsigned char c)
{
    if (c >= 0x80 || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) return LETTER;
    if (c >= '0' && c <= '9') return DIGIT;
    return c == ' ' || (c >= '\t' && c <= '\r') ? BLANK : OTHER;
}

int hoop__piece(const unsigned char *text, int64_t n)
{
    const int most  = n < HOOP_PIECE ? (int)n : HOOP_PIECE;
    const int begin = text[0] == ' ' && n > 1 && class_of(text[1]) != BLANK ? 1 : 0;
    const int class = class_of(text[begin]);
    int end         = begin + 1;
    while (end < most && class_of(text[end]) == class && !(class == DIGIT && end == begin + 3)) end++;
    /* the last of several blanks goes with what follows */
    if (class == BLANK && end > 1 && end < n && text[end - 1] == ' ' && class_of(text[end]) != BLANK) end--;
    return end;
}

/* ---- words ---- */

enum { TEXTS = 1 << 16 };
struct hoop_piece_texts {
    struct hoop_piece_texts *next;
    int                      used;
    unsigned char            text[TEXTS];
};

static unsigned char *keep_text(hoop_pieces *w, const unsigned char *piece, int bytes)
{
    struct hoop_piece_texts *t = w->texts;
    unsigned char           *to;
    if (t == NULL || t->used + bytes > TEXTS) {
        if ((t = malloc(sizeof *t)) == NULL) return NULL;
        t->next  = w->texts;
        t->used  = 0;
        w->texts = t;
    }
    to = t->text + t->used;
    t->used += bytes;
    return memcpy(to, piece, (size_t)bytes);
}

static bool grow_slots(hoop_pieces *w)
{
    const int64_t n    = w->nslots == 0 ? 1 << 12 : 2 * w->nslots;
    int64_t      *slot = malloc((size_t)n * sizeof *slot);
    if (slot == NULL) return false;
    for (int64_t i = 0; i < n; i++) slot[i] = -1;
    for (int64_t k = 0; k < w->n; k++) {
        int64_t at = hoop__sum_64(w->word[k].text, w->word[k].bytes) & (n - 1);
        while (slot[at] >= 0) at = (at + 1) & (n - 1);
        slot[at] = k;
    }
    free(w->slot);
    w->slot   = slot;
    w->nslots = n;
    return true;
}

int64_t hoop__pieces_find(hoop_pieces *w, const unsigned char *piece, int bytes)
{
    int64_t at;
    if (2 * w->n >= w->nslots && !grow_slots(w)) return -1;
    at = hoop__sum_64(piece, bytes) & (w->nslots - 1);
    for (; w->slot[at] >= 0; at = (at + 1) & (w->nslots - 1)) {
        const struct hoop_piece *k = &w->word[w->slot[at]];
        if (k->bytes == bytes && memcmp(k->text, piece, (size_t)bytes) == 0) return w->slot[at];
    }
    if (w->n == w->room) {
        const int64_t      room  = w->room == 0 ? 1 << 10 : 2 * w->room;
        struct hoop_piece *grown = realloc(w->word, (size_t)room * sizeof *grown);
        if (grown == NULL) return -1;
        w->word = grown;
        w->room = room;
    }
    if ((piece = keep_text(w, piece, bytes)) == NULL) return -1;
    w->word[w->n] = (struct hoop_piece){.text = piece, .bytes = bytes};
    w->slot[at]   = w->n;
    return w->n++;
}

void hoop__pieces_free(hoop_pieces *w)
{
    for (struct hoop_piece_texts *t = w->texts, *next; t != NULL; t = next) {
        next = t->next;
        free(t);
    }
    free(w->word);
    free(w->slot);
    *w = (hoop_pieces){0};
}

hoop_status hoop__watch(const hoop_watch *w, double part, hoop_error *err)
{
    if (w->stop != NULL && *w->stop != 0) return hoop_fail(err, HOOP_EINTERRUPTED, "interrupted: nothing was written");
    if (w->progress != NULL) w->progress(w->ctx, w->from + part * (w->to - w->from));
    return HOOP_OK;
}
