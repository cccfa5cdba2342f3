/* Decode and encode: one pass over the frames, driven by tables.
 *
 * cw_decode turns frames into samples, cw_expire makes late messages stale, cw_pack and cw_seal build
 * payloads. Nothing is allocated; the caller owns every buffer. A frame never writes more samples than
 * `burst`, so that one comparison per frame keeps the output inside its capacity.
 */
#include "bits.h"

#include <math.h>

static double half_to_double(uint16_t h)
{
    const int exponent = h >> 10 & 31;
    const double fraction = h & 1023, sign = h & 0x8000 ? -1.0 : 1.0;
    if (exponent == 31) return fraction != 0 ? NAN : sign * INFINITY;
    return sign * (exponent ? ldexp(1024 + fraction, exponent - 25) : ldexp(fraction, -24));
}

/* ---- checksums ---------------------------------------------------------------------------------- */

CW_INLINE uint32_t nibble_sum(const uint8_t *p, int size, int at, int mask)
{
    uint64_t total = 0;
    for (int i = 0; i < size; i += 8) {
        const uint64_t w = load_le(p + i), low = 0x0F0F0F0F0F0F0F0Full;
        total += (((w & low) + (w >> 4 & low)) * 0x0101010101010101ull) >> 56;
    }
    const int own = p[at] & mask;
    return (uint32_t)total - (uint32_t)((own & 15) + (own >> 4));
}

CW_INLINE uint32_t crc8(const uint8_t *slices, uint32_t crc, const uint8_t *p, int n)
{
    while (n > 0) {
        const int run = n < 8 ? n : 8;
        const uint8_t *slice = slices + (run - 1) * 256;
        uint32_t next = slice[p[0] ^ crc];
        for (int i = 1; i < run; i++) next ^= (slice -= 256)[p[i]];
        crc = next;
        p += run;
        n -= run;
    }
    return crc;
}

/* The value a checksum should have; payloads are zero behind their size, in units of 8 bytes. */
static uint32_t checksum(const cw_tables *t, const cw_check *c, const uint8_t *p, int size, int at)
{
    uint32_t sum = c->base;
    switch (c->kind) {
    case CW_NIBBLES: {
        const uint32_t nibbles = nibble_sum(p, size, at, c->mask);
        return (c->sign < 0 ? sum - nibbles : sum + nibbles) & 15;
    }
    case CW_CRC8: {
        const uint8_t *slices = t->bytes + c->table;
        sum = crc8(slices, sum, p, at);
        sum = crc8(slices, sum, p + at + 1, size - at - 1);
        if (c->suffix >= 0) sum = slices[sum ^ t->bytes[c->suffix + (int)(extract(&c->counter, p) & 15)]];
        return sum ^ c->xorout;
    }
    case CW_SUM8:
        for (int i = 0; i < size; i++) sum += p[i];
        sum += (c->sizes ? (uint32_t)size : 0) - p[at];
        return (c->sign < 0 ? 0u - sum : sum) & 0xFF;
    default:
        for (int i = 0; i < size; i++) sum ^= p[i];
        return (sum ^ p[at]) & 0xFF;
    }
}

CW_INLINE int check_holds(const cw_tables *t, const cw_check *c, const uint8_t *p, int size)
{
    if (CW_UNLIKELY(size < c->minimum)) return 0;
    const int at = c->at < 0 ? size + c->at : c->at;
    return (p[at] & (uint32_t)c->mask) == checksum(t, c, p, size, at);
}

/* ---- derived signals ---------------------------------------------------------------------------- */

