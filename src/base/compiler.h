/*
 * What the compiler can check for us, under short names.
 */
#ifndef GATHERD_BASE_COMPILER_H
#define GATHERD_BASE_COMPILER_H

/* The result says whether the call worked: ignoring it is a mistake. */
#define MUST_CHECK __attribute__((warn_unused_result))

/* A parameter that the signature demands and this function does not need. */
#define UNUSED __attribute__((unused))

#define NORETURN __attribute__((noreturn))

/* A printf-like function: FORMAT_NUMBER is the number of its format, FIRST that of its
 * first argument, counted from 1; 0 where they come as a va_list. */
#define PRINTF_LIKE(format_number, first) \
	__attribute__((format(printf, format_number, first)))

#define ARRAY_COUNT(array) (sizeof(array) / sizeof((array)[0]))

#endif
