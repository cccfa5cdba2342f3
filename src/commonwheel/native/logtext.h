/* Fields of a log's lines: times, ids, payloads.
 *
 * Each reader takes what is its own from `line.at` on and leaves `at` at the first byte that is not. A line
 * end is never taken, and line ends stand behind the text, so that no reader has to compare with an end.
 */
#ifndef CW_LOGTEXT_H
#define CW_LOGTEXT_H

#include "logs.h"

/* One line while it is read. */
typedef struct line {
    const uint8_t *at; /* next byte to read */
    int64_t t;
    uint32_t id;
    uint8_t bus, size;
    uint8_t *data;
    const uint8_t *stamp, *name; /* the time and the bus as written, or NULL */
    int64_t stamp_size, name_size;
} line;

#define NO_HEX 0xFFu
#define ANY_LENGTH 255u
#define X4 NO_HEX, NO_HEX, NO_HEX, NO_HEX
#define X16 X4, X4, X4, X4
#define XA NO_HEX, 10, 11, 12, 13, 14, 15, NO_HEX, X4, X4

static const uint8_t HEX[256] = {X16, X16, X16, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, NO_HEX, NO_HEX, X4, XA, X16, XA, X16,
                                 X16, X16, X16, X16, X16, X16, X16, X16};
static const uint64_t POWER[] = {1, 10, 100, 1000, 10000, 100000, 1000000, 10000000, 100000000, 1000000000};

CW_INLINE int is_blank(uint8_t c) { return c == ' ' || c == '\t'; }
CW_INLINE int is_end(uint8_t c) { return c == '\n' || c == '\r'; }
CW_INLINE int is_hex(uint8_t c) { return HEX[c] != NO_HEX; }
CW_INLINE int is_digit(uint8_t c) { return c >= '0' && c <= '9'; }
CW_INLINE uint8_t lower(uint8_t c) { return c >= 'A' && c <= 'Z' ? c + 32 : c; }
CW_INLINE int is_gap(const cw_style *s, uint8_t c)
{
    return is_blank(c) || is_end(c) || (s->separator && c == s->separator);
}
CW_INLINE int is_fd_length(unsigned n) { return n <= 8 || (n <= 24 ? n % 4 == 0 : n == 32 || n == 48 || n == 64); }

CW_INLINE const uint8_t *skip_blanks(const uint8_t *p)
{
    while (is_blank(*p)) p++;
    return p;
}

CW_INLINE const uint8_t *line_end(const uint8_t *p)
{
    while (!is_end(*p)) p++;
    return p;
}

/* Whether the text at p begins with a word, which is in lower case. */
static int begins(const uint8_t *p, const char *word)
{
    for (; *word; p++, word++)
        if (lower(*p) != (uint8_t)*word) return 0;
    return 1;
}

CW_INLINE int take(line *l, uint8_t c)
{
    if (CW_UNLIKELY(*l->at != c)) return 0;
    l->at++;
    return 1;
}

CW_INLINE void skip_word(const cw_style *s, line *l)
{
    while (!is_gap(s, *l->at)) l->at++;
    l->at = skip_blanks(l->at);
}

/* Up to eight digits at once; returns how many there are. */
CW_INLINE unsigned take_digits(line *l, uint64_t *value)
{
    uint64_t v;
    memcpy(&v, l->at, 8);
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    v = __builtin_bswap64(v);
#endif
    v ^= 0x3030303030303030u;
    const uint64_t other = ((v + 0x7676767676767676u) | v) & 0x8080808080808080u;
    unsigned n = 8;
    if (other) {
        /* The bytes before the first one that is no digit, counted by a multiplication. */
        n = (unsigned)(((((other & (0 - other)) >> 7) - 1) & 0x0101010101010101u) * 0x0101010101010101u >> 56);
        if (!n) return 0;
        v <<= 64 - 8 * n;
    }
    v = v * 10 + (v >> 8);
    v = (v & 0xFF000000FFu) * 0xF424000000064u + (v >> 16 & 0xFF000000FFu) * 0x271000000001u;
    *value = v >> 32;
    l->at += n;
    return n;
}

