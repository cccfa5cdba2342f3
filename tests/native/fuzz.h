/* What the fuzz targets that build tables share: an input as a source of decisions, and memory with nothing behind it. */
#ifndef COMMONWHEEL_FUZZ_H
#define COMMONWHEEL_FUZZ_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void check(int holds, const char *what)
{
    if (holds) return;
    fprintf(stderr, "does not hold: %s\n", what);
    abort();
}

/* ---- decisions ---------------------------------------------------------------------------------- */

static const uint8_t *input;
static size_t input_size;
static uint64_t seed;

/* The next byte of the input; behind its end, one that follows from it. */
static uint8_t byte(void)
{
    if (input_size) {
        seed = (seed ^ *input) * 0x100000001B3u;
        return input_size--, *input++;
    }
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (uint8_t)(seed >> 32);
}

static uint64_t any_word(void)
{
    uint64_t w = 0;
    for (int i = 0; i < 8; i++) w = w << 8 | byte();
    return w;
}

static uint32_t below(uint32_t n) { return n < 2 ? 0 : n <= 256 ? byte() % n : (uint32_t)(any_word() % n); }

/* ---- memory ------------------------------------------------------------------------------------- */

static void *boxes[64];
static size_t boxed;

/* `count` elements from `from`, or zeroes, in memory of their own with nothing behind it. */
static void *box(const void *from, size_t count, size_t size)
{
    void *const p = malloc(count * size);
    if ((!p && count) || boxed == sizeof boxes / sizeof *boxes) abort();
    if (from && count) memcpy(p, from, count * size);
    else if (count) memset(p, 0, count * size);
    return boxes[boxed++] = p;
}

static void unbox(void)
{
    while (boxed) free(boxes[--boxed]);
}

#endif
