/* The broker's hot loops: what is current, what was, and which updates each reader wants.
 *
 * Every function makes one pass over a batch. cw_put keeps it, cw_touched finds the groups of readers that want
 * any of it, cw_select and cw_filter_rows the rows that one of them wants, cw_curve the points a curve can be drawn
 * from, cw_latest_put the latest of each signal. Signal numbers are checked wherever they index; nothing is allocated.
 */
#include "broker.h"

#include <math.h>

/* ---- the store ---------------------------------------------------------------------------------- */

/* Keep a batch: all of it (-1), or nothing: the first row with a strange signal, quality or owner.
 * `own` is the owner that every signal has to have; negative: any. */
CW_API int64_t cw_put(cw_store *s, const cw_updates *u, int32_t own)
{
    const uint32_t signals = (uint32_t)s->signals;
    for (int64_t i = 0; i < u->count; i++) {
        const uint32_t k = (uint32_t)u->signal[i];
        if (CW_UNLIKELY(k >= signals || u->quality[i] > CW_Q_WORST)) return i;
        if (own >= 0 && CW_UNLIKELY(s->owners[k] != own)) return i;
    }
    int64_t specials = 0;
    for (int64_t i = 0; i < u->count; i++) {
        const uint32_t k = (uint32_t)u->signal[i];
        s->t_ns[k] = u->t_ns[i];
        s->value[k] = u->value[i];
        s->quality[k] = u->quality[i];
        specials += s->special[k];
        if (s->depth > 0) {
            cw_ring *const ring = s->rings + k;
            cw_point *const p = s->past + (size_t)k * (size_t)s->depth + ring->next;
            p->t_ns = u->t_ns[i];
            p->value = u->value[i];
            p->quality = u->quality[i];
            if (++ring->next == s->depth) ring->next = 0;
            ring->length += ring->length < s->depth;
        }
    }
    s->specials = specials;
    return -1;
}

/* ---- who wants what ----------------------------------------------------------------------------- */

/* Find the groups that want some of a batch, and those that want all of it; whether there is any. */
CW_API int32_t cw_touched(const cw_index *x, const cw_updates *u)
{
    const int32_t words = x->words;
    uint64_t touched = 0;
    for (int32_t w = 0; w < words; w++) {
        uint64_t some = 0, whole = UINT64_MAX;
        for (int64_t i = 0; i < u->count; i++) {
            const uint32_t k = (uint32_t)u->signal[i];
            const uint64_t wanted = k < (uint32_t)x->signals ? x->wanted[(size_t)k * (size_t)words + (size_t)w] : 0;
            some |= wanted;
            whole &= wanted;
        }
        x->some[w] = some;
        x->whole[w] = whole & some;
        touched |= some;
    }
    return touched != 0;
}

/* Write the numbers of the rows whose signal is wanted (1, not 0) to `rows`, which has room for all; how many. */
CW_API int64_t cw_select(const uint8_t *wanted, int32_t signals, const cw_updates *u, int64_t *rows)
{
    int64_t n = 0;
    for (int64_t i = 0; i < u->count; i++) {
        const uint32_t k = (uint32_t)u->signal[i];
        rows[n] = i;
        n += k < (uint32_t)signals && wanted[k];
    }
    return n;
}

/* Put a batch over what waits; how many updates it replaced. */
CW_API int64_t cw_latest_put(cw_latest *l, const cw_updates *u)
{
    int64_t replaced = 0;
    for (int64_t i = 0; i < u->count; i++) {
        const uint32_t k = (uint32_t)u->signal[i];
        const int32_t r = k < (uint32_t)l->signals ? l->row[k] : -1;
        if (r < 0 || r >= l->rows) continue;
        replaced += l->number[r] >= 0;
        l->number[r] = l->numbers++;
        l->t_ns[r] = u->t_ns[i];
        l->value[r] = u->value[i];
        l->quality[r] = u->quality[i];
    }
    return replaced;
}

/* ---- filters ------------------------------------------------------------------------------------ */

CW_INLINE int compares(int32_t how, double a, double b)
{
    switch (how) {
    case CW_EQ: return a == b;
    case CW_NE: return a != b;
    case CW_GT: return a > b;
    case CW_GTE: return a >= b;
    case CW_LT: return a < b;
    case CW_LTE: return a <= b;
    default: return 1;
    }
}

