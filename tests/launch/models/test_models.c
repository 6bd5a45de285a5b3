/* Models of a config: what mlp and layers build, what nests, and that a mistake is told with its place and the nearest key. */
#include "support.h"

static const hoop__model_input  x[]    = {{"x", {.ndim = 3, .size = {0, 2, 3}}}};
static const hoop__model_input  uv[]   = {{"u", {.ndim = 2, .size = {0, 4}}}, {"v", {.ndim = 3, .size = {0, 2, 3}}}};
static const hoop__model_input  said[] = {{"text", {.ndim = 2, .size = {0, 8}}, .tokens = 10}};
static const hoop__model_target y[]    = {{"y", 10, true}};
static const hoop__model_target pq[]   = {{"p", 3, true}, {"q", 2, false}};
static const hoop__model_target pq0[]  = {{"p", 3, true}, {"q", 0, false}};

/* parameters in order, then outputs: "name (last size)" */
static void makes(const char *text, int nin, const hoop__model_input *in, int ny, const hoop__model_target *t, const char *want)
{
    hoop_error err = {.status = HOOP_OK};
    built      b;
    char       got[2000];
    size_t     at = 0;
    if (build(&b, text, HOOP_F32, nin, in, ny, t, &err) != HOOP_OK) fail_msg("%s: %s", text, err.text);
    for (int i = 0; i < hoop_params_count(hoop_model_params(b.model)); i++) {
        const char *name = hoop_params_name(hoop_model_params(b.model), i);
        if (strstr(name, "bias") == NULL) at += (size_t)snprintf(got + at, sizeof got - at, "%s ", name);
    }
    for (int i = 0; i < hoop_model_outputs(b.model); i++) {
        const hoop_shape *s = hoop_model_output(b.model, i);
        at += (size_t)snprintf(got + at, sizeof got - at, "%s:%lld ", hoop_model_output_name(b.model, i),
                               (long long)s->size[s->ndim - 1]);
    }
    if (strcmp(got, want) != 0) fail_msg("%s makes %s, not %s", text, got, want);
    clear(&b);
}

static void fails(const char *text, ...)
{
    hoop_error  err = {.status = HOOP_OK};
    const char *word;
    va_list     words;
    built       b;
    if (build(&b, text, HOOP_F32, 1, x, 1, y, &err) == HOOP_OK) fail_msg("%s should not be taken", text);
    va_start(words, text);
    while ((word = va_arg(words, const char *)) != NULL)
        if (strstr(err.text, word) == NULL) fail_msg("%s: '%s' is not in: %s", text, word, err.text);
    va_end(words);
    if (strchr(err.text, '\n') != NULL) fail_msg("more than a line: %s", err.text);
    clear(&b);
}

static void table(void **state)
{
    (void)state;
    assert_string_equal(hoop__model_kind_get(0)->name, "mlp");
    assert_null(hoop__model_kind_get(-1));
    assert_null(hoop__model_kind_find("mpl"));
    for (int i = 0; hoop__model_kind_get(i) != NULL; i++) {
        const hoop__model_kind *k = hoop__model_kind_get(i);
        assert_true(hoop__model_kind_find(k->name) == k);
        assert_non_null(k->help);
    }
}

static void mlp(void **state)
{
    (void)state;
    makes("model: {hidden: [5], dropout: 0.1}", 1, x, 1, y, "layers.0.weight layers.3.weight :10 ");
    makes("model: {hidden: []}", 1, x, 1, y, "layers.0.weight :10 ");
    makes("model: {hidden: [5], outputs: 12}", 1, x, 1, y, "layers.0.weight layers.2.weight :12 ");
    makes("model: {hidden: [5]}", 2, uv, 2, pq, "layers.0.weight layers.2.p.weight layers.2.q.weight p:3 q:2 ");
    makes("model: {hidden: [5]}", 2, uv, 1, y, "layers.0.weight layers.2.weight :10 ");
}

