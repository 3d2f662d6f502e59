/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * numbers.h - the numbers by which the kernel knows the tables, in nodes and in what is kept: a name has one for as long as the mount stands.
 *
 * The configuration may list its tables in another order by the time that
 * another process takes the mount over.  So they are kept (kept.h), and one
 * that was given is never another's: that of a table which has gone is a
 * hole, and a table that finds all of them given is not shown.
 */
#ifndef NUMBERS_H
#define NUMBERS_H

#include "mount.h"

struct numbers;

/* With those that were given by the process before. NULL with errno. */
struct numbers *numbers_new(void);
void numbers_free(struct numbers **numbers);

/* The number of a table, a new one if need be; -1: all MOUNT_TABLES are given to others. */
int numbers_of(struct numbers *numbers, const char name[GS_NAME_BYTES]);

#endif
