/* Fuzzes the broker's kernels: `make fuzz`, which uses libFuzzer and the sanitizers.
 *
 * An input is a source of decisions: how many signals there are, what a reader wants of which, then batches of
 * updates with any signal numbers, times, values and qualities. Every array is exactly as large as it has to be, so
 * that a step outside is seen. Besides, these have to hold: a batch is kept as a whole or not at all; a filter
 * delivers the same however the updates are cut; a curve delivers points that came, in their order, and the room for
 * them changes nothing; what waits of the latest values is at most one for each signal.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "broker.h"

int64_t cw_put(cw_store *, const cw_updates *, int32_t);
int32_t cw_touched(const cw_index *, const cw_updates *);
int64_t cw_select(const uint8_t *, int32_t, const cw_updates *, int64_t *);
int64_t cw_latest_put(cw_latest *, const cw_updates *);
int64_t cw_filter_rows(cw_filter *, const cw_updates *, int64_t *);
int64_t cw_curve(cw_filter *, const cw_updates *, int64_t, int64_t, cw_outlet *);
int32_t cw_curve_flush(cw_filter *, int32_t, int64_t, cw_outlet *);

enum { SIGNALS = 6, UPDATES = 40, WORDS = 2, BUFFER = 7, DEPTH = 5 };

static void check(int holds, const char *what)
{
    if (holds) return;
    fprintf(stderr, "does not hold: %s\n", what);
    abort();
}

/* ---- decisions ---------------------------------------------------------------------------------- */

static const uint8_t *input;
static size_t input_size;

/* The next byte of the input; zeroes behind its end. */
static uint8_t byte(void) { return input_size ? (input_size--, *input++) : 0; }

static uint64_t word(void)
{
    uint64_t w = 0;
    for (int i = 0; i < 8; i++) w = w << 8 | byte();
    return w;
}

static int32_t below(int32_t n) { return n < 2 ? 0 : byte() % n; }

static double number(void)
{
    static const double FEW[] = {0, 1, 1, 2, 3, -1, 0.5, 1e300, -1e300};
    const uint8_t b = byte();
    if (b == 255) return (double)NAN;
    if (b == 254) return (double)INFINITY;
    if (b == 253) {
        const uint64_t w = word();
        double any;
        memcpy(&any, &w, 8);
        return any;
    }
    return FEW[b % (sizeof FEW / sizeof *FEW)];
}

static double finite_number(void)
{
    static const double FEW[] = {0, 1, 2, -1, 0.5, 1e300};
    return FEW[byte() % (sizeof FEW / sizeof *FEW)];
}

static int64_t when(int64_t last)
{
    const uint8_t b = byte();
    if (b < 200) return last > INT64_MAX - 4 ? last : last + b % 4;
    return b < 230 ? last - (last > INT64_MIN + 100 ? b % 8 : 0) : (int64_t)word();
}

static void *boxes[64];
static size_t boxed;

/* `count` zeroed elements in memory of their own with nothing behind it. */
static void *box(size_t count, size_t size)
{
    void *const p = calloc(count ? count : 1, size);
    if (!p || boxed == sizeof boxes / sizeof *boxes) abort();
    if (!count) { /* nothing may be read there either */
        free(p);
        return boxes[boxed++] = malloc(0);
    }
    return boxes[boxed++] = p;
}

static void unbox(void)
{
    while (boxed) free(boxes[--boxed]);
}

/* ---- what there is ------------------------------------------------------------------------------ */

typedef struct {
    int32_t signal[UPDATES];
    int64_t t_ns[UPDATES];
    double value[UPDATES];
    uint8_t quality[UPDATES];
    int64_t count;
} rows;

/* Rows from..end of a batch, each column in memory of its own. */
static cw_updates part(const rows *r, int64_t from, int64_t end)
{
    const size_t n = (size_t)(end - from);
    int32_t *const signal = box(n, sizeof *signal);
    int64_t *const t_ns = box(n, sizeof *t_ns);
    double *const value = box(n, sizeof *value);
    uint8_t *const quality = box(n, sizeof *quality);
    for (size_t i = 0; i < n; i++) {
        signal[i] = r->signal[(size_t)from + i];
        t_ns[i] = r->t_ns[(size_t)from + i];
        value[i] = r->value[(size_t)from + i];
        quality[i] = r->quality[(size_t)from + i];
    }
    return (cw_updates){signal, t_ns, value, quality, (int64_t)n};
}

