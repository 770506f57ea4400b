/*
 * unit-shepherd.c - real shepherds run real jobs; this process is the keeper
 *
 * No case sleeps: each waits, with a bound, for a report, for a line of the
 * job, or for the end of file that comes when no process of it is left.
 */
#include "nfsq.h"
#include "unit.h"

#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/statvfs.h>
#include <sys/wait.h>

#include "job.h"
#include "proc.h"
#include "runfile.h"
#include "shepherd.h"

#define BOUND_MS 30000
#define CLAIM "42.9f2c61d0ab.3,a=2"

const char unit_suite[] = "unit-shepherd";

static char *tmp;	/* of this run, in the build directory */
static pid_t tmp_owner;

static void
remove_tmp(void)
{
	static const char *const names[] = { "nfsq", "fifo", "plain", "text" };

	if (getpid() != tmp_owner)
		return;
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		char *path = xasprintf("%s/%s", tmp, names[i]);

		if (unlink(path) < 0)
			(void)rmdir(path);
		free(path);
	}
	if (rmdir(tmp) < 0)
		fprintf(stderr, "cannot remove '%s': %s\n", tmp,
			strerror(errno));
	free(tmp);
}

/* Everything that a test leaves for a moment is in here. */
static void
need_tmp(void)
{
	char *cwd;

	if (tmp)
		return;
	cwd = getcwd(NULL, 0);
	tmp = xasprintf("%s/unit-shepherd.XXXXXX", cwd);
	free(cwd);
	if (!mkdtemp(tmp))
		BUG("cannot make '%s': %s", tmp, strerror(errno));
	tmp_owner = getpid();
	atexit(remove_tmp);
	setenv("XDG_RUNTIME_DIR", tmp, 1);
	proc_subreaper();
}

static char *
in_tmp(const char *name)
{
	need_tmp();
	return xasprintf("%s/%s", tmp, name);
}

static void
put_file(const char *path, const char *text, mode_t mode)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	CHECK(fd >= 0, path);
	CHECK(write(fd, text, strlen(text)) == (ssize_t)strlen(text), path);
	CHECK(fchmod(fd, mode) == 0, path);
	close(fd);
}

/* --- a shepherd */

struct rig {
	int sock;
	pid_t pid;
	struct beat *beat;
	int theirs;
};

static void
rig_child(void *arg)
{
	struct rig *r = arg;

	shepherd_main(r->theirs, r->beat, "/the spool", 1);
}

static struct rig
rig_open(void)
{
	struct rig r;
	int pair[2];

	need_tmp();
	r.beat = mmap(NULL, sizeof(*r.beat), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (r.beat == MAP_FAILED ||
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		BUG("cannot make a rig: %s", strerror(errno));
	r.sock = pair[0];
	r.theirs = pair[1];
	r.pid = proc_fork(rig_child, &r, &r.theirs, 1);
	close(r.theirs);
	return r;
}

/* Waits until fd can be read, or its other end is gone. */
static bool
readable(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, BOUND_MS) == 1;
}

/* The other end of the socket is closed when the shepherd has exited. */
static void
rig_close(struct rig *r, const char *name)
{
	char byte;
	int status;

	shutdown(r->sock, SHUT_WR);
	CHECK(readable(r->sock), name);
	CHECK(recv(r->sock, &byte, 1, 0) <= 0, name);
	CHECK(waitpid(r->pid, &status, 0) == r->pid, name);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0, name);
	CHECK(!proc_has_strays(NULL, 0), name);
	close(r->sock);
	munmap(r->beat, sizeof(*r->beat));
}

/* --- a job */

static struct job
job_of(const char *const *argv)
{
	struct job j;

	need_tmp();
	job_init(&j);
	for (; argv && *argv; argv++)
		strlist_add(&j.argv, *argv);
	free(j.name);
	j.name = xstrdup("a-name");
	free(j.user);
	j.user = xstrdup("");
	free(j.cwd);
	j.cwd = xstrdup(tmp);
	free(j.submit_dir);
	j.submit_dir = xstrdup("/submitted");
	free(j.submit_host);
	j.submit_host = xstrdup("far");
	return j;
}

static struct job
job_shell(const char *text)
{
	const char *const argv[] = { "sh", "-c", text, NULL };

	return job_of(argv);
}

/* Sends START; takes job over.  fds->body is made here. */
static void
start(struct rig *r, struct job *j, struct shepherd_fds fds, unsigned flags)
{
	struct shepherd_order o = { .op = SHEPHERD_START, .flags = flags };
	struct str text = STR_INIT;

	job_format(j, &text);
	fds.body = memfd_create("body", MFD_CLOEXEC);
	CHECK(write(fds.body, text.s, text.len) == (ssize_t)text.len, "body");
	o.body_len = text.len;
	snprintf(o.claim, sizeof(o.claim), "%s", CLAIM);
	snprintf(o.worker, sizeof(o.worker), "w1 some-uuid");
	CHECK(shepherd_send(r->sock, &o, &fds) == 0, "send");
	close(fds.body);
	str_release(&text);
	job_release(j);
}

