package data

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/rhizome-ml/rhizome/dataset"
	"github.com/rhizome-ml/rhizome/graph"
	"github.com/rhizome-ml/rhizome/internal/analytics"
	"github.com/rhizome-ml/rhizome/internal/config"
	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/node"
	"github.com/rhizome-ml/rhizome/types"
	"github.com/rhizome-ml/rhizome/value"
)

// KindColumns names the component in an artifact where a node answers queries over the columns of its data, and gives
// none of it out otherwise.
const KindColumns = "columns"

// ColumnsConfig is the settings of the kind "columns" that all nodes of a job share.
type ColumnsConfig struct {
	// Queries are all that is ever answered, and Least of how many clients an answer is that is told.
	Queries []analytics.Query `json:"queries"`
	Least   int               `json:"least"`
	// Source is the data set that is built in, if it is one, and Settings say how a file is read.
	Source   string          `json:"source,omitempty"`
	Settings json.RawMessage `json:"settings,omitempty"`
	// Partitions is the number of parts that data is dealt to where it is not a node's own, by Partitioner with the
	// settings Partition.
	Partitions  int             `json:"partitions"`
	Partitioner string          `json:"partitioner"`
	Partition   json.RawMessage `json:"partition,omitempty"`
}

// JSON returns the settings as the artifact holds them.
func (c ColumnsConfig) JSON() []byte { return config.JSON(c) }

// ParseColumnsConfig reads a ColumnsConfig from JSON; an unknown key is refused by name, as are values out of their
// range.
func ParseColumnsConfig(b []byte) (ColumnsConfig, error) {
	const of = "columns config"
	var c ColumnsConfig
	if err := config.Decode(of, b, &c); err != nil {
		return c, err
	}
	if err := analytics.Check(c.Queries); err != nil {
		return c, err
	}
	if _, err := dataset.OpenPartitioner(c.Partitioner, c.Partition); err != nil {
		return c, err
	}
	if err := config.Within(of, "least", int64(c.Least), 1, partsMax); err != nil {
		return c, err
	}
	_, err := c.settings()
	if err != nil {
		return c, err
	}
	return c, config.Within(of, "partitions", int64(c.Partitions), 1, partsMax)
}

func (c ColumnsConfig) settings() (s dataset.FileSettings, err error) {
	return s, config.Decode("columns config", c.Settings, &s)
}

// Asked says in words what a component of an artifact answers of the data of its node, by its kind and settings; nil
// for one that answers no queries.
func Asked(kind string, settings []byte) []string {
	if kind != KindColumns {
		return nil
	}
	c, err := ParseColumnsConfig(settings)
	if err != nil {
		return nil // the node will not start, and says why
	}
	var out []string
	for _, q := range c.Queries {
		out = append(out, q.Name+": "+q.String())
	}
	if c.Least > 1 {
		return append(out, fmt.Sprintf("the server tells no answer to which fewer than %d clients contributed; "+
			"what each client counts, it sees", c.Least))
	}
	return append(out, "the server tells each answer, however few clients contributed")
}

// InPlace says whether a component of that kind reads the file of a node where it lies, as its settings say.
func InPlace(kind string) bool { return kind == KindSamples || kind == KindColumns }

// Columns is the component of one node. It is thread-unsafe, like every component.
type Columns struct {
	slot string
	cfg  ColumnsConfig
	open func() (*dataset.Table, error) // nil: the node has no data
	rows []int                          // of the table; nil: all
	n    int
	st   Stateless
}

var _ engine.Worker = (*Columns)(nil)

// ColumnsFactory builds the component of a slot, as KindColumns.
func ColumnsFactory(env node.Env) (engine.Component, error) {
	cfg, err := ParseColumnsConfig(env.Config)
	if err != nil {
		return nil, err
	}
	o, err := ParseSamplesOptions(env.Options)
	if err != nil {
		return nil, err
	}
	c := &Columns{slot: env.Slot, cfg: cfg}
	if err := c.find(env, o); err != nil {
		return nil, err
	}
	switch {
	case c.open != nil:
		return c, c.take(env.Seed, o)
	case o.Partition != nil: // a client, and no server
		return nil, config.Errorf("columns options", "this node has no data to count over; want a file of its own "+
			"(rhizome join … --data FILE)")
	}
	return c, nil
}

