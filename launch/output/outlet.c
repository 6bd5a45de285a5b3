#include "output/outlet.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
    ROOM  = 1 << 16, /* bytes of lines that wait */
    SHOWN = 1 << 12, /* the longest text to show */
    PIECE = 1 << 12, /* bytes a write: each that is done is a sign of life */
    LOST  = 96       /* room for the line that tells of lost ones */
};

struct hoop__outlet {
    int             fd;
    pthread_t       thread;
    bool            threaded, ending, broken, left; /* broken: nobody reads any more; left: to its thread */
    pthread_mutex_t mutex;
    pthread_cond_t  given, moved;
    size_t          waiting, showing; /* bytes of each */
    size_t          busy;             /* bytes that the thread has taken and not written */
    long long       lost;             /* lines */
    unsigned long   movement;
    int             why; /* errno of the write that failed */
    char            lines[ROOM], shown[SHOWN], taken[ROOM + SHOWN];
};

/* One write of what is left; false: the reader is gone. */
static bool write_piece(hoop__outlet *o, size_t at, size_t size, ssize_t *written)
{
    struct pollfd room = {.fd = o->fd, .events = POLLOUT};
    int           why;
    *written = write(o->fd, o->taken + at, size);
    why      = errno;
    if (*written < 0 && why == EAGAIN) (void)poll(&room, 1, -1); /* others have made it so */
    if (*written < 0 && (why == EAGAIN || why == EINTR)) *written = 0;
    if (*written < 0) o->why = why;
    return *written >= 0;
}

/* the mutex is held */
static void take(hoop__outlet *o)
{
    memcpy(o->taken, o->lines, o->waiting);
    memcpy(o->taken + o->waiting, o->shown, o->showing);
    o->busy    = o->waiting + o->showing;
    o->waiting = o->showing = 0;
}

static void destroy(hoop__outlet *o)
{
    (void)pthread_cond_destroy(&o->given);
    (void)pthread_cond_destroy(&o->moved);
    (void)pthread_mutex_destroy(&o->mutex);
    free(o);
}

static void *write_on(void *arg)
{
    hoop__outlet *o = arg;
    size_t        at;
    bool          left;
    (void)pthread_mutex_lock(&o->mutex);
    for (;;) {
        while (o->waiting + o->showing == 0 && !o->ending) (void)pthread_cond_wait(&o->given, &o->mutex);
        if (o->waiting + o->showing == 0) break;
        take(o);
        for (at = 0; o->busy > 0 && !o->broken;) {
            size_t  piece   = o->busy < PIECE ? o->busy : PIECE;
            ssize_t written = 0;
            bool    good;
            (void)pthread_mutex_unlock(&o->mutex);
            good = write_piece(o, at, piece, &written);
            (void)pthread_mutex_lock(&o->mutex);
            o->broken = o->broken || !good; /* close may have said so */
            at += good ? (size_t)written : 0;
            o->busy -= good ? (size_t)written : 0;
            o->movement++;
            (void)pthread_cond_broadcast(&o->moved);
        }
        o->busy = 0;
        (void)pthread_cond_broadcast(&o->moved);
    }
    left = o->left;
    (void)pthread_mutex_unlock(&o->mutex);
    if (left) destroy(o);
    return NULL;
}

hoop_status hoop__outlet_open(int fd, hoop_error *err, hoop__outlet **out)
{
    hoop__outlet      *o = calloc(1, sizeof *o);
    pthread_condattr_t by_clock;
    sigset_t           all, before;
    *out = NULL;
    if (o == NULL) return hoop_fail(err, HOOP_ENOMEM, "no memory for output");
    o->fd = fd;
    (void)pthread_mutex_init(&o->mutex, NULL);
    (void)pthread_cond_init(&o->given, NULL);
    (void)pthread_condattr_init(&by_clock);
    (void)pthread_condattr_setclock(&by_clock, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&o->moved, &by_clock);
    (void)pthread_condattr_destroy(&by_clock);
    (void)sigfillset(&all); /* signals are for the program's own threads */
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    o->threaded = pthread_create(&o->thread, NULL, write_on, o) == 0;
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    *out = o;
    return HOOP_OK;
}

