/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * torture_value.h - keys, and values that are a function of their key and a number in them.
 *
 * Lengths are spread over all size classes.  A value that is cut, mixed of
 * two, or of another key does not pass.
 */
#ifndef LAB_TORTURE_VALUE_H
#define LAB_TORTURE_VALUE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { TORTURE_KEY_BYTES = 256, TORTURE_VALUE_MIN = 24, TORTURE_VALUE_MAX = 8192 };

/* A key and its NUL; its kind ('o' of one writer, 'h' hot), and a number. Some are short, some as long as a key can be. Returns its length. */
size_t torture_key(char out[TORTURE_KEY_BYTES], char kind, uint64_t number);
/* The number in a key of this kind, -1 when it is none. */
int64_t torture_key_number(const char *key, size_t len, char kind);

/* The value of a key for a number that is not 0; its length. */
size_t torture_value_make(unsigned char out[TORTURE_VALUE_MAX], char kind, uint64_t key_number, uint64_t number);
/* The number in a value of this key; 0: it is not whole. */
uint64_t torture_value_number(const unsigned char *value, size_t len, char kind, uint64_t key_number);

#endif