static void
order(struct rig *r, enum shepherd_op op, int arg, int arg2,
      enum shepherd_why why)
{
	struct shepherd_order o = { .op = op, .arg = arg, .arg2 = arg2,
				    .why = why };

	CHECK(shepherd_send(r->sock, &o, NULL) == 0, "order");
}

static struct shepherd_report
report(struct rig *r)
{
	struct shepherd_report rep = { .status = -1 };

	if (!readable(r->sock) ||
	    recv(r->sock, &rep, sizeof(rep), 0) != (ssize_t)sizeof(rep))
		rep = (struct shepherd_report){ .stage = STAGE_FORK,
						.error = ETIME };
	return rep;
}

static const struct shepherd_fds no_fds = { -1, -1, -1, -1 };

static int
capture(void)
{
	return memfd_create("output", MFD_CLOEXEC);
}

/* What was written to a capture, which is closed; to be freed. */
static char *
captured(int fd, size_t *len)
{
	struct stat st;
	char *text;

	CHECK(fstat(fd, &st) == 0, "captured");
	text = xmalloc((size_t)st.st_size + 1);
	CHECK(pread(fd, text, (size_t)st.st_size, 0) == st.st_size,
	      "captured");
	text[st.st_size] = '\0';
	if (len)
		*len = (size_t)st.st_size;
	close(fd);
	return text;
}

/* Runs a job to its report, stdout and stderr to *out if that is not NULL. */
static struct shepherd_report
run(struct rig *r, struct job j, char **out)
{
	struct shepherd_fds fds = no_fds;
	struct shepherd_report rep;

	fds.out = capture();
	start(r, &j, fds, 0);
	rep = report(r);
	if (out)
		*out = captured(fds.out, NULL);
	else
		close(fds.out);
	return rep;
}

/* Starts a job with a pipe as its stdout and stderr and waits for its first
 * line, which is kept in line[].  Returns the pipe's read end. */
static int
start_talking(struct rig *r, struct job j, char line[64], unsigned flags)
{
	struct shepherd_fds fds = no_fds;
	int pipes[2];
	size_t n = 0;

	line[0] = '\0';
	if (pipe2(pipes, O_CLOEXEC) < 0)
		BUG("cannot make a pipe: %s", strerror(errno));
	fds.out = pipes[1];
	start(r, &j, fds, flags);
	close(pipes[1]);
	while (n < 63 && readable(pipes[0]) &&
	       read(pipes[0], line + n, 1) == 1 && line[n] != '\n')
		n++;
	line[n] = '\0';
	return pipes[0];
}

/* Reads to the end of file: no process of the job is left.  true when that
 * came in time. */
static bool
all_gone(int fd)
{
	char buf[512];
	ssize_t n = 1;

	while (n > 0) {
		if (!readable(fd))
			break;
		n = read(fd, buf, sizeof(buf));
	}
	close(fd);
	return n == 0;
}

static bool
exited(const struct shepherd_report *rep, int code)
{
	return rep->stage == STAGE_NONE && WIFEXITED(rep->status) &&
	       WEXITSTATUS(rep->status) == code;
}

static bool
died(const struct shepherd_report *rep, int sig)
{
	return rep->stage == STAGE_NONE && WIFSIGNALED(rep->status) &&
	       WTERMSIG(rep->status) == sig;
}

/* --- cases */

static void
test_ends(void)
{
	static const struct {
		const char *name, *text;
		int code, sig;
	} cases[] = {
		{ "true", "exit 0", 0, 0 },
		{ "exit 3", "exit 3", 3, 0 },
		{ "exit 255", "exit 255", 255, 0 },
		{ "exit 127 of its own", "exit 127", 127, 0 },
		{ "signal 9", "kill -9 $$", 0, 9 },
		{ "signal 15", "kill -15 $$", 0, 15 },
		{ "SIGPIPE is not ignored", "kill -PIPE $$", 0, SIGPIPE },
		{ "SIGINT is not ignored", "kill -INT $$", 0, SIGINT },
		{ "SIGCHLD is not blocked", "sleep 0 & wait; exit 4", 4, 0 },
	};
	struct rig r = rig_open();

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct shepherd_report rep;

		rep = run(&r, job_shell(cases[i].text), NULL);
		CHECK(cases[i].sig ? died(&rep, cases[i].sig)
				   : exited(&rep, cases[i].code),
		      cases[i].name);
		CHECK(rep.why == WHY_NONE, cases[i].name);
		CHECK(rep.error == 0, cases[i].name);
	}
	rig_close(&r, "ends");
}

