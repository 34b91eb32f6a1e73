package analytics

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rhizome-ml/rhizome/dataset"
	"github.com/rhizome-ml/rhizome/internal/analytics"
	"github.com/rhizome-ml/rhizome/internal/config"
	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/job/given"
	"github.com/rhizome-ml/rhizome/internal/job/samples"
	"github.com/rhizome-ml/rhizome/internal/roles/data"
)

// clientsMax bounds the clients of a run in one process, simulatedMax those of a simulation, and roundsMax the rounds.
const (
	clientsMax   = 64
	simulatedMax = 1 << 14
	roundsMax    = 64
)

// Config is the description of a job: plain data.
type Config struct {
	// Name is what people call the job: up to 64 of a-z, 0-9, '-' and '_'.
	Name string
	// Data is a file or folder of any format that package dataset reads, or a data set that is built in; empty: each
	// client brings its own.
	Data string
	// Reader says how a file is read, a JSON object of dataset.FileSettings; empty: as the file shows.
	Reader string
	// Partition is how data is dealt among the clients of a run on one machine; empty means iid.
	Partition string
	// Queries are what is asked, a JSON object of queries by name; see internal/analytics.
	Queries string
	// Least is of how many clients an answer is that is told, 1 to Clients.
	Least int
	// Rounds is how many times clients are asked at most, 1 to 64.
	Rounds int
	// Clients is their number, 1 to 64; in a simulation up to 16,384.
	Clients int
	// Seed decides who gets what where data is dealt. Any number.
	Seed uint64
	// Heartbeat is how often a client tells the server that it is there, 10 ms to 1 h.
	Heartbeat time.Duration
	// File is what was found of the file that the job names, as JSON.
	File string
}

var fields = []job.Field[Config]{
	{Key: "name", At: func(c *Config) any { return &c.Name },
		Of: job.Key{Doc: "What people call the job: 1 to 64 of a-z, 0-9, '-' and '_', the first a letter."}},
	{Key: "data", At: func(c *Config) any { return &c.Data }, Of: job.Key{In: "data.file", Path: true,
		Doc: "The data that a run deals among its clients: a file (CSV, Parquet and others), or digits or synthetic, " +
			"which are built in; \"\": each client brings its own; without the key, digits."}},
	{Key: "partition", At: func(c *Config) any { return &c.Partition }, Of: job.Key{In: "data.partition", Choice: true,
		Doc: "How the data is dealt among the clients of a run on one machine: iid, quantity, or natural, by the " +
			"column that data.group names; without it, iid."}},
	{Key: "reader", At: func(c *Config) any { return &c.Reader }, Of: job.Key{In: "data.*", Object: true,
		Doc: "How files are read, those of clients too: header, skip, delimiter, decimal, bad_rows, group."}},
	{Key: "queries", At: func(c *Config) any { return &c.Queries }, Of: job.Key{Object: true,
		Doc: "What is asked, by name: count, missing, sum, mean, variance, deviation, min, max, histogram, quantile, " +
			"categories or heavy, then the column, then settings such as at=0.5."}},
	{Key: "least", At: func(c *Config) any { return &c.Least },
		Of: job.Key{Doc: "An answer to which fewer clients contributed is withheld; 1 to the number of clients."}},
	{Key: "rounds", At: func(c *Config) any { return &c.Rounds },
		Of: job.Key{Doc: "How many times clients are asked at most, 1 to 64: quantiles take 6, heavy texts 5."}},
	{Key: "clients", At: func(c *Config) any { return &c.Clients },
		Of: job.Key{Doc: "How many clients there are, 1 to 64 on one machine, in a simulation up to 16,384."}},
	{Key: "seed", At: func(c *Config) any { return &c.Seed },
		Of: job.Key{Doc: "What decides who gets what where data is dealt."}},
	{Key: "heartbeat", At: func(c *Config) any { return &c.Heartbeat },
		Of: job.Key{Doc: "How often a client says that it is there, 10ms to 1h."}},
	{Key: "file", At: func(c *Config) any { return &c.File }, Of: job.Key{Brought: true,
		Doc: "What was found of the file that the job names."}},
}

// Validate returns nil when the job can run, or a *job.ConfigError for the first setting that is not possible.
func (c Config) Validate() error {
	bad := func(key string, v any, want string) error {
		return &job.ConfigError{Key: key, Value: fmt.Sprint(v), Want: want}
	}
	for _, k := range []struct {
		key     string
		v, l, h int
	}{{"rounds", c.Rounds, 1, roundsMax}, {"clients", c.Clients, 1, simulatedMax}, {"least", c.Least, 1, c.Clients}} {
		if k.v < k.l || k.v > k.h {
			return bad(k.key, k.v, fmt.Sprintf("%d to %d", k.l, k.h))
		}
	}
	switch {
	case !job.GoodName(c.Name):
		return bad("name", fmt.Sprintf("%q", c.Name), "1 to 64 of a-z, 0-9, '-' and '_', the first a letter")
	case c.Heartbeat < 10*time.Millisecond || c.Heartbeat > time.Hour || c.Heartbeat%time.Millisecond != 0:
		return bad("heartbeat", c.Heartbeat, "whole milliseconds, 10ms to 1h")
	case c.File != "" && c.found() == nil:
		return bad("file", "of this form", "what was found of a file")
	}
	if c.Data != "" && !c.brings() {
		if _, err := samples.Schema(c.Data); err != nil {
			return err
		}
	}
	if _, err := c.reader(); err != nil {
		return err
	}
	if name, _, err := samples.Partition(c.Partition, 0, false); err != nil {
		return err
	} else if !slices.Contains([]string{"iid", "quantity", "natural"}, name) {
		return bad("partition", strconv.Quote(c.Partition),
			"iid, quantity or natural: what is dealt here has no classes")
	}
	queries, err := analytics.ParseQueries(c.Queries)
	if err == nil {
		err = analytics.Check(queries)
	}
	if err != nil {
		return bad("queries", shorten(c.Queries), reason(err))
	}
	known := c.builtIn()
	for _, q := range queries {
		if known != nil && q.Column != "" && !slices.Contains(known, q.Column) {
			return bad("queries", q.Name+": "+q.String(), "one of the columns "+known[0]+", …, "+known[len(known)-1]+
				" of "+c.Data+"; or data: a file, or \"\" where each client brings its own")
		}
		if q.What == analytics.Heavy && c.Rounds < analytics.HeavyRounds {
			return bad("rounds", c.Rounds, fmt.Sprintf("%d or more beside the heavy query %s", analytics.HeavyRounds,
				q.Name))
		}
	}
	return nil
}

