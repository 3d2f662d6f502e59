/* SPDX-License-Identifier: BSD-2-Clause */
#include "staged_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/text.h"
#include "prog/log.h"

#include "attr.h"
#include "control.h"
#include "handles.h"
#include "node.h"
#include "session_impl.h"

enum {
	AGAIN_MS = 5000,		/* after so long a file that could not become a session is tried again */
	MOST_OFFERED = 64 << 20,	/* bytes; the longest value that the store is asked to refuse */
};

/* ---- one file ---- */

static int
put(const struct session_place *to, const char *name, const struct stage_seen *f, const void *value, unsigned flags, struct gs_info *info)
{
	struct gs_put_options opt = {
		.size = sizeof(opt), .flags = GS_SET_PERM | GS_SET_TIMES, .uid = f->uid, .gid = f->gid, .mode = f->mode, .ring = to->info.name,
		.mtime_ns = f->mtime_ns, .atime_ns = f->is_by_hand ? f->atime_ns : gs_clock_wall_ns(), .info = info,
	};
	size_t len = strlen(name);
	int rc;

	if ((flags & RENAME_NOREPLACE) != 0)
		opt.flags |= GS_ONLY_NEW;
	/* Only what happens through the innermost ring is an access. */
	if (to->ring != to->t->innermost)
		opt.flags |= GS_INSPECT;
	rc = gs_put(to->gs, name, len, value, (size_t)f->size, &opt);
	/* Where there is no room for it, it is still put: it can be seen from here as well where it is. */
	if (rc >= 0 && info->ring_id != to->ring && !mount_is_suspect(to->t, info))
		(void)gs_move(to->gs, name, len, to->info.name);
	return rc;
}

/* Whoever has the file open goes on with the session. */
static int
lead(struct call *c, struct stage_id id, uint64_t node, const struct gs_item *item, uint64_t *handle)
{
	struct call own = *c;
	int rc;

	/* It is not what the request opens, to be closed when that is sent again. */
	own.intent = NULL;
	rc = file_open(&own, handle, node, item, O_RDWR, FILE_TURN);
	if (rc != 0)
		return rc;
	if (stage_lead(c->m->staged->stage, id, *handle))
		return 0;
	file_release(c, file_of(c->m, *handle));
	*handle = stage_handle(c->m->staged->stage, id);
	return *handle != 0 ? 0 : ESTALE;
}

int
staged_handle(struct call *c, uint64_t node, uint64_t *handle)
{
	const struct stage_id id = { .slot = node_staged_slot(node), .tag = node_staged_tag(node) };
	uint64_t session = staged_leads_to(c, node);
	struct gs_item item;
	int rc;

	if (session == node)
		return ESTALE;
	*handle = stage_handle(c->m->staged->stage, id);
	if (*handle != 0)
		return 0;
	rc = attr_find(c, session, &item);
	return rc != 0 ? rc : lead(c, id, session, &item, handle);
}

/* It is put: the file is that session now, and what was there before is no more. */
static void
follow_put(struct mount *m, const struct stage_seen *f, const struct stage_try *t, uint64_t session)
{
	stage_done(m->staged->stage, f->id, t->dir, t->name, session);
	files_end(m, node_table(t->dir), t->replaced, t->replaced_version);
	/* What had that name and was temporary is replaced as well. */
	if (f->dir != t->dir || strcmp(f->name, t->name) != 0)
		(void)stage_unlink(m->staged->stage, t->dir, t->name);
}

static int
put_begun(struct call *c, const struct session_place *to, const char *name, const struct stage_seen *f, const void *value, unsigned flags)
{
	struct stage_try t = { .dir = to->dir, .name = name };
	struct gs_info replaced, info;
	struct gs_item item;
	uint64_t handle;
	int rc = session_check_target(c, to, name, flags, &replaced);

	if (rc != 0)
		return rc;
	files_keep(c->m, to->table, replaced.id);
	t.replaced = replaced.id;
	t.replaced_version = replaced.version;
	stage_try(c->m->staged->stage, f->id, &t);
	rc = put(to, name, f, value, flags, &info);
	if (rc < 0)
		return mount_errno(c->m, rc);
	follow_put(c->m, f, &t, info.id);
	if (f->n_open > 0) {
		session_item(&item, name, &info);
		(void)lead(c, f->id, node_of_session(to->table, to->ring, info.id), &item, &handle);
	}
	return 0;
}

