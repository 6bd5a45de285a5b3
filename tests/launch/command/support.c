#include "support.h"

#include <dirent.h>
#include <ftw.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

outcome     last;
static char root[512], before[4096];

int test_enter(void **state)
{
    const char *base = getenv("TMPDIR");
    (void)state;
    (void)snprintf(root, sizeof root, "%s/hoop-command-XXXXXX", base != NULL ? base : "/tmp");
    return getcwd(before, sizeof before) == NULL || mkdtemp(root) == NULL || chdir(root) != 0;
}

static int remove_one(const char *path, const struct stat *s, int kind, struct FTW *at)
{
    (void)s;
    (void)kind;
    (void)at;
    (void)remove(path);
    return 0;
}

int test_leave(void **state)
{
    (void)state;
    if (chdir(before) != 0) return 1;
    (void)nftw(root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    return 0;
}

static void slurp(const char *path, char *out, size_t size)
{
    FILE  *f = fopen(path, "rb");
    size_t n = f == NULL ? 0 : fread(out, 1, size - 1, f);
    out[n]   = '\0';
    if (f != NULL) (void)fclose(f);
}

static int run(const char *line)
{
    char whole[8192];
    int  status;
    (void)snprintf(whole, sizeof whole, "exec >.out 2>.err; %s", line);
    status    = system(whole);
    last.code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    slurp(".out", last.out, sizeof last.out);
    slurp(".err", last.err, sizeof last.err);
    return last.code;
}

int shell(const char *format, ...)
{
    char    line[4096];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(line, sizeof line, format, args);
    va_end(args);
    return run(line);
}

int hoop(const char *format, ...)
{
    char    line[4096];
    int     at = snprintf(line, sizeof line, "'%s' ", getenv("HOOP_COMMAND") != NULL ? getenv("HOOP_COMMAND") : "hoop");
    va_list args;
    va_start(args, format);
    (void)vsnprintf(line + at, sizeof line - (size_t)at, format, args);
    va_end(args);
    return run(line);
}

int hoop_ranks(int ranks, const char *format, ...)
{
    const char *mpiexec = getenv("HOOP_MPIEXEC"), *command = getenv("HOOP_COMMAND");
    char        line[4096];
    int         at = snprintf(line, sizeof line, "'%s' -n %d --oversubscribe '%s' ", mpiexec != NULL ? mpiexec : "mpirun", ranks,
                      command != NULL ? command : "hoop");
    va_list     args;
    va_start(args, format);
    (void)vsnprintf(line + at, sizeof line - (size_t)at, format, args);
    va_end(args);
    return run(line);
}

void expect_quiet_success(const char *file, int line)
{
    if (last.code == 0 && last.err[0] == '\0') return;
    print_error("exit code %d, stderr:\n%s\n", last.code, last.err);
    _fail(file, line);
}

void expect_failure(const char *file, int line, int code, ...)
{
    const char *end  = strchr(last.err, '\n'), *word;
    bool        good = last.code == code && strncmp(last.err, "hoop", 4) == 0 && end != NULL;
    va_list     args;
    good = good && end[1] == '\0';
    va_start(args, code);
    while (good && (word = va_arg(args, const char *)) != NULL) good = strstr(last.err, word) != NULL;
    va_end(args);
    if (good) return;
    print_error("exit code %d (want %d), stdout:\n%sstderr:\n%s\n", last.code, code, last.out, last.err);
    _fail(file, line);
}

void expect_in(const char *file, int line, const char *text, const char *word)
{
    if (strstr(text, word) != NULL) return;
    print_error("'%s' is not in:\n%s\n", word, text);
    _fail(file, line);
}

json_t *as_json(void)
{
    json_error_t why;
    json_t      *o = json_loads(last.out, JSON_REJECT_DUPLICATES, &why);
    if (o == NULL) fail_msg("no JSON: %s at line %d of\n%s", why.text, why.line, last.out);
    return o;
}

char *load(const char *path, int64_t *n)
{
    struct stat about;
    FILE       *f = fopen(path, "rb");
    char       *data;
    assert_non_null(f);
    assert_int_equal(fstat(fileno(f), &about), 0);
    *n   = about.st_size;
    data = malloc((size_t)*n + 1);
    assert_non_null(data);
    assert_int_equal(fread(data, 1, (size_t)*n, f), *n);
    data[*n] = '\0';
    (void)fclose(f);
    return data;
}

void store(const char *path, const void *data, int64_t n)
{
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(data, 1, (size_t)n, f), n);
    assert_int_equal(fclose(f), 0);
}

void flip(const char *path, int64_t offset, unsigned char mask)
{
    int64_t n;
    char   *data = load(path, &n);
    assert_true(offset < n);
    data[offset] = (char)((unsigned char)data[offset] ^ mask);
    store(path, data, n);
    free(data);
}

bool exists(const char *path)
{
    return access(path, F_OK) == 0;
}

int count_files(const char *dir)
{
    DIR           *d = opendir(dir);
    struct dirent *e;
    int            n = 0;
    if (d == NULL) return -1;
    while ((e = readdir(d)) != NULL) n += strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0;
    (void)closedir(d);
    return n;
}
