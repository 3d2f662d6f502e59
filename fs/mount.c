/* SPDX-License-Identifier: BSD-2-Clause */
#include "mount.h"

#include <sys/stat.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/paths.h"
#include "prog/log.h"

#include "control.h"
#include "file.h"
#include "handles.h"
#include "hold.h"
#include "intent.h"
#include "later.h"
#include "numbers.h"
#include "staged.h"
#include "temps.h"
#include "transport.h"

static uint32_t
whole_record_bytes(size_t record_size)
{
	uint32_t bytes = 4096;

	while (bytes < record_size && bytes < 65536)
		bytes *= 2;
	return bytes;
}

/* It is made with the table and stays. */
static void
learn_innermost(struct mount_table *t)
{
	struct gs_ring_info rings[MOUNT_RINGS];

	t->innermost = mount_rings(t, rings) > 0 ? rings[0].id : 0;
}

static int
attach_table(const struct mount *m, struct mount_table *t)
{
	struct gs_options opt = {
		.size = sizeof(opt), .instance = m->instance, .table = t->name, .n_threads = MOUNT_THREADS + MOUNT_OWN_THREADS,
	};
	int rc = gs_attach(&t->gs, &opt);

	if (rc < 0)
		return rc;
	t->record_size = gs_record_size(t->gs);
	t->blksize = whole_record_bytes(t->record_size);
	learn_innermost(t);
	return 0;
}

static void
detach_table(struct mount_table *t)
{
	for (uint32_t i = 0; i < MOUNT_NAMESPACES; i++) {
		struct gs *gs = t->of_ns[i];

		gs_detach(&gs);
		t->of_ns[i] = NULL;
	}
	gs_detach(&t->gs);
}

int
mount_gs_of(struct mount_table *t, uint64_t ns, struct gs **out)
{
	struct gs *mine, *others = NULL;
	struct gs_namespace_info info;
	int rc;

	*out = ns == 0 ? t->gs : ns < MOUNT_NAMESPACES ? t->of_ns[ns] : NULL;
	if (*out != NULL)
		return 0;
	/* A number is one name's as long as the memory is there. */
	rc = ns < MOUNT_NAMESPACES ? gs_find_namespace(t->gs, NULL, ns, &info) : GS_ENOENT;
	if (rc == 0)
		rc = gs_namespace(&mine, t->gs, info.name);
	if (rc < 0)
		return gs_errno(rc);
	*out = mine;
	/* Another thread may have been faster. */
	if (!atomic_compare_exchange_strong(&t->of_ns[ns], &others, mine)) {
		gs_detach(&mine);
		*out = others;
	}
	return 0;
}

struct gs *
mount_gs(struct mount_table *t, uint64_t ns)
{
	struct gs *gs;

	return mount_gs_of(t, ns, &gs) == 0 ? gs : t->gs;
}

/* What takes the place of the tables; 0 or an enum gs_err. */
static int
attach_fresh(const struct mount *m, struct mount_table fresh[MOUNT_TABLES])
{
	int rc = 0;

	memset(fresh, 0, MOUNT_TABLES * sizeof(fresh[0]));
	for (uint32_t i = 0; i < m->n_tables && rc == 0; i++) {
		memcpy(fresh[i].name, m->tables[i].name, sizeof(fresh[i].name));
		if (mount_has_table(m, i))
			rc = attach_table(m, &fresh[i]);
	}
	return rc;
}

/* Nobody is in a request while the tables are changed; to find the new ones, which may take long, keeps nobody out. */
static void
attach_anew(struct mount *m)
{
	struct mount_table fresh[MOUNT_TABLES], was;

	if (attach_fresh(m, fresh) < 0) {
		m->missed_ms = gs_clock_mono_ns() / 1000000;
	} else {
		pthread_rwlock_wrlock(&m->gate);
		for (uint32_t i = 0; i < m->n_tables; i++) {
			was = m->tables[i];
			m->tables[i] = fresh[i];
			fresh[i] = was;
		}
		atomic_store(&m->is_gone, false);
		pthread_rwlock_unlock(&m->gate);
	}
	for (uint32_t i = 0; i < m->n_tables; i++)
		detach_table(&fresh[i]);
}