int
staged_publish(struct call *c, struct stage_id id, uint64_t dir, const char *name, unsigned flags)
{
	struct session_place to;
	struct stage_seen f;
	const void *value;
	int rc = session_place_of(c, dir, &to);

	if (rc == 0)
		rc = session_begin_start(c, &to, name);
	if (rc == 0)
		rc = stage_begin(c->m->staged->stage, id, &f, &value);
	if (rc != 0)
		return rc;
	rc = put_begun(c, &to, name, &f, value, flags);
	if (rc != 0)
		stage_undone(c->m->staged->stage, id);
	return rc;
}

/* ---- refusals ---- */

/* Let the store refuse a value that is too long, so that it counts it and remembers how long it was. */
static void
count_length(struct call *c, uint64_t node, uint64_t size)
{
	struct gs_put_options opt = { .size = sizeof(opt), .flags = GS_ONLY_OLD | GS_INSPECT };
	size_t offered = size < MOST_OFFERED ? (size_t)size : MOST_OFFERED;
	void *zeros = calloc(1, offered);	/* never touched, so never more than addresses */

	if (zeros != NULL)
		(void)gs_put(c->m->tables[node_table(node)].gs, "?", 1, zeros, offered, &opt);
	free(zeros);
}

int
staged_refuse(struct call *c, uint64_t node, int rc, uint64_t size)
{
	if (rc == EFBIG)
		count_length(c, node, size);
	else if (rc == ENOSPC)
		control_tell(c, c->m->tables[node_table(node)].name, "the temporary files at the mount take all the memory that is for them");
	return rc;
}

/* What nobody asks for, the mount does for itself. */
static struct call
of_mount(struct mount *m)
{
	return (struct call){ .m = m, .uid = m->uid, .gid = m->gid, .pid = (int32_t)getpid(), .is_operator = true, .may_wait = true,
	    .came_ms = gs_clock_mono_ns() / 1000000 };
}

/* ---- those whose time has come ---- */

/* Where one is put that nobody renames: where it is, or in the innermost ring when its own is no more. */
static uint64_t
home_of(const struct mount *m, uint64_t dir)
{
	const struct mount_table *t = &m->tables[node_table(dir)];
	struct gs_ring_info ring;

	if (!mount_has_table(m, node_table(dir)) || mount_ring(t, node_ring(dir), &ring))
		return dir;
	return node_kind(dir) == NODE_IS_NAMESPACE ? node_of_namespace(node_table(dir), t->innermost, node_namespace(dir)) :
	    node_of_ring(node_table(dir), t->innermost);
}

static bool
has_home(const struct mount *m, uint64_t dir)
{
	struct gs_namespace_info ns;

	/* A table that is not there now may come back with the next daemon. */
	return !mount_has_table(m, node_table(dir)) || node_kind(dir) != NODE_IS_NAMESPACE ||
	    gs_find_namespace(m->tables[node_table(dir)].gs, NULL, node_namespace(dir), &ns) == 0;
}

static void
lose(struct call *c, const struct stage_seen *f)
{
	const char *table = c->m->tables[node_table(f->dir)].name;
	char name[4 * STAGE_NAME_BYTES];

	if (!stage_lose(c->m->staged->stage, f->id))
		return;
	(void)gs_text_escape(name, sizeof(name), f->name, strlen(f->name));
	log_warnx("the temporary file %s is lost: its namespace was removed: table=%s", name, table);
	control_tell(c, table, "a namespace was removed, and with it a temporary file is lost");
}

