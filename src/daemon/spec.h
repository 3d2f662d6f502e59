/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * spec.h - what a configured table asks of the memory.
 */
#ifndef GS_DAEMON_SPEC_H
#define GS_DAEMON_SPEC_H

#include "conf/conf.h"
#include "shm/classes.h"
#include "shm/namespaces.h"
#include "shm/quota.h"

/*
 * spec_from_conf - the shape of a table's memory, from a checked configuration.
 *
 * Slot sizes are rounded up to 64 bytes; those at or above what the longest
 * key, owner and value need give way to exactly that, which is the last.
 */
void spec_from_conf(struct gs_table_spec *out, const struct gs_conf_table *c);

/* The rules about sessions that are asked for too often. exempt: the configuration's exempt_patterns. */
void spec_quota(struct gs_quota_rules *out, const struct gs_conf_quota *c, const char *exempt);

/* A namespace, and back: all but its name. */
void spec_namespace(struct gs_namespace_spec *out, const struct gs_conf_namespace *c);
void spec_namespace_back(struct gs_conf_namespace *out, const struct gs_namespace_spec *spec);

/* The classes of a table; out has room for GS_CONF_SESSION_CLASSES. Returns how many. */
uint32_t spec_classes(struct gs_class_spec *out, const struct gs_conf_table *c);

#endif
