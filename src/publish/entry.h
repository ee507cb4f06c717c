/*
 * One target's entry in the status document, as text made from the table of fields.
 */
#ifndef GATHERD_PUBLISH_ENTRY_H
#define GATHERD_PUBLISH_ENTRY_H

#include <stdbool.h>
#include <stddef.h>

struct board_entry;
struct buffer;

/*
 * Append `"NAME": {...}`: as a former run published it where that was restored and there
 * was no outcome since. With LEFT_OUT, a reason, its data (`data`, of a prompt also what was
 * sent and answered, and the last good ones of all these) is null, many `values` are none, and
 * the reason stands last in `warnings`; NULL: as it is.
 */
void entry_append(
    struct buffer *out, const struct board_entry *entry, const char *left_out);

/* How many bytes of the entry are its data: what leaving it out would save, about. */
size_t entry_data_bytes(const struct board_entry *entry);

#endif
