/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * print.h - how gsession(1) shows a session: lines for people, members of a JSON object for programs.
 */
#ifndef TOOLS_PRINT_H
#define TOOLS_PRINT_H

#include "gsession.h"
#include "base/json.h"

enum { PRINT_TIME_BYTES = 32 };

/* 2026-11-23T06:01:29.123Z from ms since 1970; 0 is "never". Returns out. */
char *print_time(char out[PRINT_TIME_BYTES], uint64_t wall_ms);

/* One `name value` line for each attribute; key and owner escaped. */
void print_session(FILE *to, const void *key, size_t key_len, const struct gs_info *info);

/* The same as members of the object that is open, times and durations as integer ms. */
/* What a token hangs on, or "-", and whether it is carried. */
void print_bond(FILE *to, const void *parent, size_t len, bool is_carried);
void print_session_json(struct gs_json *j, const void *key, size_t key_len, const struct gs_info *info);

/* The turns of a session as gs_why() has them: a line each; as JSON an array of those lines. */
void print_why(FILE *to, const char *why);
void print_why_json(struct gs_json *j, const char *why);

#endif