static rows make_rows(int32_t signals)
{
    rows r = {.count = below(UPDATES + 1)};
    int64_t last = 0;
    for (int64_t i = 0; i < r.count; i++) {
        const uint8_t b = byte();
        r.signal[i] = b < 240 ? b % (signals ? signals : 1) : b < 250 ? signals : (int32_t)word();
        r.t_ns[i] = last = when(last);
        r.value[i] = number();
        const uint8_t q = byte();
        r.quality[i] = q < 160 ? 0 : q < 250 ? q % 5 : q;
    }
    return r;
}

static cw_rule make_rule(int curves)
{
    cw_rule r = {.max_age_ns = 1 + below(200)};
    if (byte() & 1) r.interval_ns = byte() & 1 ? below(8) : (int64_t)(word() >> 1);
    if (byte() & 1) r.deadband = finite_number() < 0 ? 0 : 1;
    if (byte() & 1) r.change = below(7), r.diff = finite_number();
    const int32_t limits = below(3);
    for (int32_t i = 0; i < limits; i++) r.compare[i] = 1 + below(6), r.boundary[i] = finite_number();
    r.on_change = byte() & 1;
    r.any_of = byte() & 1;
    if (curves) {
        const double error = finite_number();
        r.max_error = error < 0 ? 0 : error;
    }
    return r;
}

/* Which signals a reader wants: the row of each. */
static int32_t choose(int32_t signals, int32_t *row, int32_t *signal)
{
    int32_t count = 0;
    for (int32_t k = 0; k < signals; k++) {
        row[k] = byte() & 3 ? count : -1;
        if (row[k] >= 0) signal[count++] = k;
    }
    return count;
}

/* ---- the store, the index, the latest ----------------------------------------------------------- */

static void keep(const rows *r, int32_t signals)
{
    const size_t n = (size_t)signals;
    const int32_t depth = below(DEPTH + 1), own = byte() & 1 ? 1 : -1;
    int32_t *const owners = box(n, sizeof *owners);
    uint8_t *const special = box(n, 1);
    for (size_t k = 0; k < n; k++) owners[k] = byte() & 7 ? 1 : 2, special[k] = byte() & 1;
    cw_store s = {box(n, 8), box(n, 8), box(n, 1), box(n, sizeof(cw_ring)), box(n * (size_t)depth, sizeof(cw_point)),
                  special,   owners,    0,         signals,                 depth};
    const cw_updates u = part(r, 0, r->count);
    const int64_t strange = cw_put(&s, &u, own);
    int64_t kept = 0, most = 0;
    for (size_t k = 0; k < n; k++) {
        kept += s.rings[k].length;
        most += depth;
        check(s.rings[k].length <= depth && s.rings[k].next <= depth, "a history is no longer than its depth");
    }
    if (strange >= 0) {
        check(kept == 0 && strange < r->count, "nothing of a strange batch is kept");
        return;
    }
    check(kept <= r->count && kept <= most, "history has no more updates than came");
    for (int64_t i = 0; i < r->count; i++) {
        check(r->signal[i] >= 0 && r->signal[i] < signals && r->quality[i] <= CW_Q_WORST, "strange rows are found");
        check(own < 0 || owners[r->signal[i]] == own, "strange owners are found");
    }
    check(s.specials <= r->count, "no more special updates than updates");
}

static void index_and_select(const rows *r, int32_t signals)
{
    const size_t n = (size_t)signals;
    uint64_t *const wanted = box(n * WORDS, 8);
    uint8_t *const first = box(n, 1);
    for (size_t i = 0; i < n * WORDS; i++) wanted[i] = byte();
    for (size_t k = 0; k < n; k++) first[k] = (uint8_t)(wanted[k * WORDS] & 1);
    const cw_index x = {wanted, box(WORDS, 8), box(WORDS, 8), signals, WORDS};
    const cw_updates u = part(r, 0, r->count);
    int64_t *const chosen = box((size_t)r->count, sizeof *chosen);
    const int32_t touched = cw_touched(&x, &u);
    const int64_t count = cw_select(first, signals, &u, chosen);
    check(!(x.some[0] & 1) == !count, "a group is touched when it wants a row");
    check(!(x.whole[0] & 1) == !(count && count == r->count), "a group wants all of a batch or not");
    check(touched == ((x.some[0] | x.some[1]) != 0), "there is a group or none");
    for (int64_t i = 0; i < count; i++) check(first[r->signal[chosen[i]]], "only wanted rows are selected");
}

