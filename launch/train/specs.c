#include "train/specs.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "train/plan.h"

static const char *const normalizations[] = {"auto", "none", "standard", "channel", "all", NULL};
static const char *const labels[]         = {"auto", "whole", "one_hot", NULL};

/* x and y, the short form */
#define AT(field) offsetof(hoop__data_opts, field)
static const hoop_option short_rows[] = {
    {"x", HOOP_OPT_STRING, AT(x), "/x", 0, 0, NULL, true, "HDF5 dataset of inputs"},
    {"y", HOOP_OPT_STRING, AT(y), "/y", 0, 0, NULL, true, "HDF5 dataset of targets"},
    {"labels", HOOP_OPT_ENUM, AT(labels), "auto", 0, 0, labels, true,
     "how y holds classes; auto: as integers; whole: whole numbers of any type; one_hot: one 1 among zeros"},
    {"classes", HOOP_OPT_INT, AT(classes), "0", 0, 1e9, NULL, true,
     "how many there are; 0: as the data says, or its labels show"},
};
#undef AT
const hoop_option_table hoop__short_options = {"data", short_rows, (int)(sizeof short_rows / sizeof short_rows[0])};

static const char *const section_of[] = {"data.inputs", "data.targets"};
static const char *const word_of[]    = {"an input", "a target"};

#define AT(field) offsetof(hoop__spec_settings, field)
static const hoop_option any_rows[] = {
    {"path", HOOP_OPT_STRING, AT(path), NULL, 0, 0, NULL, true, "HDF5 dataset, or a piece of its rows: \"/fields/u[:, 0:3]\""},
    {"sample_axis", HOOP_OPT_INT, AT(sample_axis), "0", 0, HOOP_DATASET_DIMS - 1, NULL, true, "which dim the samples are"},
    {"window", HOOP_OPT_INT, AT(window), "0", 0, 1e15, NULL, true, "rows of a series that make a sample; 0: a sample is a row"},
    {"stride", HOOP_OPT_INT, AT(stride), "0", 0, 1e15, NULL, true,
     "rows from a window's begin to the next one's, the same for all fields; 0: 1"},
    {"offsets", HOOP_OPT_STRING, AT(offsets), "", 0, 0, NULL, true,
     "HDF5 dataset of N + 1 numbers: sample i is rows offsets[i] to offsets[i + 1] - 1 of path"},
    {"length", HOOP_OPT_INT, AT(length), "0", 0, 1e15, NULL, true,
     "samples of different lengths are padded to this; 0: to the longest of a leaf"},
    {"normalize", HOOP_OPT_ENUM, AT(normalize), "none", 0, 0, normalizations, true,
     "as data.normalize of inputs, and data.normalize_targets of targets, which it takes the place of"},
};
static const hoop_option target_rows[] = {
    {"horizon", HOOP_OPT_INT, AT(horizon), "0", 0, 1e15, NULL, true,
     "how many rows after the last of the inputs its last row is; without a window the target is that row"},
    {"weight", HOOP_OPT_FLOAT, AT(weight), "1.0", 0, 1e30, NULL, true, "of its loss in the sum of all targets'"},
    {"labels", HOOP_OPT_ENUM, AT(labels), "auto", 0, 0, labels, true, "as data.labels of y"},
    {"classes", HOOP_OPT_INT, AT(classes), "0", 0, 1e9, NULL, true, "as data.classes of y"},
};
#undef AT
static const hoop_option_table tables[] = {{"", any_rows, (int)(sizeof any_rows / sizeof *any_rows)},
                                           {"", target_rows, (int)(sizeof target_rows / sizeof *target_rows)}};
enum { ROWS_MOST = 16 };
_Static_assert(sizeof any_rows / sizeof *any_rows + sizeof target_rows / sizeof *target_rows < ROWS_MOST,
               "room for all, and loss");

static int tables_of(hoop_field_role role)
{
    return role == HOOP_TARGET ? 2 : 1;
}