/* A whole number of at most 19 digits; returns how many, 0 when it is none. */
CW_INLINE unsigned take_number(line *l, uint64_t *value)
{
    uint64_t more = 0;
    unsigned n = take_digits(l, value), total = n;
    while (CW_UNLIKELY(n == 8)) {
        n = take_digits(l, &more);
        total += n;
        if (total > 19) return 0;
        if (n) *value = *value * POWER[n] + more;
    }
    return total;
}

CW_INLINE unsigned take_small(line *l, unsigned most, unsigned *value)
{
    uint64_t v = 0;
    const unsigned n = take_number(l, &v);
    *value = (unsigned)v;
    return v > most ? 0 : n;
}

/* Hexadecimal digits; returns how many there are, 9 for more than eight. */
CW_INLINE unsigned take_hex(line *l, uint32_t *value)
{
    unsigned n = 0;
    for (*value = 0; is_hex(*l->at); l->at++, n++) {
        if (n == 8) return 9;
        *value = *value << 4 | HEX[*l->at];
    }
    return n;
}

/* A time to ns, exactly; digits below a nanosecond are dropped. */
CW_INLINE int take_time(const cw_style *s, line *l)
{
    const unsigned unit = (unsigned)s->unit;
    uint64_t whole, part = 0;
    l->stamp = l->at;
    if (!take_number(l, &whole) || whole > (uint64_t)INT64_MAX / POWER[9] * POWER[9 - unit] - 1) return CW_BAD_TIME;
    if (*l->at == '.' || (*l->at == ',' && s->separator != ',')) {
        l->at++;
        unsigned n = take_digits(l, &part);
        if (n == 8 && is_digit(*l->at)) {
            part = part * 10 + HEX[*l->at++];
            n = 9;
            while (is_digit(*l->at)) l->at++;
        }
        part = n <= unit ? part * POWER[unit - n] : part / POWER[n - unit];
    }
    l->t = (int64_t)(whole * POWER[unit] + part);
    l->stamp_size = l->at - l->stamp;
    return CW_FRAME;
}

/* `2021-05-10 15:02:46.148635`, as if it were UTC. */
CW_INLINE int take_date(const cw_style *s, line *l)
{
    static const uint8_t BEHIND[] = "-- ::";
    const uint8_t *const start = l->at;
    unsigned v[5];
    for (int i = 0; i < 5; i++)
        if (!take_small(l, 9999, &v[i]) || !take(l, BEHIND[i])) return CW_BAD_TIME;
    if (v[0] < 1970 || v[0] > 2200 || v[1] - 1 > 11 || v[2] - 1 > 30 || v[3] > 23 || v[4] > 59) return CW_BAD_TIME;
    if (take_time(s, l) || l->t > 61 * (int64_t)POWER[9]) return CW_BAD_TIME;
    const int64_t year = v[0] - (v[1] < 3), month = (v[1] + 9) % 12; /* a year begins in March */
    const int64_t days = 365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + v[2] - 719469;
    l->t += ((days * 24 + v[3]) * 60 + v[4]) * 60 * (int64_t)POWER[9];
    l->stamp = start;
    l->stamp_size = l->at - start;
    return CW_FRAME;
}

/* What was read is wrong, where a reader that stops at the line's end would mean that something is missing. */
CW_INLINE int wrong(line *l, int kind)
{
    l->at--;
    return kind;
}

CW_INLINE int set_id(line *l, uint32_t id, int extended)
{
    l->id = extended ? id | CW_EXTENDED : id;
    return id > (extended ? 0x1FFFFFFFu : 0x7FFu) ? wrong(l, CW_BAD_ID) : CW_FRAME;
}

