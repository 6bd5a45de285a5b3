/** command/layer_tree.h - a checkpoint's layers as a tree, by the names of their parameters. */
#ifndef HOOP_COMMAND_LAYER_TREE_H
#define HOOP_COMMAND_LAYER_TREE_H

#include <stdbool.h>

#include "hoop/checkpoint.h"

/** Print it: of each layer the shapes of its parameters and buffers, and how many elements the parameters have, those below it
 * among them. Numbered layers that are alike stand once. False: no memory. */
bool layer_tree_print(const hoop_checkpoint *c);

#endif
