/* What file systems do: the order in which a checkpoint reaches the disk, and disks that cannot reserve, lock or exchange, that
 * fill up, and machines without memory. Linked with --wrap, so that each can be made to happen. */
#include "io_test.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <jansson.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hoop/checkpoint.h"
#include "hoop/output.h"

#define WRAP(type, name, ...)                                                                                                    \
    type __real_##name(__VA_ARGS__);                                                                                             \
    type __wrap_##name(__VA_ARGS__);                                                                                             \
    type __wrap_##name(__VA_ARGS__)

/* ---- what was done, in order: "fsync shard-00000-of-00002.h5", each line once in a row ---- */

static char    trace[4096];
static int64_t bytes_read;

static void note(const char *what, const char *path)
{
    const char *slash = strrchr(path, '/'), *name = slash == NULL ? path : slash + 1;
    char        line[512], *dot;
    size_t      used = strlen(trace), n;
    n                = (size_t)snprintf(line, sizeof line, "%s %.200s", what, name);
    if ((dot = strstr(line, ".tmp-")) != NULL) n = (size_t)(dot - line) + 4; /* without run id or pid */
    line[n++] = '\n';
    line[n]   = '\0';
    if (used >= n && memcmp(trace + used - n, line, n) == 0) return;
    if (used + n < sizeof trace) memcpy(trace + used, line, n + 1);
}

static void note_fd(const char *what, int fd)
{
    char link[64], path[4096];
    (void)snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    const ssize_t n = readlink(link, path, sizeof path - 1);
    assert_true(n > 0);
    path[n] = '\0';
    note(what, path);
}

/* errno that the call fails with from now on; 0: it does what it does */
static struct {
    int fallocate, flock, renameat2, link, fsync;
} fails;
static int      fallocates, fsyncs;
static uint64_t room; /* what fstatvfs says is free, in bytes; 0: the truth */

WRAP(int, fsync, int fd)
{
    fsyncs++;
    note_fd("fsync", fd);
    if (fails.fsync == 0) return __real_fsync(fd);
    errno = fails.fsync;
    return -1;
}

static const char *fenced; /* a run that is fenced off before the next pwrite; NULL: none is */

WRAP(ssize_t, pwrite, int fd, const void *data, size_t n, off_t at)
{
    const char *run = fenced;
    int64_t     generation;
    fenced = NULL;
    if (run != NULL) assert_int_equal(hoop_run_fence(run, NULL, &generation), HOOP_OK);
    note_fd("write", fd);
    return __real_pwrite(fd, data, n, at);
}

WRAP(ssize_t, pread, int fd, void *data, size_t n, off_t at)
{
    const ssize_t k = __real_pread(fd, data, n, at);
    if (k > 0) bytes_read += k;
    return k;
}

WRAP(ssize_t, read, int fd, void *data, size_t n)
{
    const ssize_t k = __real_read(fd, data, n);
    if (k > 0) bytes_read += k;
    return k;
}

static int  moment; /* renames until another generation takes the run over; 0: none does */
static void take_over(void);

static void come_to(void)
{
    if (moment > 0 && --moment == 0) take_over();
}

WRAP(int, rename, const char *from, const char *to)
{
    come_to();
    note("rename to", to);
    return __real_rename(from, to);
}

WRAP(int, renameat2, int a, const char *from, int b, const char *to, unsigned flags)
{
    come_to();
    if (fails.renameat2 == 0) {
        note("rename to", to);
        return __real_renameat2(a, from, b, to, flags);
    }
    errno = fails.renameat2;
    return -1;
}

WRAP(int, link, const char *from, const char *to)
{
    if (fails.link == 0) return __real_link(from, to);
    errno = fails.link;
    return -1;
}

WRAP(int, flock, int fd, int how)
{
    if (fails.flock == 0) return __real_flock(fd, how);
    errno = fails.flock;
    return -1;
}

WRAP(int, fallocate, int fd, int mode, off_t at, off_t n)
{
    fallocates++;
    if (fails.fallocate == 0) return __real_fallocate(fd, mode, at, n);
    errno = fails.fallocate;
    return -1;
}

