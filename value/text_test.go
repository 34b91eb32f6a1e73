package value

import (
	"fmt"
	"strings"
	"testing"

	"github.com/rhizome-ml/rhizome/tensor"
)

// TestListsAreShown: a list that is printed says what is in it, in a bounded text that no terminal obeys.
func TestListsAreShown(t *testing.T) {
	x, err := tensor.FromFloat32([]int{2, 3}, make([]float32, 6))
	if err != nil {
		t.Fatal(err)
	}
	one, err := tensor.FromFloat32(nil, make([]float32, 1))
	if err != nil {
		t.Fatal(err)
	}
	for want, v := range map[string]Value{
		`[1, "a", float32[2,3]]`: NewList(Int(1), String("a"), Tensor{x}),
		`[]`:                     NewList(), `[trigger, true, 0.5, nobody, bytes[3], [float32[]]]`: NewList(Trigger{},
			Bool(true),
			Float(0.5), Peer("nobody"), NewBytes(make([]byte, 3)), NewList(Tensor{one})),
		`["\x1b[2J", "\x1b[2J", failure "a: b: \a"]`: NewList(String("\x1b[2J"), Peer("\x1b[2J"), Fail("b", "a", "\a")),
		`no tensor`: Tensor{}, `[rhizome.Loan/1]`: NewList(&Loan{}),
		`float32[2,3]`: Tensor{x},
	} {
		if got := fmt.Sprint(v); got != want {
			t.Errorf("%s; want %s", got, want)
		}
	}
	deep := NewList()
	for range 100_000 {
		deep = NewList(deep, String(strings.Repeat("x", 1000)))
	}
	for _, l := range []*List{deep, NewList(make([]Value, 0)...), NewList(deep, deep)} {
		if got := l.String(); len(got) > textMax {
			t.Errorf("%d bytes; want at most %d", len(got), textMax)
		}
	}
}