static void latest(const rows *r, int32_t signals)
{
    int32_t *const row = box((size_t)signals, sizeof *row), signal[SIGNALS];
    const int32_t count = choose(signals, row, signal);
    const size_t n = (size_t)count;
    cw_latest l = {row, box(n, 8), box(n, 8), box(n, 8), box(n, 1), 0, signals, count};
    for (size_t k = 0; k < n; k++) l.number[k] = -1;
    const cw_updates u = part(r, 0, r->count);
    const int64_t replaced = cw_latest_put(&l, &u);
    int64_t waiting = 0;
    for (size_t k = 0; k < n; k++) waiting += l.number[k] >= 0;
    check(waiting + replaced == l.numbers, "an update waits, or was replaced");
}

/* ---- filters and curves ------------------------------------------------------------------------- */

typedef struct {
    int64_t count;
    uint64_t digest;
} outcome;

static void note(outcome *o, int64_t t_ns, double value, int32_t signal, uint8_t quality)
{
    uint64_t bits;
    memcpy(&bits, &value, 8);
    o->count++;
    o->digest = (o->digest ^ bits ^ (uint64_t)t_ns ^ (uint64_t)(uint32_t)signal << 8 ^ quality) * 0x100000001B3u;
}

static cw_filter make_filter(const cw_rule *rule, int32_t signals, const int32_t *rows_of, const int32_t *signal_of,
                             int32_t count, int32_t buffer)
{
    const size_t n = (size_t)count, room = (size_t)buffer + 1;
    int32_t *const row = box((size_t)signals, sizeof *row), *const signal = box(n, sizeof *signal);
    memcpy(row, rows_of, (size_t)signals * sizeof *row);
    memcpy(signal, signal_of, n * sizeof *signal);
    return (cw_filter){row,    box(n, sizeof(cw_last)), signals, count, *rule, signal, box(n, sizeof(cw_bend)),
                       box(n * room, sizeof(cw_knot)),  box(room, 1), box(2 * room, 4), buffer, 0};
}

static outcome filtered(cw_filter f, const rows *r, int64_t cut)
{
    outcome o = {0, 0};
    for (int64_t from = 0, end = cut; from < r->count; from = end, end = r->count) {
        const cw_updates u = part(r, from, end);
        int64_t *const chosen = box((size_t)u.count, sizeof *chosen);
        const int64_t n = cw_filter_rows(&f, &u, chosen);
        for (int64_t i = 0; i < n; i++) {
            const int64_t k = chosen[i];
            note(&o, u.t_ns[k], u.value[k], u.signal[k], u.quality[k]);
        }
    }
    return o;
}

static outcome curved(cw_filter f, const rows *r, size_t room)
{
    outcome o = {0, 0};
    const cw_updates u = part(r, 0, r->count);
    cw_outlet out = {box(room, 4), box(room, 8), box(room, 8), box(room, 1), (int64_t)room, 0};
    int64_t done = 0, now_ns = 0;
    int32_t row = 0;
    while (done < u.count || row < f.rows) {
        if (done < u.count) done = cw_curve(&f, &u, done, now_ns, &out);
        else row = cw_curve_flush(&f, row, INT64_MAX, &out);
        check(out.count <= out.capacity, "the room is kept to");
        for (int64_t i = 0; i < out.count; i++) note(&o, out.t_ns[i], out.value[i], out.signal[i], out.quality[i]);
        out.count = 0;
    }
    for (int32_t k = 0; k < f.rows; k++) check(!f.bends[k].waiting, "nothing waits after all was asked for");
    return o;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    input = data;
    input_size = size;
    const int32_t signals = below(SIGNALS + 1), buffer = 2 + below(BUFFER - 1), curves = byte() & 1;
    const cw_rule rule = make_rule(curves);
    int32_t row[SIGNALS] = {0}, signal[SIGNALS] = {0};
    const int32_t count = choose(signals, row, signal);
    const int64_t cut = below(UPDATES);
    const rows r = make_rows(signals);
    if (curves) {
        const outcome wide = curved(make_filter(&rule, signals, row, signal, count, buffer), &r, 500);
        unbox();
        const outcome tight =
            curved(make_filter(&rule, signals, row, signal, count, buffer), &r, (size_t)buffer + 1);
        check(wide.count == tight.count && wide.digest == tight.digest, "the room for points changes nothing");
        check(wide.count <= r.count, "no more points come out than came");
    } else {
        const outcome whole = filtered(make_filter(&rule, signals, row, signal, count, buffer), &r, r.count);
        unbox();
        const outcome parts =
            filtered(make_filter(&rule, signals, row, signal, count, buffer), &r, cut < r.count ? cut : r.count);
        check(whole.count == parts.count && whole.digest == parts.digest, "the cut changes nothing");
    }
    unbox();
    keep(&r, signals);
    unbox();
    index_and_select(&r, signals);
    unbox();
    latest(&r, signals);
    unbox();
    return 0;
}
