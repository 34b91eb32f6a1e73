package rundir

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"io/fs"
	"math"
	"path/filepath"

	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/journal"
	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
)

// The files of a result.
const (
	ModelFile   = "model.onnx"
	BestFile    = "best.onnx"    // where the job keeps the best model beside the last
	AnswersFile = "answers.json" // in place of the model, of a job of queries
	ResultFile  = "result.json"
)

// fileOf is the file that stands beside a result.
func fileOf(res *job.Result) string {
	if res.Answers != nil {
		return AnswersFile
	}
	return ModelFile
}

// writeResult writes the models and then the result: when the result is there, so are they. Best is nil where none is
// kept.
func writeResult(fsys vfs.FS, dir string, res *job.Result, model, best io.WriterTo) error {
	var err error
	if res.Best != nil && best != nil {
		b := *res.Best
		b.Model = filepath.Join(dir, BestFile)
		if b.ModelSHA256, err = writeModel(fsys, b.Model, best); err != nil {
			return err
		}
		res.Best = &b
	}
	res.Model = filepath.Join(dir, fileOf(res))
	if res.ModelSHA256, err = writeModel(fsys, res.Model, model); err != nil {
		return err
	}
	return journal.WriteSealed(fsys, filepath.Join(dir, ResultFile), res)
}

// WriteResult writes a result anew, whose files are there.
func WriteResult(fsys vfs.FS, dir string, res *job.Result) error {
	return journal.WriteSealed(fsys, filepath.Join(dir, ResultFile), res)
}

// WriteModel writes a model that stands for itself.
func WriteModel(fsys vfs.FS, path string, model io.WriterTo) error {
	_, err := writeModel(fsys, path, model)
	return err
}

// writeModel writes a model and returns its SHA-256.
func writeModel(fsys vfs.FS, path string, model io.WriterTo) (string, error) {
	sum := sha256.New()
	if err := journal.StreamFileAtomic(fsys, path, summed{model, sum}); err != nil {
		return "", err
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
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

// ReadResult returns the result of a finished run, or nil where there is none that is whole: the file is missing or
// damaged, belongs to another artifact, or the model is not the one that it names.
func ReadResult(fsys vfs.FS, dir, artifact string) (*job.Result, error) {
	var res job.Result
	err := journal.ReadSealed(fsys, filepath.Join(dir, ResultFile), &res)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, journal.ErrDamaged):
		return nil, nil
	case err != nil:
		return nil, err
	case res.Artifact != artifact:
		return nil, nil
	}
	res.Model = filepath.Join(dir, fileOf(&res))
	whole, err := holds(fsys, res.Model, res.ModelSHA256)
	if whole && res.Best != nil {
		res.Best.Model = filepath.Join(dir, BestFile)
		whole, err = holds(fsys, res.Best.Model, res.Best.ModelSHA256)
	}
	if !whole {
		return nil, err
	}
	res.Resumed, res.Kept = true, true
	return &res, nil
}

// holds says whether a file has that SHA-256.
func holds(fsys vfs.FS, path, sum string) (bool, error) {
	got, err := sumFile(fsys, path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return got == sum, err
}

// ScaledBy returns by which constants of clients' sums the model in a directory was trained, nil where by none. A
// directory without a result has none.
func ScaledBy(fsys vfs.FS, dir string) (*job.Scaled, error) {
	var res job.Result
	err := journal.ReadSealed(fsys, filepath.Join(dir, ResultFile), &res)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return res.Scaled, err
}

// CopyResult writes a result and its model, which are in another directory, into dir.
func CopyResult(fsys vfs.FS, dir string, res job.Result) (*job.Result, error) {
	file, err := fsys.Open(res.Model)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	if res.Best == nil {
		return &res, writeResult(fsys, dir, &res, onDisk{file}, nil)
	}
	best, err := fsys.Open(res.Best.Model)
	if err != nil {
		return nil, err
	}
	defer best.Close()
	return &res, writeResult(fsys, dir, &res, onDisk{file}, onDisk{best})
}

// onDisk is a file that is on the disk.
type onDisk struct{ file vfs.File }

// WriteTo copies the file.
func (s onDisk) WriteTo(w io.Writer) (int64, error) {
	return io.CopyBuffer(struct{ io.Writer }{w}, io.NewSectionReader(s.file, 0, math.MaxInt64), make([]byte, 1<<20))
}

// Finished returns the result of the run in a directory, or nil where there is none that is whole, with its model.
func Finished(fsys vfs.FS, dir string) (*job.Result, error) {
	var r Record
	if err := journal.ReadSealed(fsys, filepath.Join(dir, RunFile), &r); err != nil {
		return nil, err
	}
	return ReadResult(fsys, dir, r.Artifact)
}

// WriteTold writes model.onnx and result.json into a directory, the result last. What is given are the fields that the
// server does not know: job, digest, restarts, resumed.
func WriteTold(fsys vfs.FS, dir string, t *job.Outcome, given job.Result) (*job.Result, error) {
	if t.Err != nil {
		return nil, t.Err
	}
	res := given
	res.Rounds, res.Accuracy, res.Loss, res.Confusion = t.Last.Number, t.Last.Accuracy, t.Last.Loss, t.Last.Confusion
	res.Contributions, res.History, res.Clients = t.Contributions, t.History, t.Last.Clients
	res.AtClients = t.Last.AtClients
	res.Scaled, res.Answers, res.Stopped, res.Best = t.Scaled, t.Answers, t.Stopped, t.Best
	res.Refused = t.Refused
	err := writeSummary(fsys, dir, Summary{Job: res.Job, Artifact: res.Artifact, Rounds: res.Rounds,
		Stopped: res.Stopped})
	if err != nil {
		return nil, err
	}
	return &res, writeResult(fsys, dir, &res, t.Model, t.BestModel)
}
