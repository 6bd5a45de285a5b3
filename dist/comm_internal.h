/** dist/comm_internal.h - what the files of the communicator share: transports, works, stages. README.md draws the picture. */
#ifndef HOOP_COMM_INTERNAL_H
#define HOOP_COMM_INTERNAL_H

#include "hoop/comm.h"

/* Tags on the wire. A collective's messages all bear its own tag; those of one pair of ranks and tag arrive in order. MPI
 * promises tags up to 32767. */
enum hoop__tag { HOOP__TAG_CONTROL = 1, HOOP__TAG_COLLECTIVE = 16, HOOP__TAG_SPAN = 16384 };

enum {
    HOOP__ACTIVE = 4, /* collectives that move at a time; later ones queue, so that buffers stay bounded */
    HOOP__WINDOW = 4, /* segments under way in each direction */
    HOOP__WHAT   = 64,
    HOOP__HOST   = 64,
    HOOP__ABOUT  = 4 /* silent ranks that others are asked about */
};
#define HOOP__SEGMENT_BYTES_MAX (INT64_C(1) << 30)

/* A message under way. `handle` is the transport's. */
typedef struct hoop__request {
    void   *handle;
    int64_t bytes;
    int     peer;
    bool    active, receive;
} hoop__request;

/* Where a rank is. `seq` counts collectives: of two ranks at one step the lower one is behind. */
typedef struct hoop__position {
    int64_t step, seq, age_ms;
    char    what[HOOP__WHAT];
} hoop__position;

enum hoop__message_type { HOOP__QUERY, HOOP__ANSWER, HOOP__FAILED, HOOP__MESSAGE_TYPES };

/* A control message: "where are you, and where did you last see ranks `about`", its answer, or "I give up: text". */
typedef struct hoop__message {
    int32_t        type, from, status, nabout;
    int32_t        about[HOOP__ABOUT];
    hoop__position position, heard[HOOP__ABOUT];
    char           text[HOOP_ERROR_TEXT];
} hoop__message;

/* What moves bytes. No call blocks. Errors of the wire come as HOOP_ECOMM, a message of another size as HOOP_EDESYNC. */
typedef struct hoop__transport {
    const char *name;
    hoop_status (*isend)(hoop_comm *c, int peer, int tag, const void *buf, int64_t bytes, hoop__request *req, hoop_error *err);
    hoop_status (*irecv)(hoop_comm *c, int peer, int tag, void *buf, int64_t bytes, hoop__request *req, hoop_error *err);
    hoop_status (*test)(hoop_comm *c, hoop__request *req, hoop_error *err); /* done: req->active is false */
    bool (*cancel)(hoop_comm *c, hoop__request *req);                       /* false: the wire may still use its buffer */
    void (*control_send)(hoop_comm *c, int peer, const hoop__message *m);   /* best effort */
    bool (*control_receive)(hoop_comm *c, hoop__message *m);                /* false: none there */
    void (*destroy)(hoop_comm *c);
} hoop__transport;

typedef enum hoop__op { HOOP__REDUCE_SCATTER, HOOP__ALL_GATHER, HOOP__ALL_REDUCE, HOOP__BROADCAST } hoop__op;

/* One state machine: (part of) a collective by one algorithm. `need` says what scratch and how many requests the slot must
 * have; start clears the state; advance moves what it can, sets *moved if anything did, and w->stage_done at the end. */
typedef struct hoop__stage {
    const char *name;
    void (*need)(const hoop_work *w, int64_t *scratch_bytes, int *nrequests);
    void (*start)(hoop_work *w);
    hoop_status (*advance)(hoop_work *w, hoop_error *err, bool *moved);
    void (*abandon)(hoop_work *w); /* what is not in the slot's requests; may be NULL */
} hoop__stage;

/* A collective to be started. */
typedef struct hoop__posting {
    hoop__op            op;
    void               *buf;
    int64_t             nunits, unit_bytes;
    const hoop_reducer *reducer; /* of those that reduce; copied */
    const int64_t      *cuts;    /* as hoop_work's; outlives the work, the same on all ranks. Not of an all-reduce */
    int                 root;    /* of a broadcast */
} hoop__posting;

/* A row of the table of algorithms. all_reduce NULL: reduce_scatter, then all_gather. */
typedef struct hoop__algorithm {
    const char        *name;
    const hoop__stage *reduce_scatter, *all_gather, *all_reduce;
} hoop__algorithm;

extern const hoop__algorithm hoop__algorithms[HOOP_ALGORITHM_COUNT];
extern const hoop__stage     hoop__ring_reduce_scatter, hoop__ring_all_gather, hoop__exchange_reduce_scatter, hoop__bruck,
    hoop__mpi_stage, hoop__broadcast;
/* The stages of a work, of whatever else it has: by opts, or for auto by size and number of ranks. */
void hoop__algorithm_stages(hoop_work *w);

/* A place in a ring's schedule: segment `segment` of the chunk of step `step`. */
typedef struct hoop__cursor {
    int     step;
    int64_t segment;
} hoop__cursor;

typedef struct hoop__ring_state {
    hoop__cursor post, take, give; /* next receive to post and to finish, next send */
    int64_t      posted, taken, given, gone;
} hoop__ring_state;

typedef struct hoop__exchange_state {
    int64_t posted, combined; /* segments of the own chunk */
    int64_t given, gone;      /* sends: segment * (size-1) + distance - 1, absent ones counted too */
} hoop__exchange_state;

typedef struct hoop__bruck_state {
    int     distance;
    bool    filled;
    int64_t block_bytes;
} hoop__bruck_state;

typedef struct hoop__broadcast_state {
    int     parent, nchildren; /* parent -1: root */
    int     children[32];
    int64_t posted, taken, given, gone;
} hoop__broadcast_state;

