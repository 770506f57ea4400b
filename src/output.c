/*
 * output.c - output files outside the spool
 *
 * Invariant: FILE is, at every instant, either what the user had there, a
 * link to one attempt's sibling, or the whole output of the attempt whose
 * result was decided.
 */
#include "nfsq.h"
#include "output.h"

#include "fs.h"
#include "pattern.h"

static char *
expand(const char *pattern, const struct job *j, const struct token *t)
{
	struct pattern_values v = {
		.id = t->id,
		.name = j->name ? j->name : "",
		.host = t->host,
		.user = j->user ? j->user : "",
	};
	struct str s = STR_INIT;
	char *cwd;

	pattern_expand(pattern, &v, &s);
	if (s.s[0] == '/' || !j->cwd)
		return str_detach(&s);
	cwd = xasprintf("%s/%s", j->cwd, s.s);
	str_release(&s);
	return cwd;
}

static void
plan(struct output *o, const char *pattern, const struct job *j,
     const struct token *t)
{
	struct str s = STR_INIT;
	memset(o, 0, sizeof(*o));
	o->id = t->id;
	o->attempt = t->attempt;
	o->umask = j->umask;
	o->mode = j->open_mode;
	if (!pattern)
		return;
	o->path = expand(pattern, j, t);
	pattern_sibling(o->path, t->id, t->attempt, &s);
	o->sibling = str_detach(&s);
	o->kind = j->open_mode == OPEN_RENAME ? OUTPUT_FILE : OUTPUT_OPEN;
}

void
outputs_plan(const struct job *j, const struct token *t, struct outputs *o)
{
	plan(&o->out, j->output, j, t);
	plan(&o->err, j->error, j, t);
	o->same = (!j->error && !j->split) ||
		  (j->error && o->out.path &&
		   strcmp(o->out.path, o->err.path) == 0);
}

/* Is the link text of an attempt's sibling?  Then FILE is ours to replace. */
static bool
is_our_link(const char *path)
{
	struct str text = STR_INIT;
	const char *base = strrchr(path, '/');
	char *prefix = xasprintf(".%s.nfsq-", base ? base + 1 : path);
	bool ours = fs_get_link(path, &text) == 0 &&
		    strncmp(text.s, prefix, strlen(prefix)) == 0;

	free(prefix);
	str_release(&text);
	return ours;
}

static int
make_parents(const char *path, int mask)
{
	char *dir = xstrdup(path);
	int r = 0;

	for (char *p = strchr(dir + 1, '/'); p && r == 0;
	     p = strchr(p + 1, '/')) {
		*p = '\0';
		if (fs_mkdir(dir, 0777 & ~(mode_t)mask) < 0 &&
		    errno != EEXIST && errno != EROFS && errno != EACCES)
			r = -1;
		*p = '/';
	}
	free(dir);
	return r;
}

/* (output.pml: W, sibling.) */
static int
make_sibling(struct output *o)
{
	mode_t mode = 0666 & ~(mode_t)o->umask;
	int fd = fs_open(o->sibling, O_WRONLY | O_CREAT | O_TRUNC, mode);

	if (fd < 0 && errno == ENOENT &&
	    make_parents(o->sibling, o->umask) == 0)
		fd = fs_open(o->sibling, O_WRONLY | O_CREAT | O_TRUNC, mode);
	return fd < 0 ? -1 : fs_close(fd);
}

static const char *
base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* The name of the sibling of an earlier attempt leads to ours from now on: a
 * FILE that is a link to it goes on to show what is written. */
static int
lead_on(const struct output *o, unsigned attempt)
{
	struct str old = STR_INIT;
	char *tmp = xasprintf("%s.ln", o->sibling);
	int r;

	pattern_sibling(o->path, o->id, attempt, &old);
	fs_unlink(tmp);
	r = fs_symlink(base_name(o->sibling), tmp);
	if (r == 0)
		r = fs_rename(tmp, old.s);
	if (r < 0)
		fs_unlink(tmp);
	str_release(&old);
	free(tmp);
	return r;
}

static char *
aside_path(const struct output *o)
{
	return xasprintf("%s.old", o->sibling);
}

/* A FILE of before the job makes room for the first attempt's link; it is not
 * replaced, so that nothing is destroyed should this be carried out late. */
static int
put_aside(struct output *o)
{
	char *old = aside_path(o);
	int r = fs_rename(o->path, old);

	free(old);
	o->aside = r == 0;
	if (r < 0 && errno != ENOENT)
		return -1;
	return fs_symlink(base_name(o->sibling), o->path) == 0 ||
	       errno == EEXIST ? 0 : -1;
}

/* A link of an earlier attempt shows ours from now on. */
static int
follow_up(const struct output *o)
{
	struct str text = STR_INIT, old = STR_INIT;
	int r = 0;

	if (fs_get_link(o->path, &text) == 0)
		for (unsigned a = 1; a < o->attempt && r == 0; a++) {
			str_clear(&old);
			pattern_sibling(o->path, o->id, a, &old);
			if (strcmp(text.s, base_name(old.s)) == 0)
				r = lead_on(o, a);
		}
	str_release(&old);
	str_release(&text);
	return r;
}

/*
 * FILE becomes a link to the sibling by symlink(2), which replaces nothing: an
 * attempt that was frozen here and comes back after another one has committed
 * must not destroy FILE.  For the same reason only a first attempt moves a
 * file that is there; a later one leaves it until the commit.
 * (output.pml: W, link.)
 */
