#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <locale.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/compiler.h"
#include "base/xalloc.h"
#include "http/url.h"

static struct url
parsed(const char *text)
{
	struct url url;
	const char *why = NULL;

	if (!url_parse(text, &url, &why))
		fail_msg("%s: %s", text, why);
	return url;
}

static void
assert_text_or_null(const char *what, const char *is, const char *wanted)
{
	if (wanted == NULL && is == NULL)
		return;
	if (wanted == NULL || is == NULL || strcmp(is, wanted) != 0)
		fail_msg("%s: \"%s\" instead of \"%s\"", what, is ? is : "NULL",
		    wanted ? wanted : "NULL");
}

static const struct {
	const char *text;
	const char *normal;
	const char *host;
	unsigned port;
} good[] = {
	{ "http://example.com", "http://example.com/", "example.com", 80 },
	{ "https://example.com", "https://example.com/", "example.com", 443 },
	{ "HTTP://Example.COM/A", "http://example.com/A", "example.com", 80 },
	{ "hTTpS://h/", "https://h/", "h", 443 },
	{ "http://h:80/", "http://h/", "h", 80 },
	{ "https://h:443/", "https://h/", "h", 443 },
	{ "http://h:443/", "http://h:443/", "h", 443 },
	{ "https://h:80/", "https://h:80/", "h", 80 },
	{ "http://h:8080", "http://h:8080/", "h", 8080 },
	{ "http://h:65535/", "http://h:65535/", "h", 65535 },
	{ "http://h:1/", "http://h:1/", "h", 1 },
	{ "http://h:/", "http://h/", "h", 80 },
	{ "http://h:0080/", "http://h/", "h", 80 },
	{ "http://h:08080/", "http://h:8080/", "h", 8080 },
	{ "http://h?q", "http://h/?q", "h", 80 },
	{ "http://h#f", "http://h/", "h", 80 },
	{ "http://h/x#f", "http://h/x", "h", 80 },
	{ "http://h/x?a#f?b", "http://h/x?a", "h", 80 },
	{ "http://h/x?", "http://h/x?", "h", 80 },
	{ "http://h?#?", "http://h/?", "h", 80 },
	{ "http://h/x#?", "http://h/x", "h", 80 },
	{ "http://H%2ecom/x?", "http://h.com/x?", "h.com", 80 },
	{ "http://h/x?a=1&b=2", "http://h/x?a=1&b=2", "h", 80 },
	{ "http://h/x?u=http://g/y", "http://h/x?u=http://g/y", "h", 80 },
	{ "http://h/@me", "http://h/@me", "h", 80 },
	{ "http://h/x?a@b:c", "http://h/x?a@b:c", "h", 80 },
	{ "http://h?u:p@x", "http://h/?u:p@x", "h", 80 },
	{ "http://h./", "http://h./", "h.", 80 },
	{ "http://my_host-1.x/", "http://my_host-1.x/", "my_host-1.x", 80 },
	/* paths */
	{ "http://h/a/../b", "http://h/b", "h", 80 },
	{ "http://h/a/./b/.", "http://h/a/b/", "h", 80 },
	{ "http://h/a/..", "http://h/", "h", 80 },
	{ "http://h/../../a", "http://h/a", "h", 80 },
	{ "http://h//a//b", "http://h//a//b", "h", 80 },
	{ "http://h/x?a/../b", "http://h/x?a/../b", "h", 80 },
	{ "http://h/%7e%7e/a%2Fb", "http://h/%7e%7e/a%2Fb", "h", 80 },
	{ "http://h/%zz", "http://h/%zz", "h", 80 },
	{ "http://h/a;b=c,d/(e)'!*$", "http://h/a;b=c,d/(e)'!*$", "h", 80 },
	{ "http://h/{a}|b", "http://h/{a}|b", "h", 80 },
	{ "http://h/ä?ö", "http://h/%c3%a4?%c3%b6", "h", 80 },
	/* addresses */
	{ "http://127.0.0.1/", "http://127.0.0.1/", "127.0.0.1", 80 },
	{ "http://1.2.3/", "http://1.2.0.3/", "1.2.0.3", 80 },
	{ "http://0x7f.1/", "http://127.0.0.1/", "127.0.0.1", 80 },
	{ "http://017700000001/", "http://127.0.0.1/", "127.0.0.1", 80 },
	{ "http://2130706433/", "http://127.0.0.1/", "127.0.0.1", 80 },
	{ "http://%31.2.3.4/", "http://1.2.3.4/", "1.2.3.4", 80 },
	{ "http://%39/%39", "http://0.0.0.9/%39", "0.0.0.9", 80 },
	{ "http://[::1]/", "http://[::1]/", "::1", 80 },
	{ "http://[::1]:8080/x", "http://[::1]:8080/x", "::1", 8080 },
	{ "http://[0:0:0:0:0:0:0:1]/", "http://[::1]/", "::1", 80 },
	{ "https://[2001:DB8::00A]:443", "https://[2001:db8::a]/", "2001:db8::a", 443 },
	{ "http://[::ffff:1.2.3.4]/", "http://[::ffff:1.2.3.4]/", "::ffff:1.2.3.4",
	    80 },
	{ "http://[fe80::1%25eth0]:81/", "http://[fe80::1%25eth0]:81/", "fe80::1", 81 },
	{ "http://[fe80::1%eth0]/", "http://[fe80::1%25eth0]/", "fe80::1", 80 },
	/* these look like addresses, but are none: names that nobody will know */
	{ "http://256.1.1.1/", "http://256.1.1.1/", "256.1.1.1", 80 },
	{ "http://1.2.3.4./", "http://1.2.3.4./", "1.2.3.4.", 80 },
	{ "http://1.2.3.4.5/", "http://1.2.3.4.5/", "1.2.3.4.5", 80 },
	/* international names */
	{ "http://münchen.example/", "http://xn--mnchen-3ya.example/",
	    "xn--mnchen-3ya.example", 80 },
	{ "http://MÜNCHEN.Example:81", "http://xn--mnchen-3ya.example:81/",
	    "xn--mnchen-3ya.example", 81 },
	{ "http://m%C3%BCnchen.example/ü", "http://xn--mnchen-3ya.example/%c3%bc",
	    "xn--mnchen-3ya.example", 80 },
	{ "http://xn--mnchen-3ya.example/", "http://xn--mnchen-3ya.example/",
	    "xn--mnchen-3ya.example", 80 },
	{ "http://☃.net", "http://xn--n3h.net/", "xn--n3h.net", 80 },
	{ "http://ｅｘａｍｐｌｅ.com", "http://example.com/", "example.com", 80 },
	{ "http://１.2.3/", "http://1.2.0.3/", "1.2.0.3", 80 },
	{ "http://u:p@münchen.example/", "http://xn--mnchen-3ya.example/",
	    "xn--mnchen-3ya.example", 80 },
};