/* A rename may be faster, and its name is gone then. */
static int
publish_due(struct call *c, const struct stage_seen *f)
{
	int rc;

	if (!has_home(c->m, f->dir)) {
		lose(c, f);
		return 0;
	}
	rc = staged_publish(c, f->id, home_of(c->m, f->dir), f->name, 0);
	return rc == ENOENT && !stage_find(c->m->staged->stage, f->dir, f->name, NULL) ? 0 : rc;
}

static void
publish_round(struct mount *m, bool is_end, uint64_t *wait_ms)
{
	struct call c = of_mount(m);
	struct staged *s = m->staged;
	struct stage_seen f;
	uint32_t slot = 0, n_stuck = 0;
	int rc, why = 0;

	mount_enter(m, c.came_ms);
	while (stage_due(s->stage, is_end, &slot, &f, wait_ms)) {
		rc = publish_due(&c, &f);
		if (rc == 0)
			continue;
		n_stuck++;
		why = rc;
		stage_put_off(s->stage, f.id, AGAIN_MS);
		*wait_ms = *wait_ms < AGAIN_MS ? *wait_ms : AGAIN_MS;
		if (!s->is_stuck && n_stuck == 1 && mount_has_table(m, node_table(f.dir)))
			control_tell(&c, m->tables[node_table(f.dir)].name, is_end ? "temporary files of the mount that ends cannot become sessions, and are lost" :
			    "temporary files at the mount cannot become sessions, and stay");
	}
	if (n_stuck > 0 && (!s->is_stuck || is_end))
		log_warnx("%u temporary files cannot become sessions, and %s: %s", n_stuck, is_end ? "are lost" : "stay", strerror(why));
	s->is_stuck = n_stuck > 0;
	mount_leave(m);
}

static void
wait_until(struct staged *s, uint64_t wait_ms)
{
	uint64_t at_ns;
	struct timespec until;

	if (wait_ms == UINT64_MAX) {
		s->is_idle = true;
		while (!s->has_news && !s->is_stopping)
			(void)pthread_cond_wait(&s->change, &s->lock);
		s->is_idle = false;
		return;
	}
	/* A little later: the clock of the files is as fine as the kernel's tick. */
	at_ns = gs_clock_mono_ns() + (wait_ms + 10) * 1000000;
	until.tv_sec = (time_t)(at_ns / 1000000000);
	until.tv_nsec = (long)(at_ns % 1000000000);
	(void)pthread_cond_timedwait(&s->change, &s->lock, &until);
}

static void *
run(void *arg)
{
	struct mount *m = arg;
	struct staged *s = m->staged;
	uint64_t wait_ms;

	pthread_mutex_lock(&s->lock);
	while (!s->is_stopping) {
		s->has_news = false;
		pthread_mutex_unlock(&s->lock);
		wait_ms = UINT64_MAX;
		publish_round(m, false, &wait_ms);
		pthread_mutex_lock(&s->lock);
		if (!s->is_stopping)
			wait_until(s, wait_ms);
	}
	pthread_mutex_unlock(&s->lock);
	return NULL;
}

void
staged_watch(struct mount *m)
{
	struct staged *s = m->staged;

	pthread_mutex_lock(&s->lock);
	if (!s->has_thread && !s->is_stopping)
		s->has_thread = pthread_create(&s->thread, NULL, run, m) == 0;
	/* Else it looks in time: no file is due before those that are there. */
	s->has_news = true;
	if (s->is_idle)
		(void)pthread_cond_signal(&s->change);
	pthread_mutex_unlock(&s->lock);
}

/* ---- after a takeover ---- */

