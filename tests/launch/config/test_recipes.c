/* The recipes against the command's own schema, and that schema itself: every default must be one that can be written. */
#include "support.h"

#include <dirent.h>

#include "hoop/config.h"
#include "hoop/train.h"

/* Room for the struct of any table. */
static _Alignas(max_align_t) unsigned char room[1 << 16];

static void read_all_parts(const hoop_config *cfg)
{
    const hoop_config_schema *schema = hoop_train_schema();
    assert_ok(hoop_config_check_known(cfg, schema, &err));
    for (int p = 0; p < schema->nparts; p++) {
        const hoop_config_part *part   = &schema->parts[p];
        hoop_config_chosen      chosen = {0};
        if (part->table != NULL && hoop_value_get_kind(hoop_config_get(cfg, part->table->section)) != HOOP_VALUE_SCALAR)
            assert_ok(hoop_config_fill(cfg, part->table, &err, room));
        if (part->choice != NULL) assert_ok(hoop_config_choose(cfg, part->choice, &err, &chosen));
        hoop_config_chosen_clear(&chosen);
    }
}

static void recipes_are_read(void **state)
{
    (void)state;
    char           path[600];
    int            n      = 0;
    const char    *source = getenv("HOOP_SOURCE_DIR");
    struct dirent *entry;
    (void)snprintf(path, sizeof path, "%s/launch/recipes", source == NULL ? "." : source);
    DIR *dir = opendir(path);
    if (dir == NULL) fail_msg("can't open %s", path);
    while ((entry = readdir(dir)) != NULL) {
        hoop_config *cfg = NULL;
        const char  *dot = strrchr(entry->d_name, '.');
        if (dot == NULL || strcmp(dot, ".yaml") != 0) continue;
        (void)snprintf(path, sizeof path, "%s/launch/recipes/%s", source == NULL ? "." : source, entry->d_name);
        assert_ok(hoop_config_load(path, &err, &cfg));
        read_all_parts(cfg);
        assert_true(hoop_config_has(cfg, "data.train") && hoop_config_has(cfg, "epochs"));
        hoop_config_destroy(&cfg);
        n++;
    }
    (void)closedir(dir);
    assert_true(n >= 4);
}

/* rows of part p, which no other part of the section may have */
static void check_rows(const hoop_config_schema *schema, int p, const char *section, const hoop_option_table *table)
{
    for (int i = 0; i < table->count; i++) {
        const hoop_option *row = &table->rows[i];
        if (row->help == NULL || row->help[0] == '\0') fail_msg("%s.%s has no help", section, row->key);
        if (row->fallback == NULL) continue;
        assert_ok(hoop_option_parse(row, row->fallback, room, &err));
        if (row->type == HOOP_OPT_STRING && strpbrk(row->fallback, "\"'") != NULL) {
            fail_msg("%s.%s: the default %s has its quotes in it", section, row->key, row->fallback);
        }
        for (int q = 0; q < schema->nparts; q++) {
            const hoop_config_part *part = &schema->parts[q];
            if (q != p && part->table != NULL && strcmp(part->table->section, section) == 0)
                assert_null(hoop_option_find(part->table, row->key));
        }
    }
}

static void defaults_can_be_written(void **state)
{
    (void)state;
    const hoop_config_schema *schema = hoop_train_schema();
    for (int p = 0; p < schema->nparts; p++) {
        const hoop_config_part *part = &schema->parts[p];
        hoop_config_kind        kind;
        if (part->table != NULL) check_rows(schema, p, part->table->section, part->table);
        for (int i = 0; part->choice != NULL && part->choice->kind(i, &kind); i++) {
            assert_true(kind.help[0] != '\0' && kind.opts_size <= sizeof room);
            assert_null(hoop_option_find(&kind.options, part->choice->key));
            check_rows(schema, p, part->choice->section, &kind.options);
        }
    }
}

static void help_is_the_default_config(void **state)
{
    (void)state;
    char        *text = NULL;
    hoop_config *cfg  = NULL;
    assert_ok(hoop_config_help(hoop_train_schema(), &err, &text));
    assert_ok(hoop_config_parse(text, "help", &err, &cfg));
    read_all_parts(cfg);
    hoop_config_destroy(&cfg);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(recipes_are_read), cmocka_unit_test(defaults_can_be_written),
                                       cmocka_unit_test(help_is_the_default_config)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