static void
test_urls_are_normalised(UNUSED void **state)
{
	for (size_t i = 0; i < ARRAY_COUNT(good); i++) {
		struct url url = parsed(good[i].text);

		assert_text_or_null(good[i].text, url.text, good[i].normal);
		assert_text_or_null(good[i].text, url.host, good[i].host);
		assert_int_equal(url.port, good[i].port);
		assert_int_equal(url.tls, strncmp(good[i].normal, "https", 5) == 0);
		url_clear(&url);
	}
}

static void
test_a_normalised_url_stays_as_it_is(UNUSED void **state)
{
	for (size_t i = 0; i < ARRAY_COUNT(good); i++) {
		struct url url = parsed(good[i].normal);

		assert_text_or_null(good[i].normal, url.text, good[i].normal);
		url_clear(&url);
	}
}

#define NO_HOST   "no host"
#define NO_SCHEME "it does not begin with http:// or https://"
#define OTHER     "its scheme is neither http nor https"
#define BLANK     "a blank in it"
#define CONTROL   "a control character in it"
#define BAD_PORT  "the port is no number from 1 to 65535"
#define BAD_HOST  "not a valid host name"
#define BAD_IPV6  "not a valid IPv6 address"
#define SECOND_AT "a second \"@\" before the host: write it as %40"
#define BAD_LOGIN "a control character in the user or password"

