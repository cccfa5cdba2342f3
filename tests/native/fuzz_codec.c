/* Fuzzes the codec with tables as wire/tables.py lays them out: `make fuzz`, which uses libFuzzer and the sanitizers.
 *
 * An input is a source of decisions: what messages, fields, conditions, checksums and derived signals there
 * are, then which frames arrive. The tables are always valid; frames, their times and payloads are anything.
 * Every array is exactly as large as it has to be, so that a step outside is seen. Besides, these have to
 * hold: the room for samples changes nothing, `cw_bound` suffices where nothing grows stale, packed bits
 * come back at the places that the definition of a field says, quick and slow decoding agree, and a sealed
 * frame's checksum holds.
 */
#include "codec.h"
#include "fuzz.h"

int64_t cw_decode(const cw_tables *, cw_state *, const cw_frames *, int64_t, cw_samples *);
int32_t cw_expire(const cw_tables *, cw_state *, int64_t, cw_samples *);
int32_t cw_silence(const cw_tables *, cw_state *, int32_t, int64_t, cw_samples *);
int64_t cw_bound(const cw_tables *, const cw_frames *);
int64_t cw_check_frames(const cw_tables *, const cw_check *, const uint8_t *, const uint8_t *, int64_t, int32_t);
void cw_summarize(const int64_t *, const int32_t *, const double *, const uint8_t *, int64_t, cw_summary *, int32_t);
void cw_pack(const cw_field *, int64_t, const uint64_t *, uint8_t *, int64_t, int32_t);
void cw_seal(const cw_tables *, const cw_check *, uint8_t *, int64_t, int32_t, int32_t);

enum { MESSAGES = 6, PER_MESSAGE = 5, DERIVEDS = 6, INPUTS = 4, OPS = 40, BUSES = 3, FRAMES = 24 };
enum { SIGNALS = MESSAGES * PER_MESSAGE, SLOTS = SIGNALS + DERIVEDS, RANGES = 3, WIDEST = 64 };

static uint64_t word(void)
{
    const uint64_t w = any_word();
    switch (byte() & 7) {
    case 0: return 0;
    case 1: return UINT64_MAX;
    case 2: return w & 15;
    case 3: return w >> (w & 63);
    default: return w;
    }
}

static double number(void)
{
    static const double FEW[] = {1, 0, -1, 0.1, -40, 655.35, 1e-300, 1e300, -1e300, 4294967296.0, 0.001, 3};
    return FEW[below(sizeof FEW / sizeof *FEW)];
}

/* ---- tables ------------------------------------------------------------------------------------- */

typedef struct {
    int first, length, big; /* position of the first bit, counted as the field's byte order counts */
} bits;

typedef struct {
    cw_message messages[MESSAGES];
    cw_signal signals[SIGNALS];
    bits places[SIGNALS];
    cw_condition conditions[SIGNALS * 4];
    cw_range ranges[SIGNALS * (RANGES + 4 * RANGES)];
    double values[SIGNALS * 16];
    cw_check checks[MESSAGES];
    bits counters[MESSAGES]; /* by checksum: where its message's counter lies */
    uint8_t bytes[MESSAGES * (8 * 256 + 16)];
    cw_derived derived[DERIVEDS];
    int32_t order[MESSAGES * DERIVEDS], inputs[DERIVEDS * INPUTS];
    cw_op ops[DERIVEDS * OPS];
    uint32_t speaks[SLOTS]; /* by slot: bits of the messages that change it */
    int signal_count, condition_count, range_count, value_count, check_count, byte_count;
    int derived_count, order_count, input_count, op_count, slots;
} plan;

static plan made;

static bits any_bits(int longest, int payload)
{
    bits b = {0, 1 + (int)below((uint32_t)longest), byte() & 1};
    b.first = (int)below((uint32_t)(payload * 8 - b.length + 1));
    return b;
}

