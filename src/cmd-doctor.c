/*
 * cmd-doctor.c - nfsq doctor: is this directory fit to be a spool?
 *
 * Starts the other side of a test on this host (this program again) or on
 * another (by ssh); the tests are in doctor*.c.  What is made is removed also
 * on a signal; the second one, or a server that does not answer within some
 * seconds of the first, ends it at once.
 */
#include "nfsq.h"
#include "cmd.h"

#include <spawn.h>
#include <sys/wait.h>

#include "doctor.h"
#include "when.h"

#define TIMEOUT_MS 120000

extern char **environ;

struct values {
	struct strlist peers;
	const char *join;
	int64_t timeout_ms;
};

static int
parse_timeout(const char *value, void *field, struct error *err)
{
	return when_duration(value, WHEN_SECONDS, field, err);
}

static const struct opt opts[] = {
	{ 0, "peer", "HOST", "try it together with this host, too (by ssh; "
	  "-: print what to run there)",
	  OPT_LIST, offsetof(struct values, peers), NULL, NULL },
	{ 0, "join", "TOKEN", "be the other side of the doctor that printed "
	  "this",
	  OPT_STRING, offsetof(struct values, join), NULL, NULL },
	{ 0, "timeout", "T", "how long to wait for the other side (default "
	  "120s)",
	  OPT_PARSE, offsetof(struct values, timeout_ms), parse_timeout, NULL },
	OPT_END
};

/* The signal that asked for the end.  With it there is no other way. */
static volatile sig_atomic_t stopped;

struct report {
	size_t counts[3];	/* by enum doctor_level */
	int error;		/* of the output, or 0 */
};

static void
print(enum doctor_level level, const char *what, const char *finding,
      const char *advice, void *arg)
{
	static const char *const words[] = { "ok", "warn", "bad" };
	struct str raw = STR_INIT, line = STR_INIT;
	struct report *r = arg;

	r->counts[level]++;
	str_addf(&raw, "%-4s %s: %s%s%s", words[level], what, finding,
		 advice ? "; " : "", advice ? advice : "");
	str_add_safe(&line, raw.s, raw.len);
	str_addc(&line, '\n');
	/* Not to be left in the middle: there is something to remove. */
	if (r->error == 0 && cmd_write(STDOUT_FILENO, line.s, line.len) < 0) {
		r->error = errno;
		stopped = SIGPIPE;
	}
	str_release(&raw);
	str_release(&line);
}

/* --- signals */

static void
on_signal(int sig)
{
	if (!stopped)
		stopped = sig;
	/* A call on a server that is away ends by a deadly signal alone. */
	alarm(5);
}

static void
catch_signals(void)
{
	static const int sigs[] = { SIGINT, SIGTERM, SIGHUP };
	struct sigaction sa = { .sa_handler = on_signal,
				.sa_flags = (int)SA_RESETHAND };
	struct sigaction old;

	for (size_t i = 0; i < ARRAY_LEN(sigs); i++)
		if (sigaction(sigs[i], NULL, &old) == 0 &&
		    old.sa_handler != SIG_IGN)
			sigaction(sigs[i], &sa, NULL);
}

static void
end_by_signal(void)
{
	if (!stopped || stopped == SIGPIPE)
		return;
	signal(stopped, SIG_DFL);
	raise(stopped);
}

/* --- the other side */

struct child {
	pid_t pid;		/* 0: none */
};

static bool
child_alive(void *arg)
{
	struct child *c = arg;

	if (c->pid > 0 && waitpid(c->pid, NULL, WNOHANG) == c->pid)
		c->pid = 0;
	return c->pid > 0;
}

/* quiet: its standard error is nobody's. */
static int
child_start(struct child *c, const char *path, char **argv, bool quiet,
	    struct error *err)
{
	posix_spawn_file_actions_t a;
	int r;