WRAP(int, fstatvfs, int fd, struct statvfs *s)
{
    const int rc = __real_fstatvfs(fd, s);
    if (room > 0) s->f_bavail = room / s->f_frsize;
    return rc;
}

/* ---- a checkpoint of one tensor from two writers ---- */

enum { MANY = 40000 };
static float x[MANY];

static hoop_run_lock *held; /* by who saves */

static hoop_status save(const char *run, int64_t step, int64_t keep, hoop_error *err)
{
    const hoop_checkpoint_meta m = {.step = step};
    hoop_checkpoint_receipt    receipts[2];
    char                       tmp[HOOP_CHECKPOINT_PATH];
    hoop_status                st = hoop_checkpoint_tmp(run, step, "x", err, tmp);
    if (st == HOOP_OK) st = hoop_checkpoint_begin(tmp, err);
    for (int w = 0; w < 2 && st == HOOP_OK; w++) {
        const hoop_checkpoint_entry e = {
            .name = "w", .ndim = 1, .shape = {MANY}, .first = w * MANY / 2, .count = MANY / 2, .data = x + w * MANY / 2};
        st = hoop_checkpoint_write_shard(tmp, w, 2, &e, 1, err, &receipts[w]);
    }
    bytes_read = 0;
    if (st == HOOP_OK) st = hoop_checkpoint_publish(run, held, tmp, &m, receipts, 2, keep, false, err, NULL);
    return st;
}

static void check(const char *run, int64_t step)
{
    hoop_error       err = {0};
    hoop_checkpoint *c;
    float           *got = malloc(sizeof x);
    test_ok(hoop_checkpoint_open(run, &err, &c));
    assert_int_equal(hoop_checkpoint_about(c)->step, step);
    test_ok(hoop_checkpoint_read(c, hoop_checkpoint_tensor_at(c, 0), 0, MANY, got, &err));
    assert_memory_equal(got, x, sizeof x);
    hoop_checkpoint_close(&c);
    free(got);
}

static int set_up(void **state)
{
    for (int i = 0; i < MANY; i++) x[i] = (float)i;
    return test_enter(state);
}

static int reset(void **state)
{
    (void)state;
    memset(&fails, 0, sizeof fails);
    fallocates = fsyncs = 0;
    room                = 0;
    return 0;
}

static void names_come_after_contents(void **state)
{
    hoop_error err = {0};
    (void)state;
    test_ok(save("order", 1, 1, &err));
    trace[0] = '\0';
    test_ok(save("order", 2, 1, &err));
    assert_string_equal(trace, "fsync checkpoints\n" /* the folder's own name */
                               "write shard-00000-of-00002.h5\n"
                               "fsync shard-00000-of-00002.h5\n"
                               "write shard-00001-of-00002.h5\n"
                               "fsync shard-00001-of-00002.h5\n"
                               "write manifest.json.tmp\n"
                               "fsync manifest.json.tmp\n"
                               "rename to manifest.json\n"
                               "fsync step-00000002.tmp\n"
                               "rename to step-00000002\n"
                               "fsync checkpoints\n"
                               "rename to latest\n"
                               "fsync order\n"
                               "rename to step-00000001.tmp\n"); /* pruned, once the new one is safe */
    check("order", 2);
    trace[0] = '\0';
    test_ok(save("order", 2, 1, &err)); /* again: the two change places */
    assert_non_null(strstr(trace, "fsync step-00000002.tmp\nrename to step-00000002\nfsync checkpoints\n"));
    fails.renameat2 = EINVAL;
    trace[0]        = '\0';
    test_ok(save("order", 2, 1, &err)); /* and where they cannot */
    assert_non_null(strstr(
        trace, "fsync step-00000002.tmp\nrename to step-00000002.old-replaced\nrename to step-00000002\nfsync checkpoints\n"));
    check("order", 2);
}

