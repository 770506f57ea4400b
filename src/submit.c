/*
 * submit.c - from words and options to a job: what submit and run share
 *
 * The command line is read first, to find the script; then the script's
 * #NFSQ lines, line by line; then the command line again, over them.
 */
#include "nfsq.h"
#include "submit.h"

#include "pattern.h"
#include "when.h"

#define SNIFF 4096		/* bytes that tell what is no script */

/* Of the session or host of the submitter: not for the job. */
static const char *const not_stored[] = {
	"SSH_*", "GPG_*", "DBUS_*", "XDG_RUNTIME_DIR", "XDG_SESSION_*",
	"DISPLAY", "WAYLAND_DISPLAY", "XAUTHORITY", "TMPDIR", "TMUX*", "STY",
	"WINDOWID", "OLDPWD", "SHLVL", "_", "HOSTNAME", "INVOCATION_ID",
	"JOURNAL_STREAM", "NOTIFY_SOCKET", "LISTEN_*", "CUDA_VISIBLE_DEVICES",
	"ROCR_VISIBLE_DEVICES", "NFSQ_JOB_*", "NFSQ_TASK_ID", "NFSQ_ATTEMPT",
};

/* What a group spool, which others read, does not store unasked. */
static const char *const secrets[] = {
	"*TOKEN*", "*SECRET*", "*PASSWORD*", "*_KEY",
};

static void
values_init(struct submit_values *v)
{
	*v = (struct submit_values){
		.cpus = 1, .grace_ms = 10000, .max_attempts = 5,
	};
}

static void
values_release(struct submit_values *v)
{
	strlist_release(&v->env);
	strlist_release(&v->labels);
}

void
submit_init(struct submit *s, const struct command *cmd)
{
	*s = (struct submit){ .cmd = cmd };
	values_init(&s->v);
	str_init(&s->text);
}

void
submit_release(struct submit *s)
{
	values_release(&s->v);
	strlist_release(&s->words);
	script_release(&s->script);
	str_release(&s->text);
	free(s->script_file);
	free(s->script_path);
	free(s->argv);
}

/* --- directories */

/* $PWD where it is the same directory, as the shell shows it. */
static char *
submit_dir(void)
{
	const char *pwd = getenv("PWD");
	struct stat a, b;
	char *dir;

	if (pwd && pwd[0] == '/' && stat(pwd, &a) == 0 &&
	    stat(".", &b) == 0 && a.st_dev == b.st_dev &&
	    a.st_ino == b.st_ino)
		return xstrdup(pwd);
	dir = getcwd(NULL, 0);
	if (!dir)
		die(EXIT_FAILED, "cannot tell the current directory: %s",
		    strerror(errno));
	return dir;
}

static char *
absolute(const char *dir, const char *path)
{
	if (path[0] == '/')
		return xstrdup(path);
	return xasprintf("%s%s%s", dir, strcmp(dir, "/") == 0 ? "" : "/",
			 path);
}

/* --- the script */

_Noreturn static void
die_script(const struct error *err)
{
	msg_error("%s", error_text(err));
	exit(EXIT_USAGE);
}

/* Appends up to max bytes in all.  0 or -1. */
static int
read_up_to(int fd, struct str *out, size_t max)
{
	while (out->len < max) {
		size_t room = max - out->len;
		ssize_t n;

		room = room < 65536 ? room : 65536;
		str_reserve(out, room);
		n = read(fd, out->s + out->len, room);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		if (n == 0)
			break;
		out->len += (size_t)n;
		out->s[out->len] = '\0';
	}
	return 0;
}

/* Can a text that begins so have opening comments at all? */
static bool
may_be_script(const struct str *text)
{
	return text->len > 0 && strchr("# \t\r\n", text->s[0]) &&
	       text->s[0] != '\0';
}

/* Reads the text of a regular file.  1; 0 it is none or no script can be in
 * it; -1 errno. */
static int
read_file(const char *path, bool surely, struct str *text)
{
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	struct stat st;
	int r = 0, saved;

	if (fd < 0)
		return -1;
	if (fstat(fd, &st) < 0)
		r = -1;
	else if (S_ISREG(st.st_mode))
		r = read_up_to(fd, text, SNIFF) < 0 ? -1 : 1;
	if (r == 1 && !surely && !may_be_script(text))
		r = 0;
	if (r == 1 && read_up_to(fd, text, JOB_SCRIPT_MAX + 1) < 0)
		r = -1;
	saved = errno;
	close(fd);
	errno = saved;
	return r;
}

