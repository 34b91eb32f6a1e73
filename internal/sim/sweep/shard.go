package sweep

import (
	"fmt"
	"strconv"
	"strings"
)

// Shard is which share of a sweep a process runs: of each n runs the one of its number. The zero Shard is none.
type Shard struct{ At, Of int } // from 0

// String is the shard as ParseShard reads it.
func (s Shard) String() string { return fmt.Sprintf("%d/%d", s.At, s.Of) }

// Has says whether a run is the shard's.
func (s Shard) Has(run int) bool { return run%s.Of == s.At }

// Within says whether any of the runs from one up to another is the shard's.
func (s Shard) Within(from, to int) bool { return s.Size(to) > s.Size(from) }

// Size returns how many of so many runs are the shard's.
func (s Shard) Size(runs int) int { return (runs - s.At + s.Of - 1) / s.Of }

// ParseShard reads which share a process has: "2/8", the third of eight; "slurm" or "slurm/8", as Slurm tells a task of
// an array; "kubernetes/8", as Kubernetes tells a pod of an indexed Job; "auto" or "auto/8", as either does. env
// returns a variable of the environment, or "".
func ParseShard(text string, env func(string) string) (Shard, error) {
	who, count, counted := strings.Cut(text, "/")
	n := 0
	if counted {
		var ok bool
		if n, ok = number(count); !ok || n < 1 || n > RunsMost {
			return Shard{}, refused("%.60q is no shard: want which of how many, such as 2/8, from 0/8 to 7/8", text)
		}
	}
	switch who {
	case "slurm":
		return slurm(n, env)
	case "kubernetes":
		return kubernetes(n, env)
	case "auto":
		array, pod := env("SLURM_ARRAY_TASK_ID") != "", env("JOB_COMPLETION_INDEX") != ""
		switch {
		case array && pod:
			return Shard{}, refused("both SLURM_ARRAY_TASK_ID and JOB_COMPLETION_INDEX are set: say slurm or kubernetes")
		case array:
			return slurm(n, env)
		case pod:
			return kubernetes(n, env)
		}
		return Shard{}, refused("neither SLURM_ARRAY_TASK_ID nor JOB_COMPLETION_INDEX is set: this is no task of an array " +
			"of Slurm and no pod of an indexed Job of Kubernetes")
	}
	at, ok := number(who)
	if !ok || !counted || at >= n {
		return Shard{}, refused("%.60q is no shard: want which of how many, such as 2/8, from 0/8 to 7/8, or slurm, "+
			"kubernetes/8 or auto", text)
	}
	return Shard{at, n}, nil
}

// number reads a number as people and engines write it: digits and no more.
func number(text string) (int, bool) {
	n, err := strconv.Atoi(text)
	return n, err == nil && n >= 0 && strconv.Itoa(n) == text
}

// slurm reads the task of an array. Without a count the array has to be the whole of it, from 0 or from 1 on: a part
// that is submitted again has fewer tasks, and its count would make other shards of their numbers.
func slurm(n int, env func(string) string) (Shard, error) {
	got := map[string]int{}
	for _, name := range []string{"ID", "COUNT", "MIN", "MAX"} {
		text := env("SLURM_ARRAY_TASK_" + name)
		if n > 0 && name != "ID" {
			continue
		}
		v, ok := number(text)
		if !ok {
			return Shard{}, refused("SLURM_ARRAY_TASK_%s is %.60q; want a number, as Slurm sets it for the tasks of an array",
				name, text)
		}
		got[name] = v
	}
	at, count, least, most := got["ID"], got["COUNT"], got["MIN"], got["MAX"]
	switch {
	case n > 0 && at >= n:
		return Shard{}, refused("the task is number %d of an array; %d shards have the numbers 0 to %d: --array=0-%d", at, n,
			n-1, n-1)
	case n > 0:
		return Shard{at, n}, nil
	case count < 2 || count > RunsMost || least > 1 || most-least+1 != count || at < least || at > most:
		return Shard{}, refused("the array has %d tasks from %d to %d, which may be a part of a larger one: say how many "+
			"shards there are, such as slurm/8, with --array from 0 on", count, least, most)
	}
	return Shard{at - least, count}, nil
}

// kubernetes reads the pod of an indexed Job, which is told its own number, from 0, and not how many there are.
func kubernetes(n int, env func(string) string) (Shard, error) {
	if n == 0 {
		return Shard{}, refused("Kubernetes tells a pod its number and not how many there are: say the Job's completions, " +
			"such as kubernetes/8")
	}
	text := env("JOB_COMPLETION_INDEX")
	at, ok := number(text)
	if !ok || at >= n {
		return Shard{}, refused("JOB_COMPLETION_INDEX is %.60q; want 0 to %d, as pods of an indexed Job of %d completions "+
			"have it", text, n-1, n)
	}
	return Shard{at, n}, nil
}
