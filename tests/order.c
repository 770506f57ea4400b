/*
 * order.c - the calls of submit and of claim to commit, in their order
 *
 * Compared with a literal: no fault can show that an fsync is missing, only
 * this can.  Names are shortened: T2 is a token after its second move, B a
 * bucket, W a worker, N a nonce.
 */
#include "nfsq.h"
#include "fs.h"
#include "output.h"
#include "recover.h"
#include "spool.h"

static char *root;		/* of the spool, with a slash */
static struct str trace = STR_INIT;
static char *files[1024];	/* what a descriptor is open on */

/* DIGITS.NONCE.MOVE,.. -> T and the move, DIGITS.NONCE -> DIGITS.N */
static void
add_name(const char *name, size_t n)
{
	char *one = xstrndup(name, n);
	struct token t;
	char *dot = strrchr(one, '.');
	bool nonce = dot && strspn(dot + 1, "0123456789abcdef") == NONCE_LEN;

	if (n > 4 && strcmp(one + n - 4, ".att") == 0)
		str_add(&trace, "RECORD");
	else if (token_parse(one, &t) == 1)
		str_addf(&trace, "T%u", t.move);
	else if (nonce && strstr(one, ".c1."))
		str_add(&trace, "B");
	else if (nonce && !isdigit((unsigned char)one[0]))
		str_addf(&trace, "%.*s.N", (int)(dot - one), one);
	else if (nonce || (dot && strcmp(dot, ".in") == 0))
		str_addf(&trace, "%.*s.N%s", (int)strcspn(one, "."), one,
			 nonce ? "" : ".in");
	else if (n == UUID_LEN && strspn(one, "0123456789abcdef-") == n)
		str_add(&trace, "W");
	else
		str_add(&trace, one);
	free(one);
}

static void
add_path(const char *path)
{
	size_t n;

	str_addc(&trace, ' ');
	if (strncmp(path, root, strlen(root)) == 0)
		path += strlen(root);
	else if (strrchr(path, '/'))
		path = strrchr(path, '/') + 1;
	for (; *path; path += n) {
		n = strcspn(path, "/");
		add_name(path, n);
		if (path[n] == '/')
			str_addc(&trace, path[n++]);
	}
}

static void
note(const char *call, const char *path)
{
	str_add(&trace, call);
	add_path(path);
	str_addc(&trace, '\n');
}

static const char *
file_of(int fd)
{
	return fd >= 0 && (size_t)fd < ARRAY_LEN(files) && files[fd]
		? files[fd] : "?";
}

static int
t_open(const char *path, int flags, mode_t mode)
{
	int fd = fs_real.open(path, flags, mode);

	note(flags & O_CREAT ? "create" : "open", path);
	if (fd >= 0 && (size_t)fd < ARRAY_LEN(files)) {
		free(files[fd]);
		files[fd] = xstrdup(path);
	}
	return fd;
}

static ssize_t
t_write(int fd, const void *buf, size_t n)
{
	note("write", file_of(fd));
	return fs_real.write(fd, buf, n);
}

static int
t_fsync(int fd)
{
	note("fsync", file_of(fd));
	return 0;
}

static int
t_close(int fd)
{
	note("close", file_of(fd));
	return fs_real.close(fd);
}

static int
t_rename(const char *from, const char *to)
{
	str_add(&trace, "rename");
	add_path(from);
	add_path(to);
	str_addc(&trace, '\n');
	return fs_real.rename(from, to);
}

static int
t_unlink(const char *path)
{
	note("unlink", path);
	return fs_real.unlink(path);
}

static int
t_mkdir(const char *path, mode_t mode)
{
	note("mkdir", path);
	return fs_real.mkdir(path, mode);
}

static int
t_rmdir(const char *path)
{
	note("rmdir", path);
	return fs_real.rmdir(path);
}

static int
t_symlink(const char *text, const char *path)
{
	note("symlink", path);
	return fs_real.symlink(text, path);
}

static int
t_touch(const char *path)
{
	note("touch", path);
	return fs_real.touch(path);
}

