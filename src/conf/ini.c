/* SPDX-License-Identifier: BSD-2-Clause */
#include "conf/ini.h"

#include <errno.h>
#include <ini.h>
#include <string.h>

#include "base/cleanup.h"
#include "conf/conf_impl.h"
#include "gsession.h"

enum {
	LINE_BYTES = 200,		/* of inih's buffer: the line, CR, LF and NUL */
	NAME_BYTES = 50,		/* of inih's buffers for a section and a key */
};

#define BLANKS " \t"

struct reader {
	FILE *from;
	const struct gs_ini_calls *calls;
	unsigned line;
	bool in_section;
	char text[LINE_BYTES];		/* the line, NUL behind it */
	size_t len;
	char *why;
	int rc;				/* of the first error; nothing is read after it */
};

static int
refuse_line(struct reader *r, const char *allowed)
{
	char quoted[LINE_BYTES];

	return gs_conf_refuse(GS_EINVAL, r->why, "\"%s\": %s", gs_conf_quote(quoted, sizeof(quoted), r->text), allowed);
}

/* The next line into text: 1, 0 at the end of the file, or an error. */
static int
read_line(struct reader *r)
{
	bool is_long = false, has_control = false;
	int c;

	r->len = 0;
	while ((c = getc(r->from)) != EOF && c != '\n') {
		has_control = has_control || (c < ' ' && c != '\t') || c == 0x7f;
		is_long = is_long || r->len >= LINE_BYTES - 3;
		if (!is_long)
			r->text[r->len++] = (char)(c == '\0' ? ' ' : c);
	}
	r->text[r->len] = '\0';
	if (ferror(r->from))
		return gs_conf_refuse(GS_ESYSTEM, r->why, "%s", strerror(errno));
	if (c == EOF && r->len == 0 && !has_control)
		return 0;
	r->line++;
	if (has_control)
		return refuse_line(r, "no control characters (a NUL, or the CR of another system)");
	if (is_long)
		return refuse_line(r, "at most 197 bytes in a line");
	return 1;
}

static int
check_section(struct reader *r)
{
	char name[LINE_BYTES];
	size_t len = strcspn(r->text, "]");

	if (r->text[len] == '\0' || r->text[len + 1 + strspn(r->text + len + 1, BLANKS)] != '\0')
		return refuse_line(r, "[section] and nothing behind it");
	if (len - 1 >= NAME_BYTES)
		return refuse_line(r, "at most 49 bytes in a section's name");
	(void)memcpy(name, r->text + 1, len - 1);
	name[len - 1] = '\0';
	r->in_section = true;
	return r->calls->section(r->calls->arg, r->line, name, r->why);
}

static int
check_setting(struct reader *r)
{
	size_t len = strspn(r->text, "abcdefghijklmnopqrstuvwxyz0123456789_");
	const char *equals = r->text + len + strspn(r->text + len, BLANKS);

	if (len == 0 || *equals != '=')
		return refuse_line(r, "key = value, [section] or # comment");
	if (len >= NAME_BYTES)
		return refuse_line(r, "at most 49 bytes in a key");
	if (strpbrk(equals, ";#") != NULL)
		return refuse_line(r, "no ; or # in a value: a comment has a line of its own");
	if (!r->in_section)
		return refuse_line(r, "a [section] before the first key");
	return GS_OK;
}

/* What inih may see of a line: nothing that it would treat in its own way. */
static int
check_line(struct reader *r)
{
	size_t indent = strspn(r->text, BLANKS);
	char first = r->text[indent];

	if (first == '\0' || first == '#' || first == ';') {
		r->text[0] = '\0';
		return GS_OK;
	}
	if (indent > 0)
		return refuse_line(r, "no blanks before a key or section");
	return first == '[' ? check_section(r) : check_setting(r);
}

/* inih's fgets: the next line that passed, or NULL at the end and after an error. */
static char *
feed_line(char *out, int cap, void *stream)
{
	struct reader *r = stream;
	int rc;

	if (r->rc < 0)
		return NULL;
	rc = read_line(r);
	if (rc == 0)
		return NULL;
	if (rc > 0)
		rc = check_line(r);
	if (rc == GS_OK && (size_t)snprintf(out, (size_t)cap, "%s\n", r->text) >= (size_t)cap)
		rc = refuse_line(r, "a shorter line: inih's buffer is smaller here");
	r->rc = rc;
	return rc == GS_OK ? out : NULL;
}

static int
take_setting(void *arg, const char *section, const char *key, const char *value)
{
	struct reader *r = arg;

	(void)section;			/* calls->section() had it */
	r->rc = r->calls->setting(r->calls->arg, r->line, key, value, r->why);
	return r->rc == GS_OK;
}

int
gs_ini_read(const char *path, const struct gs_ini_calls *calls, char why[GS_CONF_WHY_BYTES])
{
	GS_CLEANUP_FCLOSE FILE *from = fopen(path, "re");
	char reason[GS_CONF_WHY_BYTES] = "";
	struct reader r = { .from = from, .calls = calls, .why = reason };
	int n;

	if (from == NULL)
		return gs_conf_refuse(errno == ENOENT ? GS_ENOENT : GS_ESYSTEM, why, "%s: %s", path, strerror(errno));
	n = ini_parse_stream(feed_line, &r, take_setting, &r);
	if (n != 0 && r.rc == GS_OK)
		r.rc = refuse_line(&r, "what inih can read");
	if (r.rc < 0)
		return gs_conf_refuse(r.rc, why, "%s:%u: %s", path, r.line, reason);
	return GS_OK;
}
