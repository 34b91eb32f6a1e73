#!/bin/bash
# A server and its clients as Slurm jobs, each of which can be requeued at any time, by hand or because its machine is
# gone: it goes on where it was, and the model is that of a run that nothing disturbed.
#
#	deploy/slurm/federation.sh 8 /shared/my-run digits --rounds 80
#
# That is 8 clients; the nodes keep their state in /shared/my-run, a folder that all machines see, and what follows is
# what rhizome server takes. The model is /shared/my-run/server/model.onnx. Clients have the part of the job's data that
# is theirs, or, where there is one, the file /shared/my-run/data/N.csv, from 0.csv on.
set -euo pipefail
[ $# -ge 2 ] || { echo "usage: $0 CLIENTS FOLDER [JOB] [FLAGS OF rhizome server]" >&2; exit 2; }
case $1 in
'' | *[!0-9]* | 0*) echo "$0: CLIENTS is '$1'; want a number of at least 1" >&2; exit 2 ;;
esac
[ -n "$2" ] || { echo "$0: FOLDER is empty" >&2; exit 2; }
here=$(cd "$(dirname "$0")" && pwd)
export RHIZOME_CLIENTS=$1 RHIZOME_OUT=$2
shift 2
umask 077 # keys and the invitation are for nobody else
mkdir -p "$RHIZOME_OUT/log"
server=$(sbatch --parsable --output="$RHIZOME_OUT/log/server.txt" "$here/server.sbatch" "$@")
clients=$(sbatch --parsable --array="0-$((RHIZOME_CLIENTS - 1))" --output="$RHIZOME_OUT/log/client-%a.txt" \
	"$here/client.sbatch")
echo "the server is job ${server%%;*}, its clients are job ${clients%%;*}"
