/* SPDX-License-Identifier: BSD-2-Clause */
#include "conf/conf.h"

#include <grp.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdarg.h>
#include <string.h>

#include "base/paths.h"
#include "base/text.h"
#include "conf/overrides.h"
#include "conf/patterns.h"
#include "gsession.h"

#define STRUCT_DAEMON struct gs_conf
#define STRUCT_TABLE struct gs_conf_table
#define STRUCT_RING struct gs_conf_ring
#define STRUCT_QUOTA struct gs_conf_quota
#define STRUCT_ROLES struct gs_conf_roles
#define STRUCT_CLASS struct gs_conf_class
#define STRUCT_NAMESPACE struct gs_conf_namespace
#define OPTION(section, key, member, type, least, most, fallback, words, can_change, help) \
	{ GS_CONF_IN_##section, #key, offsetof(STRUCT_##section, member), GS_CONF_##type, least, most, fallback, words, can_change, help },

const struct gs_conf_option gs_conf_options[] = {
#include "conf/options.def"
	{ 0 },
};
#undef OPTION

_Static_assert(sizeof(gs_conf_options) / sizeof(gs_conf_options[0]) == GS_CONF_OPTIONS + 1, "count the rows of options.def");

/* One of words ("a|b|c"): its position, or GS_EINVAL. */
static int
find_word(const char *words, const char *value)
{
	size_t len = strlen(value);
	int i;

	for (i = 0;; i++, words++) {
		size_t n = strcspn(words, "|");

		if (n == len && memcmp(words, value, n) == 0)
			return i;
		words += n;
		if (*words == '\0')
			return GS_EINVAL;
	}
}

/* The word at a position of words. */
static void
print_word(char *out, size_t cap, const char *words, uint64_t i)
{
	for (; i > 0; i--)
		words += strcspn(words, "|") + 1;
	(void)snprintf(out, cap, "%.*s", (int)strcspn(words, "|"), words);
}

static int
set_word(const struct gs_conf_option *o, const char *value, uint64_t *out)
{
	int i = find_word(o->words, value);

	if (i < 0)
		return i;
	*out = (uint64_t)i;
	return GS_OK;
}

static int
set_bool(const char *value, bool *out)
{
	int i = find_word("no|yes", value);

	if (i < 0)
		return i;
	*out = i == 1;
	return GS_OK;
}

static int
set_number(const struct gs_conf_option *o, int (*parse)(const char *, uint64_t *), const char *value, uint64_t *out)
{
	uint64_t n;
	int rc = parse(value, &n);

	if (rc < 0)
		return rc;
	if (n < o->min || n > o->max)
		return GS_ERANGE;
	*out = n;
	return GS_OK;
}

/* The next word of a list into word; NULL when there is none or it is too long. */
static const char *
next_word(const char *list, char word[GS_TEXT_SIZE_BYTES])
{
	size_t len = strcspn(list, " \t");

	if (len == 0 || len >= GS_TEXT_SIZE_BYTES)
		return NULL;
	(void)memcpy(word, list, len);
	word[len] = '\0';
	list += len;
	return list + strspn(list, " \t");
}

/* Blank-separated sizes, ascending; the last place of the array stays 0. */
static int
set_sizes(const struct gs_conf_option *o, const char *value, uint64_t out[GS_CONF_CLASSES])
{
	uint64_t sizes[GS_CONF_CLASSES] = { 0 };
	char word[GS_TEXT_SIZE_BYTES];
	size_t n;
	int rc;

	for (n = 0; *value != '\0'; n++) {
		value = next_word(value, word);
		if (value == NULL)
			return GS_EINVAL;
		if (n == GS_CONF_CLASSES - 1)
			return GS_ERANGE;
		rc = set_number(o, gs_text_parse_size, word, &sizes[n]);
		if (rc < 0)
			return rc;
		if (sizes[n] % GS_CONF_SLOT_STEP != 0 || (n > 0 && sizes[n] <= sizes[n - 1]))
			return GS_EINVAL;
	}
	(void)memcpy(out, sizes, sizeof(sizes));
	return GS_OK;
}

static int
set_ring_name(const char *value, char out[GS_CONF_NAME_BYTES])
{
	if (!gs_name_is_valid(value))
		return GS_EINVAL;
	gs_conf_copy_name(out, value);
	return GS_OK;
}

/* Text that a file can hold: no blanks, nothing that begins a comment. */
static int
set_text(const char *value, char out[GS_CONF_NAME_BYTES])
{
	const char *p;

	for (p = value; *p != '\0'; p++)
		if (*p <= ' ' || *p >= 0x7f || strchr(";#\"'\\", *p) != NULL)
			return GS_EINVAL;
	if (p - value >= GS_CONF_NAME_BYTES)
		return GS_ERANGE;
	gs_conf_copy_name(out, value);
	return GS_OK;
}

/* A directory as it stands in a file: absolute, and nothing that a file could not hold. */
static bool
is_plain_path(const char *path)
{
	for (const char *p = path; *p != '\0'; p++)
		if (*p <= ' ' || *p >= 0x7f || strchr(";#\"'\\", *p) != NULL)
			return false;
	return path[0] == '/' && path[1] != '\0';
}

static int
set_store(const struct gs_conf_option *o, const char *value, char out[GS_CONF_STORE_BYTES])
{
	static const char file[] = "file:";
	size_t len = strlen(value);

	if (find_word("shm|auto", value) < 0) {
		if (strncmp(value, file, sizeof(file) - 1) != 0 || !is_plain_path(value + sizeof(file) - 1))
			return GS_EINVAL;
		if (len - (sizeof(file) - 1) > o->max)
			return GS_ERANGE;
	}
	(void)memset(out, 0, GS_CONF_STORE_BYTES);
	(void)memcpy(out, value, len);
	return GS_OK;
}

/* A quota of none is for overrides only. */
static int
set_rate(const struct gs_conf_option *o, const char *value, uint64_t *out)
{
	return strcmp(value, "none") == 0 ? GS_EINVAL : set_number(o, gs_text_parse_rate, value, out);
}

bool
gs_conf_next_who(const char **at, struct gs_conf_who *out)
{
	static const char *const kinds[] = { "user:", "group:" };
	const char *from = *at + strspn(*at, " \t");
	size_t len = strcspn(from, " \t"), i, n;

	for (i = 0; i < 2; i++) {
		n = strlen(kinds[i]);
		if (len > n && len - n < sizeof(out->name) && strncmp(from, kinds[i], n) == 0) {
			out->is_group = i == 1;
			(void)memset(out->name, 0, sizeof(out->name));
			(void)memcpy(out->name, from + n, len - n);
			*at = from + len;
			return true;
		}
	}
	return false;
}

/* any, none, or users and groups; kept with one blank between them. */
static int
set_who(const struct gs_conf_option *o, const char *value, char out[GS_CONF_WHO_BYTES])
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";
	char list[GS_CONF_WHO_BYTES] = "";
	struct gs_conf_who who;
	size_t len = 0, n = 0;

	if (find_word("any|none", value) >= 0)
		len = (size_t)snprintf(list, sizeof(list), "%s", value);
	for (; len == 0 || n > 0; n++) {
		if (!gs_conf_next_who(&value, &who))
			break;
		if (who.name[strspn(who.name, letters)] != '\0' || who.name[0] == '-')
			return GS_EINVAL;
		len += (size_t)snprintf(list + len, sizeof(list) - len, "%s%s:%s", n > 0 ? " " : "", who.is_group ? "group" : "user", who.name);
		if (len > o->max || n == GS_CONF_WHO_MOST)
			return GS_ERANGE;
	}
	if (len == 0 || (n > 0 && value[strspn(value, " \t")] != '\0'))
		return GS_EINVAL;
	(void)memset(out, 0, GS_CONF_WHO_BYTES);
	(void)memcpy(out, list, len);
	return GS_OK;
}

