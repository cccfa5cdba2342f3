/* The tables and the state that the codec works on; wire/codec.py builds them with the same layouts. */
#ifndef CW_CODEC_H
#define CW_CODEC_H

#include "cw.h"

enum { CW_GOOD, CW_STALE, CW_INVALID, CW_CORRUPT, CW_UNSEEN };

enum { CW_BIG = 1, CW_SIGNED = 2, CW_SPILL = 4 };
enum { CW_INTEGER, CW_FLOAT16, CW_FLOAT32, CW_FLOAT64, CW_RAW };

/* Where a field lies: an 8-byte window of the payload, then a shift. 8 bytes. */
typedef struct {
    uint8_t byte;  /* first byte of the window */
    uint8_t shift; /* right shift that brings the field down; bits in the ninth byte with CW_SPILL */
    uint8_t width; /* bits, 1..64; 0: no field */
    uint8_t flags;
    uint8_t need; /* smallest frame that holds the field */
    uint8_t unused[3];
} cw_field;

/* A condition: the field's raw value lies in one of `count` inclusive ranges from `first`. */
typedef struct {
    cw_field field;
    int32_t first, count;
} cw_condition;

typedef struct {
    uint64_t low, high;
} cw_range;

/* One signal of a message. 112 bytes. */
typedef struct {
    double factor, offset, low, high;
    uint64_t mask, sign;              /* of the raw bits; sign: the top bit of a signed field, else 0 */
    uint64_t invalid_low, no_values;  /* raw 'no value' codes: so many from the first on */
    cw_field field;
    int32_t slot;                /* where its current value lives */
    int32_t emit;                /* signal index of its samples; -1: none */
    int32_t table, table_size;   /* enumeration: table[raw]; -1: none */
    int32_t invalid, invalids;   /* further 'no value' ranges */
    int32_t present;             /* first condition: absent unless all hold */
    uint8_t presents, valids;    /* then: INVALID unless all hold */
    uint8_t kind, slow;          /* slow: any of table, invalids, conditions, floats */
} cw_signal;

enum { CW_NIBBLES = 1, CW_CRC8, CW_SUM8, CW_XOR8 };

/* A checksum: where it lies and how it is computed. 48 bytes. */
typedef struct {
    int32_t kind;
    int32_t at;       /* byte; negative: from the end */
    int32_t mask;     /* of the byte: 0xFF or 0x0F */
    int32_t sign;     /* sums: +1 or -1 */
    uint32_t base;    /* added to the sum, or the start value */
    uint32_t xorout;
    int32_t table;    /* CRC: offset of its 8 slices of 256 */
    int32_t suffix;   /* CRC: 16 bytes chosen by the counter, fed last; -1: none */
    cw_field counter; /* chooses the suffix */
    int32_t minimum;  /* a frame shorter than this fails */
    int32_t sizes;    /* 1: the frame's size is part of the sum */
} cw_check;

/* One message. 64 bytes. */
typedef struct {
    int64_t timeout_ns; /* 0: never stale */
    cw_field counter;
    int32_t modulo, stuck; /* counter: values, repeats that mean it stands still */
    int32_t signal, signals;
    int32_t derived, deriveds; /* derived signals that depend on it, in order of evaluation */
    int32_t check;             /* -1: none */
    int32_t bus;
    int32_t size;
    uint32_t id;
} cw_message;

enum { CW_FIRST_OF, CW_COMPUTE };

/* A signal made from others. 72 bytes. */
typedef struct {
    double factor, offset, low, high;
    int32_t kind;
    int32_t slot, emit;
    int32_t input, inputs; /* slots it reads */
    int32_t code, codes;
    int32_t unused[3];
} cw_derived;

enum {
    CW_OP_CONSTANT, CW_OP_INPUT, CW_OP_NEG, CW_OP_ABS, CW_OP_FLOOR, CW_OP_ROUND, CW_OP_SQRT, CW_OP_NOT,
    CW_OP_ADD, CW_OP_SUB, CW_OP_MUL, CW_OP_DIV, CW_OP_POW, CW_OP_MIN, CW_OP_MAX, CW_OP_LT, CW_OP_LE,
    CW_OP_GT, CW_OP_GE, CW_OP_EQ, CW_OP_NE, CW_OP_AND, CW_OP_OR, CW_OP_SELECT
};
enum { CW_STACK = 32 }; /* the compiler refuses deeper expressions */

typedef struct {
    double constant;
    int32_t op, input;
} cw_op;

typedef struct {
    const int16_t *standard; /* [buses][2048]: message of an 11-bit id; -1: none */
    const uint64_t *keys;    /* extended ids: bus << 32 | id, open addressing; UINT64_MAX: free */
    const int32_t *keyed;
    const cw_message *messages;
    const cw_signal *signals;
    const cw_condition *conditions;
    const cw_range *ranges;
    const double *values;
    const cw_check *checks;
    const uint8_t *bytes; /* CRC slices and E2E lists */
    const cw_derived *derived;
    const int32_t *order;
    const int32_t *inputs;
    const cw_op *ops;
    int32_t buses, key_mask, message_count, burst;
} cw_tables;

/* What is remembered of a message from frame to frame, and counted. 72 bytes. */
typedef struct {
    int64_t last_ns;
    uint64_t frames, corrupt, lost, stuck, shorter, stale;
    uint32_t counter, repeats; /* counter: its last value plus one; 0: none */
    uint8_t seen, is_stale, unused[6];
} cw_message_state;

/* The current value of a signal. `mark` is the sequence number of its last change << 8 | its quality. */
typedef struct {
    double value;
    uint64_t mark;
} cw_slot;

typedef struct {
    cw_message_state *messages;
    cw_slot *slots;
    int32_t *chosen;    /* by slot: which input of a first_of spoke last; -1: none */
    int64_t *bus_ns;    /* by bus: time of its last frame; INT64_MIN before the first */
    uint64_t sequence, unknown, known, other;
    int64_t deadline_ns; /* no message is late before this */
    int32_t watch, unused; /* 1: late messages make their signals stale */
} cw_state;

typedef struct {
    const int64_t *t_ns;
    const uint8_t *bus;
    const uint32_t *id;
    const uint8_t *size;
    const uint8_t *data;
    int64_t count;
    const uint8_t *bus_map; /* [256]: the log's bus to the car's; 255: not this car's */
    int32_t width, unused;
} cw_frames;

typedef struct {
    int64_t *t_ns;
    int32_t *signal;
    double *value;
    uint8_t *quality;
    int64_t capacity, count;
} cw_samples;

/* What is known of one signal over many samples. 80 bytes. */
typedef struct {
    int64_t first_ns, last_ns;
    double low, high, last; /* of GOOD samples; NaN without any */
    uint64_t counts[5];     /* by quality */
} cw_summary;

/* For the other kernels: an expression over slots, and the checksum of payloads. */
double cw_evaluate(const cw_op *op, int count, const cw_slot *slots);
CW_API void cw_seal(const cw_tables *t, const cw_check *c, uint8_t *data, int64_t count, int32_t size, int32_t width);

#endif
