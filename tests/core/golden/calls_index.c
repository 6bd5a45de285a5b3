/* Functions of the cases of index. */
#include "golden.h"

#define INT(key) ((int)golden_int(c, key, 0, 0))
#define CALL(name) static hoop_tensor *name(hoop_tape *t, const golden_case *c, hoop_tensor **x, hoop_tensor **out)

CALL(transpose)
{
    (void)out;
    return hoop_transpose(t, x[0], INT("dims"), (int)golden_int(c, "dims", 1, 0));
}

CALL(pad)
{
    int64_t pads[2 * HOOP_MAX_DIMS];
    (void)out;
    return hoop_pad(t, x[0], golden_ints(c, "pads", 2 * HOOP_MAX_DIMS, pads), pads, (hoop_pad_mode)INT("mode"),
                    golden_float(c, "value", 0.0));
}

CALL(roll)
{
    (void)out;
    return hoop_roll(t, x[0], INT("dim"), INT("shift"));
}

CALL(stack)
{
    (void)out;
    return hoop_stack(t, x, golden_count(c, "input"), INT("dim"));
}

CALL(chunk)
{
    return hoop_chunk(t, x[0], INT("dim"), INT("n"), out, NULL);
}

CALL(repeat)
{
    int64_t times[HOOP_MAX_DIMS];
    (void)out;
    return hoop_repeat(t, x[0], golden_ints(c, "times", HOOP_MAX_DIMS, times), times);
}

CALL(repeat_interleave)
{
    (void)out;
    return hoop_repeat_interleave(t, x[0], INT("dim"), INT("times"));
}

CALL(scatter_add)
{
    (void)out;
    return hoop_scatter_add(t, x[0], INT("dim"), x[1], x[2]);
}

CALL(index_add)
{
    (void)out;
    return hoop_index_add(t, x[0], INT("dim"), x[1], x[2]);
}

CALL(sort)
{
    return hoop_sort(t, x[0], INT("dim"), INT("descending") != 0, &out[1]);
}

CALL(argsort)
{
    (void)out;
    return hoop_argsort(t, x[0], INT("dim"), INT("descending") != 0);
}

CALL(topk)
{
    return hoop_topk(t, x[0], INT("k"), INT("dim"), INT("largest") != 0, &out[1]);
}

static hoop_patches_opts patches(const golden_case *c)
{
    hoop_patches_opts o = {{0}, {0}, {0}, {0}};
    (void)golden_ints(c, "kernel", 3, o.kernel);
    (void)golden_ints(c, "stride", 3, o.stride);
    (void)golden_ints(c, "padding", 3, o.padding);
    (void)golden_ints(c, "dilation", 3, o.dilation);
    return o;
}

CALL(im2col)
{
    hoop_patches_opts o = patches(c);
    (void)out;
    return hoop_im2col(t, x[0], &o);
}

CALL(col2im)
{
    hoop_patches_opts o = patches(c);
    int64_t           size[3];
    int               n = golden_ints(c, "size", 3, size);
    (void)out;
    return hoop_col2im(t, x[0], n, size, &o);
}

extern const golden_call golden_calls_index[];
const golden_call        golden_calls_index[] = {
           {"transpose", transpose},
           {"pad", pad},
           {"roll", roll},
           {"stack", stack},
           {"chunk", chunk},
           {"repeat", repeat},
           {"scatter_add", scatter_add},
           {"index_add", index_add},
           {"repeat_interleave", repeat_interleave},
           {"sort", sort},
           {"argsort", argsort},
           {"topk", topk},
           {"im2col", im2col},
           {"col2im", col2im},
           {NULL, NULL},
};
