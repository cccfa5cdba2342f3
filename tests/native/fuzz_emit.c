/* Fuzzes the emitter with tables as wire/emitter.py lays them out: `make fuzz`, which uses libFuzzer and the sanitizers.
 *
 * An input is a source of decisions: what messages there are, how often, what fills their fields, and what values there
 * are over time. The tables are always valid, values and times are anything. Every array is exactly as large as it has
 * to be, so that a step outside is seen. Besides, these have to hold: frames come in the order of time and each message
 * at its period and none is left out, neither the room for frames nor the times at which it stops change any of them, a
 * field that nothing else touches holds a raw value that it may hold, and a strict emission stops just where a lenient
 * one clamps.
 */
#include <math.h>

#include "emit.h"
#include "fuzz.h"

int32_t cw_emit(const cw_tables *, const cw_emission *, cw_emit_state *, int64_t, cw_emitted *);

enum { MESSAGES = 5, TURNS = 3, PUTS = 4, TRACKS = 4, POINTS = 6, CODES = 4, OPS = 12, LONGEST = 64, FRAMES = 200 };

static uint64_t word(void)
{
    const uint64_t w = any_word();
    return w >> (byte() & 63);
}

static double number(void)
{
    static const double FEW[] = {1, 0, -1, 0.1, -40, 655.35, 1e-300, 1e300, -1e300, 4294967296.0, 1.8e19, 3};
    double any;
    const uint64_t bits = word();
    switch (byte() & 7) {
    case 0: return NAN;
    case 1: return byte() & 1 ? INFINITY : -INFINITY;
    case 2: memcpy(&any, &bits, 8); return any;
    case 3: return (double)bits;
    default: return FEW[below(sizeof FEW / sizeof *FEW)];
    }
}

static double plain(void) /* what a description can state: finite, and no factor of 0 */
{
    static const double FEW[] = {1, -1, 0.1, 0.01, -0.5, 655.35, 4096, -273.15, 3};
    return FEW[below(sizeof FEW / sizeof *FEW)];
}

/* ---- tables ------------------------------------------------------------------------------------- */

typedef struct {
    int first, length, big;
} bits;

typedef struct {
    cw_sent messages[MESSAGES];
    cw_turn turns[MESSAGES * TURNS];
    cw_put_row puts[MESSAGES * TURNS * PUTS];
    bits places[MESSAGES * TURNS * PUTS];
    cw_code codes[MESSAGES * TURNS * PUTS * CODES];
    cw_op ops[MESSAGES * TURNS * PUTS * OPS];
    uint8_t payloads[MESSAGES * TURNS * LONGEST];
    int turn_count, put_count, code_count, op_count;
} plan;

static plan made;

static bits any_bits(int longest, int payload)
{
    bits b = {0, 1 + (int)below((uint32_t)longest), byte() & 1};
    b.first = (int)below((uint32_t)(payload * 8 - b.length + 1));
    return b;
}

static cw_field place(bits b, int is_signed) /* as wire/layouts.place does */
{
    const int last = b.first + b.length - 1;
    const int at_byte = last < 64 ? 0 : b.first / 8 < 56 ? b.first / 8 : 56;
    const int at = b.first - at_byte * 8, spill = at + b.length > 64 ? at + b.length - 64 : 0;
    return (cw_field){
        .byte = (uint8_t)at_byte,
        .shift = (uint8_t)(spill ? spill : b.big ? 64 - at - b.length : at),
        .width = (uint8_t)b.length,
        .flags = (uint8_t)((b.big ? CW_BIG : 0) | (is_signed ? CW_SIGNED : 0) | (spill ? CW_SPILL : 0)),
        .need = (uint8_t)(last / 8 + 1),
    };
}

static uint64_t gather(bits b, const uint8_t *p) /* a field's raw value, bit by bit */
{
    uint64_t raw = 0;
    for (int k = 0; k < b.length; k++) {
        const int at = b.first + k, mask = b.big ? 0x80 >> at % 8 : 1 << at % 8;
        raw |= (uint64_t)((p[at / 8] & mask) != 0) << (b.big ? b.length - 1 - k : k);
    }
    return raw;
}

