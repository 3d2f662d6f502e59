/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_hello - who has the cluster's key and fits to it gets a connection that nobody else can read, change or feign.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "gsession.h"
#include "net/frame.h"
#include "net/hello.h"

static const char text_a[] = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\n";
static const char text_b[] = "ffeeddccbbaa99887766554433221100ffeeddccbbaa99887766554433221100\n";
static const char text_both[] = "# new, then old\nffeeddccbbaa99887766554433221100ffeeddccbbaa99887766554433221100\n\n"
	"00112233445566778899AABBCCDDEEFF00112233445566778899AABBCCDDEEFF\r\n";

static struct keys a, b, both;
static struct hello dials, dialled;
static unsigned char asked[HELLO_BYTES], answer[HELLO_ANSWER_BYTES], proof[HELLO_PROOF_BYTES];
static const char *why;

static const struct hello_facts one = {
	.version_least = 1, .version_most = 1, .host = 1, .incarnation = 5, .cluster_id = 77, .record_size = 4096, .key_max = 64, .seed = 9, .memory = 11,
};

static struct hello_facts
two(void)
{
	struct hello_facts f = one;

	f.host = 2;
	f.memory = 12;
	return f;
}

static int
setup(void **state)
{
	struct hello_facts f = two();

	(void)state;
	if (keys_parse(&a, text_a, sizeof(text_a) - 1, &why) < 0 || keys_parse(&b, text_b, sizeof(text_b) - 1, &why) < 0 ||
	    keys_parse(&both, text_both, sizeof(text_both) - 1, &why) < 0)
		return -1;
	return hello_begin(&dials, &one, &a) < 0 || hello_begin(&dialled, &f, &a) < 0 ? -1 : 0;
}

static int
teardown(void **state)
{
	(void)state;
	hello_forget(&dials);
	hello_forget(&dialled);
	return 0;
}

/* Through all steps; the first that fails is the answer. */
static int
meet(void)
{
	int rc;

	hello_ask(&dials, asked);
	rc = hello_answer(&dialled, asked, sizeof(asked), answer, &why);
	if (rc == 0)
		rc = hello_prove(&dials, answer, sizeof(answer), proof, &why);
	if (rc == 0)
		rc = hello_accept(&dialled, proof, sizeof(proof));
	return rc;
}

static void
two_that_fit_come_together(void **state)
{
	static const char text[] = "a payload";
	unsigned char sealed[sizeof(text) + SEAL_EXTRA_BYTES], head[FRAME_HEAD_BYTES] = { 1, 2, 3 }, opened[sizeof(text)];

	(void)state;
	assert_int_equal(meet(), 0);
	assert_int_equal(dials.peer.host, 2);
	assert_int_equal(dialled.peer.host, 1);
	assert_int_equal(dialled.peer.memory, 11);
	seal_close(&dials.seal, &(struct seal_text){ head, sizeof(head), text, sizeof(text) }, sealed);
	assert_int_equal(seal_open(&dialled.seal, &(struct seal_text){ head, sizeof(head), sealed, sizeof(sealed) }, opened), sizeof(text));
	assert_memory_equal(opened, text, sizeof(text));
	/* Not back to who sent it. */
	assert_int_equal(seal_open(&dials.seal, &(struct seal_text){ head, sizeof(head), sealed, sizeof(sealed) }, opened), GS_EACCES);
	seal_close(&dialled.seal, &(struct seal_text){ head, sizeof(head), text, sizeof(text) }, sealed);
	assert_int_equal(seal_open(&dials.seal, &(struct seal_text){ head, sizeof(head), sealed, sizeof(sealed) }, opened), sizeof(text));
}

