/* A car's frames from standard values: every message at its own period, in the order of time.
 *
 * cw_emit goes from message to message as they come due, fills their payloads (start values, values over time, what
 * says that they are values), counts and seals them. Nothing is allocated; the caller owns every buffer.
 */
#include "emit.h"

#include "bits.h"

#include <math.h>

enum { LONGEST = 64 };

static uint64_t half_bits(double value)
{
    const double size = fabs(value);
    const uint64_t sign = signbit(value) ? 0x8000 : 0;
    int exponent;
    if (isnan(value)) return sign | 0x7E00;
    if (size >= 65520) return sign | 0x7C00;
    if (size < 0x1p-14) return sign | (uint64_t)nearbyint(ldexp(size, 24));
    frexp(size, &exponent); /* 0.5 <= size / 2^exponent < 1 */
    const uint64_t fraction = (uint64_t)nearbyint(ldexp(size, 11 - exponent) - 1024); /* 1024: the next exponent */
    return sign | (((uint64_t)(exponent + 14) << 10) + fraction);
}

static uint64_t float_bits(int kind, double value)
{
    uint64_t bits = 0;
    if (kind == CW_PUT_FLOAT16) return half_bits(value);
    if (kind == CW_PUT_FLOAT64) {
        memcpy(&bits, &value, 8);
        return bits;
    }
    const float single = (float)value;
    uint32_t narrow;
    memcpy(&narrow, &single, 4);
    return narrow;
}

/* The whole code nearest to a value; that of a value at a limit must not mean one beyond it. */
CW_INLINE double nearest_code(const cw_put_row *p, double value, double exact)
{
    const double code = nearbyint(exact), meant = code * p->factor + p->offset;
    const int over = value <= p->high && meant > p->highest, under = value >= p->low && meant < p->lowest;
    return CW_LIKELY(over == under) ? code : over == (p->factor > 0) ? code - 1 : code + 1;
}

enum { FITS, CLAMPED, UNFIT };

/* The bits of a value that is there. CLAMPED: they are of the nearest value that fits; UNFIT: there is none. */
static int bits_of(const cw_emission *e, const cw_put_row *p, double value, double *raw, uint64_t *bits)
{
    if (p->kind == CW_PUT_CODE) {
        *raw = value;
        for (const cw_code *first = e->codes + p->code, *c = first + p->codes; c-- > first;) {
            if (c->value != value) continue;
            *bits = c->bits;
            return FITS;
        }
        return UNFIT;
    }
    *raw = (value - p->offset) / p->factor;
    if (p->kind != CW_PUT_NUMBER) {
        *bits = float_bits(p->kind, *raw);
        return FITS;
    }
    double code = *raw = nearest_code(p, value, *raw);
    const int fits = e->strict ? code >= p->raw_low && code < p->raw_high : code >= p->least && code <= p->most;
    if (CW_UNLIKELY(!fits)) code = code > p->most ? p->most : p->least;
    *bits = code < 0 ? (uint64_t)(int64_t)code : (uint64_t)code; /* beyond 2^63 there is no way through int64 */
    return fits ? FITS : CLAMPED;
}

CW_INLINE double value_at(cw_track *track, int64_t t_ns)
{
    int64_t at = track->at;
    while (at + 1 < track->count && track->t_ns[at + 1] <= t_ns) at++;
    track->at = at;
    return track->value[at * track->stride];
}

/* Fill one field of a payload; returns 0 when the value does not fit and somebody wants to know. */
static int put_field(const cw_emission *e, const cw_put_row *p, cw_emit_state *s, int64_t t_ns, uint8_t *payload)
{
    if (p->kind == CW_PUT_CONSTANT) {
        insert(&p->field, payload, p->bits);
        return 1;
    }
    double value = value_at(s->tracks + p->track, t_ns), raw = NAN;
    if (p->ops) {
        const cw_slot slot = {value, 0};
        value = cw_evaluate(e->ops + p->op, p->ops, &slot);
    }
    uint64_t bits = p->bits;
    const int how = CW_LIKELY(!isnan(value)) ? bits_of(e, p, value, &raw, &bits) : p->has_none ? FITS : UNFIT;
    if (CW_UNLIKELY(how != FITS)) {
        s->clamped += !isnan(value);
        if (e->strict) {
            s->misfit = value;
            s->misfit_raw = raw;
            s->misfit_put = p - e->puts;
            return 0;
        }
        if (how == UNFIT) return 1; /* what is there already says most of nothing */
    }
    insert(&p->field, payload, bits);
    return 1;
}

