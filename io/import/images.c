/* Folders of pictures: which there are, what each is made of, and their classes. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "base/files.h"
#include "import/image.h"
#include "import/summary.h"
#include "import/writer.h"

enum { CLASSES_MOST = 65536, DEEP = 32 };

typedef struct images {
    const char             *folder;
    const hoop_images_opts *as;
    const hoop_import_opts *opts;
    char                  **class_name;
    int64_t                 nclasses, class_room;
    struct picture {
        char *path;
        int64_t class;
        bool broken;
    } * picture;
    int64_t        n, room, others, broken; /* others: files with other names */
    int64_t        lost;                    /* classes, of which all pictures are broken */
    int64_t        like;                    /* the picture whose size is that of all, where none is said */
    bool           classes;                 /* else they are in the folder itself */
    hoop_image     from, to;                /* `to` has the size of all */
    unsigned char *planes;
    char           first_broken[HOOP_IMPORT_TEXT / 2];
} images;

/* ---- which there are ---- */

static bool is_picture(const char *name)
{
    const char *end = strrchr(name, '.');
    return end != NULL && (strcasecmp(end, ".png") == 0 || strcasecmp(end, ".jpg") == 0 || strcasecmp(end, ".jpeg") == 0);
}

static hoop_status no_memory(const images *s, hoop_error *err)
{
    return hoop_fail(err, HOOP_ENOMEM, "%s: no memory for the names of %lld pictures", s->folder, (long long)s->n);
}

static hoop_status add_picture(images *s, const char *path, int64_t class, hoop_error *err)
{
    if (s->n == s->room) {
        const int64_t   room  = s->room == 0 ? 256 : 2 * s->room;
        struct picture *grown = realloc(s->picture, (size_t)room * sizeof *grown);
        if (grown == NULL) return no_memory(s, err);
        s->picture = grown;
        s->room    = room;
    }
    s->picture[s->n] = (struct picture){.path = strdup(path), .class = class};
    if (s->picture[s->n].path == NULL) return no_memory(s, err);
    s->n++;
    return HOOP_OK;
}

static int by_bytes(const void *a, const void *b)
{
    return strcmp((*(struct dirent *const *)a)->d_name, (*(struct dirent *const *)b)->d_name);
}

/* Names in a folder, in the order of their bytes: free each, and the list. */
static hoop_status names_in(const char *dir, hoop_error *err, struct dirent ***list, int *n)
{
    *n = scandir(dir, list, NULL, NULL);
    if (*n < 0) return hoop_fail(err, HOOP_EIO, "%s: %s", dir, strerror(errno));
    qsort(*list, (size_t)*n, sizeof **list, by_bytes); /* alphasort goes by the locale */
    return HOOP_OK;
}

static hoop_status add_class(images *s, const char *name, hoop_error *err)
{
    for (const char *c = name; *c != '\0'; c++)
        if ((unsigned char)*c < ' ')
            return hoop_fail(err, HOOP_EARG, "%s: the name of a class folder has a control character", s->folder);
    if (s->nclasses == CLASSES_MOST) return hoop_fail(err, HOOP_ESIZE, "%s: more than %d class folders", s->folder, CLASSES_MOST);
    if (s->nclasses == s->class_room) {
        const int64_t room  = s->class_room == 0 ? 16 : 2 * s->class_room;
        char        **grown = realloc(s->class_name, (size_t)room * sizeof *grown);
        if (grown == NULL) return no_memory(s, err);
        s->class_name = grown;
        s->class_room = room;
    }
    s->class_name[s->nclasses] = strdup(name);
    if (s->class_name[s->nclasses] == NULL) return no_memory(s, err);
    s->nclasses++;
    return HOOP_OK;
}

static hoop_status walk(images *s, const char *dir, int depth, int64_t class, hoop_error *err);