static void
test_start_fails(void)
{
	static const struct {
		const char *name, *argv0, *cwd, *input;
		enum shepherd_stage stage;
		int error;
	} cases[] = {
		{ "no such command", "no-such-command-1", NULL, NULL,
		  STAGE_EXEC, ENOENT },
		{ "no such file", "./none", NULL, NULL, STAGE_EXEC, ENOENT },
		{ "empty command", "", NULL, NULL, STAGE_EXEC, ENOENT },
		{ "not executable", "./plain", NULL, NULL, STAGE_EXEC,
		  EACCES },
		{ "a directory", "/", NULL, NULL, STAGE_EXEC, EACCES },
		{ "no directory", "true", "/no/such/dir", NULL, STAGE_CHDIR,
		  ENOENT },
		{ "directory is a file", "true", "/dev/null", NULL,
		  STAGE_CHDIR, ENOTDIR },
		{ "no input", "true", NULL, "none", STAGE_INPUT, ENOENT },
		{ "input is a directory", "true", NULL, "/", STAGE_INPUT,
		  EISDIR },
	};
	struct rig r = rig_open();
	char *plain = in_tmp("plain");

	put_file(plain, "x\n", 0600);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const char *const argv[] = { cases[i].argv0, NULL };
		struct job j = job_of(argv);
		struct shepherd_report rep;

		if (cases[i].cwd) {
			free(j.cwd);
			j.cwd = xstrdup(cases[i].cwd);
		}
		if (cases[i].input)
			j.input = xstrdup(cases[i].input);
		rep = run(&r, j, NULL);
		CHECK(rep.stage == cases[i].stage, cases[i].name);
		CHECK(rep.error == cases[i].error, cases[i].name);
	}
	unlink(plain);
	free(plain);
	rig_close(&r, "start fails");
}

static void
test_bad_order(void)
{
	struct rig r = rig_open();
	struct shepherd_order o = { .op = SHEPHERD_START, .body_len = 10 };
	struct shepherd_fds fds = no_fds;
	struct shepherd_report rep;

	snprintf(o.claim, sizeof(o.claim), "%s", CLAIM);
	fds.body = memfd_create("body", MFD_CLOEXEC);
	CHECK(shepherd_send(r.sock, &o, &fds) == 0, "short body");
	rep = report(&r);
	CHECK(rep.stage == STAGE_BODY && rep.error == EIO, "short body");
	CHECK(write(fds.body, "nonsense\n\n", 10) == 10, "corrupt body");
	CHECK(shepherd_send(r.sock, &o, &fds) == 0, "corrupt body");
	rep = report(&r);
	CHECK(rep.stage == STAGE_BODY && rep.error == EINVAL, "corrupt body");
	o.body_len = (uint64_t)1 << 40;
	CHECK(shepherd_send(r.sock, &o, &fds) == 0, "endless body");
	rep = report(&r);
	CHECK(rep.stage == STAGE_BODY && rep.error == EFBIG, "endless body");
	close(fds.body);
	rep = run(&r, job_shell("exit 5"), NULL);
	CHECK(exited(&rep, 5), "goes on after a bad order");
	rig_close(&r, "bad order");
}

static void
test_words(void)
{
	const char *const argv[] = {
		"sh", "-c", "for a do printf '<%s>' \"$a\"; done", "x",
		"two words", "'quotes\"", "new\nline", "", "-n", "$HOME `id`",
		"\xff\xfe\x80", "back\\slash", "#NFSQ", "a=b;c", NULL,
	};
	struct rig r = rig_open();
	char *out;
	struct shepherd_report rep = run(&r, job_of(argv), &out);

	CHECK(exited(&rep, 0), "words");
	CHECK_STR(out,
		  "<two words><'quotes\"><new\nline><><-n><$HOME `id`>"
		  "<\xff\xfe\x80><back\\slash><#NFSQ><a=b;c>",
		  "words");
	free(out);
	rig_close(&r, "words");
}

static void
test_descriptors(void)
{
	const char *const argv[] = { "ls", "/proc/self/fd", NULL };
	int leak = open("/dev/null", O_RDONLY);	/* not O_CLOEXEC */
	struct rig r = rig_open();
	char *out;
	struct shepherd_report rep = run(&r, job_of(argv), &out);

	CHECK(exited(&rep, 0), "descriptors");
	CHECK_STR(out, "0\n1\n2\n3\n", "descriptors (3 is ls's own)");
	free(out);
	close(leak);
	rep = run(&r, job_shell("readlink /proc/self/fd/0"), &out);
	CHECK(exited(&rep, 0), "stdin");
	CHECK_STR(out, "/dev/null\n", "stdin");
	free(out);
	rig_close(&r, "descriptors");
}

/* Is the line there? */
static bool
has_line(const char *text, const char *line)
{
	size_t len = strlen(line);

	for (const char *p = text; *p; p += strcspn(p, "\n"), p += *p == '\n')
		if (strncmp(p, line, len) == 0 && p[len] == '\n')
			return true;
	return false;
}

static void
check_lines(const char *text, const char *const *lines, bool there)
{
	for (; *lines; lines++)
		CHECK(has_line(text, *lines) == there, *lines);
}

