#include "config/print.h"

#include "config/config.h"
#include "config/keyed.h"
#include "config/keys.h"
#include "config/shown.h"
#include "config/types.h"

void
config_print(const struct config *config, struct buffer *out)
{
	struct shown_vars *shown = shown_vars_new(config);
	struct printing printing = { .config = config, .shown = shown };

	yaml_write_init(&printing.yaml, out);
	keyed_print(&file_keys, config, &printing);
	yaml_write_end(&printing.yaml);
	shown_vars_free(shown);
}