/* An id as SocketCAN writes it: three digits, or eight that may hold the error flag. */
CW_INLINE int take_socketcan_id(line *l)
{
    uint32_t id;
    const unsigned n = take_hex(l, &id);
    if (CW_LIKELY(n == 3)) return set_id(l, id, 0);
    if (n == 8 && id >> 29 == 1) {
        l->id = id;
        return CW_FRAME;
    }
    return n > 3 && n < 9 ? set_id(l, id, 1) : CW_BAD_ID;
}

/* The name of a network interface, with a blank behind it. */
CW_INLINE int take_name(line *l)
{
    l->name = l->at;
    while (*l->at > ' ' && *l->at <= '~') l->at++;
    l->name_size = l->at - l->name;
    if (!l->name_size || l->name_size >= CW_NAME_SIZE || !is_blank(*l->at)) return CW_BAD_BUS;
    l->at = skip_blanks(l->at);
    return CW_FRAME;
}

/* One byte that stands alone: two hexadecimal digits, or a decimal number. */
CW_INLINE int take_byte(const cw_style *s, line *l, uint8_t *value)
{
    const uint8_t *const p = l->at;
    if (CW_UNLIKELY(s->decimal)) {
        unsigned n;
        if (!take_small(l, 255, &n)) return 0;
        *value = (uint8_t)n;
    } else {
        if (!is_hex(p[0]) || !is_hex(p[1])) return 0;
        *value = (uint8_t)(HEX[p[0]] << 4 | HEX[p[1]]);
        l->at += 2;
    }
    if (CW_LIKELY(is_gap(s, *l->at))) return 1;
    l->at = p;
    return 0;
}

/* To the next byte of a payload: over blanks, and over one separator where the log has them. */
CW_INLINE void next_cell(const cw_style *s, line *l)
{
    l->at = skip_blanks(l->at);
    if (s->separator && *l->at == s->separator) l->at = skip_blanks(l->at + 1);
}

/* A payload of single bytes: `count` of them, or as many as there are. */
CW_INLINE int take_bytes(const cw_style *s, line *l, unsigned count)
{
    const unsigned most = count == ANY_LENGTH ? 64 : count, width = (unsigned)s->width;
    unsigned i = 0;
    if (count != ANY_LENGTH && count > width) return CW_WIDE;
    for (l->at = skip_blanks(l->at); i < most && !is_end(*l->at); i++, next_cell(s, l)) {
        if (i == width) return CW_WIDE;
        if (CW_UNLIKELY(!take_byte(s, l, l->data + i))) return CW_BAD_DATA;
    }
    l->size = (uint8_t)i;
    if (count == ANY_LENGTH) return is_fd_length(i) && is_end(*l->at) ? CW_FRAME : wrong(l, CW_BAD_LENGTH);
    if (CW_UNLIKELY(i < count)) return CW_MISMATCH;
    return CW_FRAME;
}

/* Behind a payload: nothing, or in a table cells of padding. */
CW_INLINE int no_more_bytes(const cw_style *s, line *l)
{
    uint8_t extra;
    if (s->separator) {
        while (take_byte(s, l, &extra) || *l->at == s->separator) next_cell(s, l);
        return CW_FRAME;
    }
    return CW_UNLIKELY(!is_end(*l->at)) && take_byte(s, l, &extra) ? CW_MISMATCH : CW_FRAME;
}

/* `0000000000000009`: the bytes run together, or with dots between them. */
CW_INLINE int take_run(const cw_style *s, line *l, unsigned most)
{
    unsigned n = 0;
    for (; n < most; n++, l->at += 2) {
        if (*l->at == '.') l->at++;
        if (!is_hex(l->at[0]) || !is_hex(l->at[1])) break;
        if (CW_UNLIKELY(n == (unsigned)s->width)) return CW_WIDE;
        l->data[n] = (uint8_t)(HEX[l->at[0]] << 4 | HEX[l->at[1]]);
    }
    l->size = (uint8_t)n;
    if (CW_UNLIKELY(is_hex(*l->at))) return n == most ? CW_BAD_LENGTH : CW_BAD_DATA;
    return is_fd_length(n) ? CW_FRAME : wrong(l, CW_BAD_LENGTH);
}

#endif
