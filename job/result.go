package job

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"math"
	"path/filepath"
	"time"

	"github.com/rhizome-ml/rhizome/journal"
	"github.com/rhizome-ml/rhizome/journal/vfs"
	"github.com/rhizome-ml/rhizome/node"
	"github.com/rhizome-ml/rhizome/tensor"
	"github.com/rhizome-ml/rhizome/value"
)

// Round is what the server tells of a round.
type Round struct {
	Number        int       // from 1
	Accuracy      Number    // share of the held-out samples that are classed right
	Loss          Number    // mean cross entropy of the held-out samples
	Contributions int       // updates in the mean
	Confusion     [][]int64 // [true class][class found], counts of held-out samples
}

// Point is a round in the history of a run.
type Point struct {
	Round    int    `json:"round"`
	Accuracy Number `json:"accuracy"`
	Loss     Number `json:"loss"`
}

// Result is what a finished run has to tell.
type Result struct {
	Job           string    `json:"job"`
	Rounds        int       `json:"rounds"`
	Accuracy      Number    `json:"accuracy"`
	Loss          Number    `json:"loss"`
	Contributions uint64    `json:"contributions"` // updates in all means
	Restarts      uint64    `json:"restarts"`      // of the whole run or of single nodes, that it survived
	ModelSHA256   string    `json:"model_sha256"`
	Confusion     [][]int64 `json:"confusion"`
	History       []Point   `json:"history"`  // of the last 1,024 rounds
	Artifact      string    `json:"artifact"` // digest

	Model   string `json:"-"` // path of the model
	Resumed bool   `json:"-"` // earlier state was there
	Kept    bool   `json:"-"` // the run was finished before, and nothing was trained

	Trained time.Duration `json:"-"` // of this process, without waiting for clients; 0 where nobody has measured
}

// Number is a float32 that is null in JSON when it is not finite, as the loss of a model that diverged.
type Number float32

// MarshalJSON writes the shortest number that reads back to the same bits, or null.
func (n Number) MarshalJSON() ([]byte, error) {
	if f := float64(n); math.IsNaN(f) || math.IsInf(f, 0) {
		return []byte("null"), nil
	}
	return json.Marshal(float32(n))
}

// UnmarshalJSON reads a number; null is not a number.
func (n *Number) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		*n = Number(math.NaN())
		return nil
	}
	return json.Unmarshal(b, (*float32)(n))
}

// ParseRound reads the value of an EventRound.
func ParseRound(v value.Value) (Round, error) {
	bad := func(what string) (Round, error) {
		return Round{}, fmt.Errorf("job: the server told a round without %s", what)
	}
	list, ok := v.(*value.List)
	if !ok || list.Len() != 5 {
		return bad("its five values")
	}
	number, ok := list.At(0).(value.Int)
	members, ok2 := list.At(3).(*value.List)
	accuracy, ok3 := scalarOf(list.At(1))
	loss, ok4 := scalarOf(list.At(2))
	if !ok || !ok2 || !ok3 || !ok4 {
		return bad("number, accuracy, loss or members")
	}
	r := Round{Number: int(number) + 1, Accuracy: accuracy, Loss: loss, Contributions: members.Len()}
	t, ok := list.At(4).(value.Tensor)
	if !ok || t.Rank() != 2 || t.Float32() == nil {
		return bad("a confusion matrix")
	}
	rows, columns := t.Shape()[0], t.Shape()[1]
	for i := range rows {
		row := make([]int64, columns)
		for k := range row {
			row[k] = int64(t.Float32()[i*columns+k])
		}
		r.Confusion = append(r.Confusion, row)
	}
	return r, nil
}

// ParseDone reads the value of an EventDone: the last round, and the model as an ONNX file. A model of more than 1 MiB of
// parameters is not in the event, and the file is nil: see Outcome.
func ParseDone(v value.Value) (Round, []byte, error) {
	list, ok := v.(*value.List)
	if !ok || list.Len() != 2 {
		return Round{}, nil, fmt.Errorf("job: the server told no result")
	}
	var raw []byte
	switch file := list.At(1).(type) {
	case value.Bytes:
		raw = file.Raw()
	case value.Trigger: // it is in the model's component
	default:
		return Round{}, nil, fmt.Errorf("job: the server told a result without a model")
	}
	r, err := ParseRound(list.At(0))
	return r, raw, err
}

// Outcome reads the value of an EventDone of a server, and returns its last round and its model as an ONNX file, which can be
// written after the node has gone on. It reads the node, so it runs in the node's thread.
func Outcome(server *node.Node, told value.Value) (Round, io.WriterTo, error) {
	r, raw, err := ParseDone(told)
	if err != nil {
		return r, nil, err
	}
	if raw != nil {
		return r, written(raw), nil
	}
	file, err := ModelOf(server)
	return r, file, err
}

// written is a file that is in memory.
type written []byte

// WriteTo writes the whole file at once.
func (b written) WriteTo(w io.Writer) (int64, error) {
	n, err := w.Write(b)
	return int64(n), err
}

// parsePoint reads an entry of RecordRounds.
func parsePoint(v value.Value) (Point, bool) {
	list, ok := v.(*value.List)
	if !ok || list.Len() != 3 {
		return Point{}, false
	}
	number, ok := list.At(0).(value.Int)
	accuracy, ok2 := scalarOf(list.At(1))
	loss, ok3 := scalarOf(list.At(2))
	return Point{int(number) + 1, accuracy, loss}, ok && ok2 && ok3
}

// scalarOf returns the number in a float32 scalar.
func scalarOf(v value.Value) (Number, bool) {
	t, ok := v.(value.Tensor)
	if !ok || t.DType() != tensor.Float32 || t.Len() != 1 {
		return 0, false
	}
	return Number(t.Float32()[0]), true
}

// The files of a result.
const (
	modelFile  = "model.onnx"
	resultFile = "result.json"
)

// writeResult writes the model and then the result: when the result is there, so is the model.
func writeResult(fsys vfs.FS, dir string, res *Result, model io.WriterTo) error {
	res.Model = filepath.Join(dir, modelFile)
	sum := sha256.New()
	if err := journal.StreamFileAtomic(fsys, res.Model, summed{model, sum}); err != nil {
		return err
	}
	res.ModelSHA256 = hex.EncodeToString(sum.Sum(nil))
	return writeSealed(fsys, filepath.Join(dir, resultFile), res)
}

// summed is a file that is written into a hash too.
type summed struct {
	file io.WriterTo
	sum  hash.Hash
}

// WriteTo writes the file.
func (s summed) WriteTo(w io.Writer) (int64, error) { return s.file.WriteTo(io.MultiWriter(s.sum, w)) }

// sumFile returns the SHA-256 of a file.
func sumFile(fsys vfs.FS, path string) (string, error) {
	f, err := fsys.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, io.NewSectionReader(f, 0, math.MaxInt64)); err != nil {
		return "", err
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

// readResult returns the result of a finished run, or nil where there is none that is whole: the file is missing or
// damaged, belongs to another artifact, or the model is not the one that it names.
func readResult(fsys vfs.FS, dir, artifact string) (*Result, error) {
	var res Result
	err := readSealed(fsys, filepath.Join(dir, resultFile), &res)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, errDamaged):
		return nil, nil
	case err != nil:
		return nil, err
	case res.Artifact != artifact:
		return nil, nil
	}
	res.Model = filepath.Join(dir, modelFile)
	sum, err := sumFile(fsys, res.Model)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, err
	case sum != res.ModelSHA256:
		return nil, nil
	}
	res.Resumed, res.Kept = true, true
	return &res, nil
}
