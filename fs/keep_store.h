/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * keep_store.h - what gsession-keep is told by the program that it supervises, and the descriptors that it keeps for it.
 *
 * The other end of prog/notify.h, as systemd has it: FDSTORE and FDNAME,
 * FDSTOREREMOVE, BARRIER, READY; and X_GSESSION_MOUNT, where a mount is to be
 * taken away when nobody is left to serve it.
 */
#ifndef KEEP_STORE_H
#define KEEP_STORE_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

enum { STORE_FDS = 16, STORE_NAME_BYTES = 32 };

struct store {
	int socket;
	char address[32];		/* for NOTIFY_SOCKET */
	uint32_t n;
	struct {
		int fd;
		char name[STORE_NAME_BYTES];
	} of[STORE_FDS];
	bool is_ready;			/* it said so; cleared by who starts the next */
	char mount[PATH_MAX];		/* "" : none */
};

/* 0 or GS_ESYSTEM with errno. */
int store_open(struct store *s);
/* Hear all that has been said so far. */
void store_hear(struct store *s);
/* In the child, before it executes the program: give it the descriptors, and tell it by the environment. */
void store_hand_over(const struct store *s);
/* Let go of all descriptors. */
void store_drop(struct store *s);

#endif