// find finds the data of the node.
func (c *Columns) find(env node.Env, o SamplesOptions) error {
	const of = "columns options"
	settings, err := c.cfg.settings()
	if err != nil {
		return err
	}
	for name, sum := range o.Files {
		g, ok := env.Files[name]
		if name != FileTrain || !ok || g.SHA256 != sum {
			return config.Errorf(of, "the file %.20q has the SHA-256 %.64q, and the host gives %.64q", name, sum,
				g.SHA256)
		}
		if o.Own || o.Partition != nil {
			c.open = func() (*dataset.Table, error) { return dataset.OpenTable(g.FS, g.Name, settings) }
		}
	}
	if c.open != nil || c.cfg.Source == "" || o.Partition == nil {
		return nil
	}
	kind, err := dataset.Find(c.cfg.Source)
	if err != nil {
		return err
	}
	if kind.Open == nil {
		return config.Errorf(of, "the source %s reads files, and none is given", kind.Name)
	}
	own := dataset.Env{Seed: env.Seed, Node: strconv.Itoa(*o.Partition)}
	c.open = func() (*dataset.Table, error) {
		s, err := kind.Open(own)
		if err != nil {
			return nil, err
		}
		return dataset.TableOf(s)
	}
	return nil
}

// take takes the node's part of its data, in which all columns that are asked for have to be.
func (c *Columns) take(seed uint64, o SamplesOptions) error {
	const of = "columns options"
	t, err := c.open()
	if err != nil {
		return err
	}
	defer t.Close()
	for _, q := range c.cfg.Queries {
		if q.Column == "" {
			continue
		}
		if _, err := t.Column(q.Column, q.As()); err != nil {
			return config.Errorf(of, "the query %s (%v) cannot be answered by this data: %v", q.Name, q, err)
		}
	}
	each := false
	if kind, err := dataset.Find(c.cfg.Source); err == nil {
		each = kind.Each
	}
	if c.n = t.Len(); !o.Own && !each {
		part := *o.Partition
		if err := config.Within(of, "partition", int64(part), 0, int64(c.cfg.Partitions)-1); err != nil {
			return err
		}
		partitioner, err := dataset.OpenPartitioner(c.cfg.Partitioner, c.cfg.Partition)
		if err != nil {
			return err
		}
		all := dataset.Samples{Rows: make([]int, t.Len())}
		for i := range all.Rows {
			all.Rows[i] = i
		}
		if all.Groups, err = t.Groups(); err != nil {
			return err
		}
		parts, err := dataset.Deal(partitioner, all, c.cfg.Partitions, 1, seed)
		if err != nil {
			return err
		}
		c.rows = slices.Clone(parts[part])
		c.n = len(c.rows)
	}
	if c.n < 1 || c.n > SamplesMost {
		return config.Errorf(of, "the data has %d rows; want 1 to %d", c.n, SamplesMost)
	}
	return nil
}

// State is empty: each answer is a function of what is asked.
func (c *Columns) State() any { return &c.st }

// Restored has nothing to check.
func (c *Columns) Restored() error { return nil }

// Samples returns how many rows the node has.
func (c *Columns) Samples() int64 { return int64(c.n) }

// methodAnswer is the one op of the component.
const methodAnswer = "Answer"

// ColumnsMethods returns what a choreography may invoke on the component.
func ColumnsMethods() []graph.Method {
	return []graph.Method{{
		Name: methodAnswer, Deferred: true,
		Doc: "Counts over the node's own rows what a round asks of the queries of the settings, and gives no more.",
		In:  []graph.Port{{Name: "asks", Type: types.Any()}},
		Out: []graph.Port{{Name: "found", Type: types.Any()}},
	}}
}

