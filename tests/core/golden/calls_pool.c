/* Functions of the cases of pool. */
#include "golden.h"

#include <stdio.h>
#include <string.h>

static bool is_true(const golden_case *c, const char *key, const char *fallback)
{
    return strcmp(golden_word(c, key, fallback), "true") == 0;
}

static hoop_pool_opts windows(const golden_case *c)
{
    hoop_pool_opts o = {.ceil_mode         = is_true(c, "ceil_mode", "false"),
                        .count_exclude_pad = !is_true(c, "count_include_pad", "true"),
                        .divisor_override  = golden_int(c, "divisor_override", 0, 0)};
    (void)golden_ints(c, "kernel", 3, o.kernel);
    (void)golden_ints(c, "stride", 3, o.stride);
    (void)golden_ints(c, "padding", 3, o.padding);
    (void)golden_ints(c, "dilation", 3, o.dilation);
    return o;
}

static hoop_tensor *max_pool(hoop_tape *t, const golden_case *c, hoop_tensor **x, hoop_tensor **out)
{
    const hoop_pool_opts o = windows(c);
    hoop_tensor *y = hoop_max_pool(t, golden_image(t, c, x[0]), &o, is_true(c, "return_indices", "false") ? &out[1] : NULL);
    return golden_back(t, c, y);
}

static hoop_tensor *avg_pool(hoop_tape *t, const golden_case *c, hoop_tensor **x, hoop_tensor **out)
{
    const hoop_pool_opts o = windows(c);
    hoop_tensor         *y = hoop_avg_pool(t, golden_image(t, c, x[0]), &o);
    (void)out;
    return golden_back(t, c, y);
}

static hoop_tensor *lp_pool(hoop_tape *t, const golden_case *c, hoop_tensor **x, hoop_tensor **out)
{
    const hoop_pool_opts o = windows(c);
    (void)out;
    return hoop_lp_pool(t, x[0], golden_float(c, "norm_type", 2.0), &o);
}

static hoop_tensor *adaptive_max_pool(hoop_tape *t, const golden_case *c, hoop_tensor **x, hoop_tensor **out)
{
    int64_t      size[3];
    hoop_tensor *y;
    (void)golden_ints(c, "size", 3, size);
    y = hoop_adaptive_max_pool(t, golden_image(t, c, x[0]), size, &out[1]);
    return golden_back(t, c, y);
}

static hoop_tensor *adaptive_avg_pool(hoop_tape *t, const golden_case *c, hoop_tensor **x, hoop_tensor **out)
{
    int64_t      size[3];
    hoop_tensor *y;
    (void)out;
    (void)golden_ints(c, "size", 3, size);
    y = hoop_adaptive_avg_pool(t, golden_image(t, c, x[0]), size);
    return golden_back(t, c, y);
}

static hoop_tensor *upsample(hoop_tape *t, const golden_case *c, hoop_tensor **x, hoop_tensor **out)
{
    hoop_upsample_opts o    = {.mode          = (hoop_upsample_mode)golden_int(c, "mode", 0, 0),
                               .align_corners = is_true(c, "align_corners", "false")};
    const char        *text = golden_word(c, "scale_factor", "[]");
    hoop_tensor       *y;
    (void)out;
    (void)golden_ints(c, "size", 3, o.size);
    (void)sscanf(text, "[%lf ,%lf ,%lf]", &o.scale_factor[0], &o.scale_factor[1], &o.scale_factor[2]);
    y = hoop_upsample(t, golden_image(t, c, x[0]), &o);
    return golden_back(t, c, y);
}

static hoop_tensor *pixel_shuffle(hoop_tape *t, const golden_case *c, hoop_tensor **x, hoop_tensor **out)
{
    (void)out;
    return hoop_pixel_shuffle(t, x[0], golden_int(c, "factor", 0, 1));
}

static hoop_tensor *pixel_unshuffle(hoop_tape *t, const golden_case *c, hoop_tensor **x, hoop_tensor **out)
{
    (void)out;
    return hoop_pixel_unshuffle(t, x[0], golden_int(c, "factor", 0, 1));
}

static hoop_tensor *channel_shuffle(hoop_tape *t, const golden_case *c, hoop_tensor **x, hoop_tensor **out)
{
    (void)out;
    return hoop_channel_shuffle(t, x[0], golden_int(c, "groups", 0, 1));
}

extern const golden_call golden_calls_pool[];
const golden_call        golden_calls_pool[] = {{"max_pool", max_pool},
                                                {"avg_pool", avg_pool},
                                                {"lp_pool", lp_pool},
                                                {"adaptive_max_pool", adaptive_max_pool},
                                                {"adaptive_avg_pool", adaptive_avg_pool},
                                                {"upsample", upsample},
                                                {"pixel_shuffle", pixel_shuffle},
                                                {"pixel_unshuffle", pixel_unshuffle},
                                                {"channel_shuffle", channel_shuffle},
                                                {NULL, NULL}};
