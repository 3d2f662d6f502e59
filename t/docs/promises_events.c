/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * promises_events.c - what libgsession(3) says of watches and of why.
 */
#include "promises_words.h"

#include <sys/wait.h>

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

enum { PATIENCE_MS = 5000 };

static struct gs *watching;		/* a reader */
static struct gs_watch *watch;

static int
del(const char *key)
{
	return gs_del(gs, key, strlen(key), 0);
}

/* The next event about this key, whatever others do meanwhile. */
static bool
next_of(struct gs_watch *w, const char *key, struct gs_event *e)
{
	int64_t end = mono_ms() + PATIENCE_MS;

	while (mono_ms() < end && gs_watch_next(w, e, 100) >= 0)
		if (strcmp(e->key, key) == 0)
			return true;
	return false;
}

static void
events_are_watched_by_a_reader(void)
{
	struct gs_options opt = options();
	const struct gs_put_options whose = { .size = sizeof(whose), .owner = "me", .owner_len = 2 };
	struct gs_event e, next;
	struct gs_info info;

	opt.role = GS_ROLE_READER;
	ok_rc(gs_attach(&watching, &opt), 0, "watch: a reader attaches");
	(void)put("events0", "before");
	ok_rc(gs_watch_open(&watch, watching, GS_WATCH_NOW), 0, "watch_open: 0, with a reader");
	ok_rc(gs_watch_next(watch, &e, 0), 0, "watch_next: 0 when none came");
	ok_rc(gs_put(gs, "events1", 7, "x", 1, &whose), 1, "watch: a session is started");
	ok(next_of(watch, "events1", &e) && e.kind == GS_EVENT_CREATED && e.reason == GS_REASON_WRITE, "watch_next: it is told, with its reason");
	(void)gs_stat(gs, "events1", 7, &info);
	ok(e.version == info.version && e.count == 1 && e.pid == (uint32_t)getpid() && e.uid == geteuid(), "watch_next: version, pid and uid too");
	ok(e.from[0] == '\0' && strcmp(e.to, "active") == 0, "watch_next: and its rings");
	ok(e.owner_len == 2 && strcmp(e.owner, "me") == 0 && e.key_len == 7, "watch_next: and its owner");
	ok(e.at_ms >= info.created_ms && e.at_ms - info.created_ms < PATIENCE_MS, "watch_next: and when, by the wall clock");
	(void)move("events1", "warm");
	(void)del("events1");
	ok(next_of(watch, "events1", &next) && next.kind == GS_EVENT_MOVED && next.revision > e.revision, "watch_next: revisions grow");
	ok(next_of(watch, "events1", &e) && e.kind == GS_EVENT_ENDED && strcmp(e.from, "warm") == 0, "watch_next: in their order");
}

/* All from a revision on: each number once, or as one of those that are missing. */
static void
events_are_kept_and_counted(void)
{
	uint64_t last = 0, n = 0, lost = 0;
	struct gs_watch *w;
	struct gs_event e;
	bool in_order = true;

	ok_rc(gs_watch_open(&w, gs, 0), 0, "watch_open: from 0");
	while (gs_watch_next(w, &e, 0) == 1) {
		in_order = in_order && e.revision == last + (e.kind == GS_EVENT_LOST ? e.count : 1);
		last = e.revision;
	}
	gs_watch_close(&w);
	ok(in_order && last > 0, "watch_open: 0 is all that is kept, and what is not is counted");
	ok(w == NULL, "watch_close: *w is NULL");
	gs_watch_close(&w);
	(void)put("events2", "x");
	ok_rc(gs_watch_open(&w, gs, last), 0, "watch_open: from a revision on");
	ok(gs_watch_next(w, &e, 1000) == 1 && e.revision == last + 1, "watch_open: the next one comes first");
	for (int i = 0; i < 6000; i++) {
		(void)put("events3", "x");
		(void)del("events3");
	}
	for (in_order = true, last = e.revision; gs_watch_next(w, &e, 0) == 1; last = e.revision) {
		uint64_t more = e.kind == GS_EVENT_LOST ? e.count : 1;

		in_order = in_order && e.revision == last + more;
		*(e.kind == GS_EVENT_LOST ? &lost : &n) += more;
	}
	ok(in_order && n + lost >= 12000, "watch_next: one that is slow is told how many it missed");
	ok(lost > 0 && n >= 2048 && n <= 4096, "watch_next: the last are kept");
	gs_watch_close(&w);
	ok_rc(gs_watch_open(&w, gs, last + 1000), 0, "watch_open: a revision that has not been yet");
	(void)put("events4", "x");
	ok(next_of(w, "events4", &e), "watch_open: is now");
	gs_watch_close(&w);
}

/* ---- waiting ---- */

static void *
put_later(void *arg)
{
	pass_ms(150);
	*(int64_t *)arg = mono_ms();
	(void)put("events5", "x");
	return NULL;
}

static void
nothing(int signo)
{
	(void)signo;
}

