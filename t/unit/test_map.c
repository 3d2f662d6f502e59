/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_map - a map says the same after it was sent, follows the one it was made of, and breaks no rule unnoticed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "gsession.h"
#include "net/map.h"

enum { HOSTS = 5 };

static struct map map, other;
static unsigned char bytes[MAP_BYTES];

static void
add_host(struct map *m, uint16_t id)
{
	struct map_host *h = &m->hosts[m->n_hosts++];

	*h = (struct map_host){ .id = id, .state = MAP_ACTIVE, .is_voter = id < 4, .zone = id % 2, .port = 7400, .weight = { 4, 8 }, .incarnation = 1 };
	(void)snprintf(h->name, sizeof(h->name), "host%u", id);
	(void)snprintf(h->address, sizeof(h->address), id % 2 == 0 ? "10.0.0.%u" : "fd00::%u", id);
}

static int
setup(void **state)
{
	(void)state;
	memset(&map, 0, sizeof(map));
	map.epoch = 1;
	map.draw = 1;
	map.seed = 0x5eed;
	map.cluster_id = 7;
	map.record_size = 4096;
	map.key_max = 64;
	for (uint16_t id = 1; id <= HOSTS; id++)
		add_host(&map, (uint16_t)(10 * id));
	for (uint32_t slot = 0; slot < MAP_SLOTS; slot++) {
		map.home[slot][0] = (uint16_t)(10 * (1 + slot % HOSTS));
		map.home[slot][1] = (uint16_t)(10 * (1 + (slot + 1) % HOSTS));
		map.outer[slot][0] = (uint16_t)(10 * (1 + (slot + 2) % HOSTS));
	}
	map.moves[map.n_moves++] = (struct map_move){ .slot = 5, .from = 10, .to = 30, .ring = MAP_HOME, .phase = MAP_COPYING };
	map.moves[map.n_moves++] = (struct map_move){ .slot = 5, .from = 30, .to = 20, .ring = MAP_OUTER, .phase = MAP_SWITCHED };
	return map_seal(&map);
}

static void
what_is_decoded_is_what_was_encoded(void **state)
{
	int n = map_encode(&map, bytes, sizeof(bytes));

	(void)state;
	assert_true(n > 0);
	memset(&other, 0xee, sizeof(other));
	assert_int_equal(map_decode(&other, bytes, (size_t)n), 0);
	assert_int_equal(other.epoch, 1);
	assert_int_equal(other.record_size, 4096);
	assert_int_equal(other.key_max, 64);
	assert_int_equal(other.n_hosts, HOSTS);
	assert_memory_equal(other.hosts, map.hosts, HOSTS * sizeof(*map.hosts));
	assert_memory_equal(other.home, map.home, sizeof(map.home));
	assert_memory_equal(other.outer, map.outer, sizeof(map.outer));
	assert_int_equal(other.n_moves, 2);
	assert_memory_equal(other.moves, map.moves, 2 * sizeof(*map.moves));
	assert_memory_equal(other.hash, map.hash, MAP_HASH_BYTES);
	assert_int_equal(map_encode(&map, bytes, (size_t)n - 1), GS_ERANGE);
}

/* The same on all machines, for ever. */
static void
bytes_are_little_endian_and_in_their_place(void **state)
{
	static const unsigned char head[] = { 'M', 'S', 'M', 'P', 1, 0, HOSTS, 0, 1, 0, 0, 0, 0, 0, 0, 0 };

	(void)state;
	assert_true(map_encode(&map, bytes, sizeof(bytes)) > 0);
	assert_memory_equal(bytes, head, sizeof(head));
	assert_memory_equal(bytes + 16, map.hash, MAP_HASH_BYTES);
	assert_memory_equal(bytes + 32, map.past, sizeof(map.past));
	assert_memory_equal(bytes + 32 + sizeof(map.past) + 16, "\xed\x5e\0\0\0\0\0\0\7\0\0\0\0\x10\0\0\x40\0\0\x10", 20);	/* from the seed to the number of slots */
}

static void
largest_map_has_room(void **state)
{
	(void)state;
	map.n_hosts = 0;
	for (uint32_t i = 1; i <= MAP_HOSTS; i++) {
		add_host(&map, (uint16_t)i);
		memset(map.hosts[i - 1].name, 'x', MAP_NAME_BYTES - 1);
		(void)snprintf(map.hosts[i - 1].name, sizeof(map.hosts[0].name), "a-name-of-thirty-one-bytes.%04u", i);
		(void)snprintf(map.hosts[i - 1].address, sizeof(map.hosts[0].address), "1111:2222:3333:4444:5555:6666:255.255.%u.%u", i / 256, i % 256);
	}
	map.n_moves = 0;
	for (uint16_t slot = 0; slot < MAP_SLOTS; slot++)
		for (uint8_t ring = 0; ring < MAP_RINGS; ring++)
			map.moves[map.n_moves++] = (struct map_move){ .slot = slot, .from = 10, .to = 30, .ring = ring };
	assert_string_equal(map_why_wrong(&map) == NULL ? "right" : map_why_wrong(&map), "right");
	assert_int_equal(map_seal(&map), 0);
	assert_true(map_encode(&map, bytes, sizeof(bytes)) > 0);
}

