/* Batches of updates to and from the bytes of kuksa.val.v2, which are Protocol Buffers.
 *
 * The writer makes the entries of SubscribeResponse and SubscribeByIdResponse. The reader takes an
 * OpenProviderStreamRequest that publishes values apart. It reads what clients write, not everything that may be
 * written: what is out of the ordinary is left to a full parser, be it a whole request (-1) or one data point of it
 * (CW_KUKSA_LEFT), and so is every value that may have to be refused. What it accepts means the same to both.
 */
#include <math.h>

#include "kuksa.h"

enum { VARINT = 0, FIXED64 = 1, BYTES = 2, FIXED32 = 5 };
enum { STRING = 11, BOOL = 12, INT32 = 13, INT64 = 14, UINT32 = 15, UINT64 = 16, FLOAT = 17, DOUBLE = 18 };
enum { Q_INVALID = 2 };

#define SECOND 1000000000
#define MOST_SECONDS 9223372035 /* of which nanoseconds are 64-bit numbers */
#define EXACT 9007199254740992.0 /* whole numbers beyond are not all doubles */
#define FLOAT_MAX 3.4028234663852886e38

/* ---- writing ------------------------------------------------------------------------------------ */

CW_INLINE uint8_t *put_varint(uint8_t *p, uint64_t v)
{
    while (v >= 0x80) {
        *p++ = (uint8_t)(v | 0x80);
        v >>= 7;
    }
    *p++ = (uint8_t)v;
    return p;
}

CW_INLINE int varint_size(uint64_t v)
{
    int n = 1;
    while (v >>= 7) n++;
    return n;
}

CW_INLINE uint8_t *put_fixed(uint8_t *p, uint64_t v, int bytes)
{
    for (int i = 0; i < bytes; i++) *p++ = (uint8_t)(v >> 8 * i);
    return p;
}

static uint8_t *put_time(uint8_t *p, int64_t t_ns)
{
    int64_t seconds = t_ns / SECOND, nanos = t_ns % SECOND;
    if (nanos < 0) {
        nanos += SECOND;
        seconds--;
    }
    if (seconds) {
        *p++ = 0x08;
        p = put_varint(p, (uint64_t)seconds);
    }
    if (nanos) {
        *p++ = 0x10;
        p = put_varint(p, (uint64_t)nanos);
    }
    return p;
}

CW_INLINE uint64_t zigzag(int64_t n) { return (uint64_t)n << 1 ^ (n < 0 ? UINT64_MAX : 0); }

/* A number as the one field of a Value: 12 bytes at most. */
static uint8_t *put_number(uint8_t *p, const cw_kuksa_signal *s, double value)
{
    uint64_t bits = 0;
    if (s->field >= INT32 && s->field <= UINT64)
        value = fmin(fmax(nearbyint(value), s->type_low), s->type_high); /* half to even */
    if (s->field != BOOL) { /* a field's number of more than 15 takes a second byte */
        int wire = s->field == FLOAT ? FIXED32 : s->field == DOUBLE ? FIXED64 : VARINT;
        p = put_varint(p, (uint64_t)(s->field << 3 | wire));
    }
    switch (s->field) {
    case BOOL:
        *p++ = BOOL << 3 | VARINT;
        *p++ = value != 0;
        return p;
    case INT32:
    case INT64: return put_varint(p, zigzag(value >= 9223372036854775808.0 ? INT64_MAX : (int64_t)value));
    case UINT32:
    case UINT64: return put_varint(p, value >= 18446744073709551616.0 ? UINT64_MAX : (uint64_t)value);
    case FLOAT: {
        float f = (float)fmin(fmax(value, -FLOAT_MAX), FLOAT_MAX);
        memcpy(&bits, &f, 4);
        return put_fixed(p, bits, 4);
    }
    default: memcpy(&bits, &value, 8); return put_fixed(p, bits, 8);
    }
}

/* One entry of a map: its key and its data point. `from` has the value, if there is one. */
static uint8_t *put_entry(uint8_t *p, const uint8_t *key, int64_t key_size, int64_t t_ns, const uint8_t *tag,
                          int64_t tag_size, const uint8_t *from, int64_t size)
{
    uint8_t times[24];
    int64_t time_size = put_time(times, t_ns) - times, value_size = tag_size + size;
    int64_t point_size = 2 + time_size + (value_size ? 1 + varint_size((uint64_t)value_size) + value_size : 0);
    *p++ = 0x0A;
    p = put_varint(p, (uint64_t)(key_size + 1 + varint_size((uint64_t)point_size) + point_size));
    memcpy(p, key, (size_t)key_size);
    p += key_size;
    *p++ = 0x12;
    p = put_varint(p, (uint64_t)point_size);
    *p++ = 0x0A;
    *p++ = (uint8_t)time_size;
    memcpy(p, times, (size_t)time_size);
    p += time_size;
    if (!value_size) return p;
    *p++ = 0x12;
    p = put_varint(p, (uint64_t)value_size);
    memcpy(p, tag, (size_t)tag_size);
    p += tag_size;
    if (size) memcpy(p, from, (size_t)size);
    return p + size;
}

