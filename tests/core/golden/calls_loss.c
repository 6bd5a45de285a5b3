/* Functions of the cases of loss. */
#include "golden.h"

extern const golden_call golden_calls_loss[];
const golden_call        golden_calls_loss[] = {{NULL, NULL}};