static void mlp_mistakes(void **state)
{
    hoop_error err = {.status = HOOP_OK};
    built      b;
    (void)state;
    assert_int_equal(build(&b, "model: {outputs: 3}", HOOP_F32, 1, x, 2, pq, &err), HOOP_ECONFIG);
    assert_string_equal(err.text, "m.yaml:1: model.outputs: is for one target, and there are 2; leave it out");
    clear(&b);
    err.status = HOOP_OK;
    assert_int_equal(build(&b, "model: {hidden: [3]}", HOOP_F32, 1, x, 2, pq0, &err), HOOP_ECONFIG);
    assert_non_null(strstr(err.text, "how many elements target 'q' has"));
    clear(&b);
}

/* a mistake in a section of one input x and one target y, and what is said of it */
static void wrong(const char *text, int64_t classes, int ndim, const int64_t *shape, const char *words)
{
    hoop__model_input  in     = {"x", {.ndim = ndim + 1}};
    hoop__model_target target = {"y", classes > 0 ? classes : -classes, classes > 0};
    hoop_error         err    = {.status = HOOP_OK};
    built              b;
    memcpy(in.shape.size + 1, shape, (size_t)ndim * sizeof *shape);
    if (build(&b, text, HOOP_F32, 1, &in, 1, &target, &err) == HOOP_OK) fail_msg("%s should not be taken", text);
    if (strstr(err.text, words) == NULL) fail_msg("%s: '%s' is not in: %s", text, words, err.text);
    clear(&b);
}
#define SHAPE(...)                                                                                                               \
    (int)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)), (int64_t[])                                                       \
    {                                                                                                                            \
        __VA_ARGS__                                                                                                              \
    }

