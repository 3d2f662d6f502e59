/* SPDX-License-Identifier: BSD-2-Clause */
#include <string.h>

#include "base/paths.h"
#include "conf/conf_impl.h"
#include "gsession.h"

/* Begins the names of classes that records on a disk are of, and nobody knows any more: shm/classes.h. */
#define UNKNOWN "unknown-"

size_t
gs_conf_class(const struct gs_conf_table *t, const char *name)
{
	size_t i;

	for (i = 0; i < t->n_classes; i++)
		if (strcmp(t->classes[i].name, name) == 0)
			break;
	return i;
}

int
gs_conf_add_class(struct gs_conf_table *t, const char *name, char why[GS_CONF_WHY_BYTES])
{
	char quoted[GS_CONF_TEXT_BYTES];

	(void)gs_conf_quote(quoted, sizeof(quoted), name);
	if (!gs_name_is_valid(name))
		return gs_conf_refuse(GS_EINVAL, why, "\"%s\": a name is 1 to 31 of a-z 0-9 _ . - and begins with none of . -", quoted);
	if (strcmp(name, "none") == 0 || strcmp(name, "any") == 0 || strncmp(name, UNKNOWN, sizeof(UNKNOWN) - 1) == 0)
		return gs_conf_refuse(GS_EINVAL, why, "\"%s\": none, any and what begins with " UNKNOWN " are no names of classes", quoted);
	if (gs_conf_class(t, name) < t->n_classes)
		return gs_conf_refuse(GS_EEXIST, why, "\"%s\": is there", quoted);
	if (t->n_classes == GS_CONF_SESSION_CLASSES)
		return gs_conf_refuse(GS_ERANGE, why, "\"%s\": at most %d classes in a table, the built-in ones too", quoted, GS_CONF_SESSION_CLASSES);
	gs_conf_init_class(&t->classes[t->n_classes++], name);
	return GS_OK;
}
