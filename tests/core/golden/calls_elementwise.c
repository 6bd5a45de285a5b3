/* Functions of the cases of elementwise. */
#include "golden.h"

extern const golden_call golden_calls_elementwise[];
const golden_call        golden_calls_elementwise[] = {{NULL, NULL}};
