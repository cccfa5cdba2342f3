/* Fuzzes every reader of log text: `make fuzz`, which uses libFuzzer and the sanitizers.
 *
 * The first three bytes of an input choose the format, the size of the chunks and the room for frames; the
 * rest is the log. Each input is read twice, as a whole and in chunks. Both ways must give the same frames
 * and the same report, every line must be accounted for, and every buffer is as small as it may be, so
 * that a step outside is seen. The kernels are compiled in here under other names, with short lines
 * already too long.
 */
#include <stdio.h>
#include <stdlib.h>

#define CW_LINE_MAX 200
#define cw_log_candump short_log_candump
#define cw_log_display short_log_display
#define cw_log_columns short_log_columns
#define cw_log_asc short_log_asc
#define cw_log_clock short_log_clock
#define cw_log_struct_size short_log_struct_size
#include "logs.c"

typedef int32_t (*reader)(cw_log *);

static const struct {
    reader read;
    const char *layout;
    int32_t unit, separator, decimal, delta;
    int64_t wrap_ns;
} FORMATS[] = {
    {cw_log_candump, "", 9, 0, 0, 0, 0},
    {cw_log_candump, "", 9, 0, 0, 1, 0},
    {cw_log_display, "", 9, 0, 0, 0, 0},
    {cw_log_display, "O", 9, 0, 0, 0, 0},
    {cw_log_display, "A", 9, 0, 0, 0, 0},
    {cw_log_columns, "NOILD", 6, 0, 0, 0, 0},
    {cw_log_columns, "NOdILD", 6, 0, 0, 0, 0},
    {cw_log_columns, "NOBdIRLD", 6, 0, 0, 0, 0},
    {cw_log_columns, "NOTIdlD", 6, 0, 0, 0, 0},
    {cw_log_columns, "NOTBIdRLD", 6, 0, 0, 0, 0},
    {cw_log_columns, "OiXdBlD", 3, ',', 0, 0, 0},
    {cw_log_columns, "OiXBlD", 0, ';', 0, 0, 0},
    {cw_log_columns, "OKiD", 9, 0, 0, 0, 0},
    {cw_log_columns, "OiD", 9, 0, 0, 0, 0},
    {cw_log_columns, "NOi", 9, 0, 0, 0, 0},
    {cw_log_columns, "OiLD*", 9, 0, 0, 0, 60000000000},
    {cw_log_columns, "OBNiLD*", 9, 0, 0, 1, 0},
    {cw_log_asc, "", 9, 0, 0, 0, 0},
    {cw_log_asc, "", 9, 0, 1, 1, 0},
};

typedef struct result {
    int64_t frames;
    uint64_t digest;
    cw_log log;
} result;

static void check(int holds, const char *what)
{
    if (holds) return;
    fprintf(stderr, "does not hold: %s\n", what);
    abort();
}

static void mix(result *r, uint64_t value) { r->digest = (r->digest ^ value) * 0x100000001B3u; }

static void collect(result *r, const cw_log *log)
{
    for (int64_t i = 0; i < log->frames; i++) {
        mix(r, (uint64_t)log->t_ns[i]);
        mix(r, log->bus[i]);
        mix(r, log->id[i]);
        check(log->size[i] <= log->style.width, "a payload fits its column");
        mix(r, log->size[i]);
        for (int32_t j = 0; j < log->style.width; j++) {
            const uint8_t byte = log->data[i * log->style.width + j];
            check(j < log->size[i] || !byte, "a payload is zero behind its size");
            if (j < log->size[i]) mix(r, byte);
        }
    }
    r->frames += log->frames;
}

/* Reads a log cut into chunks. */
static void read_log(result *r, unsigned format, const uint8_t *text, size_t size, size_t chunk, int64_t room)
{
    cw_log *const log = &r->log;
    memset(r, 0, sizeof *r);
    log->style = (cw_style){.width = 8,
                            .unit = FORMATS[format].unit,
                            .decimal = FORMATS[format].decimal,
                            .separator = FORMATS[format].separator};
    strcpy((char *)log->style.layout, FORMATS[format].layout);
    log->delta = FORMATS[format].delta;
    log->wrap_ns = FORMATS[format].wrap_ns;
    log->last_ns = INT64_MIN;
    for (int i = 0; i < 256; i++) log->bus_last_ns[i] = INT64_MIN;
    log->room = room;
    size_t from = 0, to = size < chunk ? size : chunk;
    for (int32_t status = CW_DONE; status != CW_DONE || !log->final || from < size;) {
        log->text_size = (int64_t)(to - from);
        log->text_room = log->text_size + CW_TEXT_PAD;
        log->text = malloc((size_t)log->text_room);
        memcpy(log->text, text + from, to - from);
        log->final = to == size;
        log->t_ns = malloc((size_t)room * 8);
        log->bus = malloc((size_t)room);
        log->id = malloc((size_t)room * 4);
        log->size = malloc((size_t)room);
        log->data = malloc((size_t)(room * log->style.width));
        status = FORMATS[format].read(log);
        check(status == CW_DONE || status == CW_FULL || status == CW_WIDE, "a status is known");
        check(log->consumed >= 0 && log->consumed <= log->text_size, "no more is used up than there is");
        check(log->frames >= 0 && log->frames <= room, "the frames fit their columns");
        collect(r, log);
        free(log->text);
        free(log->t_ns);
        free(log->bus);
        free(log->id);
        free(log->size);
        free(log->data);
        from += (size_t)log->consumed;
        if (status == CW_WIDE) log->style.width = 64;
        if (status == CW_DONE && !log->final) to = size - to < chunk ? size : to + chunk;
        if (status == CW_DONE && log->final) break;
    }
    check(from == size, "a whole log is used up");
    int64_t reported = 0;
    for (int kind = 1; kind < CW_KINDS; kind++) reported += log->count[kind];
    check(r->frames + reported == log->lines, "every line is accounted for");
}

