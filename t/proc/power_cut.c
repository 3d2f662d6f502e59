/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * power_cut.c - cut the power after any write of work on a ring in a file, and look what the disk has.
 *
 *	power_cut SEED IMAGES			0 when every image was right; the last line counts
 *	power_cut SEED IMAGES early|forget	controls, which must be found wrong: slots that are free before a sync;
 *						ENDED ones that are free a sync too early
 *
 * The file is mapped so that each write to it is trapped: the page is opened,
 * the one instruction is executed, and what it made of the page is remembered.
 * An image of the disk has of each page any state since the last sync began.
 * A table is made from it, and must have each session as that sync saw it, or
 * as it became later.
 */
#include <sys/mman.h>
#include <sys/stat.h>

#include <err.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>
#include <unistd.h>

#include "policy/decay.h"
#include "shm/adopt.h"
#include "shm/audit.h"
#include "shm/disk.h"
#include "shm/kv_impl.h"
#include "shm/region.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define UNFIT "built with a sanitizer, which takes our signals"
#elif !defined(__x86_64__)
#define UNFIT "it knows the flags of x86-64 only"
#endif
#define TRAP_FLAG 0x100

enum {
	KEYS = 5,
	OPS = 400,
	VALUE_BYTES = 1500,		/* longer than most of a page is left: records lie across pages */
	PAGE = 4096,
	STATES = 200,			/* of a page between two syncs */
	WRITES = 72,			/* of a step, about */
	OPEN = 2,			/* pages that an instruction writes to */
	HISTORY = 4 * OPS,
	CTX = 4,
	WORKER = 1,
	HOT = 0, STORED = 1,		/* rings */
};

enum op { OP_PUT, OP_PUT_AGAIN, OP_ATTR, OP_DEL, OP_OUT, OP_IN, OP_LOSE, OP_BEGIN, OP_END, OP_KINDS };

struct step { enum op op; uint32_t key, seq; };

/* What a key was in the file, one after another; seq 0: nothing. */
struct life { uint32_t seq[HISTORY]; uint32_t n, covered, seen; };

struct page { unsigned char *state[STATES]; uint32_t n, at_begin; };

struct world {
	char dir[64], image_dir[64];
	struct gs_table_spec spec;
	struct gs_table *t;
	struct gs_ctx c;
	struct gs_store_sync sync, hasty;
	unsigned char *file;		/* the arena as mapped */
	size_t n_pages;
	struct page *pages;
	struct life life[KEYS];
	struct step steps[OPS];
	size_t open[OPEN], n_open;
	uint32_t at;			/* step */
	uint64_t seed, n_wanted, n_images, n_points, n_sessions;
	bool is_early, is_forgetful, is_found;
};

static uint64_t
next_random(uint64_t *state)
{
	*state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return *state >> 33;
}

static void
key_text(char out[8], uint32_t key)
{
	(void)snprintf(out, 8, "k%u", key);
}

/* The value says whose it is and which: any of its bytes. */
static void
fill_value(unsigned char out[VALUE_BYTES], uint32_t key, uint32_t seq)
{
	uint64_t x = (uint64_t)key << 32 | seq;

	for (int i = 0; i < VALUE_BYTES; i++)
		out[i] = (unsigned char)(i < 4 ? seq >> (8 * i) : next_random(&x));
}

/* ---- the worker ---- */

static struct gs_key
key_of(struct gs_table *t, char text[8], uint32_t key)
{
	struct gs_key k;

	key_text(text, key);
	if (gs_key_init(t, &k, text, strlen(text)) != 0)
		errx(1, "key");
	return k;
}

static int
put(struct world *w, const struct gs_key *k, uint32_t key, uint32_t seq)
{
	const struct gs_put_args args = { .ring = STORED, .flags = GS_KV_INSPECT, .wall_ns = 1 };
	unsigned char value[VALUE_BYTES];

	fill_value(value, key, seq);
	return gs_kv_put(w->t, &w->c, k, gs_table_now_ms(w->t), value, VALUE_BYTES, &args, NULL);
}

