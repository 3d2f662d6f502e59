/* SPDX-License-Identifier: BSD-2-Clause */
#include <sys/mman.h>

#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/atomic.h"
#include "base/paths.h"
#include "lib/handle.h"
#include "lib/reader.h"
#include "shm/event.h"
#include "shm/namespaces.h"
#include "shm/roles.h"

#define HANDLE_MAGIC UINT64_C(0x68616e646c653131)
#define DEFAULT_TIMEOUT_MS 2000
#define PATIENCE_MAX_MS 1000
#define DEFAULT_THREADS 4
#define SPINS_BEFORE_YIELD 64

/* ---- joining the daemon ---- */

void
gs_handle_close_fds(const int *fds, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (fds[i] >= 0)
			(void)close(fds[i]);
}

int
gs_handle_place_fds(const int *came, size_t n_came, uint32_t arenas, int fds[GS_TABLE_FDS])
{
	size_t next = GS_TABLE_ARENA_FD;

	for (int i = 0; i < GS_TABLE_FDS; i++)
		fds[i] = -1;
	if (n_came != GS_TABLE_ARENA_FD + (size_t)__builtin_popcount(arenas)) {
		gs_handle_close_fds(came, n_came);
		/* One that knows no events sends all but T.evt. */
		return n_came == GS_TABLE_EVT_FD + (size_t)__builtin_popcount(arenas) ? GS_EVERSION : GS_EPROTO;
	}
	for (int i = 0; i < GS_TABLE_ARENA_FD; i++)
		fds[i] = came[i];
	for (int i = 0; i < GS_MAX_ARENAS; i++)
		if ((arenas >> i & 1) != 0)
			fds[GS_TABLE_ARENA_FD + i] = came[next++];
	return 0;
}

/* Connect and say hello; the descriptors in fds are the caller's. */
static int
join(struct gs *gs, const char *table, uint32_t n_ctx, struct gs_ctl **ctl, struct gs_wire_welcome *welcome, int fds[GS_TABLE_FDS])
{
	int came[GS_TABLE_FDS], rc;
	size_t n_came;

	rc = gs_ctl_open(ctl, gs->own->instance, gs->own->run_dir, gs->own->timeout_ms);
	if (rc < 0)
		return rc;
	rc = gs_ctl_hello(*ctl, table, gs->own->role == GS_ROLE_READER ? GS_WIRE_READER : GS_WIRE_WRITER, n_ctx, welcome, came, GS_TABLE_FDS,
	    &n_came);
	if (rc == 0 && welcome->n_ctx == 0)
		rc = GS_EBUSY;
	if (rc < 0)
		gs_handle_close_fds(came, n_came);
	else
		rc = gs_handle_place_fds(came, n_came, welcome->arenas, fds);
	if (rc < 0)
		gs_ctl_close(ctl);
	return rc;
}

/* Make the contexts that were granted ours. */
static int
init_leases(struct gs *gs, const struct gs_wire_welcome *welcome)
{
	int rc = 0;

	for (uint32_t i = 0; i < gs->n_leases && rc == 0; i++) {
		struct gs_lease *l = &gs->leases[i];

		if (gs->own->role != GS_ROLE_READER && welcome->ctx[i] >= GS_MAX_CTX)
			return GS_EPROTO;
		if (gs->own->role == GS_ROLE_READER)
			gs_ctx_init_reader(&l->ctx, &gs->own->reader.pages[i]);
		else
			rc = gs_ctx_init(&l->ctx, gs->t, welcome->ctx[i]);
		atomic_store_explicit(&l->is_taken, 0, memory_order_relaxed);
	}
	gs->own->cookie = welcome->cookie;
	gs->own->rights = gs->own->role == GS_ROLE_READER ? welcome->rights & GS_RIGHT_READ : welcome->rights;
	gs->own->process = welcome->process;
	return rc;
}

/* ---- handles ---- */

static int
copy_options(struct gs *gs, const struct gs_options *opt)
{
	const char *instance = opt->instance == NULL ? "default" : opt->instance;

	if (!gs_name_is_valid(instance))
		return GS_EINVAL;
	memcpy(gs->own->instance, instance, strlen(instance) + 1);
	if (opt->run_dir != NULL) {
		gs->own->run_dir = strdup(opt->run_dir);
		if (gs->own->run_dir == NULL)
			return GS_ENOMEM;
	}
	gs->own->timeout_ms = opt->timeout_ms == 0 ? DEFAULT_TIMEOUT_MS : opt->timeout_ms;
	gs->n_leases = opt->n_threads == 0 ? DEFAULT_THREADS : opt->n_threads;
	if (gs->n_leases > GS_WIRE_MAX_GRANT)
		gs->n_leases = GS_WIRE_MAX_GRANT;
	gs->own->role = opt->role;
	gs->own->patience_ms = opt->patience_ms;
	gs->own->uid = geteuid();
	gs->own->gid = getegid();
	return 0;
}