static void
test_environment(void)
{
	static const char *const both[] = {
		"NFSQ_JOB_ID=42", "NFSQ_ATTEMPT=2", "NFSQ_SPOOL=/the spool",
		"NFSQ_WORKER=w1 some-uuid", "NFSQ_CPUS=3", "NFSQ_MEM_MB=512",
		"NFSQ_SUBMIT_DIR=/submitted", "NFSQ_SUBMIT_HOST=far",
		"NFSQ_JOB_NAME=a-name", "HOME=/of/worker", "A=of job", NULL,
	};
	static const char *const only_job[] = { "OMP_NUM_THREADS=7", NULL };
	static const char *const only_bare[] = { "OMP_NUM_THREADS=3", NULL };
	static const char *const never[] = { "X_OF_WORKER=1", NULL };
	struct rig r;
	struct shepherd_report rep;
	char *out, *pwd;

	setenv("HOME", "/of/worker", 1);
	setenv("X_OF_WORKER", "1", 1);
	r = rig_open();
	for (int bare = 0; bare <= 1; bare++) {
		struct job j = job_shell("env");

		j.no_env = bare;
		j.cpus = 3;
		j.mem_mb = 512;
		strlist_add(&j.env, "A=of job");
		strlist_add(&j.env, "NFSQ_SPOOL=/stale");
		if (!bare)
			strlist_add(&j.env, "OMP_NUM_THREADS=7");
		rep = run(&r, j, &out);
		CHECK(exited(&rep, 0), "environment");
		check_lines(out, both, true);
		check_lines(out, only_job, !bare);
		check_lines(out, only_bare, bare);
		check_lines(out, never, false);
		pwd = xasprintf("PWD=%s", tmp);
		CHECK(has_line(out, pwd), "PWD");
		free(pwd);
		free(out);
	}
	unsetenv("X_OF_WORKER");
	rig_close(&r, "environment");
}

static void
test_path(void)
{
	struct rig r = rig_open();
	char *text = in_tmp("text");
	const char *const argv[] = { "text", "an arg", NULL };
	struct shepherd_report rep;
	struct job j = job_of(argv);
	struct statvfs vfs;
	char *out;

	if (statvfs(tmp, &vfs) == 0 && (vfs.f_flag & ST_NOEXEC)) {
		fprintf(stderr, "path: skipped, '%s' is noexec\n", tmp);
		free(text);
		job_release(&j);
		rig_close(&r, "path");
		return;
	}
	/* No #! line: the shell's, as execvp has it; found by the job's PATH
	 * behind an entry that is not there. */
	put_file(text, "echo \"in sh: $1\"\nexit 9\n", 0700);
	strlist_take(&j.env, xasprintf("PATH=/nowhere:%s:/bin:/usr/bin", tmp));
	rep = run(&r, j, &out);
	CHECK(exited(&rep, 9), "text file");
	CHECK_STR(out, "in sh: an arg\n", "text file");
	free(out);
	put_file(text, "\177NOT\001\0for this machine", 0700);
	CHECK(truncate(text, 64) == 0, "foreign");
	j = job_of(argv);
	strlist_take(&j.env, xasprintf("PATH=%s", tmp));
	rep = run(&r, j, NULL);
	CHECK(rep.stage == STAGE_EXEC && rep.error == ENOEXEC, "foreign");
	unlink(text);
	free(text);
	rig_close(&r, "path");
}

static void
test_attributes(void)
{
	struct rig r = rig_open();
	struct job j = job_shell("umask; ulimit -c; pwd; "
				 "set -- $(cat /proc/self/stat); "
				 "test $6 = $$ && test $5 = $$ && "
				 "echo leader; grep SigBlk /proc/self/status; "
				 "grep SigIgn /proc/self/status");
	struct shepherd_report rep;
	char *out, *want;

	j.umask = 027;
	rep = run(&r, j, &out);
	CHECK(exited(&rep, 0), "attributes");
	want = xasprintf("0027\n0\n%s\nleader\n"
			 "SigBlk:\t0000000000000000\n"
			 "SigIgn:\t0000000000000000\n", tmp);
	CHECK_STR(out, want, "attributes");
	free(want);
	free(out);
	rig_close(&r, "attributes");
}

static void
test_streams(void)
{
	struct rig r = rig_open();
	struct shepherd_fds fds = no_fds;
	struct job j = job_shell("cat; echo to err >&2");
	struct shepherd_report rep;
	char *text;

	fds.out = capture();
	fds.err = capture();
	fds.in = capture();
	CHECK(write(fds.in, "a\0b\n", 4) == 4, "in");
	CHECK(lseek(fds.in, 0, SEEK_SET) == 0, "in");
	start(&r, &j, fds, 0);
	rep = report(&r);
	CHECK(exited(&rep, 0), "streams");
	close(fds.in);
	text = captured(fds.out, NULL);
	CHECK(memcmp(text, "a\0b\n", 4) == 0, "stdout");
	free(text);
	text = captured(fds.err, NULL);
	CHECK_STR(text, "to err\n", "stderr");
	free(text);

	text = in_tmp("plain");
	put_file(text, "from 42\n", 0600);
	j = job_shell("cat");
	j.input = xstrdup("plain");
	free(text);
	rep = run(&r, j, &text);
	CHECK(exited(&rep, 0), "input");
	CHECK_STR(text, "from 42\n", "input");
	free(text);
	text = in_tmp("plain");
	unlink(text);
	free(text);
	rig_close(&r, "streams");
}