/* One name of a folder: a picture, a folder with more (of depth 0: a class), or something else. */
static hoop_status take_name(images *s, const char *dir, const char *name, int depth, int64_t class, hoop_error *err)
{
    char        path[HOOP_PATH_MAX];
    struct stat is;
    hoop_status st;
    if (name[0] == '.') return HOOP_OK;
    if ((st = hoop__path_join(dir, name, err, path, sizeof path)) != HOOP_OK) return st;
    if (stat(path, &is) != 0 && (errno == ENOENT || errno == ELOOP) && !is_picture(name)) { /* a link to nowhere */
        s->others++;
        return HOOP_OK;
    }
    if (stat(path, &is) != 0) return hoop_fail(err, HOOP_EIO, "%s: %s", path, strerror(errno));
    if (S_ISDIR(is.st_mode)) {
        if (depth == DEEP) return hoop_fail(err, HOOP_EIO, "%s: folders within folders, more than %d", path, DEEP);
        if (depth == 0) {
            class = s->nclasses;
            if ((st = add_class(s, name, err)) != HOOP_OK) return st;
        }
        return walk(s, path, depth + 1, class, err);
    }
    if (is_picture(name)) return add_picture(s, path, class, err);
    s->others++;
    return HOOP_OK;
}

static hoop_status walk(images *s, const char *dir, int depth, int64_t class, hoop_error *err)
{
    struct dirent **list = NULL;
    int             n;
    hoop_status     st = hoop__import_going(s->opts, err);
    if (st == HOOP_OK) st = names_in(dir, err, &list, &n);
    if (st != HOOP_OK) return st;
    for (int i = 0; i < n; i++) {
        if (st == HOOP_OK) st = take_name(s, dir, list[i]->d_name, depth, class, err);
        free(list[i]);
    }
    free(list);
    return st;
}

/* Pictures are all in class folders, or none is. */
static hoop_status check_places(images *s, hoop_error *err)
{
    int64_t alone = 0;
    for (int64_t i = 0; i < s->n; i++) alone += s->picture[i].class < 0;
    s->classes = alone < s->n;
    if (s->n == 0)
        return hoop_fail(err, HOOP_EFORMAT,
                         "%s: holds no file called .png, .jpg or .jpeg, nor do its folders; FOLDER/CLASS/NAME.png is wanted",
                         s->folder);
    if (alone == 0 || alone == s->n) return HOOP_OK;
    return hoop_fail(err, HOOP_EFORMAT,
                     "%s: %lld pictures are in class folders, and %lld in none; all are to be, or none of them", s->folder,
                     (long long)(s->n - alone), (long long)alone);
}

/* Class folders without a picture that is taken are no classes; the others are numbered anew. */
static hoop_status number_classes(images *s, hoop_error *err)
{
    int64_t *count = calloc((size_t)s->nclasses + 1, sizeof *count), *broken = calloc((size_t)s->nclasses + 1, sizeof *broken),
            kept = 0;
    for (int64_t i = 0; i < s->n && count != NULL && broken != NULL; i++)
        if (s->picture[i].class >= 0) (s->picture[i].broken ? broken : count)[s->picture[i].class]++;
    for (int64_t c = 0; c < s->nclasses && count != NULL && broken != NULL; c++) {
        const bool empty = count[c] == 0;
        if (empty && broken[c] > 0) s->lost++;
        count[c] = kept; /* its new number */
        if (empty)
            free(s->class_name[c]);
        else
            s->class_name[kept++] = s->class_name[c];
    }
    free(broken);
    if (count == NULL || broken == NULL) {
        free(count);
        return no_memory(s, err);
    }
    for (int64_t i = 0; i < s->n; i++)
        if (s->picture[i].class >= 0) s->picture[i].class = count[s->picture[i].class];
    s->nclasses = kept;
    free(count);
    return HOOP_OK;
}

/* ---- one picture ---- */

/* The whole, or of its middle as much as has the shape that is wanted. */
static hoop_image_part part_of(const images *s)
{
    hoop_image_part p = {0, 0, s->from.height, s->from.width};
    const double    w = s->to.width, h = s->to.height;
    if (s->as->fit == HOOP_IMAGES_STRETCH) return p;
    if (p.width * h > p.height * w)
        p.width = p.height * w / h;
    else
        p.height = p.width * h / w;
    p.left = (s->from.width - p.width) / 2;
    p.top  = (s->from.height - p.height) / 2;
    return p;
}

