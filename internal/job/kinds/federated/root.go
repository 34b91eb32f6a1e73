package federated

import (
	"encoding/json"
	"strconv"

	"github.com/rhizome-ml/rhizome/dataset"
	"github.com/rhizome-ml/rhizome/graph"
	"github.com/rhizome-ml/rhizome/internal/importer"
	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/job/given"
	"github.com/rhizome-ml/rhizome/internal/node"
	"github.com/rhizome-ml/rhizome/internal/roles/data"
	"github.com/rhizome-ml/rhizome/strategy"
	"github.com/rhizome-ml/rhizome/value"
)

// A strategy with Root has the server train in each round as its clients do, on samples of its own: a file, or a share
// of the job's data that no client is dealt. They are in a component beside that of the test, and what the server makes
// of them goes to the aggregator with the call that closes the round: until then it is a value of the program like any
// other, in the journal and in each snapshot.

// rootSlot is the slot of the server's own samples, and fileRoot the name of their file among those of the job.
const (
	rootSlot = "root"
	fileRoot = "root"
)

// rootShare is the share that is the server's where the job does not say it.
const rootShare = 0.05

// rooted says whether the server trains too.
func (c Config) rooted() bool {
	s, err := c.chosen()
	return err == nil && s.Root
}

// rootOf returns the share of the data that is the server's, and whether it is one, and no file.
func (c Config) rootOf() (float64, bool) {
	if c.RootData == "" {
		return rootShare, true
	}
	x, err := strconv.ParseFloat(c.RootData, 64)
	return x, err == nil
}

// root is what is the server's own of the samples that are dealt.
func (c Config) root() data.Root {
	share, ok := c.rootOf()
	if !ok || !c.rooted() {
		return data.Root{}
	}
	return data.Root{Share: int(share*million + 0.5)}
}

// rootComponent is what holds the server's own samples.
func (c Config) rootComponent(at graph.Place) graph.Component {
	of := c.source([]graph.Place{at})
	of.Name = rootSlot
	switch settings := of.Config.(type) {
	case data.Config:
		settings.Rooted = true
		of.Config = settings
	case data.SamplesConfig:
		settings.Rooted = true
		of.Config = settings
	}
	return of
}

// dealsBuiltIn says why a built-in set cannot be dealt to the server and the clients, or nil: a run would find that out
// as it starts.
func (c Config) dealsBuiltIn() error {
	of := c.source(nil)
	settings, err := json.Marshal(of.Config)
	if err != nil {
		return err
	}
	_, err = data.Open(of.Kind, node.Env{Slot: of.Name, Place: job.ServerPlace, Seed: c.Seed, Config: settings})
	return c.undealt(err)
}

// dealsFile is dealsBuiltIn for a file.
func (c Config) dealsFile(whole dataset.Source) error {
	if whole == nil || c.root().Share == 0 {
		return nil
	}
	_, tests := c.share()
	return c.undealt(c.samplesConfig().Deals(whole, c.Seed, tests))
}

// undealt says what share of the data could be the server's.
func (c Config) undealt(err error) error {
	if err == nil {
		return nil
	}
	share, _ := c.rootOf()
	return &job.ConfigError{Key: "root_data", Value: strconv.FormatFloat(share, 'g', -1, 64),
		Want: "a share by which the server has samples of its own, and each client enough of the others: " + err.Error()}
}

// trainRoot records what the server makes of the parameters of round i, once that was opened: as a client does, on
// samples of its own.
func (j *fedavg) trainRoot(b *graph.Graph, i, opened graph.Value) graph.Value {
	b = b.Named("root")
	own := *j
	own.slots.data, own.scale = j.slots.root, j.constants(b, opened)
	global := b.Invoke(j.slots.model, "Parameters", b.Gate(b.Constant(value.Trigger{}), opened))[0]
	made := own.local(b, global, i, nil)
	j.err = own.err
	return made.update
}

// giveRoot gives the server its own samples.
func (c Config) giveRoot(cfg *node.Config, b *brought) error {
	o := data.SamplesOptions{}
	f, own := b.Files[fileRoot]
	if !own {
		f = b.Files[data.FileTrain]
	}
	o.Own, o.Files = own, map[string]string{data.FileTrain: f.SHA256}
	text, err := json.Marshal(o)
	if err != nil {
		return err
	}
	cfg.Options[rootSlot] = text // which was made for this node
	return giveFile(cfg, rootSlot, data.FileTrain, f)
}

// bringRoot looks at the file of the server's own samples.
func (c *Config) bringRoot(b *brought) error {
	if _, share := c.rootOf(); share || !c.rooted() {
		return nil
	}
	want, err := b.Schema.Schema()
	if err != nil {
		return err
	}
	s, _, err := c.openData("root_data", c.RootData, fileRoot, b.Settings, b)
	if err != nil {
		return err
	}
	if err := s.Schema().Against(want); err != nil {
		return &job.ConfigError{Key: "root_data", Value: c.RootData, Want: "a file of samples like those of the job: " +
			err.Error()}
	}
	return nil
}

// validateRoot checks what says on which samples the server trains.
func (c Config) validateRoot(s strategy.Chosen) error {
	bad := func(key, got, want string) error {
		return &job.ConfigError{Key: key, Value: strconv.Quote(got), Want: want}
	}
	beside := " beside strategy " + s.Name
	if !s.Root {
		if c.RootData != "" {
			return bad("root_data", c.RootData, "nothing"+beside+", whose server does not train; that of fltrust does")
		}
		return nil
	}
	share, isShare := c.rootOf()
	switch {
	case !c.brings() && c.Data != job.DataDigits:
		return bad("strategy", c.Strategy, "another beside data "+c.Data+
			", of which there is nothing that could be the server's own; or digits, or a file")
	case isShare && !(share*million >= 1 && share < 1):
		return bad("root_data", c.RootData, "a share of the data above 0 and below 1, of at least a millionth, or the "+
			"name of a file"+beside+": the server trains on it")
	case !isShare && !c.brings():
		return bad("root_data", c.RootData, "a share such as 0.05 beside data "+c.Data+", which is built in")
	case !isShare && !isPath(c.RootData) && !given.IsReady(c.RootData):
		return bad("root_data", c.RootData, "a share such as 0.05, or the name of a file, such as ./root.csv")
	case c.Personal != "" || c.Buffers == importer.BuffersLocal:
		key, got := "personal", c.Personal
		if got == "" {
			key, got = "buffers", c.Buffers
		}
		return bad(key, got, "none"+beside+", whose server trains the whole model: what stays at clients is not there")
	case len(c.variances()) > 0:
		return bad("buffers", c.Buffers, "frozen"+beside+": what updates change is made longer and shorter there, and "+
			"running variances could fall below 0")
	}
	if isShare && !c.brings() {
		return c.dealsBuiltIn()
	}
	return nil
}
