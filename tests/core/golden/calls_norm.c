/* Functions of the cases of norm. */
#include "golden.h"

static hoop_tensor *layer_norm(hoop_tape *t, const golden_case *c, hoop_tensor **x, hoop_tensor **out)
{
    (void)out;
    return hoop_layer_norm(t, x[0], (int)golden_int(c, "dims", 0, 1), x[1], x[2], golden_float(c, "eps", 0.0));
}

static hoop_tensor *rms_norm(hoop_tape *t, const golden_case *c, hoop_tensor **x, hoop_tensor **out)
{
    (void)out;
    return hoop_rms_norm(t, x[0], (int)golden_int(c, "dims", 0, 1), x[1], golden_float(c, "eps", 0.0));
}

static hoop_tensor *group_norm(hoop_tape *t, const golden_case *c, hoop_tensor **x, hoop_tensor **out)
{
    hoop_tensor *y =
        hoop_group_norm(t, golden_image(t, c, x[0]), golden_int(c, "groups", 0, 1), x[1], x[2], golden_float(c, "eps", 0.0));
    (void)out;
    return golden_back(t, c, y);
}

static hoop_tensor *instance_norm(hoop_tape *t, const golden_case *c, hoop_tensor **x, hoop_tensor **out)
{
    hoop_tensor *y = hoop_instance_norm(t, golden_image(t, c, x[0]), NULL, NULL, x[1], x[2], 0.0, golden_float(c, "eps", 0.0));
    (void)out;
    return golden_back(t, c, y);
}

static hoop_tensor *batch_norm(hoop_tape *t, const golden_case *c, hoop_tensor **x, hoop_tensor **out)
{
    hoop_tensor *y = hoop_batch_norm(t, golden_image(t, c, x[0]), NULL, NULL, x[1], x[2], golden_float(c, "eps", 0.0));
    (void)out;
    return golden_back(t, c, y);
}

extern const golden_call golden_calls_norm[];
const golden_call golden_calls_norm[] = {{"layer_norm", layer_norm},       {"rms_norm", rms_norm},     {"group_norm", group_norm},
                                         {"instance_norm", instance_norm}, {"batch_norm", batch_norm}, {NULL, NULL}};
