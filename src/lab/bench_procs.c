/* SPDX-License-Identifier: BSD-2-Clause */
#include "lab/bench_procs.h"

#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "gsession.h"
#include "base/clock.h"

enum { WINDOWS = 9, POLL_US = 100, ORDER_STEP = 256 };

struct tally {
	uint64_t n, ns, cpu_ns, failed;
	uint8_t pad[96];
};

struct board {				/* shared with the processes */
	_Atomic uint32_t order;		/* another one: those below its last byte work once, 0 says end */
	_Atomic uint32_t n_entered, n_done;
	struct tally by[BENCH_PROCS_MAX];
};

/* Time that this thread has been running. */
static uint64_t
cpu_ns(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (uint64_t)ts.tv_sec * UINT64_C(1000000000) + (uint64_t)ts.tv_nsec;
}

static void
work(struct bench_work *w, const struct bench_crew *crew, struct tally *tally)
{
	struct tally sum = { 0 };
	uint64_t until, from, cpu_from;

	w->failed = 0;
	(void)bench_batch_ns(w, crew->op);
	until = gs_clock_mono_ms() + crew->window_ms;
	for (; gs_clock_mono_ms() < until; sum.n += BENCH_BATCH) {
		bench_prepare(w, crew->op);
		cpu_from = cpu_ns();
		from = gs_clock_mono_ns();
		w->run[crew->op](w);
		sum.ns += gs_clock_mono_ns() - from;
		sum.cpu_ns += cpu_ns() - cpu_from;
	}
	sum.failed = w->failed;
	*tally = sum;
}

static _Noreturn void
be_one(struct bench_work *w, const struct bench_crew *crew, struct board *b, uint32_t i)
{
	uint32_t seen = 0, n;

	/* Who asked is gone: nobody would tell us to end. */
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	w->keys.random += UINT64_C(0x9e3779b97f4a7c15) * (i + 1);
	w->keys.part = crew->is_disjoint ? i : 0;
	w->keys.parts = crew->is_disjoint ? crew->n : 1;
	if (crew->enter(w, i) < 0)
		_exit(1);
	(void)atomic_fetch_add(&b->n_entered, 1);
	for (;;) {
		while ((n = atomic_load(&b->order)) == seen)
			(void)usleep(POLL_US);
		seen = n;
		n %= ORDER_STEP;
		if (n == 0)
			break;
		if (i < n) {
			work(w, crew, &b->by[i]);
			(void)atomic_fetch_add(&b->n_done, 1);
		}
	}
	crew->leave(w, i);
	_exit(0);
}

static void
give_order(struct board *b, uint32_t n)
{
	uint32_t last = atomic_load(&b->order);

	atomic_store(&b->order, last - last % ORDER_STEP + ORDER_STEP + n);
}

/* Wait until a count is there; GS_ESYSTEM when a process has ended before. */
static int
await(const _Atomic uint32_t *count, uint32_t n)
{
	siginfo_t info;

	while (atomic_load(count) < n) {
		info.si_pid = 0;
		if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) < 0 || info.si_pid != 0)
			return GS_ESYSTEM;
		(void)usleep(POLL_US);
	}
	return GS_OK;
}

static double
rate_per_s(uint64_t n, uint64_t ns)
{
	return ns == 0 ? 0 : (double)n * 1e9 / (double)ns;
}

/* Operations per second of n processes together, and per second of processor time. */
static int
one_window(struct bench_work *w, struct board *b, uint32_t n, double *per_s, double *per_cpu_s)
{
	uint32_t i;
	int rc;

	atomic_store(&b->n_done, 0);
	give_order(b, n);
	rc = await(&b->n_done, n);
	if (rc < 0)
		return rc;
	*per_s = *per_cpu_s = 0;
	for (i = 0; i < n; i++) {
		*per_s += rate_per_s(b->by[i].n, b->by[i].ns);
		*per_cpu_s += rate_per_s(b->by[i].n, b->by[i].cpu_ns);
		w->failed += b->by[i].failed;
	}
	return *per_s > 0 && *per_cpu_s > 0 ? GS_OK : GS_ESYSTEM;
}

static int
all_windows(struct bench_work *w, struct board *b, uint32_t n, struct bench_speed *out)
{
	double one[WINDOWS], all[WINDOWS], scale[WINDOWS], cpu_scale[WINDOWS], one_cpu, all_cpu;
	size_t i;
	int rc;

	for (i = 0; i < WINDOWS; i++) {
		rc = one_window(w, b, 1, &one[i], &one_cpu);
		all[i] = one[i];
		all_cpu = one_cpu;
		if (rc == GS_OK && n > 1)
			rc = one_window(w, b, n, &all[i], &all_cpu);
		if (rc < 0)
			return rc;
		scale[i] = all[i] / one[i];
		cpu_scale[i] = all_cpu / one_cpu;
	}
	out->one_per_s = bench_median(one, WINDOWS);
	out->all_per_s = bench_median(all, WINDOWS);
	out->scale = bench_median(scale, WINDOWS);
	out->cpu_scale = bench_median(cpu_scale, WINDOWS);
	return GS_OK;
}

static int
end_all(struct board *b, const pid_t *pids, uint32_t n, bool by_force)
{
	int status, rc = GS_OK;
	uint32_t i;

	give_order(b, 0);
	for (i = 0; i < n; i++) {
		if (by_force)
			(void)kill(pids[i], SIGKILL);
		if (waitpid(pids[i], &status, 0) < 0 || status != 0)
			rc = GS_ESYSTEM;
	}
	return rc;
}

int
bench_procs(struct bench_work *w, const struct bench_crew *crew, struct bench_speed *out)
{
	struct board *b = mmap(NULL, sizeof(*b), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t pids[BENCH_PROCS_MAX];
	uint32_t n_started = 0;
	int rc = GS_OK, end_rc;

	if (b == MAP_FAILED)
		return GS_ENOMEM;
	while (n_started < crew->n) {
		pid_t pid = fork();

		if (pid == 0)
			be_one(w, crew, b, n_started);
		if (pid < 0) {
			rc = GS_ESYSTEM;
			break;
		}
		pids[n_started++] = pid;
	}
	if (rc == GS_OK)
		rc = await(&b->n_entered, crew->n);
	if (rc == GS_OK)
		rc = all_windows(w, b, crew->n, out);
	end_rc = end_all(b, pids, n_started, rc < 0);
	(void)munmap(b, sizeof(*b));
	return rc < 0 ? rc : end_rc;
}
