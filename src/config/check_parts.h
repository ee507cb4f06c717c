/*
 * What the files of config/check share; not for others.
 */
#ifndef GATHERD_CONFIG_CHECK_PARTS_H
#define GATHERD_CONFIG_CHECK_PARTS_H

struct config;
struct faults;
struct prompt;
struct provider;
struct target;
struct text;

struct check {
	const struct config *config;
	struct faults *faults;
};

/* TEXT, of the key WHAT: does a secret stand in it literally, for everybody to read? SHOWN,
 * which is released, is its source with its literal secrets masked. */
void check_literal(
    const struct check *check, const struct text *text, const char *what, char *shown);

/* The name of TARGET as it stands in the file. */
const char *check_written_name(const struct target *target);

/* Where it is listened. */
void check_listen(const struct check *check);

/* What only a prompt has, and a provider. */
void check_prompt(const struct check *check, const struct prompt *prompt);
void check_provider(const struct check *check, const struct provider *provider);

#endif