static void add_put(int width, int tracks)
{
    static const int FLOATS[] = {16, 32, 64};
    cw_put_row p = {.factor = plain(), .offset = plain() * below(3), .low = -INFINITY, .high = INFINITY};
    bits where = any_bits(64, width);
    p.kind = tracks ? (int32_t)below(CW_PUT_FLOAT64 + 1) : CW_PUT_CONSTANT;
    if (p.kind >= CW_PUT_FLOAT16) {
        where.length = FLOATS[p.kind - CW_PUT_FLOAT16];
        if (where.first > width * 8 - where.length) where.first = width * 8 - where.length;
    }
    const int is_signed = p.kind == CW_PUT_NUMBER && byte() & 1;
    p.field = place(where, is_signed);
    p.bits = word() & UINT64_MAX >> (64 - where.length);
    p.has_none = p.kind == CW_PUT_CONSTANT || byte() & 1;
    p.track = tracks ? (int32_t)below((uint32_t)tracks) : 0;
    if (byte() & 1) {
        p.low = plain() * below(50);
        p.high = p.low + below(100);
    }
    p.lowest = p.low - 1e-9 * fmax(1, fabs(p.low));
    p.highest = p.high + 1e-9 * fmax(1, fabs(p.high));
    p.raw_high = ldexp(1, is_signed ? where.length - 1 : where.length);
    p.raw_low = is_signed ? -p.raw_high : 0;
    p.most = where.length >= 54 ? nextafter(p.raw_high, 0) : p.raw_high - 1;
    p.least = p.raw_low;
    if (byte() & 1 && p.most - p.least > 8) {
        p.least += below(4);
        p.most -= where.length >= 54 ? 0 : below(4);
    }
    p.code = made.code_count;
    if (p.kind == CW_PUT_CODE)
        for (p.codes = (int32_t)below(CODES + 1); made.code_count < p.code + p.codes;)
            made.codes[made.code_count++] = (cw_code){below(4), word()};
    p.op = made.op_count;
    if (!below(4))
        for (p.ops = 1 + (int32_t)below(OPS); made.op_count < p.op + p.ops;) {
            const int32_t op = byte() & 1 ? CW_OP_INPUT : (int32_t)below(CW_OP_SELECT + 1);
            made.ops[made.op_count++] = (cw_op){op == CW_OP_CONSTANT ? plain() : 0, op, 0};
        }
    made.places[made.put_count] = where;
    made.puts[made.put_count++] = p;
}

static void add_message(int index, int width, int tracks, int checks)
{
    static const int64_t PERIODS[] = {1, 7, 10, 100, INT64_MAX, 1000};
    cw_sent m = {.period_ns = PERIODS[below(6)], .modulo = 1, .check = -1, .turn = made.turn_count};
    m.size = (int32_t)below((uint32_t)width + 1);
    m.bus = (int32_t)below(4);
    m.id = (uint32_t)index;
    m.turns = 1 + (int32_t)below(TURNS);
    if (byte() & 1) {
        m.counter = place(any_bits(30, width), 0);
        m.modulo = 1 + below(1u << 8);
    }
    if (byte() & 1) m.check = (int32_t)below((uint32_t)checks);
    for (int t = 0; t < m.turns; t++) {
        cw_turn *const turn = made.turns + made.turn_count;
        for (int i = 0; i < width; i++) made.payloads[made.turn_count * LONGEST + i] = byte();
        *turn = (cw_turn){made.put_count, (int32_t)below(PUTS + 1)};
        made.turn_count++;
        for (int k = 0; k < turn->puts; k++) add_put(width, tracks);
    }
    made.messages[index] = m;
}

/* ---- emit --------------------------------------------------------------------------------------- */

typedef struct {
    int64_t t_ns[FRAMES];
    uint8_t bus[FRAMES], size[FRAMES], data[FRAMES * LONGEST];
    uint32_t id[FRAMES];
    int64_t count;
    uint64_t clamped;
    int done;
} outcome;

static cw_track tracks[TRACKS];
static int64_t first[MESSAGES];

static void run(const cw_tables *t, const cw_emission *e, int64_t track_count, int64_t until, int cut, outcome *o)
{
    cw_course courses[MESSAGES] = {{0, 0, 0}};
    int32_t queue[MESSAGES];
    cw_track own[TRACKS];
    memcpy(own, tracks, sizeof own);
    for (int32_t i = 0; i < e->message_count; i++) {
        int32_t at = i; /* a sorted list is a heap */
        courses[i].next_ns = first[i];
        for (; at > 0 && first[queue[at - 1]] > first[i]; at--) queue[at] = queue[at - 1];
        queue[at] = i;
    }
    cw_emit_state s = {.courses = courses, .queue = queue, .tracks = own, .track_count = track_count};
    int64_t n = 0, stop = cut ? 0 : until;
    for (o->done = 0; !o->done || stop < until;) {
        const int64_t room = cut ? 1 + (n % 3) : FRAMES;
        const int64_t capacity = room < FRAMES - n ? room : FRAMES - n;
        cw_emitted out = {
            .t_ns = box(o->t_ns, (size_t)capacity, 8),
            .bus = box(o->bus, (size_t)capacity, 1),
            .id = box(o->id, (size_t)capacity, 4),
            .size = box(o->size, (size_t)capacity, 1),
            .data = box(o->data, (size_t)(capacity * e->width), 1),
            .capacity = capacity,
        };
        if (o->done) stop = stop + 13 < until ? stop + 13 : until;
        o->done = cw_emit(t, e, &s, stop, &out);
        check(out.count >= 0 && out.count <= capacity, "no more frames than there is room for");
        memcpy(o->t_ns + n, out.t_ns, (size_t)out.count * 8);
        memcpy(o->bus + n, out.bus, (size_t)out.count);
        memcpy(o->id + n, out.id, (size_t)out.count * 4);
        memcpy(o->size + n, out.size, (size_t)out.count);
        memcpy(o->data + n * e->width, out.data, (size_t)(out.count * e->width));
        n += out.count;
        for (int k = 0; k < 5; k++) free(boxes[--boxed]);
        if (n == FRAMES || (!o->done && out.count < capacity)) break;
    }
    o->count = n;
    o->clamped = s.clamped;
}