static void bytes_are_read_once(void **state)
{
    hoop_error       err = {0};
    hoop_checkpoint *c;
    int64_t          bytes = 0;
    (void)state;
    test_ok(save("once", 1, 0, &err));
    if (bytes_read > (int64_t)sizeof x / 10) fail_msg("%lld bytes were read to publish", (long long)bytes_read);
    for (int w = 0; w < 2; w++) {
        struct stat s;
        char        path[128];
        (void)snprintf(path, sizeof path, "once/checkpoints/step-00000001/shard-0000%d-of-00002.h5", w);
        assert_int_equal(stat(path, &s), 0);
        bytes += s.st_size;
    }
    test_ok(hoop_checkpoint_open("once", &err, &c));
    bytes_read = 0;
    test_ok(hoop_checkpoint_verify(c, &err));
    assert_int_equal(bytes_read, bytes);
    hoop_checkpoint_close(&c);
}

static void disks_that_cannot_reserve(void **state)
{
    static const int why[] = {EOPNOTSUPP, ENOSYS};
    hoop_error       err   = {0};
    (void)state;
    for (int i = 0; i < 2; i++) {
        fails.fallocate = why[i];
        test_ok(save("unreserved", i + 1, 0, &err));
        assert_int_equal(fallocates, 8 * (i + 1) / 2);
        check("unreserved", i + 1);
    }
    room = 20000; /* less than a part */
    test_failed(save("unreserved", 3, 0, &err), &err, HOOP_EIO, "no room for", strerror(ENOSPC), NULL);
    room = 1 << 30;
    memset(&err, 0, sizeof err);
    test_ok(save("unreserved", 3, 0, &err));
}

static void disks_that_cannot_lock(void **state)
{
    static const int why[] = {ENOSYS, EOPNOTSUPP, ENOLCK};
    hoop_error       err   = {0};
    hoop_run_lock   *lock;
    char             pid[32], host[256], text[400];
    int              ends[2], status;
    pid_t            child;
    char             byte;
    (void)state;
    test_ok(hoop_run_lock_take("locked", &err, &lock));
    assert_string_equal(hoop_run_lock_note(lock), "");
    hoop_run_lock_release(&lock);
    for (int i = 0; i < 3; i++) {
        fails.flock = why[i];
        test_ok(hoop_run_lock_take("locked", &err, &lock));
        if (strstr(hoop_run_lock_note(lock), strerror(why[i])) == NULL) fail_msg("%s", hoop_run_lock_note(lock));
        hoop_run_lock_release(&lock);
    }
    assert_int_equal(pipe(ends), 0);
    child = fork();
    if (child == 0) {
        if (hoop_run_lock_take("locked", NULL, &lock) != HOOP_OK || write(ends[1], "x", 1) != 1) _exit(1);
        (void)pause();
    }
    assert_int_equal(read(ends[0], &byte, 1), 1);
    (void)snprintf(pid, sizeof pid, "pid %ld", (long)child);
    test_failed(hoop_run_lock_take("locked", &err, &lock), &err, HOOP_EBUSY, "another run is writing here", pid, NULL);
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    memset(&err, 0, sizeof err);
    test_ok(hoop_run_lock_take("locked", &err, &lock)); /* left by one that is gone */
    hoop_run_lock_release(&lock);
    assert_int_equal(gethostname(host, sizeof host - 1), 0);
    (void)snprintf(text, sizeof text, "host %s-2, pid %ld", host, (long)getppid());
    test_store("locked/lock", text, (int64_t)strlen(text));
    test_ok(hoop_run_lock_take("locked", &err, &lock)); /* of another host: there is no telling */
    hoop_run_lock_release(&lock);
    fails.flock = EIO;
    test_failed(hoop_run_lock_take("locked", &err, &lock), &err, HOOP_EIO, "cannot be locked", strerror(EIO), NULL);
    (void)close(ends[0]);
    (void)close(ends[1]);
}

/* ---- runs that are taken over ---- */

static const char    *taken;     /* the run */
static hoop_run_lock *second;    /* who took it */
static int            there_are; /* files there are then */

/* What a later start does while this one stands still: saves the same step, and one more. */
static void take_over(void)
{
    hoop_run_lock *first = held;
    hoop_error     err   = {0};
    int64_t        generation;
    test_ok(hoop_run_fence(taken, &err, &generation));
    assert_int_equal(generation, hoop_run_lock_generation(first) + 1);
    test_ok(hoop_run_lock_take(taken, &err, &second));
    assert_int_equal(hoop_run_lock_generation(second), generation + 1);
    test_ok(hoop_checkpoint_sweep(taken, &err, NULL));
    x[0] = 2.0F;
    held = second;
    test_ok(save(taken, 5, 2, &err));
    test_ok(save(taken, 6, 2, &err));
    held      = first;
    there_are = test_count(taken);
}

