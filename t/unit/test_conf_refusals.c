/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "conf/conf.h"
#include "gsession.h"

#define N(rows) (sizeof(rows) / sizeof((rows)[0]))

static int
make_file(void **state)
{
	char *path = strdup("/tmp/gsession-test-conf-XXXXXX");
	int fd = mkstemp(path);

	*state = path;
	return fd < 0 ? fd : close(fd);
}

static int
remove_file(void **state)
{
	int rc = unlink(*state);

	free(*state);
	return rc;
}

static void
write_file(const char *path, const void *text, size_t len)
{
	FILE *to = fopen(path, "w");

	assert_non_null(to);
	assert_int_equal(fwrite(text, 1, len, to), len);
	assert_int_equal(fclose(to), 0);
}

#define NAME_30 "a23456789b123456789c123456789d"
#define ONE_RING(name) "[ring " name "]\nttl = max\ncapacity = 1\n"

struct refusal {
	const char *text;
	size_t len;		/* 0: strlen */
	int rc;
	unsigned line;
	const char *why;	/* is part of the sentence */
};

static const struct refusal refusals[] = {
	/* lines */
	{ "ttl = 5m\n", 0, GS_EINVAL, 1, "\"ttl = 5m\": a [section] before the first key" },
	{ "[daemon]\nlog_keys\n", 0, GS_EINVAL, 2, "\"log_keys\": key = value, [section] or # comment" },
	{ "[daemon]\nlog_keys: yes\n", 0, GS_EINVAL, 2, "\"log_keys: yes\": key = value" },
	{ "[daemon]\n= yes\n", 0, GS_EINVAL, 2, "\"= yes\": key = value" },
	{ "[daemon]\nLOG_KEYS = yes\n", 0, GS_EINVAL, 2, "\"LOG_KEYS = yes\": key = value" },
	{ "[daemon]\nlog keys = yes\n", 0, GS_EINVAL, 2, "key = value" },
	{ "[daemon]\nlog_keys = yes\n  no\n", 0, GS_EINVAL, 3, "\"  no\": no blanks before a key or section" },
	{ "[daemon]\n\tlog_keys = yes\n", 0, GS_EINVAL, 2, "no blanks before" },
	{ " [daemon]\n", 0, GS_EINVAL, 1, "no blanks before" },
	{ "[daemon]\nlog_keys = yes ; really\n", 0, GS_EINVAL, 2, "no ; or # in a value" },
	{ "[daemon]\nlog_keys = yes # really\n", 0, GS_EINVAL, 2, "no ; or # in a value" },
	{ "[daemon]\ngroup = a;b\n", 0, GS_EINVAL, 2, "no ; or # in a value" },
	{ "[daemon]\nlog_keys = yes\r\n", 0, GS_EINVAL, 2, "\"log_keys = yes\\015\": no control characters" },
	{ "[daemon]\nlog_keys = y\0es\n", 24, GS_EINVAL, 2, "no control characters" },
	{ "\0", 1, GS_EINVAL, 1, "no control characters" },
	{ "# \0\n", 4, GS_EINVAL, 1, "no control characters" },
	{ "[daemon]\n\033[1m\n", 0, GS_EINVAL, 2, "\"\\033[1m\": no control characters" },
	{ "\xef\xbb\xbf[daemon]\n", 0, GS_EINVAL, 1, "\"\\357\\273\\277[daemon]\": key = value" },
	{ "[daemon]\na23456789b123456789c123456789d123456789e1234567890 = 1\n", 0, GS_EINVAL, 2, "at most 49 bytes in a key" },
	/* sections */
	{ "[daemon\n", 0, GS_EINVAL, 1, "\"[daemon\": [section] and nothing behind it" },
	{ "[daemon] x\n", 0, GS_EINVAL, 1, "[section] and nothing behind it" },
	{ "[daemon] # x\n", 0, GS_EINVAL, 1, "[section] and nothing behind it" },
	{ "[]\n", 0, GS_EINVAL, 1, "\"[]\": [daemon], [table NAME], [ring NAME], [ring TABLE/NAME], "
	  "[class NAME], [class TABLE/NAME], [namespace NAME], [namespace TABLE/NAME], [quota], [quota TABLE], [roles] or [roles TABLE]" },
	{ "[Daemon]\n", 0, GS_EINVAL, 1, "\"[Daemon]\": [daemon], " },
	{ "[ daemon ]\n", 0, GS_EINVAL, 1, "[daemon], [table NAME]" },
	{ "[quotas]\n", 0, GS_EINVAL, 1, "\"[quotas]\": [daemon], [table NAME]" },
	{ "[cluster]\n", 0, GS_EINVAL, 1, "[daemon], [table NAME]" },
	{ "[table]\n", 0, GS_EINVAL, 1, "[daemon], [table NAME]" },
	{ "[table ]\n", 0, GS_EINVAL, 1, "a name is 1 to 31 of" },
	{ "[table  x]\n", 0, GS_EINVAL, 1, "a name is 1 to 31 of" },
	{ "[table X]\n", 0, GS_EINVAL, 1, "a name is 1 to 31 of" },
	{ "[table .x]\n", 0, GS_EINVAL, 1, "begins with none of . -" },
	{ "[table " NAME_30 "12]\n", 0, GS_EINVAL, 1, "a name is 1 to 31 of" },
	{ "[table x/y]\n", 0, GS_EINVAL, 1, "a name is 1 to 31 of" },
	{ "[ring x/y/z]\n", 0, GS_EINVAL, 1, "a name is 1 to 31 of" },
	{ "[ring /x]\n", 0, GS_EINVAL, 1, "a name is 1 to 31 of" },
	{ "[ring x/]\n", 0, GS_EINVAL, 1, "a name is 1 to 31 of" },
	{ "[ring none]\n", 0, GS_EINVAL, 1, "none is not a ring" },
	{ "[ring " NAME_30 "/" NAME_30 "]\n", 0, GS_EINVAL, 1, "at most 49 bytes in a section's name" },
	{ "[daemon]\n[table x]\n[daemon]\n", 0, GS_EINVAL, 3, "\"[daemon]\": once in a file" },
	{ "[table sessions]\n[table sessions]\n", 0, GS_EINVAL, 2, "once in a file" },
	{ "[ring active]\n[ring sessions/active]\n", 0, GS_EINVAL, 2, "\"[ring sessions/active]\": once in a file" },
	{ "[table control]\n", 0, GS_EINVAL, 1, "any name but those of control files" },
	{ "[table uptime]\n", 0, GS_EINVAL, 1, "any name but those of control files" },
	{ "[table cluster]\n", 0, GS_EINVAL, 1, "any name but" },
	{ "[table node]\n", 0, GS_EINVAL, 1, "any name but" },
	{ "[table stats]\n", 0, GS_EINVAL, 1, "any name but" },
	{ "[table ctl]\n", 0, GS_EINVAL, 1, "any name but" },
	{ "[table events]\n", 0, GS_EINVAL, 1, "any name but" },
	{ "[table find]\n", 0, GS_EINVAL, 1, "any name but" },
	{ "[ring find/active]\n", 0, GS_EINVAL, 1, "any name but" },
	{ "[table b]\n[table c]\n[table d]\n[table e]\n[table f]\n[table g]\n[table h]\n[table i]\n", 0, GS_ERANGE, 8, "at most 8 tables" },
	{ "[ring tokens/active]\nttl = 1m\n", 0, GS_EINVAL, 1, "\"[ring tokens/active]\": needs a [table tokens]" },
	{ "[quota]\n[quota sessions]\n", 0, GS_EINVAL, 2, "\"[quota sessions]\": once in a file" },
	{ "[quota tokens]\nrate = 1/s\n", 0, GS_EINVAL, 1, "\"[quota tokens]\": needs a [table tokens]" },
	{ "[quota ]\n", 0, GS_EINVAL, 1, "a name is 1 to 31 of" },
	/* classes */
	{ "[class]\n", 0, GS_EINVAL, 1, "[class NAME], [class TABLE/NAME]" },
	{ "[class ]\n", 0, GS_EINVAL, 1, "a name is 1 to 31 of" },
	{ "[class Guest]\n", 0, GS_EINVAL, 1, "\"[class Guest]\": \"Guest\": a name is 1 to 31 of" },
	{ "[class " NAME_30 "12]\n", 0, GS_EINVAL, 1, "a name is 1 to 31 of" },
	{ "[class none]\n", 0, GS_EINVAL, 1, "none, any and what begins with unknown- are no names" },
	{ "[class any]\n", 0, GS_EINVAL, 1, "are no names" },
	{ "[class unknown-5]\n", 0, GS_EINVAL, 1, "are no names" },
	{ "[class control/x]\n", 0, GS_EINVAL, 1, "any name but those of control files" },
	{ "[namespace App]\n", 0, GS_EINVAL, 1, "\"[namespace App]\": \"App\": a name is 1 to 31 of" },
	{ "[namespace app]\nowner = root\n", 0, GS_EINVAL, 2, "owner is a user and a group with a colon between them, names or numbers" },
	{ "[namespace app]\nowner = nobody-of-this-name:0\n", 0, GS_EINVAL, 2, "owner is a user and a group" },
	{ "[namespace app]\nmode = 0800\n", 0, GS_EINVAL, 2, "mode is permission bits in octal, at most 0777" },
	{ "[namespace app]\nmode = 1777\n", 0, GS_ERANGE, 2, "mode is permission bits in octal, at most 0777" },
	{ "[namespace app]\nidle = 0\n", 0, GS_ERANGE, 2, "idle is a duration from 1ms to max" },
	{ "[namespace app]\nttl = 5m\n", 0, GS_EINVAL, 2, "the keys of this section are owner mode idle max_sessions" },
	{ "[namespace tokens/x]\n", 0, GS_EINVAL, 1, "\"[namespace tokens/x]\": needs a [table tokens]" },
	{ "[class tokens/x]\n", 0, GS_EINVAL, 1, "\"[class tokens/x]\": needs a [table tokens]" },
	{ "[class x]\n[class x]\n", 0, GS_EINVAL, 2, "\"[class x]\": once in a file" },
	{ "[class anonymous]\n[class sessions/anonymous]\n", 0, GS_EINVAL, 2, "once in a file" },
	{ "[class a]\n[class b]\n[class c]\n[class d]\n[class e]\n[class f]\n[class g]\n[class h]\n[class i]\n[class j]\n[class k]\n"
	  "[class l]\n[class m]\n[class n]\n[class o]\n", 0, GS_ERANGE, 15, "\"o\": at most 16 classes in a table, the built-in ones too" },
	{ "[class x]\nlifetime = 5m\n", 0, GS_EINVAL, 2, "\"lifetime\": the keys of this section are ttl idle" },
	{ "[class x]\nttl = 0\n", 0, GS_ERANGE, 2, "\"0\": ttl is a duration from 1ms to max" },
	{ "[class x]\nttl = -5m\n", 0, GS_EINVAL, 2, "\"-5m\": ttl is a duration" },
	{ "[class x]\nttl = 5\n", 0, GS_EINVAL, 2, "ttl is a duration" },
	{ "[class x]\nidle = 0\n", 0, GS_ERANGE, 2, "\"0\": idle is a duration from 1ms to max" },
	{ "[class x]\nidle = -1s\n", 0, GS_EINVAL, 2, "idle is a duration" },
	{ "[class x]\nidle = 5 weeks\n", 0, GS_EINVAL, 2, "idle is a duration" },
	{ "[class x]\nidle = 5m\nidle = 5m\n", 0, GS_EINVAL, 3, "\"idle\": once in a section, and line 2 has it" },
	{ "[class x]\nttl = 5m\nidle = 6m\n", 0, GS_ERANGE, 3, "\"[class sessions/x] idle = 6m\": max, or at most 5m, its ttl" },
	{ "[table tokens]\n[class tokens/x]\nidle = 1h\nttl = 1m\n", 0, GS_ERANGE, 3, "\"[class tokens/x] idle = 1h\": max, or at most 1m, its ttl" },
	/* keys */
	{ "[daemon]\nrecord_size = 8K\n", 0, GS_EINVAL, 2, "\"record_size\": the keys of this section are log_level log_keys group" },
	{ "[table sessions]\nttl = 5m\n", 0, GS_EINVAL, 2, "are record_size slot_sizes key_max max_sessions max_lifetime" },
	{ "[ring active]\nmode = on\n", 0, GS_EINVAL, 2, "are ttl half_life decay_to promote promote_to capacity reserve state on_full store" },
	{ "[ring cold]\nstore = file:here\n", 0, GS_EINVAL, 2, "\"file:here\": store is shm, auto, or file: and the absolute path of a directory" },
	{ "[ring cold]\nstore = disk\n", 0, GS_EINVAL, 2, "\"disk\": store is shm, auto, or file: and the absolute path of a directory" },
	{ "[ring cold]\nstore = file:/\n", 0, GS_EINVAL, 2, "\"file:/\": store is shm, auto" },
	{ "[ring active]\nlevel = 3\n", 0, GS_EINVAL, 2, "the keys of this section are" },
	{ "[ring active]\nttl = 5m\nttl = 5m\n", 0, GS_EINVAL, 3, "\"ttl\": once in a section, and line 2 has it" },
	/* values */
	{ "[daemon]\nlog_level = loud\n", 0, GS_EINVAL, 2, "\"loud\": log_level is one of error|warn|notice|info|debug" },
	{ "[daemon]\nlog_level =\n", 0, GS_EINVAL, 2, "\"\": log_level is one of" },
	{ "[daemon]\nlog_level = error|warn\n", 0, GS_EINVAL, 2, "log_level is one of" },
	{ "[daemon]\nlog_keys = true\n", 0, GS_EINVAL, 2, "\"true\": log_keys is one of yes|no" },
	{ "[daemon]\ngroup = www data\n", 0, GS_EINVAL, 2, "group is at most 31 printable characters" },
	{ "[daemon]\ngroup = " NAME_30 "12\n", 0, GS_ERANGE, 2, "group is at most 31" },
	{ "[table sessions]\nrecord_size = 63\n", 0, GS_ERANGE, 2, "\"63\": record_size is a size from 64 to 65000 bytes" },
	{ "[table sessions]\nrecord_size = 65001\n", 0, GS_ERANGE, 2, "record_size is a size from 64" },
	{ "[table sessions]\nrecord_size = 64K\n", 0, GS_ERANGE, 2, "record_size is a size from 64" },
	{ "[table sessions]\nrecord_size = 8KB\n", 0, GS_EINVAL, 2, "\"8KB\": record_size is a size" },
	{ "[table sessions]\nrecord_size = 99999999999999999999\n", 0, GS_ERANGE, 2, "record_size is a size" },
	{ "[table sessions]\nslot_sizes = 384 768 2K 4K\n", 0, GS_ERANGE, 2, "slot_sizes is at most 3 sizes from 256 to 64K" },
	{ "[table sessions]\nslot_sizes = 385\n", 0, GS_EINVAL, 2, "multiples of 64" },
	{ "[table sessions]\nslot_sizes = 768 384\n", 0, GS_EINVAL, 2, "ascending" },
	{ "[table sessions]\nslot_sizes = 384 384\n", 0, GS_EINVAL, 2, "ascending" },
	{ "[table sessions]\nslot_sizes = 192\n", 0, GS_ERANGE, 2, "from 256 to 64K" },
	{ "[table sessions]\nslot_sizes = 65K\n", 0, GS_ERANGE, 2, "from 256 to 64K" },
	{ "[table sessions]\nslot_sizes = 384, 768\n", 0, GS_EINVAL, 2, "\"384, 768\": slot_sizes is" },
	{ "[table sessions]\nslot_sizes = 00000000000000000000000000000000000384\n", 0, GS_EINVAL, 2, "slot_sizes is" },
	{ "[table sessions]\nkey_max = 15\n", 0, GS_ERANGE, 2, "key_max is a number from 16 to 255" },
	{ "[table sessions]\nkey_max = 256\n", 0, GS_ERANGE, 2, "key_max is a number from 16 to 255" },
	{ "[table sessions]\nkey_max = 1K\n", 0, GS_EINVAL, 2, "key_max is a number" },
	{ "[table sessions]\nmax_sessions = 134217729\n", 0, GS_ERANGE, 2, "max_sessions is a number from 0 to 134217728" },
	{ "[table sessions]\nmax_lifetime = 0\n", 0, GS_ERANGE, 2, "max_lifetime is a duration from 1ms to max" },
	{ "[table sessions]\nmax_lifetime = 100001d\n", 0, GS_ERANGE, 2, "max_lifetime is a duration" },
	{ "[ring active]\nttl = 5\n", 0, GS_EINVAL, 2, "\"5\": ttl is a duration from 1ms to max, as 500ms 30s 5m 2h 7d" },
	{ "[ring active]\nttl = 0\n", 0, GS_ERANGE, 2, "\"0\": ttl is a duration from 1ms to max" },
	{ "[ring active]\nstate = off\n", 0, GS_EINVAL, 2, "\"[ring sessions/active] state = off\": on, as the innermost ring always is" },
	{ "[ring suspect]\nstate = off\n", 0, GS_EINVAL, 2, "\"[ring sessions/suspect] state = off\": on, as suspects always have a ring" },
	{ "[ring active]\ndecay_to = warm\n[ring warm]\nstate = off\n", 0, GS_EINVAL, 2, "\"decay_to = warm\": a ring that is on" },
	{ "[ring x]\nstate = off\nttl = 1d\ncapacity = 1\ndecay_to = x\n", 0, GS_EINVAL, 5, "\"[ring sessions/x] decay_to = x\": another ring" },
	{ "[ring x]\nstate = off\nttl = 1d\ncapacity = 1\ndecay_to = y\n[ring y]\nstate = off\nttl = 1d\ncapacity = 1\ndecay_to = x\n", 0,
	    GS_EINVAL, 5, "does not lead back here" },
	{ "[ring active]\nttl = 5 m\n", 0, GS_EINVAL, 2, "\"5 m\": ttl is a duration" },
	{ "[ring active]\nttl = -1s\n", 0, GS_EINVAL, 2, "ttl is a duration" },
	{ "[ring active]\nhalf_life = max\n", 0, GS_ERANGE, 2, "\"max\": half_life is a duration from 0 to 100000d" },
	{ "[ring active]\non_full = drop\n", 0, GS_EINVAL, 2, "\"drop\": on_full is one of refuse|expired|oneshot|anonymous" },
	{ "[ring active]\npromote = third\n", 0, GS_EINVAL, 2, "\"third\": promote is one of never|access|second" },
	{ "[ring active]\ncapacity = 0\n", 0, GS_ERANGE, 2, "capacity is a number from 1 to 134217728" },
	{ "[ring active]\ncapacity = 8K\n", 0, GS_EINVAL, 2, "capacity is a number" },
	{ "[ring active]\ndecay_to =\n", 0, GS_EINVAL, 2, "\"\": decay_to is the name of a ring or none" },
	{ "[ring active]\ndecay_to = Warm\n", 0, GS_EINVAL, 2, "decay_to is the name of a ring or none" },
	{ "[quota]\nttl = 5m\n", 0, GS_EINVAL, 2, "are rate burst action hold release expel_after strict overrides" },
	{ "[quota]\nrate = 0\n", 0, GS_EINVAL, 2, "\"0\": rate is a rate from 1/h to 10000/s, as 50/s 100/m 20/h" },
	{ "[quota]\nrate = 0/s\n", 0, GS_ERANGE, 2, "\"0/s\": rate is a rate from 1/h" },
	{ "[quota]\nrate = 50\n", 0, GS_EINVAL, 2, "\"50\": rate is a rate" },
	{ "[quota]\nrate = 50/d\n", 0, GS_EINVAL, 2, "rate is a rate" },
	{ "[quota]\nrate = -50/s\n", 0, GS_EINVAL, 2, "rate is a rate" },
	{ "[quota]\nrate = 50 /s\n", 0, GS_EINVAL, 2, "rate is a rate" },
	{ "[quota]\nrate = none\n", 0, GS_EINVAL, 2, "\"none\": rate is a rate" },
	{ "[quota]\nrate = 10001/s\n", 0, GS_ERANGE, 2, "rate is a rate from 1/h to 10000/s" },
	{ "[quota]\nrate = 99999999999999999999/s\n", 0, GS_ERANGE, 2, "rate is a rate" },
	{ "[quota]\nburst = 0\n", 0, GS_ERANGE, 2, "\"0\": burst is a number from 1 to 100000" },
	{ "[quota]\nburst = 100001\n", 0, GS_ERANGE, 2, "burst is a number from 1 to 100000" },
	{ "[quota]\naction = kill\n", 0, GS_EINVAL, 2, "\"kill\": action is one of report|slow|quarantine" },
	{ "[quota]\nhold = max\n", 0, GS_ERANGE, 2, "hold is a duration from 0 to 30d" },
	{ "[quota]\nrelease = 31d\n", 0, GS_ERANGE, 2, "release is a duration from 0 to 30d" },
	{ "[quota]\nexpel_after = 0\n", 0, GS_ERANGE, 2, "expel_after is a number from 1 to 63" },
	{ "[quota]\nexpel_after = 64\n", 0, GS_ERANGE, 2, "expel_after is a number" },
	{ "[quota]\nstrict = very\n", 0, GS_EINVAL, 2, "strict is one of yes|no" },
	{ "[quota]\noverrides = key a\n", 0, GS_EINVAL, 2, "\"key a\": key, owner or namespace NAME RATE BURST" },
	{ "[quota]\noverrides = key a 5/s\n", 0, GS_EINVAL, 2, "\"key a 5/s\": key, owner or namespace NAME RATE BURST" },
	{ "[quota]\noverrides = key a none 5\n", 0, GS_EINVAL, 2, "with the rate none no burst" },
	{ "[quota]\noverrides = key a 5/s 5 5\n", 0, GS_EINVAL, 2, "namespace NAME RATE BURST" },
	{ "[quota]\noverrides = user a 5/s 5\n", 0, GS_EINVAL, 2, "namespace NAME RATE BURST" },
	{ "[quota]\noverrides = key a 0/s 5\n", 0, GS_ERANGE, 2, "a rate from 1/h to 10000/s and a burst from 1 to 100000" },
	{ "[quota]\noverrides = key a 5/s 0\n", 0, GS_ERANGE, 2, "a burst from 1 to 100000" },
	{ "[quota]\noverrides = owner a 5/s 100001\n", 0, GS_ERANGE, 2, "a burst from 1 to 100000" },
	{ "[quota]\noverrides = key a\\ 5/s 5\n", 0, GS_EINVAL, 2, "\\ooo is a byte in octal" },
	{ "[quota]\noverrides = key a\\400 5/s 5\n", 0, GS_EINVAL, 2, "\\ooo is a byte in octal" },
	{ "[quota]\noverrides = key " NAME_30 NAME_30 NAME_30 "1234567 5/s 5\n", 0, GS_ERANGE, 2, "a name has 1 to 96 bytes" },
	{ "[quota]\noverrides = namespace shop 5/s 5\n", 0, GS_ENOENT, 2, "\"namespace shop\": there is no namespace of this name in table sessions" },
	{ "[quota]\noverrides = -key a\n", 0, GS_ENOENT, 2, "\"-key a\": there is no override of this name" },
	{ "[quota]\nrate = 1/s\nrate = 1/s\n", 0, GS_EINVAL, 3, "\"rate\": once in a section, and line 2 has it" },
	/* the whole */
	{ "[ring active]\ndecay_to = luke\n", 0, GS_EINVAL, 2, "\"decay_to = luke\": a ring of table sessions, or none" },
	{ "[ring active]\ndecay_to = suspect\n", 0, GS_EINVAL, 2, "a ring that is not suspect" },
	{ "[ring active]\ndecay_to = active\n", 0, GS_EINVAL, 2, "outwards, never back" },
	{ "[ring cold]\n\ndecay_to = active\n", 0, GS_EINVAL, 3, "\"decay_to = active\": outwards, never back to a ring passed before" },
	{ "[ring deep]\nttl = max\ncapacity = 1\n", 0, GS_EINVAL, 1, "\"[ring sessions/deep]\": a ring that decay_to leads to" },
	{ "[ring active]\ndecay_to = cold\n[ring warm]\n", 0, GS_EINVAL, 3, "\"[ring sessions/warm]\": a ring that decay_to leads to" },
	{ "[ring cold]\ndecay_to = deep\n[ring deep]\ncapacity = 1\n", 0, GS_EINVAL, 3, "\"[ring sessions/deep]\": needs ttl" },
	{ "[ring cold]\ndecay_to = deep\n[ring deep]\nttl = max\n", 0, GS_EINVAL, 3, "\"[ring sessions/deep]\": needs capacity" },
	{ "[ring warm]\nttl = 4m\n", 0, GS_ERANGE, 2, "\"[ring sessions/warm] ttl = 4m\": at least 5m, as in ring active" },
	{ "[ring active]\nttl = 1h\n", 0, GS_ERANGE, 2, "\"[ring sessions/warm] ttl = 30m\": at least 1h, as in ring active" },
	{ "[ring cold]\nhalf_life = 4m\n", 0, GS_ERANGE, 2, "half_life does not shrink outwards" },
	{ "[ring suspect]\nttl = 1d\n", 0, GS_ERANGE, 2, "\"[ring sessions/suspect] ttl = 1d\": max, as suspects do not leave by ttl" },
	{ "[ring suspect]\ndecay_to = cold\n", 0, GS_EINVAL, 2, "none, as suspects do not decay" },
	{ "[table sessions]\nmax_sessions = 60415\n", 0, GS_ERANGE, 2, "from 60416, what the rings hold together, to 134217728" },
	{ "[ring cold]\ncapacity = 134217728\n", 0, GS_ERANGE, 2,
	    "\"[ring sessions/cold] capacity = 134217728\": the rings would hold 134245376 together, at most 134217728 are possible" },
	{ ONE_RING("a") ONE_RING("b") ONE_RING("c") ONE_RING("d") ONE_RING("e") ONE_RING("f") ONE_RING("g") ONE_RING("h") "[ring i]\n",
	    0, GS_ERANGE, 25, "at most 8 rings in a table" },
	{ "[table sessions]\n[ring cold]\ndecay_to = a\n" ONE_RING("a") "decay_to = b\n" ONE_RING("b") "decay_to = c\n"
	    ONE_RING("c") "decay_to = d\n" ONE_RING("d") "decay_to = e\n" ONE_RING("e"), 0, GS_ERANGE, 1,
	    "\"[table sessions]\": at most 8 rings, suspect too" },
};

