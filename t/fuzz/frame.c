/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * frame.c - fuzz target: frames and hellos, from anybody who reaches the port.
 *
 * They are right ones in which the input has changed numbers or cut the end, or the input itself.  A frame is refused, or its
 * payload is where it says; a hello that was changed anywhere never comes to an accepted proof.
 */
#include <stdbool.h>
#include <string.h>

#include "fuzz.h"
#include "gsession.h"
#include "net/frame.h"
#include "net/hello.h"

enum { PAYLOAD = 64, CHANGES = 4 };

static const char key_text[] = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\n";
static struct keys keys;

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	const char *why;

	(void)argc;
	(void)argv;
	if (keys_parse(&keys, key_text, sizeof(key_text) - 1, &why) < 0)
		fuzz_fail("the key %s", why);
	return 0;
}

/* Numbers of one to eight bytes, anywhere. */
static void
change(struct tape *in, unsigned char *bytes, size_t len)
{
	for (uint32_t i = tape_below(in, CHANGES); i > 0; i--) {
		size_t size = (size_t)1 << tape_below(in, 4), at = tape_below(in, (uint32_t)len);
		uint64_t number = 0;

		if (at + size > len)
			continue;
		memcpy(&number, bytes + at, size);
		number = tape_change(in, number);
		memcpy(bytes + at, &number, size);
	}
}

static void
read_frame(struct tape *in)
{
	unsigned char whole[FRAME_HEAD_BYTES + PAYLOAD] = { 0 };
	struct frame f = { .kind = (uint16_t)tape_below(in, 80), .flags = (uint16_t)tape_below(in, 32), .len = PAYLOAD, .payload = whole + FRAME_HEAD_BYTES };
	size_t len = tape_below(in, 4) == 0 ? tape_below(in, sizeof(whole) + 1) : sizeof(whole);
	unsigned char *bytes = fuzz_buffer(0, len);
	bool must_be_sealed = tape_below(in, 2) == 1;
	int rc;

	tape_bytes(in, whole + FRAME_HEAD_BYTES, PAYLOAD);
	frame_write(&f, whole);
	memcpy(bytes, whole, len);
	if (len > 0)
		change(in, bytes, len);
	rc = frame_read(&f, bytes, len, must_be_sealed);
	fuzz_answer("frame_read", rc);
	FUZZ_CHECK(rc < 0 || (f.payload == bytes + f.head_bytes && f.head_bytes + f.len == len), "a payload is not where its frame says");
	FUZZ_CHECK(rc < 0 || !must_be_sealed || (f.flags & FRAME_IS_SEALED) != 0, "a frame that is not sealed is taken");
}

static void
meet(struct tape *in)
{
	static const struct hello_facts one = { .host = 1, .memory = 1 }, two = { .host = 2, .memory = 2 };
	unsigned char asked[HELLO_BYTES], whole[HELLO_BYTES], answer[HELLO_ANSWER_BYTES], proof[HELLO_PROOF_BYTES];
	struct hello dials, dialled;
	const char *why;
	int rc = hello_begin(&dials, &one, &keys);

	FUZZ_CHECK(rc == 0 && hello_begin(&dialled, &two, &keys) == 0, "a hello cannot begin");
	hello_ask(&dials, asked);
	memcpy(whole, asked, sizeof(whole));
	change(in, asked, sizeof(asked));
	rc = hello_answer(&dialled, asked, sizeof(asked), answer, &why);
	fuzz_answer("hello_answer", rc);
	if (rc == 0)
		rc = hello_prove(&dials, answer, sizeof(answer), proof, &why);
	if (rc == 0)
		rc = hello_accept(&dialled, proof, sizeof(proof));
	FUZZ_CHECK((rc == 0) == (memcmp(whole, asked, sizeof(whole)) == 0), "a hello that was changed comes to %d", rc);
	hello_forget(&dials);
	hello_forget(&dialled);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tape in = { .at = data, .left = size };

	if (tape_below(&in, 4) == 0)
		meet(&in);
	else
		read_frame(&in);
	return 0;
}
