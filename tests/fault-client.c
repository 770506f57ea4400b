/*
 * fault-client.c - what a client remembers of names, and its lies
 *
 * Makes its own calls, not those of the table: they are not counted and
 * nothing fails them.
 */
#include "nfsq.h"
#include "fault-client.h"

#include "fs.h"

static struct client *us;

static struct listing {		/* directories being read */
	DIR *d;
	char path[500];
} listings[8];

static struct {			/* names that open another file */
	char path[500];
	int fd;			/* O_PATH */
} mistaken[4];
static size_t nmistaken;

void
client_use(struct client *c)
{
	us = c;
	memset(listings, 0, sizeof(listings));
	for (size_t i = 0; i < nmistaken; i++)
		close(mistaken[i].fd);
	nmistaken = 0;
}

static PRINTF(1, 2) void
lie(const char *fmt, ...)
{
	va_list ap;

	if (us->lie[0])
		return;
	va_start(ap, fmt);
	vsnprintf(us->lie, sizeof(us->lie), fmt, ap);
	va_end(ap);
}

/* --- memory */

static uint64_t
hash(const char *s, size_t n)
{
	uint64_t h = UINT64_C(14695981039346656037);

	for (size_t i = 0; i < n; i++)
		h = (h ^ (unsigned char)s[i]) * UINT64_C(1099511628211);
	return h;
}

static uint64_t
hash_dir(const char *path)
{
	size_t n = strlen(path);

	while (n > 1 && path[n - 1] == '/')
		n--;
	return hash(path, n);
}

static bool
is_inside(const char *path)
{
	size_t n = strlen(us->root);

	return n > 0 && strncmp(path, us->root, n) == 0 && path[n] == '/';
}

void
client_saw(const char *path, uint64_t ino)
{
	const char *slash = strrchr(path, '/');
	uint64_t h = hash(path, strlen(path));
	struct client_name *k;

	if (!is_inside(path))
		return;
	for (unsigned i = 0; i < us->nnames; i++)
		if (us->names[i].path == h && us->names[i].ino == ino) {
			us->names[i].stale = false;
			return;
		}
	if (us->nnames == CLIENT_NAMES) {
		lie("too many names to remember");
		return;
	}
	k = &us->names[us->nnames++];
	*k = (struct client_name){ h, hash(path, (size_t)(slash - path)), ino,
				   false };
}

static uint64_t
inode_of(const char *path)
{
	struct stat st;

	return lstat(path, &st) < 0 ? 0 : st.st_ino;
}

void
client_looks(const char *path)
{
	uint64_t ino = inode_of(path);

	if (ino)
		client_saw(path, ino);
}

uint64_t
client_last(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0 && (st.st_nlink == 1 ||
					 S_ISDIR(st.st_mode)) ? st.st_ino : 0;
}

void
client_ended(uint64_t ino)
{
	for (unsigned i = us->nnames; ino && i-- > 0;)
		if (us->names[i].ino == ino)
			us->names[i] = us->names[--us->nnames];
}

void
client_opendir(const char *path, DIR *d)
{
	uint64_t h = hash_dir(path);
	size_t n = strlen(path);

	if (!is_inside(path))
		return;
	for (unsigned i = 0; i < us->nnames; i++)
		if (us->names[i].dir == h)
			us->names[i].stale = true;
	while (n > 1 && path[n - 1] == '/')
		n--;
	for (size_t i = 0; i < ARRAY_LEN(listings); i++)
		if (!listings[i].d) {
			listings[i].d = d;
			snprintf(listings[i].path, sizeof(listings[i].path),
				 "%.*s", (int)n, path);
			return;
		}
	lie("too many directories are read");
}

/* What the whole listing did not show is gone: that much is fresh. */
static void
forget_stale(const char *dir)
{
	uint64_t h = hash_dir(dir);

	for (unsigned i = us->nnames; i-- > 0;)
		if (us->names[i].dir == h && us->names[i].stale)
			us->names[i] = us->names[--us->nnames];
}

void
client_readdir(DIR *d, const struct dirent *e)
{
	size_t i = 0;
	char *path;

	while (i < ARRAY_LEN(listings) && listings[i].d != d)
		i++;
	if (i == ARRAY_LEN(listings))
		return;
	if (!e) {
		forget_stale(listings[i].path);
		return;
	}
	if (e->d_name[0] == '.' &&
	    (e->d_name[1] == '\0' || strcmp(e->d_name, "..") == 0))
		return;
	path = xasprintf("%s/%s", listings[i].path, e->d_name);
	client_saw(path, e->d_ino);
	free(path);
}

