/* hoop train --help WORD: the kinds of each table, as the tables say them. */
#include "command/command.h"

#include <stdio.h>
#include <string.h>

#include "command/print.h"
#include "hoop/augment.h"
#include "hoop/loss.h"
#include "hoop/metric.h"
#include "hoop/nn.h"
#include "hoop/train.h"

/* What may be listed, and the section of a config whose choice it is; NULL: a table of its own. */
static const struct {
    const char *word, *section, *what;
} lists[] = {
    {"models", "model", "kinds of models, with the keys of section model that each has"},
    {"layers", NULL, "what a list of layers (model.layers) may hold, with options: {linear: 64} is {linear: {out: 64}}"},
    {"inits", NULL, "how parameters begin: what name in an item of model.init may be, with options"},
    {"losses", NULL, "losses, with the keys that each has"},
    {"metrics", NULL, "what is shown beside a loss (config: metrics), with options: {f1: {average: micro}}"},
    {"transform", NULL,
     "what may be done to inputs before the model (config: data.transform, or transform of an input), with options: {one_hot: 3} "
     "is "
     "{one_hot: {classes: 3}}"},
    {"augment", NULL,
     "what may be done to samples in training (config: data.augment), with options: {crop: 4} is {crop: {padding: 4}}"},
    {"optimizers", "optimizer", "optimisers, with the keys of section optimizer that each has"},
    {"schedules", "schedule", "schedules of the learning rate, with the keys of section schedule that each has"},
};
enum { LISTS = (int)(sizeof lists / sizeof lists[0]) };

enum { NAME_WIDTH = 16, KEY_WIDTH = 28 };

/* a word in a column, or where it is longer in a line of its own */
static void print_word(int indent, int width, int gap, const char *word)
{
    const int n = (int)strlen(word);
    (void)printf("%*s%s", indent, "", word);
    if (n > width)
        (void)printf("\n%*s", indent + width + gap, "");
    else
        (void)printf("%*s", width - n + gap, "");
}

static void print_key(const char *key)
{
    print_word(4, KEY_WIDTH, 2, key);
}

static void print_options(const hoop_option_table *t, const char *main_option)
{
    for (int i = 0; i < t->count; i++) {
        const hoop_option *o    = &t->rows[i];
        const bool         main = main_option != NULL && strcmp(o->key, main_option) == 0;
        char               key[PRINT_CELL];
        (void)snprintf(key, sizeof key, "%s: %s", o->key, o->fallback == NULL ? "(must be given)" : o->fallback);
        print_key(key);
        (void)printf("%s%s", o->help, main ? "; may stand alone" : "");
        for (int c = 0; o->type == HOOP_OPT_ENUM && o->choices[c] != NULL; c++)
            (void)printf("%s%s", c == 0 ? ": " : " | ", o->choices[c]);
        (void)printf("\n");
    }
}

static void print_kind(const char *name, const char *help)
{
    print_word(2, NAME_WIDTH, 1, name);
    (void)printf("%s\n", help);
}

/* all layers, or those that may stand before a model */
static void print_layers(bool prepare)
{
    const hoop_module_kind *k;
    for (int i = 0; (k = hoop_module_kind_get(i)) != NULL; i++) {
        if (prepare && !k->prepares) continue;
        print_kind(k->name, k->help);
        print_options(&k->options, k->main_option);
        for (int c = 0; c < k->nchildren; c++) {
            print_key(k->children[c].name);
            (void)printf("%s%s\n", k->children[c].help, k->children[c].required ? " (must be given)" : "");
        }
    }
}

static void print_inits(void)
{
    const hoop_init_kind *k;
    for (int i = 0; (k = hoop_init_kind_get(i)) != NULL; i++) {
        print_kind(k->name, k->help);
        print_options(&k->options, NULL);
    }
}

static void print_losses(void)
{
    const hoop_loss_kind *l;
    for (int i = 0; (l = hoop_loss_get(i)) != NULL; i++) {
        print_kind(l->name, l->help);
        print_options(&l->options, NULL);
    }
}

static void print_metrics(void)
{
    const hoop_metric    *m;
    const hoop_loss_kind *l;
    for (int i = 0; (m = hoop_metric_get(i)) != NULL; i++) {
        const char *before = "    beside ";
        print_kind(m->name, m->help);
        print_options(&m->options, NULL);
        for (int j = 0; (l = hoop_loss_get(j)) != NULL; j++) {
            for (int n = 0; l->metrics != NULL && l->metrics[n] != NULL; n++) {
                if (strcmp(l->metrics[n], m->name) != 0) continue;
                (void)printf("%s%s", before, l->name);
                before = ", ";
            }
        }
        if (strcmp(before, ", ") == 0) (void)printf(m->evaluation ? ", in evaluations\n" : "\n");
    }
}

static void print_augment(void)
{
    const hoop_augment_kind *k;
    for (int i = 0; (k = hoop_augment_get(i)) != NULL; i++) {
        print_kind(k->name, k->help);
        print_options(&k->options, k->options.rows[0].key);
    }
}

/* The keys of all kinds of a section, then each kind with its own. */
static void print_section(const char *section)
{
    const hoop_config_schema *schema = hoop_train_schema();
    hoop_config_kind          k;
    for (int p = 0; p < schema->nparts; p++) {
        const hoop_option_table *keys = schema->parts[p].table;
        if (keys != NULL && strcmp(keys->section, section) == 0) print_options(keys, NULL);
    }
    for (int p = 0; p < schema->nparts; p++) {
        const hoop_config_choice *choice = schema->parts[p].choice;
        for (int i = 0; choice != NULL && strcmp(choice->section, section) == 0 && choice->kind(i, &k); i++) {
            print_kind(k.name, k.help);
            print_options(&k.options, NULL);
            if (k.own == NULL) continue;
            print_key(strrchr(k.own->path, '.') + 1);
            (void)printf("%s\n", k.own->help);
        }
    }
}

bool command_help_kinds(const char *word)
{
    for (int i = 0; i < LISTS; i++) {
        if (strcmp(word, lists[i].word) != 0) continue;
        (void)command_hush();
        (void)printf("%s: %s\n\n", lists[i].word, lists[i].what);
        if (lists[i].section != NULL)
            print_section(lists[i].section);
        else if (strcmp(word, "layers") == 0)
            print_layers(false);
        else if (strcmp(word, "transform") == 0)
            print_layers(true);
        else if (strcmp(word, "inits") == 0)
            print_inits();
        else if (strcmp(word, "augment") == 0)
            print_augment();
        else if (strcmp(word, "losses") == 0)
            print_losses();
        else
            print_metrics();
        return true;
    }
    return false;
}