static void
every_changed_bit_of_what_is_sealed_is_seen(void **state)
{
	unsigned char sealed[20 + SEAL_EXTRA_BYTES], head[FRAME_HEAD_BYTES] = { 0 }, opened[20];

	(void)state;
	assert_int_equal(meet(), 0);
	seal_close(&dials.seal, &(struct seal_text){ head, sizeof(head), "twenty bytes of text", 20 }, sealed);
	for (size_t i = 0; i < 8 * sizeof(sealed); i++) {
		sealed[i / 8] ^= (unsigned char)(1 << i % 8);
		assert_int_equal(seal_open(&dialled.seal, &(struct seal_text){ head, sizeof(head), sealed, sizeof(sealed) }, opened), GS_EACCES);
		sealed[i / 8] ^= (unsigned char)(1 << i % 8);
	}
	for (size_t i = 0; i < 8 * sizeof(head); i++) {
		head[i / 8] ^= (unsigned char)(1 << i % 8);
		assert_int_equal(seal_open(&dialled.seal, &(struct seal_text){ head, sizeof(head), sealed, sizeof(sealed) }, opened), GS_EACCES);
		head[i / 8] ^= (unsigned char)(1 << i % 8);
	}
	for (size_t len = 0; len < sizeof(sealed); len++)
		assert_int_equal(seal_open(&dialled.seal, &(struct seal_text){ head, sizeof(head), sealed, len }, opened), GS_EACCES);
	assert_int_equal(seal_open(&dialled.seal, &(struct seal_text){ head, sizeof(head), sealed, sizeof(sealed) }, opened), 20);
}

static void
same_text_is_never_sealed_the_same(void **state)
{
	unsigned char first[4 + SEAL_EXTRA_BYTES], second[4 + SEAL_EXTRA_BYTES];

	(void)state;
	assert_int_equal(meet(), 0);
	seal_close(&dials.seal, &(struct seal_text){ "", 0, "text", 4 }, first);
	seal_close(&dials.seal, &(struct seal_text){ "", 0, "text", 4 }, second);
	assert_memory_not_equal(first, second, sizeof(first));
}

static void
each_connection_has_keys_of_its_own(void **state)
{
	struct seal first;

	assert_int_equal(meet(), 0);
	first = dials.seal;
	(void)teardown(state);
	assert_int_equal(setup(state), 0);
	assert_int_equal(meet(), 0);
	assert_memory_not_equal(&first, &dials.seal, sizeof(first));
	assert_memory_equal(dials.seal.out, dialled.seal.in, SEAL_KEY_BYTES);
	assert_memory_not_equal(dials.seal.out, dials.seal.in, SEAL_KEY_BYTES);
}

static void
another_key_is_refused(void **state)
{
	struct hello_facts f = two();

	(void)state;
	assert_int_equal(hello_begin(&dialled, &f, &b), 0);
	assert_int_equal(meet(), GS_EACCES);
	assert_null(why);
}

static void
either_key_is_taken_while_one_is_replaced(void **state)
{
	struct hello_facts f = two();

	(void)state;
	assert_int_equal(hello_begin(&dialled, &f, &both), 0);
	assert_int_equal(meet(), 0);
	assert_int_equal(hello_begin(&dials, &one, &b), 0);
	assert_int_equal(hello_begin(&dialled, &f, &both), 0);
	assert_int_equal(meet(), 0);
	assert_int_equal(hello_begin(&dials, &one, &both), 0);
	assert_int_equal(hello_begin(&dialled, &f, &b), 0);
	assert_int_equal(meet(), 0);
}