static DIR *
t_opendir(const char *path)
{
	note("list", path);
	return fs_real.opendir(path);
}

static void
lay(void)
{
	fs_ops = fs_real;
	fs_ops.open = t_open;
	fs_ops.write = t_write;
	fs_ops.fsync = t_fsync;
	fs_ops.close = t_close;
	fs_ops.rename = t_rename;
	fs_ops.unlink = t_unlink;
	fs_ops.mkdir = t_mkdir;
	fs_ops.rmdir = t_rmdir;
	fs_ops.symlink = t_symlink;
	fs_ops.touch = t_touch;
	fs_ops.opendir = t_opendir;
}

/* --- the scenes */

static const char submit_first[] =
	"list seq\n"
	"rename seq/1.N seq/2.N\n"
	"create jobs/0/1.N\n"
	"mkdir jobs/0\n"
	"open jobs\n"
	"fsync jobs\n"
	"close jobs\n"
	"create jobs/0/1.N\n"
	"write jobs/0/1.N\n"
	"fsync jobs/0/1.N\n"
	"close jobs/0/1.N\n"
	"open jobs/0\n"
	"fsync jobs/0\n"
	"close jobs/0\n"
	"symlink tmp/T0\n"
	"list queue\n"
	"mkdir queue/B\n"
	"open queue\n"
	"fsync queue\n"
	"close queue\n"
	"rename tmp/T0 queue/B/T0\n"
	"touch queue\n"
	"open queue/B\n"
	"fsync queue/B\n"
	"close queue/B\n";

static const char submit_held[] =
	"list seq\n"
	"rename seq/2.N seq/3.N\n"
	"create jobs/0/2.N\n"
	"write jobs/0/2.N\n"
	"fsync jobs/0/2.N\n"
	"close jobs/0/2.N\n"
	"open jobs/0\n"
	"fsync jobs/0\n"
	"close jobs/0\n"
	"symlink tmp/T0\n"
	"rename tmp/T0 held/0/T0\n"
	"list held/0\n"
	"list held/0\n"
	"list tmp\n"
	"mkdir held/0\n"
	"open held\n"
	"fsync held\n"
	"close held\n"
	"rename tmp/T0 held/0/T0\n"
	"open held/0\n"
	"fsync held/0\n"
	"close held/0\n";

static const char submit_input[] =
	"list seq\n"
	"rename seq/3.N seq/4.N\n"
	"create jobs/0/3.N.in\n"
	"fsync jobs/0/3.N.in\n"
	"close jobs/0/3.N.in\n"
	"open jobs/0/3.N.in\n"
	"write jobs/0/3.N.in\n"
	"fsync jobs/0/3.N.in\n"
	"close jobs/0/3.N.in\n"
	"create jobs/0/3.N\n"
	"write jobs/0/3.N\n"
	"fsync jobs/0/3.N\n"
	"close jobs/0/3.N\n"
	"open jobs/0\n"
	"fsync jobs/0\n"
	"close jobs/0\n"
	"symlink tmp/T0\n"
	"list queue\n"
	"rename tmp/T0 queue/B/T0\n"
	"touch queue\n"
	"open queue/B\n"
	"fsync queue/B\n"
	"close queue/B\n";

/* There each reply means that it is on the disk (PROTOCOL 3: 12 RPCs). */
static const char submit_nfs[] =
	"list seq\n"
	"rename seq/4.N seq/5.N\n"
	"create jobs/0/4.N\n"
	"write jobs/0/4.N\n"
	"fsync jobs/0/4.N\n"
	"close jobs/0/4.N\n"
	"symlink tmp/T0\n"
	"list queue\n"
	"rename tmp/T0 queue/B/T0\n"
	"touch queue\n";

static const char join[] =
	"mkdir tmp/W\n"
	"create tmp/W/lease\n"
	"fsync tmp/W/lease\n"
	"close tmp/W/lease\n"
	"symlink tmp/W/info\n"
	"rename tmp/W workers/W\n";