CW_INLINE int sooner(const cw_course *courses, int32_t a, int32_t b)
{
    return courses[a].next_ns != courses[b].next_ns ? courses[a].next_ns < courses[b].next_ns : a < b;
}

/* Let the first of the queue find its new place. */
static void requeue(const cw_course *courses, int32_t *queue, int32_t count)
{
    const int32_t moved = queue[0];
    int32_t at = 0;
    for (int32_t next; (next = 2 * at + 1) < count; at = next) {
        if (next + 1 < count && sooner(courses, queue[next + 1], queue[next])) next++;
        if (!sooner(courses, queue[next], moved)) break;
        queue[at] = queue[next];
    }
    queue[at] = moved;
}

/* Make the payload that a message sends now, `width` bytes; returns 0 as put_field does. */
static int fill(const cw_tables *t, const cw_emission *e, cw_emit_state *s, const cw_sent *m, cw_course *course,
                uint8_t *payload)
{
    const int32_t turn = m->turn + (int32_t)course->turn;
    memcpy(payload, e->payloads + (int64_t)turn * LONGEST, (size_t)e->width);
    for (const cw_put_row *p = e->puts + e->turns[turn].put, *end = p + e->turns[turn].puts; p < end; p++)
        if (!put_field(e, p, s, course->next_ns, payload)) return 0;
    if (m->counter.width) insert(&m->counter, payload, course->counter);
    if (m->check >= 0) cw_seal(t, t->checks + m->check, payload, 1, m->size, e->width);
    return 1;
}

/* Make the frames that are due before `until`; returns 0 when the output is full or, in strict emissions, at a value
 * that does not fit. The tracks' first points are those from which on they are looked through. */
CW_API int32_t cw_emit(const cw_tables *t, const cw_emission *e, cw_emit_state *s, int64_t until, cw_emitted *out)
{
    for (int64_t k = 0; k < s->track_count; k++) s->tracks[k].at = 0;
    if (e->message_count < 1) return 1;
    int64_t n = out->count;
    int32_t *const queue = s->queue;
    int done = 1;
    for (;;) {
        const int32_t number = queue[0];
        cw_course *const course = s->courses + number;
        if (course->next_ns >= until) break;
        const cw_sent *const m = e->messages + number;
        if (n >= out->capacity || !fill(t, e, s, m, course, out->data + n * e->width)) {
            done = 0;
            break;
        }
        out->t_ns[n] = course->next_ns;
        out->bus[n] = (uint8_t)m->bus;
        out->id[n] = m->id;
        out->size[n] = (uint8_t)m->size;
        n++;
        course->counter = course->counter + 1 < m->modulo ? course->counter + 1 : 0;
        course->turn = (int32_t)course->turn + 1 < m->turns ? course->turn + 1 : 0;
        course->next_ns = later(course->next_ns, m->period_ns);
        requeue(s->courses, queue, e->message_count);
    }
    out->count = n;
    return done;
}

/* Sizes of the structures, for the binding to compare with its own. */
CW_API int32_t cw_emit_layout(int32_t which)
{
    static const int32_t sizes[] = {sizeof(cw_track),    sizeof(cw_put_row), sizeof(cw_code),
                                    sizeof(cw_turn),     sizeof(cw_sent),    sizeof(cw_course),
                                    sizeof(cw_emission), sizeof(cw_emit_state), sizeof(cw_emitted)};
    return which >= 0 && which < (int32_t)(sizeof sizes / sizeof *sizes) ? sizes[which] : -1;
}