static void
take_script(struct submit *s, const char *file)
{
	struct error err = ERROR_INIT;
	int r = script_parse(file, s->text.s, s->text.len, &s->script, &err);
	bool surely = s->v.script || strcmp(file, "standard input") == 0;

	if (!surely && !s->script.has_lines)
		return;
	if (r == 0 && !script_is(s->text.s, s->text.len))
		r = error_set(&err, "%s: no script: it does not begin with #! "
			      "and an interpreter", file);
	if (r < 0)
		die_script(&err);
	s->script_file = xstrdup(file);
	s->has_script = true;
}

static void
find_script(struct submit *s)
{
	const char *word = s->argc > 0 ? s->argv[0] : NULL;
	int r;

	if (!word || (s->dashes && !s->v.script))
		return;
	if (strcmp(word, "-") == 0 && !s->dashes) {
		if (read_up_to(STDIN_FILENO, &s->text,
			       JOB_SCRIPT_MAX + 1) < 0)
			die(EXIT_FAILED, "cannot read standard input: %s",
			    strerror(errno));
		take_script(s, "standard input");
		return;
	}
	r = read_file(word, s->v.script, &s->text);
	if (r < 1 && s->v.script)
		die(EXIT_FAILED, "cannot read script '%s': %s", word,
		    r < 0 ? strerror(errno) : "Not a regular file");
	if (r == 1)
		take_script(s, word);
	if (s->has_script) {
		char *dir = submit_dir();

		s->script_path = absolute(dir, word);
		free(dir);
	}
}

/* What is no option of a script. */
static int
check_script_line(const struct submit *s, const struct globals *g,
		  struct error *err)
{
	const char *bad = g->spool ? "--spool" : g->help ? "--help" :
		g->version ? "--version" : g->quiet ? "--quiet" :
		g->verbose ? "--verbose" : s->v.wait ? "--wait" :
		s->v.wrap ? "--wrap" : s->v.script ? "--script" : NULL;

	if (bad)
		return error_set(err, "option '%s' is not allowed in a script",
				 bad);
	return 0;
}

/* The words of one line, from the i-th on.  Returns the next line's first. */
static size_t
parse_script_line(struct submit *s, size_t i)
{
	const struct script_word *first = &s->script.words[i];
	struct error err = ERROR_INIT;
	struct globals g = { .spool = NULL };
	size_t end = i;
	char **argv;
	int n;

	while (end < s->script.n && s->script.words[end].line == first->line)
		end++;
	argv = xcalloc(end - i + 1, sizeof(*argv));
	for (size_t k = i; k < end; k++)
		argv[k - i] = s->script.words[k].text;
	n = opt_parse((int)(end - i), argv, s->cmd->opts, s, &g, 0, NULL,
		      &err);
	if (n > 0)
		n = error_set(&err, "'%s' is no option", argv[0]);
	if (n == 0)
		n = check_script_line(s, &g, &err);
	if (n < 0) {
		error_prefix(&err, "%s:%u", s->script_file, first->line);
		die_script(&err);
	}
	free(argv);
	return end;
}

/* --- parsing */

static void
parse_words(struct submit *s, int argc, char **argv, struct globals *g)
{
	free(s->argv);
	s->argv = xcalloc((size_t)argc + 1, sizeof(*s->argv));
	for (int i = 0; i < argc; i++)
		s->argv[i] = argv[i];
	s->argc = cmd_parse(s->cmd, argc, s->argv, s, g, &s->dashes);
}

void
submit_parse(struct submit *s, int argc, char **argv, struct globals *g)
{
	parse_words(s, argc, argv, g);
	if (s->v.wrap && s->argc > 0)
		exit(cmd_usage(s->cmd, "--wrap is the whole command; '%s' is "
			       "one too many", s->argv[0]));
	if (s->v.wrap && s->v.script)
		exit(cmd_usage(s->cmd, "--wrap and --script exclude each "
			       "other"));
	if (!s->v.wrap && s->argc == 0)
		exit(cmd_usage(s->cmd, "name the command to run"));
	if (!s->v.wrap && s->argv[0][0] == '\0')
		exit(cmd_usage(s->cmd, "the command is empty"));
	if (s->cmd == &cmd_submit && !s->v.wrap)
		find_script(s);
	if (!s->has_script)
		return;
	values_release(&s->v);
	values_init(&s->v);
	for (size_t i = 0; i < s->script.n;)
		i = parse_script_line(s, i);
	parse_words(s, argc, argv, g);
}

/* --- the environment */

static bool
matches(const char *name, const char *const *patterns, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (pattern_glob(patterns[i], name))
			return true;
	return false;
}

struct environment {
	const struct conf *conf;
	bool group;
	struct str withheld;	/* names, for the note */
};