/* One RPC each: claim, start, commit (PROTOCOL 3). */
static const char plain[] =
	"list queue\n"
	"list queue/B\n"
	"rename queue/B/T0 workers/W/T1\n"
	"rename workers/W/T1 workers/W/T2\n"
	"rename workers/W/T2 done/0/T3\n";

/* Its output outside the spool takes its place between decision and end. */
static const char outside[] =
	"list queue\n"
	"list queue/B\n"
	"rename queue/B/T0 workers/W/T1\n"
	"rename workers/W/T1 workers/W/T2\n"
	"rename workers/W/T2 workers/W/T3\n"
	"rename .result.nfsq-5.1 result\n"
	"rename workers/W/T3 done/0/T4\n";

static const char request[] =
	"symlink tmp/req.cancel.0.1.N\n"
	"rename tmp/req.cancel.0.1.N queue/req.cancel.0.1.N\n"
	"open queue\n"
	"fsync queue\n"
	"close queue\n";

static const char drain[] =
	"symlink tmp/drain.host.w.N\n"
	"rename tmp/drain.host.w.N queue/drain.host.w.N\n"
	"open queue\n"
	"fsync queue\n"
	"close queue\n";

static const char leave[] =
	"unlink workers/W/lease\n"
	"list workers/W\n"
	"unlink workers/W/info\n"
	"rmdir workers/W\n";

static const char reap[] =
	"touch tmp\n"
	"unlink workers/W/lease\n"
	"list workers/W\n"
	"list queue\n"
	"symlink tmp/RECORD\n"
	"rename tmp/RECORD out/0/RECORD\n"
	"list queue\n"
	"rename workers/W/T2 queue/B/T3\n"
	"touch queue\n"
	"list workers/W\n"
	"unlink workers/W/info\n"
	"rmdir workers/W\n";

static int failures;

static void
expect(const char *what, const char *want)
{
	if (strcmp(trace.s, want) != 0) {
		fprintf(stderr, "%s: wanted\n%sgot\n%s", what, want, trace.s);
		failures++;
	}
	printf("%s: compared\n", what);
	str_clear(&trace);
}

static void
need(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "order: cannot %s: %s\n", what, strerror(errno));
	failures++;
}

/* Whoever takes an id leaves a target that nobody else can have made: it
 * carries the nonce (NFS-FACTS 2.4). */
static bool
took_id(const struct spool *sp, const struct token *t)
{
	char *path = xasprintf("%s/seq/%" PRIu64 ".%s", sp->dir, t->id + 1,
			       t->nonce);
	struct stat st;
	bool yes = lstat(path, &st) == 0;

	free(path);
	return yes;
}

static void
submit(struct spool *sp, bool held, const char *input, const char *output)
{
	int fd = input ? open(input, O_RDONLY | O_CLOEXEC) : -1;
	struct token t;
	struct job j;

	job_init(&j);
	strlist_add(&j.argv, "true");
	j.hold = held;
	j.output = output ? xstrdup(output) : NULL;
	need(spool_submit(sp, &j, fd, &t, NULL) == 0, "submit");
	need(took_id(sp, &t), "find the nonce in seq/");
	job_release(&j);
	if (fd >= 0)
		close(fd);
}

/* Claims the job at the front and starts it. */
static void
start(struct spool *sp, const struct seat *seat, struct token *t)
{
	struct token *v = NULL;
	struct queue q;
	size_t n = 0;

	need(spool_look(sp, &q, NULL) == 0 && q.nbuckets == 1 &&
	     spool_bucket(sp, &q.buckets[0], &v, &n) == 0 && n > 0, "look");
	if (n > 0) {
		*t = v[0];
		need(spool_claim(sp, seat, &q.buckets[0], t) == 1, "claim");
		need(spool_start(sp, seat, t, "host", 1) == 1, "start");
	}
	free(v);
	queue_release(&q);
}

