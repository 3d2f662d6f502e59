/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * json.h - write JSON to a stream, commas and escapes right by construction.
 *
 * Bytes over 0x7f that are not valid UTF-8 are written as \u00XX.
 */
#ifndef GS_BASE_JSON_H
#define GS_BASE_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct gs_json {
	FILE *to;
	unsigned depth;
	bool need_comma[16];
};

void gs_json_init(struct gs_json *j, FILE *to);
/* name is the member's name inside an object, NULL inside an array and at the top. */
void gs_json_object(struct gs_json *j, const char *name);
void gs_json_array(struct gs_json *j, const char *name);
void gs_json_end(struct gs_json *j, bool is_array);
void gs_json_string(struct gs_json *j, const char *name, const void *bytes, size_t len);
void gs_json_text(struct gs_json *j, const char *name, const char *text);
void gs_json_u64(struct gs_json *j, const char *name, uint64_t n);
void gs_json_double(struct gs_json *j, const char *name, double n);
void gs_json_bool(struct gs_json *j, const char *name, bool b);
/* End of the document: a newline. */
void gs_json_done(struct gs_json *j);

#endif