#define TEN   "aaaaaaaaaa"
#define FIFTY TEN TEN TEN TEN TEN

static const struct {
	const char *text;
	const char *why;
} bad[] = {
	{ "", NO_SCHEME },
	{ "/", NO_SCHEME },
	{ "host", NO_SCHEME },
	{ "host/path", NO_SCHEME },
	{ "//host", NO_SCHEME },
	{ "://host", NO_SCHEME },
	{ "1http://h", NO_SCHEME },
	{ "ht_tp://h", NO_SCHEME },
	{ "ftp://h/", OTHER },
	{ "file:///etc/passwd", OTHER },
	{ "httpx://h/", OTHER },
	{ "mailto:a@b", OTHER },
	{ "localhost:8080/x", OTHER },
	{ "http:", NO_HOST },
	{ "http:/", NO_HOST },
	{ "http:h", NO_HOST },
	{ "http:/h", NO_HOST },
	{ "http://", NO_HOST },
	{ "http:///x", NO_HOST },
	{ "http:////h", NO_HOST },
	{ "http://?q", NO_HOST },
	{ "http://#f", NO_HOST },
	{ "http://:80/", NO_HOST },
	{ "http://u:p@/", NO_HOST },
	{ "http://u:p@:80/", NO_HOST },
	{ "http://a b/", BLANK },
	{ " http://a/", BLANK },
	{ "http://a/ ", BLANK },
	{ "http://a/x y", BLANK },
	{ "http://a/\t", CONTROL },
	{ "http://a/\r\nHost:x", CONTROL },
	{ "http://a/\x7f", CONTROL },
	{ "http://a/\xc2\x85", CONTROL },
	{ "http://h:0/", BAD_PORT },
	{ "http://h:00/", BAD_PORT },
	{ "http://h:65536/", BAD_PORT },
	{ "http://h:99999999999999999999/", BAD_PORT },
	{ "http://h:-1/", BAD_PORT },
	{ "http://h:+1/", BAD_PORT },
	{ "http://h:8a/", BAD_PORT },
	{ "http://h:80:80/", BAD_PORT },
	{ "http://user:pa/ss@h/", BAD_PORT },
	{ "http://::1/", NO_HOST },
	{ "http://[::1/", BAD_IPV6 },
	{ "http://[::g]/", BAD_IPV6 },
	{ "http://[v1.a]/", BAD_IPV6 },
	{ "http://[]/", BAD_IPV6 },
	{ "http://[127.0.0.1]/", BAD_IPV6 },
	{ "http://a..b/", BAD_HOST },
	{ "http://.a/", BAD_HOST },
	{ "http://a../", BAD_HOST },
	{ "http://./", BAD_HOST },
	{ "http://a~b/", BAD_HOST },
	{ "http://a|b/", BAD_HOST },
	{ "http://a%20b/", BAD_HOST },
	{ "http://a%2fb/", BAD_HOST },
	{ "http://a%00b/", BAD_HOST },
	{ "http://a\\b/", BAD_HOST },
	{ "http://{{host}}/", BAD_HOST },
	{ "http://" FIFTY TEN "aaaa/", BAD_HOST },
	{ "http://" FIFTY "." FIFTY "." FIFTY "." FIFTY "." FIFTY "/", BAD_HOST },
	/* not UTF-8; and names in which IDNA finds what delimits a URL */
	{ "http://a\xff.example/", BAD_HOST },
	{ "http://a\u0378.example/", BAD_HOST },
	{ "http://ａ／ｂ/", BAD_HOST },
	{ "http://℀.com/", BAD_HOST },
	{ "http://h＠g/", BAD_HOST },
	/* userinfo */
	{ "http://u:p@w@h/", SECOND_AT },
	{ "http://a@b@c@h/", SECOND_AT },
	{ "http://u%00:p@h/", BAD_LOGIN },
	{ "http://u:p%0d%0a@h/", BAD_LOGIN },
	{ "http://u%3a:p@h/", "a colon in the user" },
};

