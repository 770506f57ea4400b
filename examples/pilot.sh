#!/bin/sh
#SBATCH --job-name=nfsq-pilot
#SBATCH --ntasks=1
#SBATCH --cpus-per-task=4
#SBATCH --time=2:00:00
#SBATCH --signal=B:TERM@60
#SBATCH --output=nfsq-pilot-%j.log
#
# A pilot: a worker inside another batch system, here Slurm.  A node that
# Slurm gives us for two hours works on our spool meanwhile:
#
#	sbatch --export=ALL,NFSQ_SPOOL=/srv/share/spool --array=1-10 pilot.sh
#
# --idle-exit gives the node back when there has been nothing to do for five
# minutes, --max-time starts no job that cannot end in time.  What is still
# running a minute before the end gets SIGTERM and goes back to the spool.
# Several pilots may be on one host, so each has a name of its own.
#
# Other batch systems: the same line with their variables, e.g. PBS_JOBID and
# NCPUS.  Without any it is a worker for a while.

set -eu

name=pilot-${SLURM_JOB_ID:-${PBS_JOBID:-$$}}
cpus=${SLURM_CPUS_PER_TASK:-${NCPUS:-1}}

# exec: the signals of the batch system reach the worker, not a shell
exec nfsq-worker --name "$name" --cpus "$cpus" \
	--idle-exit "${PILOT_IDLE:-5m}" --max-time "${PILOT_TIME:-118m}"
