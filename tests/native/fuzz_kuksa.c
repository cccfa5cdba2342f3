/* Fuzzes the reader and the writer of kuksa.val.v2's batches: `make fuzz`, which uses libFuzzer and the sanitizers.
 *
 * The table is fixed, with a signal for each field; the request is anything. What was read is written again, into
 * rooms of every size: nothing is written outside, and nothing but the room changes how far it comes. That reading
 * means the same as to Protocol Buffers' own parser is for the tests in Python to show.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "kuksa.h"

int64_t cw_kuksa_write(const cw_kuksa *, const cw_updates *, int64_t, const uint8_t *, int64_t, int32_t, uint8_t *,
                       int64_t, int64_t *);
int64_t cw_kuksa_read(const cw_kuksa *, const uint8_t *, int64_t, int64_t, cw_kuksa_points *);

enum { SIGNALS = 10 };

static void check(int holds, const char *what)
{
    if (holds) return;
    fprintf(stderr, "does not hold: %s\n", what);
    abort();
}

static const char texts[] = "\x0a\x03" "V.aOFFON";
static const cw_kuksa_text labels[] = {{5, 3}, {8, 2}};
static cw_kuksa_signal signals[SIGNALS];

static void lay_out(void)
{
    for (int i = 0; i < SIGNALS; i++) {
        double high = i == 3 ? 9.3e18 : i == 5 ? 1.9e19 : 100;
        cw_kuksa_signal s = {-high, high, -high, high, 0, 5, 0, 0, (uint8_t)(i < 8 ? 11 + i : 0), i == 9, {0}};
        if (s.field == 15 || s.field == 16) s.low = s.type_low = 0;
        if (s.field == 11) s.labels = 2;
        signals[i] = s;
    }
}

static void write_all(const cw_kuksa *k, const cw_updates *u, int64_t room, int by_number)
{
    int64_t used = -1, row = 0;
    uint8_t *out = malloc((size_t)room + !room);
    while (row < u->count) {
        int64_t next = cw_kuksa_write(k, u, row, NULL, 1, by_number, out, room, &used);
        check(used >= 0 && used <= room, "what is written fits");
        check(next > row, "an entry fits into the room for the widest");
        row = next;
    }
    for (int i = 0; i < k->count; i++) check(!k->seen[i], "nothing is marked between calls");
    free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > 4096) return 0;
    lay_out();
    uint8_t seen[SIGNALS] = {0}, quality[SIGNALS];
    int32_t signal[SIGNALS], at[SIGNALS], length[SIGNALS];
    int64_t t_ns[SIGNALS];
    double value[SIGNALS];
    cw_kuksa k = {signals, labels, (const uint8_t *)texts, seen, SIGNALS, 80};
    cw_kuksa_points o = {signal, t_ns, value, quality, at, length, SIGNALS, 0, 0};
    uint8_t *exact = malloc(size + !size);
    memcpy(exact, data, size);
    int64_t rows = cw_kuksa_read(&k, exact, (int64_t)size, 5, &o);
    check(rows >= -1 && rows <= SIGNALS, "no more rows than signals");
    int left = 0;
    for (int64_t i = 0; i < rows; i++) {
        check(signal[i] >= 0 && signal[i] < SIGNALS, "the signal is one of the table's");
        check(at[i] >= 0 && length[i] >= 0 && (size_t)at[i] + (size_t)length[i] <= size, "its data point lies inside");
        left += quality[i] == CW_KUKSA_LEFT;
        if (quality[i] == CW_Q_GOOD && signals[signal[i]].field >= 13)
            check(value[i] >= signals[signal[i]].low && value[i] <= signals[signal[i]].high, "the value is within its limits");
    }
    check(rows < 0 || left == o.left, "those that are left are counted");
    if (rows > 0) {
        cw_updates u = {signal, t_ns, value, quality, rows};
        for (int by_number = 0; by_number < 2; by_number++) {
            write_all(&k, &u, 80, by_number);
            write_all(&k, &u, 80 * SIGNALS, by_number);
        }
        for (int64_t i = 0; i < rows; i++) { /* any bits as values and times, and one signal over and over */
            memcpy(value + i, data + (size_t)i % size, size - (size_t)i % size < 8 ? 1 : 8);
            t_ns[i] = (int64_t)(quality[i] * 0x9E3779B97F4A7C15u);
            quality[i] = 0;
            signal[i] = (int32_t)((unsigned)signal[i] * 7 % SIGNALS);
        }
        write_all(&k, &u, 80, 0);
    }
    free(exact);
    return 0;
}