static void mistakes_of_kinds(void **state)
{
    hoop_error err = {.status = HOOP_OK};
    built      b;
    (void)state;
    wrong("model:\n  kind: cnn\n  kernel: 4\n", 3, SHAPE(8, 8), "m.yaml:3: model.kernel: 4; an odd one is wanted");
    wrong("model:\n  layers:\n    - flatten\n    - normalize\n    - linear: 3\n", 3, SHAPE(8),
          "m.yaml:4: model.layers[1]: normalize takes mean and std here; data.transform: [normalize] measures them");
    wrong("model: {layers: [{residual: [{normalize: {over: all, mean: []}}]}, {linear: 3}]}", 3, SHAPE(8),
          "model.layers[0].residual[0]: normalize takes mean and std here");
    wrong("model:\n  kind: pinn\n  hidden: []\n", -1, SHAPE(3), "m.yaml:3: model.hidden: at least one layer is wanted");
    wrong("model: {kind: cnn}", 3, SHAPE(8), "rows of 'x' have 1 dims, and this kind takes images");
    wrong("model: {kind: cnn, channels: [2, 2, 2, 2]}", 3, SHAPE(8, 8), "module features.15 (max_pool)");
    wrong("model: {kind: cnn, norm: layer}", 3, SHAPE(8, 8), "m.yaml:1: model.norm");
    wrong("model: {kind: resnet, depth: 19}", 3, SHAPE(8, 8), "m.yaml:1: model.depth");
    wrong("model: {kind: resnet}", 3, SHAPE(2, 8, 8, 8), "rows of 'x' have 4 dims");
    wrong("model: {kind: vit, patch: 3}", 3, SHAPE(8, 9),
          "m.yaml:1: model.patch: 3, of which the images' size in dim 1, 8, is no");
    wrong("model: {kind: vit, width: 10, heads: 4}", 3, SHAPE(8, 8),
          "m.yaml:1: model.heads: 4, of which width, 10, is no multiple");
    wrong("model: {kind: unet}", 3, SHAPE(8, 6),
          "model.channels: 3 levels halve the size down to 1/4, of which the images' size in");
    wrong("model: {kind: unet, channels: []}", 3, SHAPE(8, 8), "model.channels: at least one level");
    wrong("model: {kind: unet}", -63, SHAPE(8, 8), "target 'y' has 63 elements, which are not the same for each of 64 pixels");
    wrong("model: {kind: autoencoder, latent: 0}", -6, SHAPE(8, 8), "m.yaml:1: model.latent");
    wrong("model: {kind: lstm, vocabulary: 5}", 3, SHAPE(8, 2), "this kind takes tokens, (N, T)");
    wrong("model: {kind: gru}", 3, SHAPE(8, 2, 2), "this kind takes numbers, (N, T, F) or (N, T)");
    wrong("model: {kind: lstm, steps: each}", -9, SHAPE(8, 2),
          "target 'y' has 9 elements, which are not the same for each of 8 steps");
    wrong("model: {kind: lstm}", 3, SHAPE(-1, 2), "module last (step)");
    wrong("model: {kind: transformer, heads: 5}", 3, SHAPE(8, 2), "model.heads: 5, of which width, 64, is no multiple");
    wrong("model: {kind: pinn}", -1, SHAPE(8, 2),
          "rows of 'x' have 2 dims, and this kind takes points: (N, coordinates and a last");
    wrong("model: {kind: pinn}", -2, SHAPE(3), "m.yaml:1: model: target 'y' is to be one number of each point");
    wrong("model: {kind: pinn}", 3, SHAPE(3), "m.yaml:1: model: target 'y' is to be one number of each point");
    wrong("model:\n  kind: pinn\n  equation: poisson\n", -1, SHAPE(1),
          "m.yaml:3: model.equation: rows of 'x' have 1 columns; 1 to 8");
    wrong(
        "model:\n  kind: pinn\n  equation: burgers\n", -1, SHAPE(4),
        "m.yaml:3: model.equation: rows of 'x' have 4 columns; x, t, and a last one, 0: the value, 1: the equation, are wanted");
    wrong("model: {kind: pinn, equation: heat}", -1, SHAPE(3), "model.equation: unknown 'heat', must be one of poisson, burgers");
    wrong("model: {kind: pinn, viscosity: -1}", -1, SHAPE(3), "m.yaml:1: model.viscosity: -1 is out of range");
    wrong("model: {kind: pinn, activation: relu}", -1, SHAPE(3), "m.yaml:1: model.activation: unknown 'relu'");
    wrong("model: {kind: transformer, vocabulary: 9, length: 4}", 3, SHAPE(8), "module position (position): length: 4 positions");
    assert_int_equal(build(&b, "model:\n  kind: transformer\n  vocabulary: 9\n", HOOP_F32, 1, said, 1, y, &err), HOOP_ECONFIG);
    assert_string_equal(err.text, "m.yaml:3: model.vocabulary: 9, and 'text' is of 10 different tokens; give as many");
    clear(&b);
    err.status = HOOP_OK;
    makes("model: {kind: gru, vocabulary: 10, hidden: 4}", 1, said, 1, y,
          "embedding.weight gru.weight_ih_l0 gru.weight_hh_l0 head.weight :10 ");
    makes("model: {kind: gru, hidden: 4}", 1, said, 1, y, "embedding.weight gru.weight_ih_l0 gru.weight_hh_l0 head.weight :10 ");
    makes("model: {kind: gru, vocabulary: 0, hidden: 4}", 1, said, 1, y, "gru.weight_ih_l0 gru.weight_hh_l0 head.weight :10 ");
    wrong("model: {kind: gpt, heads: 3}", 3, SHAPE(8), "model.heads: 3, of which width, 128, is no multiple");
    wrong("model:\n  kind: gpt\n  context: 7\n", 3, SHAPE(8), "m.yaml:3: model.context: 7 tokens, and rows of 'x' have 8");
    wrong("model: {kind: gpt}", 3, SHAPE(-1), "model.context: rows of 'x' vary in length, so that it must be given");
    wrong("model: {kind: gpt}", -3, SHAPE(8), "gpt tells tokens, and the loss of target 'y' is none of classes");
    wrong("model: {kind: gpt}", 3, SHAPE(8, 2), "this kind takes tokens: (N, T)");
    assert_int_equal(build(&b, "model: {kind: gpt}", HOOP_F32, 2, uv, 1, y, &err), HOOP_ECONFIG);
    assert_non_null(strstr(err.text, "this kind is for one input and one target, and there are 2 and 1"));
    clear(&b);
    err.status = HOOP_OK;
    assert_int_equal(build(&b, "model: {kind: cnn}", HOOP_F32, 1, uv + 1, 1, pq0 + 1, &err), HOOP_ECONFIG);
    assert_non_null(strstr(err.text, "how many elements target 'q' has"));
    clear(&b);
}

