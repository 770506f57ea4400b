/*
 * cmd.c - what every command of nfsq needs: which spool, who, parsing, and
 * output that is checked
 *
 * Here alone may a thread be started beside the one that makes the calls on
 * the spool: it makes none, and says once that they take long.
 */
#include "nfsq.h"
#include "cmd.h"

#include <pthread.h>
#include <pwd.h>

#include "fs.h"

#define SILENCE_MS 5000		/* of the spool, before a word about it */
#define CONF_MAX (1 << 20)

mode_t cmd_umask;

/* As fs_busy_since, for calls on the spool that do not go through fs.c. */
static _Atomic int64_t busy_since;

/* --- the watch */

static int64_t
monotonic_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

void
cmd_busy(bool busy)
{
	busy_since = busy ? monotonic_ms() : 0;
}

static bool
is_silent(int64_t since, int64_t now)
{
	return since > 0 && now - since >= SILENCE_MS;
}

static void *
watch(void *arg)
{
	struct timespec pause = { 0, 200 * 1000000 };
	char *dir = arg;

	for (;;) {
		int64_t now = monotonic_ms();

		if (is_silent(fs_busy_since, now) ||
		    is_silent(busy_since, now))
			break;
		nanosleep(&pause, NULL);
	}
	msg_warn("spool '%s' does not answer; waiting for it", dir);
	free(dir);
	return NULL;
}

/* Without the thread nothing is lost but its one line. */
void
cmd_watch(const char *dir)
{
	char *copy = xstrdup(dir);
	sigset_t all, old;
	pthread_t thread;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	if (pthread_create(&thread, NULL, watch, copy) == 0)
		pthread_detach(thread);
	else
		free(copy);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
}

/* --- the configuration */

/* 1 read; 0 there is none; -1. */
static int
read_text(const char *path, struct str *out, struct error *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = 0;

	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
		return 0;
	while (fd >= 0) {
		str_reserve(out, 4096);
		n = read(fd, out->s + out->len, 4096);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0 || out->len + (size_t)n > CONF_MAX)
			break;
		out->len += (size_t)n;
		out->s[out->len] = '\0';
	}
	if (fd < 0 || n < 0) {
		error_errno(err, "cannot read '%s'", path);
		if (fd >= 0)
			close(fd);
		return -1;
	}
	close(fd);
	if (n > 0)
		return error_set(err, "cannot read '%s': too large", path);
	return 1;
}

static int
lay_over(struct conf *c, const char *path, struct error *err)
{
	struct str text = STR_INIT;
	int r = read_text(path, &text, err);

	if (r == 1)
		r = conf_parse(c, path, text.s, text.len, err);
	str_release(&text);
	return r < 0 ? -1 : 0;
}

char *
cmd_user_conf(void)
{
	const char *base = getenv("XDG_CONFIG_HOME");
	const char *home = getenv("HOME");

	if (base && base[0] == '/')
		return xasprintf("%s/nfsq/nfsq.conf", base);
	if (home && home[0] == '/')
		return xasprintf("%s/.config/nfsq/nfsq.conf", home);
	return NULL;
}

int
cmd_read_conf(struct conf *c, struct error *err)
{
	const char *only = getenv("NFSQ_CONFIG");
	char *path;
	int r;

	conf_init(c);
	if (only && *only)
		return lay_over(c, only, err);
	r = lay_over(c, SYSCONFDIR "/nfsq/nfsq.conf", err);
	path = cmd_user_conf();
	if (r == 0 && path)
		r = lay_over(c, path, err);
	free(path);
	return r;
}

char *
cmd_spool_name(const struct globals *g, struct error *err)
{
	const char *env = getenv("NFSQ_SPOOL");
	struct conf c;
	char *name = NULL;

	if (g->spool && !*g->spool) {
		error_set(err, "'' is no spool (give -S a directory)");
		return NULL;
	}
	if (g->spool)
		return xstrdup(g->spool);
	if (env && *env)
		return xstrdup(env);
	if (cmd_read_conf(&c, err) == 0) {
		if (c.spool)
			name = xstrdup(c.spool);
		else
			error_set(err, "no spool is set (nfsq init DIR makes "
				  "one; -S DIR or NFSQ_SPOOL names one)");
	}
	conf_release(&c);
	return name;
}

struct spool *
cmd_open(const struct globals *g)
{
	struct error err = ERROR_INIT;
	char *name = cmd_spool_name(g, &err);
	struct spool *sp;

	if (!name)
		die(EXIT_FAILED, "%s", error_text(&err));
	cmd_watch(name);
	cmd_busy(true);
	sp = spool_open(name, &err);
	cmd_busy(false);
	if (!sp)
		die(EXIT_FAILED, "%s", error_text(&err));
	free(name);
	return sp;
}

bool
cmd_is_nfs(const char *dir)
{
	return fs_is_nfs(dir);
}