static bool
is_stored(struct environment *x, const char *name)
{
	if (matches(name, not_stored, ARRAY_LEN(not_stored)) ||
	    matches(name, (const char *const *)x->conf->env_exclude.v,
		    x->conf->env_exclude.n))
		return false;
	if (!x->group || !matches(name, secrets, ARRAY_LEN(secrets)))
		return true;
	str_addf(&x->withheld, " %s", name);
	return false;
}

static bool
has_name(const struct strlist *env, const char *entry, size_t n)
{
	for (size_t i = 0; i < env->n; i++)
		if (strncmp(env->v[i], entry, n + 1) == 0)
			return true;
	return false;
}

/* The environment less what is not stored, and --env over it. */
static void
add_env(const struct submit *s, const struct spool *sp,
	const struct conf *conf, struct job *j)
{
	struct environment x = { conf, sp->conf.group, STR_INIT };

	for (char **p = environ; *p && !s->v.no_env; p++) {
		size_t n = strcspn(*p, "=");
		char *name;

		if (n == 0 || !(*p)[n] || has_name(&s->v.env, *p, n) ||
		    has_name(&j->env, *p, n))
			continue;
		name = xstrndup(*p, n);
		if (is_stored(&x, name))
			strlist_add(&j->env, *p);
		free(name);
	}
	for (size_t i = 0; i < s->v.env.n; i++)
		strlist_add(&j->env, s->v.env.v[i]);
	if (x.withheld.len > 0)
		msg_info("not stored in a group spool unless named by --env:"
			 "%s", x.withheld.s);
	str_release(&x.withheld);
}

/* --- the job */

static char *
dup_or_null(const char *text)
{
	return text ? xstrdup(text) : NULL;
}

static void
add_command(struct submit *s, struct job *j)
{
	int from = 0;

	if (s->v.wrap) {
		j->wrap = true;
		strlist_add(&j->argv, "/bin/sh");
		strlist_add(&j->argv, "-c");
		strlist_add(&j->argv, s->v.wrap);
	}
	if (s->has_script) {
		j->script_len = s->text.len;
		j->script = str_detach(&s->text);
		j->script_path = dup_or_null(s->script_path);
		from = 1;
	}
	for (int i = from; i < s->argc; i++)
		strlist_add(&j->argv, s->argv[i]);
}

static void
add_name(const struct submit *s, struct job *j)
{
	if (s->v.name)
		j->name = xstrdup(s->v.name);
	else if (s->v.wrap)
		j->name = xstrdup("wrap");
	else if (s->has_script && !s->script_path)
		j->name = xstrdup("stdin");
	else
		j->name = job_default_name(s->argv[0]);
}

static void
add_begin(const struct submit *s, struct spool *sp, struct job *j)
{
	struct error err = ERROR_INIT;
	int64_t now;

	if (!s->v.begin)
		return;
	if (spool_server_now(sp, &now, &err) < 0)
		die(EXIT_FAILED, "%s", error_text(&err));
	if (when_begin(s->v.begin, now, &j->begin_ms, &err) < 0)
		exit(cmd_usage(s->cmd, "option '--begin': %s",
			       error_text(&err)));
	if (j->begin_ms < 0)
		j->begin_ms = 0;
	if (j->begin_ms > TOKEN_TIME_MAX)
		exit(cmd_usage(s->cmd, "option '--begin': '%s' is too late",
			       s->v.begin));
}

static void
add_values(const struct submit_values *v, struct job *j)
{
	j->comment = dup_or_null(v->comment);
	j->output = dup_or_null(v->output);
	j->error = dup_or_null(v->error);
	j->input = dup_or_null(v->input);
	j->open_mode = v->open_mode;
	j->priority = (int)v->priority;
	j->cpus = v->cpus;
	j->time_limit_ms = v->time_ms;
	j->kill_grace_ms = v->grace_ms;
	j->max_attempts = v->max_attempts;
	j->no_requeue = v->no_requeue;
	j->hold = v->hold;
	j->no_env = v->no_env;
	for (size_t i = 0; i < v->labels.n; i++)
		strlist_add(&j->labels, v->labels.v[i]);
}

void
submit_job(struct submit *s, struct spool *sp, struct job *j)
{
	struct error err = ERROR_INIT;
	struct conf conf;

	if (cmd_read_conf(&conf, &err) < 0)
		die(EXIT_FAILED, "%s", error_text(&err));
	job_init(j);
	add_name(s, j);
	add_command(s, j);
	add_values(&s->v, j);
	add_begin(s, sp, j);
	add_env(s, sp, &conf, j);
	j->user = xstrdup(cmd_user());
	j->submit_dir = submit_dir();
	j->submit_host = xstrdup(cmd_host());
	j->cwd = s->v.chdir ? absolute(j->submit_dir, s->v.chdir)
			    : xstrdup(j->submit_dir);
	j->umask = (int)(cmd_umask & 0777);
	conf_release(&conf);
}