static void layers_nest(void **state)
{
    (void)state;
    makes("model: {layers: [flatten, {linear: 4}, relu, {dropout: 0.1}, {linear: {out: 3, no_bias: true}}]}", 1, x, 1, y,
          "layers.1.weight layers.4.weight :3 ");
    makes("model: {layers: [flatten, {residual: [{linear: 6}, relu, {linear: 6}]}]}", 1, x, 1, y,
          "layers.1.body.0.weight layers.1.body.2.weight :6 ");
    makes("model: {layers: [flatten, {residual: {body: [{linear: 5}], shortcut: {linear: 5}}}, {linear: 2}]}", 1, x, 1, y,
          "layers.1.body.0.weight layers.1.shortcut.weight layers.2.weight :2 ");
    makes("model: {layers: [flatten, {parallel: {branches: {u: [{linear: 5}, relu], v: {linear: 4}}, join: concat}}]}", 1, x, 1,
          y, "layers.1.u.0.weight layers.1.v.weight :9 ");
    makes("model: {layers: [flatten, {parallel: [{linear: 5}, [{linear: 4}, relu], []]}]}", 1, x, 1, y,
          "layers.1.0.weight layers.1.1.0.weight :5 :4 :6 ");
    makes("model: {layers: [flatten, {repeat: {times: 2, body: [{linear: 6}, {residual: {body: {linear: 6}}}]}}]}", 1, x, 1, y,
          "layers.1.0.0.weight layers.1.0.1.body.weight layers.1.1.0.weight layers.1.1.1.body.weight :6 ");
}

static void layers_of_several(void **state)
{
    (void)state;
    makes("model:\n  layers:\n    - parallel: {inputs: each, join: concat, branches: {u: [{linear: 3}], v: [flatten, {linear: "
          "3}]}}\n"
          "    - relu\n    - parallel: {branches: {q: {linear: 2}, p: {linear: 3}}}\n",
          2, uv, 2, pq, "layers.0.u.0.weight layers.0.v.1.weight layers.2.q.weight layers.2.p.weight q:2 p:3 ");
    makes("model: {layers: [{parallel: {inputs: each, join: concat, branches: {words: [{embedding: {rows: 9, width: 4}}, "
          "flatten], v: "
          "flatten}}}]}",
          2, (hoop__model_input[]){{"t", {.ndim = 2, .size = {0, 3}}}, uv[1]}, 1, y, "layers.0.words.0.weight :18 ");
}

