package exchange

import (
	"bytes"
	"errors"
	"reflect"
	"testing"
	"time"

	"github.com/rhizome-ml/rhizome/internal/fuzzing"
	"github.com/rhizome-ml/rhizome/transport"
)

// told is a stream of which only reading is used.
type told struct {
	transport.Stream
	b *bytes.Reader
}

func (s told) Read(p []byte) (int, error)  { return s.b.Read(p) }
func (s told) SetDeadline(time.Time) error { return nil }

// FuzzMessages reads any bytes as each of the messages: there is no panic, what is refused is refused by type, and a
// length alone allocates no more than HeadMax.
func FuzzMessages(f *testing.F) {
	f.Add([]byte("\x00\x00\x00\x2a" + `{"format":1,"release":"v1","peer":"12D3Koo"}`))
	f.Add([]byte("\x00\x00\x00\x46" + `{"format":1,"offer":{"job":"a","settings":{"rounds":"3"},"bytes":7}}`))
	f.Add([]byte("\x00\x00\x00\x3c" + `{"format":1,"refused":{"code":"full","reason":"no place"}}`))
	f.Add([]byte("\xff\xff\xff\xff"))
	fuzzing.RunWithin(f, func(n int) int { return 2*HeadMax + 512*n }, func(t *testing.T, b []byte) {
		for _, typ := range []reflect.Type{reflect.TypeFor[Hello](), reflect.TypeFor[Answer]()} {
			v := reflect.New(typ).Interface()
			err := ReadMessage(told{b: bytes.NewReader(b)}, v, time.Second)
			var broke *ProtocolError
			if err != nil && !errors.As(err, &broke) {
				t.Fatalf("refused with %v", err)
			}
		}
	})
}
