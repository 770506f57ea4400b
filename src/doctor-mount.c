/*
 * doctor-mount.c - what the kernel says about the file system: its type, and
 * the options of the mount that matter
 *
 * Trusts /proc/self/mountinfo; the server's side (export options) cannot be
 * seen from here.
 */
#include "nfsq.h"
#include "doctor-int.h"

struct mount {
	char *point;
	char *type;
	char *source;
	char *options;		/* of the mount and of the file system */
};

static void
mount_release(struct mount *m)
{
	free(m->point);
	free(m->type);
	free(m->source);
	free(m->options);
	memset(m, 0, sizeof(*m));
}

/* The n bytes with \040 and the like undone. */
static char *
unescape(const char *s, size_t n)
{
	struct str out = STR_INIT;

	for (size_t i = 0; i < n; i++) {
		if (s[i] == '\\' && n - i > 3 &&
		    isdigit((unsigned char)s[i + 1])) {
			str_addc(&out, (char)((s[i + 1] - '0') << 6 |
					      (s[i + 2] - '0') << 3 |
					      (s[i + 3] - '0')));
			i += 3;
		} else {
			str_addc(&out, s[i]);
		}
	}
	return str_detach(&out);
}

/* The k-th word of text, the caller's to free; "" when there are fewer. */
static char *
word(const char *text, int k)
{
	while (k-- > 0) {
		text += strcspn(text, " \n");
		text += *text == ' ';
	}
	return unescape(text, strcspn(text, " \n"));
}

/* Reads "ID PARENT DEV ROOT POINT OPTIONS [TAG...] - TYPE SOURCE OPTIONS". */
static bool
parse(const char *line, struct mount *m)
{
	const char *dash = strstr(line, " - ");
	char *more, *own;

	if (!dash)
		return false;
	m->point = word(line, 4);
	own = word(line, 5);
	m->type = word(dash + 3, 0);
	m->source = word(dash + 3, 1);
	more = word(dash + 3, 2);
	m->options = xasprintf("%s,%s", own, more);
	free(own);
	free(more);
	return true;
}

static bool
is_under(const char *path, const char *point)
{
	size_t n = strlen(point);

	if (strcmp(point, "/") == 0)
		return true;
	return strncmp(path, point, n) == 0 &&
	       (path[n] == '/' || path[n] == '\0');
}

/* The mount that path is on: the longest point, and of several there the
 * last.  false: not known. */
static bool
find(const char *path, struct mount *best)
{
	FILE *f = fopen("/proc/self/mountinfo", "re");
	struct mount m = { .point = NULL };
	char *line = NULL;
	size_t cap = 0;

	memset(best, 0, sizeof(*best));
	while (f && getline(&line, &cap, f) > 0) {
		if (!parse(line, &m))
			continue;
		if (is_under(path, m.point) &&
		    (!best->point ||
		     strlen(m.point) >= strlen(best->point))) {
			mount_release(best);
			*best = m;
			memset(&m, 0, sizeof(m));
		}
		mount_release(&m);
	}
	free(line);
	if (f)
		fclose(f);
	return best->point != NULL;
}

/* The value of an option ("" for a flag), or NULL; the caller's to free. */
static char *
option(const struct mount *m, const char *name)
{
	size_t n = strlen(name);
	const char *p = m->options;

	for (; *p; p += strcspn(p, ","), p += *p == ',') {
		size_t len = strcspn(p, ",");

		if (len < n || strncmp(p, name, n) != 0)
			continue;
		if (len == n)
			return xstrdup("");
		if (p[n] == '=')
			return xstrndup(p + n + 1, len - n - 1);
	}
	return NULL;
}

static bool
has_option(const struct mount *m, const char *name)
{
	char *v = option(m, name);

	free(v);
	return v != NULL;
}

/* --- judging */

struct rule {
	const char *name;	/* of an option or a type */
	enum doctor_level level;
	const char *finding, *advice;
};

static const struct rule nfs_rules[] = {
	{ "soft", DOCTOR_BAD, "soft: a call may fail, and be done all the same",
	  "mount with hard, the default" },
	{ "softerr", DOCTOR_BAD,
	  "softerr: a call may fail, and be done all the same",
	  "mount with hard, the default" },
	{ "nocto", DOCTOR_BAD, "nocto: what other hosts do is seen a minute "
	  "late", "mount without nocto" },
	{ "noac", DOCTOR_WARN, "noac: right, but every call is slow",
	  "mount without noac, nfsq does not need it" },
};

