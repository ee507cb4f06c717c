#include "fake_http.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"

struct exchange {
	size_t place; /* in the heap */
	int64_t at_us;
	uint64_t
	    sequence; /* what is due at the same time is reported in starting order */
	size_t number;
	const struct fake_answer *answer;
	bool keep_head;
	bool timed_out;
	exchange_done_fn *done;
	void *done_arg;
};

struct fake_http {
	int64_t now_us;
	struct fake_answer *answers;
	size_t answer_count;
	const struct fake_answer **next; /* of each number, the answer to come */
	size_t *under_way;               /* of each number, how many now */
	bool overlapped;

	struct exchange **heap; /* the next report on top */
	size_t heap_len;
	size_t heap_capacity;
	size_t most_in_flight;

	size_t *started;
	size_t started_len;
	size_t started_capacity;

	fake_http_see_fn *see; /* NULL: nobody looks */
	void *see_arg;
};

struct fake_http *
fake_http_new(size_t count)
{
	struct fake_http *fake = xcalloc(1, sizeof(*fake));

	fake->now_us = FAKE_START_US;
	fake->answers = xcalloc(count, sizeof(*fake->answers));
	fake->answer_count = count;
	fake->next = xcalloc(count, sizeof(struct fake_answer *));
	fake->under_way = xcalloc(count, sizeof(*fake->under_way));
	for (size_t i = 0; i < count; i++)
		fake_http_answer(fake, i)->http_status = 204;
	return fake;
}

void
fake_http_free(struct fake_http *fake)
{
	assert(fake->heap_len == 0);
	free(fake->answers);
	free((void *)fake->next);
	free(fake->under_way);
	free((void *)fake->heap);
	free(fake->started);
	free(fake);
}

struct fake_answer *
fake_http_answer(struct fake_http *fake, size_t number)
{
	assert(number < fake->answer_count);
	fake->next[number] = &fake->answers[number];
	return &fake->answers[number];
}

void
fake_http_watch(struct fake_http *fake, fake_http_see_fn *see, void *arg)
{
	fake->see = see;
	fake->see_arg = arg;
}

/* ---- the heap ---- */

static bool
is_before(const struct exchange *a, const struct exchange *b)
{
	return a->at_us != b->at_us ? a->at_us < b->at_us : a->sequence < b->sequence;
}

static void
put_at(struct fake_http *fake, size_t place, struct exchange *exchange)
{
	fake->heap[place] = exchange;
	exchange->place = place;
}

static void
sift_up(struct fake_http *fake, size_t place, struct exchange *exchange)
{
	while (place > 0) {
		size_t parent = (place - 1) / 2;

		if (!is_before(exchange, fake->heap[parent]))
			break;
		put_at(fake, place, fake->heap[parent]);
		place = parent;
	}
	put_at(fake, place, exchange);
}

static void
sift_down(struct fake_http *fake, size_t place, struct exchange *exchange)
{
	for (;;) {
		size_t child = 2 * place + 1;

		if (child >= fake->heap_len)
			break;
		if (child + 1 < fake->heap_len &&
		    is_before(fake->heap[child + 1], fake->heap[child]))
			child++;
		if (!is_before(fake->heap[child], exchange))
			break;
		put_at(fake, place, fake->heap[child]);
		place = child;
	}
	put_at(fake, place, exchange);
}

static void
heap_add(struct fake_http *fake, struct exchange *exchange)
{
	if (fake->heap_len == fake->heap_capacity) {
		fake->heap_capacity = 2 * fake->heap_capacity + 16;
		fake->heap = xreallocarray(
		    (void *)fake->heap, fake->heap_capacity, sizeof(struct exchange *));
	}
	sift_up(fake, fake->heap_len++, exchange);
	if (fake->heap_len > fake->most_in_flight)
		fake->most_in_flight = fake->heap_len;
}

static void
heap_remove(struct fake_http *fake, struct exchange *exchange)
{
	size_t place = exchange->place;
	struct exchange *last = fake->heap[--fake->heap_len];

	if (last == exchange)
		return;
	if (is_before(last, exchange))
		sift_up(fake, place, last);
	else
		sift_down(fake, place, last);
}

static struct exchange *
heap_pop(struct fake_http *fake)
{
	struct exchange *top = fake->heap[0];
	struct exchange *last = fake->heap[--fake->heap_len];

	fake->heap[0] = NULL;
	if (fake->heap_len > 0)
		sift_down(fake, 0, last);
	return top;
}

/* ---- struct http_client ---- */

static int64_t
now_us(void *arg)
{
	const struct fake_http *fake = arg;

	return fake->now_us;
}

/* Prompts go to one URL: theirs is that of the model "mN". */
static size_t
number_of(const struct request *request)
{
	static const char key[] = "\"model\":\"m";
	const char *model = request->body != NULL ? strstr(request->body, key) : NULL;

	if (model != NULL)
		return strtoul(model + strlen(key), NULL, 10);
	return strtoul(strrchr(request->url.text, '/') + 1, NULL, 10);
}

/* The answer to the next request of that number, as the table says. */
static const struct fake_answer *
take_answer(struct fake_http *fake, size_t number)
{
	const struct fake_answer *answer;

	assert(number < fake->answer_count);
	answer = fake->next[number];
	if (answer->then != NULL)
		fake->next[number] = answer->then;
	return answer;
}

