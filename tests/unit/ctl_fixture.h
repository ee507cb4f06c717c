/*
 * A status document for tests of what gatherctl makes of it. To be included behind
 * cmocka.h.
 */
#ifndef GATHERD_TESTS_UNIT_CTL_FIXTURE_H
#define GATHERD_TESTS_UNIT_CTL_FIXTURE_H

#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/compiler.h"
#include "publish/document.h"

/* 2026-11-21T03:40:12.123Z: twelve seconds after the document was made. */
#define FIXTURE_NOW_MS INT64_C(1795232412123)

#define FIXTURE_PAYMENTS                                                                    \
	"{\"status\":\"timeout\",\"since\":\"2026-11-21T01:35:12.000Z\","                   \
	"\"checked_at\":\"2026-11-21T03:40:00.100Z\",\"last_ok_at\":null,\"failures\":3,"   \
	"\"next_at\":null,\"attempts\":2,\"http_status\":null,"                             \
	"\"url\":\"https://api.example.com/pay?user=42\",\"final_url\":null,"               \
	"\"duration_ms\":5001.2,\"timing_ms\":{\"queued\":0.1,\"dns\":0.4,\"connect\":1.2," \
	"\"tls\":null,\"first_byte\":null,\"total\":5001.2},\"bytes\":0,"                   \
	"\"certificate_expires_at\":null,\"error\":{\"kind\":\"timeout\","                  \
	"\"phase\":\"first_byte\",\"message\":\"timed out after 5s waiting for the first "  \
	"byte\",\"excerpt\":null},\"warnings\":[],\"values\":{},\"data\":null,"             \
	"\"group\":\"shop\"}"

/* Without its closing brace. */
#define FIXTURE_OPEN_ORDERS                                                                  \
	"{\"status\":\"degraded\",\"since\":\"2026-11-21T03:40:00.100Z\","                   \
	"\"checked_at\":\"2026-11-21T03:40:00.100Z\","                                       \
	"\"last_ok_at\":\"2026-11-21T03:39:30.100Z\",\"failures\":0,\"next_at\":null,"       \
	"\"attempts\":1,\"http_status\":200,\"url\":\"https://api.example.com/orders\","     \
	"\"final_url\":\"https://eu.example.com/orders\","                                   \
	"\"duration_ms\":203.4,\"timing_ms\":{\"queued\":0.1,\"dns\":null,\"connect\":null," \
	"\"tls\":null,\"first_byte\":180.0,\"total\":203.4},\"bytes\":1536,"                 \
	"\"certificate_expires_at\":\"2026-12-31T03:40:12.123Z\",\"error\":null,"            \
	"\"warnings\":[\"the queue is long\",\"slow\"],"                                     \
	"\"values\":{\"queue\":18446744073709551615,\"state\":\"up\"},"                      \
	"\"data\":{\"depth\":0.10},\"labels\":{\"team\":\"web\"},"                           \
	"\"description\":\"Open orders\""
#define FIXTURE_ORDERS FIXTURE_OPEN_ORDERS ",\"novel_key\":[1,{\"a\":2}]}"

#define FIXTURE_HEADLINE                                                                     \
	"{\"status\":\"ok\",\"success\":true,\"since\":\"2026-11-20T03:40:00.000Z\","        \
	"\"checked_at\":\"2026-11-21T03:40:00.000Z\","                                       \
	"\"last_ok_at\":\"2026-11-21T03:40:00.000Z\",\"failures\":0,\"attempts\":1,"         \
	"\"http_status\":200,\"provider\":\"gemini\",\"model\":\"gemini-2.0-flash\","        \
	"\"duration_ms\":812.0,\"prompt\":\"In one line?\",\"response\":\"All\\nis well.\"," \
	"\"finish_reason\":\"stop\",\"usage\":{\"input_tokens\":21,\"output_tokens\":5,"     \
	"\"reasoning_tokens\":null,\"cached_tokens\":null,\"total_tokens\":26},"             \
	"\"reused\":false,\"error\":null,\"warnings\":[],\"values\":{},\"data\":null}"

/* Written as gatherd does. `failed` also names one that is not there. */
#define FIXTURE_DOCUMENT                                                                   \
	"{\n"                                                                              \
	"  \"version\": 1,\n"                                                              \
	"  \"generator\": \"gatherd 0.1.0\",\n"                                            \
	"  \"host\": \"web1\",\n"                                                          \
	"  \"generation\": 17,\n"                                                          \
	"  \"generated_at\": \"2026-11-21T03:40:00.123Z\",\n"                              \
	"  \"stale_after\": \"2026-11-21T03:41:05.123Z\",\n"                               \
	"  \"status\": \"degraded\",\n"                                                    \
	"  \"outcome\": \"complete\",\n"                                                   \
	"  \"mode\": \"settle\",\n"                                                        \
	"  \"round\": {\"number\":17,\"duration_ms\":203.4,\"targets\":3},\n"              \
	"  \"in_flight\": [],\n"                                                           \
	"  \"counts\": {\"total\":3,\"ok\":1,\"degraded\":1,\"timeout\":1,\"error\":0},\n" \
	"  \"failed\": [\"gone\",\"payments\"],\n"                                         \
	"  \"services\": {\n"                                                              \
	"    \"payments\": " FIXTURE_PAYMENTS ",\n"                                        \
	"    \"orders\": " FIXTURE_ORDERS "\n"                                             \
	"  },\n"                                                                           \
	"  \"prompts\": {\n"                                                               \
	"    \"headline\": " FIXTURE_HEADLINE "\n"                                         \
	"  }\n"                                                                            \
	"}\n"

/* TEXT as a document; what is wrong with it in *FAULT. */
UNUSED static bool
fixture_try(struct document *document, const char *text, char **fault)
{
	struct buffer copy;

	buffer_init(&copy, BUFFER_UNLIMITED);
	buffer_append_string(&copy, text);
	return document_parse(document, &copy, fault);
}

UNUSED static void
fixture_parse(struct document *document, const char *text)
{
	char *fault = NULL;

	if (!fixture_try(document, text, &fault))
		fail_msg("%s", fault);
}

#endif