static void
test_what_is_no_url_is_refused_with_a_reason(UNUSED void **state)
{
	for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
		struct url url = { 0 };
		const char *why = NULL;

		if (url_parse(bad[i].text, &url, &why))
			fail_msg("%s was taken for %s", bad[i].text, url.text);
		assert_text_or_null(bad[i].text, why, bad[i].why);
		assert_null(url.text);
	}
}

static void
test_userinfo_is_decoded_and_taken_out(UNUSED void **state)
{
	static const struct {
		const char *text, *user, *password;
	} cases[] = {
		{ "http://h/", NULL, NULL },
		{ "http://@h/", NULL, NULL },
		{ "http://u@h/", "u", NULL },
		{ "http://u:@h/", "u", "" },
		{ "http://:p@h/", "", "p" },
		{ "http://:@h/", "", "" },
		{ "http://u:p@h/", "u", "p" },
		{ "http://u:p:q@h/", "u", "p:q" },
		{ "http://u%40x:p%3A%2f%3f%23@h/", "u@x", "p:/?#" },
		{ "http://u;o=1:p@h/", "u;o=1", "p" },
		{ "http://J%C3%BCrgen:gr%c3%bcn@h/", "Jürgen", "grün" },
		{ "http://u:100%zz@h/", "u", "100%zz" },
		{ "http://u+v:{p}@h/", "u+v", "{p}" },
	};

	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		struct url url = parsed(cases[i].text);

		assert_text_or_null(cases[i].text, url.text, "http://h/");
		assert_text_or_null(cases[i].text, url.user, cases[i].user);
		assert_text_or_null(cases[i].text, url.password, cases[i].password);
		url_clear(&url);
	}
}

static void
test_address_literals_are_told_from_names(UNUSED void **state)
{
	static const struct {
		const char *text;
		bool address;
	} cases[] = {
		{ "http://127.0.0.1/", true },
		{ "http://1.2.3/", true },
		{ "http://[::1]/", true },
		{ "http://[fe80::1%25eth0]/", true },
		{ "http://１２７.0.0.1/", true },
		{ "http://localhost/", false },
		{ "http://256.1.1.1/", false },
		{ "http://1.2.3.4./", false },
		{ "http://dead.beef/", false },
	};

	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		struct url url = parsed(cases[i].text);

		if (url.host_is_address != cases[i].address)
			fail_msg("%s", cases[i].text);
		url_clear(&url);
	}
}

static void
test_the_locale_does_not_matter_and_stays(UNUSED void **state)
{
	struct url url;

	assert_string_equal(setlocale(LC_ALL, NULL), "C");
	assert_true(uselocale((locale_t)0) == LC_GLOBAL_LOCALE);
	url = parsed("http://bücher.example/");
	assert_string_equal(url.host, "xn--bcher-kva.example");
	assert_true(uselocale((locale_t)0) == LC_GLOBAL_LOCALE);
	url_clear(&url);
}

/* JOINED NULL: refused. */
static void
assert_join(const char *base_text, const char *location, const char *joined)
{
	struct url base = parsed(base_text);
	struct url url = { 0 };
	const char *why = NULL;

	if (!url_join(&base, location, &url, &why) && joined != NULL)
		fail_msg("%s at %s: %s", location, base_text, why);
	assert_text_or_null(location, url.text, joined);
	url_clear(&base);
	url_clear(&url);
}