/* As wire/layouts.place does. */
static cw_field place(bits b, int is_signed)
{
    const int last = b.first + b.length - 1;
    const int at_byte = last < 64 ? 0 : b.first / 8 < 56 ? b.first / 8 : 56;
    const int at = b.first - at_byte * 8;
    const int spill = at + b.length > 64 ? at + b.length - 64 : 0;
    return (cw_field){
        .byte = (uint8_t)at_byte,
        .shift = (uint8_t)(spill ? spill : b.big ? 64 - at - b.length : at),
        .width = (uint8_t)b.length,
        .flags = (uint8_t)((b.big ? CW_BIG : 0) | (is_signed ? CW_SIGNED : 0) | (spill ? CW_SPILL : 0)),
        .need = (uint8_t)(last / 8 + 1),
    };
}

/* A bit of a payload: the bit of a field that is `k` from its first one on. */
static int bit_at(bits b, int k, int *mask)
{
    const int at = b.first + k;
    *mask = b.big ? 0x80 >> at % 8 : 1 << at % 8;
    return at / 8;
}

/* A field's raw value, bit by bit. */
static uint64_t gather(bits b, const uint8_t *p)
{
    uint64_t raw = 0;
    for (int k = 0; k < b.length; k++) {
        int mask;
        const uint64_t bit = (p[bit_at(b, k, &mask)] & mask) != 0;
        raw |= bit << (b.big ? b.length - 1 - k : k);
    }
    return raw;
}

static int add_ranges(int most)
{
    const int count = (int)below((uint32_t)most + 1);
    for (int i = 0; i < count; i++) {
        const uint64_t a = word(), b = word();
        made.ranges[made.range_count++] = (cw_range){a < b ? a : b, a < b ? b : a};
    }
    return count;
}

static int add_conditions(int payload)
{
    const int count = byte() & 3 ? 0 : 1 + (int)below(2);
    for (int i = 0; i < count; i++) {
        const int first = made.range_count;
        const cw_field field = place(any_bits(byte() & 1 ? 4 : 64, payload), 0);
        made.conditions[made.condition_count++] = (cw_condition){field, first, add_ranges(RANGES)};
    }
    return count;
}

static void limit(double *low, double *high)
{
    static const double INFINITE = 1.7976931348623157e308;
    *low = byte() & 1 ? -INFINITE : number();
    *high = byte() & 1 ? INFINITE : number();
}

static void add_signal(int payload, int message)
{
    static const int FLOATS[] = {0, 16, 32, 64};
    cw_signal g = {.slot = made.slots++, .table = -1, .kind = below(8) ? CW_INTEGER : (uint8_t)(CW_FLOAT16 + below(4))};
    bits where = any_bits(WIDEST, payload);
    if (g.kind == CW_FLOAT16 || g.kind == CW_FLOAT32 || g.kind == CW_FLOAT64) {
        where.length = FLOATS[g.kind];
        if (where.first > payload * 8 - where.length) where.first = payload * 8 - where.length;
    }
    const int is_signed = byte() & 1, is_float = g.kind != CW_INTEGER && g.kind != CW_RAW;
    g.field = place(where, is_signed);
    g.mask = UINT64_MAX >> (64 - where.length);
    g.sign = is_signed && !is_float ? 1ull << (where.length - 1) : 0;
    g.factor = number();
    g.offset = number();
    limit(&g.low, &g.high);
    g.emit = below(4) ? made.signal_count : -1;
    if (!below(3)) {
        g.invalid_low = word() & g.mask;
        g.no_values = 1 + below(1000);
    }
    g.invalid = made.range_count;
    if (!below(4)) g.invalids = add_ranges(RANGES);
    if (!below(4) && where.length <= 16) {
        g.table = made.value_count;
        g.table_size = 1 + (int)below(where.length < 4 ? 1u << where.length : 16);
        for (int i = 0; i < g.table_size; i++)
            made.values[made.value_count++] = below(5) ? (double)i : number() * 1e300;
    }
    g.present = made.condition_count;
    g.presents = (uint8_t)add_conditions(payload);
    g.valids = (uint8_t)add_conditions(payload);
    g.slow = g.table >= 0 || g.invalids || g.presents || g.valids || g.kind != CW_INTEGER ||
             (where.length == 64 && !is_signed) || (g.field.flags & CW_SPILL);
    made.speaks[g.slot] = 1u << message;
    made.places[made.signal_count] = where;
    made.signals[made.signal_count++] = g;
}

