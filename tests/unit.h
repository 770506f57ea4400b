/*
 * unit.h - a main for the unit tests: a table of named cases run by CUnit
 */
#ifndef NFSQ_UNIT_H
#define NFSQ_UNIT_H

#include "nfsq.h"

#include <CUnit/CUnit.h>

struct unit {
	const char *name;
	void (*run)(void);
};

/* Each unit-*.c defines both. */
extern const char unit_suite[];
extern const struct unit units[];	/* ended by { NULL, NULL } */

/* In a table of cases: says which case failed. */
void unit_check(bool ok, const char *file, int line, const char *what,
		const char *name);
#define CHECK(ok, name) unit_check((ok), __FILE__, __LINE__, #ok, (name))

/* Compares strings; NULL is a value. */
void unit_check_str(const char *got, const char *want, const char *file,
		    int line, const char *name);
#define CHECK_STR(got, want, name) \
	unit_check_str((got), (want), __FILE__, __LINE__, (name))

#endif