static void
test_the_examples_of_rfc_3986_are_joined(UNUSED void **state)
{
	static const struct {
		const char *location, *joined;
	} cases[] = {
		/* 5.4.1, without the fragments */
		{ "g:h", NULL }, { "g", "http://a/b/c/g" }, { "./g", "http://a/b/c/g" },
		{ "g/", "http://a/b/c/g/" }, { "/g", "http://a/g" },
		{ "//g", "http://g/" }, { "?y", "http://a/b/c/d;p?y" },
		{ "g?y", "http://a/b/c/g?y" }, { "#s", "http://a/b/c/d;p?q" },
		{ "g#s", "http://a/b/c/g" }, { "g?y#s", "http://a/b/c/g?y" },
		{ ";x", "http://a/b/c/;x" }, { "g;x", "http://a/b/c/g;x" },
		{ "g;x?y#s", "http://a/b/c/g;x?y" }, { "", "http://a/b/c/d;p?q" },
		{ ".", "http://a/b/c/" }, { "./", "http://a/b/c/" },
		{ "..", "http://a/b/" }, { "../", "http://a/b/" },
		{ "../g", "http://a/b/g" }, { "../..", "http://a/" },
		{ "../../", "http://a/" }, { "../../g", "http://a/g" },
		/* 5.4.2 */
		{ "../../../g", "http://a/g" }, { "../../../../g", "http://a/g" },
		{ "/./g", "http://a/g" }, { "/../g", "http://a/g" },
		{ "g.", "http://a/b/c/g." }, { ".g", "http://a/b/c/.g" },
		{ "g..", "http://a/b/c/g.." }, { "..g", "http://a/b/c/..g" },
		{ "./../g", "http://a/b/g" }, { "./g/.", "http://a/b/c/g/" },
		{ "g/./h", "http://a/b/c/g/h" }, { "g/../h", "http://a/b/c/h" },
		{ "g;x=1/./y", "http://a/b/c/g;x=1/y" },
		{ "g;x=1/../y", "http://a/b/c/y" },
		{ "g?y/./x", "http://a/b/c/g?y/./x" },
		{ "g?y/../x", "http://a/b/c/g?y/../x" },
		{ "g#s/./x", "http://a/b/c/g" }, { "g#s/../x", "http://a/b/c/g" },
		{ "http:g", NULL }, /* as strict parsers do */
	};

	for (size_t i = 0; i < ARRAY_COUNT(cases); i++)
		assert_join("http://a/b/c/d;p?q", cases[i].location, cases[i].joined);
}

static void
test_locations_as_servers_send_them_are_joined(UNUSED void **state)
{
	assert_join("http://a/b", "https://c:8443/d", "https://c:8443/d");
	assert_join("https://a:444/b", "/c", "https://a:444/c");
	assert_join("https://a:444/b", "//c/d", "https://c/d");
	assert_join("http://a", "b", "http://a/b");
	assert_join("http://a?x/y", "b", "http://a/b");
	assert_join("http://a/b/?x/y", "c", "http://a/b/c");
	assert_join("http://a/b?q", "#", "http://a/b?q");
	assert_join(
	    "http://[fe80::1%25eth0]:81/b", "c", "http://[fe80::1%25eth0]:81/c");
	assert_join("http://a/b", " \t/c d/e \t", "http://a/c%20d/e");
	assert_join("http://a/b", "  ", "http://a/b");
	assert_join("http://a/b", "/ü?ö", "http://a/%c3%bc?%c3%b6");
	assert_join("http://a/b", "/\xfc", "http://a/%fc");
	assert_join(
	    "http://a/b", "//münchen.example", "http://xn--mnchen-3ya.example/");
	assert_join("http://a/b", "HTTP://C/", "http://c/");
	assert_join("http://a/b", "c:d", NULL);
	assert_join("http://a/b", "./c:d", "http://a/c:d");
	assert_join("http://a/b", "?u=http://c/", "http://a/b?u=http://c/");
	assert_join("http://a/b", "ftp://c/", NULL);
	assert_join("http://a/b", "file:///etc/passwd", NULL);
	assert_join("http://a/b", "javascript:alert(1)", NULL);
	assert_join("http://a/b", "http://", NULL);
	assert_join("http://a/b", "///c", NULL);
	assert_join("http://a/b", "//c d/", NULL);
	assert_join("http://a/b", "/c\r\nX: y", NULL);
	assert_join("http://a/b", "/c\td", NULL);
	assert_join("http://a/b", "http://c:0/", NULL);
}

