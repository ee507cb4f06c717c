#include "publish/page/page.h"

#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/compiler.h"
#include "base/digest.h"
#include "base/span.h"
#include "publish/page/assets.h"
#include "publish/snapshot.h"

/* ---- the policy ---- */

/* What holds of the page wherever it lies; frame-ancestors works in a header only. */
#define POLICY_FORMAT                                                         \
	"default-src 'none'; script-src 'sha256-%s'; style-src 'sha256-%s'; " \
	"connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'"
#define POLICY_HEADER_END "; frame-ancestors 'none'"

static pthread_once_t policy_once = PTHREAD_ONCE_INIT;
static char policy[512];
static size_t policy_meta_len; /* without what only a header may say */

static void
make_policy(void)
{
	char script[DIGEST_BASE64_SIZE], style[DIGEST_BASE64_SIZE];

	digest_base64(script, page_js, page_js_len);
	digest_base64(style, page_css, page_css_len);
	snprintf(
	    policy, sizeof(policy), POLICY_FORMAT POLICY_HEADER_END, script, style);
	policy_meta_len = strlen(policy) - strlen(POLICY_HEADER_END);
}

const char *
page_policy(void)
{
	pthread_once(&policy_once, make_policy);
	return policy;
}

/* ---- what is put in ---- */

/* What a page is made of; borrowed. */
struct page {
	const struct snapshot *snapshot;
	struct span summary;
	bool live;
};

static void
append_escaped(struct buffer *out, const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		switch (text[i]) {
		case '&':
			buffer_append_string(out, "&amp;");
			break;
		case '<':
			buffer_append_string(out, "&lt;");
			break;
		case '>':
			buffer_append_string(out, "&gt;");
			break;
		case '"':
			buffer_append_string(out, "&quot;");
			break;
		default:
			buffer_append_char(out, text[i]);
		}
	}
}

/* The text that stands in the head by that name. */
static void
put_member(struct buffer *out, const struct page *page, const char *name)
{
	size_t len = 0;
	char *text = span_text(span_member(page->summary, name), &len);

	if (text != NULL)
		append_escaped(out, text, len);
	free(text);
}

static void
put_policy(struct buffer *out, UNUSED const struct page *page)
{
	const char *text = page_policy();

	buffer_append(out, text, policy_meta_len);
}

static void
put_style(struct buffer *out, UNUSED const struct page *page)
{
	buffer_append(out, (const char *)page_css, page_css_len);
}

static void
put_script(struct buffer *out, UNUSED const struct page *page)
{
	buffer_append(out, (const char *)page_js, page_js_len);
}

static void
put_host(struct buffer *out, const struct page *page)
{
	put_member(out, page, "host");
}

static void
put_time(struct buffer *out, const struct page *page)
{
	put_member(out, page, "generated_at");
}

/* For whoever runs no scripts: the script says it better. */
static void
put_overall(struct buffer *out, const struct page *page)
{
	struct span total = span_member(span_member(page->summary, "counts"), "total");
	struct span status = span_member(page->summary, "status");
	size_t failed = span_count(span_member(page->summary, "failed"));
	bool is_ok = span_is_text(status, "ok");

	put_member(out, page, "status");
	buffer_append_format(
	    out, ": %zu of %.*s targets failed", failed, (int)total.len, total.text);
	if (failed > 0 && is_ok)
		buffer_append_string(out, ", none of them required");
}

/* JSON without a `<`, so that nothing in it ends the element that it stands in. */
static void
put_data(struct buffer *out, const struct page *page)
{
	size_t count = snapshot_entry_count(page->snapshot);

	buffer_append_format(
	    out, "{\"live\":%s,\"summary\":", page->live ? "true" : "false");
	buffer_append(out, page->summary.text, page->summary.len);
	buffer_append_string(out, ",\"entries\":[");
	for (size_t i = 0; i < count; i++) {
		struct snapshot_entry entry;

		snapshot_entry(page->snapshot, i, &entry);
		buffer_append_string(out, i > 0 ? ",\n" : "\n");
		buffer_append(out, entry.card.text, entry.card.len);
	}
	buffer_append_string(out, "\n]}");
}

/* ---- the whole ---- */

/* What stands in page.html between two @, and what becomes of it. */
static const struct slot {
	const char *word;
	void (*put)(struct buffer *out, const struct page *page);
} slots[] = {
	{ "POLICY", put_policy },
	{ "STYLE", put_style },
	{ "HOST", put_host },
	{ "TIME", put_time },
	{ "OVERALL", put_overall },
	{ "DATA", put_data },
	{ "SCRIPT", put_script },
};

/* The slot whose word stands at TEXT, before another @; NULL: none does. */
static const struct slot *
find_slot(const char *text, const char *end)
{
	for (size_t i = 0; i < ARRAY_COUNT(slots); i++) {
		size_t len = strlen(slots[i].word);

		if ((size_t)(end - text) > len && text[len] == '@' &&
		    memcmp(text, slots[i].word, len) == 0)
			return &slots[i];
	}
	return NULL;
}

/* About as much as it will take, so that nothing is copied twice. */
static size_t
expected_bytes(const struct page *page)
{
	size_t count = snapshot_entry_count(page->snapshot);
	size_t bytes = page_html_len + page_css_len + page_js_len + page->summary.len +
	    sizeof(policy) + 1024;

	for (size_t i = 0; i < count; i++) {
		struct snapshot_entry entry;

		snapshot_entry(page->snapshot, i, &entry);
		bytes += entry.card.len + 2;
	}
	return bytes;
}

void
page_append(struct buffer *out, const struct snapshot *snapshot, bool live)
{
	const struct page page = { snapshot, snapshot_summary(snapshot), live };
	const char *text = (const char *)page_html;
	const char *end = text + page_html_len;

	(void)!buffer_reserve(out, expected_bytes(&page));
	while (text < end) {
		const char *at = memchr(text, '@', (size_t)(end - text));
		const struct slot *slot = at != NULL ? find_slot(at + 1, end) : NULL;

		if (slot == NULL)
			break;
		buffer_append(out, text, (size_t)(at - text));
		slot->put(out, &page);
		text = at + 1 + strlen(slot->word) + 1;
	}
	/* No @ stands there but for slots. */
	buffer_append(out, text, (size_t)(end - text));
}
