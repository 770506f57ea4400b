#!/bin/bash
# pid 1 of every guest of the lab.  nfslab boots a User Mode Linux kernel with
# root=hostfs (the host's own root, read-only) and has bash run this script, from
# the share.  Settings come in the environment (unknown kernel parameters become
# init's variables):
#   NFSLAB_NODE    server, c1, c2 ...       NFSLAB_N     last byte of its MAC
#   NFSLAB_SHARE   host path of the share   NFSLAB_VERS  3, 4.0, 4.1, 4.2
#   NFSLAB_FS      tmpfs or ext4            NFSLAB_LEASE lease and grace, s
#   NFSLAB_NODES   how many clients may exist
# Mount options come in a file of the share (commas and = are safe there).
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
umask 022

# --- 1. a root of its own: overlay of a tmpfs over the host's read-only root
mount -t proc proc /proc
mount -t tmpfs -o mode=755 tmpfs /mnt
mkdir -p /mnt/up /mnt/work /mnt/root
# The modules of linux.uml are not in /lib/modules, and nothing of the host is
# to be changed for that: modprobe gets a folder of its own until the guest's
# root is there, then the guest gets the link.
UML=/usr/lib/uml/modules/$(uname -r)
if [ -d "$UML" ]; then
	mkdir -p /mnt/mod/lib/modules
	ln -s "$UML" /mnt/mod/lib/modules/
	modprobe -d /mnt/mod overlay
else
	modprobe overlay
fi
R=/mnt/root
mount -t overlay -o lowerdir=/,upperdir=/mnt/up,workdir=/mnt/work overlay $R || exec sleep 1
if [ -d "$UML" ]; then
	mkdir -p $R/lib/modules
	ln -sfn "$UML" "$R/lib/modules/$(uname -r)"
fi
mkdir -p $R/lab $R/host $R/spool $R/export $R/disk $R/oldroot
mount -t proc proc $R/proc
mount -t sysfs sys $R/sys
mount -t devtmpfs dev $R/dev
mkdir -p $R/dev/pts && mount -t devpts devpts $R/dev/pts
mkdir -p $R/dev/shm && mount -t tmpfs shm $R/dev/shm
mount -t tmpfs -o mode=755 tmpfs $R/run
mount -t tmpfs -o mode=1777 tmpfs $R/tmp
# The host's root, read-only and never stale (the overlay may cache names).
mount -t hostfs -o ro none $R/host -o / 2>/dev/null || mount -t hostfs -o ro,/ none $R/host
# The one place that is shared for writing with the host.
mount -t hostfs -o "$NFSLAB_SHARE" none $R/lab || exec sleep 1
if ! cd $R || ! pivot_root . oldroot || ! cd /; then
	exec sleep 1
fi
umount -l /oldroot

# --- 2. the same for all: names, network
ME=/lab/$NFSLAB_NODE
exec </dev/null >>"$ME"/boot.log 2>&1
echo "== boot $(date +%s.%N) $NFSLAB_NODE"
hostname "$NFSLAB_NODE"
{	echo "127.0.0.1 localhost"
	echo "10.99.0.1 server"
	for ((i = 1; i <= NFSLAB_NODES; i++)); do echo "10.99.0.$((i + 10)) c$i"; done
} >/etc/hosts
echo "hosts: files" >/etc/nsswitch.conf
printf 'passwd: files\ngroup: files\nnetgroup: files\n' >>/etc/nsswitch.conf
: >/etc/resolv.conf
mkdir -p /run/lock /run/rpcbind /run/rpc_pipefs /run/sm
ip link set lo up
ip addr add "10.99.0.$NFSLAB_N/24" dev eth0
ip link set eth0 up
echo 1 >/proc/sys/kernel/sysrq
modprobe sunrpc
mount -t rpc_pipefs rpc_pipefs /run/rpc_pipefs

if [ "$NFSLAB_NODE" = server ]; then
	# --- 3a. the server: a disk (or tmpfs), /export on it, kernel nfsd
	case $NFSLAB_FS in
	ext4)	mount -t ext4 /dev/ubda /disk || echo "NO DISK"
		mkdir -p /disk/export
		mount --bind /disk/export /export ;;
	*)	mount -t tmpfs -o size=3000M,mode=755 tmpfs /disk
		mount -t tmpfs -o size=3000M,nr_inodes=2000000,mode=755 tmpfs /export ;;
	esac
	chmod 1777 /export
	# What a server must remember over a crash: its clients and their locks.
	mkdir -p /disk/nfsstate/{sm,sm.bak,v4recovery,nfsdcld}
	touch /disk/nfsstate/{etab,rmtab}
	mount --bind /disk/nfsstate /var/lib/nfs
	modprobe nfsd
	mount -t nfsd nfsd /proc/fs/nfsd
	echo "$NFSLAB_LEASE" >/proc/fs/nfsd/nfsv4leasetime
	echo "$NFSLAB_LEASE" >/proc/fs/nfsd/nfsv4gracetime
	echo "$NFSLAB_LEASE" >/proc/sys/fs/nfs/nlm_grace_period
	rpcbind -w
	nfsdcld
	rpc.statd --no-notify
	exportfs -o rw,sync,no_root_squash,no_subtree_check,fsid=0,insecure '10.99.0.0/24:/export'
	rpc.mountd
	rpc.nfsd -V 3 -V 4.0 -V 4.1 -V 4.2 8
	[ "$NFSLAB_VERS" = 3 ] && sm-notify -f
	cat /proc/fs/nfsd/versions
else
	# --- 3b. a client: mount the export at /spool
	modprobe nfsv4
	[ "$NFSLAB_VERS" = 3 ] && modprobe nfsv3
	if [ "$NFSLAB_VERS" = 3 ]; then
		mkdir -p "$ME"/nfsstate/{sm,sm.bak}   # outlives a power loss
		mount --bind "$ME"/nfsstate /var/lib/nfs 2>/dev/null
		rpcbind -w
		rpc.statd --no-notify
		sm-notify -f
		SRC=server:/export
	else
		SRC=server:/
	fi
	OPTS=$(cat /lab/mount-opts)
	cat >/tmp/mount-spool <<-END
	#!/bin/sh
	exec mount -t nfs -o vers=$NFSLAB_VERS,proto=tcp${OPTS:+,$OPTS} $SRC /spool
	END
	chmod +x /tmp/mount-spool
	# Mount as soon as the server says that it exports; the agent does not
	# wait for that (the server may be down for long).
	(until [ -e /lab/server/ready ]; do sleep 0.05; done
	 until mountpoint -q /spool; do /tmp/mount-spool || sleep 0.5; done
	 touch "$ME"/mounted) &
fi
echo "== ready $(date +%s.%N)"
touch "$ME"/ready
exec /lab/bin/nfslab-agent "$ME"