/* A FIFO as --output is opened by the child, and both streams go there. */
static void
test_special_output(void)
{
	struct rig r = rig_open();
	char *path = in_tmp("fifo");
	struct job j = job_shell("echo one; echo two >&2");
	struct shepherd_report rep;
	char buf[64] = "";
	int fd;

	CHECK(mkfifo(path, 0600) == 0, path);
	fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	j.output = xstrdup("fifo");
	start(&r, &j, no_fds, SHEPHERD_OUT_PATH);
	rep = report(&r);
	CHECK(exited(&rep, 0), "fifo");
	CHECK(read(fd, buf, sizeof(buf) - 1) == 8, "fifo");
	CHECK_STR(buf, "one\ntwo\n", "fifo");
	close(fd);
	j = job_shell("echo lost");
	j.output = xstrdup("/dev/null");
	start(&r, &j, no_fds, SHEPHERD_OUT_PATH);
	rep = report(&r);
	CHECK(exited(&rep, 0), "null");
	j = job_shell("echo lost");
	j.output = xstrdup("/no/such");
	start(&r, &j, no_fds, SHEPHERD_OUT_PATH);
	rep = report(&r);
	CHECK(rep.stage == STAGE_OUTPUT && rep.error == ENOENT, "vanished");
	unlink(path);
	free(path);
	rig_close(&r, "special output");
}

/* A child that hangs before exec (here in open of a FIFO without a writer,
 * elsewhere in chdir on a dead server) does not hang its shepherd. */
static void
test_hanging_start(void)
{
	struct rig r = rig_open();
	char *path = in_tmp("fifo");
	struct shepherd_report rep;
	struct job j;

	CHECK(mkfifo(path, 0600) == 0, path);
	for (int i = 0; i < 3; i++) {
		j = job_shell("exit 0");
		j.input = xstrdup("fifo");
		if (i == 2)
			j.time_limit_ms = 50;
		start(&r, &j, no_fds, 0);
		if (i < 2)
			order(&r, i == 0 ? SHEPHERD_KILL : SHEPHERD_END, 0, 0,
			      WHY_CANCEL);
		rep = report(&r);
		CHECK(died(&rep, i == 0 ? SIGKILL : SIGTERM), "hanging");
		CHECK(rep.why == (i == 2 ? WHY_TIMEOUT : WHY_CANCEL),
		      "hanging");
	}
	unlink(path);
	free(path);
	rig_close(&r, "hanging start");
}

static struct job
job_script(const char *text)
{
	static const char *const args[] = { "an arg", "second", NULL };
	struct job j = job_of(args);

	j.script = xstrdup(text);
	j.script_len = strlen(text);
	j.script_path = xstrdup("/home/me/its script");
	return j;
}

static void
test_script(void)
{
	static const struct {
		const char *name, *text;
	} cases[] = {
		{ "sh", "#!/bin/sh\nprintf '%s\\n' \"$0\" \"$NFSQ_SCRIPT\" "
			"\"$#\" \"$1\" \"$2\"\nexit 6\n" },
		{ "env sh", "#! /usr/bin/env sh\nprintf '%s\\n' \"$0\" "
			    "\"$NFSQ_SCRIPT\" \"$#\" \"$1\" \"$2\"\nexit 6" },
		{ "flag", "#!/bin/sh -e\nprintf '%s\\n' \"$0\" "
			  "\"$NFSQ_SCRIPT\" \"$#\" \"$1\" \"$2\"\n"
			  "(exit 6)\nexit 0\n" },
		{ "no #!", "printf '%s\\n' \"$0\" \"$NFSQ_SCRIPT\" "
			   "\"$#\" \"$1\" \"$2\"\nexit 6\n" },
	};
	struct rig r = rig_open();

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct shepherd_report rep;
		char *out, *rest;

		rep = run(&r, job_script(cases[i].text), &out);
		CHECK(exited(&rep, 6), cases[i].name);
		rest = out + strcspn(out, "\n");
		CHECK_STR(rest,
			  "\n/home/me/its script\n2\nan arg\nsecond\n",
			  cases[i].name);
		*rest = '\0';
		CHECK(strncmp(out, tmp, strlen(tmp)) == 0, cases[i].name);
		CHECK(access(out, F_OK) < 0 && errno == ENOENT,
		      cases[i].name);
		free(out);
	}
	rig_close(&r, "script");
}

static void
write_and_forget(void *arg)
{
	bool noexec;

	free(runfile_write("x", 1, &noexec));
	_exit(*(int *)arg);
}

static int
count_runfiles(void)
{
	char *dir;
	int fd = runfile_dir(&dir);
	struct stat st;
	char *path;
	uint64_t birth = 0;
	int n = 0;

	CHECK(fd >= 0, "dir");
	CHECK(strncmp(dir, tmp, strlen(tmp)) == 0, "dir");
	CHECK(fstat(fd, &st) == 0 && (st.st_mode & 0777) == 0700, "mode");
	close(fd);
	CHECK(proc_birth(getpid(), &birth) && birth > 0, "birth");
	path = xasprintf("ls '%s' | wc -l", dir);
	{
		struct rig r = rig_open();
		char *out;

		(void)run(&r, job_shell(path), &out);
		n = (int)strtol(out, NULL, 10);
		free(out);
		rig_close(&r, "count");
	}
	free(path);
	free(dir);
	return n;
}