/* Picture i as it is written, in s->planes (channels, height, width). */
static hoop_status make_picture(images *s, int64_t i, hoop_error *err)
{
    const char       *path = s->picture[i].path;
    const hoop_image *is   = &s->from;
    const int64_t     n    = (int64_t)s->to.height * s->to.width;
    hoop_status       st   = hoop__image_read(path, s->as->grey, err, &s->from);
    if (st != HOOP_OK) return st;
    if (s->from.height != s->to.height || s->from.width != s->to.width) {
        if (s->as->height == 0)
            return hoop_fail(err, HOOP_ESHAPE, "%s: is %d x %d, and %s is %d x %d; --size HxW makes them one size", path,
                             s->from.height, s->from.width, s->picture[s->like].path, s->to.height, s->to.width);
        if (hoop__image_resize(&s->from, part_of(s), &s->to, err) != HOOP_OK) return hoop_fail_within(err, "%s", path);
        is = &s->to;
    }
    for (int c = 0; c < is->channels; c++)
        for (int64_t p = 0; p < n; p++) s->planes[c * n + p] = is->pixel[p * is->channels + c];
    return HOOP_OK;
}

/* The size of all, where none is said: that of the first that can be read. */
static hoop_status find_size(images *s, hoop_error *err)
{
    const int   channels = s->as->grey ? 1 : 3;
    hoop_status st       = HOOP_OK;
    int         height = (int)s->as->height, width = (int)s->as->width;
    if (height == 0) {
        hoop_error why = {.status = HOOP_OK};
        for (int64_t i = 0; i < s->n; i++) {
            why.status = HOOP_OK;
            st         = hoop__image_read(s->picture[i].path, s->as->grey, &why, &s->from);
            s->like    = i;
            if (st != HOOP_EFORMAT || !s->as->skip_broken) break;
        }
        if (st != HOOP_OK) return hoop_fail(err, st, "%s", why.text);
        height = s->from.height;
        width  = s->from.width;
    }
    if ((st = hoop__image_room(&s->to, height, width, channels, err)) != HOOP_OK) return st;
    s->planes = malloc((size_t)height * (size_t)width * (size_t)channels);
    return s->planes != NULL ? HOOP_OK : hoop_fail(err, HOOP_ENOMEM, "%s: no memory for a picture", s->folder);
}

/* Which are broken, where these are left out: all are looked at before it is known how many there will be. */
static hoop_status find_broken(images *s, hoop_error *err)
{
    for (int64_t i = 0; i < s->n; i++) {
        hoop_error  why = {.status = HOOP_OK};
        hoop_status st  = hoop__import_going(s->opts, err);
        if (st != HOOP_OK) return st;
        st = hoop__image_read(s->picture[i].path, s->as->grey, &why, &s->from);
        if (st != HOOP_OK && st != HOOP_EFORMAT) return hoop_fail(err, st, "%s", why.text);
        s->picture[i].broken = st == HOOP_EFORMAT;
        if (st == HOOP_EFORMAT && s->broken++ == 0) (void)snprintf(s->first_broken, sizeof s->first_broken, "%s", why.text);
        if (s->opts->progress != NULL) s->opts->progress(s->opts->ctx, 0.5 * (double)i / (double)s->n);
    }
    if (s->broken < s->n) return HOOP_OK;
    return hoop_fail(err, HOOP_EFORMAT, "%s: all %lld pictures are broken; the first: %s", s->folder, (long long)s->n,
                     s->first_broken);
}

/* ---- the whole ---- */

static hoop_status check(const hoop_images_opts *o, hoop_error *err)
{
    if ((o->height == 0) != (o->width == 0) || o->height < 0 || o->width < 0 || o->height > HOOP_IMAGE_SIDE ||
        o->width > HOOP_IMAGE_SIDE)
        return hoop_fail(err, HOOP_EARG, "import: a size of %lld x %lld; 1 to %d are possible, of both", (long long)o->height,
                         (long long)o->width, HOOP_IMAGE_SIDE);
    if (o->height * o->width > HOOP_IMAGE_PIXELS)
        return hoop_fail(err, HOOP_EARG, "import: a size of %lld x %lld, %lld pixels; at most %d are possible",
                         (long long)o->height, (long long)o->width, (long long)(o->height * o->width), HOOP_IMAGE_PIXELS);
    if (o->fit != HOOP_IMAGES_CROP && o->height == 0)
        return hoop_fail(err, HOOP_EARG, "import: to stretch pictures a size is wanted: --size");
    return HOOP_OK;
}