/* Who writes a record and finds that another was faster. */
static int
lose(struct world *w, const struct gs_key *k, uint32_t key, uint32_t seq)
{
	unsigned char value[VALUE_BYTES];
	struct gs_draft d;
	struct gs_hit hit;
	int cell;

	if (gs_index_find(w->t, &w->c, k, GS_FETCH_HEAD, &hit) != 1 || gs_record_copy(w->t, &w->c, &hit) != 1)
		return 0;
	gs_record_draft_of(&d, w->c.scratch);
	fill_value(value, key, seq);
	d.value = value;
	d.head.version = gs_kv_next_version(&w->c, d.head.version, gs_table_now_ms(w->t));
	cell = gs_slots_claim(w->t, &w->c, STORED, 0);
	if (cell < 0)
		return cell;
	(void)gs_record_write(w->t, &w->c, cell, &d);
	gs_slots_keep(&w->c, cell);
	return 0;
}

static int
attr(struct world *w, const struct gs_key *k)
{
	const struct gs_put_args args = { .set = GS_SET_MODE_BIT, .mode = 0640, .wall_ns = 2 };

	return gs_kv_setattr(w->t, &w->c, k, gs_table_now_ms(w->t), &args);
}

static int
do_step(struct world *w, const struct step *s)
{
	char text[8];
	struct gs_key k = key_of(w->t, text, s->key);

	switch (s->op) {
	case OP_PUT:
	case OP_PUT_AGAIN:
		return put(w, &k, s->key, s->seq);
	case OP_ATTR:
		return attr(w, &k);
	case OP_DEL:
		return gs_kv_del(w->t, &w->c, &k, gs_table_now_ms(w->t), 0);
	case OP_OUT:
		return gs_kv_move(w->t, &w->c, &k, gs_table_now_ms(w->t), HOT);
	case OP_IN:
		return gs_kv_move(w->t, &w->c, &k, gs_table_now_ms(w->t), STORED);
	case OP_LOSE:
		return lose(w, &k, s->key, s->seq);
	case OP_BEGIN:
		(void)gs_store_sync_begin(&w->sync, w->t);
		return 0;
	case OP_END:
		for (int i = 0; w->is_forgetful && i < GS_MAX_ARENAS; i++)
			if (w->sync.ended[i] != NULL)
				memset(w->sync.ended[i], 0xff, w->t->arena[i].n_slots / 8);
		(void)gs_store_sync_end(&w->sync, w->t, true);
		return 0;
	case OP_KINDS:
		break;
	}
	return GS_EINVAL;
}

/* A control: slots are free before the disk was asked. */
static void
free_early(struct world *w)
{
	for (int i = 0; i < 2; i++) {
		(void)gs_store_sync_begin(&w->hasty, w->t);
		(void)gs_store_sync_end(&w->hasty, w->t, true);
	}
}

/* ---- the plan ---- */

/* Where a key is while the plan is made. */
enum place { NOWHERE, IN_FILE, IN_MEMORY };

static struct step
plan_key(struct world *w, enum place *at, uint32_t key, uint32_t seq)
{
	enum op op;

	switch (at[key]) {
	case NOWHERE:
		at[key] = IN_FILE;
		return (struct step){ OP_PUT, key, seq };
	case IN_MEMORY:
		at[key] = next_random(&w->seed) % 4 == 0 ? NOWHERE : IN_FILE;
		return (struct step){ at[key] == NOWHERE ? OP_DEL : OP_IN, key, 0 };
	case IN_FILE:
		break;
	}
	switch (next_random(&w->seed) % 8) {
	case 0:
		at[key] = NOWHERE;
		return (struct step){ OP_DEL, key, 0 };
	case 1:
		at[key] = IN_MEMORY;
		return (struct step){ OP_OUT, key, 0 };
	case 2:
		op = OP_ATTR;
		break;
	case 3:
		op = OP_LOSE;
		break;
	default:
		op = OP_PUT_AGAIN;
	}
	return (struct step){ op, key, seq };
}

static void
plan(struct world *w)
{
	enum place at[KEYS] = { NOWHERE };
	bool is_syncing = false;

	for (uint32_t i = 0; i < OPS; i++) {
		if (i % 4 == 3) {
			w->steps[i] = (struct step){ is_syncing ? OP_END : OP_BEGIN, 0, 0 };
			is_syncing = !is_syncing;
			continue;
		}
		w->steps[i] = plan_key(w, at, (uint32_t)(next_random(&w->seed) % KEYS), i + 1);
	}
}

/* ---- what the disk may have ---- */

