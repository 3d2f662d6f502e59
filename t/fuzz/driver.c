/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * driver.c - run a fuzz target where there is no libFuzzer: inputs made from a seed, each named by its number.
 *
 *	TARGET [-s SEED] [-t SECONDS] [-n COUNT] [-i INPUT] [FILE...]
 *
 * Ends with 0 after SECONDS (2) or COUNT inputs, and says how many it tried.  A finding ends it otherwise: by a signal, a
 * report of a sanitizer, or because an input took too long; the last line then names seed and input, and `-s SEED -i INPUT`
 * tries just that again.  FILEs are tried as they are, and nothing else.
 */
#include <sys/time.h>

#include <err.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "fuzz.h"

enum { INPUT_BYTES = 4096, CPU_LIMIT_S = 10, WALL_LIMIT_S = 120, STACK_BYTES = 1 << 16 };

static struct {
	uint64_t seed, input;
	const char *name, *file;
} now;

/* splitmix64: every number is a good seed. */
static uint64_t
next(uint64_t *state)
{
	uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

/* In a signal handler: only write and _exit. */
static void
say(const char *text)
{
	ssize_t n = write(STDERR_FILENO, text, strlen(text));

	(void)n;
}

static void
say_number(uint64_t n)
{
	char digits[24];
	size_t at = sizeof(digits) - 1;

	digits[at] = '\0';
	do
		digits[--at] = (char)('0' + n % 10);
	while ((n /= 10) != 0);
	say(digits + at);
}

/* There in builds with a sanitizer. */
void __sanitizer_print_stack_trace(void) __attribute__((weak));

static void
found(int sig)
{
	if (__sanitizer_print_stack_trace != NULL)
		__sanitizer_print_stack_trace();
	say(now.name);
	say(sig == SIGPROF || sig == SIGALRM ? ": an input takes too long" : ": ended by signal ");
	if (sig != SIGPROF && sig != SIGALRM)
		say_number((uint64_t)sig);
	if (now.file != NULL) {
		say(", with ");
		say(now.file);
	} else {
		say("; again by: -s ");
		say_number(now.seed);
		say(" -i ");
		say_number(now.input);
	}
	say("\n");
	(void)signal(SIGABRT, SIG_DFL);
	abort();
}

static void
watch_signals(void)
{
	static unsigned char stack[STACK_BYTES];
	const stack_t alt = { .ss_sp = stack, .ss_size = sizeof(stack) };
	static const int watched[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGPROF, SIGALRM };
	struct sigaction act = { .sa_handler = found, .sa_flags = SA_ONSTACK | (int)SA_RESETHAND };

	if (sigaltstack(&alt, NULL) < 0)
		err(1, "sigaltstack");
	for (size_t i = 0; i < sizeof(watched) / sizeof(watched[0]); i++)
		(void)sigaction(watched[i], &act, NULL);
}

/* Both kinds of time: a loop burns the one, a wait for what never comes the other. */
static void
set_limits(void)
{
	const struct itimerval cpu = { .it_value = { .tv_sec = CPU_LIMIT_S } }, wall = { .it_value = { .tv_sec = WALL_LIMIT_S } };

	(void)setitimer(ITIMER_PROF, &cpu, NULL);
	(void)setitimer(ITIMER_REAL, &wall, NULL);
}

static double
cpu_s(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* Returns how long it took, seconds of processor time. */
static double
try_input(uint64_t seed, uint64_t input)
{
	uint64_t state = seed ^ input * UINT64_C(0xd1342543de82ef95), word = 0;
	double took_s;
	uint8_t *bytes;
	size_t n;

	now.seed = seed;
	now.input = input;
	/* Short ones are many, long ones some. */
	n = (size_t)(next(&state) % (next(&state) % INPUT_BYTES + 1));
	bytes = malloc(n + 1);		/* of its own size, so that a target reading on is found */
	if (bytes == NULL)
		err(1, "malloc");
	for (size_t i = 0; i < n; i++) {
		if (i % 8 == 0)
			word = next(&state);
		bytes[i] = (uint8_t)(word >> i % 8 * 8);
	}
	set_limits();
	took_s = cpu_s();
	(void)LLVMFuzzerTestOneInput(bytes, n);
	took_s = cpu_s() - took_s;
	free(bytes);
	return took_s;
}

static void
try_file(const char *path)
{
	static uint8_t bytes[1 << 20];
	FILE *f = fopen(path, "re");
	size_t n;

	if (f == NULL)
		err(1, "%s", path);
	n = fread(bytes, 1, sizeof(bytes), f);
	(void)fclose(f);
	now.file = path;
	set_limits();
	(void)LLVMFuzzerTestOneInput(bytes, n);
}

int
main(int argc, char **argv)
{
	uint64_t seed = (uint64_t)gs_clock_wall_ns(), count = UINT64_MAX, only = UINT64_MAX, until_ns, tried = 0;
	double seconds = 2, slowest_s = 0;
	int opt;

	now.name = strrchr(argv[0], '/') == NULL ? argv[0] : strrchr(argv[0], '/') + 1;
	(void)LLVMFuzzerInitialize(&argc, &argv);
	while ((opt = getopt(argc, argv, "s:t:n:i:")) != -1)
		switch (opt) {
		case 's':
			seed = strtoull(optarg, NULL, 0);
			break;
		case 't':
			seconds = strtod(optarg, NULL);
			break;
		case 'n':
			count = strtoull(optarg, NULL, 0);
			break;
		case 'i':
			only = strtoull(optarg, NULL, 0);
			break;
		default:
			errx(2, "usage: [-s SEED] [-t SECONDS] [-n COUNT] [-i INPUT] [FILE...]");
		}
	watch_signals();
	for (int i = optind; i < argc; i++)
		try_file(argv[i]);
	if (optind < argc)
		return 0;
	if (only != UINT64_MAX) {
		(void)try_input(seed, only);
		return 0;
	}
	until_ns = gs_clock_mono_ns() + (uint64_t)(seconds * 1e9);
	for (; tried < count && gs_clock_mono_ns() < until_ns; tried++)
		slowest_s = fmax(slowest_s, try_input(seed, tried));
	(void)printf("%s: %llu inputs, seed %llu, the slowest took %.0f ms\n", now.name, (unsigned long long)tried, (unsigned long long)seed,
	    slowest_s * 1000);
	return 0;
}