static void add_slices(uint8_t poly)
{
    uint8_t(*const s)[256] = (uint8_t(*)[256])(made.bytes + made.byte_count);
    for (unsigned b = 0; b < 256; b++) {
        unsigned crc = b;
        for (int i = 0; i < 8; i++) crc = crc & 0x80 ? (crc << 1 ^ poly) & 0xFF : crc << 1;
        s[0][b] = (uint8_t)crc;
    }
    for (int j = 1; j < 8; j++)
        for (int b = 0; b < 256; b++) s[j][b] = s[0][s[j - 1][b]];
    made.byte_count += 8 * 256;
}

static int at_least(int a, int b) { return a > b ? a : b; }

static int add_check(bits counted, const cw_field *counter)
{
    cw_check c = {.kind = 1 + (int)below(4), .at = -1, .mask = 0xFF, .sign = 1, .table = -1, .suffix = -1};
    if (c.kind != CW_NIBBLES && byte() & 1) c.at = (int)below(128) - 64;
    c.base = c.kind == CW_NIBBLES ? below(16) : byte();
    if (c.kind == CW_NIBBLES || c.kind == CW_SUM8) c.sign = byte() & 1 ? 1 : -1;
    if (c.kind == CW_NIBBLES) c.mask = 0x0F;
    if (c.kind == CW_SUM8) c.sizes = byte() & 1;
    c.minimum = at_least(c.kind == CW_CRC8 ? 2 : 1, at_least(c.at + 1, -c.at));
    if (c.kind == CW_CRC8) {
        c.xorout = byte();
        c.table = made.byte_count;
        add_slices(byte() | 1);
        if (counter->width && byte() & 1) {
            c.suffix = made.byte_count;
            for (int i = 0; i < 16; i++) made.bytes[made.byte_count++] = byte();
            c.minimum = at_least(c.minimum, counter->need);
        }
    }
    c.counter = *counter;
    made.checks[made.check_count] = c;
    made.counters[made.check_count] = counted;
    return made.check_count++;
}

static void add_message(int index, int buses)
{
    static const int64_t TIMEOUTS[] = {0, 1, 1000, 300000000, INT64_MAX, INT64_MAX / 2};
    const int payload = byte() & 1 ? 8 : WIDEST;
    cw_message m = {.timeout_ns = TIMEOUTS[below(6)], .check = -1, .stuck = 1, .modulo = 1};
    m.signal = made.signal_count;
    m.bus = (int)below((uint32_t)buses);
    m.size = (int)below((uint32_t)payload + 1);
    m.id = below(8);
    if (byte() & 1) m.id = CW_EXTENDED | m.id << below(26);
    bits counted = {0};
    if (byte() & 1) {
        counted = any_bits(byte() & 1 ? 4 : 30, payload);
        m.counter = place(counted, 0);
        m.modulo = byte() & 1 ? 1 << counted.length : 1 + (int)below(1u << counted.length);
        m.stuck = 1 + (int)below(8);
    }
    if (byte() & 1) m.check = add_check(counted, &m.counter);
    for (int n = (int)below(PER_MESSAGE + 1); n > 0; n--) add_signal(payload, index);
    m.signals = made.signal_count - m.signal;
    made.messages[index] = m;
}