static const hoop_option *find_row(hoop_field_role role, const char *key)
{
    const hoop_option *row = NULL;
    for (int i = 0; i < tables_of(role) && row == NULL; i++) row = hoop_option_find(&tables[i], key);
    return row;
}

static hoop_status unknown_key(const hoop_value *item, hoop_field_role role, const char *key, hoop_error *err)
{
    const char *keys[ROWS_MOST], *near;
    char        list[256];
    int         n = 0, used = 0;
    keys[n++] = role == HOOP_TARGET ? "loss" : "transform";
    for (int i = 0; i < tables_of(role); i++)
        for (int k = 0; k < tables[i].count; k++) keys[n++] = tables[i].rows[k].key;
    for (int i = 0; i < n; i++) used += snprintf(list + used, sizeof list - (size_t)used, "%s%s", i > 0 ? ", " : "", keys[i]);
    near = hoop_nearest(key, keys, n);
    if (near != NULL) return hoop_value_fail(item, err, "unknown key; did you mean %s?", near);
    if (role == HOOP_INPUT && (find_row(HOOP_TARGET, key) != NULL || strcmp(key, "loss") == 0))
        return hoop_value_fail(item, err, "is a key of targets (data.targets); an input takes %s", list);
    if (role == HOOP_TARGET && strcmp(key, "transform") == 0)
        return hoop_value_fail(item, err, "is a key of inputs (data.inputs); of a target there is normalize");
    return hoop_value_fail(item, err, "unknown key; %s takes %s", word_of[role], list);
}

static bool given(const hoop__spec *f, const char *key)
{
    return hoop_value_get_kind(hoop_value_find(f->value, key)) != HOOP_VALUE_NULL;
}

/* `u: /fields/u`, or a map of its keys */
static hoop_status read_settings(hoop__spec *f, hoop_error *err)
{
    hoop_status st = HOOP_OK;
    for (int i = 0; i < 2; i++) HOOP_TRY(st, done, hoop_option_defaults(&tables[i], &f->is));
    if (hoop_value_get_kind(f->value) == HOOP_VALUE_SCALAR) {
        st = hoop_value_parse(f->value, &any_rows[0], err, &f->is);
        goto done;
    }
    if (hoop_value_get_kind(f->value) != HOOP_VALUE_MAP)
        return hoop_value_fail(f->value, err, "give its HDF5 dataset, as in %s: /fields/%s, or {path: /fields/%s, ...}", f->name,
                               f->name, f->name);
    for (int i = 0; i < hoop_value_count(f->value); i++) {
        const hoop_value  *item = hoop_value_at(f->value, i);
        const char        *key  = hoop_value_key(f->value, i);
        const hoop_option *row  = find_row(f->role, key);
        if (row == NULL && f->role == HOOP_TARGET && strcmp(key, "loss") == 0)
            f->loss = hoop_value_get_kind(item) == HOOP_VALUE_NULL ? NULL : item;
        else if (row == NULL && f->role == HOOP_INPUT && strcmp(key, "transform") == 0)
            f->transform = hoop_value_get_kind(item) == HOOP_VALUE_NULL ? NULL : item;
        else if (row == NULL)
            return unknown_key(item, f->role, key, err);
        else if (hoop_value_get_kind(item) != HOOP_VALUE_NULL)
            HOOP_TRY(st, done, hoop_value_parse(item, row, err, &f->is));
    }
    if (!given(f, "path"))
        return hoop_value_fail(f->value, err, "path must be given: its HDF5 dataset, as in {path: /fields/%s}", f->name);
done:
    if (st == HOOP_OK && f->is.path[0] == '\0')
        st = hoop_value_fail(f->value, err, "its path is empty; an HDF5 dataset is wanted");
    return st;
}

static bool is_name(const char *name)
{
    if (!isalpha((unsigned char)*name) || (unsigned char)*name >= 0x80) return false;
    for (; *name != '\0'; name++)
        if ((unsigned char)*name >= 0x80 || (!isalnum((unsigned char)*name) && *name != '_' && *name != '-')) return false;
    return true;
}

