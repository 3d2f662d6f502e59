/* SPDX-License-Identifier: BSD-2-Clause */
#include "litmus.h"

#include <stdlib.h>
#include <string.h>

static const struct { const char *name; enum order order; } orders[] = {
	{ "relaxed", RELAXED }, { "acquire", ACQUIRE }, { "release", RELEASE }, { "acq_rel", ACQ_REL }, { "seq_cst", SEQ_CST },
};

static void __attribute__((noreturn))
refuse(const char *what, const char *line)
{
	(void)printf("Bail out! %s: %s\n", what, line);
	exit(1);
}

const char *
litmus_order_name(enum order o)
{
	for (size_t i = 0; i < sizeof(orders) / sizeof(orders[0]); i++)
		if (orders[i].order == o)
			return orders[i].name;
	return "?";
}

static enum order
order_of(const char *name, const char *line)
{
	for (size_t i = 0; i < sizeof(orders) / sizeof(orders[0]); i++)
		if (strcmp(orders[i].name, name) == 0)
			return orders[i].order;
	refuse("no such order", line);
}

static int
place_of(struct shape *s, const char *name, const char *line)
{
	for (int i = 0; i < s->n_places; i++)
		if (strcmp(s->place[i], name) == 0)
			return i;
	if (s->n_places == MAX_PLACES || strlen(name) >= NAME_BYTES)
		refuse("too many places", line);
	(void)snprintf(s->place[s->n_places], NAME_BYTES, "%s", name);
	return s->n_places++;
}

static int
op_of_reg(const struct shape *s, const char *name, const char *line)
{
	for (int i = 0; i < s->n_ops; i++)
		if (strcmp(s->op[i].reg, name) == 0)
			return i;
	refuse("nothing is read into it", line);
}

/* NAME=VALUE words; of places, or of what is read. */
static void
read_values(struct shape *s, char *words, bool is_init)
{
	char *save = NULL;

	for (char *w = strtok_r(words, " ", &save); w != NULL; w = strtok_r(NULL, " ", &save)) {
		char *value = strchr(w, '=');

		if (value == NULL || (!is_init && s->n_conds == MAX_CONDS))
			refuse("no value", w);
		*value++ = '\0';
		if (is_init) {
			int place = place_of(s, w, w);

			s->init[place] = atoi(value);
			continue;
		}
		s->never[s->n_conds].op = op_of_reg(s, w, w);
		s->never[s->n_conds++].value = atoi(value);
	}
}

static void
read_op(struct shape *s, const char *line)
{
	static const struct { const char *name, *form; enum op_kind kind; } kinds[] = {
		{ "load", "por", OP_LOAD }, { "store", "pvo", OP_STORE }, { "cas", "pwvor", OP_CAS }, { "swap", "pvor", OP_SWAP },
		{ "fence", "o", OP_FENCE },
	};
	char text[LINE_BYTES], *save = NULL, *word;
	struct op *op = &s->op[s->n_ops];
	size_t k = 0;

	(void)snprintf(text, sizeof(text), "%s", line);
	word = strtok_r(text, " \t", &save);
	while (k < sizeof(kinds) / sizeof(kinds[0]) && strcmp(kinds[k].name, word) != 0)
		k++;
	if (k == sizeof(kinds) / sizeof(kinds[0]) || s->n_ops == MAX_OPS || s->n_threads == 0)
		refuse("no such access", line);
	*op = (struct op){ .kind = kinds[k].kind, .thread = s->n_threads - 1 };
	(void)snprintf(op->what, sizeof(op->what), "%.20s", line);
	for (const char *form = kinds[k].form; *form != '\0'; form++) {
		word = strtok_r(NULL, " \t", &save);
		if (word == NULL)
			refuse("something is missing", line);
		switch (*form) {
		case 'p': op->place = place_of(s, word, line); break;
		case 'v': op->value = atoi(word); break;
		case 'w': op->want = atoi(word); break;
		case 'o': op->order = order_of(word, line); break;
		default: (void)snprintf(op->reg, sizeof(op->reg), "%.31s", word); break;
		}
	}
	s->n_ops++;
}

static int
read_by(const char *words)
{
	return (strstr(words, "c ") == words || strcmp(words, "c") == 0 ? BY_C : 0) | (strstr(words, "arm") != NULL ? BY_ARM : 0) |
	    (strstr(words, "x86") != NULL ? BY_X86 : 0);
}

/* One line of a shape; true when it was the last one. */
static bool
read_line(struct shape *s, char *line)
{
	line[strcspn(line, "\n:")] = '\0';
	for (size_t n = strlen(line); n > 0 && (line[n - 1] == ' ' || line[n - 1] == '\t'); n--)
		line[n - 1] = '\0';
	if (line[0] == '\0' || line[0] == '#' || strncmp(line, "orders ", 7) == 0)
		return false;
	if (strncmp(line, "shape ", 6) == 0) {
		memset(s, 0, sizeof(*s));
		(void)snprintf(s->name, sizeof(s->name), "%.*s", (int)strcspn(line + 6, " "), line + 6);
	} else if (strncmp(line, "by ", 3) == 0) {
		s->by = read_by(line + 3);
	} else if (strncmp(line, "init ", 5) == 0) {
		read_values(s, line + 5, true);
	} else if (strcmp(line, "thread") == 0) {
		s->n_threads++;
	} else if (strncmp(line, "never ", 6) == 0) {
		read_values(s, line + 6, false);
		return true;
	} else {
		read_op(s, line);
	}
	return false;
}

int
litmus_read(FILE *f, struct shape *out)
{
	char line[LINE_BYTES];

	out->name[0] = '\0';
	while (fgets(line, sizeof(line), f) != NULL)
		if (read_line(out, line))
			return 1;
	if (out->name[0] != '\0')
		refuse("a shape without an outcome", out->name);
	return 0;
}

void
litmus_parse(const char *text, struct shape *out)
{
	char line[LINE_BYTES];

	while (*text != '\0') {
		size_t n = strcspn(text, ";");

		(void)snprintf(line, sizeof(line), "%.*s", (int)n, text);
		(void)read_line(out, line);
		text += n + (text[n] != '\0');
		text += strspn(text, " ");
	}
}
