#include "config/keys.h"

#include <string.h>

#include "config/config.h"

const char *const target_kind_names[] = { "service", "prompt", NULL };

const struct key_table *
keys_of_targets(enum target_kind kind)
{
	switch (kind) {
	case TARGET_SERVICE:
		break;
	case TARGET_PROMPT:
		return &prompt_keys;
	}
	return &service_keys;
}

const struct key *
keys_find(const struct key_table *table, const char *name)
{
	for (; table != NULL; table = table->also) {
		for (size_t i = 0; i < table->count; i++) {
			if (strcmp(table->keys[i].name, name) == 0)
				return &table->keys[i];
		}
	}
	return NULL;
}

bool
keys_is_extension(const char *name)
{
	return strncmp(name, "x-", 2) == 0;
}
