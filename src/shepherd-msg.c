/*
 * shepherd-msg.c - orders and their descriptors on the shepherd's socket
 */
#include "nfsq.h"
#include "shepherd.h"

#include "wire.h"

int
shepherd_send(int sock, const struct shepherd_order *order,
	      const struct shepherd_fds *fds)
{
	struct shepherd_order o = *order;
	int list[WIRE_FDS], n = 0;

	if (fds) {
		const int have[WIRE_FDS] = { fds->body, fds->out, fds->err,
					     fds->in };

		for (int i = 0; i < WIRE_FDS; i++) {
			if (have[i] < 0)
				continue;
			list[n++] = have[i];
			if (i > 0)	/* SHEPHERD_HAS_OUT and so on */
				o.flags |= 1U << (i - 1);
		}
	}
	return wire_send(sock, &o, sizeof(o), list, n);
}

int
shepherd_receive(int sock, struct shepherd_order *o, struct shepherd_fds *fds)
{
	int *const slots[WIRE_FDS] = { &fds->body, &fds->out, &fds->err,
				       &fds->in };
	int list[WIRE_FDS], used = 0;
	int r = wire_recv(sock, o, sizeof(*o), list);

	*fds = (struct shepherd_fds){ -1, -1, -1, -1 };
	for (int i = 0; r == 1 && i < WIRE_FDS && used < WIRE_FDS; i++)
		if (i == 0 || (o->flags & (1U << (i - 1))))
			*slots[i] = list[used++];
	return r;
}

void
shepherd_close(struct shepherd_fds *fds)
{
	int *const slots[WIRE_FDS] = { &fds->body, &fds->out, &fds->err,
				       &fds->in };

	for (int i = 0; i < WIRE_FDS; i++) {
		if (*slots[i] >= 0)
			close(*slots[i]);
		*slots[i] = -1;
	}
}
