/* Log text to frames: one pass over a buffer of lines, four families of formats.
 *
 * A line becomes a frame or is counted under what it is (logs.h); nothing is skipped in silence. What a
 * line says is kept in a `line` and takes effect once the line is known to be complete, so cutting a log
 * into chunks differently changes nothing.
 */
#include "logtext.h"

typedef int (*line_reader)(const cw_style *, line *);

static const uint8_t FD_LENGTH[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 12, 16, 20, 24, 32, 48, 64};

/* Lines that are no frame, by how they begin, in whatever format; in lower case. */
static const struct {
    char word[24];
    int kind;
} WORDS[] = {{";$", CW_HEADER},
             {";", CW_COMMENT},
             {"#", CW_COMMENT},
             {"//", CW_COMMENT},
             {"@ text", CW_HEADER},
             {"time", CW_HEADER},
             {"date ", CW_HEADER},
             {"base ", CW_HEADER},
             {"internal events", CW_HEADER},
             {"no internal events", CW_HEADER},
             {"previous log file", CW_HEADER},
             {"begin triggerblock", CW_HEADER},
             {"end triggerblock", CW_HEADER},
             {"dropcount", CW_EVENT}};

/* candump -L: `(1747949265.530411) can0 1A4#0000000000000009`, `##` for CAN FD, `#R` for a remote frame. */
CW_INLINE int candump_line(const cw_style *s, line *l)
{
    int kind;
    if (!take(l, '(')) return CW_UNKNOWN;
    if (CW_UNLIKELY((kind = take_time(s, l)))) return kind;
    if (!take(l, ')')) return CW_BAD_TIME;
    l->at = skip_blanks(l->at);
    if (CW_UNLIKELY((kind = take_name(l)))) return kind;
    if (CW_UNLIKELY((kind = take_socketcan_id(l)))) return kind;
    if (!take(l, '#')) return CW_BAD_ID;
    if (CW_UNLIKELY(lower(*l->at) == 'r')) {
        l->id |= CW_REMOTE;
        l->at++;
        l->size = HEX[*l->at] <= 8 ? HEX[*l->at++] : 0;
    } else if (CW_UNLIKELY(*l->at == '#')) {
        l->at++;
        if (!is_hex(*l->at)) return CW_BAD_DATA;
        l->at++;
        if ((kind = take_run(s, l, 64))) return kind;
    } else if (CW_UNLIKELY((kind = take_run(s, l, 8)))) {
        return kind;
    }
    if (CW_LIKELY(is_end(*l->at))) return CW_FRAME;
    if (*l->at == '_' && is_hex(l->at[1])) l->at += 2; /* the length code as sent, where it is above 8 */
    l->at = skip_blanks(l->at);
    if ((*l->at == 'R' || *l->at == 'T') && is_gap(s, l->at[1])) l->at++; /* the direction, from -x */
    return CW_FRAME;
}

/* candump's display: ` (000.001)  can0  RX - -  1A4   [8]  00 00 00 00 00 00 00 09   '........'`. */
CW_INLINE int display_line(const cw_style *s, line *l)
{
    int kind;
    unsigned length, digits;
    if (*l->at == '\t') return CW_EVENT; /* -e explains an error frame on lines of its own */
    l->at = skip_blanks(l->at);
    if (take(l, '(')) {
        kind = s->layout[0] == 'A' ? take_date(s, l) : take_time(s, l);
        if (kind || !take(l, ')')) return CW_BAD_TIME;
        l->at = skip_blanks(l->at);
    } else if (s->layout[0]) {
        return CW_BAD_TIME;
    }
    if ((kind = take_name(l))) return kind;
    if ((*l->at == 'R' || *l->at == 'T') && l->at[1] == 'X') /* direction and two flags, from -x */
        for (int i = 0; i < 3; i++) skip_word(s, l);
    if ((kind = take_socketcan_id(l))) return kind;
    if (!is_blank(*l->at)) return CW_BAD_ID;
    l->at = skip_blanks(l->at);
    if (!take(l, '[') || !(digits = take_small(l, 64, &length)) || !take(l, ']')) return CW_BAD_LENGTH;
    if (digits == 1 ? length > 8 : !is_fd_length(length)) return CW_BAD_LENGTH; /* two digits mean CAN FD */
    l->at = skip_blanks(l->at);
    if (begins(l->at, "remote request")) {
        if (length > 8) return CW_BAD_LENGTH;
        l->id |= CW_REMOTE;
        l->size = (uint8_t)length;
        l->at += 14;
        return CW_FRAME;
    }
    if ((kind = take_bytes(s, l, length)) || (kind = no_more_bytes(s, l))) return kind;
    if (*l->at == '\'' || *l->at == 'E') l->at = line_end(l->at); /* -a, or ERRORFRAME */
    return CW_FRAME;
}

