/* SPDX-License-Identifier: BSD-2-Clause */
#include "lab/report.h"

#include <inttypes.h>
#include <time.h>

#include "base/json.h"
#include "base/text.h"

enum { SHOWN_POINTS = 12 };

static void
json_rings(struct gs_json *j, const struct report *r, const uint64_t *count)
{
	uint32_t i;

	gs_json_object(j, "rings");
	for (i = 0; i < r->n_rings; i++)
		gs_json_u64(j, r->ring[i], count[i]);
	gs_json_end(j, false);
}

static void
json_moves(struct gs_json *j, const struct report *r)
{
	char name[2 * REPORT_NAME_BYTES];
	uint32_t from, to;

	gs_json_object(j, "moves");
	for (from = 0; from < r->n_rings; from++)
		for (to = 0; to < r->n_rings; to++) {
			if (r->moves[from][to] == 0)
				continue;
			(void)snprintf(name, sizeof(name), "%s>%s", r->ring[from], r->ring[to]);
			gs_json_u64(j, name, r->moves[from][to]);
		}
	gs_json_end(j, false);
}

static void
json_series(struct gs_json *j, const struct report *r)
{
	size_t i;

	gs_json_array(j, "series");
	for (i = 0; i < r->series.n; i++) {
		const struct series_point *p = &r->series.points[i];

		gs_json_object(j, NULL);
		/* As a double: a log may be of before 1970, and all of its years are exact. */
		gs_json_double(j, "t", (double)(r->first_ms + (int64_t)p->at_ms));
		json_rings(j, r, p->count);
		gs_json_end(j, false);
	}
	gs_json_end(j, true);
}

static void
json_suspects(struct gs_json *j, const struct report *r)
{
	gs_json_array(j, "suspects");
	for (size_t i = 0; i < r->n_suspects; i++) {
		gs_json_object(j, NULL);
		gs_json_string(j, "key", r->suspects[i].key, r->suspects[i].key_len);
		gs_json_double(j, "rate", r->suspects[i].rate_per_s);
		gs_json_u64(j, "offences", r->suspects[i].offences);
		gs_json_end(j, false);
	}
	gs_json_end(j, true);
}

static void
json_latency(struct gs_json *j, const char *name, const struct latency *l)
{
	gs_json_object(j, name);
	gs_json_u64(j, "n", l->n);
	gs_json_double(j, "p50_us", (double)latency_at(l, 0.50) / 1000);
	gs_json_double(j, "p99_us", (double)latency_at(l, 0.99) / 1000);
	gs_json_double(j, "max_us", (double)l->max_ns / 1000);
	gs_json_end(j, false);
}

void
report_print_json(const struct report *r, FILE *to)
{
	struct gs_json j;

	gs_json_init(&j, to);
	gs_json_object(&j, NULL);
	gs_json_u64(&j, "requests", r->requests);
	gs_json_u64(&j, "keys", r->keys);
	gs_json_u64(&j, "unreadable", r->unreadable);
	gs_json_u64(&j, "started", r->started);
	if (r->is_live)
		gs_json_u64(&j, "replaced", r->replaced);
	gs_json_u64(&j, "gets", r->gets);
	gs_json_u64(&j, "refused", r->refused);
	if (!r->is_live) {
		gs_json_u64(&j, "expired", r->expired);
		gs_json_u64(&j, "stuck", r->stuck);
		gs_json_u64(&j, "evicted", r->evicted);
		gs_json_u64(&j, "dropped", r->dropped);
		json_moves(&j, r);
	}
	json_rings(&j, r, r->population);
	json_suspects(&j, r);
	json_series(&j, r);
	if (r->is_live) {
		gs_json_object(&j, "latency");
		json_latency(&j, "get", &r->get);
		json_latency(&j, "put", &r->put);
		gs_json_end(&j, false);
	}
	gs_json_end(&j, false);
	gs_json_done(&j);
}

static void
print_count(FILE *to, const char *name, uint64_t n)
{
	(void)fprintf(to, "%-12s %10" PRIu64 "\n", name, n);
}

