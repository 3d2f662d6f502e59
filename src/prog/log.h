/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * log.h - what a program of ours says: to standard error in the foreground, to syslog otherwise.
 *
 * Style: lower case, no full stop, subject first, key values last.  Events,
 * not progress; hot paths count, they do not log.  Lines to standard error
 * carry sd-daemon prefixes (<3>...) only when it is the journal
 * (JOURNAL_STREAM).  The plain forms append strerror(errno), the x forms do not.
 */
#ifndef GS_PROG_LOG_H
#define GS_PROG_LOG_H

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_NOTICE, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

/* name goes before each line; to_syslog after detaching. */
void log_init(const char *name, int to_syslog);
void log_set_level(enum log_level level);
enum log_level log_level(void);

void log_debug(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_info(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_notice(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_warnx(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_errorx(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* Log and exit with 5 (system). */
void log_fatal(const char *fmt, ...) __attribute__((format(printf, 1, 2), noreturn));
void log_fatalx(const char *fmt, ...) __attribute__((format(printf, 1, 2), noreturn));

#endif