static void
what_keeps_hosts_apart_is_said(void **state)
{
	static const struct {
		size_t offset, size;
		uint64_t value;
		const char *why;
	} rows[] = {
#define ROW(field, value, why) { offsetof(struct hello_facts, field), sizeof(one.field), value, why }
		ROW(version_least, 2, "it speaks no version of the protocol that we do"),
		ROW(version_most, 0, "it speaks no version of the protocol that we do"),
		ROW(cluster_id, 78, "it is of another cluster"),
		ROW(host, 1, "it has our own id"),
		ROW(record_size, 2048, "it has another record_size"),
		ROW(key_max, 65, "it has another key_max"),
		ROW(seed, 10, "it has another seed"),
		ROW(memory, 11, "it is ourselves"),
#undef ROW
	};
	struct hello_facts f;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		f = two();
		memcpy((char *)&f + rows[i].offset, &rows[i].value, rows[i].size);	/* little endian, as all machines that we build for */
		assert_int_equal(hello_begin(&dialled, &f, &a), 0);
		hello_ask(&dials, asked);
		assert_int_equal(hello_answer(&dialled, asked, sizeof(asked), answer, &why), GS_EVERSION);
		assert_non_null(why);
		assert_string_equal(hello_why_apart(&one, &f), rows[i].why);
	}
	f = two();
	assert_null(hello_why_apart(&one, &f));
	f.host = 0;
	assert_null(hello_why_apart(&one, &f));
	assert_string_equal(hello_why_apart(&f, &f), "it is ourselves");
}

/* Somebody in between changes one bit of one message: at one end or the other it comes out. */
static void
every_changed_bit_comes_out(void **state)
{
	struct hello_facts f = two();
	int rc;

	(void)state;
	for (size_t i = 0; i < 8 * (sizeof(asked) + sizeof(answer) + sizeof(proof)); i++) {
		size_t at = i / 8;
		unsigned char bit = (unsigned char)(1 << i % 8);

		assert_int_equal(hello_begin(&dials, &one, &a), 0);
		assert_int_equal(hello_begin(&dialled, &f, &a), 0);
		hello_ask(&dials, asked);
		if (at < sizeof(asked))
			asked[at] ^= bit;
		rc = hello_answer(&dialled, asked, sizeof(asked), answer, &why);
		if (at >= sizeof(asked) && at - sizeof(asked) < sizeof(answer))
			answer[at - sizeof(asked)] ^= bit;
		if (rc == 0)
			rc = hello_prove(&dials, answer, sizeof(answer), proof, &why);
		if (at >= sizeof(asked) + sizeof(answer))
			proof[at - sizeof(asked) - sizeof(answer)] ^= bit;
		if (rc == 0)
			rc = hello_accept(&dialled, proof, sizeof(proof));
		/* The upper bit of a public key means nothing to X25519, but is among what the keys are made of. */
		if (rc != GS_EACCES && rc != GS_EPROTO && rc != GS_EVERSION)
			fail_msg("bit %zu of byte %zu: %d", i % 8, at, rc);
	}
}

static void
nothing_is_proved_by_what_was_heard(void **state)
{
	unsigned char replayed[HELLO_BYTES], old_proof[HELLO_PROOF_BYTES], mirror[HELLO_ANSWER_BYTES] = { 0 };
	struct hello_facts f = two();

	(void)state;
	/* A connection recorded and played again to who is dialled. */
	assert_int_equal(meet(), 0);
	memcpy(replayed, asked, sizeof(asked));
	memcpy(old_proof, proof, sizeof(proof));
	assert_int_equal(hello_begin(&dialled, &f, &a), 0);
	assert_int_equal(hello_answer(&dialled, replayed, sizeof(replayed), answer, &why), 0);
	assert_int_equal(hello_accept(&dialled, old_proof, sizeof(old_proof)), GS_EACCES);
	/* Who dials is sent his own words; he has no id yet, so that it is not that which is seen. */
	f.host = 0;
	assert_int_equal(hello_begin(&dials, &f, &a), 0);
	hello_ask(&dials, asked);
	memcpy(mirror, asked, sizeof(asked));
	assert_int_equal(hello_prove(&dials, mirror, sizeof(mirror), proof, &why), GS_EVERSION);
	/* And has not been given a proof to go on with. */
	assert_memory_equal(proof, mirror + HELLO_BYTES, sizeof(proof));
	/* A proof before there was a HELLO. */
	assert_int_equal(hello_begin(&dialled, &f, &a), 0);
	memset(proof, 0, sizeof(proof));
	assert_int_equal(hello_accept(&dialled, proof, sizeof(proof)), GS_EACCES);
}