static void
remember(struct page *p, const unsigned char *bytes, uint64_t *seed)
{
	unsigned char *copy;

	if (p->n > 0 && memcmp(p->state[p->n - 1], bytes, PAGE) == 0)
		return;
	/* More states than there is room for: one of the middle is forgotten, which makes fewer images and none wrong. */
	if (p->n == STATES) {
		uint32_t gone = 1 + (uint32_t)(next_random(seed) % (STATES - 2));

		gone += gone == p->at_begin && gone + 1 < STATES - 1;
		copy = p->state[gone];
		memmove(&p->state[gone], &p->state[gone + 1], (STATES - 1 - gone) * sizeof(p->state[0]));
		p->n--;
		p->at_begin -= p->at_begin > gone;
	} else {
		copy = malloc(PAGE);
	}
	if (copy == NULL)
		errx(1, "no memory");
	memcpy(copy, bytes, PAGE);
	p->state[p->n++] = copy;
}

static void
begin_sync(struct world *w)
{
	for (size_t i = 0; i < w->n_pages; i++)
		w->pages[i].at_begin = w->pages[i].n == 0 ? 0 : w->pages[i].n - 1;
	for (uint32_t k = 0; k < KEYS; k++)
		w->life[k].seen = w->life[k].n - 1;
}

/* The disk has of each page what it was when the sync began, or something later. */
static void
end_sync(struct world *w)
{
	for (size_t i = 0; i < w->n_pages; i++) {
		struct page *p = &w->pages[i];

		for (uint32_t k = 0; k < p->at_begin; k++)
			free(p->state[k]);
		memmove(&p->state[0], &p->state[p->at_begin], (p->n - p->at_begin) * sizeof(p->state[0]));
		p->n -= p->at_begin;
		p->at_begin = 0;
	}
	for (uint32_t k = 0; k < KEYS; k++)
		w->life[k].covered = w->life[k].seen;
}

static void
note(struct life *l, uint32_t seq)
{
	if (l->seq[l->n - 1] != seq)
		l->seq[l->n++] = seq;
}

/* From now on the key may be found as the step makes it. */
static void
expect(struct world *w, const struct step *s)
{
	struct life *l = &w->life[s->key];
	uint32_t before = 0;

	switch (s->op) {
	case OP_PUT:
	case OP_PUT_AGAIN:
		note(l, s->seq);
		return;
	case OP_DEL:
	case OP_OUT:
		note(l, 0);
		return;
	case OP_IN:
		for (uint32_t i = l->n; i-- > 0 && before == 0;)
			before = l->seq[i];
		note(l, before);
		return;
	case OP_BEGIN:
	case OP_END:
	case OP_ATTR:
	case OP_LOSE:
	case OP_KINDS:
		return;
	}
}

/* ---- an image ---- */

static void __attribute__((format(printf, 2, 3)))
wrong(struct world *w, const char *fmt, ...)
{
	va_list ap;

	if (!w->is_found) {
		va_start(ap, fmt);
		(void)printf("# step %u: ", w->at);
		(void)vprintf(fmt, ap);
		(void)putchar('\n');
		va_end(ap);
	}
	w->is_found = true;
}

static void
write_image(struct world *w, int fd)
{
	/* Mostly old, mostly new, or anything. */
	uint64_t bias = next_random(&w->seed) % 3;

	for (size_t i = 0; i < w->n_pages; i++) {
		const struct page *p = &w->pages[i];
		uint32_t pick;

		if (p->n == 0)
			continue;
		pick = (uint32_t)(next_random(&w->seed) % p->n);
		if (bias != 2 && next_random(&w->seed) % 4 != 0)
			pick = bias == 0 ? 0 : p->n - 1;
		if (pwrite(fd, p->state[pick], PAGE, (off_t)(i * PAGE)) != PAGE)
			err(1, "image");
	}
}

static bool
may_be(const struct life *l, uint32_t seq)
{
	for (uint32_t i = l->covered; i < l->n; i++)
		if (l->seq[i] == seq)
			return true;
	return false;
}

static void
check_key(struct world *w, struct gs_table *t, struct gs_ctx *c, uint32_t key)
{
	unsigned char got[VALUE_BYTES], want[VALUE_BYTES];
	char text[8];
	struct gs_key k = key_of(t, text, key);
	ssize_t n = gs_kv_get(t, c, &k, gs_table_now_ms(t), got, sizeof(got), GS_KV_INSPECT, NULL);
	uint32_t seq = 0;

	if (n >= 0) {
		memcpy(&seq, got, sizeof(seq));
		fill_value(want, key, seq);
		w->n_sessions++;
		if (n != VALUE_BYTES || memcmp(got, want, VALUE_BYTES) != 0)
			wrong(w, "%s is torn", text);
	}
	if (!may_be(&w->life[key], seq))
		wrong(w, "%s is %s%u, which it was not since the last sync", text, seq == 0 ? "gone: " : "of step ", seq);
}