/* --- who */

const char *
cmd_user(void)
{
	static char *user;
	struct passwd *pw;

	if (user)
		return user;
	pw = getpwuid(geteuid());
	user = pw ? xstrdup(pw->pw_name)
		  : xasprintf("%lu", (unsigned long)geteuid());
	return user;
}

const char *
cmd_host(void)
{
	static char host[256];

	if (!host[0] && gethostname(host, sizeof(host) - 1) < 0)
		snprintf(host, sizeof(host), "localhost");
	return host;
}

/* --- output */

int
cmd_write(int fd, const void *bytes, size_t n)
{
	const char *p = bytes;

	while (n > 0) {
		ssize_t done = write(fd, p, n);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return -1;
		p += done;
		n -= (size_t)done;
	}
	return 0;
}

/* As a program without our handling would have ended. */
_Noreturn static void
end_by_sigpipe(void)
{
	sigset_t set;

	signal(SIGPIPE, SIG_DFL);
	sigemptyset(&set);
	sigaddset(&set, SIGPIPE);
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
	raise(SIGPIPE);
	_exit(EXIT_FAILED);
}

_Noreturn void
cmd_die_output(const char *what)
{
	if (errno == EPIPE)
		end_by_sigpipe();
	die(EXIT_FAILED, "%scannot write standard output: %s", what,
	    strerror(errno));
}

void
cmd_out(const struct str *s)
{
	cmd_flush();
	if (cmd_write(STDOUT_FILENO, s->s, s->len) < 0)
		cmd_die_output("");
}

void
cmd_flush(void)
{
	if (fflush(stdout) != 0)
		cmd_die_output("");
}

void
cmd_close_stdout(void)
{
	cmd_flush();
	/* NFS tells at close that a write failed. */
	if (close(STDOUT_FILENO) < 0 && errno != EBADF && errno != EINTR)
		cmd_die_output("");
}

bool
cmd_colours(int fd)
{
	const char *no = getenv("NO_COLOR");
	const char *term = getenv("TERM");

	return isatty(fd) && !(no && *no) && term && strcmp(term, "dumb") != 0;
}

/* --- parsing */

int
cmd_usage(const struct command *cmd, const char *fmt, ...)
{
	struct str text = STR_INIT;
	va_list ap;

	va_start(ap, fmt);
	str_vaddf(&text, fmt, ap);
	va_end(ap);
	msg_error("%s (see nfsq %s --help)", text.s, cmd->name);
	str_release(&text);
	return EXIT_USAGE;
}

void
cmd_levels(const struct globals *g)
{
	if (g->verbose)
		msg_set_level(MSG_DEBUG);
	else if (g->quiet)
		msg_set_level(MSG_ERROR);
}

_Noreturn void
cmd_version(void)
{
	printf("nfsq %s\n", PACKAGE_VERSION);
	cmd_close_stdout();
	exit(EXIT_DONE);
}

_Noreturn void
cmd_help(const struct command *cmd)
{
	struct str help = STR_INIT;

	opt_help(&help, "nfsq", cmd);
	cmd_out(&help);
	cmd_close_stdout();
	exit(EXIT_DONE);
}

int
cmd_parse(const struct command *cmd, int argc, char **argv, void *values,
	  struct globals *g, bool *dashes)
{
	struct error err = ERROR_INIT;
	int n = opt_parse(argc, argv, cmd->opts, values, g, cmd->flags, dashes,
			  &err);

	if (n < 0)
		exit(cmd_usage(cmd, "%s", error_text(&err)));
	if (g->help)
		cmd_help(cmd);
	if (g->version)
		cmd_version();
	cmd_levels(g);
	return n;
}

/* --- small judgements */

int
cmd_exit_status(const struct entry *e)
{
	switch (e->state) {
	case STATE_DONE:
		return EXIT_DONE;
	case STATE_FAILED:
		return e->t.exit_code != 0 ? e->t.exit_code : EXIT_LOST;
	case STATE_CANCELLED:
		return EXIT_CANCELLED;
	default:
		return EXIT_LOST;
	}
}

bool
cmd_alive(const struct spool *sp, const struct worker_info *w,
	  int64_t server_now)
{
	return w->beat_ms > 0 && server_now - w->beat_ms < sp->conf.lease_ms;
}

int
cmd_workers_alive(struct spool *sp)
{
	struct worker_info *w = NULL;
	int64_t now;
	size_t n = 0;
	int alive = 0;

	if (spool_server_now(sp, &now, NULL) < 0 ||
	    spool_workers(sp, &w, &n, NULL) < 0)
		alive = -1;
	for (size_t i = 0; i < n; i++) {
		if (alive == 0 && !w[i].stopping && cmd_alive(sp, &w[i], now))
			alive = 1;
		worker_info_release(&w[i]);
	}
	free(w);
	return alive;
}
