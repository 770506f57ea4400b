/*
 * cmd-init.c - nfsq init: makes a spool and, for a user who has no
 * configuration yet, makes it the default
 */
#include "nfsq.h"
#include "cmd.h"

#include "when.h"

struct values {
	bool group;
	int64_t lease_ms;
};

static int
parse_lease(const char *value, void *field, struct error *err)
{
	int64_t ms;

	if (when_duration(value, WHEN_SECONDS, &ms, err) < 0)
		return -1;
	if (ms < 2000 || ms > 30 * INT64_C(86400000))
		return error_set(err, "'%s' is not from 2s to 30d", value);
	*(int64_t *)field = ms;
	return 0;
}

static const struct opt opts[] = {
	{ 0, "group", NULL, "let the directory's group submit and work",
	  OPT_FLAG, offsetof(struct values, group), NULL, NULL },
	{ 0, "lease", "T", "how long a worker may be silent before its jobs "
	  "are given to others (default 300s)",
	  OPT_PARSE, offsetof(struct values, lease_ms), parse_lease, NULL },
	OPT_END
};

/* Makes the directories above path.  0 or -1 (errno). */
static int
make_parents(const char *path)
{
	char *dir = xstrdup(path);
	int r = 0;

	for (char *p = strchr(dir + 1, '/'); p && r == 0;
	     p = strchr(p + 1, '/')) {
		*p = '\0';
		if (mkdir(dir, 0777 & ~cmd_umask) < 0 && errno != EEXIST)
			r = -1;
		*p = '/';
	}
	free(dir);
	return r;
}

/* The file's text is whole or the file is not there. */
static int
write_conf(const char *path, const struct str *text)
{
	int fd, r = 0;

	if (make_parents(path) < 0)
		return -1;
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
		  0666 & ~cmd_umask);
	if (fd < 0)
		return -1;
	if (cmd_write(fd, text->s, text->len) < 0 || fsync(fd) < 0)
		r = -1;
	if (close(fd) < 0)
		r = -1;
	if (r < 0)
		unlink(path);
	return r;
}

static void
add_setting(struct str *out, const char *dir)
{
	str_add(out, "spool = \"");
	for (; *dir; dir++) {
		if (*dir == '"' || *dir == '\\')
			str_addc(out, '\\');
		if ((unsigned char)*dir < ' ')
			str_addf(out, "\\x%02x", (unsigned char)*dir);
		else
			str_addc(out, *dir);
	}
	str_add(out, "\";\n");
}

/* Stores dir as the default, or says how to. */
static void
store_default(const char *dir)
{
	const char *only = getenv("NFSQ_CONFIG");
	char *path = only && *only ? xstrdup(only) : cmd_user_conf();
	struct str line = STR_INIT;
	bool stored = false;

	add_setting(&line, dir);
	if (path && !(only && *only) && access(path, F_OK) < 0)
		stored = write_conf(path, &line) == 0;
	if (stored)
		msg_info("'%s' is now your default spool (%s)", dir, path);
	else if (line.len > 0)
		str_truncate(&line, line.len - 1);
	if (!stored && path)
		msg_info("to make it your default, add this line to '%s':",
			 path);
	else if (!stored)
		msg_info("to make it your default, add this line to your "
			 "nfsq.conf:");
	if (!stored) {
		str_addc(&line, '\n');
		cmd_out(&line);
	}
	str_release(&line);
	free(path);
}

static void
warn_group(const char *dir)
{
	msg_info("in the group spool '%s' every member of its group can run "
		 "commands as, and read the environment of, every other", dir);
}

static int
run(const struct globals *globals, int argc, char **argv,
    const struct command *cmd)
{
	struct values v = { .lease_ms = 0 };
	struct globals g = *globals;
	struct error err = ERROR_INIT;
	struct spool *sp;
	const char *dir;
	int r;

	argc = cmd_parse(cmd, argc, argv, &v, &g, NULL);
	dir = argc > 0 ? argv[0] : g.spool;
	if (argc > 1 || !dir || !*dir)
		return cmd_usage(cmd, "name one directory");
	cmd_watch(dir);
	r = spool_init(dir, v.group, v.lease_ms, &err);
	if (r < 0)
		die(EXIT_FAILED, "%s", error_text(&err));
	sp = spool_open(dir, &err);
	if (!sp)
		die(EXIT_FAILED, "%s", error_text(&err));
	if (r == 0)
		msg_info("'%s' is a spool already; nothing changed", sp->dir);
	else if (v.group)
		warn_group(sp->dir);
	if (r == 1)
		store_default(sp->dir);
	spool_free(sp);
	return EXIT_DONE;
}

const struct command cmd_init = {
	.name = "init",
	.summary = "make a spool",
	.usage = "[--group] [--lease T] DIR",
	.text = "DIR becomes the default when there is no configuration file "
		"yet.  In a --group spool every member can run commands as, "
		"and read the environment of, every other.",
	.opts = opts,
	.complete = "dir",
	.run = run,
};