static double evaluate(const cw_op *op, int count, const cw_slot *slots)
{
    double stack[CW_STACK];
    int top = -1;
    for (const cw_op *end = op + count; op < end; op++) {
        if (op->op <= CW_OP_INPUT) {
            if (top >= CW_STACK - 1) return NAN;
            stack[++top] = op->op == CW_OP_INPUT ? slots[op->input].value : op->constant;
            continue;
        }
        if (top < (op->op >= CW_OP_ADD) + (op->op == CW_OP_SELECT)) return NAN;
        if (op->op < CW_OP_ADD) {
            const double a = stack[top];
            double r;
            switch (op->op) {
            case CW_OP_NEG: r = -a; break;
            case CW_OP_ABS: r = fabs(a); break;
            case CW_OP_FLOOR: r = floor(a); break;
            case CW_OP_ROUND: r = nearbyint(a); break;
            case CW_OP_SQRT: r = sqrt(a); break;
            default: r = isnan(a) ? a : !(a != 0); break;
            }
            stack[top] = r;
            continue;
        }
        if (op->op == CW_OP_SELECT) { /* condition, then, else */
            const double condition = stack[top - 2], yes = stack[top - 1], no = stack[top];
            top -= 2;
            stack[top] = isnan(condition) ? NAN : condition != 0 ? yes : no;
            continue;
        }
        const double b = stack[top], a = stack[--top];
        double r;
        switch (op->op) {
        case CW_OP_ADD: r = a + b; break;
        case CW_OP_SUB: r = a - b; break;
        case CW_OP_MUL: r = a * b; break;
        case CW_OP_DIV: r = b != 0 ? a / b : NAN; break;
        case CW_OP_POW: r = pow(a, b); break;
        case CW_OP_MIN: r = isnan(a) || isnan(b) ? NAN : a < b ? a : b; break;
        case CW_OP_MAX: r = isnan(a) || isnan(b) ? NAN : a > b ? a : b; break;
        default:
            if (isnan(a) || isnan(b)) { r = NAN; break; }
            switch (op->op) {
            case CW_OP_LT: r = a < b; break;
            case CW_OP_LE: r = a <= b; break;
            case CW_OP_GT: r = a > b; break;
            case CW_OP_GE: r = a >= b; break;
            case CW_OP_EQ: r = a == b; break;
            case CW_OP_NE: r = a != b; break;
            case CW_OP_AND: r = a != 0 && b != 0; break;
            default: r = a != 0 || b != 0; break;
            }
        }
        stack[top] = r;
    }
    return top == 0 ? stack[0] : NAN;
}

double cw_evaluate(const cw_op *op, int count, const cw_slot *slots) { return evaluate(op, count, slots); }

CW_INLINE int quality_of(const cw_slot *slot) { return (int)(slot->mark & 0xFF); }
CW_INLINE uint64_t sequence_of(const cw_slot *slot) { return slot->mark >> 8; }

/* Set a slot and append its sample. The sample is written always and counted only when somebody listens. */
CW_INLINE void put(cw_state *s, cw_samples *out, int32_t slot, int32_t emit, int64_t t_ns, double value, int quality)
{
    s->slots[slot].value = value;
    s->slots[slot].mark = s->sequence << 8 | (uint64_t)quality;
    const int64_t n = out->count;
    out->t_ns[n] = t_ns;
    out->signal[n] = emit;
    out->value[n] = value;
    out->quality[n] = (uint8_t)quality;
    out->count = n + (emit >= 0);
}

static void derive(const cw_tables *t, cw_state *s, cw_samples *out, const cw_message *m, int64_t t_ns)
{
    for (int k = 0; k < m->deriveds; k++) {
        const cw_derived *d = t->derived + t->order[m->derived + k];
        const int32_t *inputs = t->inputs + d->input;
        if (d->kind == CW_FIRST_OF) {
            int best = -1, rank = CW_UNSEEN;
            for (int i = 0; i < d->inputs; i++) {
                if (quality_of(s->slots + inputs[i]) < rank) {
                    best = inputs[i];
                    rank = quality_of(s->slots + best);
                }
            }
            if (best < 0 || (sequence_of(s->slots + best) != s->sequence && s->chosen[d->slot] == best)) continue;
            s->chosen[d->slot] = best;
            put(s, out, d->slot, d->emit, t_ns, s->slots[best].value, rank);
            continue;
        }
        int changed = 0, quality = CW_GOOD;
        for (int i = 0; i < d->inputs; i++) {
            const cw_slot *slot = s->slots + inputs[i];
            changed |= sequence_of(slot) == s->sequence;
            if (quality_of(slot) > quality) quality = quality_of(slot);
        }
        if (!changed || quality == CW_UNSEEN) continue;
        const double value = evaluate(t->ops + d->code, d->codes, s->slots) * d->factor + d->offset;
        if (!(value >= d->low && value <= d->high) && quality < CW_INVALID) quality = CW_INVALID;
        put(s, out, d->slot, d->emit, t_ns, value, quality);
    }
}

