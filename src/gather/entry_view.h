/*
 * One entry of the board as templates see it: its fields by their names in the document.
 */
#ifndef GATHERD_GATHER_ENTRY_VIEW_H
#define GATHERD_GATHER_ENTRY_VIEW_H

struct board_entry;
struct entry_view;
struct json_view;
struct template_value;

/* Of ENTRY, which stays as it is until entry_view_free(), as JSON does. Both borrowed. */
struct entry_view *entry_view_new(
    const struct board_entry *entry, struct json_view *json);
/* With all it ever handed out. NULL is allowed. */
void entry_view_free(struct entry_view *view);

/* The map of its fields; with `listed`, of its name and kind, too. */
void entry_view_value(const struct entry_view *view, struct template_value *value);
void entry_view_listed(const struct entry_view *view, struct template_value *value);

#endif
