package doors

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"

	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/transport/libp2p"
)

// The peers of a flood: who asks, and who is admitted too and sends junk.
const (
	honestPeers = 4
	junkPeers   = 4
	firstHonest = 300
	firstJunk   = 400
)

// figures are what a server says of itself.
type figures struct {
	Peer      wire.PeerID  `json:"peer"`
	Addresses []string     `json:"addresses"`
	RSS       int64        `json:"rss"`
	Tally     int64        `json:"tally"`
	Refused   uint64       `json:"refused"` // envelopes that the node refused
	Transport libp2p.Stats `json:"transport"`
}

// Serve runs the server of a flood as a process: it tells its figures as a line of JSON at once, and again for each
// line that comes in. It ends with the input.
func Serve(in io.Reader, out io.Writer) error {
	srv, err := serve(libp2p.Limits{})
	if err != nil {
		return err
	}
	defer srv.close()
	var l lists
	for i := range honestPeers + junkPeers {
		p := PeerOf(key(firstHonest + i))
		if i >= honestPeers {
			p = PeerOf(key(firstJunk + i - honestPeers))
		}
		l.allowed = append(l.allowed, p)
		if err := srv.control("", engine.ControlAllow, p); err != nil {
			return err
		}
	}
	slices.Sort(l.allowed)
	l.closed = true
	srv.lists.Store(&l)
	enc, lines := json.NewEncoder(out), bufio.NewScanner(in)
	for more := true; more; more = lines.Scan() {
		f := figures{Peer: srv.Self(), Addresses: srv.Addresses(), RSS: resident(), Tally: srv.tally(),
			Transport: srv.Stats()}
		srv.dropped.mu.Lock()
		for _, n := range srv.dropped.by {
			f.Refused += n
		}
		srv.dropped.mu.Unlock()
		if err := enc.Encode(f); err != nil {
			return err
		}
	}
	return lines.Err()
}

// resident is the memory of the process, in bytes: where the system does not say, what the runtime took from it.
func resident() int64 {
	if b, err := os.ReadFile("/proc/self/statm"); err == nil {
		var size, pages int64
		if _, err := fmt.Sscan(string(b), &size, &pages); err == nil {
			return pages * int64(os.Getpagesize())
		}
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.Sys - m.HeapReleased)
}