/* ---- decode ------------------------------------------------------------------------------------- */

CW_INLINE int in_ranges(const cw_range *r, int count, uint64_t raw)
{
    for (int i = 0; i < count; i++)
        if (raw >= r[i].low && raw <= r[i].high) return 1;
    return 0;
}

/* 1 all hold, 0 one does not; a selector beyond the end of the frame does not hold. */
static int conditions_hold(const cw_tables *t, int first, int count, const uint8_t *p, int size)
{
    for (const cw_condition *c = t->conditions + first; count > 0; c++, count--) {
        if (size < c->field.need) return 0;
        if (!in_ranges(t->ranges + c->first, c->count, extract(&c->field, p))) return 0;
    }
    return 1;
}

/* What a signal's raw bits mean, in all the ways that are not a plain scaled integer.
 * Returns 0 when the signal is absent from this frame. */
static int decode_slow(const cw_tables *t, const cw_signal *g, const uint8_t *p, int size, double *value, int *bad)
{
    if (g->presents && !conditions_hold(t, g->present, g->presents, p, size)) return 0;
    *value = NAN;
    *bad = 1;
    if (size < g->field.need) return 1;
    const uint64_t raw = extract(&g->field, p);
    if (g->kind == CW_RAW) {
        const uint64_t bits = (raw ^ g->sign) - g->sign;
        memcpy(value, &bits, 8);
        *bad = 0;
        return 1;
    }
    if (raw - g->invalid_low < g->no_values || in_ranges(t->ranges + g->invalid, g->invalids, raw)) return 1;
    if (g->valids && !conditions_hold(t, g->present + g->presents, g->valids, p, size)) return 1;
    double number;
    if (g->table >= 0) {
        *value = raw < (uint64_t)g->table_size ? t->values[g->table + (int64_t)raw] : NAN;
        *bad = !(*value >= g->low && *value <= g->high);
        return 1;
    }
    if (g->kind == CW_FLOAT32) {
        const uint32_t bits = (uint32_t)raw;
        float single;
        memcpy(&single, &bits, 4);
        number = (double)single;
    } else if (g->kind == CW_FLOAT64) {
        memcpy(&number, &raw, 8);
    } else if (g->kind == CW_FLOAT16) {
        number = half_to_double((uint16_t)raw);
    } else {
        number = g->sign ? (double)(int64_t)((raw ^ g->sign) - g->sign) : (double)raw;
    }
    *value = number * g->factor + g->offset;
    *bad = !(*value >= g->low && *value <= g->high);
    return 1;
}

CW_INLINE int32_t find_message(const cw_tables *t, uint32_t bus, uint32_t id)
{
    if (bus >= (uint32_t)t->buses) return -1;
    if (CW_LIKELY(id < 2048)) return t->standard[bus * 2048 + id];
    if (!(id & CW_EXTENDED) || t->key_mask < 0) return -1;
    const uint64_t key = (uint64_t)bus << 32 | id;
    uint64_t at = (key * 0x9E3779B97F4A7C15ull >> 40) & (uint64_t)t->key_mask;
    while (t->keys[at] != key) {
        if (t->keys[at] == UINT64_MAX) return -1;
        at = (at + 1) & (uint64_t)t->key_mask;
    }
    return t->keyed[at];
}

/* Returns 1 when the counter stands still or holds an impossible value. The state keeps it plus one, 0 for none.
 * A frame whose counter cannot be read (damaged, too short) is taken for the next one: it did arrive. */
