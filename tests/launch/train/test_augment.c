/* Augmentation: the same bits on any ranks and after a resumption, in training alone, and what is refused. */
#include "plan.h"

#include "hoop/import.h"

#define RUN                                                                                                                      \
    "seed: 5\nbatch: 24\nleaves: 6\nthreads: 1\noptimizer: {name: adamw, lr: 5e-3}\nclip_norm: 1\nmodel: {kind: mlp, hidden: "   \
    "[16]}\n"                                                                                                                    \
    "data: {train: digits/train, validation: digits/validation, "

static void all_kinds_resume(void **state)
{
    (void)state;
    plan_resumes(RUN
                 "augment: [{flip: both}, {crop: 3}, {rotate: {degrees: 20, p: 0.5}}, {jitter: {contrast: 0.5}}, {noise: 0.1}, "
                 "{cutout: {size: 5, count: 2}}, {mixup: 0.4}, {cutmix: {p: 0.5}}]}\nepochs: 2\n",
                 "all");
}

static void train(const char *config, plan *p)
{
    *p = (plan){.config = {config}};
    plan_run(p, 1);
    plan_good(p);
}

/* It changes what is trained on; where it moves nothing, nothing is changed. */
static void training_alone(void **state)
{
    plan plain, same, other;
    (void)state;
    train(RUN "shuffle: false}\nepochs: 1\n", &plain);
    train(RUN "shuffle: false, augment: {crop: 0}}\nepochs: 1\n", &same);
    train(RUN "shuffle: false, augment: flip}\nepochs: 1\n", &other);
    plan_same(&plain, &same);
    assert_memory_not_equal(plain.rank[0].weights, other.rank[0].weights, (size_t)plain.rank[0].bytes);
    plan_clear(&same);
    plan_clear(&other);
    plan_clear(&plain);
}

static void drawn_by_weight(void **state)
{
    (void)state;
    plan_resumes(RUN "sampling: balanced, augment: [{crop: 2}, {noise: 0.1}]}\nepochs: 2\n", "balanced");
    plan_resumes(RUN "sampling: weighted, sampling_weights: /y}\nepochs: 2\n",
                 "weighted"); /* labels are weights, too: none is a 0 */
}

static void refused(void **state)
{
    static const struct {
        const char *config, *words;
    } cases[] = {
        {RUN "sampling: weighted}\nsteps: 1\n", "wants data.sampling_weights"},
        {RUN "sampling: weighted, sampling_weights: /w}\nsteps: 1\n", "data.sampling_weights: "},
        {RUN "sampling: weighted, sampling_weights: /x}\nsteps: 1\n", "one number for each of 240 samples"},
        {RUN "sampling_weights: /y}\nsteps: 1\n", "is for data.sampling: weighted"},
        {RUN "sampling: balanced, y: /x}\nloss: mse\nsteps: 1\n", "balanced is for one target"},
        {RUN "augment: [flop]}\nsteps: 1\n", "did you mean flip?"},
        {RUN "augment: [zzz]}\nsteps: 1\n", "there are flip, crop"},
        {RUN "augment: [{crop: {paddings: 2}}]}\nsteps: 1\n", "did you mean padding?"},
        {RUN "augment: [{flip: diagonal}]}\nsteps: 1\n", "diagonal"},
        {RUN "augment: [{crop: -1}]}\nsteps: 1\n", "0 to 65536"},
        {RUN "augment: [[1, 2]]}\nsteps: 1\n", "is a name"},
        {RUN "augment: [{flip: 1, crop: 2}]}\nsteps: 1\n", "is a name"},
        {"seed: 1\nbatch: 8\nmodel: {kind: mlp, hidden: [4]}\ndata: {train: spirals/train, augment: [noise, flip]}\nsteps: 1\n",
         "data.augment[1]: flip is for images"},
    };
    (void)state;
    assert_ok(hoop_synth("spirals", 40, &(hoop_import_opts){.dir = "spirals"}, &err, NULL));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        plan p = {.config = {cases[i].config}};
        plan_run(&p, 1);
        plan_failed(&p, 0, HOOP_ECONFIG, cases[i].words);
        plan_clear(&p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_kinds_resume),
        cmocka_unit_test(training_alone),
        cmocka_unit_test(drawn_by_weight),
        cmocka_unit_test(refused),
    };
    return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
        {RUN "inputs: {x: /x}, targets: {half: '/x[:, 0:14, :]'}, augment: [{rotate: 90}]}\nloss: mse\nsteps: 1\n",
         "rotate moves pixels of images of 28 x 28, and target 0 is of 14 x 28"},
        {"seed: 1\nbatch: 6\nleaves: 6\nmodel: {kind: mlp, hidden: [4]}\ndata: {train: digits/train, augment: [noise, mixup]}\n"
         "steps: 1\n",
         "data.augment[1]: mixup mixes samples of one leaf, and a batch of 6 in 6 leaves has leaves of one; at most 3"},