static void
note_start(struct fake_http *fake, size_t number)
{
	if (fake->started_len == fake->started_capacity) {
		fake->started_capacity = 2 * fake->started_capacity + 16;
		fake->started = xreallocarray(
		    fake->started, fake->started_capacity, sizeof(*fake->started));
	}
	fake->started[fake->started_len++] = number;
}

static struct exchange *
start(void *client, const struct request *request, int64_t timeout_us,
    exchange_done_fn *done, void *done_arg)
{
	struct fake_http *fake = client;
	struct exchange *exchange = xcalloc(1, sizeof(*exchange));
	int64_t delay_us;

	assert(timeout_us > 0);
	exchange->number = number_of(request);
	exchange->answer = take_answer(fake, exchange->number);
	exchange->keep_head = request->keep_head;
	delay_us = exchange->answer->delay_us;
	exchange->timed_out = delay_us >= timeout_us;
	exchange->at_us = fake->now_us + (exchange->timed_out ? timeout_us : delay_us);
	exchange->sequence = fake->started_len;
	exchange->done = done;
	exchange->done_arg = done_arg;
	note_start(fake, exchange->number);
	fake->overlapped |= fake->under_way[exchange->number]++ > 0;
	heap_add(fake, exchange);
	if (fake->see != NULL)
		fake->see(request, timeout_us, fake->see_arg);
	return exchange;
}

static void
cancel(void *client, struct exchange *exchange)
{
	struct fake_http *fake = client;

	heap_remove(fake, exchange);
	fake->under_way[exchange->number]--;
	free(exchange);
}

struct http_client
fake_http_client(struct fake_http *fake)
{
	return (struct http_client){
		.start = start,
		.cancel = cancel,
		.now_us = now_us,
		.client = fake,
	};
}

/* ---- the clock ---- */

static int64_t
wall_ms(void *arg)
{
	const struct fake_http *fake = arg;

	return FAKE_START_MS + (fake->now_us - FAKE_START_US) / 1000;
}

struct clock_source
fake_http_clock(struct fake_http *fake)
{
	return (
	    struct clock_source){ .now_us = now_us, .wall_ms = wall_ms, .arg = fake };
}

int64_t
fake_http_now_us(const struct fake_http *fake)
{
	return fake->now_us;
}

/* ---- reports ---- */

static char *
copy_or_null(const char *text)
{
	return text != NULL ? xstrdup(text) : NULL;
}

/* A part of the request may have arrived where an answer, or the phase that it was
 * waited for in, shows that there was a connection. */
static bool
was_sent(const struct fake_answer *answer, bool timed_out)
{
	return answer->sent || answer->phase >= PHASE_FIRST_BYTE ||
	    (!timed_out && answer->http_status != 0);
}

static void
fill_tls(struct response_tls *tls, const struct fake_answer *answer)
{
	tls->version = answer->tls_version;
	if (answer->certificate_expires_at_ms != 0)
		tls->expires_at_ms = answer->certificate_expires_at_ms;
}

static void
fill_response(struct response *response, const struct fake_answer *answer)
{
	const char *body = answer->body != NULL ? answer->body : "";

	response->result = answer->result;
	response->http_status = answer->http_status;
	if (answer->retry_after)
		response->retry_after_ms = answer->retry_after_ms;
	response->no_content = answer->http_status == 204;
	response->lost = answer->lost;
	response->body = xstrdup(body);
	response->body_len = strlen(body);
	response->bytes = response->body_len;
	response->content_type = copy_or_null(answer->content_type);
	response->message = copy_or_null(answer->message);
	response->hops = answer->final_url != NULL ? 1 : 0;
	response->final_url = copy_or_null(answer->final_url);
	fill_tls(&response->tls, answer);
}

bool
fake_http_step(struct fake_http *fake)
{
	struct exchange *next;
	struct exchange exchange;
	const struct fake_answer *answer;
	struct response response = {
		.result = RESPONSE_TIMEOUT,
		.retry_after_ms = -1,
		.tls.expires_at_ms = -1,
		.timing = { -1, -1, -1, -1, 0 },
	};

	if (fake->heap_len == 0)
		return false;
	next = heap_pop(fake);
	exchange = *next;
	free(next); /* dead before the report, for ASan to see who uses it */

	fake->under_way[exchange.number]--;
	fake->now_us = exchange.at_us;
	answer = exchange.answer;
	if (exchange.timed_out)
		response.body = xstrdup("");
	else
		fill_response(&response, answer);
	if (!exchange.timed_out && exchange.keep_head)
		response.head = copy_or_null(answer->head);
	response.phase = answer->phase;
	response.sent = was_sent(answer, exchange.timed_out);
	exchange.done(&response, exchange.done_arg);
	response_clear(&response);
	return true;
}

void
fake_http_pass(struct fake_http *fake, int64_t us)
{
	int64_t until_us = fake->now_us + us;

	while (fake->heap_len > 0 && fake->heap[0]->at_us <= until_us)
		fake_http_step(fake);
	fake->now_us = until_us;
}

/* ---- what was seen ---- */

size_t
fake_http_in_flight(const struct fake_http *fake)
{
	return fake->heap_len;
}

size_t
fake_http_most_in_flight(const struct fake_http *fake)
{
	return fake->most_in_flight;
}

bool
fake_http_overlapped(const struct fake_http *fake)
{
	return fake->overlapped;
}

size_t
fake_http_started_count(const struct fake_http *fake)
{
	return fake->started_len;
}

size_t
fake_http_started(const struct fake_http *fake, size_t index)
{
	assert(index < fake->started_len);
	return fake->started[index];
}
