package data

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"strconv"

	"github.com/rhizome-ml/rhizome/dataset"
	"github.com/rhizome-ml/rhizome/internal/config"
)

// plan is what the settings of a slot come to, whatever kind they are of. It is not changed.
type plan struct {
	kind          *dataset.Kind
	settings      []byte // of the source
	batch, epochs int
	cursor        bool   // the component keeps one
	orders        string // the purpose by which the order of a round and epoch is drawn
	named         bool   // the purpose goes on with the node's name, and a part is but a name

	partitions, least int // 0 partitions: every node has a source of its own
	partitioner       dataset.Partitioner
	each              int // what a node holds back of its own, in millionths
	root              Root
}

// holds is the samples of a node: rows of a source, or all of it where rows are nil.
type holds struct {
	source dataset.Source // nil: none
	rows   []int          // ascending
}

func (h holds) len() int {
	switch {
	case h.source == nil:
		return 0
	case h.rows == nil:
		return h.source.Len()
	}
	return len(h.rows)
}

// open returns the component of a slot. File is what the host gives to the slot; nil: nothing.
func (p *plan) open(slot string, seed uint64, self string, opts Options, file []byte) (*Component, error) {
	c := &Component{slot: slot, plan: p, seed: seed, part: none, name: self}
	if opts.Partition != nil {
		c.part = *opts.Partition
		high := int64(1<<31 - 1)
		if p.partitions > 0 {
			high = int64(p.partitions) - 1
		}
		if err := config.Within(p.kind.Name+" options", "partition", int64(c.part), 0, high); err != nil {
			return nil, err
		}
		c.name = strconv.Itoa(c.part)
	}
	env := dataset.Env{Settings: p.settings, Seed: seed, Node: c.name}
	given := opts.RowsSHA256 != "" || len(file) > 0
	if given {
		if err := p.vouched(opts, file); err != nil {
			return nil, err
		}
	}
	samples := p.dealt
	if p.partitions == 0 {
		samples = p.own
	}
	if err := samples(c, env, given, file); err != nil {
		return nil, err
	}
	if !p.root.Rooted {
		c.holdBack(p.each)
	}
	return c, nil
}

// vouched holds a file against what the node's options say of it.
func (p *plan) vouched(opts Options, file []byte) error {
	of := p.kind.Name + " options"
	if p.kind.Parse == nil {
		return config.Errorf(of, "rows are given, and the source %s reads none", p.kind.Name)
	}
	if opts.RowsSHA256 == "" && p.kind.Open == nil {
		return nil // of a program that gives every life of the node the same
	}
	sum := sha256.Sum256(file)
	if got := hex.EncodeToString(sum[:]); got != opts.RowsSHA256 {
		return config.Errorf(of, "rows_sha256 is %.80q, and the rows that the host gives have %s", opts.RowsSHA256, got)
	}
	if opts.Partition == nil && p.partitions > 0 && p.kind.Open != nil {
		return config.Errorf(of, "rows are given, and no partition, which names their order")
	}
	return nil
}

// own opens the source of a node whose source is its own.
func (p *plan) own(c *Component, env dataset.Env, given bool, file []byte) error {
	var err error
	switch {
	case given:
		c.train.source, err = Parse(p.kind, env, file)
	case p.kind.Open != nil:
		c.train.source, err = p.kind.Open(env)
	}
	c.test.source = c.train.source // unless it brings one, all of it
	return err
}

// dealt opens the source of all nodes, and takes the node's part of it.
func (p *plan) dealt(c *Component, env dataset.Env, given bool, file []byte) error {
	var whole dataset.Source
	var err error
	switch {
	case p.kind.Open != nil:
		whole, err = p.kind.Open(env)
	case given:
		whole, err = Parse(p.kind, env, file)
	default:
		err = config.Errorf(p.kind.Name+" options",
			"no rows are given; the source %s reads them from a file, which every node of the job has", p.kind.Name)
	}
	if err != nil {
		return err
	}
	samples, err := dataset.SamplesOf(whole)
	if err != nil {
		return err
	}
	c.test.source = whole
	if _, ok := whole.(dataset.Tested); !ok {
		samples.Rows, c.test.rows = dataset.Split(samples, c.seed)
	}
	var root []int
	if samples.Rows, root, err = p.root.split(samples, c.seed); err != nil {
		return err
	}
	if p.partitions*p.least > len(samples.Rows) {
		return config.Errorf(p.kind.Name+" config",
			"%d partitions of at least %d samples; there are %d samples to train on",
			p.partitions, p.least, len(samples.Rows))
	}
	if p.root.Rooted {
		c.train, c.name = holds{whole, root}, rootName
		return nil
	}
	if c.part == none {
		return nil
	}
	if given && p.kind.Open != nil { // rows of the node's own in the place of its partition's
		c.train.source, err = Parse(p.kind, env, file)
		return err
	}
	parts, err := dataset.Deal(p.partitioner, samples, p.partitions, p.least, c.seed)
	if err != nil {
		return err
	}
	c.train = holds{whole, parts[c.part]}
	return nil
}

// Parse reads a file of samples by the parser of their kind.
func Parse(kind *dataset.Kind, env dataset.Env, file []byte) (dataset.Source, error) {
	if int64(len(file)) > kind.Max() {
		return nil, fmt.Errorf("has %d bytes; at most %d are read", len(file), kind.Max())
	}
	s, err := kind.Parse(env, io.NewSectionReader(bytes.NewReader(file), 0, int64(len(file))))
	if err != nil {
		return nil, err
	}
	if s.Len() == 0 {
		return nil, fmt.Errorf("holds no samples")
	}
	return s, s.Schema().Check()
}