static uint8_t *put_update(uint8_t *p, const cw_kuksa *k, int32_t number, int64_t t_ns, double value, int good,
                           int by_number)
{
    const cw_kuksa_signal *s = k->signals + number;
    uint8_t small[16], own_key[8];
    const uint8_t *key = k->texts + s->key, *from = NULL;
    int64_t key_size = s->key_size, tag_size = 0, size = 0;
    if (by_number) {
        own_key[0] = 0x08;
        key_size = put_varint(own_key + 1, (uint64_t)number) - own_key;
        key = own_key;
    }
    if (good && s->field == STRING && value >= 0 && value < s->labels && value == floor(value)) {
        const cw_kuksa_text *label = k->labels + s->label + (int32_t)value;
        from = k->texts + label->at;
        size = label->size;
        small[0] = STRING << 3 | BYTES;
        tag_size = put_varint(small + 1, (uint64_t)size) - small;
    } else if (good && s->field > STRING && isfinite(value)) {
        tag_size = put_number(small, s, value) - small;
    }
    return put_entry(p, key, key_size, t_ns, small, tag_size, from, size);
}

/* Write the entries of the rows from `start` on, until one has a signal that was written already, or there is no more
 * room; rows that are marked in `skip` (if not NULL) have theirs written by others. A time of 0 is told as `since_ns`.
 * Returns the first row that was not written; *used: the bytes written. */
CW_API int64_t cw_kuksa_write(const cw_kuksa *k, const cw_updates *u, int64_t start, const uint8_t *skip,
                              int64_t since_ns, int32_t by_number, uint8_t *out, int64_t room, int64_t *used)
{
    uint8_t *p = out;
    int64_t row = start;
    for (; row < u->count; row++) {
        int32_t number = u->signal[row];
        if (number < 0 || number >= k->count) break;
        if (k->seen[number] || room - (p - out) < k->widest) break;
        k->seen[number] = 1;
        if (skip && skip[row]) continue;
        int64_t t_ns = u->t_ns[row] ? u->t_ns[row] : since_ns;
        p = put_update(p, k, number, t_ns, u->value[row], u->quality[row] == CW_Q_GOOD, by_number);
    }
    for (int64_t i = start; i < row; i++) k->seen[u->signal[i]] = 0;
    *used = p - out;
    return row;
}

/* ---- reading ------------------------------------------------------------------------------------ */

typedef struct {
    const uint8_t *p, *end;
} cursor;

CW_INLINE int get_varint(cursor *c, uint64_t *v)
{
    *v = 0;
    for (int shift = 0; shift < 70; shift += 7) {
        if (c->p == c->end) return 0;
        uint8_t b = *c->p++;
        if (shift == 63 && b > 1) return 0;
        *v |= (uint64_t)(b & 0x7F) << shift;
        if (b < 0x80) return 1;
    }
    return 0;
}

/* What is inside of the field that comes. */
CW_INLINE int get_inside(cursor *c, cursor *inside)
{
    uint64_t size;
    if (!get_varint(c, &size) || size > (uint64_t)(c->end - c->p)) return 0;
    inside->p = c->p;
    c->p += size;
    inside->end = c->p;
    return 1;
}

/* 1: a time that can be kept; 0: none in the usual form. */
static int get_time(cursor c, int64_t *t_ns)
{
    uint64_t seconds = 0, nanos = 0;
    int last = 0;
    while (c.p < c.end) {
        int tag = *c.p++;
        if (tag <= last || !get_varint(&c, tag == 0x08 ? &seconds : &nanos)) return 0;
        if (tag != 0x08 && tag != 0x10) return 0;
        last = tag;
    }
    if (nanos >= SECOND || (int64_t)seconds > MOST_SECONDS || (int64_t)seconds < -MOST_SECONDS) return 0;
    *t_ns = (int64_t)seconds * SECOND + (int64_t)nanos;
    return 1;
}

CW_INLINE int within(const cw_kuksa_signal *s, double v, double *value)
{
    *value = v;
    return v >= s->low && v <= s->high;
}

static int get_label(const cw_kuksa *k, const cw_kuksa_signal *s, cursor c, double *value)
{
    cursor text;
    if (!get_inside(&c, &text) || c.p != c.end) return 0;
    for (int32_t i = 0; i < s->labels; i++) {
        const cw_kuksa_text *label = k->labels + s->label + i;
        if (label->size == text.end - text.p && !memcmp(k->texts + label->at, text.p, (size_t)label->size)) {
            *value = i;
            return 1;
        }
    }
    return 0;
}

