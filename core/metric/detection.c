/* Mean average precision of boxes: Everingham et al., IJCV 2010; overlaps, most boxes and recalls as of COCO (Lin et al., ECCV
 * 2014). */
#include "hoop/detection.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* A box that was found: at which overlaps it found a true one. */
typedef struct record {
    int64_t  label, image, place; /* place among those of its image, the best first */
    double   score;
    uint64_t right; /* bit k: at overlap k */
} record;

struct hoop_detections {
    int64_t  classes, n, room;
    int64_t *real; /* true boxes of each class */
    record  *list;
    bool     sorted;
    void    *bytes;
};

hoop_status hoop_detections_create(int64_t classes, hoop_error *err, hoop_detections **out)
{
    hoop_detections *d;
    *out = NULL;
    if (classes < 1) return hoop_fail(err, HOOP_EARG, "%lld classes; there is at least one", (long long)classes);
    d = calloc(1, sizeof *d);
    if (d != NULL) d->real = calloc((size_t)classes, sizeof *d->real);
    if (d == NULL || d->real == NULL) {
        free(d);
        return hoop_fail(err, HOOP_ENOMEM, "no memory for boxes of %lld classes", (long long)classes);
    }
    d->classes = classes;
    *out       = d;
    return HOOP_OK;
}

void hoop_detections_destroy(hoop_detections **d)
{
    if (d == NULL || *d == NULL) return;
    free((*d)->real);
    free((*d)->list);
    free((*d)->bytes);
    free(*d);
    *d = NULL;
}

/* ---- an image ---- */

static hoop_status check(const hoop_detections *d, const hoop_box *box, int64_t n, const char *what, hoop_error *err)
{
    for (int64_t i = 0; i < n; i++) {
        if (box[i].label < 0 || box[i].label >= d->classes)
            return hoop_fail(err, HOOP_ERANGE, "%s box %lld is of class %lld; they are 0 to %lld", what, (long long)i,
                             (long long)box[i].label, (long long)d->classes - 1);
        if (!(box[i].x1 <= box[i].x2 && box[i].y1 <= box[i].y2) || box[i].score != box[i].score)
            return hoop_fail(err, HOOP_ERANGE,
                             "%s box %lld is from (%g, %g) to (%g, %g), score %g; corners in order and numbers are wanted", what,
                             (long long)i, box[i].x1, box[i].y1, box[i].x2, box[i].y2, box[i].score);
    }
    return HOOP_OK;
}

static double overlap(const hoop_box *a, const hoop_box *b)
{
    const double w = fmin(a->x2, b->x2) - fmax(a->x1, b->x1), h = fmin(a->y2, b->y2) - fmax(a->y1, b->y1);
    const double both = w > 0 && h > 0 ? w * h : 0;
    const double all  = (a->x2 - a->x1) * (a->y2 - a->y1) + (b->x2 - b->x1) * (b->y2 - b->y1) - both;
    return all > 0 ? both / all : 0;
}

/* the place of the best box that comes after the one at `last` (-1: the first), equal ones in their order; -1: there is none */
static int64_t next_best(const hoop_box *found, int64_t n, int64_t label, int64_t last)
{
    int64_t best = -1;
    for (int64_t i = 0; i < n; i++) {
        const bool after = last < 0 || found[i].score < found[last].score || (found[i].score == found[last].score && i > last);
        if (found[i].label == label && after && (best < 0 || found[i].score > found[best].score)) best = i;
    }
    return best;
}

/* at which overlaps the box finds a true one that is not taken; taken: bits of each */
static uint64_t find(const hoop_box *box, const hoop_box *real, int64_t n, uint64_t *taken)
{
    uint64_t right = 0;
    for (int k = 0; k < HOOP_DETECTION_OVERLAPS; k++) {
        const uint64_t bit  = UINT64_C(1) << k;
        double         most = (50.0 + 5.0 * k) / 100.0;
        int64_t        best = -1;
        for (int64_t i = 0; i < n; i++) {
            const double o = real[i].label == box->label && (taken[i] & bit) == 0 ? overlap(box, &real[i]) : 0;
            if (o < most || (best >= 0 && o <= most)) continue;
            most = o;
            best = i;
        }
        if (best < 0) continue;
        taken[best] |= bit;
        right |= bit;
    }
    return right;
}

static hoop_status make_room(hoop_detections *d, int64_t more, hoop_error *err)
{
    record *list;
    if (d->n + more <= d->room) return HOOP_OK;
    list = realloc(d->list, (size_t)(2 * d->room + more) * sizeof *list);
    if (list == NULL) return hoop_fail(err, HOOP_ENOMEM, "no memory for %lld boxes", (long long)(d->n + more));
    d->list = list;
    d->room = 2 * d->room + more;
    return HOOP_OK;
}

hoop_status hoop_detections_add(hoop_detections *d, int64_t image, const hoop_box *found, int64_t nfound, const hoop_box *real,
                                int64_t nreal, hoop_error *err)
{
    uint64_t   *taken;
    hoop_status st = check(d, found, nfound, "found", err);
    if (st == HOOP_OK) st = check(d, real, nreal, "true", err);
    if (st == HOOP_OK) st = make_room(d, nfound, err);
    if (st != HOOP_OK) return st;
    taken = calloc((size_t)nreal + 1, sizeof *taken);
    if (taken == NULL) return hoop_fail(err, HOOP_ENOMEM, "no memory for %lld boxes", (long long)nreal);
    for (int64_t i = 0; i < nreal; i++) d->real[real[i].label]++;
    for (int64_t label = 0; label < d->classes && nfound > 0; label++) {
        int64_t at = -1;
        for (int64_t place = 0; place < HOOP_DETECTION_MOST && (at = next_best(found, nfound, label, at)) >= 0; place++)
            d->list[d->n++] = (record){label, image, place, found[at].score, find(&found[at], real, nreal, taken)};
    }
    free(taken);
    d->sorted = false;
    return HOOP_OK;
}

