#include "config/check_parts.h"

#include <sys/stat.h>

#include "config/config.h"
#include "config/faults.h"
#include "config/listen.h"

/* A Unix socket has the permissions of the files; a port has none at all. */
void
check_listen(const struct check *check)
{
	const struct config *config = check->config;

	if (config->listen_address.kind != LISTEN_TCP ||
	    (config->output.permissions & S_IROTH) != 0)
		return;
	faults_warning(check->faults, config->listen.place,
	    "listen: everybody %s can read here what output.permissions, %04o, keep from "
	    "others: unix: and a path would keep it, too",
	    listen_is_local(&config->listen_address) ? "on this machine"
	                                             : "who can reach this address",
	    config->output.permissions);
}
