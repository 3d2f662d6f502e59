/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * stepper.h - a process that is executed one instruction at a time, and can be killed after each of them.
 *
 * To come to instruction n from the beginning for every n would take n^2
 * steps.  Instead the process is made to fork where it stands, the original,
 * which has executed just these instructions, is killed, and its twin goes
 * on from there.
 */
#ifndef T_PROC_STEPPER_H
#define T_PROC_STEPPER_H

#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>

#include <err.h>
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

/* BEFORE: the stepped process has still to come to its work; INSIDE; AFTER. */
enum { STEP_BEFORE, STEP_INSIDE, STEP_AFTER };

struct stepper {
	pid_t pid;
	_Atomic uint32_t *progress;	/* shared with the process, which tells here where it is */
	uint64_t at;			/* the instruction it would execute next, once it was asked for */
};

/* The program's text, by the linker. */
extern const char __executable_start[], etext[];

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define STEPPER_SANITIZED 1
#endif
#endif

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || defined(STEPPER_SANITIZED)
#define STEPPER_UNFIT "built with a sanitizer, whose checks would be stepped through too"
#elif !defined(__x86_64__)
#define STEPPER_UNFIT "it knows the registers of x86-64 only"
#endif

#ifdef STEPPER_UNFIT

static inline int stepper_get(pid_t pid, struct user_regs_struct *regs) { (void)pid; (void)regs; return -1; }
static inline int stepper_set(pid_t pid, const struct user_regs_struct *regs) { (void)pid; (void)regs; return -1; }
static inline void stepper_ask_fork(struct user_regs_struct *regs) { (void)regs; }
static inline uint64_t stepper_place(const struct user_regs_struct *regs) { (void)regs; return 0; }
static inline const char *stepper_unfit(void) { return STEPPER_UNFIT; }

#else

void stepper_syscall_here(void);
__asm__(".text\n.globl stepper_syscall_here\n.type stepper_syscall_here, @function\nstepper_syscall_here:\n\tsyscall\n\tud2\n");

static inline int
stepper_get(pid_t pid, struct user_regs_struct *regs)
{
	return ptrace(PTRACE_GETREGS, pid, NULL, regs) < 0 ? -1 : 0;
}

static inline int
stepper_set(pid_t pid, const struct user_regs_struct *regs)
{
	return ptrace(PTRACE_SETREGS, pid, NULL, regs) < 0 ? -1 : 0;
}

/* What it does next is to fork. */
static inline void
stepper_ask_fork(struct user_regs_struct *regs)
{
	regs->rip = (uint64_t)(uintptr_t)stepper_syscall_here;
	regs->rax = SYS_clone;
	regs->orig_rax = UINT64_MAX;
	regs->rdi = SIGCHLD;
	regs->rsi = regs->rdx = regs->r10 = regs->r8 = 0;
}

static inline uint64_t stepper_place(const struct user_regs_struct *regs) { return regs->rip; }
static inline const char *stepper_unfit(void) { return NULL; }

#endif

/* On one core the tracer and the traced take turns without waking another. */
static inline void
stepper_pin(void)
{
	cpu_set_t may, one;
	int cpu = 0;

	if (sched_getaffinity(0, sizeof(may), &may) < 0)
		err(1, "sched_getaffinity");
	while (!CPU_ISSET(cpu, &may))
		cpu++;
	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	if (sched_setaffinity(0, sizeof(one), &one) < 0)
		err(1, "sched_setaffinity");
}

static inline void
stepper_init(struct stepper *s)
{
	s->progress = mmap(NULL, sizeof(*s->progress), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (s->progress == MAP_FAILED)
		err(1, "mmap");
	/* Twins become ours when their originals are killed. */
	if (prctl(PR_SET_CHILD_SUBREAPER, 1) < 0)
		err(1, "prctl");
	stepper_pin();
}

static inline int
stepper_wait(pid_t pid)
{
	int status;
	pid_t rc;

	do
		rc = waitpid(pid, &status, __WALL);
	while (rc < 0 && errno == EINTR);
	if (rc != pid)
		err(1, "wait for %d", (int)pid);
	return status;
}

static inline uint32_t
stepper_progress(const struct stepper *s)
{
	return atomic_load_explicit(s->progress, memory_order_relaxed);
}

static inline void
stepper_kill(struct stepper *s)
{
	int status;

	if (kill(s->pid, SIGKILL) < 0)
		err(1, "kill");
	status = stepper_wait(s->pid);
	if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL)
		errx(1, "the process was not killed: status %x", (unsigned int)status);
	s->pid = 0;
}

