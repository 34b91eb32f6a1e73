package artifact

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash"
	"math"
	"slices"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/rhizome-ml/rhizome/internal/onnx"
)

// depthMax bounds the messages inside each other that Digest walks: more than onnx.Load lets through.
const depthMax = 128

// Digest returns the SHA-256 of everything that matters in a model. It covers every field of every message in the order
// of field numbers, but the documentation strings, the lines of the author's source (KeyLine), the producer's name and
// version, and the digest itself (KeyDigest). It depends on no encoder's choices: each field is hashed as its number,
// the count of its values, and each value with its length.
func Digest(m *onnx.ModelProto) ([32]byte, error) {
	w := &walker{sum: sha256.New()}
	w.text("rhizome artifact digest 1")
	w.message(m.ProtoReflect(), 0)
	var d [32]byte
	w.sum.Sum(d[:0])
	return d, w.err
}

// Stamp writes the digest of a model into its metadata and returns it.
func Stamp(m *onnx.ModelProto) ([32]byte, error) {
	d, err := Digest(m)
	if err == nil {
		m.MetadataProps = onnx.SetMeta(m.MetadataProps, KeyDigest, hex.EncodeToString(d[:]))
	}
	return d, err
}

// Verify recomputes the digest of a model and compares it with the one in its metadata.
func Verify(m *onnx.ModelProto) ([32]byte, error) {
	d, err := Digest(m)
	if err != nil {
		return d, err
	}
	if got, _ := onnx.Meta(m.GetMetadataProps(), KeyDigest); got != hex.EncodeToString(d[:]) {
		return d, fmt.Errorf("artifact: the model says digest %.80q and has %x", got, d)
	}
	return d, nil
}

type walker struct {
	sum hash.Hash
	err error
}

// skipped are the fields that do not matter.
var skipped = []protoreflect.Name{"doc_string", "producer_name", "producer_version"}

func (w *walker) number(n uint64) {
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], n)
	w.sum.Write(b[:])
}

func (w *walker) text(s string) {
	w.number(uint64(len(s)))
	w.sum.Write([]byte(s))
}

func (w *walker) message(m protoreflect.Message, depth int) {
	if depth > depthMax {
		w.err = fmt.Errorf("artifact: messages nested deeper than %d", depthMax)
		return
	}
	var set []protoreflect.FieldDescriptor
	m.Range(func(f protoreflect.FieldDescriptor, _ protoreflect.Value) bool {
		if !slices.Contains(skipped, f.Name()) {
			set = append(set, f)
		}
		return true
	})
	slices.SortFunc(set, func(a, b protoreflect.FieldDescriptor) int { return int(a.Number()) - int(b.Number()) })
	for _, f := range set {
		w.field(f, m.Get(f), depth)
	}
	w.number(0) // no field has the number 0: the message ends here
	w.text(string(m.GetUnknown()))
}

func (w *walker) field(f protoreflect.FieldDescriptor, v protoreflect.Value, depth int) {
	if !f.IsList() {
		w.number(uint64(f.Number()))
		w.number(1)
		w.scalar(f, v, depth)
		return
	}
	list := v.List()
	var kept []protoreflect.Value
	for i := range list.Len() {
		if !unhashed(f, list.Get(i)) {
			kept = append(kept, list.Get(i))
		}
	}
	if len(kept) == 0 {
		return
	}
	w.number(uint64(f.Number()))
	w.number(uint64(len(kept)))
	for _, it := range kept {
		w.scalar(f, it, depth)
	}
}

// unhashed says whether an item is a metadata entry that does not matter.
func unhashed(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
	if f.Name() != "metadata_props" {
		return false
	}
	e, ok := v.Message().Interface().(*onnx.StringStringEntryProto)
	return ok && (e.GetKey() == KeyLine || e.GetKey() == KeyDigest)
}

func (w *walker) scalar(f protoreflect.FieldDescriptor, v protoreflect.Value, depth int) {
	switch f.Kind() {
	case protoreflect.MessageKind:
		w.message(v.Message(), depth+1)
	case protoreflect.StringKind:
		w.text(v.String())
	case protoreflect.BytesKind:
		w.text(string(v.Bytes()))
	case protoreflect.FloatKind, protoreflect.DoubleKind:
		w.number(math.Float64bits(v.Float()))
	case protoreflect.EnumKind:
		w.number(uint64(v.Enum()))
	case protoreflect.Uint64Kind, protoreflect.Uint32Kind:
		w.number(v.Uint())
	default:
		w.number(uint64(v.Int()))
	}
}

// Places returns the names of an artifact's places, sorted.
func Places(m *onnx.ModelProto) (places []string, err error) {
	for _, e := range m.GetMetadataProps() {
		if e.GetKey() == KeyPlaces {
			err = Decode(e.GetValue(), &places)
		}
	}
	return places, err
}
