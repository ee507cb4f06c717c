#include "serve/hosts.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <string.h>
#include <strings.h>

#define LOCALHOST "localhost"

/* The ports' digits at TEXT, if any: whichever they are. */
static bool
is_port_or_nothing(const char *text)
{
	if (*text == '\0')
		return true;
	return *text == ':' && text[1 + strspn(text + 1, "0123456789")] == '\0';
}

/* LEN bytes of TEXT as a text of its own. */
static bool
copy_host(char host[static NI_MAXHOST], const char *text, size_t len)
{
	if (len == 0 || len >= NI_MAXHOST)
		return false;
	memcpy(host, text, len);
	host[len] = '\0';
	return true;
}

/* "[::1]:8787" */
static bool
is_ipv6(const char *authority)
{
	const char *end = strchr(authority, ']');
	char host[NI_MAXHOST];
	struct in6_addr address;

	return end != NULL && is_port_or_nothing(end + 1) &&
	    copy_host(host, authority + 1, (size_t)(end - authority - 1)) &&
	    inet_pton(AF_INET6, host, &address) == 1;
}

/* Names are the same with a dot at the end, which says that nothing is to be put behind. */
static void
drop_last_dot(char *name)
{
	size_t len = strlen(name);

	if (len > 1 && name[len - 1] == '.')
		name[len - 1] = '\0';
}

/* "localhost", or a name below it (RFC 6761, section 6.3). */
static bool
is_localhost(const char *name)
{
	const size_t tail = strlen(LOCALHOST);
	size_t len = strlen(name);

	if (len < tail || strcasecmp(name + len - tail, LOCALHOST) != 0)
		return false;
	return len == tail || (len > tail + 1 && name[len - tail - 1] == '.');
}

static bool
is_machine(const char *name, const char *machine)
{
	char host[NI_MAXHOST];

	if (!copy_host(host, machine, strlen(machine)))
		return false;
	drop_last_dot(host);
	return strcasecmp(name, host) == 0;
}

bool
hosts_is_ours(const char *authority, const char *machine)
{
	size_t len = strcspn(authority, ":");
	char host[NI_MAXHOST];
	struct in_addr address;

	if (authority[0] == '[')
		return is_ipv6(authority);
	if (!is_port_or_nothing(authority + len) || !copy_host(host, authority, len))
		return false;
	if (inet_pton(AF_INET, host, &address) == 1)
		return true;
	drop_last_dot(host);
	return is_localhost(host) || is_machine(host, machine);
}