static void
test_a_join_does_not_inherit_userinfo(UNUSED void **state)
{
	struct url base = parsed("http://u:p@a/b");
	struct url url;
	const char *why;

	assert_true(url_join(&base, "c", &url, &why));
	assert_null(url.user);
	assert_null(url.password);
	url_clear(&url);
	assert_true(url_join(&base, "//v:w@a/c", &url, &why));
	assert_string_equal(url.user, "v");
	assert_string_equal(url.password, "w");
	assert_string_equal(url.text, "http://a/c");
	url_clear(&url);
	url_clear(&base);
}

static void
test_scheme_host_and_port_make_the_origin(UNUSED void **state)
{
	static const struct {
		const char *a, *b;
		bool same;
	} cases[] = {
		{ "http://a/", "http://a/x?y", true },
		{ "http://a/", "http://a:80/", true },
		{ "https://a/", "https://a:443/", true },
		{ "http://a/", "HTTP://A", true },
		{ "http://u:p@a/", "http://v@a/", true },
		{ "http://a:8080/", "http://a:08080/", true },
		{ "http://1.2.3/", "http://1.2.0.3/", true },
		{ "http://[::1]/", "http://[0::1]:80/", true },
		{ "http://münchen.example/", "http://xn--mnchen-3ya.example/", true },
		{ "http://a/", "https://a/", false },
		{ "http://a:443/", "https://a/", false },
		{ "https://a:80/", "http://a/", false },
		{ "http://a/", "http://a:81/", false },
		{ "http://a:8/", "http://a:80/", false },
		{ "http://a/", "http://b/", false },
		{ "http://a/", "http://a.b/", false },
		{ "http://a/", "http://a./", false },
		{ "http://127.0.0.1/", "http://localhost/", false },
		{ "http://[fe80::1%25eth0]/", "http://[fe80::1%25eth1]/", false },
		{ "http://[fe80::1%25eth0]/", "http://[fe80::1%eth0]/", true },
	};

	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		struct url a = parsed(cases[i].a);
		struct url b = parsed(cases[i].b);

		if (url_same_origin(&a, &b) != cases[i].same ||
		    url_same_origin(&b, &a) != cases[i].same)
			fail_msg("%s and %s", cases[i].a, cases[i].b);
		url_clear(&a);
		url_clear(&b);
	}
}

static void
test_a_copy_outlives_its_original(UNUSED void **state)
{
	struct url from = parsed("https://u@a:444/b?c");
	struct url copy;

	url_copy(&copy, &from);
	url_clear(&from);
	assert_null(from.text);
	url_clear(&from);
	assert_string_equal(copy.text, "https://a:444/b?c");
	assert_string_equal(copy.host, "a");
	assert_string_equal(copy.user, "u");
	assert_null(copy.password);
	assert_int_equal(copy.port, 444);
	assert_true(copy.tls);
	url_clear(&copy);
}