static int64_t count_lines(const uint8_t *text, size_t size)
{
    int64_t lines = 0;
    for (size_t i = 0; i < size; i++)
        lines += text[i] == '\n' || (text[i] == '\r' && !(i + 1 < size && text[i + 1] == '\n'));
    return lines + (size && text[size - 1] != '\n' && text[size - 1] != '\r');
}

/* Lines for the mutator to put into inputs, so that it need not find the formats by chance. */
static const char *const LINES[] = {
    "(1747949265.530411) can0 1A4#0000000000000009\n",
    "(1.2) vcan1 12345678#11.22.33_9 R\r\n",
    "(4.0) can0 20000004##1112233445566778899AABBCC\n",
    "(2.0) can0 123#R4\n",
    "  can0  1A4   [8]  00 00 00 00 00 00 00 09   '........'\n",
    " (161.137)  vcan0  TX - -  12345678  [12]  00 11 22 33 44 55 66 77 88 99 AA BB\n",
    " (2021-05-10 15:02:46.148635)  can0  123   [2]  remote request\n",
    "     2)      1842      0008  4  ERROR 00 19 08 08 \n     4)      1844      0100  3  RTR \n",
    "     1)      1059.9  Rx         0300  7  00 00 00 00 04 00 00  \n",
    "     5)      1346.8  Warng  FFFFFFFF  4  00 00 00 04  BUSLIGHT \n",
    "     1)      1059.900 1  Rx        0300 -  7    00 00 00 00 04 00 00  \n",
    "      5      1334.416 FD     0500 Tx 12 01 02 03 04 05 06 07 08 09 0A 0B 0C \n",
    "      1      1059.900 FB 1      0300 Rx -  9    00 00 00 00 04 00 00 00 00 00 00 00 \n",
    "Time Stamp,ID,Extended,Dir,Bus,LEN,D1\n44361873,00000603,false,Rx,0,1,00,00,00,00,00,00,00,00,\n",
    "239164800;00000151;false;0;8;82;FF;FF;FF;FE;02;00;00\r\n",
    "338.194004 CXX GVRET\n338.194004 1R29 00000603 00 \n",
    "59,999 123 0\n00.000 00004000 8 36 47 19 43 01 00 00 80 comment\n",
    "14,687000\t1\t0004\t4E0\t8\t24 00 00 00 00 00 00 00\t00000000\t\r",
    "   3.098426 1  18EBFF00x       Rx d 8 01 A0 0F A6 60 3B D1 40    Length = 273910\n",
    "   0.045522 CANFD   62 Rx         7d  Name    1 0 8  8 01 1b d6 d0 8a 1f d7 f6   104812\n",
    "   2.501000 1 ErrorFrame\n   2.520002 3 200 Tx r Length = 1704000\n",
    "   1.0 1  Engine  Rx d 1 01  Length = 1 ID = 100x\n",
};

size_t LLVMFuzzerMutate(uint8_t *input, size_t size, size_t max_size);

size_t LLVMFuzzerCustomMutator(uint8_t *input, size_t size, size_t max_size, unsigned seed)
{
    const char *const text = LINES[seed / 8 % (sizeof LINES / sizeof *LINES)];
    const size_t n = strlen(text);
    if (seed % 8 || size + n + 3 > max_size) return LLVMFuzzerMutate(input, size, max_size);
    if (size < 3) {
        memset(input, (int)(seed >> 16), 3);
        size = 3;
    }
    const size_t at = 3 + (seed >> 8) % (size - 2);
    memmove(input + at + n, input + at, size - at);
    memcpy(input + at, text, n);
    return size + n;
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
    static result whole, cut;
    if (size < 3) return 0;
    const unsigned format = input[0] % (sizeof FORMATS / sizeof *FORMATS);
    const uint8_t *const text = input + 3;
    size -= 3;
    read_log(&whole, format, text, size, size ? size : 1, 1 << 12);
    read_log(&cut, format, text, size, 1 + input[1] % 64, 1 + input[2] % 8);
    check(whole.log.lines == count_lines(text, size), "lines are counted as they are");
    check(whole.frames == cut.frames && whole.digest == cut.digest, "chunks do not change the frames");
    check(whole.log.lines == cut.log.lines, "chunks do not change the lines");
    check(!memcmp(whole.log.count, cut.log.count, sizeof cut.log.count), "chunks do not change the counts");
    check(!memcmp(whole.log.line, cut.log.line, sizeof cut.log.line), "chunks do not change the line numbers");
    check(whole.log.names == cut.log.names, "chunks do not change the names");
    check(!memcmp(&whole.log.back_count, &cut.log.back_count, offsetof(cw_log, consumed) - offsetof(cw_log, back_count)),
          "chunks do not change the backward steps");
    return 0;
}
