/* Text of CAN logs to columns of frames: what the kernels of logs.c share with their callers. */
#ifndef CW_LOGS_H
#define CW_LOGS_H

#include "cw.h"

#ifndef CW_LINE_MAX
#define CW_LINE_MAX 65536 /* a longer line is reported, never waited for */
#endif

enum {
    CW_TEXT_PAD = 64,    /* bytes behind the text that the kernels may write */
    CW_KEPT = 5,         /* line numbers kept per kind of line */
    CW_NAME_SIZE = 32,
    CW_NAMES = 256
};

/* What a line is. All from CW_TRUNCATED on are faults; those before are proper lines that hold no frame. */
enum {
    CW_FRAME,
    CW_BLANK,
    CW_COMMENT,
    CW_HEADER,
    CW_EVENT,     /* a record of the logging program's own: trigger, marker, statistics */
    CW_STATUS,    /* a record about the bus or the controller */
    CW_BUS_ERROR, /* an error frame of which the log keeps no id */
    CW_TRUNCATED, /* ends before its frame is complete */
    CW_BAD_TIME,
    CW_BAD_BUS,
    CW_BAD_TYPE,
    CW_BAD_ID,
    CW_BAD_LENGTH,
    CW_BAD_DATA,
    CW_MISMATCH, /* other than as many bytes as the length says */
    CW_BINARY,
    CW_TOO_LONG,
    CW_UNKNOWN,
    CW_KINDS
};

/* What a call ended with. */
enum {
    CW_DONE,      /* all whole lines of the text are used up */
    CW_FULL,      /* no room for another frame; call again behind `consumed` */
    CW_WIDE = 64, /* the next line is CAN FD and the columns are 8 bytes wide; call again with 64 */
    CW_BAD_CALL = -1
};

/* How a log is written. */
typedef struct cw_style {
    int32_t width;     /* bytes per payload in the columns: 8 or 64 */
    int32_t unit;      /* decimal places from a time's unit to ns: 9 for seconds, 6, 3, 0 */
    int32_t decimal;   /* ids and payloads are decimal (ASC) */
    int32_t separator; /* between cells, or 0 for blanks */
    uint8_t layout[24];
} cw_style;

typedef struct cw_log {
    cw_style style;
    int32_t delta;   /* times are differences to the line before */
    int32_t final;   /* the text ends the log, so its last line needs no end */
    int64_t wrap_ns; /* times start over after this long, or 0 */

    /* The text: `text_room` is at least text_size + CW_TEXT_PAD. */
    uint8_t *text;
    int64_t text_size, text_room;

    /* The columns, for `room` frames. */
    int64_t *t_ns;
    uint8_t *bus;
    uint32_t *id;
    uint8_t *size;
    uint8_t *data;
    int64_t room;

    /* Kept from call to call; zero at first, but the last times, which start at INT64_MIN. */
    int64_t lines, now_ns, wrapped_ns, last_ns, bus_last_ns[256];
    int32_t skipping, names;
    uint8_t name[CW_NAMES][CW_NAME_SIZE];
    int64_t count[CW_KINDS], line[CW_KINDS][CW_KEPT];
    int64_t back_count, back_in_bus, back_ns, back_from_ns, back_to_ns, back_line[CW_KEPT];

    /* Results of this call; places are offsets into the text. */
    int64_t consumed, frames;
    int64_t example_at[CW_KINDS], example_size[CW_KINDS];
    int64_t first_stamp_at, first_stamp_size, last_stamp_at, last_stamp_size;
} cw_log;

/* Each uses up whole lines of the text and returns what it ended with. */
CW_API int32_t cw_log_candump(cw_log *log);
CW_API int32_t cw_log_display(cw_log *log);
CW_API int32_t cw_log_columns(cw_log *log);
CW_API int32_t cw_log_asc(cw_log *log);

/* Watches the clock of frames that came another way; frame i stands in line line[i]. */
CW_API void cw_log_clock(cw_log *log, const int64_t *t_ns, const uint8_t *bus, const int64_t *line, int64_t n);
CW_API int64_t cw_log_struct_size(void);

#endif
