package hostile

import (
	"path"
	"strings"
)

// target is a fuzz target of the tree, which `rhizome prove` tries by the million.
type target struct {
	name  string // folder and function
	reads string // what its decoder reads, and of whom
	tries int    // in one turn
}

// A turn of a quick decoder takes about as long as starting the process twice; slow ones have less to do in theirs. A
// try of a target that runs a node or a program for a while is two lives of it, with dozens of inputs, audits and
// snapshots: it takes as long as hundreds or thousands of tries of a decoder.
const (
	quick   = 60_000
	slow    = 30_000
	session = 2_000 // some 8 ms each
	machine = 500   // some 35 ms each
)

// targets are all decoders of bytes that another process or a disk gives, and the two state machines that what they
// give is for. TestEveryDecoderHasATarget holds the list against the tree.
var targets = []target{
	{"internal/wire/FuzzDecode", "envelopes of peers", 2 * quick},
	{"transport/libp2p/FuzzFrames", "streams of peers", quick},
	{"internal/deploy/FuzzParseAnnouncement", "where peers say that they are", quick},
	{"internal/deploy/invitation/FuzzParse", "invitations that people paste", quick},
	{"internal/deploy/exchange/FuzzMessages", "how a server gives out a job", quick},
	{"internal/deploy/exchange/FuzzAsk", "what a server answers", slow},
	{"internal/wire/FuzzSplit", "envelopes of the journal's marks", quick},
	{"internal/wire/FuzzParseAddress", "addresses that peers claim", quick},
	{"internal/wire/FuzzPeerID", "names of peers", quick},
	{"internal/deploy/backup/FuzzArchive", "what is in a backup", slow},
	{"value/FuzzDecode", "values in envelopes, journals and snapshots", 2 * quick},
	{"value/FuzzLoan", "what a peer says that it lends", quick},
	{"codec/FuzzDecode", "values that a codec made smaller", quick},
	{"tensor/FuzzParse", "tensors of peers and files", 2 * quick},
	{"snapshot/FuzzUnmarshal", "snapshots, and inputs of the journal", quick},
	{"internal/peer/FuzzRestore", "what a snapshot says of peers", quick},
	{"internal/host/record/FuzzReadMarks", "marks of the journal", quick},
	{"types/FuzzParse", "types of an artifact", quick},
	{"internal/artifact/FuzzDecode", "records of an artifact", quick},
	{"internal/config/FuzzDecode", "settings of components", quick},
	{"dataset/FuzzCSV", "tables that users bring", quick},
	{"dataset/FuzzArrays", "arrays that users bring", slow},
	{"dataset/FuzzTables", "typed tables and tensors that users bring", slow},
	{"internal/parquet/FuzzFile", "Parquet files, page by page", slow},
	{"internal/arrow/FuzzFile", "Arrow files and streams, some rows at a time", slow},
	{"internal/onnx/FuzzLoad", "models", quick},
	{"internal/importer/FuzzImport", "models of other tools", slow},
	{"internal/roles/model/FuzzLoad", "models to train", slow},
	{"internal/program/FuzzLoad", "artifacts", slow},
	{"internal/compile/FuzzCompile", "choreographies", slow},
	{"internal/compile/gradient/FuzzBuild", "graphs to derive", 2 * quick},
	{"internal/op/lower/FuzzGraph", "graphs of compound operators", quick},
	{"internal/roles/backend/FuzzCompile", "graphs to run", 2 * quick},
	{"internal/roles/backend/kernel/FuzzPaths", "numbers, on every path of the loops", slow},
	{"internal/journal/FuzzJournalOpen", "segments of journals", slow},
	{"internal/journal/FuzzSnapshotLoad", "files of snapshots", slow},
	{"internal/job/kinds/federated/FuzzParse", "job files", slow},
	{"internal/job/rundir/FuzzRunFile", "what a run keeps of itself", slow},
	{"internal/engine/FuzzSession", "what peers say to a node, in any order", session},
	{"internal/dataflow/FuzzMachine", "programs, apart from any node", machine},
}

// floor is how often the target is tried at the least: as often as five of its turns do, and no more than is asked of a
// decoder. So those of lives reach theirs while the envelopes reach theirs.
func (t *target) floor() uint64 { return min(floorDecoder, 5*uint64(t.tries)) }

// folder is that of the target's package, below the module.
func (t *target) folder() string { return path.Dir(t.name) }

// function is the name of the target in its package.
func (t *target) function() string { return path.Base(t.name) }

// programOf is what the test binary of a folder is called.
func programOf(folder string) string { return strings.ReplaceAll(folder, "/", "-") + ".test" }

// counted are the packages whose statements are counted, beside the target's own: what decodes, and what judges graphs.
var counted = []string{"internal/wire", "value", "tensor", "types", "internal/onnx", "internal/op",
	"internal/op/emit", "internal/op/lower", "internal/op/onnxop", "internal/roles/backend/kernel", "internal/artifact",
	"internal/program", "snapshot", "dataset", "internal/parquet",
	"internal/arrow", "internal/lz4"}