static void
every_other_length_is_refused(void **state)
{
	(void)state;
	hello_ask(&dials, asked);
	for (size_t len = 0; len < sizeof(asked); len++)
		assert_int_equal(hello_answer(&dialled, asked, len, answer, &why), GS_EPROTO);
	assert_int_equal(hello_answer(&dialled, asked, sizeof(asked), answer, &why), 0);
	/* One connection, one answer. */
	{
		unsigned char second[HELLO_ANSWER_BYTES];

		assert_int_equal(hello_answer(&dialled, asked, sizeof(asked), second, &why), GS_EACCES);
	}
	for (size_t len = 0; len < sizeof(answer); len++)
		assert_int_equal(hello_prove(&dials, answer, len, proof, &why), GS_EPROTO);
	assert_int_equal(hello_prove(&dials, answer, sizeof(answer), proof, &why), 0);
	for (size_t len = 0; len < sizeof(proof); len++)
		assert_int_equal(hello_accept(&dialled, proof, len), GS_EACCES);
}

static void
key_files_are_read_or_refused_with_a_sentence(void **state)
{
	static const struct {
		const char *text, *why;
	} rows[] = {
		{ "", "has no key" },
		{ "# nothing\n\n", "has no key" },
		{ "0011", "has a line that is not a key of 64 hexadecimal digits" },
		{ "00112233445566778899aabbccddeeff00112233445566778899aabbccddeefg\n", "has a line that is not a key of 64 hexadecimal digits" },
		{ "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff00\n", "has a line that is not a key of 64 hexadecimal digits" },
		{ "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\n"
		  "00112233445566778899AABBCCDDEEFF00112233445566778899AABBCCDDEEFF\n", "has one key twice" },
		{ "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\n"
		  "10112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\n"
		  "20112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\n", "has more than two keys" },
	};
	struct keys k;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		assert_int_equal(keys_parse(&k, rows[i].text, strlen(rows[i].text), &why), GS_EINVAL);
		assert_string_equal(why, rows[i].why);
		assert_int_equal(k.n, 0);
	}
	assert_int_equal(both.n, 2);
	assert_memory_equal(both.of[1], a.of[0], KEYS_BYTES);
}

static void
made_keys_are_read_and_differ(void **state)
{
	char first[KEYS_TEXT_BYTES], second[KEYS_TEXT_BYTES];
	struct keys k;

	(void)state;
	assert_int_equal(keys_make(first), 0);
	assert_int_equal(keys_make(second), 0);
	assert_string_not_equal(first, second);
	assert_int_equal(strlen(first), 65);
	assert_int_equal(keys_parse(&k, first, strlen(first), &why), 0);
	assert_int_equal(k.n, 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(two_that_fit_come_together, setup, teardown),
		cmocka_unit_test_setup_teardown(every_changed_bit_of_what_is_sealed_is_seen, setup, teardown),
		cmocka_unit_test_setup_teardown(same_text_is_never_sealed_the_same, setup, teardown),
		cmocka_unit_test_setup_teardown(each_connection_has_keys_of_its_own, setup, teardown),
		cmocka_unit_test_setup_teardown(another_key_is_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(either_key_is_taken_while_one_is_replaced, setup, teardown),
		cmocka_unit_test_setup_teardown(what_keeps_hosts_apart_is_said, setup, teardown),
		cmocka_unit_test_setup_teardown(every_changed_bit_comes_out, setup, teardown),
		cmocka_unit_test_setup_teardown(nothing_is_proved_by_what_was_heard, setup, teardown),
		cmocka_unit_test_setup_teardown(every_other_length_is_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(key_files_are_read_or_refused_with_a_sentence, setup, teardown),
		cmocka_unit_test_setup_teardown(made_keys_are_read_and_differ, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