static int
link_to_sibling(struct output *o)
{
	struct stat st;

	if (fs_symlink(base_name(o->sibling), o->path) == 0)
		return 0;
	if (errno != EEXIST)
		return -1;
	if (o->attempt == 1 && fs_lstat(o->path, &st) == 0 &&
	    S_ISREG(st.st_mode))
		return put_aside(o);
	return follow_up(o);
}

/* FILE, if it is the link that we made there. */
static void
unlink_own_link(const struct output *o)
{
	struct str text = STR_INIT;

	if (fs_get_link(o->path, &text) == 0 &&
	    strcmp(text.s, base_name(o->sibling)) == 0)
		fs_unlink(o->path);
	str_release(&text);
}

static void
settle(const struct output *o, bool ours)
{
	char *old;

	if (!o->aside)
		return;
	old = aside_path(o);
	if (!ours)
		unlink_own_link(o);
	if (ours || fs_link(old, o->path) == 0)
		fs_unlink(old);
	free(old);
}

void
outputs_settle(const struct outputs *o, bool ours)
{
	settle(&o->out, ours);
	if (!o->same)
		settle(&o->err, ours);
}

/* What earlier attempts left beside.  (output.pml: W, drop.) */
static void
drop_older(const struct output *o)
{
	for (unsigned a = 1; a < o->attempt; a++) {
		struct str s = STR_INIT;

		pattern_sibling(o->path, o->id, a, &s);
		fs_unlink(s.s);
		str_release(&s);
	}
}

static int
prepare(struct output *o)
{
	struct stat st;
	int fd;

	if (!o->path)
		return 0;
	if (fs_lstat(o->path, &st) == 0 && !S_ISREG(st.st_mode) &&
	    !(S_ISLNK(st.st_mode) && is_our_link(o->path))) {
		if (S_ISDIR(st.st_mode)) {
			errno = EISDIR;
			return -1;
		}
		o->kind = OUTPUT_SPECIAL;
		return 0;
	}
	if (o->kind == OUTPUT_FILE) {
		if (make_sibling(o) < 0)
			return -1;
		return link_to_sibling(o);
	}
	fd = fs_open(o->path, O_WRONLY | O_CREAT, 0666 & ~(mode_t)o->umask);
	if (fd < 0 && errno == ENOENT &&
	    make_parents(o->path, o->umask) == 0)
		fd = fs_open(o->path, O_WRONLY | O_CREAT,
			     0666 & ~(mode_t)o->umask);
	return fd < 0 ? -1 : fs_close(fd);
}

int
outputs_prepare(struct outputs *o, struct error *err)
{
	struct output *bad = &o->out;
	int r = prepare(&o->out);

	if (r == 0 && !o->same) {
		bad = &o->err;
		r = prepare(&o->err);
	}
	if (r < 0)
		error_errno(err, "cannot open '%s'", bad->path);
	return r;
}

/* Is the sibling still there?  Looked at freshly.  1, 0, -1. */
static int
has_sibling(const struct output *o)
{
	struct strlist names = STRLIST_INIT;
	const char *base = strrchr(o->sibling, '/') + 1;
	char *dir = xstrndup(o->sibling, (size_t)(base - o->sibling));
	int there = fs_list_all(dir, &names);

	if (there == 0)
		there = strlist_has(&names, base);
	strlist_release(&names);
	free(dir);
	return there;
}

static int
finish(const struct output *o)
{
	int e = 0;

	if (o->kind != OUTPUT_FILE || !o->path)
		return 0;
	/* An error is no answer (NFS-FACTS 3): look, and try again. */
	for (int tries = 0; tries < 3; tries++) {
		if (fs_rename(o->sibling, o->path) == 0) {
			drop_older(o);
			return 0;
		}
		e = errno;
		if (!fs_unsure(e))
			break;
		/* Gone: done by us, or by who completed it before. */
		if (has_sibling(o) == 0) {
			drop_older(o);
			return 0;
		}
	}
	errno = e;
	return -1;
}

/* (output.pml: W, place; R, complete.) */
int
outputs_finish(const struct outputs *o, struct error *err)
{
	if (finish(&o->out) < 0)
		return error_errno(err, "cannot put '%s' in its place",
				   o->out.path);
	if (!o->same && finish(&o->err) < 0)
		return error_errno(err, "cannot put '%s' in its place",
				   o->err.path);
	return 0;
}

static void
discard(const struct output *o)
{
	/* Never FILE: another attempt's result may be there by now. */
	if (o->kind == OUTPUT_FILE && o->path)
		fs_unlink(o->sibling);
}

/* (output.pml: W, discard.) */
void
outputs_discard(const struct outputs *o)
{
	discard(&o->out);
	if (!o->same)
		discard(&o->err);
}

static void
look(const struct output *o)
{
	char *dir;
	int fd;

	if (!o->path || o->path[0] != '/')
		return;
	dir = xstrndup(o->path, (size_t)(base_name(o->path) - o->path));
	fd = fs_open(dir, O_RDONLY | O_DIRECTORY, 0);
	if (fd >= 0)
		fs_close(fd);
	free(dir);
}

void
outputs_look(const struct outputs *o)
{
	look(&o->out);
	if (!o->same)
		look(&o->err);
}

void
outputs_release(struct outputs *o)
{
	free(o->out.path);
	free(o->out.sibling);
	free(o->err.path);
	free(o->err.sibling);
	memset(o, 0, sizeof(*o));
}

const char *
output_target(const struct output *o, int *flags)
{
	*flags = O_WRONLY;
	switch (o->kind) {
	case OUTPUT_FILE:
		return o->sibling;
	case OUTPUT_OPEN:
		*flags |= o->mode == OPEN_APPEND ? O_APPEND : O_TRUNC;
		return o->path;
	default:
		return NULL;
	}
}