CW_INLINE int count_step(const cw_message *m, cw_message_state *state, const uint8_t *p, int size, int intact)
{
    const uint32_t modulo = (uint32_t)m->modulo, last = state->counter;
    const int readable = intact && size >= m->counter.need;
    const uint64_t count = CW_LIKELY(readable) ? extract(&m->counter, p) : 0;
    if (CW_UNLIKELY(!readable || count >= modulo)) {
        if (last) state->counter = last % modulo + 1;
        return readable;
    }
    state->counter = (uint32_t)count + 1;
    const uint32_t step = (uint32_t)count + 1 >= last ? (uint32_t)count + 1 - last : (uint32_t)count + 1 + modulo - last;
    if (CW_LIKELY(step == 1) || !last) {
        state->repeats = 0;
        return 0;
    }
    if (step > 1) {
        state->lost += step - 1;
        state->repeats = 0;
        return 0;
    }
    if (state->repeats < UINT32_MAX) state->repeats++;
    return state->repeats >= (uint32_t)m->stuck;
}

/* The message that is late first, among those that can still grow stale; -1: none. */
static int32_t first_late(const cw_tables *t, const cw_state *s, int64_t *late)
{
    int32_t first = -1;
    *late = INT64_MAX;
    for (int32_t i = 0; i < t->message_count; i++) {
        const cw_message_state *state = s->messages + i;
        if (!state->seen || state->is_stale || t->messages[i].timeout_ns <= 0) continue;
        const int64_t at = later(state->last_ns, t->messages[i].timeout_ns);
        if (at < *late) {
            *late = at;
            first = i;
        }
    }
    return first;
}

/* Make the signals of message `i` stale at `when`; the output has room for a burst. */
static void fall_silent(const cw_tables *t, cw_state *s, int32_t i, int64_t when, cw_samples *out)
{
    const cw_message *m = t->messages + i;
    cw_message_state *state = s->messages + i;
    state->is_stale = 1;
    state->stale++;
    state->counter = state->repeats = 0;
    s->sequence++;
    for (const cw_signal *g = t->signals + m->signal, *end = g + m->signals; g < end; g++) {
        const int quality = quality_of(s->slots + g->slot);
        if (quality == CW_UNSEEN) continue;
        put(s, out, g->slot, g->emit, when, s->slots[g->slot].value, quality > CW_STALE ? quality : CW_STALE);
    }
    derive(t, s, out, m, when);
}

/* Make every message late at `now` stale, one after another as they became so; find the next deadline.
 * Stops early, to be called again, when the output might overflow: returns 0 then, else 1. */
static int expire(const cw_tables *t, cw_state *s, int64_t now, cw_samples *out)
{
    for (;;) {
        int64_t late;
        const int32_t i = first_late(t, s, &late);
        s->deadline_ns = late;
        if (i < 0 || late > now) return 1;
        if (out->capacity - out->count < t->burst) return 0;
        fall_silent(t, s, i, late, out);
    }
}

/* A clock that steps back (a device reset, a time adjustment): ages are kept, so nothing seems late. */
static void step_back(const cw_tables *t, cw_state *s, int bus, int64_t from, int64_t to)
{
    const uint64_t step = (uint64_t)to - (uint64_t)from; /* wraps, as does its sum: signed overflow is undefined */
    for (int32_t i = 0; i < t->message_count; i++)
        if (t->messages[i].bus == bus && s->messages[i].seen)
            s->messages[i].last_ns = (int64_t)((uint64_t)s->messages[i].last_ns + step);
    s->deadline_ns = INT64_MIN;
}

/* Decode frames from `begin` on; returns the index of the first frame not decoded (the output was full).
 *
 * Where the next sample goes is kept in locals: bytes stored through the output's pointers could otherwise
 * change any structure, as far as the compiler can tell, and everything would be loaded again and again. */
