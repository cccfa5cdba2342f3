/* Fields of payloads, in and out: what decoding and both ways of encoding share. */
#ifndef CW_BITS_H
#define CW_BITS_H

#include "codec.h"

CW_INLINE uint64_t load_le(const uint8_t *p)
{
    uint64_t w;
    memcpy(&w, p, 8);
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    w = __builtin_bswap64(w);
#endif
    return w;
}

CW_INLINE void store_le(uint8_t *p, uint64_t w)
{
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    w = __builtin_bswap64(w);
#endif
    memcpy(p, &w, 8);
}

CW_INLINE uint64_t mask_of(unsigned width) { return UINT64_MAX >> (64 - width); }

/* The raw bits of a field. The window and its ninth byte lie inside the payload (`need` was checked). */
CW_INLINE uint64_t extract(const cw_field *f, const uint8_t *p)
{
    const uint64_t le = load_le(p + f->byte);
    uint64_t raw;
    if (CW_LIKELY(!(f->flags & CW_SPILL))) {
        raw = ((f->flags & CW_BIG) ? __builtin_bswap64(le) : le) >> f->shift;
    } else if (f->flags & CW_BIG) {
        raw = __builtin_bswap64(le) << f->shift | p[f->byte + 8] >> (8 - f->shift);
    } else {
        const unsigned here = f->width - f->shift;
        raw = le >> (64 - here) | (uint64_t)p[f->byte + 8] << here;
    }
    return raw & mask_of(f->width);
}

CW_INLINE void insert(const cw_field *f, uint8_t *p, uint64_t raw)
{
    const uint64_t mask = mask_of(f->width);
    uint8_t *const window = p + f->byte;
    uint64_t w = load_le(window);
    const int big = f->flags & CW_BIG;
    raw &= mask;
    if (big) w = __builtin_bswap64(w);
    if (!(f->flags & CW_SPILL)) {
        w = (w & ~(mask << f->shift)) | raw << f->shift;
    } else if (big) { /* the lowest `shift` bits go to the top of the ninth byte */
        const unsigned low = f->shift;
        w = (w & ~(mask >> low)) | raw >> low;
        window[8] = (uint8_t)((window[8] & (0xFFu >> low)) | (raw & ((1u << low) - 1)) << (8 - low));
    } else { /* the highest `shift` bits go to the bottom of the ninth byte */
        const unsigned here = f->width - f->shift, at = 64 - here;
        w = (w & ~(UINT64_MAX << at)) | raw << at;
        window[8] = (uint8_t)((window[8] & (0xFFu << f->shift)) | raw >> here);
    }
    if (big) w = __builtin_bswap64(w);
    store_le(window, w);
}

/* a + b without overflow; b is not negative. */
CW_INLINE int64_t later(int64_t a, int64_t b) { return a > INT64_MAX - b ? INT64_MAX : a + b; }

#endif