static void
what_is_wrong_is_refused_with_file_line_text_and_what_is_allowed(void **state)
{
	const char *path = *state;
	char why[GS_CONF_WHY_BYTES], where[128];
	struct gs_conf c;
	size_t i;
	int rc;

	for (i = 0; i < N(refusals); i++) {
		const struct refusal *r = &refusals[i];

		write_file(path, r->text, r->len != 0 ? r->len : strlen(r->text));
		(void)strcpy(why, "accepted");
		rc = gs_conf_load(&c, path, why);
		(void)snprintf(where, sizeof(where), "%s:%u: \"", path, r->line);
		if (rc != r->rc || strncmp(why, where, strlen(where)) != 0 || strstr(why, r->why) == NULL)
			fail_msg("row %zu: %s\n%s(want %s, line %u, %s)", i, r->text, why, gs_errname(r->rc), r->line, r->why);
	}
}

/* A file of one line, `head` filled up to len bytes. */
static int
load_line(const char *path, const char *head, size_t len, char *why)
{
	char line[300];
	struct gs_conf c;

	(void)memset(line, ' ', sizeof(line));
	(void)memcpy(line, head, strlen(head));
	line[len] = '\n';
	write_file(path, line, len + 1);
	return gs_conf_load(&c, path, why);
}

static void
a_line_has_at_most_197_bytes(void **state)
{
	static const char *const heads[] = { "#", "[daemon]", "" };
	char why[GS_CONF_WHY_BYTES];
	size_t i;

	for (i = 0; i < N(heads); i++) {
		assert_int_equal(load_line(*state, heads[i], 197, why), GS_OK);
		assert_int_equal(load_line(*state, heads[i], 198, why), GS_EINVAL);
		assert_non_null(strstr(why, ":1: \""));
		assert_non_null(strstr(why, "at most 197 bytes in a line"));
		assert_int_equal(load_line(*state, heads[i], 299, why), GS_EINVAL);
	}
}

#define T(name) cmocka_unit_test_setup_teardown(name, make_file, remove_file)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(what_is_wrong_is_refused_with_file_line_text_and_what_is_allowed),
		T(a_line_has_at_most_197_bytes),
	};

	return cmocka_run_group_tests_name("conf_refusals", tests, NULL, NULL);
}