CW_API int64_t cw_decode(const cw_tables *t, cw_state *s, const cw_frames *f, int64_t begin, cw_samples *out)
{
    int64_t *const out_t = out->t_ns;
    int32_t *const out_signal = out->signal;
    double *const out_value = out->value;
    uint8_t *const out_quality = out->quality;
    cw_slot *const slots = s->slots;
    const int64_t *const in_t = f->t_ns;
    const uint8_t *const in_bus = f->bus, *const in_size = f->size, *const bus_map = f->bus_map, *const data = f->data;
    const uint32_t *const in_id = f->id;
    const int64_t count = f->count, room = out->capacity - t->burst;
    const int width = f->width, watch = s->watch;
    const uint32_t buses = (uint32_t)t->buses;
    int64_t n = out->count, i = begin;
    for (; i < count; i++) {
        if (CW_UNLIKELY(n > room)) break;
        const int64_t t_ns = in_t[i];
        if (CW_UNLIKELY(t_ns >= s->deadline_ns) && watch) {
            out->count = n;
            const int done = expire(t, s, t_ns, out);
            n = out->count;
            if (!done || n > room) break;
        }
        const uint32_t bus = bus_map[in_bus[i]], id = in_id[i];
        const int32_t index = find_message(t, bus, id);
        if (CW_LIKELY(bus < buses)) {
            if (CW_UNLIKELY(t_ns < s->bus_ns[bus])) step_back(t, s, (int)bus, s->bus_ns[bus], t_ns);
            s->bus_ns[bus] = t_ns;
        }
        if (CW_UNLIKELY(index < 0)) {
            if (id & (CW_REMOTE | CW_ERROR)) s->other++; else s->unknown++;
            continue;
        }
        const cw_message *const m = t->messages + index;
        cw_message_state *const state = s->messages + index;
        const uint8_t *const p = data + i * width;
        const int size = in_size[i] < width ? in_size[i] : width;
        int quality = CW_GOOD;
        s->known++;
        const uint64_t mark = ++s->sequence << 8;
        state->frames++;
        state->shorter += size < m->size;
        if (m->check >= 0 && CW_UNLIKELY(!check_holds(t, t->checks + m->check, p, size))) {
            state->corrupt++;
            quality = CW_CORRUPT;
        }
        if (m->counter.width && CW_UNLIKELY(count_step(m, state, p, size, quality == CW_GOOD))) {
            state->stuck++;
            quality = CW_CORRUPT;
        }
        state->last_ns = t_ns;
        state->seen = 1;
        state->is_stale = 0;
        if (m->timeout_ns > 0) {
            const int64_t late = later(t_ns, m->timeout_ns);
            if (late < s->deadline_ns) s->deadline_ns = late;
        }
        for (const cw_signal *g = t->signals + m->signal, *const end = g + m->signals; g < end; g++) {
            double value;
            int bad;
            if (CW_LIKELY(!g->slow && size >= g->field.need)) {
                const uint64_t le = load_le(p + g->field.byte);
                const uint64_t word = g->field.flags & CW_BIG ? __builtin_bswap64(le) : le;
                const uint64_t raw = word >> g->field.shift & g->mask;
                value = (double)(int64_t)((raw ^ g->sign) - g->sign) * g->factor + g->offset;
                const int no_value = raw - g->invalid_low < g->no_values;
                bad = no_value | !(value >= g->low) | !(value <= g->high);
                if (CW_UNLIKELY(no_value)) value = NAN;
            } else if (!decode_slow(t, g, p, size, &value, &bad)) {
                continue;
            }
            const int worst = bad && quality < CW_INVALID ? CW_INVALID : quality;
            slots[g->slot].value = value;
            slots[g->slot].mark = mark | (uint64_t)worst;
            out_t[n] = t_ns;
            out_signal[n] = g->emit;
            out_value[n] = value;
            out_quality[n] = (uint8_t)worst;
            n += g->emit >= 0;
        }
        if (m->deriveds) {
            out->count = n;
            derive(t, s, out, m, t_ns);
            n = out->count;
        }
    }
    out->count = n;
    return i;
}

/* Make messages late at `now` stale; returns 0 when the output filled up and the call has to be repeated. */
CW_API int32_t cw_expire(const cw_tables *t, cw_state *s, int64_t now, cw_samples *out)
{
    return s->watch ? expire(t, s, now, out) : 1;
}