/* One instruction more; a system call is one. */
static inline void
stepper_step(struct stepper *s)
{
	int status;

	if (ptrace(PTRACE_SINGLESTEP, s->pid, NULL, NULL) < 0)
		err(1, "step");
	status = stepper_wait(s->pid);
	if (!WIFSTOPPED(status) || WSTOPSIG(status) != SIGTRAP)
		errx(1, "the stepped process got status %x", (unsigned int)status);
}

/* Is it in the program's own text, not in a library or the kernel's? */
static inline bool
stepper_is_in_program(const struct stepper *s)
{
	struct user_regs_struct regs;

	if (stepper_get(s->pid, &regs) < 0)
		err(1, "registers");
	return stepper_place(&regs) >= (uintptr_t)__executable_start && stepper_place(&regs) < (uintptr_t)etext;
}

/* Fork a process and step it to where its work begins. */
static inline void
stepper_start(struct stepper *s, void (*work)(void *), void *arg)
{
	int status;

	atomic_store(s->progress, STEP_BEFORE);
	s->pid = fork();
	if (s->pid < 0)
		err(1, "fork");
	if (s->pid == 0) {
		if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0 || raise(SIGSTOP) != 0)
			_exit(1);
		atomic_store_explicit(s->progress, STEP_INSIDE, memory_order_release);
		work(arg);
		atomic_store_explicit(s->progress, STEP_AFTER, memory_order_release);
		_exit(0);
	}
	status = stepper_wait(s->pid);
	if (!WIFSTOPPED(status) || WSTOPSIG(status) != SIGSTOP)
		errx(1, "the stepped process did not stop: status %x", (unsigned int)status);
	if (ptrace(PTRACE_SETOPTIONS, s->pid, NULL, PTRACE_O_TRACEFORK | PTRACE_O_EXITKILL) < 0)
		err(1, "ptrace");
	while (stepper_progress(s) == STEP_BEFORE)
		stepper_step(s);
}

/* A twin that stands where the process stands, which goes no further for now. Its registers go to *saved. */
static inline pid_t
stepper_twin(struct stepper *s, struct user_regs_struct *saved)
{
	struct user_regs_struct regs;
	unsigned long twin;
	int status;

	if (stepper_get(s->pid, saved) < 0)
		err(1, "registers");
	regs = *saved;
	stepper_ask_fork(&regs);
	if (stepper_set(s->pid, &regs) < 0 || ptrace(PTRACE_CONT, s->pid, NULL, NULL) < 0)
		err(1, "fork by ptrace");
	status = stepper_wait(s->pid);
	if (status >> 8 != (SIGTRAP | PTRACE_EVENT_FORK << 8) || ptrace(PTRACE_GETEVENTMSG, s->pid, NULL, &twin) < 0)
		errx(1, "the process did not fork: status %x", (unsigned int)status);
	status = stepper_wait((pid_t)twin);
	if (!WIFSTOPPED(status) || stepper_set((pid_t)twin, saved) < 0)
		errx(1, "the twin got status %x", (unsigned int)status);
	s->at = stepper_place(saved);
	return (pid_t)twin;
}

/* Kill the process where it stands, and go on with a twin of it. */
static inline void
stepper_kill_and_go_on(struct stepper *s)
{
	struct user_regs_struct saved;
	pid_t twin = stepper_twin(s, &saved);

	stepper_kill(s);
	s->pid = twin;
}

/* Let a process that has a twin go on to its end. */
static inline void
stepper_let_go(const struct stepper *s, const struct user_regs_struct *saved)
{
	int status;

	/* Of its call of fork it is still to come out, which changes registers. */
	if (ptrace(PTRACE_SINGLESTEP, s->pid, NULL, NULL) < 0)
		err(1, "step");
	(void)stepper_wait(s->pid);
	if (stepper_set(s->pid, saved) < 0 || ptrace(PTRACE_CONT, s->pid, NULL, NULL) < 0)
		err(1, "continue");
	status = stepper_wait(s->pid);
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		errx(1, "the process that went on got status %x", (unsigned int)status);
}

static inline void
stepper_do_nothing(void *arg)
{
	(void)arg;
}

/* Can processes be stepped here? If not, says why. */
static inline bool
stepper_probe(void)
{
	const char *why = stepper_unfit();
	struct stepper s;
	pid_t pid;

	if (why == NULL) {
		pid = fork();
		if (pid < 0)
			err(1, "fork");
		if (pid == 0) {
			stepper_init(&s);
			stepper_start(&s, stepper_do_nothing, NULL);
			stepper_kill_and_go_on(&s);
			stepper_step(&s);
			stepper_kill(&s);
			_exit(0);
		}
		if (stepper_wait(pid) != 0)
			why = "a process cannot be stepped here";
	}
	if (why != NULL)
		puts(why);
	return why == NULL;
}

#endif
