/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * top_source.h - where gsession top takes its samples: the memory, and the daemon when there is one.
 *
 * A sample costs the same however many sessions there are: it looks at
 * TOP_SCANNED sessions of the innermost ring, where the last one stopped, at
 * those that are watched, and at those that at most TOP_TOLD events are about.
 */
#ifndef TOOLS_TOP_SOURCE_H
#define TOOLS_TOP_SOURCE_H

#include "cmd.h"
#include "top_model.h"

enum { TOP_SCANNED = 2048, TOP_TOLD = 4096, TOP_ASKED = 256, TOP_ANSWER_MS = 200 };

struct top_source;

/* Returns 0 or GS_ENOMEM; nothing is reached yet. env stays the caller's, and stays. */
int top_source_open(struct top_source **out, const struct cmd_env *env);
void top_source_close(struct top_source **s);

/*
 * Take a sample into the model. Waits at most TOP_ANSWER_MS for the daemon, and a few times that in the sample in which it
 * falls silent. What is lost, as a daemon or a memory that was made anew, is looked for again by each sample.
 */
void top_source_sample(struct top_source *s, struct top *t);

/* Lines about a session, malloc'ed, or NULL. */
char *top_source_details(struct top_source *s, const void *key, size_t key_len);

#endif
