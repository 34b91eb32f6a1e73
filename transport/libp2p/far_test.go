package libp2p

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rhizome-ml/rhizome/internal/wire"
)

// farNode is the environment variable that has the test program be one end, in the network that it was started in.
const farNode = "RHIZOME_TEST_END"

// farSpec says which end a process is. It sends each peer that it is told of a numbered packet each 50 ms.
type farSpec struct {
	Seed   byte
	Listen []string
	Relays []string
	Relay  bool
	Punch  bool
}

// farLine is what such a process tells.
type farLine struct {
	Event   string   // at, got
	At      []string `json:",omitempty"`
	From    string   `json:",omitempty"`
	N       uint64   `json:",omitempty"`
	Remote  string   `json:",omitempty"`
	Relayed bool     `json:",omitempty"`
	Nanos   int64
}

// liveFar is such a process. Each line that it reads names a peer and its addresses.
func liveFar(spec string) {
	var s farSpec
	if err := json.Unmarshal([]byte(spec), &s); err != nil {
		panic(err)
	}
	var mu sync.Mutex
	tell := func(l farLine) {
		mu.Lock()
		defer mu.Unlock()
		l.Nanos = time.Now().UnixNano()
		raw, _ := json.Marshal(l)
		fmt.Println(string(raw))
	}
	b := newBox()
	b.told = nil
	var t *Transport
	ready := make(chan struct{})
	r := farBox{box: b, tell: tell}
	b.recv = func(from wire.PeerID, raw []byte) error {
		<-ready
		l := farLine{Event: "got", From: string(from), N: binary.BigEndian.Uint64(raw)}
		t.mu.Lock()
		rec := t.records[from]
		t.mu.Unlock()
		if k := rec.linkOn(nil); k != nil {
			rec.mu.Lock()
			if k.in != nil {
				a := k.in.Conn().RemoteMultiaddr()
				l.Remote, l.Relayed = a.String(), relayed(a)
			}
			rec.mu.Unlock()
		}
		tell(l)
		return nil
	}
	var err error
	t, err = New(Config{Key: key(s.Seed), Receiver: r, Listen: s.Listen, Relays: s.Relays, Relay: s.Relay,
		HolePunch: s.Punch, DialFor: time.Minute})
	if err != nil {
		panic(err)
	}
	close(ready)
	go func() {
		var before []string
		for ; ; time.Sleep(20 * time.Millisecond) {
			if now := t.Addresses(); !slices.Equal(before, now) {
				before = now
				tell(farLine{Event: "at", At: now})
			}
		}
	}()
	in := bufio.NewScanner(os.Stdin)
	var muted atomic.Bool
	for in.Scan() {
		if in.Text() == "mute" {
			muted.Store(true)
			continue
		}
		words := strings.Fields(in.Text())
		p := wire.PeerID(words[0])
		t.Learn(p, words[1:])
		go func() {
			for n := uint64(1); !muted.Load(); n++ {
				_ = t.Send(p, binary.BigEndian.AppendUint64(nil, n))
				time.Sleep(50 * time.Millisecond)
			}
		}()
	}
	_ = t.Close()
}

// farBox tells of links.
type farBox struct {
	*box
	tell func(farLine)
}

func (b farBox) Linked(p wire.PeerID, remote string) {
	b.tell(farLine{Event: "linked", From: string(p), Remote: remote, Relayed: strings.Contains(remote, "p2p-circuit")})
}
func (b farBox) Unlinked(p wire.PeerID, err error) {
	b.tell(farLine{Event: "unlinked", From: string(p), Remote: err.Error()})
}
func (b farBox) Lost(p wire.PeerID, n int, err error) {
	b.tell(farLine{Event: "lost", From: string(p), N: uint64(n), Remote: err.Error()})
}