static void
run(struct spool *sp, const struct seat *seat, struct outputs *o)
{
	struct token t, end;

	token_init(&t);
	start(sp, seat, &t);
	end = t;
	end.ended = true;
	end.reason = REASON_EXIT;
	end.end_ms = 2;
	if (o) {
		need(spool_decide(sp, seat, &t, &end) == 1, "decide");
		need(outputs_finish(o, NULL) == 0, "finish");
		end = t;
	}
	need(spool_commit(sp, seat, &t, &end, STATE_DONE) == 1, "commit");
}

static void
scenes(struct spool *sp, const char *base)
{
	char name[] = "w";
	struct worker_info info = {
		.uuid = "00000000-0000-4000-8000-000000000001", .name = name,
	};
	char *file = xasprintf("%s/result", base);
	struct outputs o = {
		.out = { .kind = OUTPUT_FILE, .path = file }, .same = true,
	};
	struct request cancel = { .op = REQ_CANCEL, .id = 1 };
	struct seat seat;
	struct token t;
	int64_t ms;

	submit(sp, false, NULL, NULL);
	expect("submit, first", submit_first);
	submit(sp, true, NULL, NULL);
	expect("submit, held", submit_held);
	submit(sp, false, "/proc/self/cmdline", NULL);
	expect("submit, with input", submit_input);
	sp->nfs = true;
	submit(sp, false, NULL, NULL);
	sp->nfs = false;
	expect("submit, on NFS", submit_nfs);
	need(spool_join(sp, &seat, &info, &ms, NULL) == 0, "join");
	expect("join", join);
	run(sp, &seat, NULL);	/* makes done/0 */
	run(sp, &seat, NULL);
	str_clear(&trace);
	run(sp, &seat, NULL);
	expect("claim to commit", plain);
	submit(sp, false, NULL, file);
	o.out.sibling = xasprintf("%s/.result.nfsq-5.1", base);
	need(symlink("x", o.out.sibling) == 0, "make an output");
	str_clear(&trace);
	run(sp, &seat, &o);
	expect("claim to commit, with output", outside);
	submit(sp, false, NULL, NULL);
	token_init(&t);
	start(sp, &seat, &t);
	need(spool_record(sp, &t, seat.uuid, NULL) == 0, "record");
	str_clear(&trace);
	need(recover_reap(sp, seat.uuid, NULL) == 1, "reap");
	expect("reap", reap);
	seat_release(&seat);
	need(spool_join(sp, &seat, &info, &ms, NULL) == 0, "join");
	str_clear(&trace);
	need(spool_leave(sp, &seat) == 0, "leave");
	expect("leave", leave);
	need(spool_request(sp, &cancel, NULL, NULL) == 0, "request");
	expect("request", request);
	need(spool_drain(sp, "host", "w", NULL) == 0, "drain");
	expect("drain", drain);
	outputs_release(&o);
	seat_release(&seat);
}

static void
remove_tree(const char *path)
{
	struct strlist names = STRLIST_INIT;

	if (unlink(path) == 0)
		return;
	fs_list_all(path, &names);
	for (size_t i = 0; i < names.n; i++) {
		char *p = xasprintf("%s/%s", path, names.v[i]);

		remove_tree(p);
		free(p);
	}
	strlist_release(&names);
	rmdir(path);
}

int
main(void)
{
	char base[] = "order.tmp.XXXXXX";
	char *cwd = getcwd(NULL, 0), *dir;
	struct error err = ERROR_INIT;
	struct spool *sp;

	msg_program("order");
	if (!cwd || !mkdtemp(base)) {
		perror("order: cannot make a directory");
		return 1;
	}
	umask(0);
	dir = xasprintf("%s/%s/spool", cwd, base);
	root = xasprintf("%s/", dir);
	if (spool_init(dir, false, 0, &err) < 0 ||
	    !(sp = spool_open(dir, &err))) {
		fprintf(stderr, "order: %s\n", error_text(&err));
		return 1;
	}
	sp->nfs = false;
	lay();
	*strrchr(dir, '/') = '\0';
	scenes(sp, dir);
	fs_ops = fs_real;
	remove_tree(dir);
	spool_free(sp);
	free(root);
	free(dir);
	free(cwd);
	str_release(&trace);
	return failures > 0;
}
