/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz.h - what the fuzz targets share: an input that is read like a tape, and how a target says that it found something.
 *
 * A target is LLVMFuzzerTestOneInput, the same for libFuzzer (configure
 * --enable-fuzzer, with clang) and for driver.c, which makes its inputs from a
 * seed that it prints.  What an input does is decided by its bytes alone.
 */
#ifndef T_FUZZ_FUZZ_H
#define T_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The input under way; behind its end are zeros. */
struct tape {
	const uint8_t *at;
	size_t left;
};

/* The next n bytes (at most 8) as a number. */
uint64_t tape_take(struct tape *in, size_t n);
/* A number below n; 0 where n is 0. */
uint32_t tape_below(struct tape *in, uint32_t n);
/* A number that is often one at which bounds break: 0, all ones, a power of two and its neighbours, a small one, or any. */
uint64_t tape_number(struct tape *in);
/* `was` changed: another number, one with a bit flipped, or one nearby. */
uint64_t tape_change(struct tape *in, uint64_t was);
/* Copy n bytes. */
void tape_bytes(struct tape *in, void *out, size_t n);

/* A promise is broken: say which, and end by abort(). */
void fuzz_fail(const char *fmt, ...) __attribute__((format(printf, 1, 2), noreturn));
/* The sentence is what is said when it does not hold. */
#define FUZZ_CHECK(holds, ...) \
	do { \
		if (!(holds)) \
			fuzz_fail(__VA_ARGS__); \
	} while (0)
/* An answer is a success or a code of enum gs_err. */
void fuzz_answer(const char *call, ssize_t rc);

/* n bytes of memory behind which nothing can be read or written; the same memory at each call with the same `which`. */
enum { FUZZ_BUFFERS = 4, FUZZ_BUFFER_BYTES = 1 << 17 };
unsigned char *fuzz_buffer(int which, size_t n);

/* Descriptors that this process has open. */
int fuzz_count_fds(void);

#endif