/* The first generation stands still before the rename number k of its save, the second takes over and saves, the first goes on.
 */
static bool taken_at(int k, bool exchange)
{
    hoop_error     err = {0};
    hoop_run_lock *first;
    char           link[64];
    test_remove("taken");
    x[0] = 1.0F;
    test_ok(hoop_run_lock_take("taken", &err, &first));
    held = first;
    test_ok(save("taken", 4, 0, &err));
    test_ok(save("taken", 5, 0, &err));
    taken           = "taken";
    fails.renameat2 = exchange ? 0 : EINVAL;
    moment          = k;
    (void)save("taken", 5, 1, &err);
    fails.renameat2 = 0;
    held            = NULL;
    if (moment > 0) { /* it has fewer */
        moment = 0;
        test_ok(err.status);
        test_ok(hoop_run_lock_check(first, &err));
        hoop_run_lock_release(&first);
        return false;
    }
    if (err.status != HOOP_OK) test_failed(err.status, &err, HOOP_EBUSY, "taken/lock: taken over", "generation 3", NULL);
    memset(&err, 0, sizeof err);
    test_failed(hoop_run_lock_check(first, &err), &err, HOOP_EBUSY, "generation 3", "this run, generation 1", NULL);
    memset(&err, 0, sizeof err);
    test_ok(hoop_run_lock_check(second, &err));
    assert_int_equal(test_count("taken"), there_are);
    check("taken", 6);
    check("taken/checkpoints/step-00000005", 5);
    link[readlink("taken/latest", link, sizeof link - 1)] = '\0';
    assert_string_equal(link, "checkpoints/step-00000006");
    held = first; /* it does not know yet */
    test_failed(save("taken", 7, 1, &err), &err, HOOP_EBUSY, "taken over", NULL);
    held = NULL;
    assert_int_equal(test_count("taken"), there_are);
    hoop_run_lock_release(&first);
    memset(&err, 0, sizeof err);
    test_ok(hoop_run_lock_check(second, &err)); /* which has its own file */
    hoop_run_lock_release(&second);
    return true;
}

static void who_was_taken_over_changes_nothing(void **state)
{
    int moments[2] = {0, 0};
    (void)state;
    for (int exchange = 0; exchange < 2; exchange++)
        while (taken_at(moments[exchange] + 1, exchange == 1)) moments[exchange]++;
    assert_true(moments[1] >= 4); /* manifest, name, latest, what is pruned */
    assert_true(moments[0] > moments[1]);
    test_remove("taken");
}

/* between its lock and its text; it may not sweep what the next one writes */
static void who_is_fenced_off_at_once_has_no_lock(void **state)
{
    hoop_error     err = {0};
    hoop_run_lock *lock;
    (void)state;
    test_ok(hoop_run_lock_take("early", &err, &lock));
    hoop_run_lock_release(&lock);
    fenced = "early";
    test_failed(hoop_run_lock_take("early", &err, &lock), &err, HOOP_EBUSY, "early/lock: taken over (generation 2", NULL);
    memset(&err, 0, sizeof err);
    test_ok(hoop_run_lock_take("early", &err, &lock));
    assert_int_equal(hoop_run_lock_generation(lock), 3);
    hoop_run_lock_release(&lock);
    test_remove("early");
}

static void who_holds_a_run_is_seen(void **state)
{
    hoop_error      err = {0};
    hoop_run_holder holder;
    hoop_run_lock  *lock;
    (void)state;
    test_ok(hoop_run_lock_look("seen", &err, &holder)); /* which is not there */
    assert_false(holder.held);
    assert_int_equal(holder.generation, 0);
    test_ok(hoop_run_lock_take("seen", &err, &lock));
    test_ok(hoop_run_lock_look("seen", &err, &holder));
    assert_true(holder.held);
    assert_int_equal(holder.generation, 1);
    assert_non_null(strstr(holder.text, "pid "));
    hoop_run_lock_release(&lock);
    test_ok(hoop_run_lock_look("seen", &err, &holder));
    assert_false(holder.held);
    assert_int_equal(holder.generation, 1);
    assert_null(strstr(holder.text, "pid "));
    test_ok(hoop_run_lock_take("seen", &err, &lock));
    assert_int_equal(hoop_run_lock_generation(lock), 2);
    assert_int_equal(unlink("seen/lock"), 0); /* by hand: nobody has come after */
    test_ok(hoop_run_lock_check(lock, &err));
    hoop_run_lock_release(&lock);
    test_remove("seen");
}