static int
make_state_page(struct gs *gs)
{
	void *page = mmap(NULL, GS_PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (page == MAP_FAILED)
		return GS_ENOMEM;
	gs->state = page;
	return madvise(page, GS_PAGE_BYTES, MADV_WIPEONFORK) < 0 ? GS_ESYSTEM : 0;
}

static int
map_table(struct gs *gs, const char *table)
{
	struct gs_wire_welcome welcome;
	int fds[GS_TABLE_FDS], rc;
	char why[256];

	rc = join(gs, table, gs->n_leases, &gs->own->ctl, &welcome, fds);
	if (rc < 0)
		return rc;
	gs->own->cookie = welcome.cookie;
	if (welcome.n_ctx < gs->n_leases)
		gs->n_leases = welcome.n_ctx;
	rc = gs->own->role == GS_ROLE_READER ? gs_reader_take_pages(gs, fds) : 0;
	if (rc < 0) {
		gs_handle_close_fds(fds, GS_TABLE_FDS);
		return rc;
	}
	rc = gs_table_map(&gs->t, fds, gs->own->role == GS_ROLE_READER ? GS_TABLE_READ : GS_TABLE_WRITE, why);
	if (rc < 0)
		return rc;
	if (memcmp(gs->t->uuid, welcome.uuid, sizeof(welcome.uuid)) != 0)
		return GS_ECORRUPT;
	gs->leases = aligned_alloc(_Alignof(struct gs_lease), gs->n_leases * sizeof(struct gs_lease));
	if (gs->leases == NULL)
		return GS_ENOMEM;
	memset(gs->leases, 0, gs->n_leases * sizeof(struct gs_lease));
	if (gs->own->role == GS_ROLE_READER)
		gs_reader_begin(gs);
	return init_leases(gs, &welcome);
}

/* The caller's options, or those of a program that was built before there were namespaces, or roles. */
static int
read_options(struct gs_options *out, const struct gs_options *opt)
{
	memset(out, 0, sizeof(*out));
	if (opt == NULL)
		return 0;
	if (opt->size != sizeof(*opt) && opt->size != offsetof(struct gs_options, role) && opt->size != offsetof(struct gs_options, ns))
		return GS_EINVAL;
	memcpy(out, opt, opt->size);
	return out->role > GS_ROLE_READER || out->patience_ms > PATIENCE_MAX_MS ? GS_EINVAL : 0;
}

/* A handle of an attachment of its own, all zero. */
static struct gs *
make_handle(void)
{
	struct gs *gs = calloc(1, sizeof(*gs));

	if (gs == NULL)
		return NULL;
	gs->magic = HANDLE_MAGIC;
	gs->own = calloc(1, sizeof(*gs->own));
	if (gs->own != NULL) {
		atomic_init(&gs->own->n_handles, 1);
		return gs;
	}
	free(gs);
	return NULL;
}

/* 0 or GS_ENOENT. */
static int
enter_namespace(struct gs *gs, const char *name)
{
	int id = gs_namespaces_find(gs->t, name);

	if (id < 0)
		return id;
	gs->ns = (uint32_t)id;
	return 0;
}

int
gs_namespace(struct gs **out, struct gs *gs, const char *name)
{
	struct gs *other = calloc(1, sizeof(*other));
	int rc;

	if (other == NULL)
		return GS_ENOMEM;
	*other = *gs;
	rc = enter_namespace(other, name);
	if (rc < 0) {
		free(other);
		return rc;
	}
	/* relaxed; whoever makes it has one */
	(void)atomic_fetch_add_explicit(&gs->own->n_handles, 1, memory_order_relaxed);
	*out = other;
	return 0;
}

int
gs_attach(struct gs **out, const struct gs_options *given)
{
	struct gs_options options, *opt = &options;
	const char *table;
	struct gs *gs;
	int rc = read_options(opt, given);

	if (rc < 0)
		return rc;
	table = opt->table == NULL ? "sessions" : opt->table;
	if (!gs_name_is_valid(table))
		return GS_EINVAL;
	gs = make_handle();
	if (gs == NULL)
		return GS_ENOMEM;
	rc = copy_options(gs, opt);
	if (rc == 0)
		rc = make_state_page(gs);
	if (rc == 0)
		rc = map_table(gs, table);
	if (rc == 0)
		rc = enter_namespace(gs, opt->ns);
	if (rc < 0) {
		/* What was granted is not ours to flush yet, but the daemon may have it back. */
		if (gs->own->ctl != NULL)
			(void)gs_ctl_bye(gs->own->ctl, gs->own->cookie);
		gs_detach(&gs);
		return rc;
	}
	atomic_store_explicit(gs->state, GS_HANDLE_READY, memory_order_release);
	*out = gs;
	return 0;
}

/* Give the contexts back; the daemon may grant them anew. A daemon that was restarted knows us by the cookie. */
static void
say_bye(struct gs *gs)
{
	struct gs_ctl *anew;

	if (gs_ctl_bye(gs->own->ctl, gs->own->cookie) == 0 || gs_ctl_open(&anew, gs->own->instance, gs->own->run_dir, gs->own->timeout_ms) < 0)
		return;
	(void)gs_ctl_bye(anew, gs->own->cookie);
	gs_ctl_close(&anew);
}

/* The attachment goes with its last handle. */
static void
leave(struct gs *gs)
{
	/* In a forked child that has not called yet, the contexts are still the parent's. */
	bool is_ours = gs->state != NULL && atomic_load_explicit(gs->state, memory_order_acquire) == GS_HANDLE_READY;

	for (uint32_t i = 0; gs->leases != NULL && i < gs->n_leases; i++) {
		if (!is_ours)
			gs->leases[i].ctx.page = NULL;
		gs_ctx_fini(&gs->leases[i].ctx, gs->t);
	}
	if (gs->own->ctl != NULL && is_ours)
		say_bye(gs);
	gs_ctl_close(&gs->own->ctl);
	gs_reader_end(gs);
	gs_table_free(&gs->t);
	if (gs->state != NULL)
		(void)munmap((void *)gs->state, GS_PAGE_BYTES);
	free(gs->leases);
	free(gs->own->run_dir);
	free(gs->own);
}

void
gs_detach(struct gs **gsp)
{
	struct gs *gs = *gsp;

	*gsp = NULL;
	if (gs == NULL)
		return;
	/* acq_rel; who is the last one sees what the others did with it */
	if (atomic_fetch_sub_explicit(&gs->own->n_handles, 1, memory_order_acq_rel) == 1)
		leave(gs);
	free(gs);
}

/* ---- calls ---- */

/* A forked child joins on its own: same memory, contexts of its own. */
static int
attach_child(struct gs *gs)
{
	struct gs_wire_welcome welcome;
	int fds[GS_TABLE_FDS], rc;
	struct gs_ctl *ctl;

	rc = join(gs, gs->t->name, gs->n_leases, &ctl, &welcome, fds);
	if (rc < 0)
		return rc;
	if (memcmp(gs->t->uuid, welcome.uuid, sizeof(welcome.uuid)) != 0)
		rc = GS_EGONE;
	else if (welcome.n_ctx < gs->n_leases)
		rc = GS_EBUSY;
	else if (gs->own->role == GS_ROLE_READER)
		rc = gs_reader_take_pages(gs, fds);
	gs_handle_close_fds(fds, GS_TABLE_FDS);
	if (rc < 0) {
		(void)gs_ctl_bye(ctl, welcome.cookie);
		gs_ctl_close(&ctl);
		return rc;
	}
	/* Our copy of the parent's socket; the parent's own stays open. */
	gs_ctl_close(&gs->own->ctl);
	gs->own->ctl = ctl;
	for (uint32_t i = 0; i < gs->n_leases; i++) {
		gs->leases[i].ctx.page = NULL;
		gs_ctx_fini(&gs->leases[i].ctx, gs->t);
	}
	gs->own->uid = geteuid();
	gs->own->gid = getegid();
	if (gs->own->role == GS_ROLE_READER)
		gs_reader_begin(gs);
	rc = init_leases(gs, &welcome);
	if (rc < 0)
		(void)gs_ctl_bye(gs->own->ctl, welcome.cookie);
	return rc;
}

static int
become_ready(struct gs *gs)
{
	uint32_t fresh;
	int rc;

	for (;;) {
		fresh = GS_HANDLE_FRESH;
		if (atomic_compare_exchange_strong_explicit(gs->state, &fresh, GS_HANDLE_ATTACHING, memory_order_acq_rel, memory_order_acquire))
			break;
		if (fresh == GS_HANDLE_READY)
			return 0;
		(void)sched_yield();
	}
	rc = attach_child(gs);
	/* release; pairs with the acquire in gs_handle_enter: the contexts are the child's */
	atomic_store_explicit(gs->state, rc < 0 ? GS_HANDLE_FRESH : GS_HANDLE_READY, memory_order_release);
	return rc;
}

/* A number that differs between threads, mostly: where to look for a free context first. */
static uint32_t
thread_hint(void)
{
	static _Thread_local char here;

	return (uint32_t)(((uintptr_t)&here * UINT64_C(0x9e3779b97f4a7c15)) >> 40);
}

int
gs_handle_enter(struct gs *gs, struct gs_lease **out)
{
	uint32_t at;
	int rc;

	if (__builtin_expect(atomic_load_explicit(gs->state, memory_order_acquire) != GS_HANDLE_READY, 0)) {
		rc = become_ready(gs);
		if (rc < 0)
			return rc;
	}
	/* acquire; pairs with the releases in manager_purge and gs_store_forget */
	if (__builtin_expect(atomic_load_explicit(&gs->t->ctl->retired, memory_order_acquire) != gs->t->retired, 0))
		return GS_EGONE;
	if (__builtin_expect(gs->own->role == GS_ROLE_READER, 0))
		gs_reader_keep(gs);
	at = thread_hint() % gs->n_leases;
	for (uint32_t spins = 1;; spins++) {
		struct gs_lease *l = &gs->leases[at];

		/* acquire; pairs with the release in gs_handle_leave: the context is as the last call left it */
		if (atomic_load_explicit(&l->is_taken, memory_order_relaxed) == 0 &&
		    atomic_exchange_explicit(&l->is_taken, 1, memory_order_acquire) == 0) {
			*out = l;
			return 0;
		}
		at = at + 1 == gs->n_leases ? 0 : at + 1;
		if (spins % SPINS_BEFORE_YIELD == 0)
			(void)sched_yield();
		gs_pause();
	}
}

void
gs_handle_tell_forbidden(struct gs *gs, struct gs_lease *lease, const struct gs_key *k)
{
	gs_ctx_count(&lease->ctx, GS_COUNT_FORBIDDEN);
	gs_event_tell_seldom(gs->t, &lease->ctx, &(struct gs_turn){ .kind = GS_EVENT_REFUSED, .reason = GS_REASON_ROLE,
	    .from = GS_RING_NONE, .to = GS_RING_NONE, .now_ms = gs_table_now_ms(gs->t), .hash = k->hash, .ns = k->ns, .key = k->bytes,
	    .key_len = k->len });
}

static int
refuse(struct gs *gs, const void *key, size_t key_len)
{
	struct gs_key k = { .len = 0 };
	struct gs_lease *l;

	if (gs_handle_enter(gs, &l) < 0)
		return GS_EPERM;
	if (key == NULL || gs_handle_key(gs, &k, key, key_len) < 0)
		k = (struct gs_key){ .len = 0 };
	gs_handle_tell_forbidden(gs, l, &k);
	gs_handle_leave(l);
	return GS_EPERM;
}

int
gs_handle_may(struct gs *gs, uint32_t rights, const void *key, size_t key_len)
{
	return __builtin_expect((gs->own->rights & rights) != 0, 1) ? 0 : refuse(gs, key, key_len);
}

uint32_t
gs_roles_epoch(const struct gs *gs)
{
	return gs_roles_epoch_of(gs->t);
}

uint32_t
gs_rights_of(const struct gs *gs, uint32_t uid, uint32_t gid, const uint32_t *groups, uint32_t n_groups)
{
	const struct gs_roles_who who = { .uid = uid, .gid = gid, .groups = groups, .n_groups = groups == NULL ? 0 : n_groups };
	struct gs_roles roles;

	gs_roles_load(gs->t, &roles);
	return gs_roles_rights(&roles, &who);
}

uint32_t
gs_settings_epoch(const struct gs *gs)
{
	/* acquire; pairs with the release in apply_followed: whoever asks the daemon now hears the settings of this epoch */
	return atomic_load_explicit(&gs->t->ctl->settings_epoch, memory_order_acquire);
}

uint64_t
gs_control_epoch(const struct gs *gs)
{
	/* acquire; pairs with the release in apply_control_epoch: whoever asks the daemon now hears what settings say as of this number, or later */
	return atomic_load_explicit(&gs->t->ctl->control_epoch, memory_order_acquire);
}

void
gs_handle_leave(struct gs_lease *lease)
{
	atomic_store_explicit(&lease->is_taken, 0, memory_order_release);
}