static void add_derived(int emit)
{
    cw_derived d = {.slot = made.slots, .emit = below(4) ? emit : -1, .kind = (int)below(2), .input = made.input_count};
    d.factor = number();
    d.offset = number();
    limit(&d.low, &d.high);
    d.inputs = made.slots ? (int)below(INPUTS + 1) : 0;
    for (int i = 0; i < d.inputs; i++) {
        const int32_t slot = (int32_t)below((uint32_t)made.slots);
        made.inputs[made.input_count++] = slot;
        made.speaks[d.slot] |= made.speaks[slot];
    }
    d.code = made.op_count;
    if (d.kind == CW_COMPUTE) d.codes = (int)below(OPS + 1);
    const int deep = !below(8); /* deeper than the stack */
    for (int i = 0, depth = 0; i < d.codes; i++) { /* mostly expressions that make sense */
        int32_t op = deep || depth < 2 || byte() & 1 ? (int32_t)below(2) : (int32_t)below(CW_OP_SELECT + 1);
        if (op == CW_OP_INPUT && !d.inputs) op = CW_OP_CONSTANT;
        depth += op <= CW_OP_INPUT ? 1 : op < CW_OP_ADD ? 0 : op < CW_OP_SELECT ? -1 : -2;
        const int32_t slot = op == CW_OP_INPUT ? made.inputs[d.input + (int)below((uint32_t)d.inputs)] : 0;
        made.ops[made.op_count++] = (cw_op){op == CW_OP_CONSTANT ? number() : 0, op, slot};
    }
    made.slots++;
    made.derived[made.derived_count++] = d;
}

static void find_index(cw_tables *t, int messages)
{
    int extended = 0, size = 0;
    for (int i = 0; i < messages; i++) extended += (made.messages[i].id & CW_EXTENDED) != 0;
    for (size = extended ? 1 : 0; extended && size <= 2 * extended; size *= 2) {}
    int16_t *const standard = box(NULL, (size_t)t->buses * 2048, sizeof *standard);
    uint64_t *const keys = box(NULL, (size_t)size, sizeof *keys);
    int32_t *const keyed = box(NULL, (size_t)size, sizeof *keyed);
    memset(standard, 0xFF, (size_t)t->buses * 2048 * sizeof *standard);
    memset(keys, 0xFF, (size_t)size * sizeof *keys);
    for (int i = 0; i < messages; i++) {
        const cw_message *m = made.messages + i;
        if (m->id < 2048) {
            standard[m->bus * 2048 + (int)m->id] = (int16_t)i;
            continue;
        }
        const uint64_t key = (uint64_t)m->bus << 32 | m->id;
        uint64_t at = key * 0x9E3779B97F4A7C15ull >> 40;
        for (at &= (uint64_t)size - 1; keys[at] != UINT64_MAX && keys[at] != key;) at = (at + 1) & ((uint64_t)size - 1);
        keys[at] = key;
        keyed[at] = i;
    }
    t->standard = standard;
    t->keys = keys;
    t->keyed = keyed;
    t->key_mask = size - 1;
}

static cw_tables make_tables(void)
{
    cw_tables t = {.buses = 1 + (int)below(BUSES), .message_count = 1 + (int)below(MESSAGES), .burst = 1};
    memset(&made, 0, sizeof made);
    for (int i = 0; i < t.message_count; i++) add_message(i, t.buses);
    for (int n = (int)below(DERIVEDS + 1), i = 0; i < n; i++) add_derived(made.signal_count + i);
    for (int i = 0; i < t.message_count; i++) {
        cw_message *const m = made.messages + i;
        m->derived = made.order_count;
        for (int k = 0; k < made.derived_count; k++)
            if (made.speaks[made.derived[k].slot] >> i & 1) made.order[made.order_count++] = k;
        m->deriveds = made.order_count - m->derived;
        t.burst = at_least(t.burst, m->signals + m->deriveds + 1);
    }
    find_index(&t, t.message_count);
    t.messages = box(made.messages, (size_t)t.message_count, sizeof *t.messages);
    t.signals = box(made.signals, (size_t)made.signal_count, sizeof *t.signals);
    t.conditions = box(made.conditions, (size_t)made.condition_count, sizeof *t.conditions);
    t.ranges = box(made.ranges, (size_t)made.range_count, sizeof *t.ranges);
    t.values = box(made.values, (size_t)made.value_count, sizeof *t.values);
    t.checks = box(made.checks, (size_t)made.check_count, sizeof *t.checks);
    t.bytes = box(made.bytes, (size_t)made.byte_count, 1);
    t.derived = box(made.derived, (size_t)made.derived_count, sizeof *t.derived);
    t.order = box(made.order, (size_t)made.order_count, sizeof *t.order);
    t.inputs = box(made.inputs, (size_t)made.input_count, sizeof *t.inputs);
    t.ops = box(made.ops, (size_t)made.op_count, sizeof *t.ops);
    return t;
}

