/* Functions of the cases of reduce. */
#include "golden.h"

extern const golden_call golden_calls_reduce[];
const golden_call        golden_calls_reduce[] = {{NULL, NULL}};