/* The two letters of a record in PCAN TRC 2.x. */
CW_INLINE int trc_type(line *l, int *fd, int *remote)
{
    static const struct {
        char word[3];
        uint8_t kind, fd, remote;
    } TYPES[] = {{"dt", CW_FRAME, 0, 0},     {"fd", CW_FRAME, 1, 0},  {"fb", CW_FRAME, 1, 0},
                 {"fe", CW_FRAME, 1, 0},     {"bi", CW_FRAME, 1, 0},  {"rr", CW_FRAME, 0, 1},
                 {"er", CW_BUS_ERROR, 0, 0}, {"st", CW_STATUS, 0, 0}, {"ec", CW_STATUS, 0, 0},
                 {"ev", CW_EVENT, 0, 0}};
    for (size_t i = 0; i < sizeof TYPES / sizeof *TYPES; i++)
        if (begins(l->at, TYPES[i].word) && is_blank(l->at[2])) {
            *fd = TYPES[i].fd;
            *remote = TYPES[i].remote;
            l->at += 2;
            return TYPES[i].kind;
        }
    return CW_BAD_TYPE;
}

/* A direction: Rx or Tx, or in PCAN TRC 1.x one of two records in its place. */
CW_INLINE int take_direction(const cw_style *s, line *l)
{
    const uint8_t first = lower(*l->at);
    if ((first == 'r' || first == 't') && lower(l->at[1]) == 'x' && is_gap(s, l->at[2])) {
        l->at += 2;
        return CW_FRAME;
    }
    return begins(l->at, "warng") ? CW_STATUS : begins(l->at, "error") ? CW_BUS_ERROR : CW_BAD_TYPE;
}

/* The record type of CRTD: an optional bus, received or transmitted, the width of the id. */
CW_INLINE int crtd_type(const cw_style *s, line *l, int *extended)
{
    unsigned bus = 0;
    if (is_digit(*l->at) && !take_small(l, 255, &bus)) return CW_BAD_BUS;
    l->bus = (uint8_t)bus;
    const uint8_t *const p = l->at;
    if (*p == 'C') return begins(p, "cxx") ? CW_COMMENT : CW_EVENT;
    if (*p != 'R' && *p != 'T') return CW_BAD_TYPE;
    *extended = p[1] == '2';
    if (!(p[1] == '1' && p[2] == '1') && !(*extended && p[2] == '9')) return CW_BAD_TYPE;
    if (!is_gap(s, p[3])) return CW_BAD_TYPE;
    l->at += 3;
    return CW_FRAME;
}

/* Formats of columns, in the order and with the letters of `layout`: PEAK's own ($COLUMNS) and a few more.
 *
 *   N R  number, reserved: passed over      I  id, 29-bit when longer than four digits
 *   O    time                               i  id, 29-bit when the log says so or the value needs it
 *   T    type (PCAN TRC 2.x)                X  whether the id is 29-bit
 *   d    direction                          L  data length code     l  length in bytes
 *   B    bus                                D  payload              D* payload, anything behind it
 *   K    record type (CRTD)
 */
