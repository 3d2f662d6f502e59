/* SPDX-License-Identifier: BSD-2-Clause */
#include "cmd.h"

#include <stdlib.h>

#include "doctor.h"

static void
check_all(struct doctor *d)
{
	for (d->row = doctor_rows; d->row->id != NULL; d->row++)
		d->row->check(d);
}

static void
print_json(struct doctor *d)
{
	struct gs_json j;

	d->json = &j;
	gs_json_init(&j, stdout);
	gs_json_object(&j, NULL);
	gs_json_array(&j, "findings");
	check_all(d);
	gs_json_end(&j, true);
	gs_json_u64(&j, "requests", d->n_requests);
	gs_json_u64(&j, "unanswered", d->n_waits);
	gs_json_end(&j, false);
	gs_json_done(&j);
}

int
cmd_doctor(int argc, char **argv, const struct cmd_env *env)
{
	struct cmd_line line;
	struct doctor *d;
	int status;

	if (!cmd_parse(&line, argc, argv, env))
		return EXIT_USAGE;
	d = calloc(1, sizeof(*d));
	if (d == NULL)
		return cmd_fail(GS_ENOMEM, "doctor");
	if (!doctor_look(d, env)) {
		free(d);
		return EXIT_USAGE;
	}
	if (line.json)
		print_json(d);
	else
		check_all(d);
	if (d->n_findings == 0 && !line.json)
		(void)printf("nothing found; gsession audit looks at the memory itself\n");
	status = cmd_done();
	if (status == EXIT_YES && d->n_findings > 0)
		status = EXIT_NO;
	doctor_done(d);
	free(d);
	return status;
}