typedef struct hoop__mpi_state {
    void   *handle; /* MPI_Request */
    void   *type;   /* its cached datatype and operation */
    bool    active;
    int     root;
    int64_t piece;
} hoop__mpi_state;

struct hoop_work {
    hoop_comm         *comm;
    hoop_work         *next, *all_next; /* pending or free; all of the communicator */
    hoop__op           op;
    const hoop__stage *stages[2];
    int                nstages, stage;
    bool               stage_done, done, exclusive;
    int                slot; /* -1: queued */
    int                tag, root;
    int64_t            seq;
    char              *buf;
    int64_t            nunits, unit_bytes;
    const int64_t     *cuts;       /* [size + 1]: rank r's chunk is units [cuts[r], cuts[r + 1]); NULL: that of hoop_comm_chunk */
    int64_t            chunk_most; /* units of the largest chunk */
    hoop_reducer       reducer;
    char               what[HOOP__WHAT];
    union {
        hoop__ring_state      ring;
        hoop__exchange_state  exchange;
        hoop__bruck_state     bruck;
        hoop__broadcast_state broadcast;
        hoop__mpi_state       mpi;
    } state;
};

/* Scratch and requests of one active work; grown when a work needs more, never per call. */
typedef struct hoop__slot {
    bool           used;
    char          *scratch;
    int64_t        scratch_bytes;
    hoop__request *req;
    int            nreq;
} hoop__slot;

typedef struct hoop__peer {
    char           host[HOOP__HOST];
    hoop__position heard; /* our own position when something last arrived from it */
    int64_t        heard_ns;
    hoop__position answer;
    bool           answered, silent;
    hoop__position hearsay; /* what others heard of it */
    bool           has_hearsay;
} hoop__peer;

struct hoop_comm {
    int                    rank, size;
    hoop_comm_opts         opts;
    const hoop__transport *transport; /* NULL: one rank */
    void                  *link;      /* the transport's own */
    hoop__peer            *peers;
    struct hoop__greeting *greetings; /* of all, while they are exchanged */
    int                    host_ranks, host_cores;
    int64_t                seq;
    hoop_work             *pending, **pending_end, *free_works, *all_works;
    hoop__slot             slots[HOOP__ACTIVE];
    int                    nactive, most_nreq;
    int64_t                most_scratch_bytes; /* what any slot ever needed */
    bool                   uneven;             /* some slots have less */
    hoop_error             poison;
    bool                   told;           /* another rank found out, and told us */
    int64_t                asked_below_ns; /* when a lower rank last asked where we are; 0: never */
    hoop__position         position;
    int64_t                position_ns, tick_ns, moved_ns, mpi_max_units;
    double                 wait_s;
    const hoop_work       *waiting;
    hoop__message          message;   /* the one being written or read */
    bool                   abandoned; /* works were: others may still send what nobody takes */
    bool                   leak;      /* the wire may still write into our scratch */
};

static inline hoop__slot *hoop__work_slot(hoop_work *w)
{
    return &w->comm->slots[w->slot];
}

/* create.c */
hoop_status hoop__comm_new(int rank, int size, const hoop_comm_opts *opts, hoop_error *err, hoop_comm **out);
/* Exchange host names, cores and options with the others and keep what is of use. Collective. */
hoop_status hoop__comm_greet(hoop_comm *c, hoop_error *err);

/* comm.c */
void hoop__copy_text(char *dst, const char *src, int64_t size);

/* clock.c */
int64_t hoop__clock_ns(void); /* coarse (milliseconds), cheap */
int64_t hoop__clock_precise_ns(void);
/* After some spinning, let others run. */
void hoop__comm_relax(const hoop_comm *c, int64_t *spins);

/* work.c */
int64_t hoop__segment_units(const hoop_work *w);
int64_t hoop__segment_count(int64_t units, int64_t segment_units);
/* Rank r's chunk of the work's buffer. */
void        hoop__work_chunk(const hoop_work *w, int r, int64_t *first, int64_t *count);
hoop_status hoop__work_post(hoop_comm *c, const hoop__posting *p, const char *what, hoop_error *err, hoop_work **out);
/* Post a message of the work's, or see whether it is done. */
hoop_status hoop__work_isend(hoop_work *w, int req, int peer, const void *buf, int64_t bytes, hoop_error *err);
hoop_status hoop__work_irecv(hoop_work *w, int req, int peer, void *buf, int64_t bytes, hoop_error *err);
hoop_status hoop__work_test(hoop_work *w, int req, bool *done, hoop_error *err);
/* Make why the answer to every call and abandon all works. */
void hoop__comm_poison(hoop_comm *c, const hoop_error *why);
void hoop__comm_free_works(hoop_comm *c);

/* collective.c: with chunks of one's own; cuts as in hoop__posting. */
hoop_status hoop__reduce_scatter_cut(hoop_comm *c, void *buf, int64_t nunits, const hoop_reducer *reducer, const int64_t *cuts,
                                     const char *what, hoop_error *err, hoop_work **out);
hoop_status hoop__all_gather_cut(hoop_comm *c, void *buf, int64_t nunits, int64_t unit_bytes, const int64_t *cuts,
                                 const char *what, hoop_error *err, hoop_work **out);

/* watch.c */
/* Answer queries, take notice of failures. */
void hoop__watch_poll(hoop_comm *c);
/* The deadline has passed: ask around, fill *err, tell all. */
hoop_status hoop__watch_diagnose(hoop_comm *c, const hoop_work *w, double waited_s, hoop_error *err);
void        hoop__watch_tell(hoop_comm *c, const hoop_error *why);
void        hoop__watch_heard(hoop_comm *c, const hoop_work *w, int peer);

#endif