CW_INLINE int columns_line(const cw_style *s, line *l)
{
    int kind = CW_FRAME, fd = 0, remote = 0, extended = -1;
    unsigned length = ANY_LENGTH, n;
    uint32_t id = 0;
    for (const uint8_t *column = s->layout; *column; column++) {
        l->at = skip_blanks(l->at);
        switch (*column) {
        case 'N':
        case 'R':
            skip_word(s, l);
            break;
        case 'O':
            if ((kind = take_time(s, l))) return kind;
            break;
        case 'T':
            if ((kind = trc_type(l, &fd, &remote))) return kind;
            break;
        case 'd':
            if ((kind = take_direction(s, l))) return kind;
            break;
        case 'K':
            if ((kind = crtd_type(s, l, &extended))) return kind;
            break;
        case 'B':
            if (!take_small(l, 255, &n)) return CW_BAD_BUS;
            l->bus = (uint8_t)n;
            break;
        case 'I':
        case 'i':
            if (l->at[0] == '0' && lower(l->at[1]) == 'x') l->at += 2;
            n = take_hex(l, &id);
            if (!n || n > 8 || !is_gap(s, *l->at)) return CW_BAD_ID;
            if (*column == 'i') break;
            if (id == 0xFFFFFFFFu) return CW_STATUS; /* a warning of PCAN TRC 1.x */
            extended = n > 4;
            break;
        case 'X':
            extended = lower(*l->at) == 't' || *l->at == '1';
            if (!extended && lower(*l->at) != 'f' && *l->at != '0') return CW_BAD_TYPE;
            skip_word(s, l);
            break;
        case 'L':
            if (!take_small(l, 15, &length)) return CW_BAD_LENGTH;
            length = fd ? FD_LENGTH[length] : length > 8 ? 8 : length;
            break;
        case 'l':
            if (!take_small(l, 64, &length) || !is_fd_length(length)) return CW_BAD_LENGTH;
            break;
        case 'D':
            if (*l->at == 'E' && begins(l->at, "error")) return CW_BUS_ERROR; /* PCAN TRC 1.0 */
            if (*l->at == 'R' && begins(l->at, "rtr")) {
                remote = 1;
                l->at += 3;
            }
            if (remote) {
                if (length == ANY_LENGTH) length = 0;
                if (length > 8) return CW_BAD_LENGTH;
                l->size = (uint8_t)length;
            } else if (CW_UNLIKELY((kind = take_bytes(s, l, length)) || (kind = no_more_bytes(s, l)))) {
                return kind;
            }
            break;
        default: /* the rest of the line is free text */
            l->at = line_end(l->at);
        }
        if (s->separator && column[1]) {
            l->at = skip_blanks(l->at);
            if (!take(l, (uint8_t)s->separator) && column[1] != 'D') return CW_UNKNOWN;
        }
    }
    kind = set_id(l, id, extended < 0 ? id > 0x7FF : extended);
    if (remote) l->id |= CW_REMOTE;
    return kind;
}

/* An ASC id in the log's base, `x` behind a 29-bit one; false when the word is none. */
CW_INLINE int take_asc_id(const cw_style *s, line *l, uint32_t *id, int *extended)
{
    const uint8_t *const start = l->at;
    const unsigned n = s->decimal ? take_small(l, 0x1FFFFFFF, id) : take_hex(l, id);
    *extended = lower(*l->at) == 'x';
    l->at += *extended;
    if (n && n <= 9 && is_blank(*l->at)) return 1;
    l->at = start;
    return 0;
}

/* The id of a message written by name, from behind its payload: `ID = 1785`, `ID = 418119424x`. */
static int find_asc_id(line at, uint32_t *id, int *extended)
{
    while (!is_end(*at.at) && !begins(at.at, " id = ")) at.at++;
    if (is_end(*at.at)) return 0;
    at.at += 6;
    const unsigned n = take_small(&at, 0x1FFFFFFF, id);
    *extended = *at.at == 'x';
    return n != 0;
}

/* A data length code in the log's base. */
CW_INLINE int take_code(const cw_style *s, line *l, unsigned *code)
{
    if (s->decimal) {
        if (!take_small(l, 15, code)) return 0;
    } else {
        *code = HEX[*l->at];
        if (*code == NO_HEX) return 0;
        l->at++;
    }
    return is_gap(s, *l->at);
}