static void layers_mistakes(void **state)
{
    hoop_error err = {.status = HOOP_OK};
    built      b;
    (void)state;
    fails("model: {layers: []}", "m.yaml:1: model.layers: a list of layers is wanted", NULL);
    fails("model: {layers: {linear: 3}}", "m.yaml:1: model.layers: a list of layers is wanted", NULL);
    fails("model:\n  layers:\n    - flatten\n    - {linaer: 3}\n",
          "m.yaml:4: model.layers[1]: there is no layer 'linaer'; did you mean linear?", NULL);
    fails("model: {layers: [flatten, xyzzy]}", "model.layers[1]: there is no layer 'xyzzy'; hoop train --help layers lists all",
          NULL);
    fails("model: {layers: [flatten, linear]}", "model.layers[1]: out of linear must be given, as in {linear: 512}", NULL);
    fails("model: {layers: [{embedding: {rows: 3}}]}",
          "model.layers[0]: width of embedding must be given, as in {embedding: {rows: ", NULL);
    fails("model: {layers: [{embedding: 3}]}", "model.layers[0].embedding: give its keys, as in {embedding: {rows: ", NULL);
    fails("model: {layers: [{embedding: [3, 4]}]}", "model.layers[0].embedding: give its keys, as in", NULL);
    fails("model: {layers: [{linear: {uot: 3}}]}", "model.layers[0].linear.uot: unknown key; did you mean out?", NULL);
    fails("model: {layers: [{linear: {something: 3}}]}",
          "model.layers[0].linear.something: unknown key; linear takes out, no_bias", NULL);
    fails("model: {layers: [{linear: many}]}", "m.yaml:1: model.layers[0].linear", "many", NULL);
    fails("model: {layers: [{linear: [3]}]}", "model.layers[0].linear", NULL);
    fails("model: {layers: [{linear: 0}]}", "model.layers[0].linear", "1", NULL);
    fails("model: {layers: [{relu: 3}]}", "model.layers[0].relu: relu takes no options", NULL);
    fails("model: {layers: [{linear: 3, relu: 1}]}", "model.layers[0]: a layer is a name or one", NULL);
    fails("model: {layers: [[flatten]]}", "model.layers[0]: a layer is a name or one", NULL);
    fails("model: {layers: [null]}", "model.layers[0]: a layer is a name or one", NULL);
    fails("model: {layers: [residual]}", "model.layers[0]: body of residual must be given, as in {residual: [", NULL);
    fails("model: {layers: [{residual: 3}]}", "model.layers[0].residual: give its keys, as in {residual: [", NULL);
    fails("model: {layers: [{residual: {bodi: [relu]}}]}", "model.layers[0].residual.bodi: unknown key; did you mean body?",
          NULL);
    fails("model: {layers: [{residual: {shortcut: relu}}]}", "model.layers[0]: body of residual must be given", NULL);
    fails("model: {layers: [{residual: [relu, {liner: 3}]}]}",
          "model.layers[0].residual[1]: there is no layer 'liner'; did you mean linear?", NULL);
    fails("model:\n  layers:\n    - residual:\n        body:\n          - relu\n          - {linear: {bias: 3}}\n",
          "m.yaml:6: model.layers[0].residual.body[1].linear.bias: unknown key; linear takes out, no_bias", NULL);
    fails("model: {layers: [{parallel: {branches: {u: [relo]}, join: add}}]}",
          "model.layers[0].parallel.branches.u[0]: there is no layer 'relo'; did you mean relu?", NULL);
    fails("model: {layers: [{parallel: {branches: {u/v: relu}}}]}", "model.layers[0].parallel.branches", "without '.'", NULL);
    fails("model: {layers: [{parallel: {branches: relu}}]}",
          "model.layers[0].parallel.branches: branches of parallel: a list or a map", NULL);
    fails("model: {layers: [{parallel: {branches: {u: relu}, join: cat}}]}", "model.layers[0].parallel.join", "concat", NULL);
    fails("model: {layers: [{parallel: {branches: []}}]}", "layers.0 (parallel)", "it has no branches", NULL);
    fails("model: {layers: [{repeat: [relu]}]}", "model.layers[0]: times of repeat must be given, as in {repeat: {times: 3",
          NULL);
    fails("model: {layers: [{repeat: {times: 3}}]}", "model.layers[0]: body of repeat must be given, as in {repeat: {times: 3",
          NULL);
    fails("model: {layers: [{repeat: {times: 0, body: relu}}]}", "model.layers[0].repeat.times", NULL);
    fails("model: {layers: [{sequential: {layers: {a: relu}}}]}",
          "model.layers[0].sequential.layers: layers of sequential: a list of layers is wanted", NULL);
    fails("model: {layers: [flatten, {residual: [{linear: 5}]}]}",
          "module layers.1 (residual): its body gives f32 (N, 5), and its input is f32 (N, 6)", NULL);
    fails("model: {layers: [flatten, {linear: 5}, {embedding: {rows: 2, width: 2}}]}", "module layers.2 (embedding)", "i64",
          NULL);
    /* branches in another order than the inputs of their names */
    assert_int_equal(
        build(&b, "model: {layers: [{parallel: {inputs: each, branches: {v: flatten, u: relu}}}]}", HOOP_F32, 2, uv, 2, pq, &err),
        HOOP_ECONFIG);
    assert_non_null(strstr(err.text, "m.yaml:1: model.layers[0].parallel.branches.v: is branch 0, whose input is 'u': put the "
                                     "branches in the order of the inputs"));
    clear(&b);
}