/* Without a thread: what a reader has room for now. */
static void write_now(hoop__outlet *o)
{
    struct pollfd room = {.fd = o->fd, .events = POLLOUT};
    take(o);
    for (size_t at = 0; at < o->busy && poll(&room, 1, 0) == 1;) {
        size_t  piece   = o->busy - at < PIECE ? o->busy - at : PIECE;
        ssize_t written = write(o->fd, o->taken + at, piece);
        if (written < 0) o->why = errno;
        if (written <= 0) break;
        at += (size_t)written;
    }
    o->busy = 0;
}

static void hand_over(hoop__outlet *o)
{
    if (o->threaded)
        (void)pthread_cond_signal(&o->given);
    else
        write_now(o);
}

static long long lines_in(const char *text, size_t size)
{
    long long n = 0;
    for (size_t i = 0; i < size; i++) n += text[i] == '\n';
    return n > 0 ? n : 1;
}

void hoop__outlet_keep(hoop__outlet *o, const char *text, size_t size)
{
    (void)pthread_mutex_lock(&o->mutex);
    if (o->broken) {
        /* nobody to tell */
    } else if (o->waiting + size + LOST > ROOM) {
        o->lost += lines_in(text, size);
    } else {
        if (o->lost > 0)
            o->waiting +=
                (size_t)snprintf(o->lines + o->waiting, LOST, "(%lld lines were lost here: nobody read them)\n", o->lost);
        o->lost = 0;
        memcpy(o->lines + o->waiting, text, size);
        o->waiting += size;
        o->showing = 0;
        hand_over(o);
    }
    (void)pthread_mutex_unlock(&o->mutex);
}

void hoop__outlet_show(hoop__outlet *o, const char *text, size_t size)
{
    if (size > SHOWN) return;
    (void)pthread_mutex_lock(&o->mutex);
    if (!o->broken) {
        memcpy(o->shown, text, size);
        o->showing = size;
        hand_over(o);
    }
    (void)pthread_mutex_unlock(&o->mutex);
}

/* errno of a write that failed, 0: none did, as far as is known */
static int end(hoop__outlet **outlet, double patience_s)
{
    hoop__outlet   *o;
    struct timespec until;
    bool            left;
    int             why;
    if (outlet == NULL || *outlet == NULL) return 0;
    o = *outlet;
    (void)pthread_mutex_lock(&o->mutex);
    o->ending = true;
    (void)pthread_cond_signal(&o->given);
    for (int waited = 0; o->threaded && waited == 0 && o->waiting + o->showing + o->busy > 0;) {
        unsigned long before = o->movement;
        (void)clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_sec += (time_t)patience_s;
        until.tv_nsec += (long)(1e9 * (patience_s - (double)(time_t)patience_s));
        if (until.tv_nsec >= 1000000000) {
            until.tv_sec++;
            until.tv_nsec -= 1000000000;
        }
        while (waited == 0 && o->movement == before && o->waiting + o->showing + o->busy > 0)
            waited = pthread_cond_timedwait(&o->moved, &o->mutex, &until);
    }
    left       = o->threaded && o->waiting + o->showing + o->busy > 0;
    o->left    = left;
    o->broken  = true;
    o->waiting = o->showing = 0;
    if (left)
        (void)pthread_detach(o->thread); /* it stands in a write: when, and if, it comes out of it, it ends, and frees all */
    (void)pthread_mutex_unlock(&o->mutex);
    *outlet = NULL;
    if (left) return 0;
    if (o->threaded) (void)pthread_join(o->thread, NULL);
    why = o->why;
    destroy(o);
    return why;
}

void hoop__outlet_close(hoop__outlet **outlet, double patience_s)
{
    (void)end(outlet, patience_s);
}

hoop_status hoop__outlet_print(int fd, const char *text, double patience_s, hoop_error *err)
{
    hoop__outlet *o  = NULL;
    hoop_status   st = hoop__outlet_open(fd, err, &o);
    int           why;
    if (st != HOOP_OK) return st;
    hoop__outlet_keep(o, text, strlen(text));
    why = end(&o, patience_s);
    return why == 0 || why == EPIPE || why == EAGAIN ? HOOP_OK : hoop_fail(err, HOOP_EIO, "%s", strerror(why));
}
