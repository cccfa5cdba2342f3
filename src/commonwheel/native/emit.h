/* The tables and the state that a car's frames are made from; wire/emitter.py builds them with the same layouts. */
#ifndef CW_EMIT_H
#define CW_EMIT_H

#include "codec.h"

/* A value over time: point i holds from t_ns[i] to the next; before the first, the first. 40 bytes. */
typedef struct {
    const int64_t *t_ns;
    const double *value; /* `stride` apart */
    int64_t count, stride;
    int64_t at; /* where the last frame found it */
} cw_track;

enum { CW_PUT_CONSTANT, CW_PUT_NUMBER, CW_PUT_CODE, CW_PUT_FLOAT16, CW_PUT_FLOAT32, CW_PUT_FLOAT64 };

/* How one field of a payload is filled. 128 bytes. */
typedef struct {
    double factor, offset;     /* raw = (value - offset) / factor */
    double low, high;          /* a value within is not rounded to a code that means less or more than these ... */
    double lowest, highest;    /* ... which are these, with room for the error of rounding */
    double raw_low, raw_high;  /* raw values that the field holds: from the first, below the second */
    double least, most;        /* those of them that are taken for values; what others are brought to */
    uint64_t bits;             /* of a constant; else the 'no value' code */
    cw_field field;
    int32_t track;
    int32_t code, codes;       /* CW_PUT_CODE: standard codes and their bits */
    int32_t op, ops;           /* an expression of the value that is written in its place; ops 0: none */
    int32_t kind, has_none;    /* has_none: there is a 'no value' code */
    int32_t unused;
} cw_put_row;

typedef struct {
    double value;
    uint64_t bits;
} cw_code;

/* One of the payloads of a message, which take turns: the puts that fill it, over its start values. */
typedef struct {
    int32_t put, puts;
} cw_turn;

/* A message that is sent. 48 bytes. */
typedef struct {
    int64_t period_ns; /* more than 0 */
    cw_field counter;
    uint32_t modulo;
    int32_t check;       /* -1: none */
    int32_t turn, turns; /* at least one */
    int32_t bus, size;
    uint32_t id;
    int32_t unused;
} cw_sent;

typedef struct {
    const cw_sent *messages;
    const cw_turn *turns;
    const cw_put_row *puts;
    const cw_code *codes;
    const cw_op *ops;
    const uint8_t *payloads; /* [turns][64] */
    int32_t message_count, width;
    int32_t strict, unused; /* strict: stop at a value that does not fit, else bring it to the nearest that does */
} cw_emission;

/* Where a message is in its course. 16 bytes. */
typedef struct {
    int64_t next_ns;
    uint32_t counter, turn;
} cw_course;

typedef struct {
    cw_course *courses;
    int32_t *queue; /* every message, the next one first: a heap by time, then by number */
    cw_track *tracks;
    int64_t track_count;
    uint64_t clamped; /* values that did not fit so far */
    double misfit;    /* strict: the value that did not fit, its raw value, and which put that was; -1: none */
    double misfit_raw;
    int64_t misfit_put;
} cw_emit_state;

typedef struct {
    int64_t *t_ns;
    uint8_t *bus;
    uint32_t *id;
    uint8_t *size;
    uint8_t *data;
    int64_t capacity, count;
} cw_emitted;

#endif
