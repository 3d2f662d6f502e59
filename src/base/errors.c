/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/errors.h"

#include <errno.h>
#include <stddef.h>

#include "gsession.h"

struct error {
	const char *name;
	const char *text;
	int code;
	int errno_;
	int status;
	bool may_retry;
};

enum { RETRY_no = false, RETRY_yes = true };

#define ERROR_ROW(name, number, errno_, status, retry, text) { #name, text, name, errno_, status, RETRY_##retry },
static const struct error errors[] = {
	GS_ERROR_TABLE(ERROR_ROW)
};
#undef ERROR_ROW

static const struct error success = { "GS_OK", "success", GS_OK, 0, 0, false };
static const struct error unknown = { "GS_E?", "unknown error", GS_ESYSTEM, EIO, 5, false };

/* The row of a code: successes have one, and so has what nobody defined. */
static const struct error *
find_error(int code)
{
	size_t i;

	if (code >= 0)
		return &success;
	for (i = 0; i < sizeof(errors) / sizeof(errors[0]); i++)
		if (errors[i].code == code)
			return &errors[i];
	return &unknown;
}

const char *
gs_strerror(int code)
{
	return find_error(code)->text;
}

const char *
gs_errname(int code)
{
	return find_error(code)->name;
}

int
gs_errno(int code)
{
	return find_error(code)->errno_;
}

bool
gs_error_is_known(int code)
{
	return code == 0 || (code < 0 && find_error(code) != &unknown);
}

int
gs_error_status(int code)
{
	return find_error(code)->status;
}

int
gs_error_from_errno(int err)
{
	size_t i;

	/* Codes that equal -errno are that errno's own; the table maps others onto some of them as well. */
	for (i = 0; i < sizeof(errors) / sizeof(errors[0]); i++)
		if (errors[i].errno_ == err && errors[i].code == -err)
			return errors[i].code;
	return GS_ESYSTEM;
}

bool
gs_error_may_retry(int code)
{
	return find_error(code)->may_retry;
}