/* ---- all ranks ---- */

/* classes, n, true boxes by class, records */
hoop_status hoop_detections_bytes(hoop_detections *d, hoop_error *err, const void **bytes, int64_t *n)
{
    const size_t head = 2 * sizeof(int64_t), real = (size_t)d->classes * sizeof *d->real, list = (size_t)d->n * sizeof *d->list;
    char        *to = realloc(d->bytes, head + real + list);
    if (to == NULL) return hoop_fail(err, HOOP_ENOMEM, "no memory for %lld boxes", (long long)d->n);
    memcpy(to, &d->classes, sizeof d->classes);
    memcpy(to + sizeof d->classes, &d->n, sizeof d->n);
    memcpy(to + head, d->real, real);
    if (list > 0) memcpy(to + head + real, d->list, list);
    d->bytes = to;
    *bytes   = to;
    *n       = (int64_t)(head + real + list);
    return HOOP_OK;
}

hoop_status hoop_detections_merge(hoop_detections *d, const void *bytes, int64_t n, hoop_error *err)
{
    const char *from    = bytes;
    int64_t     head[2] = {0}, real;
    hoop_status st;
    if (n >= (int64_t)sizeof head) memcpy(head, from, sizeof head);
    if (head[0] != d->classes || head[1] < 0 ||
        n != (int64_t)sizeof head + d->classes * (int64_t)sizeof real + head[1] * (int64_t)sizeof(record))
        return hoop_fail(err, HOOP_EARG, "%lld bytes are no boxes of %lld classes (hoop_detections_bytes)", (long long)n,
                         (long long)d->classes);
    st = make_room(d, head[1], err);
    if (st != HOOP_OK) return st;
    for (int64_t i = 0; i < d->classes; i++) {
        memcpy(&real, from + sizeof head + (size_t)i * sizeof real, sizeof real);
        d->real[i] += real;
    }
    if (head[1] > 0)
        memcpy(d->list + d->n, from + sizeof head + (size_t)d->classes * sizeof real, (size_t)head[1] * sizeof(record));
    d->n += head[1];
    d->sorted = false;
    return HOOP_OK;
}

/* ---- the value ---- */

/* by class, then the best first; no two are equal */
static int compare(const void *av, const void *bv)
{
    const record *a = av, *b = bv;
    if (a->label != b->label) return a->label < b->label ? -1 : 1;
    if (a->score > b->score || a->score < b->score) return a->score > b->score ? -1 : 1;
    if (a->image != b->image) return a->image < b->image ? -1 : 1;
    return a->place < b->place ? -1 : a->place > b->place;
}

/* Of n boxes of a class, the best first: the mean over recalls 0, 0.01 ... 1 of the largest precision there is from it on. */
static double average(const record *list, int64_t n, int64_t real, int k)
{
    double  sum = 0, largest = 0;
    int64_t right  = 0;
    int     recall = 100; /* that is not passed yet, from above */
    for (int64_t i = 0; i < n; i++) right += (int64_t)(list[i].right >> k & 1);
    while (recall >= 0 && (double)right < (double)real * recall / 100.0) recall--; /* never reached: 0 */
    for (int64_t i = n - 1; i >= 0 && recall >= 0; i--) {
        const int64_t before = right - (int64_t)(list[i].right >> k & 1);
        largest              = fmax(largest, (double)right / (double)(i + 1));
        for (; recall >= 0 && (i == 0 || (double)before < (double)real * recall / 100.0); recall--) sum += largest;
        right = before;
    }
    return sum / 101.0;
}

static double of_class(const hoop_detections *d, int64_t label, int k)
{
    int64_t first = 0, n = 0;
    double  sum = 0;
    if (d->real[label] == 0) return (double)NAN;
    while (first < d->n && d->list[first].label < label) first++;
    while (first + n < d->n && d->list[first + n].label == label) n++;
    if (k >= 0) return average(d->list + first, n, d->real[label], k);
    for (int i = 0; i < HOOP_DETECTION_OVERLAPS; i++) sum += average(d->list + first, n, d->real[label], i);
    return sum / HOOP_DETECTION_OVERLAPS;
}

double hoop_detections_value(hoop_detections *d, int64_t label, int k)
{
    double  sum  = 0;
    int64_t seen = 0;
    if (label >= d->classes || k >= HOOP_DETECTION_OVERLAPS) return (double)NAN;
    if (!d->sorted && d->n > 1) qsort(d->list, (size_t)d->n, sizeof *d->list, compare);
    d->sorted = true;
    if (label >= 0) return of_class(d, label, k);
    for (int64_t i = 0; i < d->classes; i++) {
        const double own = of_class(d, i, k);
        if (isnan(own)) continue;
        sum += own;
        seen++;
    }
    return seen > 0 ? sum / (double)seen : (double)NAN;
}