static void
test_sweep(void)
{
	bool noexec;
	char *mine;
	int zero = 0, status;
	pid_t pid;

	need_tmp();
	mine = runfile_write("y", 1, &noexec);
	CHECK(mine != NULL, "sweep");
	pid = proc_fork(write_and_forget, &zero, NULL, 0);
	CHECK(waitpid(pid, &status, 0) == pid, "sweep");
	CHECK(count_runfiles() == 2, "one forgotten");
	shepherd_sweep();
	CHECK(count_runfiles() == 1, "swept");
	CHECK(access(mine, F_OK) == 0, "the living one's stays");
	runfile_remove(mine);
	CHECK(count_runfiles() == 0, "removed");
	free(mine);
}

static void
test_time_limit(void)
{
	struct rig r = rig_open();
	struct job j = job_shell("trap '' TERM; while :; do sleep 0.1; done");
	struct shepherd_report rep;

	j.time_limit_ms = 200;
	j.kill_grace_ms = 200;
	rep = run(&r, j, NULL);
	CHECK(died(&rep, SIGKILL), "ignores TERM");
	CHECK(rep.why == WHY_TIMEOUT, "ignores TERM");
	CHECK(rep.end_ms - rep.start_ms >= 400, "ignores TERM");
	j = job_shell("sleep 1000");
	j.time_limit_ms = 100;
	rep = run(&r, j, NULL);
	CHECK(died(&rep, SIGTERM), "dies of TERM");
	CHECK(rep.why == WHY_TIMEOUT, "dies of TERM");
	j = job_shell("exit 2");
	j.time_limit_ms = 3600000;
	rep = run(&r, j, NULL);
	CHECK(exited(&rep, 2) && rep.why == WHY_NONE, "in time");
	rig_close(&r, "time limit");
}

static void
test_orders(void)
{
	struct rig r = rig_open();
	struct shepherd_report rep;
	char line[64];
	int fd;

	fd = start_talking(&r, job_shell("trap 'exit 7' TERM; echo ready; "
					 "sleep 1000 & wait"), line, 0);
	order(&r, SHEPHERD_END, 0, 0, WHY_CANCEL);
	rep = report(&r);
	CHECK(exited(&rep, 7) && rep.why == WHY_CANCEL, "END");
	CHECK(all_gone(fd), "END");

	fd = start_talking(&r, job_shell("(kill -STOP $$; echo ready) & "
					 "wait; sleep 1000"), line, 0);
	order(&r, SHEPHERD_END, 0, 0, WHY_REQUEUE);
	rep = report(&r);
	CHECK(died(&rep, SIGTERM) && rep.why == WHY_REQUEUE, "END of stopped");
	CHECK(all_gone(fd), "END of stopped");

	fd = start_talking(&r, job_shell("trap '' TERM; echo ready; "
					 "sleep 1000 & wait; sleep 1000"),
			   line, 0);
	order(&r, SHEPHERD_END, 0, 0, WHY_CANCEL);
	order(&r, SHEPHERD_KILL, 0, 0, WHY_SHUTDOWN);
	rep = report(&r);
	CHECK(died(&rep, SIGKILL) && rep.why == WHY_CANCEL, "first why wins");
	CHECK(all_gone(fd), "KILL");

	fd = start_talking(&r, job_shell("trap 'exit 8' USR1; echo ready; "
					 "while :; do sleep 0.1; done"),
			   line, 0);
	order(&r, SHEPHERD_SIGNAL, SIGUSR1, 1, WHY_NONE);
	rep = report(&r);
	CHECK(exited(&rep, 8) && rep.why == WHY_NONE, "SIGNAL leader");
	CHECK(all_gone(fd), "SIGNAL leader");

	fd = start_talking(&r, job_shell("trap '' USR1; (trap - USR1; "
					 "exec sleep 1000) & p=$!; "
					 "echo ready; wait $p; exit 9"),
			   line, 0);
	order(&r, SHEPHERD_SIGNAL, SIGKILL, 0, WHY_NONE);
	rep = report(&r);
	CHECK(died(&rep, SIGKILL) && rep.why == WHY_NONE, "SIGNAL all");
	CHECK(all_gone(fd), "SIGNAL all");

	order(&r, SHEPHERD_END, 0, 0, WHY_CANCEL);	/* idle: nothing */
	rep = run(&r, job_shell("exit 1"), NULL);
	CHECK(exited(&rep, 1) && rep.why == WHY_NONE, "too late an order");
	rig_close(&r, "orders");
}

#define DAEMON \
	"(setsid env -i sh -c '(trap \"\" TERM HUP; sleep 1000; :) & " \
	"exit' &)\n"