/* The number of a user or a group, or GS_EINVAL: there is none of this name. */
static int
find_id(const char *name, bool is_group, uint64_t *out)
{
	const struct passwd *user;
	const struct group *group;
	int rc = gs_text_parse_count(name, out);

	if (rc != GS_EINVAL)
		return rc == GS_OK && *out < UINT32_MAX ? GS_OK : GS_ERANGE;
	if (is_group) {
		group = getgrnam(name);
		*out = group == NULL ? 0 : group->gr_gid;
		return group == NULL ? GS_EINVAL : GS_OK;
	}
	user = getpwnam(name);
	*out = user == NULL ? 0 : user->pw_uid;
	return user == NULL ? GS_EINVAL : GS_OK;
}

/* USER:GROUP, kept as numbers. */
static int
set_owner(const char *value, uint64_t *out)
{
	char user[GS_CONF_TEXT_BYTES];
	const char *colon = strchr(value, ':');
	uint64_t uid, gid;
	int rc;

	if (colon == NULL || colon - value >= GS_CONF_TEXT_BYTES)
		return GS_EINVAL;
	(void)snprintf(user, sizeof(user), "%.*s", (int)(colon - value), value);
	rc = find_id(user, false, &uid);
	if (rc == GS_OK)
		rc = find_id(colon + 1, true, &gid);
	if (rc == GS_OK)
		*out = gs_conf_owner((uint32_t)uid, (uint32_t)gid);
	return rc;
}

