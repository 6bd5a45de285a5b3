/* The table of models.def, and what kinds share. */
#include "models/models.h"

#include <stdio.h>
#include <string.h>

#define HOOP_MODEL(name) extern const hoop__model_kind hoop__model_##name;
#include "models/models.def"
#undef HOOP_MODEL

static const hoop__model_kind *const kinds[] = {
#define HOOP_MODEL(name) &hoop__model_##name,
#include "models/models.def"
#undef HOOP_MODEL
};

const hoop__model_kind *hoop__model_kind_get(int i)
{
    return i >= 0 && i < (int)(sizeof kinds / sizeof kinds[0]) ? kinds[i] : NULL;
}

const hoop__model_kind *hoop__model_kind_find(const char *name)
{
    const hoop__model_kind *k;
    for (int i = 0; (k = hoop__model_kind_get(i)) != NULL; i++) {
        if (strcmp(k->name, name) == 0) return k;
    }
    return NULL;
}

hoop_status hoop__model_add(hoop_module *parent, const char *kind, int *index, const void *opts, hoop_error *err,
                            hoop_module **out)
{
    char name[24];
    (void)snprintf(name, sizeof name, "%d", (*index)++);
    return hoop_module_add(parent, hoop_module_kind_find(kind), name, opts, err, out);
}

const char *hoop__model_branch(const char *name, int i, char *buffer)
{
    if (name[0] != '\0' && strpbrk(name, "./") == NULL && name[strspn(name, "0123456789")] != '\0') return name;
    (void)snprintf(buffer, 24, "%d", i);
    return buffer;
}

hoop_status hoop__model_flatten(const hoop__model_call *c, hoop_error *err)
{
    const hoop_module_kind  *kind   = hoop_module_kind_find("flatten");
    const hoop_parallel_opts joined = {HOOP_JOIN_CONCAT, HOOP_INPUTS_EACH};
    hoop_module             *each;
    hoop_status              st;
    char                     name[24];
    if (c->ninputs == 1) return hoop_module_add(c->parent, kind, "flatten", NULL, err, NULL);
    st = hoop_module_add(c->parent, hoop_module_kind_find("parallel"), "flatten", &joined, err, &each);
    for (int i = 0; i < c->ninputs && st == HOOP_OK; i++)
        st = hoop_module_add(each, kind, hoop__model_branch(c->inputs[i].name, i, name), NULL, err, NULL);
    return st;
}

static hoop_status add_head(const hoop__model_call *c, const hoop__model_target *y, hoop_module *parent, const char *name,
                            hoop_error *err)
{
    const hoop_linear_opts last = {.out = y->outputs};
    if (y->outputs < 1)
        return hoop_config_fail(c->config, "model", err,
                                "this kind needs to know how many %s target '%s' has, and does not; choose kind: layers",
                                y->classes ? "classes" : "elements", y->name);
    return hoop_module_add(parent, hoop_module_kind_find("linear"), name, &last, err, NULL);
}

hoop_status hoop__model_heads(const hoop__model_call *c, hoop_module *parent, const char *name, hoop_error *err)
{
    hoop_module *each;
    hoop_status  st;
    char         branch[24];
    if (c->ntargets == 1) return add_head(c, &c->targets[0], parent, name, err);
    st = hoop_module_add(parent, hoop_module_kind_find("parallel"), name, NULL, err, &each);
    for (int k = 0; k < c->ntargets && st == HOOP_OK; k++)
        st = add_head(c, &c->targets[k], each, hoop__model_branch(c->targets[k].name, k, branch), err);
    return st;
}