static void
test_tree(void)
{
	static const struct {
		const char *name, *text;
	} cases[] = {
		{ "background", "sleep 1000 & exit 3" },
		{ "daemon", DAEMON "exit 3" },
		{ "stopped", "sh -c 'kill -STOP $$' & exit 3" },
		{ "forks",
		  "i=0; while [ $i -lt 5 ]; do\n"
		  "  (trap '' TERM; n=0; while [ $n -lt 60 ]; do\n"
		  "    (sleep 1000 &); n=$((n+1)); done) &\n"
		  "  i=$((i+1))\ndone; exit 3" },
		/* Each forks the next one and ends, with a bound in case
		 * that nobody catches it. */
		{ "chain",
		  "f() { [ $1 -lt 5000 ] && (f $(($1+1))) & }\n"
		  "f 0; exit 3" },
		{ "chain of sessions",
		  "export C='[ $1 -lt 3000 ] && "
		  "setsid -f sh -c \"$C\" x $(($1+1))'\n"
		  "sh -c \"$C\" x 0 & exit 3" },
	};
	struct rig r = rig_open();

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char line[64];
		char *text = xasprintf("echo ready\n%s", cases[i].text);
		int fd = start_talking(&r, job_shell(text), line, 0);
		struct shepherd_report rep = report(&r);

		CHECK(exited(&rep, 3), cases[i].name);
		CHECK(rep.why == WHY_NONE, cases[i].name);
		/* Gone when the report is there, not some time later. */
		CHECK(poll(&(struct pollfd){ .fd = fd, .events = POLLIN }, 1,
			   0) == 1, cases[i].name);
		CHECK(all_gone(fd), cases[i].name);
		free(text);
	}
	rig_close(&r, "tree");
}

/* What is left after the leader has its grace when the job is being ended. */
static void
test_grace_of_the_rest(void)
{
	struct rig r = rig_open();
	struct shepherd_report rep;
	struct job j = job_shell("(trap 'sleep 0.2; echo saved; exit' TERM; "
				 "echo ready; while :; do sleep 0.05; done) & "
				 "wait");
	char line[64], buf[64] = "";
	int fd = start_talking(&r, j, line, 0);

	order(&r, SHEPHERD_END, 0, 0, WHY_CANCEL);
	rep = report(&r);
	CHECK(died(&rep, SIGTERM) && rep.why == WHY_CANCEL, "leader");
	CHECK(readable(fd) && read(fd, buf, 63) > 0, "rest");
	CHECK(strstr(buf, "saved\n") != NULL, "rest");
	CHECK(all_gone(fd), "rest");
	rig_close(&r, "grace");
}

static void
test_keeper_gone(void)
{
	struct rig r = rig_open();
	char line[64];
	int64_t begin;
	int fd = start_talking(&r, job_shell(DAEMON "trap '' TERM\n"
					     "echo ready; sleep 1000; :"),
			       line, 0);

	CHECK_STR(line, "ready", "keeper gone");
	begin = proc_now();
	shutdown(r.sock, SHUT_WR);
	CHECK(all_gone(fd), "keeper gone");
	CHECK(proc_now() - begin < 2000, "keeper gone");
	rig_close(&r, "keeper gone");
}

static void
test_deadline(void)
{
	struct rig r = rig_open();
	struct shepherd_report rep;
	char line[64];
	int fd;

	r.beat->deadline_ms = proc_now() + 150;
	rep = run(&r, job_shell(DAEMON "trap '' TERM; sleep 1000; :"), NULL);
	CHECK(died(&rep, SIGKILL) && rep.why == WHY_FENCED, "deadline");
	rep = run(&r, job_shell("exit 0"), NULL);
	CHECK(died(&rep, SIGKILL) && rep.why == WHY_FENCED, "after it");

	/* A heartbeat moves it; the timer is set anew. */
	r.beat->deadline_ms = proc_now() + 300;
	fd = start_talking(&r, job_shell("echo ready; sleep 0.6; exit 4"),
			   line, 0);
	r.beat->deadline_ms = proc_now() + 60000;
	rep = report(&r);
	CHECK(exited(&rep, 4) && rep.why == WHY_NONE, "moved");
	CHECK(all_gone(fd), "moved");

	fd = start_talking(&r, job_shell("echo ready; sleep 1000"), line, 0);
	r.beat->fenced = 1;
	order(&r, SHEPHERD_SIGNAL, 0, 0, WHY_NONE);
	rep = report(&r);
	CHECK(died(&rep, SIGKILL) && rep.why == WHY_FENCED, "fenced");
	CHECK(all_gone(fd), "fenced");
	rig_close(&r, "deadline");
}

/* A killed shepherd's job: the leader dies with it, the others come to this
 * process, which a keeper's killing finds. */
static void
test_shepherd_killed(void)
{
	struct rig r = rig_open(), other = rig_open();
	char line[64], byte;
	int64_t cpu = 0, rss = 0;
	int fd = start_talking(&r, job_shell(DAEMON "sleep 1000 &\n"
					     "trap '' TERM; echo ready; wait"),
			       line, 0);
	struct shepherd_report rep;

	CHECK_STR(line, "ready", "shepherd killed");
	CHECK(kill(r.pid, SIGKILL) == 0, "shepherd killed");
	CHECK(readable(r.sock) && recv(r.sock, &byte, 1, 0) <= 0,
	      "shepherd killed");
	CHECK(proc_kill_tree(&other.pid, 1, BOUND_MS, &cpu, &rss),
	      "shepherd killed");
	CHECK(all_gone(fd), "shepherd killed");
	CHECK(rss > 0, "shepherd killed");
	CHECK(!proc_has_strays(&other.pid, 1), "shepherd killed");
	CHECK(proc_has_strays(NULL, 0), "the other is there");
	rep = run(&other, job_shell("exit 2"), NULL);
	CHECK(exited(&rep, 2), "the other works");
	close(r.sock);
	munmap(r.beat, sizeof(*r.beat));
	rig_close(&other, "shepherd killed");
}