static void
every_cut_and_every_changed_bit_is_refused(void **state)
{
	int n = map_encode(&map, bytes, sizeof(bytes)), rc;

	(void)state;
	for (int len = 0; len < n; len += len < 400 ? 1 : 997)
		assert_int_equal(map_decode(&other, bytes, (size_t)len), GS_EPROTO);
	assert_int_equal(map_decode(&other, bytes, (size_t)n + 1), GS_EPROTO);
	for (int i = 0; i < n; i += i < 400 ? 1 : 331) {
		bytes[i] ^= (unsigned char)(1 << i % 8);
		rc = map_decode(&other, bytes, (size_t)n);
		assert_true(rc == GS_EPROTO || rc == GS_EVERSION || rc == GS_ECORRUPT);
		bytes[i] ^= (unsigned char)(1 << i % 8);
	}
	assert_int_equal(map_decode(&other, bytes, (size_t)n), 0);
}

static void
other_formats_are_told_from_nonsense(void **state)
{
	int n = map_encode(&map, bytes, sizeof(bytes));

	(void)state;
	bytes[4] = 2;
	assert_int_equal(map_decode(&other, bytes, (size_t)n), GS_EVERSION);
	bytes[0] = 'X';
	assert_int_equal(map_decode(&other, bytes, (size_t)n), GS_EPROTO);
}

static void
one_follows_the_one_it_was_made_of(void **state)
{
	(void)state;
	map_succeed(&other, &map, 7);
	other.hosts[2].state = MAP_DRAINING;
	assert_int_equal(map_seal(&other), 0);
	assert_true(map_follows(&other, &map));
	assert_false(map_follows(&map, &other));
	assert_int_equal(other.epoch, 2);
	assert_memory_not_equal(other.hash, map.hash, MAP_HASH_BYTES);
	assert_false(map_is_fork(&other, &map));
	/* Of a changed one it is no successor. */
	map.hosts[0].zone++;
	assert_int_equal(map_seal(&map), 0);
	assert_false(map_follows(&other, &map));
	assert_true(map_is_fork(&other, &map));
}

static void
successors_are_of_the_same_cluster_and_lose_no_host(void **state)
{
	(void)state;
	map.hosts[4].state = MAP_LEFT;
	for (int change = 0; change < 7; change++) {
		map_succeed(&other, &map, 7);
		switch (change) {
		case 0: other.cluster_id++; break;
		case 1: other.seed++; break;
		case 2: other.record_size++; break;
		case 3: other.key_max++; break;
		case 4: other.n_hosts--; break;
		case 5: other.hosts[1].id++; break;
		case 6: other.hosts[4].state = MAP_ACTIVE; break;
		}
		assert_false(map_follows(&other, &map));
	}
	map_succeed(&other, &map, 7);
	assert_true(map_follows(&other, &map));
}

static void
what_says_the_same_is_another_map_by_its_draw(void **state)
{
	static struct map twin;

	(void)state;
	map_succeed(&other, &map, 7);
	map_succeed(&twin, &map, 8);
	assert_int_equal(map_seal(&other), 0);
	assert_int_equal(map_seal(&twin), 0);
	assert_memory_not_equal(other.hash, twin.hash, MAP_HASH_BYTES);
}

static void
forks_are_seen_from_far(void **state)
{
	static struct map first, next;

	(void)state;
	first = map;
	other = map;
	for (int epochs = 1; epochs <= MAP_PAST + 1; epochs++) {
		map_succeed(&next, &other, 7);
		assert_int_equal(map_seal(&next), 0);
		other = next;
		assert_false(map_is_fork(&other, &first));
		map.hosts[0].zone++;
		assert_int_equal(map_seal(&map), 0);
		/* What lies further back is not known. */
		assert_int_equal(map_knows(&other, &map), epochs <= MAP_PAST);
		assert_int_equal(map_is_fork(&other, &map), epochs <= MAP_PAST);
	}
	assert_true(map_is_fork(&first, &map));
	assert_false(map_is_fork(&map, &map));
}

