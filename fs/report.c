/* SPDX-License-Identifier: BSD-2-Clause */
#include "report.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "file.h"
#include "staged.h"
#include "transport.h"

#define DIRECTORY "node"
#define NAME "mount"
#define LINE "f 0440 " NAME "\n"

static int
print(struct call *c, char **text, size_t *len)
{
	FILE *out = open_memstream(text, len);
	struct stage_counts staged;
	const char *name;
	uint64_t n;

	if (out == NULL)
		return ENOMEM;
	(void)fprintf(out, "pid %ld\n", (long)getpid());
	(void)fprintf(out, "restarts %" PRIu32 "\n", transport_restarts(c->m->transport));
	(void)fprintf(out, "threads %d\n", MOUNT_THREADS);
	(void)fprintf(out, "files %" PRIu64 "\n", files_count(c->m->files));
	staged_counts(c->m, &staged);
	(void)fprintf(out, "staged.files %" PRIu64 "\nstaged.bytes %" PRIu64 "\n", staged.files, staged.bytes);
	(void)fprintf(out, "staged.published %" PRIu64 "\nstaged.refused %" PRIu64 "\nstaged.lost %" PRIu64 "\n", staged.published, staged.refused,
	    staged.lost);
	for (uint32_t i = 0; i < TRANSPORT_OPS; i++) {
		n = transport_count(c->m->transport, i, &name);
		if (name != NULL)
			(void)fprintf(out, "requests.%s %" PRIu64 "\n", name, n);
	}
	return fclose(out) == 0 ? 0 : ENOMEM;
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