/* Octal digits. */
static int
set_mode(const struct gs_conf_option *o, const char *value, uint64_t *out)
{
	uint64_t mode = 0;
	size_t len = strlen(value), i;

	if (len == 0 || len > 8 || value[strspn(value, "01234567")] != '\0')
		return GS_EINVAL;
	for (i = 0; i < len; i++)
		mode = mode << 3 | (uint64_t)(value[i] - '0');
	if (mode > o->max)
		return GS_ERANGE;
	*out = mode;
	return GS_OK;
}

static int
set_member(const struct gs_conf_option *o, void *member, const char *value)
{
	switch (o->type) {
	case GS_CONF_DURATION:
		return set_number(o, gs_text_parse_duration, value, member);
	case GS_CONF_SIZE:
		return set_number(o, gs_text_parse_size, value, member);
	case GS_CONF_COUNT:
		return set_number(o, gs_text_parse_count, value, member);
	case GS_CONF_BOOL:
		return set_bool(value, member);
	case GS_CONF_WORD:
		return set_word(o, value, member);
	case GS_CONF_RING_NAME:
		return set_ring_name(value, member);
	case GS_CONF_SIZES:
		return set_sizes(o, value, member);
	case GS_CONF_TEXT:
		return set_text(value, member);
	case GS_CONF_STORE:
		return set_store(o, value, member);
	case GS_CONF_RATE:
		return set_rate(o, value, member);
	case GS_CONF_OVERRIDES_LIST:
		break;	/* says itself what is wrong */
	case GS_CONF_WHO:
		return set_who(o, value, member);
	case GS_CONF_PATTERNS:
		return gs_conf_patterns_set(member, value);
	case GS_CONF_OWNER:
		return set_owner(value, member);
	case GS_CONF_MODE:
		return set_mode(o, value, member);
	}
	return GS_EINVAL;
}

static void
print_sizes(char *out, size_t cap, const uint64_t sizes[GS_CONF_CLASSES])
{
	char word[GS_TEXT_SIZE_BYTES];
	size_t i, len = 0;

	out[0] = '\0';
	for (i = 0; i < GS_CONF_CLASSES && sizes[i] != 0 && len < cap; i++)
		len += (size_t)snprintf(out + len, cap - len, "%s%s", i > 0 ? " " : "", gs_text_print_size(word, sizes[i]));
}