static void *
interrupt_later(void *arg)
{
	pass_ms(50);
	(void)pthread_kill(*(pthread_t *)arg, SIGUSR1);
	return NULL;
}

static void
events_are_waited_for(void)
{
	const struct sigaction act = { .sa_handler = nothing };
	pthread_t thread, self = pthread_self();
	int64_t began, put_ms = 0;
	struct gs_event e;
	struct gs_watch *w;

	(void)gs_watch_open(&w, watching, GS_WATCH_NOW);
	began = mono_ms();
	ok_rc(gs_watch_next(w, &e, 120), 0, "watch_next: 0 when none came in time");
	ok(mono_ms() - began >= 119, "watch_next: having waited");
	if (pthread_create(&thread, NULL, put_later, &put_ms) != 0)
		return;
	ok(next_of(w, "events5", &e), "watch_next: one that waits is woken");
	ok(put_ms != 0 && mono_ms() - put_ms < 1000, "watch_next: soon");
	(void)pthread_join(thread, NULL);
	(void)sigaction(SIGUSR1, &act, NULL);
	began = mono_ms();
	if (pthread_create(&thread, NULL, interrupt_later, &self) != 0)
		return;
	ok_rc(gs_watch_next(w, &e, 200), 0, "watch_next: a signal");
	ok(mono_ms() - began >= 199, "watch_next: does not end the wait");
	(void)pthread_join(thread, NULL);
	gs_watch_close(&w);
}

static void
events_are_watched_in_a_child(void)
{
	struct gs_watch *w;
	struct gs_event e;
	int status = 1;
	pid_t pid;

	(void)gs_watch_open(&w, watching, GS_WATCH_NOW);
	(void)put("events6", "x");
	pid = fork();
	if (pid == 0)
		_exit(next_of(w, "events6", &e) ? 0 : 1);
	ok(pid > 0 && waitpid(pid, &status, 0) == pid && status == 0, "watch: in a forked child it goes on from the same place");
	ok(next_of(w, "events6", &e), "watch: and in the parent too");
	gs_watch_close(&w);
}

/* ---- why ---- */

static void
events_say_why(void)
{
	char out[2048], less[100];
	ssize_t n;

	(void)put("events7", "x");
	(void)move("events7", "warm");
	(void)move("events7", "suspect");
	n = gs_why(watching, "events7", 7, out, sizeof(out));
	ok(n > 0 && strlen(out) == (size_t)n, "why: the number of bytes, and a NUL behind them");
	ok(strstr(out, "Z created to=active reason=write\n") != NULL && strstr(out, "Z moved from=active to=warm reason=operator\n") != NULL &&
	    strstr(out, "Z quarantined from=warm to=suspect reason=operator\n") != NULL, "why: a line for each turn");
	ok(strstr(out, "created") < strstr(out, "moved") && strstr(out, "moved") < strstr(out, "quarantined"), "why: oldest first");
	n = gs_why(watching, "events7", 7, less, sizeof(less));
	ok(n > 0 && n < (ssize_t)sizeof(less) && strncmp(less, "20", 2) == 0 && strstr(less, "quarantined") != NULL && strstr(less, "created") == NULL,
	    "why: of more than has room, the newest");
	(void)del("events7");
	ok(gs_why(watching, "events7", 7, out, sizeof(out)) > 0 && strstr(out, "ended from=suspect reason=owner\n") != NULL, "why: of one that has ended");
	ok_rc(gs_why(watching, "nobody at all", 13, out, sizeof(out)), 0, "why: 0 of one that is not known");
	ok(out[0] == '\0', "why: and a NUL");
	ok_rc(gs_why(watching, "events7", 7, NULL, 0), 0, "why: nothing to write to");
	ok_rc(gs_why(watching, "events7", 7, NULL, 1), GS_EINVAL, "why: no place is EINVAL");
	ok_rc(gs_why(watching, "", 0, out, sizeof(out)), GS_EINVAL, "why: no key is EINVAL");
}

static void
events_have_names(void)
{
	ok(strcmp(gs_event_name(GS_EVENT_DECAYED), "decayed") == 0 && strcmp(gs_reason_name(GS_REASON_IDLE), "idle") == 0, "event_name, reason_name: words");
	ok(gs_event_name(UINT32_MAX) != NULL && gs_reason_name(UINT32_MAX) != NULL, "event_name, reason_name: never NULL");
}

void
promises_events(void)
{
	events_are_watched_by_a_reader();
	events_are_kept_and_counted();
	events_are_waited_for();
	events_are_watched_in_a_child();
	events_say_why();
	events_have_names();
}

/* While no daemon runs. */
void
promises_events_end(void)
{
	struct gs_event e;

	(void)put("events8", "x");
	ok(next_of(watch, "events8", &e), "watch: goes on while no daemon runs");
}

/* When the store was made anew. */
void
promises_events_gone(void)
{
	struct gs_event e;

	ok_rc(gs_watch_next(watch, &e, 0), GS_EGONE, "watch_next: EGONE when the store was made anew");
	gs_watch_close(&watch);
	gs_detach(&watching);
}