/* ---- memory ---- */

static int allowed = -1; /* allocations of hoop's that succeed from now on; -1: all */
static int allowed_json; /* of jansson's */

static bool may(int *left)
{
    if (*left > 0) --*left;
    return *left != 0;
}

WRAP(void *, malloc, size_t n)
{
    return may(&allowed) ? __real_malloc(n) : NULL;
}

WRAP(void *, calloc, size_t n, size_t size)
{
    return may(&allowed) ? __real_calloc(n, size) : NULL;
}

WRAP(void *, realloc, void *p, size_t n)
{
    return may(&allowed) ? __real_realloc(p, n) : NULL;
}

static void *malloc_json(size_t n)
{
    return may(&allowed_json) ? __real_malloc(n) : NULL;
}

/* A manifest that lacks something must not be published, nor anything be pruned for it. */
static void no_memory_to_save(void **state)
{
    (void)state;
    for (int json = 0; json < 2; json++) {
        int good = 0, bad = 0;
        for (int n = 1; good < 3; n++) {
            hoop_error  err = {0}, listing = {0};
            hoop_status st;
            int64_t    *steps, count;
            if (bad == 0 || good > 0) {
                test_remove("scarce");
                test_ok(save("scarce", 1, 1, &err));
            }
            json_set_alloc_funcs(malloc_json, free);
            allowed      = json ? -1 : n;
            allowed_json = json ? n : -1;
            st           = save("scarce", 2, 1, &err);
            allowed      = -1;
            json_set_alloc_funcs(malloc, free);
            if (st == HOOP_OK) {
                good++;
                check("scarce", 2);
                continue;
            }
            bad++;
            assert_true(err.status == st && err.text[0] != '\0');
            assert_int_equal(hoop_checkpoint_list("scarce", &listing, &steps, &count), HOOP_OK);
            assert_int_equal(count, 1);
            assert_int_equal(steps[0], 1);
            free(steps);
            check("scarce", 1);
        }
        assert_true(bad > (json ? 100 : 10));
    }
}

/* Nor does a lack of memory make a good checkpoint a damaged one. */
static void no_memory_to_read(void **state)
{
    bool found = false;
    (void)state;
    test_remove("scarce");
    for (int64_t s = 1; s <= 2; s++) {
        hoop_error err = {0};
        test_ok(save("scarce", s, 0, &err));
    }
    for (int n = 1; !found; n++) {
        hoop_error             err = {0};
        hoop_checkpoint_choice choice;
        hoop_status            st;
        allowed = n;
        st      = hoop_checkpoint_choose("scarce", HOOP_CKPT_VERIFIED, &err, &choice);
        allowed = -1;
        found   = st == HOOP_OK;
        if (found)
            assert_int_equal(choice.step, 2);
        else
            test_failed(st, &err, HOOP_ENOMEM, "memory", NULL);
    }
}

/* ---- names ---- */

static void a_folder_above_may_be_called_anything(void **state)
{
    const hoop_checkpoint_meta    m       = {.step = 1};
    const hoop_checkpoint_receipt receipt = {.bytes = 1};
    hoop_error                    err     = {0};
    static const char             good[]  = "job.tmp-1/checkpoints/step-00000001";
    (void)state;
    assert_int_equal(mkdir("job.tmp-1", 0777), 0);
    test_ok(save("job.tmp-1", 1, 0, &err));
    hoop_checkpoint_discard(good);
    test_failed(hoop_checkpoint_begin(good, &err), &err, HOOP_EARG, good, NULL);
    memset(&err, 0, sizeof err);
    test_failed(hoop_checkpoint_publish("job.tmp-1", NULL, good, &m, &receipt, 1, 0, false, &err, NULL), &err, HOOP_EARG, good,
                NULL);
    check("job.tmp-1", 1);
}

