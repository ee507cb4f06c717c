/*
 * Running over bytes that need no closer look, many at a time.
 *
 * Most of a JSON text lies inside of strings, and most of what lies there is plain
 * ASCII. Sixteen bytes are looked at in one step where SSE2 is there, eight elsewhere.
 */
#ifndef GATHERD_BASE_SKIP_H
#define GATHERD_BASE_SKIP_H

#include <endian.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

/* The same byte in all eight places of a word. */
#define SKIP_REPEAT(byte) (UINT64_C(0x0101010101010101) * (unsigned char)(byte))

/* Eight bytes, the first one in the lowest place. */
static inline uint64_t
skip_load(const char *text)
{
	uint64_t word;

	memcpy(&word, text, sizeof(word));
	return le64toh(word);
}

/* The top bit of each byte that is zero. A byte above a zero one may be marked wrongly
 * (by the borrow): only the lowest mark counts. */
static inline uint64_t
skip_zero_bytes(uint64_t word)
{
	return (word - SKIP_REPEAT(0x01)) & ~word & SKIP_REPEAT(0x80);
}

/* A byte that stands for itself inside a JSON string (RFC 8259, section 7) and is
 * ASCII. DEL is one. */
static inline bool
skip_is_plain(char c)
{
	return (signed char)c >= 0x20 && c != '"' && c != '\\';
}

/* The first byte from TEXT on that is not plain, or END. */
static inline const char *
skip_plain(const char *text, const char *end)
{
#ifdef __SSE2__
	while (end - text >= 16) {
		__m128i block = _mm_loadu_si128((const __m128i *)(const void *)text);
		__m128i quote = _mm_cmpeq_epi8(block, _mm_set1_epi8('"'));
		__m128i backslash = _mm_cmpeq_epi8(block, _mm_set1_epi8('\\'));
		/* Signed: what is not ASCII counts as less, too. */
		__m128i low = _mm_cmplt_epi8(block, _mm_set1_epi8(0x20));
		unsigned found = (unsigned)_mm_movemask_epi8(
		    _mm_or_si128(_mm_or_si128(quote, backslash), low));

		if (found != 0)
			return text + __builtin_ctz(found);
		text += 16;
	}
#endif
	while (end - text >= 8) {
		uint64_t word = skip_load(text);
		uint64_t found = skip_zero_bytes(word ^ SKIP_REPEAT('"')) |
		    skip_zero_bytes(word ^ SKIP_REPEAT('\\')) |
		    ((word - SKIP_REPEAT(0x20)) & ~word) | word;

		found &= SKIP_REPEAT(0x80);
		if (found != 0)
			return text + __builtin_ctzll(found) / 8;
		text += 8;
	}
	while (text < end && skip_is_plain(*text))
		text++;
	return text;
}

/* The first byte from TEXT on that is not ASCII, or END. */
static inline const char *
skip_ascii(const char *text, const char *end)
{
#ifdef __SSE2__
	while (end - text >= 16) {
		__m128i block = _mm_loadu_si128((const __m128i *)(const void *)text);
		unsigned found = (unsigned)_mm_movemask_epi8(block);

		if (found != 0)
			return text + __builtin_ctz(found);
		text += 16;
	}
#endif
	while (end - text >= 8) {
		uint64_t found = skip_load(text) & SKIP_REPEAT(0x80);

		if (found != 0)
			return text + __builtin_ctzll(found) / 8;
		text += 8;
	}
	while (text < end && (signed char)*text >= 0)
		text++;
	return text;
}

/* The first byte from TEXT on that is no blank (U+0020), or END. */
static inline const char *
skip_blanks(const char *text, const char *end)
{
	while (end - text >= 8) {
		uint64_t other = skip_load(text) ^ SKIP_REPEAT(' ');

		if (other != 0)
			return text + __builtin_ctzll(other) / 8;
		text += 8;
	}
	while (text < end && *text == ' ')
		text++;
	return text;
}

#endif
