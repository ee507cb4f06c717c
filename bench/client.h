/*
 * One connection of a load: asks, is answered, counts.
 */
#ifndef GATHERD_BENCH_CLIENT_H
#define GATHERD_BENCH_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#define MAX_REQUEST_BYTES 1024
#define MAX_HEAD_BYTES    4096
#define MAX_ETAG_BYTES    64
#define ETAGS_KEPT        4
#define SECOND_US         INT64_C(1000000)

enum client_state {
	CLIENT_IDLE,       /* connected or not; may ask */
	CLIENT_CONNECTING, /* with a request to send */
	CLIENT_HEAD,
	CLIENT_BODY,
};

struct client {
	enum client_state state;
	int fd;                /* -1: not connected */
	uint64_t answer_count; /* on this connection */
	int64_t due_us;
	bool is_compared;
	bool closes; /* the server will, after this answer */
	char etag[MAX_ETAG_BYTES];
	size_t head_len;
	size_t body_len; /* by its Content-Length */
	size_t body_got;
	size_t body_capacity;
	char *body; /* owned; of answers that are compared */
	char head[MAX_HEAD_BYTES + 1];
};

/* An answer, to which others of the same ETag are compared. */
struct kept {
	char etag[MAX_ETAG_BYTES];
	char *body; /* owned */
	size_t len;
};

struct counts {
	uint64_t requests; /* each once, though it was sent again */
	uint64_t answers;  /* whole, with a status of 2xx or 304 */
	uint64_t compared;
	uint64_t refused; /* other statuses */
	uint64_t short_bodies;
	uint64_t torn;   /* not what was answered before with the same ETag */
	uint64_t errors; /* none of those: not HTTP, lost, never answered */
	uint64_t retries;
	uint64_t connects;
	uint64_t bytes; /* of bodies */
};

/* What all clients share. */
struct load {
	struct sockaddr_storage address;
	socklen_t address_len;
	char request[MAX_REQUEST_BYTES];
	size_t request_len;
	unsigned long compare_each;
	int epoll_fd; /* of clients; each is its event's data */

	unsigned long client_count;
	struct client *clients; /* owned */
	struct client *
	    *idle; /* owned; a ring of client_count, the longest idle first */
	size_t idle_first;
	size_t idle_count;

	struct kept kept[ETAGS_KEPT];
	size_t kept_next;
	struct counts counts;
	int64_t last_us;        /* when the last answer came */
	uint32_t *latencies_us; /* owned */
	size_t latency_count;
	size_t latency_capacity;
};

/* The program ends with errno's reason. */
_Noreturn void die(const char *what);
/* As reallocarray(3), and never NULL. */
void *grow(void *memory, size_t count, size_t size);
int64_t now_us(void);

/* Make the clients, which are idle. The other fields are those of the caller. */
void load_begin(struct load *load);
void load_end(struct load *load);

/* Have the longest idle client, of which there is one, ask what was due at DUE_US. */
void load_ask(struct load *load, int64_t due_us);

/* epoll(7) has something for CLIENT. */
void client_serve(struct load *load, struct client *client);

#endif