static void
test_reuse(void)
{
	struct rig r = rig_open();
	int bad = 0;

	for (int i = 0; i < 200; i++) {
		char *text = xasprintf("echo %d; exit %d", i, i);
		char *want = xasprintf("%d\n", i);
		char *out;
		struct shepherd_report rep = run(&r, job_shell(text), &out);

		bad += !exited(&rep, i) || strcmp(out, want) != 0;
		free(out);
		free(want);
		free(text);
	}
	CHECK(bad == 0, "200 jobs");
	rig_close(&r, "reuse");
}

static void
test_usage(void)
{
	struct rig r = rig_open();
	struct shepherd_report rep;
	int64_t wall;

	rep = run(&r, job_shell("sh -c 'i=0; while [ $i -lt 300000 ]; do "
				"i=$((i+1)); done'; exit 0"), NULL);
	wall = rep.end_ms - rep.start_ms;
	CHECK(exited(&rep, 0), "usage");
	CHECK(rep.cpu_ms > 20, "cpu time");
	CHECK(rep.cpu_ms <= wall + 100, "cpu time");
	CHECK(rep.rss_kb > 300 && rep.rss_kb < 8 << 20, "rss");
	CHECK(rep.end_ms <= proc_now() && rep.start_ms > 0, "clock");
	rep = run(&r, job_shell("sleep 0.3"), NULL);
	CHECK(rep.end_ms - rep.start_ms >= 300, "wall");
	CHECK(rep.cpu_ms < 200, "idle");
	rig_close(&r, "usage");
}

static bool
is_alive(const char *worker, void *arg)
{
	(void)arg;
	return strcmp(worker, "dead one") != 0;
}

/* Starts `sh -c text` as a job of `spool` under `worker`, outside of this
 * process's session; waits for its line.  Returns a pipe as start_talking. */
static int
start_leftover(const char *spool, const char *worker)
{
	char *env[] = { xasprintf("NFSQ_SPOOL=%s", spool),
			xasprintf("NFSQ_WORKER=%s", worker),
			xstrdup("PATH=/usr/local/bin:/usr/bin:/bin"), NULL };
	char text[] = "env -i sleep 1000 & echo ready; wait";
	char sh[] = "sh", c[] = "-c";
	char *argv[] = { sh, c, text, NULL };
	struct proc_spec spec = PROC_SPEC_INIT;
	struct proc_failure *f = proc_failure_new();
	int pipes[2];
	char buf[8];

	if (pipe2(pipes, O_CLOEXEC) < 0)
		BUG("cannot make a pipe: %s", strerror(errno));
	spec.argv = argv;
	spec.envp = env;
	spec.out_fd = pipes[1];
	CHECK(proc_start(&spec, f) > 0, worker);
	close(pipes[1]);
	CHECK(readable(pipes[0]) && read(pipes[0], buf, 6) == 6, worker);
	for (int i = 0; i < 3; i++)
		free(env[i]);
	return pipes[0];
}

static void
test_leftovers(void)
{
	int dead, alive, foreign;
	struct pollfd p[2];

	need_tmp();
	dead = start_leftover(tmp, "dead one");
	alive = start_leftover(tmp, "living one");
	foreign = start_leftover("/another", "dead one");
	CHECK(proc_kill_leftovers(tmp, is_alive, NULL) == 2, "leftovers");
	CHECK(all_gone(dead), "leftovers");
	p[0] = (struct pollfd){ .fd = alive, .events = POLLIN };
	p[1] = (struct pollfd){ .fd = foreign, .events = POLLIN };
	CHECK(poll(p, 2, 0) == 0, "the others live");
	CHECK(proc_kill_leftovers(tmp, is_alive, NULL) == 0, "none left");
	CHECK(proc_kill_tree(NULL, 0, BOUND_MS, NULL, NULL), "the others");
	CHECK(all_gone(alive) && all_gone(foreign), "the others");
}

static void
test_cpus(void)
{
	long all = sysconf(_SC_NPROCESSORS_CONF);

	CHECK(proc_cpus() >= 1, "cpus");
	CHECK(proc_cpus() <= all, "cpus");
}

const struct unit units[] = {
	{ "ends", test_ends },
	{ "start fails", test_start_fails },
	{ "bad order", test_bad_order },
	{ "words", test_words },
	{ "descriptors", test_descriptors },
	{ "environment", test_environment },
	{ "path", test_path },
	{ "attributes", test_attributes },
	{ "streams", test_streams },
	{ "special output", test_special_output },
	{ "hanging start", test_hanging_start },
	{ "script", test_script },
	{ "sweep", test_sweep },
	{ "time limit", test_time_limit },
	{ "orders", test_orders },
	{ "tree", test_tree },
	{ "grace of the rest", test_grace_of_the_rest },
	{ "keeper gone", test_keeper_gone },
	{ "deadline", test_deadline },
	{ "shepherd killed", test_shepherd_killed },
	{ "reuse", test_reuse },
	{ "usage", test_usage },
	{ "leftovers", test_leftovers },
	{ "cpus", test_cpus },
	{ NULL, NULL },
};
