#include "config/print.h"

#include "config/config.h"
#include "config/keyed.h"
#include "config/keys.h"
#include "config/types.h"

void
config_print(const struct config *config, struct buffer *out)
{
	struct printing printing = { .config = config };

	yaml_write_init(&printing.yaml, out);
	keyed_print(&file_keys, config, &printing);
	yaml_write_end(&printing.yaml);
}
