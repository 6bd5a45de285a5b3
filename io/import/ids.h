/** io/import/ids.h - are integers classes, and which: for sources that give labels as numbers. */
#ifndef HOOP_IO_IDS_H
#define HOOP_IO_IDS_H

#include <stdbool.h>
#include <stdint.h>

#include "hoop/import.h"
#include "import/writer.h"

typedef struct hoop_ids {
    bool     by_class;
    int64_t  classes;
    int64_t  different;
    int64_t *value; /* ascending, `different` of them, where the classes have names; NULL: the values are the ids */
    char   **name;
} hoop_ids;

/**
 * Of n integers. said AUTO: classes if at most 64 are different and each is there 5 times on average, or if they are 0 .. C-1 and
 * each is there 5 times on average or C*C <= n + 100; `always`: whatever they are. Where 0 is one, and half of 0 .. C-1 or
 * C is at most 64, the values are the ids; else they are numbered and become names. Says so to `result`, of `of` ("q: ", or "").
 */
hoop_status hoop__ids_decide(const int64_t *value, int64_t n, hoop_csv_targets said, bool always, const char *of,
                             const char *path, hoop_error *err, hoop_import_result *result, hoop_ids *out);
int64_t     hoop__ids_of(const hoop_ids *ids, int64_t value);
/** Attributes of y; they live as long as *ids. */
void hoop__ids_describe(const hoop_ids *ids, hoop_writer_field *y);
void hoop__ids_free(hoop_ids *ids);

#endif