	posix_spawn_file_actions_init(&a);
	posix_spawn_file_actions_addopen(&a, 0, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_addopen(&a, 1, "/dev/null", O_WRONLY, 0);
	if (quiet)
		posix_spawn_file_actions_adddup2(&a, 1, 2);
	r = posix_spawnp(&c->pid, path, &a, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&a);
	if (r == 0)
		return 0;
	c->pid = 0;
	errno = r;
	return error_errno(err, "cannot run '%s'", path);
}

static void
child_end(struct child *c)
{
	for (int i = 0; child_alive(c) && i < 250; i++) {
		if (i == 150 || stopped)
			kill(c->pid, SIGTERM);
		cmd_pause(20);
	}
	if (c->pid > 0) {
		kill(c->pid, SIGKILL);
		waitpid(c->pid, NULL, 0);
	}
}

static void
add_command(struct str *out, const struct doctor *d, const char *options)
{
	str_addf(out, "nfsq %s-S ", options);
	str_add_shell(out, d->dir);
	str_addf(out, " doctor --join %s", d->token);
}

static int
start_self(struct child *c, const struct doctor *d, struct error *err)
{
	char quiet[] = "-q", s[] = "-S", word[] = "doctor", join[] = "--join";
	char name[] = "nfsq";
	char *token = xstrdup(d->token);
	char *argv[] = { name, quiet, s, d->dir, word, join, token, NULL };
	int r = child_start(c, "/proc/self/exe", argv, true, err);

	free(token);
	return r;
}

static int
start_ssh(struct child *c, const struct doctor *d, const char *host,
	  int64_t timeout_ms, struct error *err)
{
	struct strlist argv = STRLIST_INIT;
	struct str command = STR_INIT;
	int r;

	add_command(&command, d, "-q ");
	str_addf(&command, " --timeout %" PRId64 "ms", timeout_ms);
	strlist_add(&argv, "ssh");
	strlist_add(&argv, "-o");
	strlist_add(&argv, "BatchMode=yes");
	strlist_add(&argv, "--");
	strlist_add(&argv, host);
	strlist_take(&argv, str_detach(&command));
	r = child_start(c, "ssh", strlist_argv(&argv), false, err);
	strlist_release(&argv);
	return r;
}

/* One session, in a directory of its own.  host NULL: with this program. */
static void
meet(struct doctor *d, const char *host, int64_t timeout_ms)
{
	bool by_hand = host && strcmp(host, "-") == 0;
	struct child c = { .pid = 0 };
	struct doctor_peer p = {
		.host = by_hand ? "peer" : host, .race_only = !host,
		.timeout_ms = timeout_ms,
		.alive = by_hand ? NULL : child_alive, .arg = &c,
	};
	struct error err = ERROR_INIT;
	struct str command = STR_INIT;
	int r = 0;

	if (stopped || doctor_begin(d) < 0)
		return;
	if (!host)
		r = start_self(&c, d, &err);
	else if (!by_hand)
		r = start_ssh(&c, d, host, timeout_ms, &err);
	if (by_hand) {
		add_command(&command, d, "");
		msg_info("run on the other host: %s", command.s);
	}
	if (r < 0)
		print(DOCTOR_BAD, host ? host : "race", error_text(&err),
		      "see that it can be run", d->arg);
	else
		doctor_meet(d, &p);
	child_end(&c);
	doctor_end(d);
	str_release(&command);
	error_release(&err);
}

/* --- the whole */

static int
summary(const struct report *r)
{
	size_t warns = r->counts[DOCTOR_WARN], bad = r->counts[DOCTOR_BAD];
	struct str out = STR_INIT;

	str_addf(&out, "%s: %zu ok, %zu warning%s, %zu bad\n", bad ? "not fit"
		 : "fit", r->counts[DOCTOR_OK], warns, warns == 1 ? "" : "s",
		 bad);
	cmd_out(&out);
	str_release(&out);
	return bad ? EXIT_FAILED : EXIT_DONE;
}

static void
examine(struct doctor *d, const struct values *v)
{
	doctor_look(d);
	if (doctor_begin(d) < 0)
		return;
	doctor_try(d);
	doctor_end(d);
	meet(d, NULL, v->timeout_ms);
	for (size_t i = 0; i < v->peers.n; i++)
		meet(d, v->peers.v[i], v->timeout_ms);
}

static int
join(struct doctor *d, const struct values *v)
{
	struct error err = ERROR_INIT;
	int r = doctor_join(d, v->join, v->timeout_ms, &err);

	end_by_signal();
	if (r < 0)
		die(EXIT_FAILED, "%s", error_text(&err));
	msg_info("done; the other side has the findings");
	return EXIT_DONE;
}

/* A spool that cannot be opened is left alone: its verdict is printed. */
static bool
open_spool(const char *dir, struct spool **sp, struct report *rep)
{
	struct error err = ERROR_INIT;
	int r;

	cmd_watch(dir);
	cmd_busy(true);
	r = doctor_is_spool(dir, &err);
	if (r < 0)
		die(EXIT_FAILED, "%s", error_text(&err));
	*sp = r == 1 ? spool_open(dir, &err) : NULL;
	cmd_busy(false);
	if (r == 1 && !*sp)
		print(DOCTOR_BAD, "spool", error_text(&err),
		      "mend that, or name another directory", rep);
	error_release(&err);
	return r == 0 || *sp;
}

static int
work(const char *dir, const struct values *v)
{
	struct report rep = { .error = 0 };
	struct error err = ERROR_INIT;
	struct spool *sp = NULL;
	struct doctor d;
	int status;

	if (!open_spool(dir, &sp, &rep))
		return summary(&rep);
	if (doctor_init(&d, dir, sp, cmd_umask, &err) < 0)
		die(EXIT_FAILED, "%s", error_text(&err));
	d.say = print;
	d.arg = &rep;
	d.stop = &stopped;
	catch_signals();
	if (v->join) {
		status = join(&d, v);
	} else {
		examine(&d, v);
		end_by_signal();
		errno = rep.error;
		if (rep.error)
			cmd_die_output("");
		status = summary(&rep);
	}
	doctor_release(&d);
	spool_free(sp);
	return status;
}

static int
run(const struct globals *g, int argc, char **argv, const struct command *cmd)
{
	struct values v = { .timeout_ms = TIMEOUT_MS };
	struct globals all = *g;
	struct error err = ERROR_INIT;
	char *dir;
	int status;

	argc = cmd_parse(cmd, argc, argv, &v, &all, NULL);
	if (argc > 1 || (argc == 1 && !*argv[0]))
		return cmd_usage(cmd, "name one directory");
	if (v.join && v.peers.n > 0)
		return cmd_usage(cmd, "--join goes without --peer");
	if (v.join && !doctor_is_token(v.join))
		return cmd_usage(cmd, "'%s' is no token of a doctor", v.join);
	for (size_t i = 0; i < v.peers.n; i++)
		if (!*v.peers.v[i])
			return cmd_usage(cmd, "'' is no host");
	dir = argc == 1 ? xstrdup(argv[0]) : cmd_spool_name(&all, &err);
	if (!dir)
		die(EXIT_FAILED, "%s", error_text(&err));
	status = work(dir, &v);
	free(dir);
	strlist_release(&v.peers);
	return status;
}

const struct command cmd_doctor = {
	.name = "doctor",
	.summary = "is a directory fit to be a spool",
	.usage = "[--peer HOST]... [--timeout T] [DIR]\n"
		 "--join TOKEN [--timeout T] [DIR]",
	.text = "Tries what nfsq needs in DIR, a spool or any directory "
		"(default: the spool), alone and with other hosts that have "
		"it under the same name. A line each: ok, warn or bad, and "
		"what to do. The exit status is 1 when something is bad.",
	.opts = opts,
	.complete = "dir",
	.run = run,
};
