/* SPDX-License-Identifier: BSD-2-Clause */
#include "prog/log.h"

#include <sys/stat.h>

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "prog/args.h"

enum { LINE_BYTES = 1024 };

/* One per process, as the streams it writes to; set before threads start, but for the level. */
static struct {
	const char *name;
	bool to_syslog, to_journal;
	_Atomic int level;
} sink = { .level = LOG_LEVEL_NOTICE };

static const int priorities[] = {
	[LOG_LEVEL_ERROR] = LOG_ERR, [LOG_LEVEL_WARN] = LOG_WARNING, [LOG_LEVEL_NOTICE] = LOG_NOTICE,
	[LOG_LEVEL_INFO] = LOG_INFO, [LOG_LEVEL_DEBUG] = LOG_DEBUG,
};

/* Whether standard error is the stream that systemd connected to its journal. */
static bool
is_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	unsigned long long dev, ino;
	struct stat st;

	if (stream == NULL || sscanf(stream, "%llu:%llu", &dev, &ino) != 2 || fstat(STDERR_FILENO, &st) < 0)
		return false;
	return st.st_dev == dev && st.st_ino == ino;
}

/* What came from outside must not forge lines or drive terminals. */
static void
tame_controls(char *text)
{
	unsigned char *p;

	for (p = (unsigned char *)text; *p != '\0'; p++)
		if (*p < ' ' || *p == 0x7f)
			*p = '?';
}

/* One line, in one write so that threads and processes do not mix theirs. */
static void
put_line(enum log_level level, const char *text)
{
	char line[LINE_BYTES + 64];
	int n, priority = priorities[level];

	if (sink.to_syslog) {
		syslog(priority, "%s", text);
		return;
	}
	if (sink.to_journal)
		n = snprintf(line, sizeof(line), "<%d>%s: %s\n", priority, sink.name, text);
	else
		n = snprintf(line, sizeof(line), "%s: %s\n", sink.name != NULL ? sink.name : program_invocation_short_name, text);
	if ((size_t)n >= sizeof(line)) {
		n = sizeof(line) - 1;
		line[n - 1] = '\n';
	}
	/* Nobody is left to tell when this fails. */
	if (write(STDERR_FILENO, line, (size_t)n) < 0)
		return;
}

/* err is 0 or the errno to append. */
static void __attribute__((format(printf, 3, 0)))
say(enum log_level level, int err, const char *fmt, va_list ap)
{
	char text[LINE_BYTES];
	int n, saved_errno = errno;

	if ((int)level > sink.level)
		return;
	n = vsnprintf(text, sizeof(text), fmt, ap);
	if (err != 0 && n >= 0 && (size_t)n < sizeof(text))
		(void)snprintf(text + n, sizeof(text) - (size_t)n, ": %s", strerror(err));
	tame_controls(text);
	put_line(level, text);
	errno = saved_errno;
}

void
log_init(const char *name, int to_syslog)
{
	sink.name = name;
	sink.to_syslog = to_syslog != 0;
	sink.to_journal = !sink.to_syslog && is_journal();
	if (sink.to_syslog)
		openlog(name, LOG_PID | LOG_NDELAY, LOG_DAEMON);
}

void
log_set_level(enum log_level level)
{
	sink.level = (int)level;
}

enum log_level
log_level(void)
{
	return (enum log_level)sink.level;
}

void
log_debug(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(LOG_LEVEL_DEBUG, 0, fmt, ap);
	va_end(ap);
}

void
log_info(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(LOG_LEVEL_INFO, 0, fmt, ap);
	va_end(ap);
}

void
log_notice(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(LOG_LEVEL_NOTICE, 0, fmt, ap);
	va_end(ap);
}

void
log_warn(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(LOG_LEVEL_WARN, errno, fmt, ap);
	va_end(ap);
}

void
log_warnx(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(LOG_LEVEL_WARN, 0, fmt, ap);
	va_end(ap);
}

void
log_errorx(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(LOG_LEVEL_ERROR, 0, fmt, ap);
	va_end(ap);
}

void
log_fatal(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(LOG_LEVEL_ERROR, errno, fmt, ap);
	va_end(ap);
	exit(EXIT_SYSTEM);
}

void
log_fatalx(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(LOG_LEVEL_ERROR, 0, fmt, ap);
	va_end(ap);
	exit(EXIT_SYSTEM);
}