bool
mount_is_gone(const struct mount *m)
{
	return atomic_load_explicit(&m->is_gone, memory_order_relaxed);
}

void
mount_enter(struct mount *m, uint64_t came_ms)
{
	if (came_ms != 0 && mount_is_gone(m)) {
		pthread_mutex_lock(&m->attaching);
		if (mount_is_gone(m) && came_ms > m->missed_ms)
			attach_anew(m);
		pthread_mutex_unlock(&m->attaching);
	}
	pthread_rwlock_rdlock(&m->gate);
}

void
mount_leave(struct mount *m)
{
	pthread_rwlock_unlock(&m->gate);
}

int
mount_errno(struct mount *m, int rc)
{
	if (rc == GS_EGONE)
		atomic_store_explicit(&m->is_gone, true, memory_order_relaxed);
	return gs_errno(rc);
}

static void
learn_place(struct mount *m)
{
	struct stat st;
	char path[256];

	m->uid = (uint32_t)geteuid();
	m->gid = (uint32_t)getegid();
	m->ctl_gid = m->gid;
	if (gs_path_socket(path, sizeof(path), NULL, m->instance) == 0 && stat(path, &st) == 0)
		m->ctl_gid = (uint32_t)st.st_gid;
	(void)clock_gettime(CLOCK_REALTIME, &m->started);
	if (gethostname(m->host, sizeof(m->host) - 1) != 0)
		memcpy(m->host, "localhost", sizeof("localhost"));
	m->host[sizeof(m->host) - 1] = '\0';
}

static int
attach_tables(struct mount *m, char why[256])
{
	char names[MOUNT_TABLES][GS_NAME_BYTES];
	uint32_t n = 0, i;
	int rc;

	rc = control_tables(m->control, names, &n);
	if (rc < 0) {
		(void)snprintf(why, 256, "the daemon does not say which tables it has: %s", gs_strerror(rc));
		return rc;
	}
	for (i = 0; i < n; i++) {
		int number = numbers_of(m->numbers, names[i]);

		if (number < 0) {
			log_warnx("table %s: not shown before the store is mounted anew, there have been %d other tables", names[i], MOUNT_TABLES);
			continue;
		}
		memcpy(m->tables[number].name, names[i], sizeof(names[i]));
		if ((uint32_t)number >= m->n_tables)
			m->n_tables = (uint32_t)number + 1;
		rc = attach_table(m, &m->tables[number]);
		if (rc < 0) {
			(void)snprintf(why, 256, "table %.31s: %s", names[i], gs_strerror(rc));
			return rc;
		}
	}
	return 0;
}

/* The open files of the process before; there are none when it is the first. */
static int
adopt(struct mount *m)
{
	int rc;

	intents_close(m);
	rc = files_adopt(m);
	if (rc == 0)
		rc = control_adopt(m);
	if (rc == 0)
		rc = staged_adopt(m);
	if (rc == 0)
		intents_settle(m);
	return rc;
}