/* ---- frames and samples ------------------------------------------------------------------------- */

static int64_t next_time(int64_t t_ns)
{
    switch (byte() & 15) {
    case 0: return INT64_MIN;
    case 1: return INT64_MAX;
    case 2: return (int64_t)word();
    case 3: return (int64_t)((uint64_t)t_ns - below(2000));
    case 4: return (int64_t)((uint64_t)t_ns + 400000000);
    case 5: return t_ns;
    default: return (int64_t)((uint64_t)t_ns + below(500)); /* may wrap: one more backward jump */
    }
}

static cw_frames make_frames(const cw_tables *t)
{
    cw_frames f = {.count = (int64_t)below(FRAMES + 1), .width = byte() & 1 ? 8 : WIDEST};
    const size_t n = (size_t)f.count;
    int64_t *const t_ns = box(NULL, n, sizeof *t_ns), now = (int64_t)word();
    uint8_t *const bus = box(NULL, n, 1), *const size = box(NULL, n, 1), *const map = box(NULL, 256, 1);
    uint32_t *const id = box(NULL, n, sizeof *id);
    uint8_t *const data = box(NULL, n * (size_t)f.width, 1);
    for (int i = 0; i < 8; i++) map[i] = below(6) ? (uint8_t)below((uint32_t)t->buses) : byte();
    for (int i = 8; i < 256; i++) map[i] = map[i & 7];
    uint8_t pattern[WIDEST];
    for (int i = 0; i < WIDEST; i++) pattern[i] = byte();
    for (size_t i = 0; i < n; i++) {
        t_ns[i] = now = next_time(now);
        bus[i] = byte();
        const cw_message *m = t->messages + below((uint32_t)t->message_count);
        id[i] = below(12) ? m->id : m->id ^ (uint32_t)word();
        if (!below(16)) id[i] |= CW_REMOTE | CW_ERROR;
        size[i] = below(3) ? (uint8_t)f.width : byte();
        const int whole = size[i] < f.width ? size[i] : f.width;
        uint8_t *const p = data + i * (size_t)f.width;
        pattern[below(WIDEST)] = byte();
        memcpy(p, pattern, (size_t)whole);
        if (m->check >= 0 && byte() & 3) cw_seal(t, t->checks + m->check, p, 1, whole, f.width);
    }
    f.t_ns = t_ns;
    f.bus = bus;
    f.id = id;
    f.size = size;
    f.data = data;
    f.bus_map = map;
    return f;
}

static cw_state make_state(const cw_tables *t, int watch)
{
    cw_state s = {.deadline_ns = INT64_MAX, .watch = watch};
    s.messages = box(NULL, (size_t)t->message_count, sizeof *s.messages);
    s.slots = box(NULL, (size_t)made.slots, sizeof *s.slots);
    s.chosen = box(NULL, (size_t)made.slots, sizeof *s.chosen);
    s.bus_ns = box(NULL, (size_t)t->buses, sizeof *s.bus_ns);
    for (int i = 0; i < made.slots; i++) {
        s.slots[i] = (cw_slot){__builtin_nan(""), CW_UNSEEN};
        s.chosen[i] = -1;
    }
    for (int i = 0; i < t->buses; i++) s.bus_ns[i] = INT64_MIN;
    return s;
}

typedef struct {
    uint64_t digest, samples;
    int calls;
} outcome;

static void mix(outcome *o, uint64_t value) { o->digest = (o->digest ^ value) * 0x100000001B3u; }

static cw_samples make_samples(int64_t capacity)
{
    const size_t n = (size_t)capacity;
    return (cw_samples){box(NULL, n, 8), box(NULL, n, 4), box(NULL, n, 8), box(NULL, n, 1), capacity, 0};
}

