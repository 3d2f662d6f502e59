/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * crc32c.h - checksum that tells whether a record's bytes are those that were written.
 *
 * Source: G. Castagnoli et al., "Optimization of cyclic redundancy-check codes
 * with 24 and 32 parity bits", 1993; RFC 3720 appendix B.4 has vectors.
 */
#ifndef GS_BASE_CRC32C_H
#define GS_BASE_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* CRC-32C of len bytes; crc is 0 to begin, or the result so far to go on. */
uint32_t gs_crc32c(uint32_t crc, const void *data, size_t len);

#endif
