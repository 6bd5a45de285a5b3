/** plan.h - a trainer on each of P ranks, each a thread of this process, and what became of it. */
#ifndef HOOP_TEST_PLAN_H
#define HOOP_TEST_PLAN_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hoop/train.h"

enum { MOST_RANKS = 8 };

/* of one rank */
typedef struct outcome {
    hoop_error          error; /* of creation, or of what drove the trainer; HOOP_OK: none */
    bool                created;
    hoop_trainer_status about;  /* at the end; sums without targets, which went with the trainer, */
    double              metric; /* but for the first sum of the first metric of the last step */
    int64_t             bytes;  /* of weights */
    void               *weights;
} outcome;

typedef struct plan plan;
struct plan {
    const char       *config[MOST_RANKS]; /* NULL: that of rank 0 */
    hoop_trainer_opts opts;
    hoop_comm_opts    comm;
    hoop_status (*before)(plan *p, hoop_comm *comm, int rank, hoop_trainer_opts *opts,
                          hoop_error *err);                                     /* may change opts; NULL: nothing */
    hoop_status (*drive)(plan *p, hoop_trainer *tr, int rank, hoop_error *err); /* NULL: hoop_trainer_run */
    void (*after)(plan *p, int rank);                                           /* the trainer is gone; may be NULL */
    void   *ctx;
    int     size;
    outcome rank[MOST_RANKS];
};

/* Run it on `size` ranks: every rank comes back, or the program ends after 60 s. */
void plan_run(plan *p, int size);
/* All ranks succeeded and have the same weights. */
void plan_good(const plan *p);
/* Rank r failed so. */
void plan_failed(const plan *p, int r, hoop_status status, const char *words);
/* The same weights as another plan's, whose number of ranks may be another. */
void plan_same(const plan *a, const plan *b);
void plan_clear(plan *p);
/* The same bits on 1, 2 and 3 ranks, and where 2 stop after step 7, in run directory `run`, and 1 or 3 go on. */
void plan_resumes(const char *config, const char *run);

/* A folder, entered: with datasets "digits/train" (240 rows) and "digits/validation" (60). */
int enter_folder(void **state);
int leave_folder(void **state);

#define assert_ok(call)                                                                                                          \
    do {                                                                                                                         \
        hoop_error err = {0};                                                                                                    \
        if ((call) != HOOP_OK) fail_msg("%s: %s", hoop_status_name(err.status), err.text);                                       \
    } while (0)

#endif