/* ---- files of rows ---- */

static hoop_status create(const char *path, bool force, hoop_error *err, hoop_output *out)
{
    const hoop_output_set set = {.name = "/y", .dtype = HOOP_F32, .ndim = 1, .shape = {100}};
    return hoop_output_create(&(hoop_output_opts){.path = path, .sets = &set, .nsets = 1, .force = force}, err, out);
}

static void what_killed_runs_left_is_swept(void **state)
{
    hoop_error  err = {0};
    hoop_output mine, other;
    int         status;
    pid_t       child;
    (void)state;
    assert_int_equal(mkdir("out", 0777), 0);
    child = fork();
    if (child == 0) {
        (void)create("out/a.h5", false, NULL, &other);
        (void)kill(getpid(), SIGKILL);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(test_count("out"), 1);
    test_store("out/a.h5.tmp-12345", "x", 1); /* of who knows whom */
    test_store("out/a.h5.tmp-12x", "x", 1);   /* not ours */
    test_store("out/b.h5.tmp-12345", "x", 1); /* another file's */
    test_ok(create("out/a.h5", false, &err, &mine));
    assert_int_equal(test_count("out"), 3);
    assert_true(test_exists(mine.tmp));
    assert_true(test_exists("out/a.h5.tmp-12x"));
    assert_true(test_exists("out/b.h5.tmp-12345"));
    child = fork();
    if (child == 0) _exit(create("out/a.h5", false, NULL, &other) == HOOP_OK && test_exists(mine.tmp) ? 0 : 1);
    assert_int_equal(waitpid(child, &status, 0), child); /* one that lives is left alone */
    assert_int_equal(status, 0);
    assert_true(test_exists(mine.tmp));
    test_ok(hoop_output_publish(&mine, &err));
    hoop_output_discard(&mine);
    assert_true(test_exists("out/a.h5"));
}

static void what_appears_meanwhile_is_kept(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        hoop_error  err = {0};
        hoop_output o;
        char       *text;
        fails.renameat2 = i > 0 ? EINVAL : 0;
        fails.link      = i > 1 ? EPERM : 0;
        test_ok(create("late.h5", false, &err, &o));
        test_store("late.h5", "someone's", 9);
        test_failed(hoop_output_publish(&o, &err), &err, HOOP_EIO, "late.h5", "is there already", NULL);
        hoop_output_discard(&o);
        assert_false(test_exists(o.tmp));
        text = test_load("late.h5", NULL);
        assert_string_equal(text, "someone's");
        free(text);
        memset(&err, 0, sizeof err);
        test_ok(create("late.h5", true, &err, &o)); /* which --force is for */
        test_ok(hoop_output_publish(&o, &err));
        assert_int_equal(unlink("late.h5"), 0);
        test_ok(create("late.h5", false, &err, &o));
        test_ok(hoop_output_publish(&o, &err));
        assert_int_equal(unlink("late.h5"), 0);
        assert_int_equal(test_count("."), test_count("out") + test_count("order") + test_count("once") +
                                              test_count("unreserved") + test_count("locked") + test_count("scarce") +
                                              test_count("job.tmp-1"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(names_come_after_contents, reset),
        cmocka_unit_test_setup(bytes_are_read_once, reset),
        cmocka_unit_test_setup(disks_that_cannot_reserve, reset),
        cmocka_unit_test_setup(disks_that_cannot_lock, reset),
        cmocka_unit_test_setup(who_was_taken_over_changes_nothing, reset),
        cmocka_unit_test_setup(who_is_fenced_off_at_once_has_no_lock, reset),
        cmocka_unit_test_setup(who_holds_a_run_is_seen, reset),
        cmocka_unit_test_setup(no_memory_to_save, reset),
        cmocka_unit_test_setup(no_memory_to_read, reset),
        cmocka_unit_test_setup(a_folder_above_may_be_called_anything, reset),
        cmocka_unit_test_setup(what_killed_runs_left_is_swept, reset),
        cmocka_unit_test_setup(what_appears_meanwhile_is_kept, reset),
    };
    return cmocka_run_group_tests(tests, set_up, test_leave);
}
