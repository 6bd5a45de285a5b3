/* Functions of the cases of norm. */
#include "golden.h"

extern const golden_call golden_calls_norm[];
const golden_call        golden_calls_norm[] = {{NULL, NULL}};