void
client_closedir(DIR *d)
{
	for (size_t i = 0; i < ARRAY_LEN(listings); i++)
		if (listings[i].d == d)
			listings[i].d = NULL;
}

static bool
remembers(const char *path, uint64_t ino)
{
	uint64_t h = hash(path, strlen(path));

	for (unsigned i = 0; i < us->nnames; i++)
		if (us->names[i].path == h && us->names[i].ino == ino)
			return true;
	return false;
}

/* --- names used twice */

/* A token's words do not count, but the time of its submit: the counter of
 * one that fsck gave to a body may be that of one that is lost. */
static bool
is_same(const char *a, const char *b)
{
	const char *s = strstr(a, ",s="), *t = strstr(b, ",s=");
	size_t n = strcspn(a, ",");

	if (n != strcspn(b, ",") || strncmp(a, b, n) != 0)
		return false;
	if (!s || !t)
		return !s && !t;
	n = strcspn(s + 1, ",") + 1;
	return strncmp(s, t, n) == 0 && (t[n] == ',' || t[n] == '\0');
}

static void
use_name(const char *what, const char *path)
{
	const char *base = strrchr(path, '/') + 1;
	char name[sizeof(us->targets[0])];

	/* A record is the same text again; outside the spool the user names
	 * the file, and its siblings are of one attempt. */
	if (strstr(base, ".att") || strstr(base, "result-") ||
	    strcmp(base, "nfsq.conf") == 0)
		return;
	snprintf(name, sizeof(name), "%s%s", what, base);
	for (unsigned i = 0; i < us->ntargets; i++)
		if (is_same(us->targets[i], name))
			lie("the name '%.200s' is used twice", name);
	if (us->ntargets == CLIENT_TARGETS)
		lie("too many renames to remember");
	else
		memcpy(us->targets[us->ntargets++], name, sizeof(name));
}

void
client_made_dir(const char *path)
{
	const char *base = strrchr(path, '/') + 1;

	client_looks(path);
	/* Those of the layout and shards are made once and never removed. */
	if (base[strcspn(base, ".-")])
		use_name("directory ", path);
}

/* --- lies */

/* A descriptor of the file with this inode, anywhere below dir; -1. */
static int
find_inode(const char *dir, uint64_t ino)
{
	DIR *d = opendir(dir);
	struct dirent *e;
	int fd = -1;

	while (d && fd < 0 && (e = readdir(d)) != NULL) {
		char *path = xasprintf("%s/%s", dir, e->d_name);

		if (e->d_name[0] == '.' &&
		    (e->d_name[1] == '\0' || e->d_name[1] == '.'))
			;
		else if (inode_of(path) == ino)
			fd = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
		else if (e->d_type == DT_DIR)
			fd = find_inode(path, ino);
		free(path);
	}
	if (d)
		closedir(d);
	return fd;
}

/* `to` was renamed from a name that is remembered as another file: is that
 * one still there? */
static void
mistake(const char *from, const char *to, uint64_t ino)
{
	uint64_t h = hash(from, strlen(from));

	for (unsigned i = 0; i < us->nnames; i++) {
		const struct client_name *k = &us->names[i];
		int fd = k->path == h && k->ino != ino
			? find_inode(us->root, k->ino) : -1;

		if (fd < 0)
			continue;
		lie("rename of '%.200s' to '%.200s' is done, but the client "
		    "takes it for an older file of that name", from, to);
		if (nmistaken == ARRAY_LEN(mistaken)) {
			close(fd);
			return;
		}
		snprintf(mistaken[nmistaken].path,
			 sizeof(mistaken[0].path), "%s", to);
		mistaken[nmistaken++].fd = fd;
		return;
	}
}

int
client_mistaken(const char *path)
{
	for (size_t i = 0; i < nmistaken; i++)
		if (strcmp(mistaken[i].path, path) == 0)
			return mistaken[i].fd;
	return -1;
}

int
client_rename(const char *from, const char *to)
{
	uint64_t ino = inode_of(from), over = client_last(to);
	int r, saved;

	if (ino && is_inside(to) && remembers(to, ino) &&
	    inode_of(to) != ino) {
		lie("rename of '%.200s' to '%.200s' is not done but says so: "
		    "the client remembers that name as the same file", from,
		    to);
		return 0;
	}
	r = fs_real.rename(from, to);
	saved = errno;
	if (r == 0 && over != ino)
		client_ended(over);
	if (r == 0 && ino && is_inside(to)) {
		mistake(from, to, ino);
		client_saw(to, ino);
		use_name("", to);
	}
	errno = saved;
	return r;
}