/* Each breaks one rule. */
static void
break_rule(int rule)
{
	struct map_host *h = map.hosts;

	switch (rule) {
	case 0: map.epoch = 0; break;
	case 1: map.n_hosts = MAP_HOSTS + 1; break;
	case 2: map.n_moves = MAP_MOVES + 1; break;
	case 3: h[0].id = MAP_NOBODY; break;
	case 4: h[1].id = h[0].id; break;
	case 5: h[1].state = MAP_STATES; break;
	case 6: h[1].name[0] = '\0'; break;
	case 7: memset(h[1].name, 'x', MAP_NAME_BYTES); break;
	case 8: (void)strcpy(h[1].name, "a/b"); break;
	case 9: (void)strcpy(h[1].address, "example.org"); break;
	case 10: memset(h[1].address, '1', MAP_ADDRESS_BYTES); break;
	case 11: h[1].port = 0; break;
	case 12: (void)strcpy(h[1].name, h[0].name); break;
	case 13: (void)strcpy(h[1].address, h[0].address); break;
	case 14: map.home[9][0] = 99; break;
	case 15: map.home[9][1] = map.home[9][0]; break;
	case 16: map.home[9][0] = MAP_NOBODY; break;
	case 17: map.outer[9][1] = map.outer[9][0]; break;
	case 18: h[1].state = MAP_LEFT; break;
	case 19: h[1].state = MAP_JOINING; break;
	case 20: map.moves[0].slot = MAP_SLOTS; break;
	case 21: map.moves[0].ring = MAP_RINGS; break;
	case 22: map.moves[0].phase = MAP_PHASES; break;
	case 23: map.moves[1].ring = map.moves[0].ring; break;
	case 24: map.moves[0].from = 99; break;
	case 25: map.moves[0].to = 99; break;
	case 26: map.moves[0].to = map.moves[0].from; break;
	case 27: map.epoch = UINT64_MAX; break;
	}
}

static void
each_rule_is_looked_at(void **state)
{
	for (int rule = 0; rule <= 27; rule++) {
		(void)setup(state);
		assert_null(map_why_wrong(&map));
		break_rule(rule);
		if (map_why_wrong(&map) == NULL)
			fail_msg("rule %d is not looked at", rule);
		assert_int_equal(map_seal(&map), GS_EINVAL);
	}
}

/* As a sender would that breaks rules and knows how hashes are made. */
static void
forge_hash(size_t len)
{
	XXH128_canonical_t hash;

	memset(bytes + 16, 0, MAP_HASH_BYTES);
	XXH128_canonicalFromHash(&hash, XXH3_128bits(bytes, len));
	memcpy(bytes + 16, hash.digest, MAP_HASH_BYTES);
}

static void
rules_hold_for_what_is_received(void **state)
{
	int n = map_encode(&map, bytes, sizeof(bytes));

	(void)state;
	forge_hash((size_t)n);
	assert_memory_equal(bytes + 16, map.hash, MAP_HASH_BYTES);
	for (int rule = 0; rule <= 27; rule++) {
		/* These cannot be encoded. */
		if (rule == 1 || rule == 2 || rule == 7 || rule == 10)
			continue;
		(void)setup(state);
		break_rule(rule);
		n = map_encode(&map, bytes, sizeof(bytes));
		forge_hash((size_t)n);
		assert_int_equal(map_decode(&other, bytes, (size_t)n), GS_EINVAL);
	}
}

static void
hosts_are_found_by_id_and_name(void **state)
{
	(void)state;
	assert_ptr_equal(map_host(&map, 30), &map.hosts[2]);
	assert_null(map_host(&map, 31));
	assert_null(map_host(&map, MAP_NOBODY));
	assert_ptr_equal(map_host_named(&map, "host50"), &map.hosts[4]);
	assert_null(map_host_named(&map, "host5"));
	map.hosts[4].state = MAP_LEFT;
	assert_null(map_host_named(&map, "host50"));
}

static void
keys_fall_evenly_and_by_namespace_and_seed(void **state)
{
	static uint32_t n[MAP_SLOTS];
	uint32_t same = 0;

	(void)state;
	for (uint32_t i = 0; i < 40 * MAP_SLOTS; i++) {
		n[map_slot(&map, 0, &i, sizeof(i))]++;
		same += map_slot(&map, 0, &i, sizeof(i)) == map_slot(&map, 1, &i, sizeof(i));
	}
	for (uint32_t slot = 0; slot < MAP_SLOTS; slot++)
		assert_in_range(n[slot], 8, 90);
	assert_in_range(same, 0, 120);
	same = 0;
	for (uint32_t i = 0; i < 40 * MAP_SLOTS; i++) {
		uint16_t slot = map_slot(&map, 0, &i, sizeof(i));

		map.seed++;
		same += slot == map_slot(&map, 0, &i, sizeof(i));
		map.seed--;
	}
	assert_in_range(same, 0, 120);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(what_is_decoded_is_what_was_encoded, setup),
		cmocka_unit_test_setup(bytes_are_little_endian_and_in_their_place, setup),
		cmocka_unit_test_setup(largest_map_has_room, setup),
		cmocka_unit_test_setup(every_cut_and_every_changed_bit_is_refused, setup),
		cmocka_unit_test_setup(other_formats_are_told_from_nonsense, setup),
		cmocka_unit_test_setup(one_follows_the_one_it_was_made_of, setup),
		cmocka_unit_test_setup(successors_are_of_the_same_cluster_and_lose_no_host, setup),
		cmocka_unit_test_setup(what_says_the_same_is_another_map_by_its_draw, setup),
		cmocka_unit_test_setup(forks_are_seen_from_far, setup),
		cmocka_unit_test_setup(each_rule_is_looked_at, setup),
		cmocka_unit_test_setup(rules_hold_for_what_is_received, setup),
		cmocka_unit_test_setup(hosts_are_found_by_id_and_name, setup),
		cmocka_unit_test_setup(keys_fall_evenly_and_by_namespace_and_seed, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
