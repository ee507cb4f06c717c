/*
 * One target, its request, an answer to fill in, and the verdict. To be included behind
 * cmocka.h.
 */
#ifndef GATHERD_TESTS_UNIT_VERDICT_STAGE_H
#define GATHERD_TESTS_UNIT_VERDICT_STAGE_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/compiler.h"
#include "base/secrets.h"
#include "base/xalloc.h"
#include "config/config.h"
#include "config/render.h"
#include "fake_config.h"
#include "gather/outcome.h"
#include "gather/verdict.h"

#define SECRET "s3cr3t-t0ken"

/* 2026-11-21T03:40:00.000Z */
#define NOW_MS INT64_C(1795232400000)

/* One target, its request, an answer to fill in, and the verdict. */
struct fixture {
	struct config *config;
	struct target *target;
	struct request *request;
	struct verdict_context context;
	struct response response;
	struct outcome outcome;
};

UNUSED static int
set_up(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));

	f->config = fake_config_new(1);
	f->target = f->config->targets[0];
	f->request = &f->target->rendered->request;
	f->context = (struct verdict_context){ .timeout_ms = 5000, .wall_ms = NOW_MS };
	outcome_init(&f->outcome);
	*state = f;
	return 0;
}

UNUSED static int
tear_down(void **state)
{
	struct fixture *f = *state;

	response_clear(&f->response);
	outcome_clear(&f->outcome);
	fake_config_free(f->config);
	free(f);
	return 0;
}

UNUSED static void
answer_bytes(
    struct fixture *f, long http_status, const char *type, const char *body, size_t len)
{
	response_clear(&f->response);
	outcome_clear(&f->outcome);
	f->response = (struct response){
		.result = RESPONSE_COMPLETE,
		.http_status = http_status,
		.content_type = type != NULL ? xstrdup(type) : NULL,
		.body = xmemdup0(body, len),
		.body_len = len,
		.bytes = len,
		.retry_after_ms = -1,
		.tls = { .expires_at_ms = -1 },
		.timing = { -1, -1, -1, -1, -1 },
	};
}

UNUSED static void
answer(struct fixture *f, long http_status, const char *type, const char *body)
{
	answer_bytes(f, http_status, type, body, strlen(body));
}

UNUSED static void
judge(struct fixture *f)
{
	verdict_judge(f->target, f->request, &f->response, &f->context, &f->outcome);
}

UNUSED static void
carry_secret(struct fixture *f)
{
	f->request->secrets = secrets_new();
	secrets_add(f->request->secrets, SECRET, strlen(SECRET));
}

UNUSED static void
assert_ok(const struct fixture *f, const char *data)
{
	assert_int_equal(f->outcome.status, STATUS_OK);
	assert_int_equal(f->outcome.kind, KIND_NONE);
	assert_int_equal(f->outcome.phase, -1);
	assert_null(f->outcome.message);
	assert_null(f->outcome.excerpt);
	if (data == NULL) {
		assert_null(f->outcome.data);
		return;
	}
	assert_non_null(f->outcome.data);
	assert_string_equal(f->outcome.data, data);
	assert_int_equal(f->outcome.data_len, strlen(data));
}

UNUSED static void
assert_failed(const struct fixture *f, enum error_kind kind, const char *message)
{
	assert_int_equal(f->outcome.kind, kind);
	assert_int_equal(f->outcome.status, error_kind_status(kind));
	assert_string_equal(f->outcome.message, message);
	assert_null(f->outcome.data);
}

UNUSED static void
assert_warnings(const struct fixture *f, const char *const *texts)
{
	size_t i = 0;

	for (; texts[i] != NULL; i++) {
		assert_true(i < f->outcome.warning_count);
		assert_string_equal(f->outcome.warnings[i], texts[i]);
	}
	assert_int_equal(f->outcome.warning_count, i);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

#endif
