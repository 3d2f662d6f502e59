/* SPDX-License-Identifier: BSD-2-Clause */
#include "report.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/append.h"

#include "file.h"
#include "staged.h"
#include "transport.h"

#define DIRECTORY "node"
#define NAME "mount"
#define LINE "f 0440 " NAME "\n"

enum { LINES = 16 + TRANSPORT_OPS, LINE_BYTES = 64 };	/* the longest name has 25 bytes: all there are fit */

static void
add(struct gs_append *a, const char *prefix, const char *name, uint64_t n)
{
	gs_append_text(a, prefix);
	gs_append_text(a, name);
	gs_append_bytes(a, " ", 1);
	gs_append_u64(a, n);
	gs_append_bytes(a, "\n", 1);
}

static int
print(struct call *c, char **text, size_t *len)
{
	struct stage_counts staged;
	char lines[LINES * LINE_BYTES];
	struct gs_append a = { .out = lines, .cap = sizeof(lines) };
	const char *name;
	uint64_t n;

	add(&a, "", "pid", (uint64_t)getpid());
	add(&a, "", "restarts", transport_restarts(c->m->transport));
	add(&a, "", "threads", MOUNT_THREADS);
	add(&a, "", "files", files_count(c->m->files));
	staged_counts(c->m, &staged);
	add(&a, "staged.", "files", staged.files);
	add(&a, "staged.", "bytes", staged.bytes);
	add(&a, "staged.", "published", staged.published);
	add(&a, "staged.", "refused", staged.refused);
	add(&a, "staged.", "lost", staged.lost);
	for (uint32_t i = 0; i < TRANSPORT_OPS; i++) {
		n = transport_count(c->m->transport, i, &name);
		if (name != NULL)
			add(&a, "requests.", name, n);
	}
	gs_append_end(&a);
	*text = strdup(lines);
	if (*text == NULL)
		return ENOMEM;
	*len = strlen(*text);
	return 0;
}

bool
report_answers(struct call *c, enum gs_wire_verb verb, const char *path, char **text, size_t *len, int *rc)
{
	if (strcmp(path, DIRECTORY "/" NAME) != 0)
		return false;
	*rc = 0;
	if (verb == GS_VERB_GET) {
		*rc = print(c, text, len);
	} else if (verb == GS_VERB_STAT) {
		*text = strdup(LINE);
		*len = strlen(LINE);
		*rc = *text != NULL ? 0 : ENOMEM;
	} else {
		*rc = EPERM;
	}
	return true;
}

int
report_list(const char *path, char **text, size_t *len)
{
	char *longer;

	if (strcmp(path, DIRECTORY) != 0)
		return 0;
	longer = realloc(*text, *len + sizeof(LINE));
	if (longer == NULL)
		return ENOMEM;
	memcpy(longer + *len, LINE, sizeof(LINE));
	*text = longer;
	*len += sizeof(LINE) - 1;
	return 0;
}