// builtIn returns the columns of the data set that is built in, nil where the data is none.
func (c Config) builtIn() []string {
	if c.Data == "" || c.brings() {
		return nil
	}
	s, err := samples.Schema(c.Data)
	if err != nil {
		return nil // Validate has said so
	}
	names := slices.Clone(s.Names)
	for i := len(names); i < s.Width(); i++ {
		names = append(names, "x"+strconv.Itoa(i))
	}
	return append(names, "label")
}

func shorten(text string) string { return fmt.Sprintf("%.60s", text) }

// reason is an error without what it is of.
func reason(err error) string {
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err.Error()
	}
	var as *config.Error
	if errors.As(err, &as) {
		return as.Reason
	}
	return err.Error()
}

// readerKeys are what may be said of how a file is read.
func readerKeys() []string {
	return []string{"bad_rows", "decimal", "delimiter", "group", "header", "skip"}
}

// reader returns how files are read.
func (c Config) reader() (dataset.FileSettings, error) {
	var s dataset.FileSettings
	wrong := func(want string) (dataset.FileSettings, error) {
		return s, &job.ConfigError{Key: "reader", Value: shorten(c.Reader), Want: want}
	}
	if c.Reader == "" {
		return s, nil
	}
	said := map[string]json.RawMessage{}
	if err := config.Strict([]byte(c.Reader), &said); err != nil {
		return wrong("a JSON object: " + err.Error())
	}
	for key := range said {
		if !slices.Contains(readerKeys(), key) {
			return wrong("no more than " + strings.Join(readerKeys(), ", ") + ": columns are read as they are")
		}
	}
	if err := config.Strict([]byte(c.Reader), &s); err != nil {
		return wrong(err.Error())
	}
	return s, nil
}

// found is the file that the job names, as it was when it was brought.
func (c Config) found() *given.File {
	f := &given.File{}
	if c.File == "" || json.Unmarshal([]byte(c.File), f) != nil {
		return nil
	}
	return f
}

// brings says whether the job's data is a file, and not a set that is built in.
func (c Config) brings() bool { return strings.ContainsAny(c.Data, `/\.`) }

// Rooted returns the job with the name of its file as it is found from elsewhere: it is beside the job file.
func (c Config) Rooted(dir string) job.Job {
	if c.brings() && !filepath.IsAbs(c.Data) {
		c.Data = filepath.Join(dir, filepath.FromSlash(c.Data))
		if filepath.Dir(c.Data) == "." {
			c.Data = "." + string(filepath.Separator) + c.Data
		}
	}
	return c
}

// Brings says whether the job names a file that Bring reads.
func (c Config) Brings() bool { return c.brings() }

// Bring looks at the file that the job names: all that is asked has to be in it. Errors are *job.ConfigError.
func (c Config) Bring() (job.Job, error) {
	if !c.brings() {
		return c, nil
	}
	abs, err := filepath.Abs(c.Data)
	if err != nil {
		return nil, err
	}
	c.Data = abs
	f, err := given.Read(abs)
	var t *dataset.Table
	if err == nil {
		var s dataset.FileSettings
		if s, err = c.reader(); err != nil {
			return nil, err
		}
		t, err = dataset.OpenTable(f.Given().FS, f.Given().Name, s)
	}
	if err != nil {
		return nil, &job.ConfigError{Key: "data", Value: c.Data, Want: "a file of columns: " + reason(err)}
	}
	defer t.Close()
	queries, err := analytics.ParseQueries(c.Queries)
	if err != nil {
		return nil, &job.ConfigError{Key: "queries", Value: shorten(c.Queries), Want: reason(err)}
	}
	for _, q := range queries {
		if q.Column == "" {
			continue
		}
		if _, err := t.Column(q.Column, q.As()); err != nil {
			return nil, &job.ConfigError{Key: "queries", Value: q.Name + ": " + q.String(),
				Want: "what " + filepath.Base(abs) + " can answer: " + reason(err)}
		}
	}
	text, err := json.Marshal(f)
	if err != nil {
		return nil, err
	}
	c.File = string(text)
	return c, c.Validate()
}

// columns is the settings of the component that holds the data, as Validate has seen them.
func (c Config) columns() data.ColumnsConfig {
	queries, _ := analytics.ParseQueries(c.Queries)
	name, settings, _ := samples.Partition(c.Partition, 0, false)
	out := data.ColumnsConfig{Queries: queries, Least: c.Least, Partitions: c.Clients, Partitioner: name,
		Partition: settings}
	if c.Reader != "" {
		out.Settings = json.RawMessage(c.Reader)
	}
	if !c.brings() {
		out.Source = c.Data
	}
	return out
}
