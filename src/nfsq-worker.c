/*
 * nfsq-worker.c - the program: options, one per host and name, then
 * worker_run
 */
#include "nfsq.h"

#include <pwd.h>
#include <sys/file.h>

#include "cmd.h"
#include "proc.h"
#include "runfile.h"
#include "worker-opts.h"
#include "worker.h"

/* A descriptor that holds the lock; -2: another process has it; -1. */
static int
lock_path(const char *path, struct error *err)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0)
		return error_errno(err, "cannot open '%s'", path);
	if (flock(fd, LOCK_EX | LOCK_NB) == 0)
		return fd;
	close(fd);
	return errno == EWOULDBLOCK ? -2
		: error_errno(err, "cannot lock '%s'", path);
}

/* Is fd still what path names?  Who ends removes the file. */
static bool
is_file(int fd, const char *path)
{
	struct stat a, b;

	return fstat(fd, &a) == 0 && stat(path, &b) == 0 &&
	       a.st_ino == b.st_ino && a.st_dev == b.st_dev;
}

/*
 * The lock that makes this the only worker of its name, user and spool on
 * this host: in a local directory, by flock.  It saves effort and protects
 * no data (PROTOCOL P9).  Its descriptor, kept open; -2: another one has it;
 * -1.
 */
static int
lock_name(const struct spool *sp, const char *name, char **held_path,
	  struct error *err)
{
	struct str safe = STR_INIT;
	char *dir, *path;
	int fd = -1, dirfd = runfile_dir(&dir);

	if (dirfd < 0)
		return error_errno(err, "cannot use a private directory for "
				   "the lock (set XDG_RUNTIME_DIR)");
	close(dirfd);
	for (const char *p = name; *p; p++)
		str_addc(&safe, isalnum((unsigned char)*p) ? *p : '_');
	path = xasprintf("%s/worker-%s-%s.lock", dir, sp->conf.uuid, safe.s);
	do {
		if (fd >= 0)
			close(fd);
		fd = lock_path(path, err);
	} while (fd >= 0 && !is_file(fd, path));
	str_release(&safe);
	free(dir);
	*held_path = path;
	return fd;
}

struct alive_arg {
	const struct spool *sp;
	const char *self;
};

/* Does a worker of that name run on this host?  Its lock tells. */
static bool
name_alive(const char *worker, void *arg)
{
	const struct alive_arg *a = arg;
	char *path = NULL;
	int fd;

	if (strcmp(worker, a->self) == 0)
		return false;	/* we have the lock: it is no more */
	fd = lock_name(a->sp, worker, &path, NULL);
	if (fd >= 0) {
		unlink(path);
		close(fd);
	}
	free(path);
	return fd == -2;
}

static char *
host_name(void)
{
	char buf[256] = "";

	gethostname(buf, sizeof(buf) - 1);
	return xstrdup(buf[0] ? buf : "localhost");
}

/* Numbers that the command line did not give come from the configuration. */
static struct worker_values given;

static void
settle_numbers(struct worker_settings *s, const struct conf *c)
{
	s->cpus = given.cpus ? given.cpus : c->cpus ? c->cpus : proc_cpus();
	s->poll_ms = given.poll_ms ? given.poll_ms : c->poll_ms;
}

static void
reload(struct worker_settings *s)
{
	struct error err = ERROR_INIT;
	struct conf c;

	if (cmd_read_conf(&c, &err) == 0)
		settle_numbers(s, &c);
	else
		msg_warn("keep the old settings: %s", error_text(&err));
	conf_release(&c);
	error_release(&err);
}

static bool
has_terminal(void)
{
	int fd = open("/dev/tty", O_RDONLY | O_CLOEXEC | O_NOCTTY);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

static void
check_name(const char *name)
{
	if (!name[0] || strlen(name) > 60 || strchr(name, '/') || name[0] == '-')
		die(EXIT_USAGE, "'%s' is no name for a worker (1 to 60 bytes, "
		    "no '/', no leading '-')", name);
}

/* Not cmd_open: its watch is a thread, and the keeper forks. */
static struct spool *
open_spool(const struct globals *g)
{
	struct error err = ERROR_INIT;
	char *name = cmd_spool_name(g, &err);
	struct spool *sp = name ? spool_open(name, &err) : NULL;

	if (!sp)
		die(EXIT_FAILED, "%s", error_text(&err));
	free(name);
	return sp;
}

static int
run(const struct globals *g)
{
	struct worker_settings set = { .once = given.once, .own = given.own };
	struct error err = ERROR_INIT;
	struct alive_arg alive;
	struct spool *sp;
	struct conf conf;
	char *host = host_name(), *lock_file = NULL;
	int lock, status;

	if (cmd_read_conf(&conf, &err) < 0)
		die(EXIT_FAILED, "%s", error_text(&err));
	settle_numbers(&set, &conf);
	sp = open_spool(g);
	if (geteuid() == 0 && sp->conf.group)
		die(EXIT_FAILED, "refuse to run as root on group spool '%s': "
		    "its members could run commands as root", sp->dir);
	set.spool = sp->dir;
	set.host = host;
	set.user = cmd_user();
	set.name = given.name ? given.name : host;
	set.max_jobs = given.max_jobs;
	set.idle_exit_ms = given.idle_exit_ms;
	set.max_time_ms = given.max_time_ms;
	set.hup_ends = has_terminal();
	set.reload = reload;
	lock = lock_name(sp, set.name, &lock_file, &err);
	if (lock == -2) {
		msg_debug("worker '%s' runs already for '%s' on this host",
			  set.name, sp->dir);
		status = EXIT_DONE;
	} else if (lock < 0) {
		die(EXIT_FAILED, "%s", error_text(&err));
	} else {
		alive = (struct alive_arg){ sp, set.name };
		shepherd_sweep();
		/* Before anything is claimed: what an earlier worker of this
		 * host left running ends (P4). */
		if (proc_kill_leftovers(sp->dir, name_alive, &alive) > 0)
			msg_warn("ended processes that an earlier worker "
				 "left");
		status = worker_run(&set, sp);
		unlink(lock_file);
		close(lock);
	}
	spool_free(sp);
	conf_release(&conf);
	free(lock_file);
	free(host);
	return status;
}

int
main(int argc, char **argv)
{
	struct globals g = { .spool = NULL };
	struct error err = ERROR_INIT;
	struct str out = STR_INIT;
	sigset_t later;
	int n;

	/* Told to end while it starts: heard when the keeper listens. */
	sigemptyset(&later);
	sigaddset(&later, SIGUSR1);
	sigprocmask(SIG_BLOCK, &later, NULL);
	msg_program("nfsq-worker");
	cmd_umask = umask(0);
	n = opt_parse(argc - 1, argv + 1, cmd_worker_options.opts, &given, &g, 0, NULL, &err);
	if (n < 0)
		die(EXIT_USAGE, "%s (see nfsq-worker --help)",
		    error_text(&err));
	if (g.help)
		opt_help(&out, "nfsq-worker", &cmd_worker_options);
	else if (g.version)
		str_add(&out, "nfsq-worker " PACKAGE_VERSION "\n");
	if (out.len) {
		cmd_out(&out);
		str_release(&out);
		return EXIT_DONE;
	}
	if (n > 0)
		die(EXIT_USAGE, "unexpected word '%s' (see nfsq-worker "
		    "--help)", argv[1]);
	if (given.name)
		check_name(given.name);
	if (g.verbose)
		msg_set_level(MSG_DEBUG);
	else if (g.quiet)
		msg_set_level(MSG_WARN);
	return run(&g);
}
