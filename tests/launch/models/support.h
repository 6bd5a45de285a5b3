/** support.h - models of a config's section `model`, as a trainer builds them. */
#ifndef HOOP_TEST_MODELS_SUPPORT_H
#define HOOP_TEST_MODELS_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "models/models.h"

typedef struct built {
    hoop_config *config;
    hoop_model  *model;
    char         opts[4096];
} built;

/** Of text "model: {kind: mlp, ...}", for these inputs and targets. */
hoop_status build(built *b, const char *text, hoop_dtype dtype, int nin, const hoop__model_input *in, int ny,
                  const hoop__model_target *t, hoop_error *err);
void        clear(built *b);

#endif
