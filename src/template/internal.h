/*
 * What a compiled template consists of. Only for the files of this room.
 */
#ifndef GATHERD_TEMPLATE_INTERNAL_H
#define GATHERD_TEMPLATE_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>

#include "base/marked.h"
#include "template/template.h"

enum template_node_kind {
	NODE_TEXT,     /* literal */
	NODE_VALUE,    /* {{name}} */
	NODE_RAW,      /* {{{name}}} and {{&name}} */
	NODE_SECTION,  /* {{#name}} */
	NODE_INVERTED, /* {{^name}} */
	NODE_END,      /* {{/name}} */
};

struct template_node {
	enum template_node_kind kind;
	enum mark mark;   /* TEXT: of all of it */
	bool in_section;  /* it stands inside a section, inverted or not */
	const char *text; /* TEXT: the bytes; all others: the path, NUL-terminated */
	size_t len;       /* of `text` */
	size_t offset;    /* in the source */
	size_t partner;   /* SECTION, INVERTED: the index of the END; END: of those */
};

struct template
{
	enum template_place place;
	char *source;                /* a copy, owned; the nodes' texts lie in it */
	struct template_node *nodes; /* owned; in the order of the source */
	size_t node_count;
};

/* ---- where rendered values go ---- */

struct template_output {
	enum template_place place;
	struct marked *out;
	struct secrets *carried;              /* NULL: nobody asks */
	size_t steps_left;                    /* the work that may still be done */
	struct template_insertion *insertion; /* NULL: values stand as they are */
	bool ends_block; /* a block's last line was written, and not its end */
};

void template_spend(struct template_output *output, size_t steps);
/* The work that BYTES of text are. */
void template_spend_bytes(struct template_output *output, size_t bytes);

/* Returns false where it is too large. */
bool template_put(
    struct template_output *output, const char *text, size_t len, enum mark mark);

/* SECRET was put in. */
void template_carry(struct template_output *output, const char *secret, size_t len);
/* The same, as it stands inside a JSON string. */
void template_carry_escaped(
    struct template_output *output, const char *secret, size_t len);

/* How a value is put in. */
enum template_form {
	FORM_ESCAPED, /* for the place */
	FORM_RAW,     /* as it is, as far as the place allows */
	FORM_JSON,    /* with its type */
};

enum template_result template_put_value(struct template_output *output,
    const struct template_value *value, enum template_form form);

/* Put it in as `insertion` says, in a block called LABEL; NULL: in none. */
enum template_result template_insert(struct template_output *output,
    const struct template_value *value, const char *label);

#endif
