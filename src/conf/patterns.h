/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * patterns.h - a list of patterns of names, as a line of text: what is written to it, and what it is then.
 */
#ifndef GS_CONF_PATTERNS_H
#define GS_CONF_PATTERNS_H

#include "conf/conf_impl.h"

/*
 * Change a list: a value without signs is the whole new one, `none` an empty one; one whose words all begin with + or - adds
 * those patterns and takes those away. In a pattern \ooo is a byte; one that begins with a sign begins with its \053 or \055.
 * To add one that is there changes nothing. Returns 0; GS_EINVAL no list of patterns, or to take away one that is not there;
 * GS_ERANGE too many, or too long.
 */
int gs_conf_patterns_set(char list[GS_CONF_PATTERNS_BYTES], const char *value);

#endif
