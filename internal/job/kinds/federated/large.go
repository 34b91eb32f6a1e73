package federated

import (
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/node"
	"github.com/rhizome-ml/rhizome/internal/roles/model"
)

const (
	parametersMax = 1 << 26
	wholeBytes    = 1 << 20 // parameters up to this travel in one envelope, and a model of them in an event

	// What a server may have under way at once, over its cohort; see chunkBytes.
	underWayBytes  = 8 << 20
	chunkBytesMin  = 8 << 10
	chunkBytesMax  = 64 << 10
	chunksUnderWay = 12 // of one client, at most
)

// widths are those of the network.
func (c Config) widths() []int {
	w := []int{c.shape().inputs}
	if hidden, err := c.hidden(); err == nil && hidden != nil {
		w = append(w, hidden...)
	} else {
		for range c.Layers {
			w = append(w, c.Hidden)
		}
	}
	return append(w, c.outputs()*c.shape().each)
}

// hidden returns the widths of the hidden layers that the job lists, nil where it lists none.
func (c Config) hidden() (out []int, err error) {
	for text := range strings.SplitSeq(c.MLP, ",") {
		if text = strings.TrimSpace(text); c.MLP == "" || c.MLP == "none" {
			break
		}
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > 8192 || len(out) == 16 {
			return nil, &job.ConfigError{Key: "mlp", Value: strconv.Quote(c.MLP),
				Want: "up to 16 widths of hidden layers, each 1 to 8192, such as 64, 32"}
		}
		out = append(out, n)
	}
	return out, nil
}

// parameters returns how many the network has, as far as it is known.
func (c Config) parameters() int {
	if c.Model != "" {
		if n := c.net(); n != nil {
			return n.model.Bytes() / 4
		}
		return 0
	}
	n, w := 0, c.widths()
	for i := range len(w) - 1 {
		n += w[i]*w[i+1] + w[i+1]
	}
	return n
}

// ModelBytes returns the size of the parameters as the server keeps them.
func (c Config) ModelBytes() int {
	n := c.net()
	switch {
	case !c.halves():
		return 4 * c.parameters()
	case n != nil:
		return model.Config{Storage: c.Precision}.StoredBytes(n.model)
	}
	return 2 * c.parameters()
}

// large says whether the model is too large to be in one message, or its file, which is of float32, in an event.
func (c Config) large() bool { return 4*c.parameters() > wholeBytes }

// chunked says whether the parameters travel in chunks: those of a large model, and with as much as that beside them.
func (c Config) chunked() bool { return c.Chunk > 0 || 4*c.parameters()*c.carries() > wholeBytes }

// chunkBytes returns how many bytes a chunk has, 0 where the parameters travel whole. It is the largest power of two
// with which the chunks that are on their way to a cohort, and those that are on theirs from it, stay within
// underWayBytes, for any cohort up to 85.
func (c Config) chunkBytes() int {
	switch {
	case c.Chunk > 0:
		return c.Chunk << 10
	case !c.chunked():
		return 0
	}
	bytes := chunkBytesMax
	if c.halves() {
		bytes /= 2 // as many numbers, of which the sums are
	}
	for bytes > chunkBytesMin && bytes*chunksUnderWay*(c.cohort()+c.Over) > underWayBytes {
		bytes /= 2
	}
	return bytes
}

// holder is a component that holds a model.
type holder interface{ File() (io.WriterTo, error) }

var _ holder = (*model.Component)(nil)

// ModelOf returns the model that the server of a job holds, as an ONNX file by reference: it can be written after the
// node has gone on. Between the rounds of a job there is one; while a large one is gathered there is none.
func ModelOf(server *node.Node) (io.WriterTo, error) {
	h, ok := server.Component(modelSlot).(holder)
	if !ok {
		return nil, fmt.Errorf("job: the node holds no model; want the server of a federated job")
	}
	file, err := h.File()
	if err != nil {
		return nil, fmt.Errorf("job: the model is not there: %w", err)
	}
	return file, nil
}

// modelSlot is the slot of the model, and dataSlot that of the data.
const (
	modelSlot = "model"
	dataSlot  = "data"
)