/* What makes no sense, whatever the data are. */
static hoop_status check_settings(const hoop__specs *f, int k, hoop_error *err)
{
    const hoop__spec          *me      = &f->field[k];
    const hoop__spec_settings *s       = &me->is;
    bool                       windows = false;
    for (int i = 0; i < f->n; i++) windows = windows || (f->field[i].role == HOOP_INPUT && f->field[i].is.window > 0);
    if (s->window > 0 && s->offsets[0] != '\0')
        return hoop_value_fail(hoop_value_find(me->value, "offsets"), err,
                               "are for samples of different lengths, and window is given; take one out");
    if ((s->stride > 0 || s->horizon > 0) && !windows)
        return hoop_value_fail(hoop_value_find(me->value, s->stride > 0 ? "stride" : "horizon"), err,
                               "is for windows, and no input has one; give window in data.inputs");
    for (int i = 0; i < k && s->stride > 0; i++)
        if (f->field[i].is.stride > 0 && f->field[i].is.stride != s->stride)
            return hoop_value_fail(hoop_value_find(me->value, "stride"), err,
                                   "is %lld, and %lld of %s; all fields have one, since a sample is made of all",
                                   (long long)s->stride, (long long)f->field[i].is.stride, f->field[i].name);
    if (me->role == HOOP_INPUT && given(me, "normalize") && s->normalize == HOOP__NORMALIZE_AUTO)
        return hoop_value_fail(hoop_value_find(me->value, "normalize"), err, "is none, standard, channel or all of an input");
    return HOOP_OK;
}

const hoop_config_free hoop__transform_key = {
    "data.transform", true,
    "what is done to inputs before the model, in training and whatever comes after, in this order, such as [log1p, {clip: {max: "
    "5}}, "
    "{normalize: channel}]; hoop train --help transform lists it; of inputs by name, those that say no other",
    NULL};

/* What is done to inputs, as all or each of them says. */
static hoop_status take_transforms(const hoop_config *config, hoop__specs *f, hoop_error *err)
{
    const hoop_value *all = hoop_config_get(config, hoop__transform_key.path);
    char              key[HOOP__SPEC_KEY];
    if (hoop_value_get_kind(all) == HOOP_VALUE_NULL) all = NULL;
    for (int k = 0; k < f->inputs; k++) {
        hoop__spec *me  = &f->field[k];
        const bool  own = me->transform != NULL;
        if (!own) me->transform = all;
        if (me->transform == NULL) continue;
        if (me->is.normalize != HOOP__NORMALIZE_NONE && (given(me, "normalize") || !own))
            return hoop_value_fail(me->transform, err,
                                   "and %s are both given; normalize stands in the list, where it is to be done",
                                   hoop__specs_key(f, k, "normalize", key));
        me->is.normalize = HOOP__NORMALIZE_NONE;
        if (hoop_value_get_kind(me->transform) == HOOP_VALUE_LIST && hoop_value_count(me->transform) == 0) me->transform = NULL;
    }
    return HOOP_OK;
}

static hoop_status read_section(const hoop_config *config, hoop_field_role role, hoop__specs *f, hoop_error *err)
{
    const hoop_value *section = hoop_config_get(config, section_of[role]);
    hoop_status       st;
    if (hoop_value_get_kind(section) != HOOP_VALUE_MAP || hoop_value_count(section) == 0)
        return hoop_config_fail(config, section_of[role], err, "%s by name are wanted, as in {%s: /fields/%s}",
                                role == HOOP_INPUT ? "inputs" : "targets", role == HOOP_INPUT ? "u" : "p",
                                role == HOOP_INPUT ? "u" : "p");
    for (int i = 0; i < hoop_value_count(section); i++) {
        hoop__spec       *me   = &f->field[f->n];
        const hoop_value *item = hoop_value_at(section, i);
        *me                    = (hoop__spec){.name = hoop_value_key(section, i), .role = role, .value = item};
        if (!is_name(me->name))
            return hoop_value_fail(item, err, "'%.64s' is no name: letters, digits, _ and -, a letter first", me->name);
        for (int k = 0; k < f->n; k++)
            if (strcmp(f->field[k].name, me->name) == 0)
                return hoop_value_fail(item, err, "is the name of an input, too; give one of them another");
        st = read_settings(me, err);
        if (st != HOOP_OK) return st;
        f->n++;
    }
    return HOOP_OK;
}

