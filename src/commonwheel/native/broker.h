/* What the broker's kernels work on; broker/_kernels.py builds it with the same layouts. */
#ifndef CW_BROKER_H
#define CW_BROKER_H

#include "cw.h"

enum { CW_Q_GOOD = 0, CW_Q_WORST = 4 };

/* A batch of updates, in the order they happened. */
typedef struct {
    const int32_t *signal;
    const int64_t *t_ns;
    const double *value;
    const uint8_t *quality;
    int64_t count;
} cw_updates;

/* One update as history keeps it. 24 bytes. */
typedef struct {
    int64_t t_ns;
    double value;
    uint8_t quality, unused[7];
} cw_point;

/* Where the history of a signal ends, and how long it is. 8 bytes. */
typedef struct {
    int32_t next, length;
} cw_ring;

typedef struct {
    int64_t *t_ns; /* [signals]: what is current */
    double *value;
    uint8_t *quality;
    cw_ring *rings;         /* [signals] */
    cw_point *past;         /* [signals][depth] */
    const uint8_t *special; /* [signals]: 1 where objects were kept; their updates are counted */
    const int32_t *owners;  /* [signals] */
    int64_t specials;       /* of the last batch */
    int32_t signals, depth;
} cw_store;

/* Which groups of readers want which signals. */
typedef struct {
    const uint64_t *wanted; /* [signals][words]: a bit for each group */
    uint64_t *some, *whole; /* [words]: groups that want some of the batch, all of it */
    int32_t signals, words;
} cw_index;

/* The latest update of each signal that waits for a reader. */
typedef struct {
    const int32_t *row; /* [signals]: the signal's row; -1: not wanted */
    int64_t *number;    /* [rows]: when it came, as a running count; -1: nothing waits */
    int64_t *t_ns;
    double *value;
    uint8_t *quality;
    int64_t numbers; /* the running count */
    int32_t signals, rows;
} cw_latest;

enum { CW_NONE, CW_EQ, CW_NE, CW_GT, CW_GTE, CW_LT, CW_LTE };

/* What a reader wants; see broker/filters.py. 72 bytes. */
typedef struct {
    int64_t interval_ns;
    double deadband;
    double diff;
    double boundary[2];
    double max_error;
    int32_t change;     /* a comparison, or CW_NONE */
    int32_t compare[2]; /* comparisons, or CW_NONE */
    uint8_t on_change, any_of, unused[2];
    int64_t max_age_ns;
} cw_rule;

/* What was delivered last of one signal to one reader. 32 bytes. */
typedef struct {
    int64_t t_ns;
    double value;
    double reference; /* what a change is measured from */
    uint8_t quality, seen, unused[6];
} cw_last;

typedef struct {
    int64_t t_ns;
    double value;
} cw_knot;

/* The buffer of one curve: a knot that was delivered, where there is one, then those that wait. 16 bytes. */
typedef struct {
    int64_t since_ns; /* arrival of the oldest that waits */
    int32_t waiting;
    int32_t anchored;
} cw_bend;

typedef struct {
    const int32_t *row; /* [signals]: the signal's row; -1: not wanted */
    cw_last *last;      /* [rows] */
    int32_t signals, rows;
    cw_rule rule;
    const int32_t *signal; /* [rows]: the way back; this and the following only with curves */
    cw_bend *bends;        /* [rows] */
    cw_knot *knots;        /* [rows][buffer + 1] */
    uint8_t *keep;         /* [buffer + 1]: scratch */
    int32_t *stack;        /* [2 * (buffer + 1)]: scratch */
    int32_t buffer, unused;
} cw_filter;

/* Where updates are written to. */
typedef struct {
    int32_t *signal;
    int64_t *t_ns;
    double *value;
    uint8_t *quality;
    int64_t capacity, count;
} cw_outlet;

#endif