static void collect(outcome *o, const cw_samples *out, cw_summary *summaries)
{
    const int emits = made.signal_count + made.derived_count;
    check(out->count >= 0 && out->count <= out->capacity, "the samples fit their room");
    for (int64_t i = 0; i < out->count; i++) {
        uint64_t value;
        memcpy(&value, out->value + i, 8);
        check(out->signal[i] >= 0 && out->signal[i] < emits, "a sample is of a signal");
        check(out->quality[i] <= CW_CORRUPT, "a sample has a quality");
        mix(o, (uint64_t)out->t_ns[i]);
        mix(o, (uint64_t)out->signal[i]);
        mix(o, out->value[i] == out->value[i] ? value : 0); /* which NaN it is may depend on the compiler */
        mix(o, out->quality[i]);
    }
    o->samples += (uint64_t)out->count;
    o->calls++;
    cw_summarize(out->t_ns, out->signal, out->value, out->quality, out->count, summaries, emits);
}

/* Decodes all frames with this room for samples, then makes what is late at `end` stale. */
static outcome decode(const cw_tables *t, const cw_frames *f, int watch, int64_t room, int64_t end)
{
    cw_state s = make_state(t, watch);
    cw_samples out = make_samples(room);
    cw_summary *const summaries = box(NULL, (size_t)(made.signal_count + made.derived_count), sizeof *summaries);
    outcome o = {0};
    for (int64_t at = 0; at < f->count; out.count = 0) {
        const int64_t done = cw_decode(t, &s, f, at, &out);
        check(done >= at && done <= f->count && (done > at || out.count), "decoding comes forward");
        at = done;
        collect(&o, &out, summaries);
    }
    check(watch || o.calls <= 1 || room < cw_bound(t, f), "the bound suffices where nothing grows stale");
    for (int finished = 0; !finished; out.count = 0) {
        finished = cw_expire(t, &s, end, &out);
        check(finished || out.count, "growing stale comes forward");
        collect(&o, &out, summaries);
    }
    for (int32_t bus = -1; bus <= t->buses; bus++)
        for (int finished = 0; !finished; out.count = 0) {
            finished = cw_silence(t, &s, bus, end, &out);
            check(finished || out.count, "a bus that falls silent comes forward");
            collect(&o, &out, summaries);
        }
    check(s.known + s.unknown + s.other == (uint64_t)f->count, "every frame is counted");
    uint64_t summed = 0;
    for (int i = 0; i < made.signal_count + made.derived_count; i++)
        for (int q = 0; q < 5; q++) summed += summaries[i].counts[q];
    check(summed == o.samples, "every sample is summed up");
    return o;
}

/* ---- the way back ------------------------------------------------------------------------------- */

/* Decodes one frame with nothing but this signal in the tables. */
static void decode_alone(const cw_tables *t, cw_signal g, const uint8_t *p, int width, double *value, int *quality)
{
    static int16_t standard[2048];
    const int64_t t_ns = 0;
    const uint32_t id = 0;
    const uint8_t map[256] = {0}, bus = 0, size = (uint8_t)width;
    cw_message m = {.signals = 1, .check = -1};
    cw_message_state seen = {0};
    cw_slot slot = {0, CW_UNSEEN};
    int64_t bus_ns = INT64_MIN, sample_ns[2];
    int32_t chosen = -1, signal[2];
    double values[2] = {0};
    uint8_t qualities[2] = {CW_UNSEEN};
    g.slot = g.emit = 0;
    cw_tables alone = *t;
    alone.standard = standard;
    alone.messages = &m;
    alone.signals = &g;
    alone.buses = alone.message_count = 1;
    alone.key_mask = -1;
    alone.burst = 2;
    cw_state s = {.messages = &seen, .slots = &slot, .chosen = &chosen, .bus_ns = &bus_ns, .deadline_ns = INT64_MAX};
    const cw_frames f = {&t_ns, &bus, &id, &size, p, 1, map, width, 0};
    cw_samples out = {sample_ns, signal, values, qualities, 2, 0};
    check(cw_decode(&alone, &s, &f, 0, &out) == 1 && out.count == 1, "one frame gives one sample");
    *value = values[0];
    *quality = qualities[0];
}