/* `1 Rx   167x  Name  1 0 8  8 73 80 ...`: two flags, length code, length, payload; then counters. */
CW_INLINE int asc_fd_line(const cw_style *s, line *l)
{
    uint32_t id;
    int extended, kind;
    unsigned bus, code, length;
    if (!take_small(l, 255, &bus) || !is_blank(*l->at)) return CW_BAD_BUS;
    l->bus = (uint8_t)bus;
    l->at = skip_blanks(l->at);
    if (begins(l->at, "txrq")) return CW_EVENT;
    if ((kind = take_direction(s, l))) return kind;
    l->at = skip_blanks(l->at);
    if (begins(l->at, "errorframe")) return CW_BUS_ERROR;
    if (!take_asc_id(s, l, &id, &extended) || set_id(l, id, extended)) return CW_BAD_ID;
    l->at = skip_blanks(l->at);
    if (!is_digit(l->at[0]) || !is_gap(s, l->at[1])) skip_word(s, l); /* the message's name */
    for (int flag = 0; flag < 2; flag++) {
        if (!is_digit(*l->at)) return CW_BAD_TYPE;
        skip_word(s, l);
    }
    if (!take_code(s, l, &code)) return CW_BAD_LENGTH;
    l->at = skip_blanks(l->at);
    if (!take_small(l, 64, &length) || !is_gap(s, *l->at)) return CW_BAD_LENGTH;
    if (!length && code) {
        l->id |= CW_REMOTE;
        l->size = (uint8_t)(code > 8 ? 8 : code);
    } else {
        if (length != FD_LENGTH[code] && !(code > 8 && length == 8)) return CW_MISMATCH;
        if ((kind = take_bytes(s, l, length))) return kind;
    }
    l->at = line_end(l->at);
    return CW_FRAME;
}

/* Vector ASC: `   3.098426 1  18EBFF00x  Rx   d 8 01 A0 0F A6 60 3B D1 40  Length = 273910 ...`. */
CW_INLINE int asc_line(const cw_style *s, line *l)
{
    uint32_t id = 0;
    int extended = 0, kind;
    unsigned n;
    l->at = skip_blanks(l->at);
    if (!is_digit(*l->at)) return CW_UNKNOWN;
    if ((kind = take_time(s, l)) || !is_blank(*l->at)) return CW_BAD_TIME;
    l->at = skip_blanks(l->at);
    if (CW_UNLIKELY(!is_digit(*l->at))) {
        if (!begins(l->at, "canfd ")) return is_end(*l->at) ? CW_TRUNCATED : CW_EVENT;
        l->at = skip_blanks(l->at + 6);
        return asc_fd_line(s, l);
    }
    if (!take_small(l, 255, &n) || !is_blank(*l->at)) return CW_BAD_BUS;
    l->bus = (uint8_t)n;
    l->at = skip_blanks(l->at);
    if (begins(l->at, "errorframe")) return CW_BUS_ERROR;
    const int known = take_asc_id(s, l, &id, &extended);
    if (known)
        l->at = skip_blanks(l->at);
    else
        skip_word(s, l);
    if (begins(l->at, "txrq")) return CW_EVENT;
    if ((kind = take_direction(s, l))) return known || is_end(*l->at) ? kind : CW_EVENT;
    l->at = skip_blanks(l->at);
    const uint8_t type = *l->at;
    if ((type != 'd' && type != 'r') || !is_gap(s, l->at[1])) return CW_BAD_TYPE;
    if (!known && !find_asc_id(*l, &id, &extended)) return CW_BAD_ID;
    if (set_id(l, id, extended)) return CW_BAD_ID;
    l->at = skip_blanks(l->at + 1);
    if (type == 'r') {
        l->id |= CW_REMOTE;
        l->size = is_digit(*l->at) && is_gap(s, l->at[1]) && *l->at < '9' ? *l->at - '0' : 0;
    } else {
        if (!take_code(s, l, &n)) return CW_BAD_LENGTH;
        if ((kind = take_bytes(s, l, n > 8 ? 8 : n)) || (kind = no_more_bytes(s, l))) return kind;
    }
    l->at = line_end(l->at);
    return CW_FRAME;
}