static const struct rule type_rules[] = {
	{ "tmpfs", DOCTOR_WARN, "in memory: a reboot loses every job",
	  "use a directory on a disk" },
	{ "ramfs", DOCTOR_WARN, "in memory: a reboot loses every job",
	  "use a directory on a disk" },
	{ "overlay", DOCTOR_WARN, "an overlay, as in a container: seen here "
	  "only, and gone with it", "use a mounted volume" },
	{ "fuse.sshfs", DOCTOR_BAD, "sshfs caches names and cannot rename "
	  "reliably", "use NFS" },
	{ "cifs", DOCTOR_WARN, "SMB, on which nfsq was never tested",
	  "use NFS" },
	{ "smb3", DOCTOR_WARN, "SMB, on which nfsq was never tested",
	  "use NFS" },
	{ "vfat", DOCTOR_BAD, "has no symbolic links", "use another one" },
	{ "exfat", DOCTOR_BAD, "has no symbolic links", "use another one" },
};

static const char *const shared[] = {
	"ceph", "lustre", "gpfs", "glusterfs", "fuse.glusterfs", "afs", "ocfs2",
	"gfs2", "9p", "virtiofs", "beegfs", "beegfs_nodev",
};

static void
judge_nfs(struct doctor *d, const struct mount *m)
{
	char *vers = option(m, "vers"), *actimeo = option(m, "actimeo");
	char *lookup = option(m, "lookupcache");
	size_t said = 0;

	for (size_t i = 0; i < ARRAY_LEN(nfs_rules); i++) {
		const struct rule *r = &nfs_rules[i];

		if (!has_option(m, r->name))
			continue;
		doctor_say(d, r->level, "mount", r->advice, "%s", r->finding);
		said += r->level == DOCTOR_BAD;
	}
	if (vers && vers[0] == '2')
		doctor_say(d, DOCTOR_WARN, "mount", "mount with vers=4.2 or 3",
			   "NFS version 2 was never tested");
	if (said == 0)
		doctor_say(d, DOCTOR_OK, "mount", NULL, "NFS %s of %s, %s%s%s"
			   "%s%s (the export must be 'sync': not seen here)",
			   vers ? vers : "?", m->source,
			   has_option(m, "hard") ? "hard" : "not soft",
			   actimeo ? ", actimeo=" : "", actimeo ? actimeo : "",
			   lookup ? ", lookupcache=" : "",
			   lookup ? lookup : "");
	free(vers);
	free(actimeo);
	free(lookup);
}

static void
judge_other(struct doctor *d, const struct mount *m)
{
	const char *meet = "try it from each host with --peer";

	for (size_t i = 0; i < ARRAY_LEN(type_rules); i++) {
		const struct rule *r = &type_rules[i];

		if (strcmp(m->type, r->name) == 0) {
			doctor_say(d, r->level, "mount", r->advice, "%s: %s",
				   m->type, r->finding);
			return;
		}
	}
	for (size_t i = 0; i < ARRAY_LEN(shared); i++)
		if (strcmp(m->type, shared[i]) == 0) {
			doctor_say(d, DOCTOR_WARN, "mount", meet, "%s of %s, "
				   "on which nfsq was never tested", m->type,
				   m->source);
			return;
		}
	if (strncmp(m->type, "fuse", 4) == 0)
		doctor_say(d, DOCTOR_WARN, "mount", meet, "%s: not every file "
			   "system in user space keeps the rules", m->type);
	else
		doctor_say(d, DOCTOR_OK, "mount", NULL, "%s, local: for the "
			   "workers of this host only", m->type);
}

void
doctor_mount(struct doctor *d)
{
	struct mount m;

	if (!find(d->dir, &m)) {
		doctor_say(d, DOCTOR_WARN, "mount", "see that it is no soft "
			   "mount", "nothing is known of it (no "
			   "/proc/self/mountinfo)");
		return;
	}
	if (has_option(&m, "ro"))
		doctor_say(d, DOCTOR_BAD, "mount", "mount it read-write",
			   "%s of %s is read-only", m.type, m.source);
	else if (strcmp(m.type, "nfs") == 0 || strcmp(m.type, "nfs4") == 0)
		judge_nfs(d, &m);
	else
		judge_other(d, &m);
	mount_release(&m);
}
