/* SPDX-License-Identifier: BSD-2-Clause */
/* The reaper: takes suspects on lease from the daemon, decides, and says what is to become of each. */
#include "cmd.h"

#include <sys/signalfd.h>

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bits.h"
#include "base/errors.h"
#include "base/text.h"
#include "reap_command.h"
#include "reap_rule.h"

enum { REAPER_POLICY, REAPER_COMMAND, REAPER_TIMEOUT, REAPER_AGAIN, REAPER_BATCH, REAPER_LEASE, REAPER_ONCE };
enum {
	WAIT_MS = 60000,		/* of a request that the daemon answers when there is somebody */
	ANSWER_MS = 5000,
	LEASE_MS = 10000,		/* beside what commands may take */
	REDIAL_MS = 1000,		/* between two looks whether a daemon is there again */
};

const struct args_option cmd_reaper_options[] = {
	[REAPER_POLICY] = { 'p', "policy", "RULE", "whom to judge: listed (default), all, offences=N, rate=N/s, or several with commas" },
	[REAPER_COMMAND] = { 'c', "command", "CMD", "ask this: key on standard input; exit status 0 expels, 1 leaves alone" },
	[REAPER_TIMEOUT] = { 0, "timeout", "T", "kill a command after this time, and leave its suspect alone (5s)" },
	[REAPER_AGAIN] = { 0, "again", "T", "look again after this time at one that was left alone (10s)" },
	[REAPER_BATCH] = { 'b', "batch", "N", "take so many at a time, 1 to 256 (16)" },
	[REAPER_LEASE] = { 0, "lease", "T", "give back after this time those not judged by then (10s, and what commands may take)" },
	[REAPER_ONCE] = { 0, "once", NULL, "judge those that there are now, and end" },
	CMD_OPTIONS_END,
};

struct reaper {
	const struct cmd_env *env;
	struct gs_ctl *ctl;
	struct reap_rule rule;
	struct reap_command command;	/* its text NULL: all who meet the rule are expelled */
	uint64_t again_ms, batch, lease_ms;
	bool is_once;
	int stop_fd;			/* readable once we are told to end */
	bool has_said_hung, has_said_odd, has_said_failed;
	uint64_t n_expelled, n_left;
};

/* What a step of it comes to, beside the exit status to end with. */
enum { REAPER_GOES_ON = -1, REAPER_LOST = -2 };

/* ---- deciding ---- */

/* What is wrong with a command is said once, not of each suspect. */
static void
complain(bool *has_said, const char *what)
{
	if (!*has_said)
		(void)cmd_misuse("reaper: the command %s; its suspects are left alone (said once)", what);
	*has_said = true;
}

/* The judgement, or 0: we are to end. */
static int
decide(struct reaper *r, const struct suspect *s)
{
	if (r->command.text == NULL)
		return GS_JUDGE_EXPEL;
	switch (reap_command_ask(&r->command, s)) {
	case REAP_EXPEL:
		return GS_JUDGE_EXPEL;
	case REAP_LEAVE:
		return GS_JUDGE_LEAVE;
	case REAP_HUNG:
		complain(&r->has_said_hung, "did not end in time and was killed");
		return GS_JUDGE_LEAVE;
	case REAP_ODD:
		complain(&r->has_said_odd, "ended neither with 0 nor with 1");
		return GS_JUDGE_LEAVE;
	case REAP_FAILED:
		complain(&r->has_said_failed, "could not be run");
		return GS_JUDGE_LEAVE;
	case REAP_STOPPED:
		return 0;
	}
	abort();
}

