/* core/kernels/table.c - the table of one instruction set. */
#include "kernels/isa.h"

extern const hoop_kernels                    HOOP_KERNEL(kernels);
extern const struct hoop_elementwise_kernels HOOP_KERNEL(elementwise_kernels);
extern const struct hoop_reduce_kernels      HOOP_KERNEL(reduce_kernels);
extern const struct hoop_conv_kernels        HOOP_KERNEL(conv_kernels);
extern const struct hoop_attention_kernels   HOOP_KERNEL(attention_kernels);
extern const struct hoop_recurrent_kernels   HOOP_KERNEL(recurrent_kernels);
extern const struct hoop_loss_kernels        HOOP_KERNEL(loss_kernels);
extern const struct hoop_norm_kernels        HOOP_KERNEL(norm_kernels);
extern const struct hoop_pool_kernels        HOOP_KERNEL(pool_kernels);

#define HOOP_BOTH(name)                                                                                                          \
    {                                                                                                                            \
        HOOP_KERNEL(name##_f32), HOOP_KERNEL(name##_f64)                                                                         \
    }

const hoop_kernels HOOP_KERNEL(kernels) = {
    .isa = HOOP_ISA_TEXT,
#define HOOP_ROW(name) [HOOP_UNARY_##name] = HOOP_BOTH(unary_##name),
    .unary = {HOOP_UNARY_LIST(HOOP_ROW)},
#undef HOOP_ROW
#define HOOP_ROW(name) [HOOP_UNARY_GRAD_##name] = HOOP_BOTH(unary_grad_##name),
    .unary_grad = {HOOP_UNARY_GRAD_LIST(HOOP_ROW)},
#undef HOOP_ROW
#define HOOP_ROW(name) [HOOP_BINARY_##name] = HOOP_BOTH(binary_##name),
    .binary = {HOOP_BINARY_LIST(HOOP_ROW)},
#undef HOOP_ROW
#define HOOP_ROW(NAME, name, type) [HOOP_##NAME] = HOOP_KERNEL(copy_##name),
    .copy = {HOOP_DTYPE_LIST(HOOP_ROW)},
#undef HOOP_ROW
#define HOOP_ROW(NAME, name, type)                                                                                               \
    [HOOP_##NAME] = {[HOOP_F32] = HOOP_KERNEL(cast_##name##_f32),                                                                \
                     [HOOP_F64] = HOOP_KERNEL(cast_##name##_f64),                                                                \
                     [HOOP_I64] = HOOP_KERNEL(cast_##name##_i64),                                                                \
                     [HOOP_I32] = HOOP_KERNEL(cast_##name##_i32),                                                                \
                     [HOOP_U8]  = HOOP_KERNEL(cast_##name##_u8)},
    .cast = {HOOP_DTYPE_LIST(HOOP_ROW)},
#undef HOOP_ROW
    .sum_rows           = HOOP_BOTH(sum_rows),
    .max_rows           = HOOP_BOTH(max_rows),
    .sum_cols           = HOOP_BOTH(sum_cols),
    .max_cols           = HOOP_BOTH(max_cols),
    .softmax            = HOOP_BOTH(softmax),
    .log_softmax        = HOOP_BOTH(log_softmax),
    .softmax_grad       = HOOP_BOTH(softmax_grad),
    .log_softmax_grad   = HOOP_BOTH(log_softmax_grad),
    .cross_entropy      = HOOP_BOTH(cross_entropy),
    .cross_entropy_grad = HOOP_BOTH(cross_entropy_grad),
    .dropout            = HOOP_BOTH(dropout),
    .sgd                = HOOP_BOTH(sgd),
    .adam               = HOOP_BOTH(adam),
    .rmsprop            = HOOP_BOTH(rmsprop),
    .adagrad            = HOOP_BOTH(adagrad),
    .radam              = HOOP_BOTH(radam),
    .nadam              = HOOP_BOTH(nadam),
    .lion               = HOOP_BOTH(lion),
    .lars               = HOOP_BOTH(lars),
    .lamb               = HOOP_BOTH(lamb),
    .lamb_step          = HOOP_BOTH(lamb_step),
    .ema                = HOOP_BOTH(ema),
    .squares            = HOOP_BOTH(squares),
    .exact_clear        = HOOP_BOTH(exact_clear),
    .exact_deposit      = HOOP_BOTH(exact_deposit),
    .exact_merge        = HOOP_BOTH(exact_merge),
    .exact_finish       = HOOP_BOTH(exact_finish),
    .exact_sum          = HOOP_BOTH(exact_sum),
    .reduce             = &HOOP_KERNEL(reduce_kernels),
    .gemm               = HOOP_BOTH(gemm),
    .conv               = &HOOP_KERNEL(conv_kernels),
    .attention          = &HOOP_KERNEL(attention_kernels),
    .recurrent          = &HOOP_KERNEL(recurrent_kernels),
    .loss               = &HOOP_KERNEL(loss_kernels),
    .norm               = &HOOP_KERNEL(norm_kernels),
    .pool               = &HOOP_KERNEL(pool_kernels),
    .elementwise        = &HOOP_KERNEL(elementwise_kernels),
};
