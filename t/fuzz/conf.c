/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * conf.c - fuzz target: the text of a configuration file.
 *
 * It is refused with a sentence that ends, or taken; what is printed of one that was taken is taken again, and prints the same.
 */
#include <sys/mman.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conf/conf.h"
#include "fuzz.h"

enum { LINES = 24, TEXT_BYTES = 1 << 16 };

static int text_fd = -1;
static char text_path[64];

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	text_fd = memfd_create("conf", MFD_CLOEXEC);
	if (text_fd < 0)
		fuzz_fail("no file for the text");
	(void)snprintf(text_path, sizeof(text_path), "/proc/self/fd/%d", text_fd);
	return 0;
}

/* A line that is mostly right by itself. */
static size_t
make_line(struct tape *in, char *out, size_t cap)
{
	static const char *const sections[] = {
		"[daemon]", "[table sessions]", "[table tokens]", "[ring active]", "[ring warm]", "[ring cold]", "[ring suspect]", "[ring deep]",
		"[ring active", "[]", "[table ]", "[nonsense]",
	};
	static const char *const values[] = {
		"0", "1", "64", "1000", "60000", "65536", "4294967296", "18446744073709551615", "18446744073709551616", "-1", "1K", "64M", "9E", "384 768",
		"384 768 2K 64K", "768 384", "", "none", "cold", "warm", "active", "suspect", "never", "access", "max", "0s", "500ms", "5m", "2h", "7d",
		"99999999999d", "yes", "no", "error", "/tmp", "\"quoted\"", "a b c", "; comment", "\xc3\xa9",
	};
	size_t n_options = 0;

	while (gs_conf_options[n_options].key != NULL)
		n_options++;
	switch (tape_below(in, 8)) {
	case 0:
	case 1:
		return (size_t)snprintf(out, cap, "%s\n", sections[tape_below(in, sizeof(sections) / sizeof(sections[0]))]);
	case 2:
		tape_bytes(in, out, 16);
		out[16] = '\n';
		return 17;
	case 3:
		/* long ones */
		memset(out, 'x', cap);
		return 1 + tape_take(in, 2) % (cap - 1);
	default:
		return (size_t)snprintf(out, cap, "%s%s%s%s", gs_conf_options[tape_below(in, (uint32_t)n_options)].key, tape_below(in, 16) == 0 ? " " : " = ",
		    values[tape_below(in, sizeof(values) / sizeof(values[0]))], tape_below(in, 16) == 0 ? "" : "\n");
	}
}

static void
put_text(const char *text, size_t n)
{
	if (ftruncate(text_fd, 0) < 0 || pwrite(text_fd, text, n, 0) != (ssize_t)n)
		fuzz_fail("the text cannot be written");
}

static int
load(struct gs_conf *out)
{
	char why[GS_CONF_WHY_BYTES];
	int rc;

	memset(why, 'x', sizeof(why));
	rc = gs_conf_load_file(out, text_path, why);
	fuzz_answer("load", rc);
	FUZZ_CHECK(rc == 0 || (memchr(why, 0, sizeof(why)) != NULL && why[0] != '\0'), "load: refused, without a sentence");
	return rc;
}

/* The caller frees it. */
static char *
print(const struct gs_conf *c, size_t *n)
{
	char *text;
	FILE *to = open_memstream(&text, n);

	if (to == NULL)
		fuzz_fail("no memory");
	gs_conf_print(to, c);
	(void)fclose(to);
	return text;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct gs_conf first, again;
	static char text[TEXT_BYTES], line[2048];
	struct tape in = { data, size };
	size_t n = 0, n_first, n_again;
	char *of_first, *of_again;

	for (int i = 0; i < LINES && in.left > 0; i++) {
		size_t len = make_line(&in, line, sizeof(line));

		memcpy(text + n, line, len);
		n += len;
	}
	put_text(text, n);
	if (load(&first) < 0)
		return 0;
	of_first = print(&first, &n_first);
	put_text(of_first, n_first);
	FUZZ_CHECK(load(&again) == 0, "what is printed is not taken again:\n%s", of_first);
	of_again = print(&again, &n_again);
	FUZZ_CHECK(n_first == n_again && memcmp(of_first, of_again, n_first) == 0, "what is printed is loaded as something else:\n%s", of_first);
	free(of_first);
	free(of_again);
	return 0;
}