/* A number of a fixed width. */
static int get_fixed(const cw_kuksa_signal *s, cursor c, double *value)
{
    uint64_t bits = 0;
    int bytes = s->field == FLOAT ? 4 : 8;
    if (c.end - c.p != bytes) return 0;
    for (int i = 0; i < bytes; i++) bits |= (uint64_t)c.p[i] << 8 * i;
    if (s->field == DOUBLE) {
        double d;
        memcpy(&d, &bits, 8);
        return within(s, d, value);
    }
    uint32_t half = (uint32_t)bits;
    float f;
    memcpy(&f, &half, 4);
    if (f == s->type_high) return within(s, s->high, value); /* the nearest to a limit is the limit */
    if (f == s->type_low) return within(s, s->low, value);
    return within(s, f, value);
}

/* 1: a value that is accepted; 0: one to look at otherwise. */
static int get_value(const cw_kuksa *k, const cw_kuksa_signal *s, cursor c, double *value)
{
    uint64_t tag, v;
    if (!s->field || s->choosy || !get_varint(&c, &tag) || tag >> 3 != s->field) return 0;
    int wire = (int)(tag & 7);
    if (s->field == STRING) return wire == BYTES && get_label(k, s, c, value);
    if (s->field >= FLOAT) return wire == (s->field == FLOAT ? FIXED32 : FIXED64) && get_fixed(s, c, value);
    if (wire != VARINT || !get_varint(&c, &v) || c.p != c.end) return 0;
    if ((s->field == INT32 || s->field == UINT32) && v > UINT32_MAX) return 0;
    switch (s->field) {
    case BOOL: *value = v != 0; return 1;
    case INT32:
    case INT64: {
        int64_t n = (int64_t)(v >> 1) ^ -(int64_t)(v & 1);
        return n <= (int64_t)EXACT && n >= -(int64_t)EXACT && within(s, (double)n, value);
    }
    default: return v <= (uint64_t)EXACT && within(s, (double)v, value);
    }
}

/* A data point into a row. */
static void get_point(const cw_kuksa *k, cw_kuksa_points *o, int64_t row, cursor c, int64_t now_ns)
{
    cursor inside;
    int last = 0;
    o->t_ns[row] = now_ns;
    o->value[row] = NAN;
    o->quality[row] = Q_INVALID; /* no value: the provider has none */
    while (c.p < c.end) {
        int tag = *c.p++;
        int fits = tag > last && (tag == 0x0A || tag == 0x12) && get_inside(&c, &inside);
        if (fits && tag == 0x0A) fits = get_time(inside, o->t_ns + row);
        else if (fits && inside.p < inside.end) {
            fits = get_value(k, k->signals + o->signal[row], inside, o->value + row);
            o->quality[row] = CW_Q_GOOD;
        }
        if (!fits) {
            o->quality[row] = CW_KUKSA_LEFT;
            o->left++;
            return;
        }
        last = tag;
    }
}

/* An entry of the map into a row: 1, or 0 when it is not in the usual form. */
static int get_entry(const cw_kuksa *k, const uint8_t *data, cw_kuksa_points *o, int64_t row, cursor c, int64_t now_ns)
{
    uint64_t number = 0;
    cursor point = {c.end, c.end};
    int last = 0;
    while (c.p < c.end) {
        int tag = *c.p++;
        if (tag <= last || (tag != 0x08 && tag != 0x12)) return 0;
        if (tag == 0x08 ? !get_varint(&c, &number) : !get_inside(&c, &point)) return 0;
        last = tag;
    }
    if (number >= (uint64_t)k->count || k->seen[number]) return 0;
    k->seen[number] = 1;
    o->signal[row] = (int32_t)number;
    o->at[row] = (int32_t)(point.p - data);
    o->size[row] = (int32_t)(point.end - point.p);
    get_point(k, o, row, point, now_ns);
    return 1;
}

/* Take a request apart: the number of its data points, or -1 for a request to be read otherwise. */
CW_API int64_t cw_kuksa_read(const cw_kuksa *k, const uint8_t *data, int64_t size, int64_t now_ns, cw_kuksa_points *o)
{
    cursor all = {data, data + size}, c, entry;
    int64_t rows = 0;
    uint64_t request_id = 0;
    int fits = size > 0 && size <= INT32_MAX && *all.p++ == 0x12 && get_inside(&all, &c) && all.p == all.end;
    o->left = 0;
    for (int first = 1; fits && c.p < c.end; first = 0) {
        int tag = *c.p++;
        if (tag == 0x08) {
            fits = first && get_varint(&c, &request_id) && request_id <= UINT32_MAX;
            continue;
        }
        fits = tag == 0x12 && rows < o->capacity && get_inside(&c, &entry) && get_entry(k, data, o, rows, entry, now_ns);
        rows += fits;
    }
    for (int64_t i = 0; i < rows; i++) k->seen[o->signal[i]] = 0;
    o->request_id = (uint32_t)request_id;
    return fits ? rows : -1;
}

/* The sizes of what is shared, for the binding to compare with its own. */
CW_API int32_t cw_kuksa_layout(int32_t which)
{
    static const size_t sizes[] = {sizeof(cw_kuksa_signal), sizeof(cw_kuksa_text), sizeof(cw_kuksa), sizeof(cw_kuksa_points)};
    return which >= 0 && which < 4 ? (int32_t)sizes[which] : -1;
}