/* Is the session what the process before was about to put, and not what was there before it? */
static bool
is_put(const struct session_place *to, const struct stage_seen *f, const void *value, const struct stage_try *t, struct gs_info *now)
{
	size_t room = (size_t)f->size;
	unsigned char *have = malloc(room + 1);
	ssize_t n = have == NULL ? GS_ENOMEM : gs_peek(to->gs, t->name, strlen(t->name), have, room, now);
	bool is_same = n >= 0 && (size_t)n == room && memcmp(have, value, room) == 0;

	free(have);
	return is_same && now->mtime_ns == f->mtime_ns && (now->id != t->replaced || now->version != t->replaced_version);
}

static void
settle_tried(struct mount *m)
{
	struct call c = of_mount(m);
	struct session_place to;
	struct stage_seen f;
	struct stage_try t;
	struct gs_info now;
	const void *value;
	uint32_t slot = 0;

	while (stage_tried(m->staged->stage, &slot, &f, &value, &t)) {
		if (session_place_of(&c, t.dir, &to) == 0 && is_put(&to, &f, value, &t, &now))
			follow_put(m, &f, &t, now.id);
		else
			stage_undone(m->staged->stage, f.id);
	}
}

/* The last who had a file open closed it, and the process ended before it closed what it had opened for him. */
static void
close_left(struct mount *m)
{
	struct call c = of_mount(m);
	uint32_t slot = 0;
	uint64_t handle;
	struct file *f;

	while ((handle = stage_left(m->staged->stage, &slot)) != 0) {
		f = file_of(m, handle);
		if (f != NULL)
			file_release(&c, f);
	}
}

int
staged_adopt(struct mount *m)
{
	uint32_t n_open[STAGE_FILES] = { 0 }, i = 0;
	uint64_t fh;

	while ((fh = handles_next(m->handles, &i)) != 0)
		if (staged_opened(m, fh) != 0)
			n_open[node_staged_slot(staged_opened(m, fh)) % STAGE_FILES]++;
	m->staged->stage = stage_new(m->staged->kept.base, n_open);
	if (m->staged->stage == NULL)
		return GS_ENOMEM;
	settle_tried(m);
	close_left(m);
	return 0;
}

/* ---- beginning and end ---- */

struct staged *
staged_new(void)
{
	struct staged *s = calloc(1, sizeof(*s));
	pthread_condattr_t attr;

	if (s == NULL)
		return NULL;
	(void)pthread_mutex_init(&s->lock, NULL);
	(void)pthread_condattr_init(&attr);
	(void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&s->change, &attr);
	(void)pthread_condattr_destroy(&attr);
	if (kept_open(&s->kept, "stage", STAGE_VERSION, stage_bytes()) < 0 ||
	    (s->kept.is_found && !stage_is_sound(s->kept.base) && kept_refuse(&s->kept) < 0))
		staged_free(&s);
	return s;
}

void
staged_stop(struct mount *m)
{
	struct staged *s = m->staged;
	uint64_t wait_ms = UINT64_MAX;
	bool has_thread;

	pthread_mutex_lock(&s->lock);
	s->is_stopping = true;
	has_thread = s->has_thread;
	s->has_thread = false;
	(void)pthread_cond_signal(&s->change);
	pthread_mutex_unlock(&s->lock);
	if (has_thread)
		(void)pthread_join(s->thread, NULL);
	publish_round(m, true, &wait_ms);
}

void
staged_free(struct staged **s)
{
	if (*s == NULL)
		return;
	stage_free(&(*s)->stage);
	if ((*s)->kept.base != NULL)
		kept_close(&(*s)->kept);
	(void)pthread_cond_destroy(&(*s)->change);
	(void)pthread_mutex_destroy(&(*s)->lock);
	free(*s);
	*s = NULL;
}

bool
staged_has_left(void)
{
	struct kept kept;
	bool has;

	if (kept_open(&kept, "stage", STAGE_VERSION, stage_bytes()) < 0)
		return false;
	has = kept.is_found && stage_is_sound(kept.base) && stage_has_named(kept.base);
	kept_close(&kept);
	return has;
}

void
staged_counts(struct mount *m, struct stage_counts *out)
{
	stage_counts(m->staged->stage, out);
}
