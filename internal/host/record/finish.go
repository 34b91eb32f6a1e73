package record

import (
	"strconv"

	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/snapshot"
	"github.com/rhizome-ml/rhizome/value"
)

// Finish turns what a worker returned into the input that completes its command, with the digest of the results.
func Finish(reg *value.Registry, command uint64, out []value.Value, err error) engine.Event {
	return finish(reg, engine.CurrentRules, command, out, err)
}

// Unkept is Finish for a node that keeps no journal: nobody will hold the results against a digest, so there is none.
func Unkept(reg *value.Registry, command uint64, out []value.Value, err error) engine.Event {
	for i := 0; err == nil && i < len(out); i++ {
		err = engine.Storable(reg, out[i])
	}
	return completed(command, 0, out, err)
}

// finish is Finish with the digest by earlier rules.
func finish(reg *value.Registry, rules uint32, command uint64, out []value.Value, err error) engine.Event {
	for i := 0; err == nil && i < len(out); i++ {
		if err = engine.Storable(reg, out[i]); rules < 3 && err != nil && out[i] != nil {
			err = reg.Check(out[i], snapshot.DefaultLimits().Values) // of peers, earlier releases took more
		}
	}
	var digest uint64
	if err == nil {
		digest, err = engine.ResultDigest(reg, rules, out)
	}
	return completed(command, digest, out, err)
}

// completed is the input that ends a command as its worker says.
func completed(command, digest uint64, out []value.Value, err error) engine.Event {
	if err != nil {
		return *Fail(command, value.AsFailure(err, "worker"))
	}
	return engine.Event{Completion: &snapshot.PendingCompletionSnapshot{Command: command, Digest: digest,
		Results: Named(out)}}
}

// Fail is the input that ends a command without results, whatever its worker says of that.
func Fail(command uint64, why *value.Failure) *engine.Event {
	f := why.Clean()
	return &engine.Event{CompletionFailed: &snapshot.CompletionFailedEvent{
		Command: command, Failure: snapshot.FailureSnapshot{Code: f.Code, Where: f.Where, Message: f.Message},
	}}
}

// Named gives results the names of their ports.
func Named(out []value.Value) (results Results) {
	for i, v := range out {
		results = append(results, snapshot.NamedResult{Port: "out" + strconv.Itoa(i), Value: v})
	}
	return results
}

// Journaled returns the form of an input that the journal keeps: results that are recomputed on replay are left out,
// their digest stays.
func Journaled(ev *engine.Event, recorded func(command uint64) bool) engine.Event {
	if ev.Completion == nil || recorded(ev.Completion.Command) {
		return *ev
	}
	return engine.Event{Completion: &snapshot.PendingCompletionSnapshot{Command: ev.Completion.Command,
		Digest: ev.Completion.Digest}}
}
