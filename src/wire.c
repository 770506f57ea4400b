/*
 * wire.c - whole structs and descriptors over SOCK_SEQPACKET
 */
#include "nfsq.h"
#include "wire.h"

#include <sys/socket.h>

#include "str.h"

union control {
	char buf[CMSG_SPACE(sizeof(int) * WIRE_FDS)];
	struct cmsghdr align;
};

int
wire_pair(int pair[2])
{
	int size = 1 << 20;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -1;
	/* Many ends at once must not make the sender wait for long. */
	for (int i = 0; i < 2; i++)
		(void)setsockopt(pair[i], SOL_SOCKET, SO_SNDBUF, &size,
				 sizeof(size));
	return 0;
}

static int
send_now(int sock, const void *message, size_t size, const int *fds, int nfds,
	 int flags)
{
	union { const void *in; void *out; } u = { message };
	struct iovec iov = { u.out, size };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };
	union control control;
	struct cmsghdr *c;
	ssize_t r;

	if (nfds > 0) {
		memset(&control, 0, sizeof(control));
		m.msg_control = control.buf;
		m.msg_controllen = CMSG_SPACE(sizeof(int) * (size_t)nfds);
		c = CMSG_FIRSTHDR(&m);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int) * (size_t)nfds);
		memcpy(CMSG_DATA(c), fds, sizeof(int) * (size_t)nfds);
	}
	do
		r = sendmsg(sock, &m, MSG_NOSIGNAL | flags);
	while (r < 0 && errno == EINTR);
	return r < 0 ? -1 : 0;
}

int
wire_send(int sock, const void *message, size_t size, const int *fds, int nfds)
{
	return send_now(sock, message, size, fds, nfds, 0);
}

int
outbox_flush(struct outbox *o)
{
	size_t sent = 0;
	int r = 0;

	for (; sent < o->n; sent++) {
		struct parcel *p = &o->v[sent];

		r = send_now(o->sock, p->message, p->size, &p->fd, p->fd >= 0,
			     MSG_DONTWAIT);
		if (r < 0)
			break;
		if (p->fd >= 0)
			close(p->fd);
		free(p->message);
	}
	if (sent) {
		o->n -= sent;
		memmove(o->v, o->v + sent, o->n * sizeof(*o->v));
	}
	return r < 0 && errno != EAGAIN ? -1 : 0;
}

int
outbox_put(struct outbox *o, const void *message, size_t size, int fd)
{
	struct parcel *p;

	o->v = xreallocarray(o->v, o->n + 1, sizeof(*o->v));
	p = &o->v[o->n++];
	p->message = xmalloc(size);
	memcpy(p->message, message, size);
	p->size = size;
	p->fd = fd;
	return outbox_flush(o);
}

void
outbox_release(struct outbox *o)
{
	for (size_t i = 0; i < o->n; i++) {
		if (o->v[i].fd >= 0)
			close(o->v[i].fd);
		free(o->v[i].message);
	}
	free(o->v);
	memset(o, 0, sizeof(*o));
}

int
wire_recv(int sock, void *message, size_t size, int *fds)
{
	struct iovec iov = { message, size };
	union control control;
	struct msghdr m = { .msg_iov = &iov,
			    .msg_iovlen = 1,
			    .msg_control = control.buf,
			    .msg_controllen = sizeof(control.buf) };
	struct cmsghdr *c;
	ssize_t r;

	for (int i = 0; fds && i < WIRE_FDS; i++)
		fds[i] = -1;
	r = recvmsg(sock, &m, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
	if (r < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -1;
	if (r == 0)
		return -1;
	if (r != (ssize_t)size || m.msg_flags & MSG_TRUNC)
		BUG("a message of %zd bytes, not %zu", r, size);
	c = CMSG_FIRSTHDR(&m);
	if (c && c->cmsg_type == SCM_RIGHTS) {
		if (fds)
			memcpy(fds, CMSG_DATA(c), c->cmsg_len - CMSG_LEN(0));
		else
			BUG("descriptors that nobody expects");
	}
	return 1;
}

int
wire_ring(int sock)
{
	return wire_send(sock, "r", 1, NULL, 0);
}
