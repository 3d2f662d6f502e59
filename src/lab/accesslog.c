/* SPDX-License-Identifier: BSD-2-Clause */
#include "lab/accesslog.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>

#include "gsession.h"

/* What of a line is still to be read. */
struct cursor {
	const char *at, *end;
};

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Blanks, at least one. */
static bool
skip_blanks(struct cursor *c)
{
	const char *from = c->at;

	while (c->at < c->end && *c->at == ' ')
		c->at++;
	return c->at > from;
}

/* The bytes up to the next blank or the end, at least one. */
static bool
take_word(struct cursor *c, const char **word, size_t *len)
{
	const char *from = c->at;

	while (c->at < c->end && *c->at != ' ')
		c->at++;
	*word = from;
	*len = (size_t)(c->at - from);
	return *len > 0;
}

static bool
take_char(struct cursor *c, char want)
{
	if (c->at == c->end || *c->at != want)
		return false;
	c->at++;
	return true;
}

/* A quoted string with escapes, what is between the quotes. */
static bool
take_quoted(struct cursor *c, const char **text, size_t *len)
{
	if (!take_char(c, '"'))
		return false;
	*text = c->at;
	for (; c->at < c->end && *c->at != '"'; c->at++)
		if (*c->at == '\\' && ++c->at == c->end)
			return false;
	*len = (size_t)(c->at - *text);
	return take_char(c, '"');
}

/* Exactly n digits. */
static bool
take_digits(struct cursor *c, size_t n, int *out)
{
	for (*out = 0; n > 0; n--, c->at++) {
		if (c->at == c->end || !is_digit(*c->at))
			return false;
		*out = *out * 10 + (*c->at - '0');
	}
	return true;
}

static bool
take_month(struct cursor *c, int *out)
{
	static const char names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	int i;

	if (c->end - c->at < 3)
		return false;
	for (i = 0; i < 12; i++)
		if (memcmp(c->at, names + 3 * i, 3) == 0)
			break;
	c->at += 3;
	*out = i + 1;
	return i < 12;
}

static int
days_of_month(int year, int month)
{
	static const signed char days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	bool is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	return days[month - 1] + (month == 2 && is_leap);
}

/*
 * Days from 1970-01-01 to a day of the Gregorian calendar, years from 1.
 * Counts years from March, so that the leap day is a year's last.
 */
static int64_t
days_since_1970(int year, int month, int day)
{
	int64_t y = month <= 2 ? year - 1 : year;
	int64_t day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;

	return y * 365 + y / 4 - y / 100 + y / 400 + day_of_year - 719468;
}

/* `dd/Mon/yyyy:hh:mm:ss +hhmm]` */
static bool
take_time(struct cursor *c, int64_t *out_ms)
{
	int day, month, year, hour, minute, second, zone_hour, zone_minute;
	int64_t seconds, zone;
	bool is_east;

	if (!take_digits(c, 2, &day) || !take_char(c, '/') || !take_month(c, &month) || !take_char(c, '/') ||
	    !take_digits(c, 4, &year) || !take_char(c, ':') || !take_digits(c, 2, &hour) || !take_char(c, ':') ||
	    !take_digits(c, 2, &minute) || !take_char(c, ':') || !take_digits(c, 2, &second) || !take_char(c, ' '))
		return false;
	is_east = take_char(c, '+');
	if ((!is_east && !take_char(c, '-')) || !take_digits(c, 2, &zone_hour) || !take_digits(c, 2, &zone_minute) || !take_char(c, ']'))
		return false;
	/* A second of 60 is a leap second, which is the one after 59 here. */
	if (year < 1 || day < 1 || day > days_of_month(year, month) || hour > 23 || minute > 59 || second > 60 ||
	    zone_hour > 23 || zone_minute > 59)
		return false;
	zone = zone_hour * 3600 + zone_minute * 60;
	seconds = days_since_1970(year, month, day) * 86400 + hour * 3600 + minute * 60 + second;
	*out_ms = (seconds - (is_east ? zone : -zone)) * 1000;
	return true;
}

/* Digits, n of them (0: any number, at least one), or "-". */
static bool
is_number(const char *word, size_t len, size_t n)
{
	size_t i;

	if (len == 1 && *word == '-')
		return true;
	for (i = 0; i < len; i++)
		if (!is_digit(word[i]))
			return false;
	return n == 0 || len == n;
}

/* ` "referer" "agent"`; whatever else stands there, there is no agent. */
static void
take_agent(struct cursor *c, struct accesslog_line *out)
{
	const char *text;
	size_t len;

	out->agent = NULL;
	out->agent_len = 0;
	if (!skip_blanks(c) || !take_quoted(c, &text, &len) || !skip_blanks(c) || !take_quoted(c, &text, &len))
		return;
	out->agent = text;
	out->agent_len = len;
}

const char *
accesslog_parse(struct accesslog_line *out, const char *line, size_t len)
{
	struct cursor c = { line, line + len };
	const char *word;
	size_t n;

	if (len == 0)
		return "an empty line";
	if (!take_word(&c, &out->host, &out->host_len))
		return "no host";
	if (!skip_blanks(&c) || !take_word(&c, &word, &n) || !skip_blanks(&c) || !take_word(&c, &word, &n) || !skip_blanks(&c))
		return "no two words behind the host";
	if (!take_char(&c, '[') || !take_time(&c, &out->time_ms))
		return "no time like [10/Oct/2000:13:55:36 -0700]";
	if (!skip_blanks(&c) || !take_quoted(&c, &word, &n))
		return "no request in quotes";
	if (!skip_blanks(&c) || !take_word(&c, &word, &n) || !is_number(word, n, 3))
		return "no status of three digits";
	if (!skip_blanks(&c) || !take_word(&c, &word, &n) || !is_number(word, n, 0))
		return "no number of bytes";
	take_agent(&c, out);
	return NULL;
}

int
accesslog_open(struct accesslog *a, const char *path)
{
	struct stat st;

	a->number = 0;
	a->from = fopen(path, "re");
	if (a->from == NULL)
		return GS_ESYSTEM;
	/* A directory opens, and fails only when read. */
	if (fstat(fileno(a->from), &st) == 0 && S_ISDIR(st.st_mode)) {
		accesslog_close(a);
		errno = EISDIR;
		return GS_ESYSTEM;
	}
	return GS_OK;
}

int
accesslog_next(struct accesslog *a, size_t *len)
{
	size_t n = 0;
	int ch = EOF;

	errno = 0;
	flockfile(a->from);
	while ((ch = getc_unlocked(a->from)) != EOF && ch != '\n')
		if (n < sizeof(a->line))
			a->line[n++] = (char)ch;
	funlockfile(a->from);
	if (ch == EOF && ferror(a->from))
		return GS_ESYSTEM;
	if (ch == EOF && n == 0)
		return 0;
	if (n > 0 && a->line[n - 1] == '\r')
		n--;
	a->number++;
	*len = n;
	return 1;
}

void
accesslog_close(struct accesslog *a)
{
	if (a->from != NULL)
		(void)fclose(a->from);
	a->from = NULL;
}
