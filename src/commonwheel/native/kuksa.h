/* The batches of kuksa.val.v2 as bytes: what the kernels need to know. `broker/rpc/v2_kernels.py` has the same layouts. */
#ifndef CW_KUKSA_H
#define CW_KUKSA_H

#include "broker.h"

/* One signal. 64 bytes. */
typedef struct {
    double low, high;           /* what is accepted */
    double type_low, type_high; /* whole numbers: what the datatype holds; floats: low and high as the nearest floats */
    int32_t key, key_size;      /* its path, as a field of a map's entry */
    int32_t label, labels;      /* the first of the names of its codes, and how many there are */
    uint8_t field;              /* number of the field that its values come in; 0: left to others */
    uint8_t choosy;             /* not all values within the limits are accepted: reading is left to others */
    uint8_t unused[14];
} cw_kuksa_signal;

typedef struct {
    int32_t at, size;
} cw_kuksa_text;

typedef struct {
    const cw_kuksa_signal *signals;
    const cw_kuksa_text *labels;
    const uint8_t *texts; /* where keys and labels lie */
    uint8_t *seen;        /* [count]: all 0 between calls */
    int32_t count;
    int32_t widest; /* bytes that an entry takes at most */
} cw_kuksa;

/* A request to publish, taken apart. */
typedef struct {
    int32_t *signal;
    int64_t *t_ns;
    double *value;
    uint8_t *quality;
    int32_t *at, *size; /* where each data point lies in the request */
    int64_t capacity;
    uint32_t request_id;
    int32_t left; /* data points that are left to others; their quality is CW_KUKSA_LEFT */
} cw_kuksa_points;

#define CW_KUKSA_LEFT 255

#endif
