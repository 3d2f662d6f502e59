/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * errors.h - what programs need to know of an error code beyond gs_strerror(): the rest of GS_ERROR_TABLE's columns.
 */
#ifndef GS_BASE_ERRORS_H
#define GS_BASE_ERRORS_H

#include <stdbool.h>

/* Is it 0 or a code of enum gs_err? */
bool gs_error_is_known(int code);
/* The exit status of a program that ends with this code; 0 for a result that is not negative, 5 for an unknown code. */
int gs_error_status(int code);
/* The code that stands for a positive errno; GS_ESYSTEM when there is none of its own. */
int gs_error_from_errno(int err);
/* Whether trying the same call again can help. */
bool gs_error_may_retry(int code);

#endif