/* ---- anything at all ---- */

enum { TEXT = 2000 };

static uint64_t draw(uint64_t *seed, uint64_t n)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return (*seed >> 33) % n;
}

/* append a random value: a word, a number, a list or a map, of the words that mean something and some others */
static void put(char text[TEXT], uint64_t *seed, int depth)
{
    static const char *const words[] = {
        "linear",   "relu", "flatten", "embedding", "dropout", "residual", "parallel", "repeat", "sequential", "body", "shortcut",
        "branches", "join", "inputs",  "times",     "layers",  "out",      "rows",     "width",  "p",          "add",  "concat",
        "each",     "u",    "-1",      "0",         "1",       "3",        "6",        "null",   "0.5",        "''"};
    const size_t   at   = strlen(text);
    const uint64_t form = depth == 0 ? 0 : draw(seed, 4), n = draw(seed, 3) + (form > 1);
    if (at + 100 > TEXT) return;
    if (form < 1) {
        (void)snprintf(text + at, TEXT - at, "%s", words[draw(seed, sizeof words / sizeof *words)]);
        return;
    }
    (void)strcat(text, form == 1 ? "[" : "{");
    for (uint64_t i = 0; i < (form == 1 ? n : 1 + n / 2); i++) {
        if (i > 0) (void)strcat(text, ", ");
        if (form > 1) (void)snprintf(text + strlen(text), TEXT - strlen(text), "%s: ", words[draw(seed, 24)]);
        put(text, seed, depth - 1);
    }
    (void)strcat(text, form == 1 ? "]" : "}");
}

static void anything_is_taken_or_refused(void **state)
{
    int taken = 0;
    (void)state;
    for (uint64_t seed = 1; seed <= 20000; seed++) {
        hoop_error  err            = {.status = HOOP_OK};
        char        text[TEXT + 8] = "model: {layers: [flatten, ";
        uint64_t    random         = seed;
        built       b;
        hoop_status st;
        put(text, &random, 5);
        (void)strcat(text, "]}");
        st = build(&b, text, HOOP_F32, 1, x, 1, y, &err);
        taken += st == HOOP_OK;
        if (st != HOOP_OK && (err.text[0] == '\0' || strchr(err.text, '\n') != NULL || st == HOOP_ENOMEM))
            fail_msg("%s: %s", text, err.text);
        clear(&b);
    }
    assert_true(taken > 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(table),           cmocka_unit_test(mlp),
                                       cmocka_unit_test(mlp_mistakes),    cmocka_unit_test(mistakes_of_kinds),
                                       cmocka_unit_test(layers_nest),     cmocka_unit_test(layers_of_several),
                                       cmocka_unit_test(layers_mistakes), cmocka_unit_test(anything_is_taken_or_refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