static void look(const cw_emission *e, const outcome *o, int64_t until)
{
    int64_t last[MESSAGES], seen[MESSAGES] = {0};
    for (int64_t n = 0; n < o->count; n++) {
        const cw_sent *const m = e->messages + o->id[n];
        check(!n || o->t_ns[n - 1] <= o->t_ns[n], "frames come in the order of time");
        check(o->t_ns[n] == (seen[o->id[n]] ? last[o->id[n]] + m->period_ns : first[o->id[n]]), "at its period");
        check(o->size[n] == m->size && o->bus[n] == m->bus, "with its size, on its bus");
        last[o->id[n]] = o->t_ns[n];
        const cw_turn *const turn = e->turns + m->turn + seen[o->id[n]]++ % m->turns;
        if (turn->puts != 1 || m->counter.width || m->check >= 0) continue;
        const cw_put_row *const p = e->puts + turn->put;
        const uint64_t raw = gather(made.places[p - e->puts], o->data + n * e->width);
        if (p->kind == CW_PUT_CONSTANT) check(raw == p->bits, "a constant is always there");
        if (p->kind != CW_PUT_NUMBER || (p->has_none && raw == p->bits)) continue;
        const uint64_t before = gather(made.places[p - e->puts], e->payloads + (turn - e->turns) * LONGEST);
        const unsigned width = p->field.width;
        const uint64_t sign = p->field.flags & CW_SIGNED ? 1ull << (width - 1) : 0;
        const double value = sign ? (double)(int64_t)((raw ^ sign) - sign) : (double)raw;
        check(raw == before || (value >= p->least && value <= p->most), "a raw value that may be there");
    }
    for (int32_t i = 0; i < e->message_count && o->count < FRAMES; i++) {
        const int64_t due = first[i] < until ? 1 + (until - 1 - first[i]) / e->messages[i].period_ns : 0;
        check(seen[i] == due, "every frame that is due has come");
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static outcome whole, cut, strict;
    static int64_t times[TRACKS][POINTS];
    static double values[TRACKS][POINTS * 2];
    input = data;
    input_size = size;
    seed = 0xCBF29CE484222325u;
    memset(&made, 0, sizeof made);
    const int width = byte() & 1 ? 8 : LONGEST, track_count = (int)below(TRACKS + 1);
    const int message_count = (int)below(MESSAGES + 1);
    const cw_check checks[] = {{.kind = CW_SUM8, .at = -1, .mask = 0xFF, .sign = -1, .table = -1, .suffix = -1, .minimum = 1},
                               {.kind = CW_NIBBLES, .at = -1, .mask = 15, .sign = 1, .table = -1, .suffix = -1, .minimum = 1}};
    for (int k = 0; k < track_count; k++) {
        const int stride = 1 + (byte() & 1);
        tracks[k] = (cw_track){times[k], values[k], 1 + below(POINTS), stride, 0};
        for (int i = 0; i < POINTS; i++) times[k][i] = (i ? times[k][i - 1] : 0) + below(60);
        for (int i = 0; i < POINTS * 2; i++) values[k][i] = number();
        tracks[k].t_ns = box(times[k], (size_t)tracks[k].count, 8);
        tracks[k].value = box(values[k], (size_t)((tracks[k].count - 1) * stride + 1), 8);
    }
    for (int i = 0; i < message_count; i++) {
        add_message(i, width, track_count, 2);
        first[i] = below(50);
    }
    const cw_tables t = {.checks = box(checks, 2, sizeof *checks)};
    cw_emission e = {
        .messages = box(made.messages, (size_t)message_count, sizeof *e.messages),
        .turns = box(made.turns, (size_t)made.turn_count, sizeof *e.turns),
        .puts = box(made.puts, (size_t)made.put_count, sizeof *e.puts),
        .codes = box(made.codes, (size_t)made.code_count, sizeof *e.codes),
        .ops = box(made.ops, (size_t)made.op_count, sizeof *e.ops),
        .payloads = box(made.payloads, (size_t)(made.turn_count * LONGEST), 1),
        .message_count = message_count,
        .width = width,
    };
    const int64_t until = byte() & 7 ? (int64_t)below(200) : INT64_MAX;
    run(&t, &e, track_count, until, 0, &whole);
    look(&e, &whole, until);
    run(&t, &e, track_count, until < 1000 ? until : 1000, 1, &cut);
    const int64_t shared = whole.count < cut.count ? whole.count : cut.count;
    check(until > 1000 || whole.count == cut.count, "the room for frames changes nothing");
    check(!memcmp(whole.t_ns, cut.t_ns, (size_t)shared * 8) && !memcmp(whole.id, cut.id, (size_t)shared * 4) &&
              !memcmp(whole.data, cut.data, (size_t)(shared * width)), "nor does where it stops");
    e.strict = 1;
    run(&t, &e, track_count, until, 0, &strict);
    check(!memcmp(whole.data, strict.data, (size_t)(strict.count * width)) || whole.clamped, "strict is the same");
    unbox();
    return 0;
}