// Invoke runs one op. The data is read beside the engine: it may be larger than memory.
func (c *Columns) Invoke(ctx *engine.Context, method string, in []value.Value) ([]value.Value, error) {
	if method != methodAnswer || len(in) != 1 {
		return nil, c.fail("no op %q of %d values; want Answer of what is asked", method, len(in))
	}
	if c.open == nil {
		return nil, c.fail("this node has no data")
	}
	ctx.Command(methodAnswer, in)
	return nil, nil
}

// Work answers.
func (c *Columns) Work(method string, in []value.Value) ([]value.Value, error) {
	if method != methodAnswer || len(in) != 1 || c.open == nil {
		return nil, c.fail("no work %q", method)
	}
	asks, err := analytics.ParseAsks(in[0], len(c.cfg.Queries))
	if err != nil {
		return nil, c.fail("%v", err)
	}
	rows := &tableRows{open: c.open, rows: c.rows, n: c.n}
	defer rows.close()
	parts, err := analytics.Find(c.cfg.Queries, asks, rows)
	if err != nil {
		if cell := new(analytics.CellError); errors.As(err, &cell) {
			return nil, c.fail("row %d of the data %s", rows.last[cell.Row]+1, cell.Reason)
		}
		return nil, c.fail("%s", untold(err))
	}
	return []value.Value{analytics.PartsValue(parts)}, nil
}

// untold says why data cannot be counted, for the server, which is told where and not what: an error of a file holds
// what stands there, or its name.
func untold(err error) string {
	var row *dataset.RowError
	var changed *dataset.ChangedError
	var of *config.Error
	switch {
	case errors.As(err, &row) && row.Column > 0:
		return fmt.Sprintf("line or row %d, column %d of the data cannot be counted", row.Line, row.Column)
	case errors.As(err, &row):
		return fmt.Sprintf("line or row %d of the data cannot be counted", row.Line)
	case errors.As(err, &changed):
		return "the data is not what it was"
	case errors.As(err, &of) && of.Of == analytics.OfAsk:
		return err.Error()
	}
	return "the data cannot be read"
}

// Recorded returns true: what was found is small, and to find it again is to read the whole file.
func (c *Columns) Recorded(string) bool { return true }

func (c *Columns) fail(format string, args ...any) *value.Failure {
	return value.Fail(value.CodeError, c.slot, fmt.Sprintf(format, args...))
}

// readRows is how many rows are read at a time.
const readRows = 1 << 12

// tableRows reads the rows of a node.
type tableRows struct {
	open    func() (*dataset.Table, error)
	table   *dataset.Table // nil before Open: where nothing is asked, nothing is opened
	rows    []int          // nil: the first n
	n, at   int
	columns []dataset.TableColumn
	cells   []dataset.TableCells
	out     []analytics.Column
	piece   []int
	last    []int // the rows that Next gave last
}

func (r *tableRows) close() {
	if r.table != nil {
		r.table.Close()
	}
}

func (r *tableRows) Open(columns, as []string) (err error) {
	if r.table, err = r.open(); err != nil {
		return err
	}
	for i, name := range columns {
		c, err := r.table.Column(name, as[i])
		if err != nil {
			return err
		}
		r.columns = append(r.columns, c)
	}
	r.cells, r.out = make([]dataset.TableCells, len(columns)), make([]analytics.Column, len(columns))
	return nil
}

func (r *tableRows) Next() ([]analytics.Column, int, error) {
	for r.at < r.n {
		end := min(r.at+readRows, r.n)
		if r.piece = r.piece[:0]; r.rows != nil {
			r.piece = append(r.piece, r.rows[r.at:end]...)
		} else {
			for i := r.at; i < end; i++ {
				r.piece = append(r.piece, i)
			}
		}
		r.at = end
		read, err := r.table.Read(r.piece, r.columns, r.cells)
		if err != nil {
			return nil, 0, err
		}
		if len(read) == 0 {
			continue
		}
		for i, c := range r.cells {
			r.out[i] = analytics.Column{Numbers: c.Numbers, Texts: c.Texts, Missing: c.Missing}
		}
		r.last = read
		return r.out, len(read), nil
	}
	return nil, 0, nil
}
