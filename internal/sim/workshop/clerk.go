package workshop

import (
	"fmt"
	"slices"

	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/tensor"
	"github.com/rhizome-ml/rhizome/value"
)

// clerk is a component that keeps books, so that what happened twice, or not at all, shows.
type clerk struct {
	self wire.PeerID
	st   Books
}

// Books is the state of a clerk.
type Books struct {
	Noted   []Entry `snap:"1"` // ascending by key: how often each number was noted
	Tries   []Entry `snap:"2"` // of what fails
	Heard   []Entry `snap:"3"` // messages, by sender and number
	Waiting []Wait  `snap:"4"` // parked calls
}

// Entry is how often something happened.
type Entry struct {
	Key   string `snap:"1"`
	Times int64  `snap:"2"`
}

// Wait is a call that is parked.
type Wait struct {
	Call uint64 `snap:"1"`
	N    int64  `snap:"2"`
}

// bump counts a key and returns its count.
func bump(list *[]Entry, key string) int64 {
	i, ok := slices.BinarySearchFunc(*list, key, func(e Entry, k string) int {
		switch {
		case e.Key < k:
			return -1
		case e.Key > k:
			return 1
		}
		return 0
	})
	if !ok {
		*list = slices.Insert(*list, i, Entry{Key: key})
	}
	(*list)[i].Times++
	return (*list)[i].Times
}

func (c *clerk) State() any      { return &c.st }
func (c *clerk) Restored() error { return nil }

func (c *clerk) Invoke(ctx *engine.Context, method string, in []value.Value) ([]value.Value, error) {
	n, ok := in[0].(value.Int)
	if !ok {
		return nil, fail("%s takes an Int", method)
	}
	key := fmt.Sprint(int64(n))
	switch method {
	case "note":
		times := bump(&c.st.Noted, key)
		if c.self != Hub {
			if err := ctx.Send(Hub, "noted", n); err != nil {
				return nil, err
			}
		}
		return []value.Value{value.Int(times)}, nil
	case "later":
		id := ctx.Park()
		c.st.Waiting = append(c.st.Waiting, Wait{uint64(id), int64(n)})
		ctx.Arm(int64(ctx.Random()%uint64(7*ms))+1, uint64(id))
		return nil, nil
	case "double", "triple":
		ctx.Command(method, in)
		return nil, nil
	case "flaky":
		if bump(&c.st.Tries, "flaky "+key)%3 != 0 {
			return nil, fail("not yet")
		}
		return []value.Value{n}, nil
	case "hopeless":
		bump(&c.st.Tries, "hopeless "+key)
		return nil, value.Fail("hopeless", "clerk", key)
	case "update":
		u, samples, err := Update(int64(n), string(c.self))
		return []value.Value{u, samples}, err
	}
	return nil, fail("no method %s", method)
}

func (c *clerk) Alarm(ctx *engine.Context, token uint64) error {
	for i, w := range c.st.Waiting {
		if w.Call == token {
			c.st.Waiting = slices.Delete(c.st.Waiting, i, i+1)
			ctx.Resolve(engine.CallID(token), value.Int(w.N))
			return nil
		}
	}
	return fail("nothing waits for alarm %d", token)
}

func (c *clerk) Message(ctx *engine.Context, from wire.PeerID, op string, in []value.Value) error {
	n, ok := in[0].(value.Int)
	if !ok || op != "noted" {
		return fail("message %s of %s", op, from)
	}
	bump(&c.st.Heard, fmt.Sprintf("%s %d", from, int64(n)))
	return nil
}

func (c *clerk) Work(method string, in []value.Value) ([]value.Value, error) {
	n, ok := in[0].(value.Int)
	if !ok {
		return nil, fail("%s takes an Int", method)
	}
	if method == "triple" {
		return []value.Value{3 * n}, nil
	}
	return []value.Value{2 * n}, nil
}

// Recorded says that one of the two kinds of result is in the journal, and the other is recomputed.
func (c *clerk) Recorded(method string) bool { return method == "triple" }

// Samples is what the aggregator asks: everybody may contribute; whether somebody was chosen is for the rounds to say.
func (c *clerk) Samples(wire.PeerID) (int64, bool) { return 1000, true }

// elements of an update: enough that a sum in another order or precision shows.
const elements = 24

// Update is what a peer contributes to a round: a function of both.
func Update(round int64, who string) (value.Value, value.Int, error) {
	h := uint64(round)*0x9e3779b97f4a7c15 + 1
	for _, b := range []byte(who) {
		h = (h ^ uint64(b)) * 0x100000001b3
	}
	x := make([]float32, elements)
	for i := range x {
		h ^= h >> 31
		h *= 0xbf58476d1ce4e5b9
		x[i] = float32(int64(h>>40)-1<<23) / float32(int64(1)<<(h>>33&15+10))
	}
	t, err := tensor.FromFloat32([]int{elements}, x)
	if err != nil {
		return nil, 0, err
	}
	return value.NewList(value.Tensor{Tensor: t}), value.Int(1 + h%999), nil
}