static const char *
date(char out[32], int64_t ms)
{
	time_t seconds = (time_t)(ms / 1000);
	struct tm tm;

	if (gmtime_r(&seconds, &tm) == NULL || strftime(out, 32, "%Y-%m-%d %H:%M:%S", &tm) == 0)
		return "?";
	return out;
}

static void
print_span(const struct report *r, FILE *to)
{
	char first[32], last[32];

	if (r->requests > 0)
		(void)fprintf(to, "%-12s %s to %s (UTC)\n", "log", date(first, r->first_ms),
		    date(last, r->first_ms + (int64_t)r->span_ms));
}

static void
print_moves(const struct report *r, FILE *to)
{
	char name[2 * REPORT_NAME_BYTES];
	uint32_t from, i;

	for (from = 0; from < r->n_rings; from++)
		for (i = 0; i < r->n_rings; i++) {
			if (r->moves[from][i] == 0)
				continue;
			(void)snprintf(name, sizeof(name), "%s>%s", r->ring[from], r->ring[i]);
			(void)fprintf(to, "  %-20s %10" PRIu64 "\n", name, r->moves[from][i]);
		}
}

static void
print_suspects(const struct report *r, FILE *to)
{
	char key[4 * 64 + 1];

	if (r->n_suspects > 0)
		(void)fprintf(to, "suspects\n");
	for (size_t i = 0; i < r->n_suspects; i++) {
		(void)gs_text_escape(key, sizeof(key), r->suspects[i].key, r->suspects[i].key_len);
		(void)fprintf(to, "  %-40s %8.3g/s   offences %" PRIu64 "\n", key, r->suspects[i].rate_per_s, r->suspects[i].offences);
	}
}

static void
print_latency(FILE *to, const char *name, const struct latency *l)
{
	(void)fprintf(to, "  %-4s %10" PRIu64 "   p50 %8.1f   p99 %8.1f   max %8.1f us\n", name, l->n,
	    (double)latency_at(l, 0.50) / 1000, (double)latency_at(l, 0.99) / 1000, (double)l->max_ns / 1000);
}

/* A dozen of the points are enough to see the shape; the end is always among them. */
static void
print_series(const struct report *r, FILE *to)
{
	size_t n = r->series.n, every = (n + SHOWN_POINTS - 1) / SHOWN_POINTS, i;
	char when[32];
	uint32_t ring;

	(void)fprintf(to, "\n%-20s", "time (UTC)");
	for (ring = 0; ring < r->n_rings; ring++)
		(void)fprintf(to, " %10s", r->ring[ring]);
	(void)fputc('\n', to);
	for (i = 0; i < n; i++) {
		if ((n - 1 - i) % every != 0)
			continue;
		(void)fprintf(to, "%-20s", date(when, r->first_ms + (int64_t)r->series.points[i].at_ms));
		for (ring = 0; ring < r->n_rings; ring++)
			(void)fprintf(to, " %10" PRIu64, r->series.points[i].count[ring]);
		(void)fputc('\n', to);
	}
}

void
report_print(const struct report *r, FILE *to)
{
	print_span(r, to);
	print_count(to, "requests", r->requests);
	print_count(to, "keys", r->keys);
	print_count(to, "unreadable", r->unreadable);
	print_count(to, "started", r->started);
	if (r->is_live)
		print_count(to, "replaced", r->replaced);
	print_count(to, "gets", r->gets);
	print_count(to, "refused", r->refused);
	if (r->is_live) {
		(void)fputs("latency\n", to);
		print_latency(to, "get", &r->get);
		print_latency(to, "put", &r->put);
	} else {
		print_count(to, "expired", r->expired);
		print_count(to, "stuck", r->stuck);
		print_count(to, "evicted", r->evicted);
		print_count(to, "dropped", r->dropped);
		(void)fputs("moves\n", to);
		print_moves(r, to);
		print_suspects(r, to);
	}
	if (r->series.n > 0)
		print_series(r, to);
}
