/*
 * unit.c - runs the cases of one unit-*.c; the exit status is the verdict
 */
#include "nfsq.h"
#include "unit.h"

#include <CUnit/Basic.h>

#include "msg.h"

void
unit_check(bool ok, const char *file, int line, const char *what,
	   const char *name)
{
	if (!ok)
		fprintf(stderr, "%s:%d: case '%s': %s\n", file, line, name,
			what);
	CU_assertImplementation(ok, (unsigned)line, what, file, name, CU_FALSE);
}

void
unit_check_str(const char *got, const char *want, const char *file, int line,
	       const char *name)
{
	bool ok = got && want ? strcmp(got, want) == 0 : got == want;

	if (!ok)
		fprintf(stderr, "%s:%d: case '%s': got '%s', want '%s'\n",
			file, line, name, got ? got : "(null)",
			want ? want : "(null)");
	CU_assertImplementation(ok, (unsigned)line, "strings equal", file,
				name, CU_FALSE);
}

int
main(void)
{
	CU_pSuite suite;
	unsigned failures;

	msg_program(unit_suite);
	if (CU_initialize_registry() != CUE_SUCCESS)
		return 99;
	suite = CU_add_suite(unit_suite, NULL, NULL);
	if (!suite)
		return 99;
	for (const struct unit *u = units; u->name; u++)
		if (!CU_add_test(suite, u->name, u->run))
			return 99;
	CU_basic_set_mode(CU_BRM_VERBOSE);
	CU_basic_run_tests();
	failures = CU_get_number_of_failures();
	CU_cleanup_registry();
	return failures > 0;
}