static void pack_and_decode(const cw_tables *t, cw_signal g, bits where)
{
    const int width = g.field.need <= 8 && byte() & 1 ? 8 : WIDEST;
    uint8_t *const p = box(NULL, (size_t)width, 1), before[WIDEST];
    for (int i = 0; i < width; i++) p[i] = before[i] = byte();
    const uint64_t raw = word();
    cw_field *const field = box(&g.field, 1, sizeof *field);
    cw_pack(field, 1, &raw, p, 1, width);
    check(gather(where, p) == (raw & g.mask), "packed bits lie where the field is");
    for (int k = 0; k < where.length; k++) { /* put the old bits back: then nothing else may have changed */
        int mask;
        const int at = bit_at(where, k, &mask);
        before[at] = (uint8_t)((before[at] & ~mask) | (p[at] & mask));
    }
    check(!memcmp(before, p, (size_t)width), "packing leaves the other bits alone");

    double value, slow;
    uint64_t bits_back;
    int quality, slow_quality;
    g.presents = g.valids = 0;
    g.invalids = 0;
    g.table = -1;
    g.kind = CW_RAW;
    g.slow = 1;
    decode_alone(t, g, p, width, &value, &quality);
    memcpy(&bits_back, &value, 8);
    check((bits_back & g.mask) == (raw & g.mask) && quality == CW_GOOD, "raw bits come back");
    if (g.field.flags & CW_SPILL || (where.length == 64 && !g.sign)) return;
    g.kind = CW_INTEGER;
    decode_alone(t, g, p, width, &slow, &slow_quality);
    g.slow = 0;
    decode_alone(t, g, p, width, &value, &quality);
    check(quality == slow_quality && (value == slow || (value != value && slow != slow)), "quick and slow agree");
}

static void seal_and_check(const cw_tables *t, const cw_check *c, bits counter)
{
    const int width = byte() & 1 ? 8 : WIDEST, size = (int)below((uint32_t)width + 1), count = (int)below(4);
    uint8_t *const data = box(NULL, (size_t)(count * width), 1), *const sizes = box(NULL, (size_t)count, 1);
    for (int i = 0; i < count * width; i++) data[i] = i % width < size ? byte() : 0;
    for (int i = 0; i < count; i++) sizes[i] = (uint8_t)size;
    cw_seal(t, c, data, count, size, width);
    const int64_t held = cw_check_frames(t, c, sizes, data, count, width);
    if (size < c->minimum) {
        check(!held, "a frame too short for its checksum fails");
        return;
    }
    const int at = c->at < 0 ? size + c->at : c->at;
    for (int k = 0; c->suffix >= 0 && k < counter.length; k++) {
        int mask;
        if (bit_at(counter, k, &mask) == at) return; /* the checksum overwrites what it depends on */
    }
    check(held == count, "a sealed frame's checksum holds");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    input = data;
    input_size = size;
    seed = 0xCBF29CE484222325u;
    const cw_tables t = make_tables();
    const cw_frames f = make_frames(&t);
    const int watch = byte() & 3 ? 1 : 0;
    const int64_t end = next_time(f.count ? f.t_ns[f.count - 1] : 0);
    const outcome whole = decode(&t, &f, watch, cw_bound(&t, &f), end);
    const outcome cut = decode(&t, &f, watch, t.burst + (int64_t)below(4), end);
    check(whole.samples == cut.samples && whole.digest == cut.digest, "the room for samples changes nothing");
    if (made.signal_count) {
        const uint32_t k = below((uint32_t)made.signal_count);
        pack_and_decode(&t, t.signals[k], made.places[k]);
    }
    if (made.check_count) {
        const uint32_t k = below((uint32_t)made.check_count);
        seal_and_check(&t, t.checks + k, made.counters[k]);
    }
    unbox();
    return 0;
}
