package bench

import (
	"errors"
	"sync"
	"time"

	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/host"
	"github.com/rhizome-ml/rhizome/internal/host/record"
	"github.com/rhizome-ml/rhizome/internal/node"
	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/snapshot"
	"github.com/rhizome-ml/rhizome/transport/libp2p"
)

// light is a node without a host: an engine behind a lock, with an end of its own and no disk. A process holds
// thousands.
type light struct {
	end   *libp2p.Transport
	links host.Links
	began time.Time

	mu    sync.Mutex
	nd    *node.Node
	timer *time.Timer
	err   error
}

// input feeds the node, and does what it wants until it has nothing to do at the present time.
func (l *light) input(evs ...*engine.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, ev := range evs {
		if err := l.nd.Deliver(ev); err != nil {
			l.refused(err)
		}
	}
	for {
		now := time.Since(l.began).Nanoseconds()
		seen, look := l.links.Take(now)
		for _, ev := range seen {
			if err := l.nd.Deliver(ev); err != nil {
				l.refused(err)
			}
		}
		out := l.nd.Poll(now)
		for _, p := range out.Envelopes {
			_ = l.end.Send(p.To, p.Raw) // what does not leave, a resend brings
		}
		more, wake := out.More, out.Wake
		for _, c := range out.Commands {
			result, err := l.nd.Work(c)
			done := record.Finish(l.nd.Config().Values, c.ID, result, err)
			if err := l.nd.Deliver(&done); err != nil {
				l.refused(err)
			}
			more = true
		}
		if more {
			continue
		}
		if wake == 0 {
			wake = host.Never
		}
		if wake = min(wake, look); wake != host.Never {
			l.timer.Reset(time.Until(l.began.Add(time.Duration(wake))))
		}
		return
	}
}

// Linked has the node hear of a link: by and by, because it may come while the node sends.
func (l *light) Linked(p wire.PeerID, remote string) {
	l.links.Up(p, remote)
	go l.input()
}

// Unlinked has the node hear that the last link ended.
func (l *light) Unlinked(p wire.PeerID, reason error) {
	l.links.Down(p, reason)
	go l.input()
}

// refused keeps the first refusal that is none of those that resends mend.
func (l *light) refused(err error) {
	var re *engine.RefusedError
	if l.err == nil && !(errors.As(err, &re) && re.Wait) {
		l.err = err
	}
}

// fleetFiles are those that a process of a fleet opens beside a socket for each client.
const fleetFiles = 256

// fleetAlive is how often a silent link is asked whether its peer is there. By default it is every 5 s, which alone
// would keep one machine busy that is all of 10,000 peers.
const fleetAlive = 30 * time.Second

// fleetDials is how many nodes of a process wait for their first link at once: their handshakes share its processor,
// which those of machines do not.
const fleetDials = 32

// netFleet is the process of many light nodes.
func netFleet(spec netSpec, say func(netAnswer), over <-chan struct{}) error {
	if err := wantFiles(uint64(spec.Count) + fleetFiles); err != nil {
		return err
	}
	first, err := netConfig(spec, "")
	if err != nil {
		return err
	}
	server := first.Targets["server"][0]
	all := make([]*light, spec.Count) // closed with the process
	dialling := make(chan struct{}, fleetDials)
	for i := range all {
		receiver := newNetReceiver()
		receiver.linked = func() { <-dialling }
		own := spec
		own.Index += i
		end, err := netEnd(own, receiver)
		if err != nil {
			return err
		}
		l := &light{end: end, began: time.Now()}
		all[i] = l
		cfg := first // program and artifact are shared: both are read only
		cfg.Self, cfg.Options, cfg.Limits = end.Self(), emptyOptions(own.Index-1), engine.EdgeLimits()
		if l.nd, err = node.Install(cfg); err != nil {
			return err
		}
		l.timer = time.AfterFunc(time.Hour, func() { l.input() })
		end.Learn(server, spec.Server)
		receiver.bind(l, func(from wire.PeerID, raw []byte) { l.input(host.Arrived(from, raw)) })
	}
	say(netAnswer{Ready: true})
	select {
	case <-spec.begin:
	case <-over:
		return nil
	}
	for _, l := range all {
		select {
		case dialling <- struct{}{}:
		case <-over:
			return nil
		}
		l.input(&engine.Event{Restarted: &snapshot.RestartedEvent{First: true, Start: uint64(time.Now().UnixMicro()),
			Rules: engine.CurrentRules}})
	}
	<-over
	for _, l := range all {
		l.mu.Lock()
		err := l.err
		l.mu.Unlock()
		if err != nil {
			return err
		}
	}
	return nil
}