void
gs_conf_copy_name(char to[GS_CONF_NAME_BYTES], const char *from)
{
	size_t len = strnlen(from, GS_CONF_NAME_BYTES - 1);

	(void)memset(to, 0, GS_CONF_NAME_BYTES);
	(void)memcpy(to, from, len);
}

int
gs_conf_normalize_name(char *out, size_t cap, const char *text)
{
	unsigned char bytes[GS_CONF_OVERRIDE_NAME_BYTES];
	size_t len = 0;
	int n = gs_text_unescape(bytes, sizeof(bytes), text);

	if (n <= 0)
		return n < 0 ? n : GS_EINVAL;
	for (int i = 0; i < n; i++) {
		bool is_plain = bytes[i] > ' ' && bytes[i] < 0x7f && strchr("\\#;\"'", bytes[i]) == NULL;

		if (len + (is_plain ? 1 : 4) >= cap)
			return GS_ERANGE;
		len += (size_t)snprintf(out + len, cap - len, is_plain ? "%c" : "\\%03o", bytes[i]);
	}
	return (int)len;
}

int
gs_conf_refuse(int rc, char why[GS_CONF_WHY_BYTES], const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(why, GS_CONF_WHY_BYTES, fmt, ap);
	va_end(ap);
	return rc;
}

char *
gs_conf_quote(char *out, size_t cap, const char *text)
{
	size_t i, n = 0;

	for (i = 0; text[i] != '\0' && n + 5 < cap; i++) {
		unsigned char c = (unsigned char)text[i];

		if (c >= ' ' && c < 0x7f)
			out[n++] = (char)c;
		else
			n += (size_t)snprintf(out + n, cap - n, "\\%03o", c);
	}
	out[n] = '\0';
	return out;
}

char *
gs_conf_describe(const struct gs_conf_option *o, char *out, size_t cap)
{
	char least[GS_TEXT_DURATION_BYTES], most[GS_TEXT_DURATION_BYTES];

	switch (o->type) {
	case GS_CONF_DURATION:
		(void)snprintf(out, cap, "a duration from %s to %s, as 500ms 30s 5m 2h 7d",
		    gs_text_print_duration(least, o->min), gs_text_print_duration(most, o->max));
		break;
	case GS_CONF_SIZE:
		(void)snprintf(out, cap, "a size from %" PRIu64 " to %" PRIu64 " bytes, as 512 4K", o->min, o->max);
		break;
	case GS_CONF_COUNT:
		(void)snprintf(out, cap, "a number from %" PRIu64 " to %" PRIu64, o->min, o->max);
		break;
	case GS_CONF_BOOL:
	case GS_CONF_WORD:
		(void)snprintf(out, cap, "one of %s", o->words);
		break;
	case GS_CONF_RING_NAME:
		(void)snprintf(out, cap, "the name of a ring or none");
		break;
	case GS_CONF_SIZES:
		(void)snprintf(out, cap, "at most %d sizes from %s to %s, ascending, multiples of %d, as 384 768 2K",
		    GS_CONF_CLASSES - 1, gs_text_print_size(least, o->min), gs_text_print_size(most, o->max), GS_CONF_SLOT_STEP);
		break;
	case GS_CONF_TEXT:
		(void)snprintf(out, cap, "at most %" PRIu64 " printable characters, no blanks, quotes, backslash, ; or #", o->max);
		break;
	case GS_CONF_STORE:
		(void)snprintf(out, cap, "shm, auto, or file: and the absolute path of a directory, at most %" PRIu64
		    " characters, no blanks, quotes, backslash, ; or #", o->max);
		break;
	case GS_CONF_RATE:
		(void)snprintf(out, cap, "a rate from %s to %s, as 50/s 100/m 20/h", gs_text_print_rate(least, o->min),
		    gs_text_print_rate(most, o->max));
		break;
	case GS_CONF_OVERRIDES_LIST:
		(void)snprintf(out, cap, "at most %" PRIu64 " lines, as key NAME 50/s 200, owner NAME none or namespace NAME 1/m 5; -key NAME and - take away", o->max);
		break;
	case GS_CONF_WHO:
		(void)snprintf(out, cap, "any, none, or user:NAME and group:NAME, names or numbers, at most %d of them and %" PRIu64
		    " characters", GS_CONF_WHO_MOST, o->max);
		break;
	case GS_CONF_PATTERNS:
		(void)snprintf(out, cap, "none, or at most %d patterns of %d bytes and %" PRIu64 " characters, with * ? [a-z] in them; "
		    "or +PATTERN and -PATTERN", GS_CONF_PATTERNS_MOST, GS_CONF_PATTERN_BYTES - 1, o->max);
		break;
	case GS_CONF_OWNER:
		(void)snprintf(out, cap, "a user and a group with a colon between them, names or numbers");
		break;
	case GS_CONF_MODE:
		(void)snprintf(out, cap, "permission bits in octal, at most 0%" PRIo64, o->max);
		break;
	}
	return out;
}