int
mount_open(struct mount *m, const char *instance, double attr_s, int fd, char why[256])
{
	pthread_rwlockattr_t kind;
	int rc;

	memset(m, 0, sizeof(*m));
	m->instance = instance;
	m->attr_s = attr_s;
	learn_place(m);
	(void)pthread_rwlockattr_init(&kind);
	/* One request after another must not keep attach_anew() out for ever. */
	(void)pthread_rwlockattr_setkind_np(&kind, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
	(void)pthread_rwlock_init(&m->gate, &kind);
	(void)pthread_rwlockattr_destroy(&kind);
	(void)pthread_mutex_init(&m->attaching, NULL);
	m->files = files_new();
	m->handles = handles_new();
	m->intents = intents_new();
	m->numbers = numbers_new();
	m->control = control_new(instance);
	m->later = later_new(m);
	m->hold = hold_new();
	m->transport = transport_new(fd);
	m->temps = temps_new();
	m->staged = staged_new();
	if (m->files == NULL || m->handles == NULL || m->intents == NULL || m->numbers == NULL || m->control == NULL || m->hold == NULL ||
	    m->later == NULL || m->transport == NULL || m->temps == NULL || m->staged == NULL) {
		(void)snprintf(why, 256, "out of memory");
		rc = GS_ENOMEM;
	} else {
		rc = attach_tables(m, why);
	}
	if (rc == 0 && (rc = adopt(m)) < 0)
		(void)snprintf(why, 256, "the open files of before: %s", gs_strerror(rc));
	if (rc < 0)
		mount_close(m);
	return rc;
}

void
mount_close(struct mount *m)
{
	uint32_t i;

	hold_free(&m->hold);
	later_free(&m->later);
	for (i = 0; i < m->n_tables; i++)
		detach_table(&m->tables[i]);
	m->n_tables = 0;
	if (m->handles != NULL) {
		files_let_go(m);
		control_let_go(m);
		dirs_let_go(m);
	}
	control_free(&m->control);
	files_free(&m->files);
	handles_free(&m->handles);
	intents_free(&m->intents);
	numbers_free(&m->numbers);
	staged_free(&m->staged);
	temps_free(&m->temps);
	transport_free(&m->transport);
	(void)pthread_mutex_destroy(&m->attaching);
	(void)pthread_rwlock_destroy(&m->gate);
}

const struct mount_table *
mount_any_table(const struct mount *m)
{
	uint32_t i = 0;

	while (i + 1 < m->n_tables && !mount_has_table(m, i))
		i++;
	return &m->tables[i];
}

int
mount_find_table(const struct mount *m, const char *name)
{
	uint32_t i;

	for (i = 0; i < m->n_tables; i++)
		if (strcmp(m->tables[i].name, name) == 0)
			return (int)i;
	return -1;
}

uint32_t
mount_rings(const struct mount_table *t, struct gs_ring_info out[MOUNT_RINGS])
{
	int n = t->gs == NULL ? 0 : gs_rings(t->gs, out, MOUNT_RINGS);

	return n < 0 ? 0 : n > MOUNT_RINGS ? MOUNT_RINGS : (uint32_t)n;
}

/* NULL: there is none of this id. */
static const struct gs_ring_info *
find_ring(const struct gs_ring_info *rings, uint32_t n, uint32_t ring)
{
	for (uint32_t i = 0; i < n; i++)
		if (rings[i].id == ring)
			return &rings[i];
	return NULL;
}

bool
mount_ring(const struct mount_table *t, uint32_t ring, struct gs_ring_info *out)
{
	struct gs_ring_info rings[MOUNT_RINGS];
	const struct gs_ring_info *r = find_ring(rings, mount_rings(t, rings), ring);

	if (r != NULL)
		*out = *r;
	return r != NULL;
}

int
mount_find_ring(const struct mount_table *t, const char *name)
{
	struct gs_ring_info rings[MOUNT_RINGS];
	uint32_t n = mount_rings(t, rings), i;

	for (i = 0; i < n; i++)
		if (strcmp(rings[i].name, name) == 0)
			return (int)rings[i].id;
	return -1;
}

bool
mount_is_suspect(const struct mount_table *t, const struct gs_info *info)
{
	struct gs_ring_info at;

	return mount_ring(t, info->ring_id, &at) && at.is_suspect != 0;
}

bool
mount_shows(const struct mount_table *t, uint32_t ring, const struct gs_info *info)
{
	struct gs_ring_info rings[MOUNT_RINGS];
	uint32_t n = mount_rings(t, rings);
	const struct gs_ring_info *at = find_ring(rings, n, info->ring_id), *through = find_ring(rings, n, ring);

	if (through == NULL)
		return false;
	/* One that came late to a ring that is no more is outside all others, until the sweep has moved it. */
	if (at == NULL)
		return through->is_suspect == 0;
	if (at->is_suspect != 0)
		return through->is_suspect != 0 || ring == t->innermost;
	return through->is_suspect == 0 && at->diameter >= through->diameter;
}
