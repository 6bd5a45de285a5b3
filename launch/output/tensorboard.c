#include "output/tensorboard.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "output/files.h"

struct hoop__events {
    hoop__appender file;
    uint32_t       table[256]; /* of CRC-32C, one byte at a time: a record is some 50 bytes */
};

static void make_table(uint32_t table[256])
{
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t c = i;
        for (int bit = 0; bit < 8; bit++) c = c >> 1 ^ (0x82f63b78U & (0U - (c & 1U)));
        table[i] = c;
    }
}

static uint32_t crc32c(const uint32_t table[256], const void *data, size_t size)
{
    const unsigned char *s = data;
    uint32_t             c = ~0U;
    for (size_t i = 0; i < size; i++) c = table[(c ^ s[i]) & 0xff] ^ c >> 8;
    return ~c;
}

uint32_t hoop__crc32c(const void *data, size_t size)
{
    uint32_t table[256];
    make_table(table);
    return crc32c(table, data, size);
}

/* A CRC of data that holds CRCs is weak: TensorFlow's records rotate it and add a constant. */
static uint32_t masked(const hoop__events *e, const void *data, size_t size)
{
    uint32_t c = crc32c(e->table, data, size);
    return (c >> 15 | c << 17) + 0xa282ead8U;
}

/* ---- Protobuf -------------------------------------------------------------------------------------------------------- */

static void add_little(hoop__text *t, uint64_t value, int bytes)
{
    for (int i = 0; i < bytes; i++) {
        char byte = (char)(unsigned char)(value >> 8 * i);
        hoop__text_add(t, &byte, 1);
    }
}

static void add_varint(hoop__text *t, uint64_t value)
{
    do {
        char byte = (char)(unsigned char)((value & 0x7f) | (value > 0x7f ? 0x80 : 0));
        hoop__text_add(t, &byte, 1);
        value >>= 7;
    } while (value != 0);
}

enum { WIRE_VARINT = 0, WIRE_64 = 1, WIRE_BYTES = 2, WIRE_32 = 5 };

static void add_key(hoop__text *t, unsigned field, unsigned wire)
{
    add_varint(t, field << 3 | wire);
}

static void add_bytes(hoop__text *t, unsigned field, const char *data, size_t size)
{
    add_key(t, field, WIRE_BYTES);
    add_varint(t, size);
    hoop__text_add(t, data, size);
}

/* Event: 1 wall_time (double), 2 step (int64), then one of 3 file_version, 5 summary, 7 session_log. */
static void begin_event(hoop__text *t, int64_t step)
{
    struct timespec now;
    double          seconds;
    uint64_t        bits;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    seconds = (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
    memcpy(&bits, &seconds, sizeof bits);
    add_key(t, 1, WIRE_64);
    add_little(t, bits, 8);
    add_key(t, 2, WIRE_VARINT);
    add_varint(t, (uint64_t)step);
}

static void add_record(hoop__events *e, hoop__text *event)
{
    hoop__text   *t = &e->file.text;
    unsigned char length[8];
    for (int i = 0; i < 8; i++) length[i] = (unsigned char)((uint64_t)event->size >> 8 * i);
    t->failed = t->failed || event->failed;
    if (!event->failed) {
        hoop__text_add(t, (const char *)length, sizeof length);
        add_little(t, masked(e, length, sizeof length), 4);
        hoop__text_add(t, event->data, event->size);
        add_little(t, masked(e, event->data, event->size), 4);
    }
    hoop__text_clear(event);
}

/* ---- The file -------------------------------------------------------------------------------------------------------- */

static hoop_status open_new(hoop__events *e, const char *dir, hoop_error *err)
{
    char  host[256] = "host";
    char *path      = NULL;
    int   fd        = -1;
    (void)gethostname(host, sizeof host - 1);
    host[sizeof host - 1] = '\0';
    for (int n = 0; n < 1000 && fd < 0; n++) { /* two runs in one second by one process: a number more */
        char suffix[16] = "";
        if (n > 0) (void)snprintf(suffix, sizeof suffix, ".%d", n);
        free(path);
        if (asprintf(&path, "%s/events.out.tfevents.%010lld.%s.%ld%s", dir, (long long)time(NULL), host, (long)getpid(), suffix) <
            0)
            return hoop_fail(err, HOOP_ENOMEM, "%s: out of memory", dir);
        fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0666);
        if (fd < 0 && errno != EEXIST) break;
    }
    if (fd < 0) {
        hoop_status st = hoop_fail(err, HOOP_EIO, "%s: can't create: %s", path, strerror(errno));
        free(path);
        return st;
    }
    hoop__appender_begin(&e->file, fd, path);
    return HOOP_OK;
}

hoop_status hoop__events_create(const char *dir, int64_t first_step, hoop_error *err, hoop__events **out)
{
    hoop__events *e     = calloc(1, sizeof *e);
    hoop__text    event = {0};
    hoop_status   st;
    if (e == NULL) return hoop_fail(err, HOOP_ENOMEM, "%s: out of memory", dir);
    make_table(e->table);
    if ((st = open_new(e, dir, err)) != HOOP_OK) {
        free(e);
        return st;
    }
    begin_event(&event, 0);
    add_bytes(&event, 3, "brain.Event:2", strlen("brain.Event:2"));
    add_record(e, &event);
    if (first_step > 0) {
        begin_event(&event, first_step);
        add_bytes(&event, 7, "\x08\x01", 2); /* SessionLog: 1 status = START */
        add_record(e, &event);
    }
    st = hoop__appender_flush(&e->file, err);
    if (st == HOOP_OK) {
        *out = e;
        return HOOP_OK;
    }
    (void)unlink(e->file.path);
    (void)hoop__appender_end(&e->file, false, NULL);
    free(e);
    return st;
}

void hoop__events_scalar(hoop__events *e, int64_t step, const char *tag, double value)
{
    hoop__text scalar = {0}, summary = {0}, event = {0};
    float      simple = (float)value;
    uint32_t   bits;
    memcpy(&bits, &simple, sizeof bits);
    add_bytes(&scalar, 1, tag, strlen(tag)); /* Summary.Value: 1 tag, 2 simple_value (float) */
    add_key(&scalar, 2, WIRE_32);
    add_little(&scalar, bits, 4);
    if (!scalar.failed) add_bytes(&summary, 1, scalar.data, scalar.size); /* Summary: 1 value */
    begin_event(&event, step);
    if (!summary.failed && !scalar.failed) add_bytes(&event, 5, summary.data, summary.size);
    event.failed = event.failed || summary.failed || scalar.failed;
    hoop__text_clear(&scalar);
    hoop__text_clear(&summary);
    add_record(e, &event);
}

hoop_status hoop__events_flush(hoop__events *e, hoop_error *err)
{
    return hoop__appender_flush(&e->file, err);
}

hoop_status hoop__events_close(hoop__events **e, hoop_error *err)
{
    hoop_status st;
    if (e == NULL || *e == NULL) return HOOP_OK;
    st = hoop__appender_end(&(*e)->file, true, err);
    free(*e);
    *e = NULL;
    return st;
}
