/* Shared by the kernels: plain C11, no allocation, no globals, no I/O; every length is checked. */
#ifndef CW_H
#define CW_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(_WIN32)
#define CW_API __declspec(dllexport)
#else
#define CW_API __attribute__((visibility("default")))
#endif

#if defined(__GNUC__) || defined(__clang__)
#define CW_LIKELY(x) __builtin_expect(!!(x), 1)
#define CW_UNLIKELY(x) __builtin_expect(!!(x), 0)
#define CW_INLINE static inline __attribute__((always_inline))
#else
#define CW_LIKELY(x) (x)
#define CW_UNLIKELY(x) (x)
#define CW_INLINE static inline
#endif

#define CW_EXTENDED 0x80000000u
#define CW_REMOTE 0x40000000u
#define CW_ERROR 0x20000000u

#endif
