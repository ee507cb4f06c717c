#include "config/keys_shared.h"

#include "base/compiler.h"
#include "config/config.h"

const char *const keys_ip_names[] = { "any", "4", "6", NULL };
const char *const keys_http_version_names[] = { "1.1", "2", "2-prior-knowledge", NULL };
static const char *const tls_version_names[] = { "1.2", "1.3", NULL };

static const struct key tls_rows[] = {
	{ "ca", &type_path, offsetof(struct way, tls.ca),
	    .description =
	        "A file of PEM certificates: whoever these sign is trusted. By "
	        "default those the system trusts." },
	{ "cert", &type_path, offsetof(struct way, tls.cert),
	    .description = "A PEM file with the client's own certificate." },
	{ "key", &type_path, offsetof(struct way, tls.key),
	    .description = "A PEM file with its key. By default in the same file." },
	{ "server_name", &type_optional, offsetof(struct way, tls.server_name),
	    .description = "The name that is asked for in the handshake and that the "
	                   "certificate must hold. By default the URL's host." },
	{ "min_version", &type_word, offsetof(struct way, tls.min_version), "1.2",
	    .names = tls_version_names,
	    .description = "The oldest version of TLS that is spoken." },
	{ "verify", &type_bool, offsetof(struct way, tls.verify), "true",
	    .description = "false: whoever answers is believed. Told in the log and in "
	                   "the document." },
};

const struct key_table tls_keys = {
	.keys = tls_rows,
	.count = ARRAY_COUNT(tls_rows),
};
