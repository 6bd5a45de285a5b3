/* The workloads that engines are compared by: the same nets as the peer's script trains, and one of these in segments. */
#include "command/workloads.h"

#include <stddef.h>

#define CONV3(out, more) "{conv: {out: " #out ", kernel: 3, padding: 1, no_bias: true" more "}}"
#define BODY(out, more) "body: [" CONV3(out, more) ", batch_norm, relu, " CONV3(out, "") ", batch_norm]"
#define BLOCK(out) "    - {residual: {" BODY(out, "") "}}\n    - relu\n"
#define SMALLER(out)                                                                                                             \
    "    - {residual: {" BODY(out, ", stride: 2") ", shortcut: [{conv: {out: " #out                                              \
                                                  ", kernel: 1, stride: 2, no_bias: true}}, batch_norm]}}\n    - relu\n"

/* He et al., CVPR 2016: 3 stages of 3 blocks */
static const char resnet20[] =
    "model:\n  layers:\n    - " CONV3(16, "") "\n    - batch_norm\n    - relu\n" BLOCK(16) BLOCK(16) BLOCK(16) SMALLER(32)
        BLOCK(32) BLOCK(32) SMALLER(64) BLOCK(64) BLOCK(64) "    - {adaptive_avg_pool: 1}\n    - flatten\n    - {linear: 10}\n"
                                                            "loss: cross_entropy\n";

/* rows of T tokens, and of those that follow, of 65 */
#define TOKENS(T) .ndim = 1, .shape = {T}, .vocabulary = 65, .target_ndim = 1, .target_shape = {T}, .classes = 65

/* Radford et al., 2019 */
#define GPT(more)                                                                                                                \
    "model:\n"                                                                                                                   \
    "  layers:\n"                                                                                                                \
    "    - {embedding: {rows: 65, width: 384}}\n"                                                                                \
    "    - {position: {length: 256}}\n"                                                                                          \
    "    - repeat:\n"                                                                                                            \
    "        times: 6\n" more "        body:\n"                                                                                  \
    "          - {residual: [layer_norm, {attention: {heads: 6, causal: true}}]}\n"                                              \
    "          - {residual: [layer_norm, {linear: 1536}, {gelu: tanh}, {linear: 384}]}\n"                                        \
    "    - layer_norm\n"                                                                                                         \
    "    - {linear: {out: 65, no_bias: true}}\n"                                                                                 \
    "loss: cross_entropy\n"

static const char lstm[] = "model:\n"
                           "  layers:\n"
                           "    - {embedding: {rows: 65, width: 128}}\n"
                           "    - {lstm: {hidden: 256, layers: 2}}\n"
                           "    - {linear: 65}\n"
                           "loss: cross_entropy\n";

static const workload workloads[] = {
    {.name         = "tiny",
     .about        = "16-64-64-64-8, tanh, mse, 32 samples a rank",
     .config       = "model: {kind: mlp, hidden: [64, 64, 64], activation: tanh}\nloss: mse\n",
     .ndim         = 1,
     .shape        = {16},
     .target_ndim  = 1,
     .target_shape = {8},
     .batch        = 32,
     .steps        = 200},
    {.name    = "mlp",
     .about   = "784-512-256-10, relu, cross_entropy, 64 samples a rank",
     .config  = "model: {kind: mlp, hidden: [512, 256], activation: relu}\nloss: cross_entropy\n",
     .ndim    = 1,
     .shape   = {784},
     .classes = 10,
     .batch   = 64,
     .steps   = 200},
    {.name    = "resnet20",
     .about   = "ResNet-20 for 3 x 32 x 32, cross_entropy, 32 samples a rank",
     .config  = resnet20,
     .ndim    = 3,
     .shape   = {3, 32, 32},
     .classes = 10,
     .batch   = 32,
     .steps   = 50},
    {.name   = "gpt",
     .about  = "6 layers, 384 wide, 6 heads, 256 of 65 tokens, 8 a rank",
     .config = GPT(""),
     TOKENS(256),
     .batch = 8,
     .steps = 10},
    {.name   = "segments",
     .about  = "gpt, its 6 layers segments: activations made again in backward",
     .config = GPT("        checkpoint: true\n"),
     TOKENS(256),
     .batch = 8,
     .steps = 10},
    {.name   = "lstm",
     .about  = "embedding 128, 2 LSTM layers of 256, 64 of 65 tokens, 32 a rank",
     .config = lstm,
     TOKENS(64),
     .batch = 32,
     .steps = 40},
};

const workload *workload_get(int i)
{
    return i >= 0 && (size_t)i < sizeof workloads / sizeof workloads[0] ? &workloads[i] : NULL;
}
