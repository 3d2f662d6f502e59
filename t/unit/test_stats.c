/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_stats - the numbers of a table and of its rings, as text.
 */
#include "shm/rings.h"
#include "shm/stats.h"
#include "shm_place.h"

static char text[1 << 16];

static int
open_usual(void **state)
{
	struct gs_table_spec spec = usual_spec();

	spec.n_classes = 2;
	spec.slot_size[1] = spec.slot_size[0];
	spec.slot_size[0] = 512;
	return begin_store(state, &spec);
}

static struct gs_append
begin_text(void)
{
	return (struct gs_append){ .out = text, .cap = sizeof(text) };
}

/* The number behind a name that begins a line; UINT64_MAX: no line has it. */
static uint64_t
value_of(const char *name)
{
	size_t len = strlen(name);

	for (const char *at = text; at != NULL && *at != '\0'; at = strchr(at, '\n') == NULL ? NULL : strchr(at, '\n') + 1)
		if (strncmp(at, name, len) == 0 && at[len] == ' ')
			return strtoull(at + len, NULL, 10);
	return UINT64_MAX;
}

static void
print_table(const struct store *s)
{
	struct gs_append a = begin_text();

	gs_stats_print_table(s->t, &a);
	gs_append_end(&a);
	assert_int_equal(strlen(text), a.len);
}

static void
print_ring(const struct store *s, uint32_t ring)
{
	struct gs_append a = begin_text();

	gs_stats_print_ring(s->t, ring, &a);
	gs_append_end(&a);
	assert_int_equal(strlen(text), a.len);
}

static void
counters_are_those_of_all_contexts_and_the_longest_is_the_greatest(void **state)
{
	struct store *s = *state;
	uint64_t count[GS_COUNTERS] = { 0 };
	struct gs_ctx other;

	assert_int_equal(gs_ctx_init(&other, s->t, 2), 0);
	for (uint32_t n = 0; n < GS_COUNTERS; n++) {
		gs_ctx_count_many(&s->c, (enum gs_counter)n, n + 1);
		gs_ctx_count_many(&other, (enum gs_counter)n, 1000);
	}
	gs_ctx_add_totals(s->t, count);
	for (uint32_t n = 0; n < GS_COUNTERS; n++) {
		assert_int_equal(count[n], n == GS_COUNT_LARGEST ? 1000 : n + 1001);
		assert_int_equal(count[n], gs_ctx_total(s->t, (enum gs_counter)n));
	}
	print_table(s);
	assert_int_equal(value_of("gets"), GS_COUNT_GETS + 1001);
	assert_int_equal(value_of("largest_value"), 1000);
	/* Of another table what is there is added to. */
	gs_ctx_add_totals(s->t, count);
	assert_int_equal(count[GS_COUNT_GETS], 2 * (GS_COUNT_GETS + 1001));
	assert_int_equal(count[GS_COUNT_LARGEST], 1000);
	gs_ctx_fini(&other, s->t);
}

static void
table_has_a_line_for_each_counter_and_figure(void **state)
{
	struct store *s = *state;
	uint64_t bytes = 0;

	assert_int_equal(put_at(s, "a", "v", NOW), 1);
	assert_int_equal(put_at(s, "b", "v", NOW), 1);
	print_table(s);
#define COUNTER(symbol, name, kind, sentence) assert_int_not_equal(value_of(#name), UINT64_MAX);
#include "base/counters.def"
#undef COUNTER
	assert_int_equal(value_of("started"), 2);
	assert_int_equal(value_of("sessions"), 2);
	for (uint32_t i = 0; i < GS_MAX_ARENAS; i++)
		if (s->t->arena[i].map != NULL)
			bytes += gs_slots_count_committed(&s->t->arena[i]) * s->t->arena[i].slot_size;
	assert_true(bytes > 0);
	assert_int_equal(value_of("committed_bytes"), bytes);
}

static void
ring_has_its_own_and_a_line_for_each_size_of_slots(void **state)
{
	struct store *s = *state;
	char name[32];

	assert_int_equal(put_at(s, "a", "v", NOW), 1);
	atomic_store(&s->t->ctl->given[WARM].reserve, 7);
	/* What is off takes nothing: what it was given stays. */
	atomic_store(&s->t->ctl->ring[WARM].capacity, 0);
	print_ring(s, ACTIVE);
	assert_int_equal(value_of("count"), 1);
	assert_int_equal(value_of("capacity"), 100);
	assert_int_equal(value_of("slots_512"), s->t->arena[0].n_slots);
	assert_int_equal(value_of("committed_slots_512"), s->t->arena[0].seg_slots);
	(void)snprintf(name, sizeof(name), "slots_%" PRIu32, s->t->arena[1].slot_size);
	assert_int_equal(value_of(name), s->t->arena[1].n_slots);
	assert_int_equal(value_of("committed_bytes"), (uint64_t)s->t->arena[0].seg_slots * 512);
	assert_int_equal(value_of("waiting"), UINT64_MAX);
	print_ring(s, WARM);
	assert_int_equal(value_of("count"), 0);
	assert_int_equal(value_of("capacity"), 200);
	assert_int_equal(value_of("reserve"), 7);
	assert_int_equal(value_of("committed_bytes"), 0);
}