/* Make every message of a bus that is gone stale at `now`, also those that have no timeout; as cw_expire. */
CW_API int32_t cw_silence(const cw_tables *t, cw_state *s, int32_t bus, int64_t now, cw_samples *out)
{
    for (int32_t i = 0; i < t->message_count; i++) {
        if (t->messages[i].bus != bus || !s->messages[i].seen || s->messages[i].is_stale) continue;
        if (out->capacity - out->count < t->burst) return 0;
        fall_silent(t, s, i, now, out);
    }
    return 1;
}

/* The most samples that `frames` can yield without late messages, plus one burst of them. */
CW_API int64_t cw_bound(const cw_tables *t, const cw_frames *f)
{
    int64_t most = t->burst;
    for (int64_t i = 0; i < f->count; i++) {
        const int32_t index = find_message(t, f->bus_map[f->bus[i]], f->id[i]);
        if (index >= 0) most += t->messages[index].signals + t->messages[index].deriveds;
    }
    return most;
}

/* Count the frames whose checksum holds; the frames are all of one message. */
CW_API int64_t cw_check_frames(const cw_tables *t, const cw_check *c, const uint8_t *size, const uint8_t *data,
                               int64_t count, int32_t width)
{
    int64_t held = 0;
    for (int64_t i = 0; i < count; i++)
        held += check_holds(t, c, data + i * width, size[i] < width ? size[i] : width);
    return held;
}

/* Add samples to the summaries of their signals. */
CW_API void cw_summarize(const int64_t *t_ns, const int32_t *signal, const double *value, const uint8_t *quality,
                         int64_t count, cw_summary *summaries, int32_t signals)
{
    for (int64_t i = 0; i < count; i++) {
        if (signal[i] < 0 || signal[i] >= signals || quality[i] > CW_UNSEEN) continue;
        cw_summary *s = summaries + signal[i];
        if (t_ns[i] < s->first_ns) s->first_ns = t_ns[i];
        if (t_ns[i] > s->last_ns) s->last_ns = t_ns[i];
        s->counts[quality[i]]++;
        if (quality[i] != CW_GOOD) continue;
        s->last = value[i];
        if (!(value[i] >= s->low)) s->low = value[i]; /* not a number before the first */
        if (!(value[i] <= s->high)) s->high = value[i];
    }
}

/* ---- encode ------------------------------------------------------------------------------------- */

/* Put raw[k * count + i] into field k of payload i. Every field's `need` is at most `width`. */
CW_API void cw_pack(const cw_field *fields, int64_t field_count, const uint64_t *raw, uint8_t *data, int64_t count,
                    int32_t width)
{
    for (int64_t k = 0; k < field_count; k++)
        for (int64_t i = 0; i < count; i++) insert(fields + k, data + i * width, raw[k * count + i]);
}

/* Compute the checksum of `count` payloads of `size` bytes, each at `width` bytes from the last. */
CW_API void cw_seal(const cw_tables *t, const cw_check *c, uint8_t *data, int64_t count, int32_t size, int32_t width)
{
    if (size < c->minimum) return;
    const int at = c->at < 0 ? size + c->at : c->at;
    for (uint8_t *p = data; count > 0; count--, p += width)
        p[at] = (uint8_t)((p[at] & ~(uint32_t)c->mask) | checksum(t, c, p, size, at));
}

/* Sizes of the structures, for the binding to compare with its own. */
CW_API int32_t cw_layout(int32_t which)
{
    static const int32_t sizes[] = {sizeof(cw_field), sizeof(cw_condition), sizeof(cw_range), sizeof(cw_signal),
                                    sizeof(cw_check), sizeof(cw_message), sizeof(cw_derived), sizeof(cw_op),
                                    sizeof(cw_message_state), sizeof(cw_summary)};
    return which >= 0 && which < (int32_t)(sizeof sizes / sizeof *sizes) ? sizes[which] : -1;
}