CW_INLINE int within(const cw_rule *r, double value)
{
    if (r->compare[0] == CW_NONE) return 1;
    const int first = compares(r->compare[0], value, r->boundary[0]);
    if (r->compare[1] == CW_NONE) return first;
    const int second = compares(r->compare[1], value, r->boundary[1]);
    return r->any_of ? first || second : first && second;
}

CW_INLINE int same(double a, double b) { return a == b || (a != a && b != b); }

CW_INLINE uint64_t apart(int64_t a, int64_t b)
{
    return a > b ? (uint64_t)a - (uint64_t)b : (uint64_t)b - (uint64_t)a;
}

/* Whether an update passes, of a signal of which one of the same quality was delivered. */
CW_INLINE int passes(const cw_rule *r, const cw_last *last, int64_t t_ns, double value)
{
    if (r->interval_ns > 0 && apart(t_ns, last->t_ns) < (uint64_t)r->interval_ns) return 0;
    if ((r->on_change || r->deadband > 0) && same(value, last->value)) return 0;
    if (r->deadband > 0 && fabs(value - last->value) <= r->deadband) return 0;
    if (r->change != CW_NONE && last->reference == last->reference &&
        !(value == value && compares(r->change, value - last->reference, r->diff)))
        return 0;
    return within(r, value);
}

CW_INLINE void deliver(cw_last *last, int64_t t_ns, double value, uint8_t quality)
{
    last->t_ns = t_ns;
    last->value = last->reference = value;
    last->quality = quality;
    last->seen = 1;
}

/* Where a change is measured from, after a value that was not delivered: a rise from the lowest value since, a fall
 * from the highest, equality from the one before. */
CW_INLINE void follow(const cw_rule *r, cw_last *last, double value)
{
    switch (r->change) {
    case CW_GT:
    case CW_GTE:
        if (value < last->reference) last->reference = value;
        break;
    case CW_LT:
    case CW_LTE:
        if (value > last->reference) last->reference = value;
        break;
    case CW_EQ:
        if (value == value) last->reference = value;
        break;
    default: break;
    }
}

/* Whether an update of a signal is delivered; notes it. */
CW_INLINE int sift(const cw_rule *r, cw_last *last, int64_t t_ns, double value, uint8_t quality)
{
    const int known = last->seen && last->quality == quality;
    const int pass = known ? passes(r, last, t_ns, value) : quality != CW_Q_GOOD || within(r, value);
    if (pass) {
        deliver(last, t_ns, value, quality);
    } else if (known) {
        follow(r, last, value);
    }
    return pass;
}

/* Write the numbers of the rows that pass to `rows`, which has room for all; how many. */
CW_API int64_t cw_filter_rows(cw_filter *f, const cw_updates *u, int64_t *rows)
{
    int64_t n = 0;
    for (int64_t i = 0; i < u->count; i++) {
        const uint32_t k = (uint32_t)u->signal[i];
        const int32_t r = k < (uint32_t)f->signals ? f->row[k] : -1;
        if (r < 0 || r >= f->rows) continue;
        rows[n] = i;
        n += sift(&f->rule, f->last + r, u->t_ns[i], u->value[i], u->quality[i]);
    }
    return n;
}

/* ---- curves ------------------------------------------------------------------------------------- */

/* How far the knots between a and b are from the line through both: the index of the farthest if that is more than
 * `most`, else 0. Times do not fall from a to b; a slope that is too steep for a double is infinite, never NaN. */
static int32_t farthest(const cw_knot *k, int32_t a, int32_t b, double most)
{
    const double span = (double)apart(k[b].t_ns, k[a].t_ns);
    const double slope = span > 0 ? (k[b].value - k[a].value) / span : 0;
    int32_t at = 0;
    for (int32_t i = a + 1; i < b; i++) {
        const double error = fabs(k[i].value - (k[a].value + slope * (double)apart(k[i].t_ns, k[a].t_ns)));
        if (error > most) {
            most = error;
            at = i;
        }
    }
    return at;
}

CW_INLINE void emit(cw_outlet *out, int32_t signal, int64_t t_ns, double value, uint8_t quality)
{
    const int64_t n = out->count++;
    out->signal[n] = signal;
    out->t_ns[n] = t_ns;
    out->value[n] = value;
    out->quality[n] = quality;
}

