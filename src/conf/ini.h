/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ini.h - read an INI file so strictly that nothing in it is silently cut, joined or skipped.
 *
 *	# comment	only at the start of a line, also with ;
 *	[section]
 *	key = value
 *
 * Refused, each with its line: lines and names longer than inih holds,
 * control characters, indented lines (inih would join them to the value
 * before), a `;` or `#` in a value (inih would cut it there), anything else
 * that is not one of the above.
 */
#ifndef GS_CONF_INI_H
#define GS_CONF_INI_H

#include "conf/conf.h"

/* Whom to tell. Each returns 0 or an error with `"text": what is allowed` in why. */
struct gs_ini_calls {
	void *arg;
	int (*section)(void *arg, unsigned line, const char *name, char why[GS_CONF_WHY_BYTES]);
	int (*setting)(void *arg, unsigned line, const char *key, const char *value, char why[GS_CONF_WHY_BYTES]);
};

/* Read a file to its end or first error. Returns 0, GS_ENOENT, GS_ESYSTEM, or the error of a line, with `file:line: ` put before why. */
int gs_ini_read(const char *path, const struct gs_ini_calls *calls, char why[GS_CONF_WHY_BYTES]);

#endif
