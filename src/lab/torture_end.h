/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * torture_end.h - when all is quiet: every session against the journal, every slot against the audit.
 */
#ifndef LAB_TORTURE_END_H
#define LAB_TORTURE_END_H

#include "lab/torture_impl.h"

/* Wait until the daemon has recovered whoever died, then look; what is wrong is a finding. *sessions: how many there are. */
void torture_end_check(struct torture_shared *sh, uint64_t *sessions);

#endif
