/* SPDX-License-Identifier: BSD-2-Clause */
#include "print.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/text.h"

#define MS_PER_S 1000
#define NS_PER_MS 1000000

char *
print_time(char out[PRINT_TIME_BYTES], uint64_t wall_ms)
{
	time_t s = (time_t)(wall_ms / MS_PER_S);
	char day[24];
	struct tm tm;

	if (wall_ms == 0 || gmtime_r(&s, &tm) == NULL || strftime(day, sizeof(day), "%Y-%m-%dT%H:%M:%S", &tm) == 0)
		(void)snprintf(out, PRINT_TIME_BYTES, "never");
	else
		(void)snprintf(out, PRINT_TIME_BYTES, "%s.%03uZ", day, (unsigned)(wall_ms % MS_PER_S));
	return out;
}

static void
print_time_line(FILE *to, const char *name, uint64_t wall_ms)
{
	char text[PRINT_TIME_BYTES];

	(void)fprintf(to, "%-11s %s\n", name, print_time(text, wall_ms));
}

static void
print_bytes_line(FILE *to, const char *name, const void *bytes, size_t len)
{
	char text[4 * GS_KEY_BYTES + 1];

	(void)gs_text_escape(text, sizeof(text), bytes, len);
	(void)fprintf(to, "%-11s %s\n", name, len == 0 ? "-" : text);
}

static void
print_u64_line(FILE *to, const char *name, uint64_t n)
{
	(void)fprintf(to, "%-11s %llu\n", name, (unsigned long long)n);
}

static uint64_t
ms_of_ns(int64_t ns)
{
	return ns > 0 ? (uint64_t)ns / NS_PER_MS : 0;
}

void
print_session(FILE *to, const void *key, size_t key_len, const struct gs_info *info)
{
	char ttl[GS_TEXT_DURATION_BYTES];

	print_bytes_line(to, "key", key, key_len);
	(void)fprintf(to, "%-11s %s\n", "ring", info->ring);
	if (info->ns[0] != '\0')
		(void)fprintf(to, "%-11s %s\n", "namespace", info->ns);
	print_u64_line(to, "size", info->len);
	print_u64_line(to, "version", info->version);
	print_time_line(to, "created", info->created_ms);
	print_time_line(to, "accessed", info->accessed_ms);
	print_time_line(to, "touched", info->touched_ms);
	print_time_line(to, "modified", ms_of_ns(info->mtime_ns));
	print_time_line(to, "changed", ms_of_ns(info->ctime_ns));
	print_time_line(to, "ring_until", info->ring_until_ms);
	print_time_line(to, "deadline", info->deadline_ms);
	(void)fprintf(to, "%-11s %s\n", "ttl", info->ttl_ms == 0 ? "-" : gs_text_print_duration(ttl, info->ttl_ms));
	if (info->parked != 0)
		(void)fprintf(to, "%-11s yes, goes on with ttl %s\n", "parked",
		    info->resume_ttl_ms == 0 ? "-" : gs_text_print_duration(ttl, info->resume_ttl_ms));
	print_u64_line(to, "hits", info->hits);
	(void)fprintf(to, "%-11s %.3f\n", "interest", info->interest);
	(void)fprintf(to, "%-11s %.4f/s\n", "rate", info->rate_per_s);
	if (info->pace != GS_PACE_FREE)
		(void)fprintf(to, "%-11s %s, the next in %s\n", "pace", info->pace == GS_PACE_HELD ? "held" : "one access at a time",
		    gs_text_print_duration(ttl, info->retry_after_ms));
	print_bytes_line(to, "owner", info->owner, info->owner_len);
	(void)fprintf(to, "%-11s %s\n", "class", info->class_name[0] == '\0' ? "-" : info->class_name);
	(void)fprintf(to, "%-11s uid %u gid %u mode %04o\n", "access", info->uid, info->gid, info->mode);
	(void)fprintf(to, "%-11s %016llx\n", "id", (unsigned long long)info->id);
}

void
print_bond(FILE *to, const void *parent, size_t len, bool is_carried)
{
	print_bytes_line(to, "parent", parent, len);
	(void)fprintf(to, "%-11s %s\n", "carried", is_carried ? "yes" : "no");
}

void
print_session_json(struct gs_json *j, const void *key, size_t key_len, const struct gs_info *info)
{
	char text[24];

	gs_json_string(j, "key", key, key_len);
	gs_json_text(j, "ring", info->ring);
	gs_json_text(j, "namespace", info->ns);
	gs_json_u64(j, "size", info->len);
	/* Over 2^53: a number that many programs would round. */
	(void)snprintf(text, sizeof(text), "%llu", (unsigned long long)info->version);
	gs_json_text(j, "version", text);
	gs_json_u64(j, "created", info->created_ms);
	gs_json_u64(j, "accessed", info->accessed_ms);
	gs_json_u64(j, "touched", info->touched_ms);
	gs_json_u64(j, "modified", ms_of_ns(info->mtime_ns));
	gs_json_u64(j, "changed", ms_of_ns(info->ctime_ns));
	gs_json_u64(j, "ring_until", info->ring_until_ms);
	gs_json_u64(j, "deadline", info->deadline_ms);
	gs_json_u64(j, "ttl_ms", info->ttl_ms);
	gs_json_u64(j, "hits", info->hits);
	gs_json_double(j, "interest", info->interest);
	gs_json_double(j, "rate", info->rate_per_s);
	gs_json_u64(j, "retry_after_ms", info->retry_after_ms);
	gs_json_string(j, "owner", info->owner, info->owner_len);
	gs_json_text(j, "class", info->class_name);
	gs_json_u64(j, "uid", info->uid);
	gs_json_u64(j, "gid", info->gid);
	(void)snprintf(text, sizeof(text), "%04o", info->mode);
	gs_json_text(j, "mode", text);
	(void)snprintf(text, sizeof(text), "%016llx", (unsigned long long)info->id);
	gs_json_text(j, "id", text);
}

void
print_why(FILE *to, const char *why)
{
	const char *name = "why";

	for (size_t n; (n = strcspn(why, "\n")) > 0; why += n + 1, name = "")
		(void)fprintf(to, "%-11s %.*s\n", name, (int)n, why);
}

void
print_why_json(struct gs_json *j, const char *why)
{
	gs_json_array(j, "why");
	for (size_t n; (n = strcspn(why, "\n")) > 0; why += n + 1)
		gs_json_string(j, NULL, why, n);
	gs_json_end(j, true);
}