/* Where the next line begins when this one ends at p, or NULL while that cannot be told. */
CW_INLINE const uint8_t *next_line(const uint8_t *p, const uint8_t *end, int final)
{
    if (p == end) return final ? end : NULL;
    if (*p == '\r') {
        if (p + 1 == end) return final ? end : NULL;
        if (p[1] == '\n') p++;
    }
    return p + 1;
}

/* What a line is that gave no frame: a known word, else bytes that are no text, else what its reader said. */
static int judge(int kind, const uint8_t *start, const uint8_t *at, const uint8_t *end)
{
    const uint8_t *const word = skip_blanks(start);
    if (kind < CW_TRUNCATED) return kind;
    for (size_t i = 0; i < sizeof WORDS / sizeof *WORDS; i++)
        if (begins(word, WORDS[i].word)) return WORDS[i].kind;
    for (const uint8_t *p = start; p < end; p++)
        if ((*p < ' ' && *p != '\t') || *p > '~') return CW_BINARY;
    return at == end && kind != CW_MISMATCH ? CW_TRUNCATED : kind;
}

static void count_line(cw_log *log, int kind, const uint8_t *start, const uint8_t *end)
{
    if (log->count[kind] < CW_KEPT) log->line[kind][log->count[kind]] = log->lines;
    log->count[kind]++;
    if (log->example_size[kind]) return;
    log->example_at[kind] = start - log->text;
    log->example_size[kind] = end - start;
}

/* Puts a time on the log's axis: differences are added up, wraps of the format's clock undone. */
static int settle(cw_log *log, line *l)
{
    const int64_t base = log->delta ? log->now_ns : log->wrapped_ns;
    if (l->t > INT64_MAX - log->wrap_ns - base) return CW_BAD_TIME;
    if (l->t >= log->wrap_ns) log->wrap_ns = 0; /* so this clock does not start over */
    l->t += base;
    if (log->wrap_ns && l->t < log->now_ns - log->wrap_ns / 2) {
        log->wrapped_ns += log->wrap_ns;
        l->t += log->wrap_ns;
    }
    log->now_ns = l->t;
    return CW_FRAME;
}

CW_INLINE int is_name(const uint8_t *name, const line *l)
{
    return !memcmp(name, l->name, (size_t)l->name_size) && !name[l->name_size];
}

/* The number of an interface: its place in the order of first appearance; CW_NAMES when there are too many. */
static int bus_of(cw_log *log, const line *l)
{
    int i = 0;
    while (i < log->names && !is_name(log->name[i], l)) i++;
    if (i < CW_NAMES && i == log->names) memcpy(log->name[log->names++], l->name, (size_t)l->name_size);
    return i;
}

static void step_back(cw_log *log, int64_t t, int64_t number)
{
    if (log->back_count < CW_KEPT) log->back_line[log->back_count] = number;
    log->back_count++;
    if (log->last_ns - t <= log->back_ns) return;
    log->back_ns = log->last_ns - t;
    log->back_from_ns = log->last_ns;
    log->back_to_ns = t;
}

CW_INLINE void watch_clock(cw_log *log, int64_t t, uint8_t bus, int64_t number)
{
    if (CW_UNLIKELY(t < log->last_ns)) step_back(log, t, number);
    if (CW_UNLIKELY(t < log->bus_last_ns[bus])) log->back_in_bus++;
    log->last_ns = log->bus_last_ns[bus] = t;
}