static void
hear(void *arg, const char *ring, const char *sentence)
{
	wrong(arg, "ring %s: %s", ring, sentence);
}

static struct gs_table *
make_table(const struct gs_table_spec *spec, const struct gs_past *past, struct gs_ctx *c)
{
	struct gs_table *t;

	if (gs_table_create_from(&t, -1, spec, past) < 0 || gs_region_commit(t->ctx_fd, 0, (uint64_t)CTX * GS_CTX_BYTES) < 0)
		errx(1, "table");
	for (uint32_t i = 0; i < CTX; i++)
		atomic_store(&t->ctl->reg[i].state, GS_CTX_LIVE);
	atomic_store(&t->ctl->n_ctx_used, CTX);
	if (gs_ctx_init(c, t, WORKER) < 0)
		errx(1, "context");
	return t;
}

static void
check_image(struct world *w)
{
	struct gs_table_spec spec = w->spec;
	char path[128], why[GS_DISK_WHY_BYTES];
	struct gs_adopted found;
	struct gs_audit audit;
	struct gs_past past;
	struct gs_table *t;
	struct gs_ctx c;
	int fd;

	(void)snprintf(spec.rings[STORED].store, sizeof(spec.rings[STORED].store), "%s", w->image_dir);
	(void)snprintf(path, sizeof(path), "%s/t@stored.0", w->image_dir);
	fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
	if (fd < 0 || ftruncate(fd, (off_t)w->t->arena[STORED * GS_MAX_CLASSES].bytes) < 0)
		err(1, "%s", path);
	write_image(w, fd);
	(void)close(fd);
	w->n_images++;
	if (gs_disk_find(&past, &spec, hear, w, why) < 0) {
		wrong(w, "the image is refused: %s", why);
		return;
	}
	t = make_table(&spec, &past, &c);
	if (gs_adopt_run(t, &c, &past, &found) < 0)
		errx(1, "adopt");
	for (uint32_t k = 0; k < KEYS; k++)
		check_key(w, t, &c, k);
	gs_audit_run(t, gs_table_now_ms(t), &audit, w->is_found ? NULL : stdout);
	if (audit.n_broken > 0)
		wrong(w, "the audit of what was found is not clean");
	gs_ctx_fini(&c, t);
	gs_table_free(&t);
}

/* ---- trapping ---- */

static struct world the;

static void
protect(size_t page, int prot)
{
	if (mprotect(the.file + page * PAGE, PAGE, prot) < 0)
		err(1, "mprotect");
}

#ifndef UNFIT
/* A write, or a compare-and-swap, to a page that is closed: let that one instruction through. */
static void
on_write(int sig, siginfo_t *info, void *context)
{
	unsigned char *at = info->si_addr;
	ucontext_t *uc = context;
	size_t page = (size_t)(at - the.file) / PAGE;

	if (at < the.file || page >= the.n_pages || the.n_open == OPEN) {
		(void)signal(sig, SIG_DFL);
		return;
	}
	remember(&the.pages[page], the.file + page * PAGE, &the.seed);
	protect(page, PROT_READ | PROT_WRITE);
	the.open[the.n_open++] = page;
	uc->uc_mcontext.gregs[REG_EFL] |= TRAP_FLAG;
}

/* It is through. No other code runs meanwhile: whoever writes to the file holds no lock of the C library. */
static void
on_step(int sig, siginfo_t *info, void *context)
{
	ucontext_t *uc = context;

	(void)sig;
	(void)info;
	uc->uc_mcontext.gregs[REG_EFL] &= ~TRAP_FLAG;
	while (the.n_open > 0) {
		size_t page = the.open[--the.n_open];

		protect(page, PROT_READ);
		remember(&the.pages[page], the.file + page * PAGE, &the.seed);
	}
	the.n_points++;
	if (!the.is_found && next_random(&the.seed) % (OPS * WRITES) < the.n_wanted)
		check_image(&the);
}

