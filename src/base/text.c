/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/text.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "gsession.h"

#define DURATION_LIMIT_MS (UINT64_C(100000) * 24 * 60 * 60 * 1000)

struct unit {
	const char *name;
	uint64_t factor;
};

/* Each ends with the unit of factor 1: what is left when no larger one divides. */
static const struct unit duration_units[] = {
	{ "d", 24 * 60 * 60 * 1000 }, { "h", 60 * 60 * 1000 }, { "m", 60 * 1000 }, { "s", 1000 }, { "ms", 1 },
};
static const struct unit size_units[] = {
	{ "G", 1 << 30 }, { "M", 1 << 20 }, { "K", 1 << 10 }, { "", 1 },
};

static const struct unit rate_units[] = {
	{ "/s", 60 * 60 }, { "/m", 60 }, { "/h", 1 },
};

#define N_UNITS(table) (sizeof(table) / sizeof((table)[0]))

/* Digits at *at; leaves *at behind them. */
static int
parse_digits(const char **at, uint64_t *out)
{
	const char *p = *at;
	uint64_t n = 0;
	bool is_over = false;

	if (*p < '0' || *p > '9')
		return GS_EINVAL;
	for (; *p >= '0' && *p <= '9'; p++)
		is_over = __builtin_mul_overflow(n, 10, &n) || __builtin_add_overflow(n, (uint64_t)(*p - '0'), &n) || is_over;
	*at = p;
	*out = n;
	return is_over ? GS_ERANGE : GS_OK;
}

/* Digits and one of the units. */
static int
parse_quantity(const char *text, const struct unit *units, size_t n_units, uint64_t *out)
{
	uint64_t n;
	size_t i;
	int rc = parse_digits(&text, &n);

	if (rc == GS_EINVAL)
		return rc;
	for (i = 0; i < n_units; i++)
		if (strcmp(text, units[i].name) == 0)
			break;
	if (i == n_units)
		return GS_EINVAL;
	if (rc == GS_ERANGE || __builtin_mul_overflow(n, units[i].factor, out))
		return GS_ERANGE;
	return GS_OK;
}

static void
print_quantity(char *out, size_t cap, const struct unit *units, uint64_t n)
{
	while (n % units->factor != 0)
		units++;
	(void)snprintf(out, cap, "%" PRIu64 "%s", n / units->factor, units->name);
}

int
gs_text_parse_duration(const char *text, uint64_t *out_ms)
{
	uint64_t ms;
	int rc;

	if (strcmp(text, "max") == 0) {
		*out_ms = UINT64_MAX;
		return GS_OK;
	}
	if (strcmp(text, "0") == 0) {
		*out_ms = 0;
		return GS_OK;
	}
	rc = parse_quantity(text, duration_units, N_UNITS(duration_units), &ms);
	if (rc == GS_OK && ms > DURATION_LIMIT_MS)
		rc = GS_ERANGE;
	if (rc == GS_OK)
		*out_ms = ms;
	return rc;
}

char *
gs_text_print_duration(char out[GS_TEXT_DURATION_BYTES], uint64_t ms)
{
	if (ms == UINT64_MAX)
		(void)snprintf(out, GS_TEXT_DURATION_BYTES, "max");
	else if (ms == 0)
		(void)snprintf(out, GS_TEXT_DURATION_BYTES, "0");
	else
		print_quantity(out, GS_TEXT_DURATION_BYTES, duration_units, ms);
	return out;
}

int
gs_text_parse_size(const char *text, uint64_t *out_bytes)
{
	uint64_t bytes;
	int rc = parse_quantity(text, size_units, N_UNITS(size_units), &bytes);

	if (rc == GS_OK)
		*out_bytes = bytes;
	return rc;
}

char *
gs_text_print_size(char out[GS_TEXT_SIZE_BYTES], uint64_t bytes)
{
	if (bytes == 0)
		(void)snprintf(out, GS_TEXT_SIZE_BYTES, "0");
	else
		print_quantity(out, GS_TEXT_SIZE_BYTES, size_units, bytes);
	return out;
}

int
gs_text_parse_rate(const char *text, uint64_t *out_per_h)
{
	uint64_t per_h;
	int rc;

	if (strcmp(text, "none") == 0) {
		*out_per_h = 0;
		return GS_OK;
	}
	rc = parse_quantity(text, rate_units, N_UNITS(rate_units), &per_h);
	if (rc == GS_OK && per_h == 0)
		rc = GS_ERANGE;
	if (rc == GS_OK)
		*out_per_h = per_h;
	return rc;
}

char *
gs_text_print_rate(char out[GS_TEXT_RATE_BYTES], uint64_t per_h)
{
	if (per_h == 0)
		(void)snprintf(out, GS_TEXT_RATE_BYTES, "none");
	else
		print_quantity(out, GS_TEXT_RATE_BYTES, rate_units, per_h);
	return out;
}

int
gs_text_parse_count(const char *text, uint64_t *out)
{
	uint64_t n;
	int rc = parse_digits(&text, &n);

	if (rc == GS_EINVAL || *text != '\0')
		return GS_EINVAL;
	if (rc == GS_OK)
		*out = n;
	return rc;
}

size_t
gs_text_escape(char *out, size_t cap, const void *bytes, size_t len)
{
	const unsigned char *from = bytes;
	size_t i, n = 0;

	if (cap == 0)
		return 0;
	for (i = 0; i < len; i++) {
		bool is_plain = from[i] > ' ' && from[i] < 0x7f && from[i] != '\\';
		size_t need = is_plain ? 1 : 4;

		if (n + need >= cap)
			break;
		if (is_plain)
			out[n] = (char)from[i];
		else
			(void)snprintf(out + n, cap - n, "\\%03o", from[i]);
		n += need;
	}
	out[n] = '\0';
	return n;
}

/* The byte that a backslash begins; -1 when it is none. */
static int
octal_byte(const char *text)
{
	int byte = 0;

	for (int i = 1; i <= 3; i++) {
		if (text[i] < '0' || text[i] > '7')
			return -1;
		byte = byte * 8 + text[i] - '0';
	}
	return byte <= 0xff ? byte : -1;
}

int
gs_text_unescape(void *out, size_t cap, const char *text)
{
	unsigned char *to = out;
	size_t n = 0;
	int byte;

	for (; *text != '\0'; text++) {
		byte = (unsigned char)*text;
		if (byte == '\\') {
			byte = octal_byte(text);
			if (byte < 0)
				return GS_EINVAL;
			text += 3;
		}
		if (n == cap)
			return GS_ERANGE;
		to[n++] = (unsigned char)byte;
	}
	return (int)n;
}