/* Deliver what is needed of the knots that wait; the last one always, which the next go on from. */
static void straighten(const cw_filter *f, int32_t row, cw_outlet *out)
{
    cw_bend *const bend = f->bends + row;
    if (!bend->waiting) return;
    cw_knot *const k = f->knots + (size_t)row * (size_t)(f->buffer + 1);
    const int32_t end = bend->waiting;
    int32_t depth = 0;
    memset(f->keep, 0, (size_t)end + 1);
    f->stack[depth++] = 0;
    f->stack[depth++] = end;
    while (depth) {
        const int32_t b = f->stack[--depth], a = f->stack[--depth];
        const int32_t at = farthest(k, a, b, f->rule.max_error);
        if (!at) continue;
        f->keep[at] = 1;
        f->stack[depth++] = a;
        f->stack[depth++] = at;
        f->stack[depth++] = at;
        f->stack[depth++] = b;
    }
    f->keep[end] = 1;
    for (int32_t i = 1; i <= end; i++)
        if (f->keep[i]) emit(out, f->signal[row], k[i].t_ns, k[i].value, CW_Q_GOOD);
    k[0] = k[end];
    bend->waiting = 0;
}

/* One update of a signal with a curve; writes at most `buffer` + 1 updates. */
static void bend_on(cw_filter *f, int32_t row, const cw_updates *u, int64_t i, int64_t now_ns, cw_outlet *out)
{
    cw_last *const last = f->last + row;
    cw_bend *const bend = f->bends + row;
    cw_knot *const k = f->knots + (size_t)row * (size_t)(f->buffer + 1);
    const int64_t t_ns = u->t_ns[i];
    const double value = u->value[i];
    const uint8_t quality = u->quality[i];
    const int known = last->seen && last->quality == quality, number = quality == CW_Q_GOOD && isfinite(value);
    if (known && quality != CW_Q_GOOD) return; /* said already, and no point of the curve */
    if (!sift(&f->rule, last, t_ns, value, quality)) return;
    if (known && number && bend->anchored && t_ns >= k[bend->waiting].t_ns) {
        if (!bend->waiting++) bend->since_ns = now_ns;
        k[bend->waiting] = (cw_knot){t_ns, value};
        if (bend->waiting == f->buffer || (now_ns > bend->since_ns &&
                                           apart(now_ns, bend->since_ns) >= (uint64_t)f->rule.max_age_ns))
            straighten(f, row, out);
        return;
    }
    straighten(f, row, out); /* the curve breaks off here, and may begin anew */
    emit(out, u->signal[i], t_ns, value, quality);
    bend->anchored = number;
    k[0] = (cw_knot){t_ns, value};
}

/* Reduce curves from row `begin` on; returns the row to go on from, once `out` has no room for another. It has to have
 * room for `buffer` + 1 updates. `now_ns` is the time of arrival, on a clock that is never set. */
CW_API int64_t cw_curve(cw_filter *f, const cw_updates *u, int64_t begin, int64_t now_ns, cw_outlet *out)
{
    int64_t i = begin;
    for (; i < u->count && out->capacity - out->count > f->buffer; i++) {
        const uint32_t k = (uint32_t)u->signal[i];
        const int32_t r = k < (uint32_t)f->signals ? f->row[k] : -1;
        if (r >= 0 && r < f->rows) bend_on(f, r, u, i, now_ns, out);
    }
    return i;
}

/* Deliver what waits since `before_ns` or longer, from a row on; returns the row to go on from. */
CW_API int32_t cw_curve_flush(cw_filter *f, int32_t begin, int64_t before_ns, cw_outlet *out)
{
    int32_t r = begin;
    for (; r < f->rows && out->capacity - out->count > f->buffer; r++)
        if (f->bends[r].waiting && f->bends[r].since_ns <= before_ns) straighten(f, r, out);
    return r;
}

/* Sizes of the structures, for the binding to compare with its own. */
CW_API int32_t cw_broker_layout(int32_t which)
{
    static const int32_t sizes[] = {sizeof(cw_updates), sizeof(cw_point), sizeof(cw_ring),   sizeof(cw_store),
                                    sizeof(cw_index),   sizeof(cw_latest), sizeof(cw_rule),  sizeof(cw_last),
                                    sizeof(cw_knot),    sizeof(cw_bend),  sizeof(cw_filter), sizeof(cw_outlet)};
    return which >= 0 && which < (int32_t)(sizeof sizes / sizeof *sizes) ? sizes[which] : -1;
}