/* Gives a complete line its effect: a frame in the columns, or a count under what it is. */
CW_INLINE void finish(cw_log *log, int kind, line *l, const uint8_t *start, const uint8_t *end, int *bus)
{
    log->lines++;
    if (kind == CW_FRAME && l->name && (*bus >= log->names || !is_name(log->name[*bus], l))) {
        *bus = bus_of(log, l);
        if (*bus == CW_NAMES) kind = CW_BAD_BUS;
    }
    if (CW_UNLIKELY(log->delta || log->wrap_ns) && l->stamp_size && settle(log, l)) kind = CW_BAD_TIME;
    if (CW_UNLIKELY(kind != CW_FRAME)) {
        count_line(log, kind, start, end);
        return;
    }
    const int64_t n = log->frames++;
    if (l->name) l->bus = (uint8_t)*bus;
    log->t_ns[n] = l->t;
    log->bus[n] = l->bus;
    log->id[n] = l->id;
    log->size[n] = l->size;
    watch_clock(log, l->t, l->bus, log->lines);
    if (!n) {
        log->first_stamp_at = l->stamp - log->text;
        log->first_stamp_size = l->stamp_size;
    }
    log->last_stamp_at = l->stamp - log->text;
    log->last_stamp_size = l->stamp_size;
}

CW_INLINE int32_t run(cw_log *log, line_reader read)
{
    const cw_style style = log->style;
    if (log->text_size < 0 || log->text_room - CW_TEXT_PAD < log->text_size || log->room < 0 ||
        (style.width != 8 && style.width != 64) || style.unit < 0 || style.unit > 9 ||
        style.layout[sizeof style.layout - 1] || log->names < 0 || log->names > CW_NAMES)
        return CW_BAD_CALL;
    const uint8_t *const end = log->text + log->text_size, *start = log->text;
    int32_t status = CW_DONE;
    int bus = 0;
    memset(log->text + log->text_size, '\n', CW_TEXT_PAD);
    memset(log->example_size, 0, sizeof log->example_size);
    log->frames = 0;
    while (start < end) {
        if (CW_UNLIKELY(log->skipping)) { /* the rest of a line that is too long */
            const uint8_t *const stop = line_end(start), *const next = next_line(stop, end, log->final);
            start = next ? next : stop;
            if (!next) break;
            log->skipping = 0;
            continue;
        }
        if (CW_UNLIKELY(log->frames == log->room)) {
            status = CW_FULL;
            break;
        }
        line l = {.at = start, .data = log->data + log->frames * style.width, .stamp = start};
        if (CW_LIKELY(style.width == 8))
            memset(l.data, 0, 8);
        else
            memset(l.data, 0, 64);
        int kind = is_end(*skip_blanks(start)) ? CW_BLANK : read(&style, &l);
        if (CW_UNLIKELY(kind == CW_WIDE)) {
            status = CW_WIDE;
            break;
        }
        if (kind == CW_FRAME) l.at = skip_blanks(l.at);
        const uint8_t *const stop = line_end(l.at), *const next = next_line(stop, end, log->final);
        if (CW_UNLIKELY(stop - start > CW_LINE_MAX)) {
            kind = CW_TOO_LONG;
        } else if (CW_UNLIKELY(!next)) {
            break;
        } else if (CW_UNLIKELY(kind != CW_FRAME || l.at != stop)) {
            kind = judge(kind == CW_FRAME ? CW_BAD_DATA : kind, start, l.at, stop);
        }
        finish(log, kind, &l, start, stop, &bus);
        log->skipping = !next;
        start = next ? next : stop;
    }
    log->consumed = start - log->text;
    return status;
}

int32_t cw_log_candump(cw_log *log) { return run(log, candump_line); }
int32_t cw_log_display(cw_log *log) { return run(log, display_line); }
int32_t cw_log_columns(cw_log *log) { return run(log, columns_line); }
int32_t cw_log_asc(cw_log *log) { return run(log, asc_line); }

void cw_log_clock(cw_log *log, const int64_t *t_ns, const uint8_t *bus, const int64_t *line, int64_t n)
{
    for (int64_t i = 0; i < n; i++) watch_clock(log, t_ns[i], bus[i], line[i]);
}

int64_t cw_log_struct_size(void) { return (int64_t)sizeof(cw_log); }