static void
test_userinfo_is_found_in_any_text(UNUSED void **state)
{
	static const struct {
		const char *text, *userinfo;
	} cases[] = {
		{ "http://h/", NULL },
		{ "http://u@h/", "u" },
		{ "http://u:p@h/", "u:p" },
		{ "http://u:p@h", "u:p" },
		{ "http://@h/", "" },
		{ "http://u:p@w@h/", "u:p@w" },
		{ "http://u:p%40@h:80/x@y?a@b", "u:p%40" },
		{ "https://h/users/@me", NULL },
		{ "https://h:80/users/@me", NULL },
		{ "https://h?mail=a@b", NULL },
		{ "https://h#a@b", NULL },
		{ "https://[::1]:80/@me", NULL },
		{ "https://[::1]/a:b@c", NULL },
		{ "https://u:p@[::1]/", "u:p" },
		{ "", NULL },
		{ "@", "" },
		/* not valid, but none the less secret */
		{ "ftp://u:p@h/", "u:p" },
		{ "u:p@h/", "u:p" },
		{ "//u:p@h/", "u:p" },
		{ "http:/u:p@h/", "u:p" },
		{ "http:///u:p@h/", "u:p" },
		{ "http:\\\\u:p@h/", "u:p" },
		{ "http:u:p@h/", "http:u:p" },
		{ "http://\\u:p@h/", "\\u:p" },
		{ "  http://u:p@h/", "u:p" },
		{ "http://u:my pass@h/", "u:my pass" },
		{ "http://u:p@h h/", "u:p" },
		{ "http://u:pa/ss@h/", "u:pa/ss" },
		{ "http://u:pa?ss@h/", "u:pa?ss" },
		{ "http://u:pa#ss@h/x", "u:pa#ss" },
		{ "http://u:/pass@h/", "u:/pass" },
		{ "http://u:pa/ss@h/x@y", "u:pa/ss@h/x" },
		{ "http://u:pa/ss", NULL },
		/* templates and references */
		{ "https://{{user}}:pw@host/", "{{user}}:pw" },
		{ "https://{{user}}:{{pw}}@host/{{x}}@y", "{{user}}:{{pw}}" },
		{ "https://{{#a}}u:p@{{/a}}host/", "{{#a}}u:p" },
		{ "https://{{host}}/{{id}}@x", NULL },
		{ "https://{{host}}:{{port}}/@me", NULL },
		{ "https://{{host}}:80{{n}}/@me", NULL },
		{ "https://{{a[\"b@c/d\"]}}:p@h/", "{{a[\"b@c/d\"]}}:p" },
		{ "{{scheme}}://u:p@h/", "u:p" },
		{ "{{base}}/x/@me", NULL },
		{ "{{{base}}}/@me", NULL },
		{ "https://${env:USER}:${env:PW:-a/b}@h/",
		    "${env:USER}:${env:PW:-a/b}" },
		{ "https://${env:HOST:-a/b}/@me", NULL },
		{ "https://u:{{@h/", "u:{{" },
		{ "https://u:{{@h/}}", "u:{{" },
		{ "https://u:${@h/", "u:${" },
	};

	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		size_t start = 0, len = 0;
		char *found = NULL;

		if (url_find_userinfo(cases[i].text, &start, &len)) {
			assert_true(start + len < strlen(cases[i].text));
			assert_int_equal(cases[i].text[start + len], '@');
			found = xmemdup0(cases[i].text + start, len);
		}
		assert_text_or_null(cases[i].text, found, cases[i].userinfo);
		free(found);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_urls_are_normalised),
		cmocka_unit_test(test_a_normalised_url_stays_as_it_is),
		cmocka_unit_test(test_what_is_no_url_is_refused_with_a_reason),
		cmocka_unit_test(test_userinfo_is_decoded_and_taken_out),
		cmocka_unit_test(test_address_literals_are_told_from_names),
		cmocka_unit_test(test_the_locale_does_not_matter_and_stays),
		cmocka_unit_test(test_the_examples_of_rfc_3986_are_joined),
		cmocka_unit_test(test_locations_as_servers_send_them_are_joined),
		cmocka_unit_test(test_a_join_does_not_inherit_userinfo),
		cmocka_unit_test(test_scheme_host_and_port_make_the_origin),
		cmocka_unit_test(test_a_copy_outlives_its_original),
		cmocka_unit_test(test_userinfo_is_found_in_any_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
