/* SPDX-License-Identifier: BSD-2-Clause */
#include "conf/overrides.h"

#include <inttypes.h>
#include <string.h>

#include "base/text.h"
#include "gsession.h"

_Static_assert(GS_CONF_RATE_MAX_PER_H == 10000 * 3600 && GS_CONF_BURST_MAX == 100000 && GS_CONF_OVERRIDES == 32, "as the sentences say");

enum { LINE_BYTES = GS_CONF_OVERRIDE_NAME_BYTES + 64, WORDS = 4 };

#define FORM "key, owner or namespace NAME RATE BURST, with the rate none no burst; -key NAME takes one away, - all"

static const char *const kinds[] = { [GS_CONF_OVERRIDE_KEY] = "key", [GS_CONF_OVERRIDE_OWNER] = "owner", [GS_CONF_OVERRIDE_NAMESPACE] = "namespace" };

enum { N_KINDS = sizeof(kinds) / sizeof(kinds[0]) };

/* A line, taken apart. */
struct parsed {
	char line[LINE_BYTES];
	char *word[WORDS];
	size_t n_words;
	bool is_removal;
	struct gs_conf_override is;
};

static int
refuse(int rc, const struct parsed *p, char *why, const char *allowed)
{
	char quoted[GS_CONF_TEXT_BYTES];

	return gs_conf_refuse(rc, why, "\"%s\": %s", gs_conf_quote(quoted, sizeof(quoted), p->line), allowed);
}

/* The words of a copy of p->line; false when they are too many. */
static bool
split(struct parsed *p, char copy[LINE_BYTES])
{
	char *rest = copy, *word;

	(void)memcpy(copy, p->line, LINE_BYTES);
	p->n_words = 0;
	while ((word = strsep(&rest, " \t")) != NULL) {
		if (word[0] == '\0')
			continue;
		if (p->n_words == WORDS)
			return false;
		p->word[p->n_words++] = word;
	}
	return true;
}

static int
take_limits(struct parsed *p)
{
	int rc = gs_text_parse_rate(p->word[2], &p->is.rate_per_h);

	if (rc < 0)
		return rc;
	if (p->is.rate_per_h == 0)
		return p->n_words == 3 ? GS_OK : GS_EINVAL;
	if (p->n_words != WORDS)
		return GS_EINVAL;
	rc = gs_text_parse_count(p->word[3], &p->is.burst);
	if (rc == GS_OK && (p->is.rate_per_h > GS_CONF_RATE_MAX_PER_H || p->is.burst < 1 || p->is.burst > GS_CONF_BURST_MAX))
		rc = GS_ERANGE;
	return rc;
}

static int
parse_kind(struct parsed *p)
{
	const char *word = p->word[0] + (p->is_removal ? 1 : 0);

	for (size_t i = 0; i < N_KINDS; i++)
		if (strcmp(word, kinds[i]) == 0) {
			p->is.kind = i;
			return GS_OK;
		}
	return GS_EINVAL;
}

static int
parse_line(struct parsed *p, char *why)
{
	char copy[LINE_BYTES];
	int rc;

	if (!split(p, copy))
		return refuse(GS_EINVAL, p, why, FORM);
	p->is_removal = p->word[0][0] == '-';
	rc = parse_kind(p);
	if (rc < 0 || p->n_words < (p->is_removal ? 2 : 3) || (p->is_removal && p->n_words > 2))
		return refuse(GS_EINVAL, p, why, FORM);
	rc = gs_conf_normalize_name(p->is.name, sizeof(p->is.name), p->word[1]);
	if (rc < 0)
		return refuse(rc, p, why, "a name has 1 to 96 bytes as written here; \\ooo is a byte in octal");
	if (p->is_removal)
		return GS_OK;
	rc = take_limits(p);
	if (rc < 0)
		return refuse(rc, p, why, rc == GS_EINVAL ? FORM : "a rate from 1/h to 10000/s and a burst from 1 to 100000");
	return GS_OK;
}

/* The place of an override of the same name, or n. */
static size_t
find(const struct gs_conf_overrides *all, const struct gs_conf_override *like)
{
	size_t i;

	for (i = 0; i < all->n; i++)
		if (all->at[i].kind == like->kind && strcmp(all->at[i].name, like->name) == 0)
			break;
	return i;
}

static void
take_out(struct gs_conf_overrides *all, size_t i)
{
	all->n--;
	(void)memmove(&all->at[i], &all->at[i + 1], (all->n - i) * sizeof(all->at[0]));
	(void)memset(&all->at[all->n], 0, sizeof(all->at[0]));
}

const struct gs_conf_override *
gs_conf_overrides_of_namespace(const struct gs_conf_overrides *all, const char *name)
{
	struct gs_conf_override like = { .kind = GS_CONF_OVERRIDE_NAMESPACE };
	size_t i;

	(void)snprintf(like.name, sizeof(like.name), "%s", name);
	i = find(all, &like);
	return i < all->n ? &all->at[i] : NULL;
}

void
gs_conf_overrides_forget(struct gs_conf_overrides *all, const char *name)
{
	const struct gs_conf_override *o = gs_conf_overrides_of_namespace(all, name);

	if (o != NULL)
		take_out(all, (size_t)(o - all->at));
}

static int
apply_line(struct gs_conf_overrides *all, struct parsed *p, char *why)
{
	size_t i = find(all, &p->is);

	if (p->is_removal) {
		if (i == all->n)
			return refuse(GS_ENOENT, p, why, "there is no override of this name");
		take_out(all, i);
		return GS_OK;
	}
	if (i == GS_CONF_OVERRIDES)
		return refuse(GS_ERANGE, p, why, "32 overrides are the most");
	all->at[i] = p->is;
	if (i == all->n)
		all->n++;
	return GS_OK;
}

int
gs_conf_overrides_set(struct gs_conf_overrides *out, const char *text, char why[GS_CONF_WHY_BYTES])
{
	struct gs_conf_overrides all = *out;
	int rc = GS_OK;

	while (*text != '\0' && rc == GS_OK) {
		struct parsed p = { .n_words = 0 };
		size_t len = strcspn(text, "\n");

		(void)snprintf(p.line, sizeof(p.line), "%.*s", (int)(len < LINE_BYTES ? len : LINE_BYTES), text);
		text += len + (text[len] == '\n' ? 1 : 0);
		if (len >= LINE_BYTES)
			rc = refuse(GS_ERANGE, &p, why, "the line is too long");
		else if (strcmp(p.line, "-") == 0)
			(void)memset(&all, 0, sizeof(all));
		else if (p.line[strspn(p.line, " \t")] != '\0')
			rc = parse_line(&p, why);
		else
			continue;
		if (rc == GS_OK && strcmp(p.line, "-") != 0)
			rc = apply_line(&all, &p, why);
	}
	if (rc == GS_OK)
		*out = all;
	return rc;
}

void
gs_conf_overrides_get(const struct gs_conf_overrides *all, char *out, size_t cap)
{
	char rate[GS_TEXT_RATE_BYTES];
	size_t len = 0;

	out[0] = '\0';
	for (size_t i = 0; i < all->n && len < cap; i++) {
		const struct gs_conf_override *o = &all->at[i];

		len += (size_t)snprintf(out + len, cap - len, "%s%s %s %s", i > 0 ? "\n" : "", kinds[o->kind], o->name,
		    gs_text_print_rate(rate, o->rate_per_h));
		if (o->rate_per_h != 0 && len < cap)
			len += (size_t)snprintf(out + len, cap - len, " %" PRIu64, o->burst);
	}
}
