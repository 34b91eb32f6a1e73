#!/bin/bash
# A sweep of settings and seeds as an array of Slurm jobs, and behind it a job that puts the shards together:
#
#	deploy/slurm/sweep.sh 8 /shared/my-sweep digits --seeds 10 --sweep learning_rate=0.05,0.1,0.2
#
# That is 8 shards, which keep what they have in /shared/my-sweep, a folder that all machines see; what follows is what
# rhizome sim takes. The table is in /shared/my-sweep/table.txt, its lines in table.jsonl. The same command again runs
# what is missing and nothing else.
set -euo pipefail
[ $# -ge 3 ] || { echo "usage: $0 SHARDS FOLDER JOB [FLAGS OF rhizome sim]" >&2; exit 2; }
case $1 in
'' | *[!0-9]* | 0*) echo "$0: SHARDS is '$1'; want a number of at least 1" >&2; exit 2 ;;
esac
[ -n "$2" ] || { echo "$0: FOLDER is empty" >&2; exit 2; }
here=$(cd "$(dirname "$0")" && pwd)
export RHIZOME_SHARDS=$1 RHIZOME_OUT=$2
shift 2
mkdir -p "$RHIZOME_OUT/log"
array=$(sbatch --parsable --array="0-$((RHIZOME_SHARDS - 1))" --output="$RHIZOME_OUT/log/shard-%a.txt" \
	"$here/sweep.sbatch" "$@")
array=${array%%;*} # where there are several clusters, the name of this one stands behind it
merge=$(sbatch --parsable --dependency="afterok:$array" --kill-on-invalid-dep=yes \
	--output="$RHIZOME_OUT/log/merge.txt" "$here/merge.sbatch")
echo "shards are job $array, their merge is job ${merge%%;*}; the table will be $RHIZOME_OUT/table.txt"