/* Settings of the whole section are those of fields that say nothing else. */
static void take_defaults(hoop__specs *f, const hoop__data_opts *data)
{
    for (int k = 0; k < f->n; k++) {
        hoop__spec *me = &f->field[k];
        if (given(me, "normalize")) continue;
        me->is.normalize = me->role == HOOP_TARGET ? data->normalize_targets : data->normalize + HOOP__NORMALIZE_NONE;
    }
}

/* for io */
static void tell_dataset(hoop__specs *f)
{
    for (int k = 0; k < f->n; k++) {
        const hoop__spec_settings *s = &f->field[k].is;
        f->read[k]                   = (hoop_field_opts){.name        = f->field[k].name,
                                                         .path        = s->path,
                                                         .role        = f->field[k].role,
                                                         .sample_axis = (int)s->sample_axis,
                                                         .window      = s->window,
                                                         .stride      = s->stride,
                                                         .horizon     = s->horizon,
                                                         .offsets     = s->offsets[0] == '\0' ? NULL : s->offsets,
                                                         .length      = s->length,
                                                         .labels      = (hoop_dataset_labels)s->labels,
                                                         .classes     = s->classes};
    }
}

/* x and y */
static void short_form(const hoop__data_opts *data, hoop__specs *f)
{
    static const char *const names[] = {"x", "y"};
    for (int k = 0; k < 2; k++) {
        f->field[k] = (hoop__spec){.name = names[k], .role = k == 0 ? HOOP_INPUT : HOOP_TARGET};
        (void)snprintf(f->field[k].is.path, HOOP_OPT_STRING_MAX, "%s", k == 0 ? data->x : data->y);
        f->field[k].is.weight = 1;
    }
    f->field[1].is.labels  = data->labels;
    f->field[1].is.classes = data->classes;
    f->n                   = 2;
    f->inputs              = 1;
}

static hoop_status named_form(const hoop_config *config, hoop__specs *f, hoop_error *err)
{
    static const char *const short_keys[] = {"data.x", "data.y", "data.labels", "data.classes"};
    hoop_status              st;
    for (size_t i = 0; i < sizeof short_keys / sizeof *short_keys; i++)
        if (hoop_config_has(config, short_keys[i]))
            return hoop_config_fail(config, short_keys[i], err, "is of the short form, x and y, and %s names fields; %s",
                                    hoop_config_has(config, section_of[0]) ? section_of[0] : section_of[1],
                                    i < 2 ? "leave one of them out" : "write it with the target, in data.targets");
    st        = read_section(config, HOOP_INPUT, f, err);
    f->inputs = f->n;
    if (st == HOOP_OK) st = read_section(config, HOOP_TARGET, f, err);
    for (int k = 0; k < f->n && st == HOOP_OK; k++) st = check_settings(f, k, err);
    return st;
}

bool hoop__specs_named(const hoop_config *config)
{
    return hoop_config_has(config, section_of[0]) || hoop_config_has(config, section_of[1]);
}

