/*
 * launch.c - from a job's text to what is executed: words, environment, files
 *
 * A job's environment is what submit stored, where that is silent the basics
 * of the worker, and what nfsq tells it, which wins.
 */
#include "nfsq.h"
#include "launch.h"

#include <pwd.h>

#include "pattern.h"
#include "runfile.h"

/* The entry "NAME=..."; NULL when there is none. */
static char **
env_find(const struct strlist *env, const char *name)
{
	size_t len = strlen(name);

	for (size_t i = 0; i < env->n; i++)
		if (strncmp(env->v[i], name, len) == 0 &&
		    env->v[i][len] == '=')
			return &env->v[i];
	return NULL;
}

static void
env_set(struct strlist *env, const char *name, const char *value)
{
	char **old = env_find(env, name);
	char *entry = xasprintf("%s=%s", name, value);

	if (old) {
		free(*old);
		*old = entry;
	} else {
		strlist_take(env, entry);
	}
}

static void
env_set_number(struct strlist *env, const char *name, int64_t n)
{
	char buf[24];

	snprintf(buf, sizeof(buf), "%" PRId64, n);
	env_set(env, name, buf);
}

/* One basic variable: the worker's, or where its environment lacks it (cron
 * has no USER) what the user database says. */
static void
add_basic(struct launch_user *u, const char *name, const char *fallback)
{
	const char *value = getenv(name);

	if (!value)
		value = fallback;
	if (value)
		env_set(&u->basics, name, value);
}

void
launch_user_init(struct launch_user *u)
{
	const struct passwd *pw = getpwuid(geteuid());
	const char *name = pw ? pw->pw_name : NULL;

	*u = (struct launch_user){ NULL, STRLIST_INIT };
	add_basic(u, "HOME", pw ? pw->pw_dir : NULL);
	add_basic(u, "USER", name);
	add_basic(u, "LOGNAME", name);
	add_basic(u, "SHELL", pw && *pw->pw_shell ? pw->pw_shell : "/bin/sh");
	add_basic(u, "PATH", "/usr/local/bin:/usr/bin:/bin");
	add_basic(u, "LANG", NULL);
	if (name)
		u->name = xstrdup(name);
}

void
launch_user_release(struct launch_user *u)
{
	free(u->name);
	strlist_release(&u->basics);
}

/* What the worker's value is right for, where submitter and worker are
 * different users. */
static bool
is_personal(const char *entry)
{
	static const char *const names[] = { "HOME=", "USER=", "LOGNAME=",
					     "SHELL=" };

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (strncmp(entry, names[i], strlen(names[i])) == 0)
			return true;
	return false;
}

static void
add_basics(struct strlist *env, const struct launch_user *u,
	   const struct job *job)
{
	bool foreign = u->name && job->user && *job->user &&
		       strcmp(job->user, u->name) != 0;

	for (size_t i = 0; i < u->basics.n; i++) {
		const char *entry = u->basics.v[i];
		char *name = xstrndup(entry, strcspn(entry, "="));

		if (!env_find(env, name) || (foreign && is_personal(entry)))
			env_set(env, name, strchr(entry, '=') + 1);
		free(name);
	}
}

static void
make_env(struct strlist *env, const struct launch_order *o)
{
	const struct job *job = o->job;
	const struct { const char *name, *value; } texts[] = {
		{ "NFSQ_SPOOL", o->spool },
		{ "NFSQ_WORKER", o->worker },
		{ "NFSQ_SUBMIT_DIR", job->submit_dir },
		{ "NFSQ_SUBMIT_HOST", job->submit_host },
		{ "NFSQ_JOB_NAME", job->name },
		{ "NFSQ_SCRIPT", job->script ? job->script_path : NULL },
		{ "PWD", job->cwd },
	};

	for (size_t i = 0; i < job->env.n; i++)
		strlist_add(env, job->env.v[i]);
	add_basics(env, o->user, job);
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		if (texts[i].value)
			env_set(env, texts[i].name, texts[i].value);
	env_set_number(env, "NFSQ_JOB_ID", (int64_t)o->token->id);
	env_set_number(env, "NFSQ_ATTEMPT", o->attempt);
	env_set_number(env, "NFSQ_CPUS", job->cpus);
	if (job->mem_mb > 0)
		env_set_number(env, "NFSQ_MEM_MB", job->mem_mb);
	if (job->gpus > 0)
		env_set_number(env, "NFSQ_GPUS", job->gpus);
	if (!env_find(env, "OMP_NUM_THREADS"))
		env_set_number(env, "OMP_NUM_THREADS", job->cpus);
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/*
 * As the kernel reads "#! INTERPRETER ARG": one argument, the rest of the
 * line.  Without such a line it is the shell's.
 */
static void
add_interpreter(struct strlist *argv, const char *text, size_t len)
{
	const char *end = memchr(text, '\n', len);
	const char *p = text, *word;

	if (!end)
		end = text + len;
	if (len >= 2 && memcmp(text, "#!", 2) == 0)
		p += 2;
	while (p > text && p < end && is_blank(*p))
		p++;
	for (word = p; p < end && !is_blank(*p);)
		p++;
	if (word == text || word == end) {
		strlist_add(argv, "/bin/sh");
		return;
	}
	strlist_take(argv, xstrndup(word, (size_t)(p - word)));
	while (p < end && is_blank(*p))
		p++;
	while (end > p && is_blank(end[-1]))
		end--;
	if (end > p)
		strlist_take(argv, xstrndup(p, (size_t)(end - p)));
}

static int
make_argv(struct launch *l, const struct job *job)
{
	bool noexec = false;

	if (job->script) {
		l->script = runfile_write(job->script, job->script_len,
					  &noexec);
		if (!l->script)
			return -1;
		if (noexec)
			add_interpreter(&l->argv, job->script,
					job->script_len);
		strlist_add(&l->argv, l->script);
		l->exec_path = xstrdup(l->argv.v[0]);
	}
	for (size_t i = 0; i < job->argv.n; i++)
		strlist_add(&l->argv, job->argv.v[i]);
	return 0;
}

/* A name as the job has it on this host; NULL for NULL. */
static char *
expand(const char *pattern, const struct launch_order *o)
{
	char host[256] = "";
	struct pattern_values v = {
		.id = o->token->id,
		.task = 0,
		.name = o->job->name ? o->job->name : "",
		.host = host,
		.user = o->job->user ? o->job->user : "",
	};
	struct str out = STR_INIT;

	if (!pattern)
		return NULL;
	(void)gethostname(host, sizeof(host) - 1);
	if (pattern_check(pattern, NULL) < 0)
		str_add(&out, pattern);
	else
		pattern_expand(pattern, &v, &out);
	return str_detach(&out);
}

int
launch_make(struct launch *l, const struct launch_order *o)
{
	*l = (struct launch)LAUNCH_INIT;
	if (make_argv(l, o->job) < 0)
		return -1;
	make_env(&l->env, o);
	l->input = expand(o->job->input, o);
	l->output = expand(o->job->output, o);
	l->error = expand(o->job->error, o);
	return 0;
}

void
launch_end(struct launch *l)
{
	runfile_remove(l->script);
	strlist_release(&l->argv);
	strlist_release(&l->env);
	free(l->exec_path);
	free(l->script);
	free(l->input);
	free(l->output);
	free(l->error);
	*l = (struct launch)LAUNCH_INIT;
}