static void say(const images *s, hoop_import_result *result)
{
    char names[256];
    hoop__say(result, "rows", "%lld", (long long)(s->n - s->broken));
    hoop__say(result, "size", "%d x %d, %s%s", s->to.height, s->to.width, s->as->grey ? "grey" : "RGB",
              s->as->height == 0                  ? ", as all are (--size HxW: another)"
              : s->as->fit == HOOP_IMAGES_STRETCH ? ", others are stretched to it"
                                                  : ", of others the middle (--fit stretch: all of it)");
    if (s->classes) {
        hoop__list((const char *const *)s->class_name, s->nclasses, false, names, sizeof names);
        hoop__say(result, "target", "%lld classes, by folder: %s", (long long)s->nclasses, names);
    } else {
        hoop__say(result, "target", "none: the pictures are in no class folders");
    }
    if (s->broken > 0)
        hoop__say(result, "broken", "%lld left out, and %lld classes that have no others; the first: %s", (long long)s->broken,
                  (long long)s->lost, s->first_broken);
    if (s->others > 0) hoop__say(result, "others", "%lld files are not called .png, .jpg or .jpeg", (long long)s->others);
}

static void second_half(void *ctx, double fraction)
{
    const hoop_import_opts *o = ctx;
    o->progress(o->ctx, 0.5 + 0.5 * fraction);
}

static hoop_status write_set(images *s, hoop_error *err, hoop_import_result *result)
{
    hoop_import_opts  opts     = *s->opts;
    hoop_writer_field field[2] = {
        {.name = "x", .dtype = HOOP_U8, .ndim = 3, .shape = {s->to.channels, s->to.height, s->to.width}},
        {.name = "y", .role = HOOP_TARGET, .dtype = HOOP_I64}};
    hoop_writer *w                    = NULL;
    hoop_status  st                   = HOOP_OK;
    field[0].attrs[field[0].nattrs++] = (hoop_h5_attr){.name = "scale", .kind = HOOP_H5_F64, .v.f64 = 1.0 / 255};
    field[1].attrs[field[1].nattrs++] = (hoop_h5_attr){.name = "classes", .kind = HOOP_H5_I64, .v.i64 = s->nclasses};
    field[1].attrs[field[1].nattrs++] = (hoop_h5_attr){
        .name = "class_names", .kind = HOOP_H5_STRINGS, .count = s->nclasses, .v.strings = (const char *const *)s->class_name};
    if (s->as->skip_broken && opts.progress != NULL) {
        opts.progress = second_half;
        opts.ctx      = (void *)(uintptr_t)s->opts;
    }
    HOOP_TRY(st, done, hoop__writer_create(&opts, s->n - s->broken, field, s->classes ? 2 : 1, err, &w));
    for (int64_t i = 0; i < s->n; i++) {
        if (s->picture[i].broken) continue;
        HOOP_TRY(st, done, make_picture(s, i, err));
        HOOP_TRY(st, done, hoop__writer_row(w, (const void *[]){s->planes, &s->picture[i].class}, err));
    }
    st = hoop__writer_finish(w, err, result);
done:
    hoop__writer_destroy(&w);
    return st;
}

static void images_free(images *s)
{
    for (int64_t i = 0; i < s->n; i++) free(s->picture[i].path);
    for (int64_t c = 0; c < s->nclasses; c++) free(s->class_name[c]);
    free(s->picture);
    free(s->class_name);
    free(s->planes);
    hoop__image_free(&s->from);
    hoop__image_free(&s->to);
    free(s);
}

hoop_status hoop_import_images(const char *folder, const hoop_images_opts *as, const hoop_import_opts *opts, hoop_error *err,
                               hoop_import_result *result)
{
    static const hoop_images_opts none = {0};
    images                       *s    = calloc(1, sizeof *s);
    hoop_status                   st;
    if (result != NULL) *result = (hoop_import_result){0};
    if (s == NULL) return hoop_fail(err, HOOP_ENOMEM, "import: no memory");
    s->folder = folder;
    s->as     = as != NULL ? as : &none;
    s->opts   = opts;
    HOOP_TRY(st, done, check(s->as, err));
    HOOP_TRY(st, done, walk(s, folder, 0, -1, err));
    HOOP_TRY(st, done, check_places(s, err));
    if (s->as->skip_broken) HOOP_TRY(st, done, find_broken(s, err));
    HOOP_TRY(st, done, number_classes(s, err));
    HOOP_TRY(st, done, find_size(s, err));
    HOOP_TRY(st, done, write_set(s, err, result));
    if (result != NULL) {
        result->classes      = s->classes ? s->nclasses : 0;
        result->dropped_rows = s->broken;
    }
    say(s, result);
done:
    images_free(s);
    return st;
}
