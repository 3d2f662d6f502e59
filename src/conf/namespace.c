/* SPDX-License-Identifier: BSD-2-Clause */
#include <inttypes.h>
#include <string.h>

#include "base/paths.h"
#include "base/text.h"
#include "conf/conf_impl.h"
#include "conf/overrides.h"
#include "gsession.h"

size_t
gs_conf_namespace(const struct gs_conf_table *t, const char *name)
{
	size_t i;

	for (i = 0; i < t->n_namespaces; i++)
		if (strcmp(t->namespaces[i].name, name) == 0)
			break;
	return i;
}

int
gs_conf_add_namespace(struct gs_conf_table *t, const char *name, char why[GS_CONF_WHY_BYTES])
{
	char quoted[GS_CONF_TEXT_BYTES];

	(void)gs_conf_quote(quoted, sizeof(quoted), name);
	if (!gs_name_is_valid(name))
		return gs_conf_refuse(GS_EINVAL, why, "\"%s\": a name is 1 to 31 of a-z 0-9 _ . - and begins with none of . -", quoted);
	if (gs_conf_namespace(t, name) < t->n_namespaces)
		return gs_conf_refuse(GS_EEXIST, why, "\"%s\": is there", quoted);
	if (t->n_namespaces == GS_CONF_NAMESPACES)
		return gs_conf_refuse(GS_ERANGE, why, "\"%s\": at most %d namespaces in a table", quoted, GS_CONF_NAMESPACES);
	gs_conf_init_namespace(&t->namespaces[t->n_namespaces++], name);
	return GS_OK;
}

void
gs_conf_remove_namespace(struct gs_conf_table *t, size_t i)
{
	gs_conf_overrides_forget(&t->quota.overrides, t->namespaces[i].name);
	t->n_namespaces--;
	(void)memmove(&t->namespaces[i], &t->namespaces[i + 1], (t->n_namespaces - i) * sizeof(t->namespaces[0]));
	(void)memset(&t->namespaces[t->n_namespaces], 0, sizeof(t->namespaces[0]));
}

void
gs_conf_get_namespace_quota(const struct gs_conf_table *t, size_t i, char *out, size_t cap)
{
	const struct gs_conf_override *o = gs_conf_overrides_of_namespace(&t->quota.overrides, t->namespaces[i].name);
	char rate[GS_TEXT_RATE_BYTES];

	if (o == NULL)
		(void)snprintf(out, cap, "default");
	else if (o->rate_per_h == 0)
		(void)snprintf(out, cap, "none");
	else
		(void)snprintf(out, cap, "%s %" PRIu64, gs_text_print_rate(rate, o->rate_per_h), o->burst);
}

/* What the override would say of its line is about words that nobody wrote here. */
static int
refuse_quota(const char *value, char why[GS_CONF_WHY_BYTES])
{
	char quoted[GS_CONF_TEXT_BYTES];

	return gs_conf_refuse(GS_EINVAL, why, "\"%s\": quota is RATE BURST, none or default", gs_conf_quote(quoted, sizeof(quoted), value));
}

int
gs_conf_set_namespace_quota(struct gs_conf_table *t, size_t i, const char *value, char why[GS_CONF_WHY_BYTES])
{
	char line[2 * GS_CONF_TEXT_BYTES];
	int rc;

	if (strcmp(value, "default") == 0) {
		gs_conf_overrides_forget(&t->quota.overrides, t->namespaces[i].name);
		return GS_OK;
	}
	if (value[0] == '\0' || strlen(value) >= GS_CONF_TEXT_BYTES)
		return refuse_quota(value, why);
	(void)snprintf(line, sizeof(line), "namespace %s %s", t->namespaces[i].name, value);
	rc = gs_conf_overrides_set(&t->quota.overrides, line, why);
	return rc == GS_EINVAL ? refuse_quota(value, why) : rc;
}
