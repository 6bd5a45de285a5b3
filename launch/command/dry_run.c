#include "command/dry_run.h"

#include "command/print.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { STEPS = 2 /* one that is recorded, one that is replayed */ };

/* "resident" is measured; what comes before it adds up to "total"; "checkpoint" comes on top */
enum { PARAMETERS, GRADIENTS, EXCHANGE, OPTIMIZER, ACTIVATIONS, RESERVE, DATA, PROGRAM, TOTAL, RESIDENT, CHECKPOINT, ROWS };
static const char *const names[ROWS] = {"parameters", "gradients", "exchange", "optimizer", "activations", "reserve",
                                        "data",       "program",   "total",    "resident",  "checkpoint"};

int64_t dry_run_resident(void)
{
    static const char *const keys[] = {"RssAnon:", "RssShmem:"};
    char                     line[256];
    int64_t                  sum = 0;
    FILE                    *f   = fopen("/proc/self/status", "re");
    while (f != NULL && fgets(line, sizeof line, f) != NULL) {
        for (int i = 0; i < 2; i++) {
            int64_t kib = 0;
            if (strncmp(line, keys[i], strlen(keys[i])) == 0 && sscanf(line + strlen(keys[i]), "%" SCNd64, &kib) == 1)
                sum += kib * 1024;
        }
    }
    if (f != NULL) (void)fclose(f);
    return sum;
}

static void take(hoop_trainer *tr, int64_t program, int64_t *bytes)
{
    const hoop_trainer_bytes b = hoop_trainer_memory(tr);
    bytes[PARAMETERS]          = b.parameters;
    bytes[GRADIENTS]           = b.gradients;
    bytes[EXCHANGE]            = b.exchange;
    bytes[OPTIMIZER]           = b.optimizer;
    bytes[ACTIVATIONS]         = b.activations;
    bytes[RESERVE]             = b.reserve;
    bytes[DATA]                = b.data;
    bytes[PROGRAM]             = program;
    bytes[TOTAL]               = 0;
    for (int i = 0; i < TOTAL; i++) bytes[TOTAL] += bytes[i];
    bytes[RESIDENT]   = dry_run_resident();
    bytes[CHECKPOINT] = b.checkpoint;
}

static json_t *json_of(const int64_t *bytes)
{
    json_t *o = json_object();
    for (int i = 0; i < ROWS; i++) (void)json_object_set_new(o, names[i], json_integer(bytes[i]));
    return o;
}

static bool print(const session *s, hoop_trainer *tr, const int64_t *own, const int64_t *all)
{
    static const char *const   head[] = {"bytes of", "-rank 0", "-all ranks"};
    const hoop_trainer_status *a      = hoop_trainer_about(tr);
    table                      t;
    (void)printf("%d rank%s x %d thread%s, %lld samples a step in %lld lea%s, %d at once\n", s->size, s->size == 1 ? "" : "s",
                 a->threads, a->threads == 1 ? "" : "s", (long long)a->batch, (long long)a->leaves, a->leaves == 1 ? "f" : "ves",
                 a->at_once);
    table_begin(&t, head, s->size > 1 ? 3 : 2);
    for (int i = 0; i < ROWS; i++) {
        char text[PRINT_CELL];
        table_cell(&t, "%s", names[i]);
        print_bytes(own[i], text);
        table_cell(&t, "%s", text);
        if (s->size == 1) continue;
        print_bytes(all[i], text);
        table_cell(&t, "%s", text);
    }
    return table_end(&t, "");
}

static bool report(const session *s, hoop_trainer *tr, const char *config, bool json, const int64_t *own, const int64_t *all)
{
    const hoop_trainer_status *a = hoop_trainer_about(tr);
    json_t                    *o;
    if (!json) return print(s, tr, own, all);
    o = json_pack("{s:s, s:i, s:i, s:I, s:I, s:i, s:I, s:o, s:o}", "config", config, "ranks", s->size, "threads", a->threads,
                  "batch", (json_int_t)a->batch, "leaves", (json_int_t)a->leaves, "at_once", a->at_once, "steps",
                  (json_int_t)STEPS, "bytes", json_of(own), "all_ranks", json_of(all));
    return o != NULL && print_json(&o);
}

static hoop_status stop_after(void *ctx, hoop_trainer *tr, hoop_error *err)
{
    const int64_t *last = ctx;
    (void)err;
    if (hoop_trainer_about(tr)->step == *last) hoop_trainer_stop(tr); /* heard in the next one */
    return HOOP_OK;
}

hoop_status dry_run(const session *s, hoop_trainer *tr, const char *config, bool json, int64_t program, hoop_error *err)
{
    int64_t             last     = hoop_trainer_about(tr)->step + STEPS - 1, own[ROWS], all[ROWS];
    const hoop_observer observer = {.ctx = &last, .step = stop_after};
    hoop_status         st;
    if (hoop_trainer_about(tr)->step >= hoop_trainer_about(tr)->steps)
        return hoop_fail(err, HOOP_EARG, "--dry-run: all %lld steps of this run are done",
                         (long long)hoop_trainer_about(tr)->steps);
    st = hoop_trainer_run(tr, &observer, 1, err);
    if (st != HOOP_OK) return st;
    take(tr, program, own);
    memcpy(all, own, sizeof all);
    st = hoop_comm_all_reduce_wait(s->comm, all, ROWS, hoop_reducer_of(HOOP_I64, HOOP_SUM), "bytes of each rank", err);
    if (st == HOOP_OK && s->rank == 0 && !report(s, tr, config, json, own, all))
        st = hoop_fail(err, HOOP_ENOMEM, "no memory for what is printed");
    return st;
}