static void
metrics_are_families_over_all_tables_and_rings(void **state)
{
	static struct gs_stats_table tables[2];
	struct gs_figures host = { .of = { [GS_FIGURE_CLIENTS] = 3 } };
	struct gs_append a = begin_text();
	struct store *s = *state;

	assert_int_equal(put_at(s, "a", "v", NOW), 1);
	gs_stats_look(s->t, &tables[0]);
	gs_stats_look(s->t, &tables[1]);
	memcpy(strchr(tables[1].label.text, '"'), "\"u", 2);
	for (uint32_t i = 0; i < tables[1].n_rings; i++)
		memcpy(strchr(tables[1].ring[i].label.text, '"'), "\"u", 2);
	gs_stats_print_metrics(tables, 2, &host, &a);
	gs_append_end(&a);
	assert_non_null(strstr(text, "# TYPE gsession_started counter\n"
	    "# HELP gsession_started sessions started.\n"
	    "gsession_started_total{table=\"t\"} 1\n"
	    "gsession_started_total{table=\"u\"} 1\n"
	    "# TYPE "));
	assert_non_null(strstr(text, "# UNIT gsession_largest_value_bytes bytes\n"));
	assert_non_null(strstr(text, "\ngsession_clients 3\n"));
	assert_non_null(strstr(text, "\ngsession_ring_sessions{table=\"t\",ring=\"active\"} 1\n"
	    "gsession_ring_sessions{table=\"t\",ring=\"warm\"} 0\n"));
	assert_non_null(strstr(text, "\ngsession_ring_committed_slots{table=\"u\",ring=\"active\",slot_size=\"512\"} 64\n"));
	assert_null(strstr(text, "gsession_ring_waiting{"));
	assert_string_equal(text + a.len - strlen("\n# EOF\n"), "\n# EOF\n");
	/* The same bytes as the table's own text. */
	print_table(s);
	assert_int_equal(value_of("committed_bytes"), tables[0].value.of[GS_FIGURE_COMMITTED]);
}

static void
ring_that_was_removed_has_no_sample_and_its_memory_counts(void **state)
{
	static struct gs_stats_table table;
	struct store *s = *state;
	struct gs_key k = key_of(s->t, "a");
	uint64_t bytes;

	assert_int_equal(put_at(s, "a", "v", NOW), 1);
	assert_int_equal(gs_kv_move(s->t, &s->c, &k, NOW, WARM), 0);
	gs_stats_look(s->t, &table);
	bytes = table.value.of[GS_FIGURE_COMMITTED];
	assert_int_equal(table.n_rings, 4);
	gs_rings_drop(s->t, WARM);
	gs_stats_look(s->t, &table);
	assert_int_equal(table.n_rings, 3);
	assert_string_equal(table.ring[1].name, "cold");
	assert_int_equal(table.value.of[GS_FIGURE_SESSIONS], 1);
	assert_int_equal(table.value.of[GS_FIGURE_COMMITTED], bytes);
	print_table(s);
	assert_int_equal(value_of("committed_bytes"), bytes);
}

static void
total_is_the_sum_of_tables_and_what_is_of_none(void **state)
{
	struct gs_figures host = { .of = { [GS_FIGURE_CLIENTS] = 3, [GS_FIGURE_SWEEPS] = 9 } };
	struct gs_append a = begin_text();
	const struct gs_table *tables[2];
	struct store *s = *state;

	assert_int_equal(put_at(s, "a", "v", NOW), 1);
	tables[0] = tables[1] = s->t;
	gs_stats_print_total(tables, 2, &host, &a);
	gs_append_end(&a);
	assert_int_equal(value_of("started"), 2);
	assert_int_equal(value_of("largest_value"), 1);
	assert_int_equal(value_of("clients"), 3);
	assert_int_equal(value_of("sweeps"), 9);
	assert_int_equal(value_of("sessions"), UINT64_MAX);
}

#define OF(name) cmocka_unit_test_setup_teardown(name, open_usual, end_store)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		OF(counters_are_those_of_all_contexts_and_the_longest_is_the_greatest),
		OF(table_has_a_line_for_each_counter_and_figure),
		OF(ring_has_its_own_and_a_line_for_each_size_of_slots),
		OF(metrics_are_families_over_all_tables_and_rings),
		OF(ring_that_was_removed_has_no_sample_and_its_memory_counts),
		OF(total_is_the_sum_of_tables_and_what_is_of_none),
	};

	return cmocka_run_group_tests_name("stats", tests, NULL, NULL);
}
