/* Functions of the cases of metric. */
#include "golden.h"

extern const golden_call golden_calls_metric[];
const golden_call        golden_calls_metric[] = {{NULL, NULL}};