hoop_status hoop__specs_read(const hoop_config *config, const hoop__data_opts *data, hoop_error *err, hoop__specs *out)
{
    const int inputs  = hoop_value_count(hoop_config_get(config, section_of[0])),
              targets = hoop_value_count(hoop_config_get(config, section_of[1]));
    hoop_status st    = HOOP_OK;
    int         n;
    *out = (hoop__specs){.named = hoop__specs_named(config)};
    n    = out->named ? inputs + targets : 2;
    if (n > HOOP_DATASET_FIELDS)
        return hoop_config_fail(config, section_of[targets > inputs], err, "%d inputs and %d targets; at most %d fields", inputs,
                                targets, HOOP_DATASET_FIELDS);
    out->field = calloc((size_t)n + 1, sizeof *out->field);
    out->read  = calloc((size_t)n + 1, sizeof *out->read);
    if (out->field == NULL || out->read == NULL) st = hoop_fail(err, HOOP_ENOMEM, "no memory for the fields of the data");
    if (st == HOOP_OK && out->named) st = named_form(config, out, err);
    if (st == HOOP_OK && !out->named) short_form(data, out);
    if (st != HOOP_OK) {
        hoop__specs_free(out);
        return st;
    }
    take_defaults(out, data);
    tell_dataset(out);
    st = take_transforms(config, out, err);
    if (st != HOOP_OK) hoop__specs_free(out);
    return st;
}

void hoop__specs_free(hoop__specs *f)
{
    free(f->field);
    free(f->read);
    *f = (hoop__specs){0};
}

hoop_dataset_opts hoop__specs_dataset_opts(hoop__specs *f, const hoop__data_opts *data, hoop_dataset_y targets)
{
    hoop_dataset_opts o = {.cache_bytes = data->cache_mb << 20, .attributes = (hoop_dataset_attributes)data->attributes};
    if (f->named) {
        for (int k = f->inputs; k < f->n; k++) f->read[k].use = targets;
        o.fields  = f->read;
        o.nfields = f->n;
        return o;
    }
    o.x       = f->field[HOOP_FIELD_X].is.path;
    o.y       = f->field[HOOP_FIELD_Y].is.path;
    o.use_y   = targets;
    o.labels  = f->read[HOOP_FIELD_Y].labels;
    o.classes = f->read[HOOP_FIELD_Y].classes;
    return o;
}

/* of the short form, and of what holds for all fields that do not say it themselves */
static const char *common_key(const hoop__specs *f, int k, const char *key, char out[HOOP__SPEC_KEY])
{
    (void)snprintf(out, HOOP__SPEC_KEY, "data.%s%s", key,
                   f->field[k].role == HOOP_TARGET && strcmp(key, "normalize") == 0 ? "_targets" : "");
    return out;
}

const char *hoop__specs_key(const hoop__specs *f, int k, const char *key, char out[HOOP__SPEC_KEY])
{
    if (!f->named) return common_key(f, k, key, out);
    (void)snprintf(out, HOOP__SPEC_KEY, "%s.%s.%s", section_of[f->field[k].role], f->field[k].name, key);
    return out;
}

hoop_status hoop__specs_fail(const hoop_config *config, const hoop__specs *f, int k, const char *key, hoop_error *err,
                             const char *format, ...)
{
    const hoop__spec *me = &f->field[k];
    char              text[HOOP_ERROR_TEXT], path[HOOP__SPEC_KEY];
    va_list           args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (!f->named) return hoop_config_fail(config, hoop__specs_key(f, k, key, path), err, "%s", text);
    if (given(me, key)) return hoop_value_fail(hoop_value_find(me->value, key), err, "%s", text);
    if (strcmp(key, "normalize") == 0) return hoop_config_fail(config, common_key(f, k, key, path), err, "%s", text);
    return hoop_value_fail(me->value, err, "%s", text);
}

/* ---- losses ---- */

hoop_status hoop__loss_read(const hoop_config *config, const hoop_value *own, hoop_error *err, const hoop_loss_kind **out,
                            void **opts)
{
    hoop_config_chosen chosen = {0};
    hoop_status        st     = own != NULL ? hoop_value_choose(own, &hoop__loss_choice, err, &chosen)
                                            : hoop_config_choose(config, &hoop__loss_choice, err, &chosen);
    *out                      = hoop_loss_get(chosen.kind);
    if (opts != NULL)
        *opts = chosen.opts;
    else
        hoop_config_chosen_clear(&chosen);
    return st;
}