/* Tell the daemon. Who is gone meanwhile, or lent to somebody else because we were slow, is no more of our business. */
static int
tell(struct reaper *r, uint64_t id, const struct suspect *s, int what)
{
	struct {
		struct gs_wire_verdict v;
		uint8_t key[GS_KEY_BYTES];
	} value = { .v = { .id = id, .what = (uint32_t)what, .quiet_ms = (uint32_t)r->again_ms } };
	char *text;
	int rc;

	memcpy(value.key, s->key, s->key_len);
	rc = gs_ctl_request(r->ctl, GS_VERB_JUDGE, r->env->table, &value, sizeof(value.v) + s->key_len, 0, NULL, &text, NULL);
	if (rc == 0 && what == GS_JUDGE_EXPEL) {
		(void)fputs(text, stdout);
		(void)fflush(stdout);
	}
	r->n_expelled += rc == 0 && what == GS_JUDGE_EXPEL;
	r->n_left += rc == 0 && what == GS_JUDGE_LEAVE;
	if (rc < 0 && rc != GS_ENOENT && rc != GS_ESTALE)
		rc = gs_error_status(rc) == EXIT_DOWN || rc == GS_EPROTO ? REAPER_LOST : cmd_refused(rc, s->shown, text);
	else
		rc = REAPER_GOES_ON;
	free(text);
	return rc;
}

static bool
is_told_to_end(const struct reaper *r)
{
	struct pollfd fd = { .fd = r->stop_fd, .events = POLLIN };

	return poll(&fd, 1, 0) > 0;
}

static int
judge_batch(struct reaper *r, const char *text)
{
	struct suspect s;
	uint64_t id;
	char *end;
	int what, rc;

	while (*text != '\0') {
		id = strtoull(text, &end, 10);
		text = end + (*end == ' ');
		if (id == 0 || !suspect_next(&text, &s))
			return cmd_fail(GS_EPROTO, "reaper");
		if (is_told_to_end(r))
			return EXIT_YES;
		what = decide(r, &s);
		if (what == 0)
			return EXIT_YES;
		/* In one round those left alone stay ours to the end, so that none is met twice, and are free for others after it. */
		if (what == GS_JUDGE_LEAVE && r->is_once) {
			r->n_left++;
			continue;
		}
		rc = tell(r, id, &s, what);
		if (rc != REAPER_GOES_ON)
			return rc;
	}
	return REAPER_GOES_ON;
}

/* ---- taking ---- */

/* Until the daemon has something to say. REAPER_GOES_ON when it has. */
static int
wait_for_answer(const struct reaper *r, uint32_t wait_ms)
{
	struct pollfd fds[] = { { .fd = gs_ctl_fd(r->ctl), .events = POLLIN }, { .fd = r->stop_fd, .events = POLLIN } };
	int n;

	do
		n = poll(fds, 2, (int)wait_ms + ANSWER_MS);
	while (n < 0 && errno == EINTR);
	if (n > 0 && fds[1].revents != 0)
		return EXIT_YES;
	return n > 0 ? REAPER_GOES_ON : REAPER_LOST;
}

/* One batch: take it, wait for it, judge it. */
static int
take_batch(struct reaper *r)
{
	const struct gs_wire_lease lease = {
		.n = (uint32_t)r->batch, .lease_ms = (uint32_t)r->lease_ms, .wait_ms = r->is_once ? 0 : WAIT_MS, .min_offences = r->rule.min_offences,
		.min_rate_per_h = r->rule.min_rate_per_h,
	};
	int rc = gs_ctl_say_request(r->ctl, GS_VERB_LEASE, r->env->table, &lease, sizeof(lease), 0);
	char *text;

	if (rc < 0)
		return REAPER_LOST;
	rc = wait_for_answer(r, lease.wait_ms);
	if (rc != REAPER_GOES_ON)
		return rc;
	rc = gs_ctl_hear_reply(r->ctl, &text, NULL);
	if (rc < 0)
		rc = gs_error_status(rc) == EXIT_DOWN || rc == GS_EPROTO ? REAPER_LOST : cmd_refused(rc, r->env->table, text);
	else if (text[0] == '\0' && r->is_once)
		rc = EXIT_YES;
	else
		rc = judge_batch(r, text);
	free(text);
	return rc;
}