int
gs_conf_set(const struct gs_conf_option *o, void *at, const char *value, char why[GS_CONF_WHY_BYTES])
{
	char quoted[GS_CONF_TEXT_BYTES], allowed[GS_CONF_TEXT_BYTES];
	void *member = (char *)at + o->offset;
	int rc;

	if (o->type == GS_CONF_OVERRIDES_LIST)
		return gs_conf_overrides_set(member, value, why);
	rc = set_member(o, member, value);
	if (rc == GS_OK)
		return rc;
	return gs_conf_refuse(rc, why, "\"%s\": %s is %s", gs_conf_quote(quoted, sizeof(quoted), value), o->key,
	    gs_conf_describe(o, allowed, sizeof(allowed)));
}

void
gs_conf_get(const struct gs_conf_option *o, const void *at, char *out, size_t cap)
{
	const void *member = (const char *)at + o->offset;
	const uint64_t *number = member;
	char text[GS_TEXT_DURATION_BYTES];

	switch (o->type) {
	case GS_CONF_DURATION:
		(void)snprintf(out, cap, "%s", gs_text_print_duration(text, *number));
		break;
	case GS_CONF_SIZE:
		(void)snprintf(out, cap, "%s", gs_text_print_size(text, *number));
		break;
	case GS_CONF_COUNT:
		(void)snprintf(out, cap, "%" PRIu64, *number);
		break;
	case GS_CONF_BOOL:
		(void)snprintf(out, cap, "%s", *(const bool *)member ? "yes" : "no");
		break;
	case GS_CONF_WORD:
		print_word(out, cap, o->words, *number);
		break;
	case GS_CONF_SIZES:
		print_sizes(out, cap, number);
		break;
	case GS_CONF_RING_NAME:
	case GS_CONF_TEXT:
	case GS_CONF_STORE:
	case GS_CONF_WHO:
	case GS_CONF_PATTERNS:
		(void)snprintf(out, cap, "%s", (const char *)member);
		break;
	case GS_CONF_RATE:
		(void)snprintf(out, cap, "%s", gs_text_print_rate(text, *number));
		break;
	case GS_CONF_OVERRIDES_LIST:
		gs_conf_overrides_get(member, out, cap);
		break;
	case GS_CONF_OWNER:
		(void)snprintf(out, cap, "%" PRIu32 ":%" PRIu32, gs_conf_owner_uid(*number), gs_conf_owner_gid(*number));
		break;
	case GS_CONF_MODE:
		(void)snprintf(out, cap, "%04" PRIo64, *number);
		break;
	}
}

const struct gs_conf_option *
gs_conf_find(enum gs_conf_section section, const char *key)
{
	const struct gs_conf_option *o;

	for (o = gs_conf_options; o->key != NULL; o++)
		if (o->section == section && strcmp(o->key, key) == 0)
			return o;
	return NULL;
}
