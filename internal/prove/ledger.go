package prove

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"runtime/debug"
	"time"
)

// Entry is a line of the ledger: what was tried of a part, by which program, when.
type Entry struct {
	Part    string  `json:"part"`
	Turn    string  `json:"turn,omitempty"`
	From    uint64  `json:"from"`
	To      uint64  `json:"to"`
	Seeds   uint64  `json:"seeds"`
	Counts  Counts  `json:"counts"`
	Failed  uint64  `json:"failed"`
	Seconds float64 `json:"seconds"`
	Shards  int     `json:"shards"`
	Commit  string  `json:"commit"`
	Go      string  `json:"go"`
	System  string  `json:"system"`
	Time    string  `json:"time"`
}

// commit returns the revision that this program was built from, with a plus where files had changed.
func commit() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	rev, changed := "unknown", ""
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			rev = s.Value[:min(12, len(s.Value))]
		case s.Key == "vcs.modified" && s.Value == "true":
			changed = "+"
		}
	}
	return rev + changed
}

// appendLedger adds a line for a run of a part.
func appendLedger(path string, r *Result, opt Options) error {
	line, err := json.Marshal(Entry{
		Part: r.Part, Turn: r.Turn, From: r.From, To: r.To, Seeds: r.Seeds, Counts: r.Counts, Failed: r.Failed,
		Seconds: float64(int(r.Seconds*10)) / 10,
		Shards:  opt.Shards, Commit: commit(), Go: runtime.Version(), System: runtime.GOOS + "/" + runtime.GOARCH,
		Time: time.Now().UTC().Format(time.RFC3339),
	})
	if err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(append(line, '\n'))
	return errors.Join(err, f.Close())
}

// ReadLedger returns the lines of a ledger; a missing file has none.
func ReadLedger(path string) ([]Entry, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var out []Entry
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for n := 1; lines.Scan(); n++ {
		var e Entry
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			return nil, fmt.Errorf("%s, line %d: %w", path, n, err)
		}
		out = append(out, e)
	}
	return out, lines.Err()
}

// nextSeed returns the seed after all that the ledger has of a part.
func nextSeed(path, part string) (uint64, error) {
	next := uint64(1)
	if path == "" {
		return next, nil
	}
	entries, err := ReadLedger(path)
	for _, e := range entries {
		if e.Part == part {
			next = max(next, e.To)
		}
	}
	return next, err
}
