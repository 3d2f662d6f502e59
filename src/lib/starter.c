/* SPDX-License-Identifier: BSD-2-Clause */
#include "lib/starter.h"

#include <stdlib.h>

int
gs_starter_become(struct gs *gs)
{
	char *text = NULL;
	struct gs_ctl *ctl;
	int rc;

	if (gs_starter_is(gs))
		return 0;
	if ((gs->own->rights & GS_RIGHT_START) == 0)
		return GS_EPERM;
	/* On a connection of its own: several threads may be here, and the daemon may be another since the attach. */
	rc = gs_ctl_open(&ctl, gs->own->instance, gs->own->run_dir, gs->own->timeout_ms);
	if (rc < 0)
		return rc;
	rc = gs_ctl_request(ctl, GS_VERB_BE_STARTER, gs->t->name, "", 0, 0, NULL, &text, NULL);
	gs_ctl_close(&ctl);
	free(text);
	return rc;
}

int
gs_become_starter(struct gs *gs, int may_ask)
{
	if (may_ask == 0 && !gs_starter_is(gs) && (gs->own->rights & GS_RIGHT_START) != 0)
		return GS_EBUSY;
	return gs_starter_become(gs);
}