/* The daemon is gone: wait for the next one. REAPER_GOES_ON when it is there. */
static int
redial(struct reaper *r)
{
	struct pollfd fd = { .fd = r->stop_fd, .events = POLLIN };
	int rc;

	gs_ctl_close(&r->ctl);
	if (r->is_once)
		return cmd_fail(GS_EDOWN, "reaper");
	(void)cmd_misuse("reaper: the daemon is gone, waiting for the next one");
	do {
		if (poll(&fd, 1, REDIAL_MS) > 0)
			return EXIT_YES;
		rc = gs_ctl_open(&r->ctl, r->env->instance, r->env->run_dir, ANSWER_MS);
	} while (rc == GS_EDOWN || rc == GS_ETIMEDOUT);
	return rc < 0 ? cmd_fail(rc, "reaper") : REAPER_GOES_ON;
}

static int
reap(struct reaper *r)
{
	int status;

	do {
		status = take_batch(r);
		if (status == REAPER_LOST)
			status = redial(r);
	} while (status == REAPER_GOES_ON);
	return status;
}

/* ---- beginning ---- */

/* A duration of an option that was given, 1 ms to an hour. False when it is none (said). */
static bool
take_duration(uint64_t *out, const char *name, const char *text)
{
	if (text == NULL)
		return true;
	if (gs_text_parse_duration(text, out) == 0 && *out > 0 && *out <= GS_WIRE_LEASE_MS_MAX)
		return true;
	(void)cmd_misuse("--%s \"%s\": a duration of at most 1h is expected, like 5s", name, text);
	return false;
}

static bool
take_options(struct reaper *r, const struct cmd_line *line)
{
	const char *const *v = line->value;
	uint64_t timeout_ms = 5000;

	r->again_ms = 10000;
	r->batch = 16;
	r->is_once = v[REAPER_ONCE] != NULL;
	r->command.text = v[REAPER_COMMAND];
	r->command.table = r->env->table;
	if (!reap_rule_parse(&r->rule, v[REAPER_POLICY] == NULL ? "listed" : v[REAPER_POLICY])) {
		(void)cmd_misuse("--policy \"%s\": listed, all, offences=N, rate=N/s, or several with commas are expected", v[REAPER_POLICY]);
		return false;
	}
	if (v[REAPER_BATCH] != NULL && (gs_text_parse_count(v[REAPER_BATCH], &r->batch) < 0 || r->batch == 0 || r->batch > GS_WIRE_MAX_LEASE)) {
		(void)cmd_misuse("--batch \"%s\": 1 to %d are allowed", v[REAPER_BATCH], GS_WIRE_MAX_LEASE);
		return false;
	}
	if (!take_duration(&timeout_ms, "timeout", v[REAPER_TIMEOUT]) || !take_duration(&r->again_ms, "again", v[REAPER_AGAIN]))
		return false;
	r->command.timeout_ms = (uint32_t)timeout_ms;
	r->lease_ms = LEASE_MS + (r->command.text == NULL ? 0 : r->batch * timeout_ms);
	r->lease_ms = r->is_once ? GS_WIRE_LEASE_MS_MAX : gs_min_u64(r->lease_ms, GS_WIRE_LEASE_MS_MAX);
	return take_duration(&r->lease_ms, "lease", v[REAPER_LEASE]);
}

/* From now on to be told to end is something to wait for. */
static int
open_stop(struct reaper *r)
{
	sigset_t set;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGINT);
	(void)sigaddset(&set, SIGHUP);
	(void)signal(SIGPIPE, SIG_IGN);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return GS_ESYSTEM;
	r->stop_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	r->command.stop_fd = r->stop_fd;
	return r->stop_fd < 0 ? GS_ESYSTEM : 0;
}

int
cmd_reaper(int argc, char **argv, const struct cmd_env *env)
{
	struct reaper r = { .env = env };
	struct cmd_line line;
	int status;

	if (!cmd_parse(&line, argc, argv, env) || !take_options(&r, &line))
		return EXIT_USAGE;
	status = cmd_open(&r.ctl, env, ANSWER_MS);
	if (status != EXIT_YES)
		return status;
	status = open_stop(&r) < 0 ? cmd_fail(GS_ESYSTEM, "reaper: signals") : reap(&r);
	gs_ctl_close(&r.ctl);
	if (status == EXIT_YES) {
		(void)printf("expelled %llu, left alone %llu\n", (unsigned long long)r.n_expelled, (unsigned long long)r.n_left);
		status = cmd_done();
	}
	return status;
}
