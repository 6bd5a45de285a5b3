/* hoop data import-text and import-images. */
#include <string.h>

#include "command/data.h"
#include "command/data_write.h"

static hoop_status run_text(const write_args *a, hoop_error *err, hoop_import_result *result)
{
    return hoop_import_text(a->file[0], &a->text, &a->opts, err, result);
}

int data_import_text(int argc, char **argv)
{
    static const struct argp_option options[] = {
        {"tokens", KEY_TOKENS, "characters|bytes|pairs", 0,
         "what has an id: each character there is (default), each byte, or byte pairs learnt from this text", 0},
        {"vocabulary", KEY_VOCABULARY, "N", 0, "ids of pairs, 257 to 65536 (default 4096)", 0},
        {"like", KEY_LIKE, "SET", 0, "by the tokenizer of an imported set", 0},
        WRITE_OPTIONS_OF("1"){0},
    };
    const struct argp argp = {
        options,
        data_parse_write,
        "FILE",
        "Import a text, plain or gzip, from a file or a pipe (-: standard input), as one stream of ids, /text. "
        "Samples are windows of it, which the config asks for; the tokenizer stays with the set and goes into "
        "checkpoints. --split takes the end of the text."
        "\vExamples:\n"
        "  hoop data import-text shakespeare.txt --split 0.1 --out shakespeare\n"
        "  hoop data import-text corpus.txt.gz --tokens pairs --vocabulary 8192 \\\n"
        "       --split 0.01 --out corpus\n"
        "  hoop data import-text more.txt --like corpus/train --out more\n"
        "and in the config:\n"
        "  data:\n"
        "    train: shakespeare/train\n"
        "    validation: shakespeare/validation\n"
        "    inputs: {x: {path: /text, window: 64}}\n"
        "    targets: {y: {path: /text, window: 64, horizon: 1}}",
        NULL,
        NULL,
        NULL};
    write_args a = {.opts = {.seed = 1}, .wanted_min = 1, .wanted_max = 1, .wanted = "one FILE of text"};
    return data_write_set(&argp, argc, argv, &a, "importing", run_text);
}

static hoop_status run_images(const write_args *a, hoop_error *err, hoop_import_result *result)
{
    return hoop_import_images(a->file[0], &a->images, &a->opts, err, result);
}

int data_import_images(int argc, char **argv)
{
    static const struct argp_option options[] = {
        {"size", KEY_SIZE, "N|HxW", 0, "pixels of all (default: all are of one size as they are)", 0},
        {"fit", KEY_FIT, "crop|stretch", 0,
         "others come to it: the largest part of its shape in the middle (default), or all of them", 0},
        {"grey", KEY_GREY, NULL, 0, "one channel (default: three, RGB)", 0},
        {"skip-broken", KEY_SKIP_BROKEN, NULL, 0, "leave files out that cannot be decoded, and count them (default: an error)",
         0},
        WRITE_OPTIONS{"seed", KEY_SEED, "N", 0, "of the split (default 1)", 0},
        {0},
    };
    const struct argp argp = {
        options,
        data_parse_write,
        "FOLDER",
        "Import PNG and JPEG files: FOLDER/CLASS/NAME.jpg and on, the classes being the folders by name. Without class "
        "folders there is no target. x is u8 (N, channels, height, width), read as 0 to 1."
        "\vExamples:\n"
        "  hoop data import-images photos --size 64 --split 0.15 --out photos\n"
        "  hoop data import-images scans --grey --size 128x96 --fit stretch \\\n"
        "       --skip-broken --out scans",
        NULL,
        NULL,
        NULL};
    write_args a = {.opts = {.seed = 1}, .wanted_min = 1, .wanted_max = 1, .wanted = "one FOLDER of pictures"};
    return data_write_set(&argp, argc, argv, &a, "importing", run_images);
}
