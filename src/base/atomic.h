/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * atomic.h - copying bytes that another process may be overwriting.
 *
 * A reader of shared memory copies first and validates afterwards.  In C the
 * bytes must then be read through atomics, or the copy is undefined; relaxed
 * 8-byte loads are that, and tearing between words is harmless because the
 * caller checks a generation word before and after.
 *
 * Source: H.-J. Boehm, "Can seqlocks get along with programming language
 * memory models?", MSPC 2012; WG21 P1478.
 */
#ifndef GS_BASE_ATOMIC_H
#define GS_BASE_ATOMIC_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(__SANITIZE_THREAD__)
#define GS_TSAN 1
#elif defined(__SANITIZE_ADDRESS__)
#define GS_ASAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define GS_TSAN 1
#elif __has_feature(address_sanitizer)
#define GS_ASAN 1
#endif
#endif

/*
 * ThreadSanitizer does not model fences.  In its build each word is loaded
 * with acquire and stored with release instead, which implies what the
 * fences give, and the fences vanish.
 */
#ifdef GS_TSAN
#define GS_WORD_LOAD memory_order_acquire
#define GS_WORD_STORE memory_order_release
static inline void gs_fence_acquire(void) {}
static inline void gs_fence_release(void) {}

static inline void
gs_fence_full(void)
{
	_Atomic uint32_t any = 0;

	(void)atomic_fetch_add_explicit(&any, 1, memory_order_seq_cst);
}
#else
#define GS_WORD_LOAD memory_order_relaxed
#define GS_WORD_STORE memory_order_relaxed
/* Orders the racy copy before the second look at the slot word; pairs with gs_fence_release(). */
static inline void gs_fence_acquire(void) { atomic_thread_fence(memory_order_acquire); }
/* Orders the store of WRITING before the bytes that follow; pairs with gs_fence_acquire(). */
static inline void gs_fence_release(void) { atomic_thread_fence(memory_order_release); }
/* Orders our store before our load of what another stores before he loads ours: one of us sees the other. Pairs with itself. */
static inline void gs_fence_full(void) { atomic_thread_fence(memory_order_seq_cst); }
#endif

/*
 * Whole lines of 64 bytes, in either direction.  The instructions are outside
 * the C machine: the compiler may assume nothing of what they read, and what
 * tears is found by the caller's second look.  Sanitizers see only C, so
 * their builds, and other processors, take the words below.
 */
#if defined(__x86_64__) && !defined(GS_TSAN) && !defined(GS_ASAN)
enum { GS_COPY_LINE = 64 };

static inline void
gs_copy_lines(unsigned char *to, const unsigned char *from, size_t n)
{
	__asm__ volatile(
	    "1:\n\t"
	    "movdqu (%1), %%xmm0\n\t"
	    "movdqu 16(%1), %%xmm1\n\t"
	    "movdqu 32(%1), %%xmm2\n\t"
	    "movdqu 48(%1), %%xmm3\n\t"
	    "movdqu %%xmm0, (%0)\n\t"
	    "movdqu %%xmm1, 16(%0)\n\t"
	    "movdqu %%xmm2, 32(%0)\n\t"
	    "movdqu %%xmm3, 48(%0)\n\t"
	    "add $64, %0\n\t"
	    "add $64, %1\n\t"
	    "sub $64, %2\n\t"
	    "jnz 1b"
	    : "+r"(to), "+r"(from), "+r"(n)
	    :
	    : "xmm0", "xmm1", "xmm2", "xmm3", "cc", "memory");
}
#else
enum { GS_COPY_LINE = 0 };	/* none is copied so */

static inline void
gs_copy_lines(unsigned char *to, const unsigned char *from, size_t n)
{
	(void)to;
	(void)from;
	(void)n;
}
#endif

/* How many of n bytes gs_copy_lines copies. */
static inline size_t
gs_whole_lines(size_t n)
{
	return GS_COPY_LINE == 0 ? 0 : n & ~(size_t)63;
}

/* Copy n bytes out of shared memory; src is 8-aligned and readable up to the next multiple of 8. */
static inline void
gs_racy_load(void *dst, const void *src, size_t n)
{
	size_t lines = gs_whole_lines(n);
	const _Atomic uint64_t *from = (const void *)((const unsigned char *)src + lines);
	unsigned char *to = (unsigned char *)dst + lines;
	uint64_t word;

	if (lines > 0)
		gs_copy_lines(dst, src, lines);
	n -= lines;
	for (; n >= sizeof(word); n -= sizeof(word), to += sizeof(word)) {
		word = atomic_load_explicit(from++, GS_WORD_LOAD);
		memcpy(to, &word, sizeof(word));
	}
	if (n > 0) {
		word = atomic_load_explicit(from, GS_WORD_LOAD);
		memcpy(to, &word, n);
	}
}

/* Copy n bytes into shared memory; dst is 8-aligned and writable up to the next multiple of 8, which is filled with zeros. */
static inline void
gs_racy_store(void *dst, const void *src, size_t n)
{
	size_t lines = gs_whole_lines(n);
	_Atomic uint64_t *to = (void *)((unsigned char *)dst + lines);
	const unsigned char *from = (const unsigned char *)src + lines;
	uint64_t word;

	if (lines > 0)
		gs_copy_lines(dst, src, lines);
	n -= lines;
	for (; n >= sizeof(word); n -= sizeof(word), from += sizeof(word)) {
		memcpy(&word, from, sizeof(word));
		atomic_store_explicit(to++, word, GS_WORD_STORE);
	}
	if (n > 0) {
		word = 0;
		memcpy(&word, from, n);
		atomic_store_explicit(to, word, GS_WORD_STORE);
	}
}

/* 1 when the n bytes at src equal those at key; src as for gs_racy_load(). */
static inline int
gs_racy_equal(const void *src, const void *key, size_t n)
{
	const _Atomic uint64_t *from = src;
	const unsigned char *with = key;
	uint64_t word, want;

	for (; n >= sizeof(word); n -= sizeof(word), with += sizeof(word)) {
		memcpy(&want, with, sizeof(want));
		if (atomic_load_explicit(from++, GS_WORD_LOAD) != want)
			return 0;
	}
	if (n == 0)
		return 1;
	word = atomic_load_explicit(from, GS_WORD_LOAD);
	return memcmp(&word, with, n) == 0;
}

/*
 * Begin to fetch the line of an address, to read it or to write it.  The empty statement keeps a function that only
 * prefetches from being taken for one without an effect, whose calls may be left out.
 */
static inline void
gs_prefetch(const void *at)
{
	__builtin_prefetch(at, 0);
	__asm__ volatile("" : : "r"(at));
}

static inline void
gs_prefetch_write(const void *at)
{
	__builtin_prefetch(at, 1);
	__asm__ volatile("" : : "r"(at));
}

/* Tell the processor that we spin. */
#if defined(__x86_64__) || defined(__i386__)
static inline void gs_pause(void) { __builtin_ia32_pause(); }
#elif defined(__aarch64__)
static inline void gs_pause(void) { __asm__ volatile("yield" ::: "memory"); }
#else
static inline void gs_pause(void) { atomic_signal_fence(memory_order_seq_cst); }
#endif

#endif