static void
trap_writes(void)
{
	struct sigaction write = { .sa_sigaction = on_write, .sa_flags = SA_SIGINFO | SA_NODEFER };
	struct sigaction step = { .sa_sigaction = on_step, .sa_flags = SA_SIGINFO };

	(void)sigaction(SIGSEGV, &write, NULL);
	(void)sigaction(SIGTRAP, &step, NULL);
}
#else
static void
trap_writes(void)
{
}
#endif

static void
run(void)
{
	for (size_t i = 0; i < the.n_pages; i++) {
		static const unsigned char nothing[PAGE];

		if (memcmp(the.file + i * PAGE, nothing, PAGE) != 0)
			remember(&the.pages[i], the.file + i * PAGE, &the.seed);
		protect(i, PROT_READ);
	}
	trap_writes();
	for (the.at = 0; the.at < OPS && !the.is_found; the.at++) {
		const struct step *s = &the.steps[the.at];

		expect(&the, s);
		/* The sync is through before its end is seen, and begins after its beginning was. */
		if (s->op == OP_END)
			end_sync(&the);
		if (do_step(&the, s) < 0)
			errx(1, "step %u fails", the.at);
		if (s->op == OP_BEGIN)
			begin_sync(&the);
		if (the.is_early)
			free_early(&the);
	}
}

static void
open_world(struct world *w)
{
	struct gs_past none = { .arenas = 0 };
	struct gs_arena *a;

	(void)snprintf(w->dir, sizeof(w->dir), "/dev/shm/gs-cut.XXXXXX");
	(void)snprintf(w->image_dir, sizeof(w->image_dir), "/dev/shm/gs-cut.XXXXXX");
	if (mkdtemp(w->dir) == NULL || mkdtemp(w->image_dir) == NULL)
		err(1, "/dev/shm");
	w->spec = (struct gs_table_spec){ .name = "t", .record_size = VALUE_BYTES, .key_max = 16, .n_classes = 1, .slot_size = { 1792 },
		.max_sessions = 32, .max_lifetime_ms = GS_DURATION_MAX, .n_rings = 2 };
	for (int i = 0; i < 2; i++)
		w->spec.rings[i] = (struct gs_ring_spec){ .ttl_ms = GS_DURATION_MAX, .half_life_ms = 1000, .capacity = 8,
			.decay_to = i == HOT ? STORED : GS_RING_NONE };
	(void)strcpy(w->spec.rings[HOT].name, "hot");
	(void)strcpy(w->spec.rings[STORED].name, "stored");
	(void)strcpy(w->spec.rings[STORED].store, w->dir);
	w->t = make_table(&w->spec, &none, &w->c);
	gs_disk_anchor(w->t);
	if (gs_store_sync_init(&w->sync, w->t) < 0 || gs_store_sync_init(&w->hasty, w->t) < 0)
		errx(1, "sync");
	a = &w->t->arena[STORED * GS_MAX_CLASSES];
	w->file = (unsigned char *)a->map;
	w->n_pages = a->bytes / PAGE;
	w->pages = calloc(w->n_pages, sizeof(w->pages[0]));
	if (w->pages == NULL)
		errx(1, "no memory");
	for (uint32_t k = 0; k < KEYS; k++)
		w->life[k].n = 1;
}

static void
remove_dir(const char *dir, const char *file)
{
	char path[128];

	(void)snprintf(path, sizeof(path), "%s/%s", dir, file);
	(void)unlink(path);
	(void)rmdir(dir);
}

int
main(int argc, char **argv)
{
	uint64_t seed;

#ifdef UNFIT
	(void)printf("%s\n", UNFIT);
	return 77;
#endif
	if (argc < 3)
		errx(2, "usage: power_cut SEED IMAGES [early|forget]");
	seed = the.seed = strtoull(argv[1], NULL, 10);
	the.n_wanted = strtoull(argv[2], NULL, 10);
	the.is_early = argc > 3 && strcmp(argv[3], "early") == 0;
	the.is_forgetful = argc > 3 && strcmp(argv[3], "forget") == 0;
	open_world(&the);
	plan(&the);
	run();
	remove_dir(the.dir, "t@stored.0");
	remove_dir(the.image_dir, "t@stored.0");
	(void)printf("%" PRIu64 " images of %" PRIu64 " states of the file, %" PRIu64 " sessions found, seed %" PRIu64 "%s\n", the.n_images,
	    the.n_points, the.n_sessions, seed, the.is_found ? ": WRONG" : "");
	return the.is_found ? 1 : 0;
}
