/* SPDX-License-Identifier: BSD-2-Clause */
#include "report.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "file.h"
#include "staged.h"
#include "transport.h"

#define DIRECTORY "node"
#define NAME "mount"
#define LINE "f 0440 " NAME "\n"

enum { LINES = 16 + TRANSPORT_OPS, LINE_BYTES = 64 };	/* the longest name has 25 bytes */

/* `name number` lines. All there are fit; printf would be most of what a read costs. */
struct lines {
	size_t len;
	char text[LINES * LINE_BYTES];
};

static void
add_word(struct lines *l, const char *word)
{
	size_t len = strlen(word);

	memcpy(l->text + l->len, word, len);
	l->len += len;
}

static void
add(struct lines *l, const char *prefix, const char *name, uint64_t n)
{
	char digits[20];
	size_t first = sizeof(digits);

	do
		digits[--first] = (char)('0' + n % 10);
	while ((n /= 10) > 0);
	add_word(l, prefix);
	add_word(l, name);
	l->text[l->len++] = ' ';
	memcpy(l->text + l->len, digits + first, sizeof(digits) - first);
	l->len += sizeof(digits) - first;
	l->text[l->len++] = '\n';
}

static int
print(struct call *c, char **text, size_t *len)
{
	struct stage_counts staged;
	struct lines l;
	const char *name;
	uint64_t n;

	l.len = 0;
	add(&l, "", "pid", (uint64_t)getpid());
	add(&l, "", "restarts", transport_restarts(c->m->transport));
	add(&l, "", "threads", MOUNT_THREADS);
	add(&l, "", "files", files_count(c->m->files));
	staged_counts(c->m, &staged);
	add(&l, "staged.", "files", staged.files);
	add(&l, "staged.", "bytes", staged.bytes);
	add(&l, "staged.", "published", staged.published);
	add(&l, "staged.", "refused", staged.refused);
	add(&l, "staged.", "lost", staged.lost);
	for (uint32_t i = 0; i < TRANSPORT_OPS; i++) {
		n = transport_count(c->m->transport, i, &name);
		if (name != NULL)
			add(&l, "requests.", name, n);
	}
	*text = malloc(l.len + 1);
	if (*text == NULL)
		return ENOMEM;
	memcpy(*text, l.text, l.len);
	(*text)[l.len] = '\0';
	*len = l.len;
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
