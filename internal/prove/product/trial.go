package product

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/rhizome-ml/rhizome/internal/deploy"
	"github.com/rhizome-ml/rhizome/internal/deploy/exchange"
	"github.com/rhizome-ml/rhizome/internal/deploy/invitation"
	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/prove"
	"github.com/rhizome-ml/rhizome/internal/prove/live"
	"github.com/rhizome-ml/rhizome/internal/wire"
)

// try runs a job among strangers: while it waits for its last client, and again while it trains. One stranger is a
// member for a while, until another key comes in its place.
func try(s *prove.Shard, d Doors, seed uint64) (err error) {
	l, err := live.New(d.Bin, s.Dir)
	if err != nil {
		return err
	}
	w := &world{World: l, s: s, seed: seed}
	defer func() { err = errors.Join(err, w.Close()) }()
	began := time.Now()
	if err := w.begin(d.Let); err != nil {
		return err
	}
	a := &attack{world: w}
	first, err := w.start("client-0", "join", w.line)
	if err != nil {
		return err
	}
	if err := a.prepare(); err != nil {
		return err
	}
	defer a.mole.Close()
	if err := a.asMember(); err != nil {
		return err
	}
	last, err := w.identify("client-1")
	if err != nil {
		return err
	}
	if err := w.do(nil, "members", "replace", string(a.mole.Self()), string(last), "--dir", w.server.dir); err != nil {
		return err
	}
	members, _, err := w.tables()
	if err != nil {
		return err
	}
	if err := a.wave(first); err != nil {
		return err
	}
	if err := a.asReplaced(); err != nil {
		return err
	}
	if err := a.gossip(); err != nil {
		return err
	}
	if err := a.counted(w.server, a.posted); err != nil {
		return err
	}
	state, err := w.status(first)
	if err != nil {
		return err
	}
	if got := state.TurnedAway[deploy.AwayLink]; got < a.lied {
		return gained(atClient, "a client turned %d strangers away, and %d came (%v)", got, a.lied, state.TurnedAway)
	}
	if err := a.same(members, first.peer, last); err != nil {
		return err
	}
	second, err := w.start("client-1", "join", w.line)
	if err != nil {
		return err
	}
	if _, err := w.server.Await("round", nil, soon, live.Is("round")); err != nil {
		return err
	}
	if err := a.duringRounds(second); err != nil {
		return err
	}
	if err := w.end(w.server, first, second); err != nil {
		return err
	}
	for _, p := range a.gossips {
		if err := p.EndsWith(0, soon); err != nil {
			return err
		}
	}
	if err := w.clean(time.Since(began)); err != nil {
		return err
	}
	s.Add("jobs with the undisturbed model", 1)
	return nil
}

// same holds that strangers are in no table: the members are as before, and whom the server lists as a peer is a member
// or was one.
func (a *attack) same(before []deploy.MemberState, may ...wire.PeerID) error {
	may = append(may, a.mole.Self())
	for until := time.Now().Add(patience); ; <-time.After(100 * time.Millisecond) {
		members, peers, err := a.tables()
		if err != nil {
			return err
		}
		if !slices.EqualFunc(members, before, func(x, y deploy.MemberState) bool {
			return x.Peer == y.Peer && x.Number == y.Number && x.Place == y.Place
		}) {
			return gained("tables", "the members are %+v, and were %+v", members, before)
		}
		at := slices.IndexFunc(peers, func(p deploy.PeerState) bool { return !slices.Contains(may, p.Peer) })
		if at < 0 {
			return nil
		}
		if time.Now().After(until) { // their links end a while after they have gone
			return gained("tables", "the server lists %+v as a peer, and %d in all", peers[at], len(peers))
		}
	}
}

// counted holds that a node refused as many envelopes as strangers posted, and counted them.
func (a *attack) counted(n *node, posted uint64) error {
	for until := time.Now().Add(patience); ; <-time.After(100 * time.Millisecond) {
		s, err := a.status(n)
		if err != nil {
			return err
		}
		if got := s.Refused[engine.RefusedStranger]; got >= posted {
			return nil
		} else if time.Now().After(until) {
			return gained(atServer, "%s refused %d of %d envelopes of strangers (%v)", n.Name, got, posted, s.Refused)
		}
	}
}

// guest makes an invitation for one.
func (w *world) guest(name string) (*invitation.Secret, string, error) {
	var made struct{ Invitation, ID string }
	if err := w.do(&made, "invite", "--name", name, "--dir", w.server.dir); err != nil {
		return nil, "", err
	}
	i, err := invitation.Parse(made.Invitation)
	if err != nil {
		return nil, "", err
	}
	return &i.Secret, made.ID, nil
}

// names are what strangers call themselves and the job.
var names = []string{"\x1b[2J\x1b]0;owned\a", "round 80/80\r\x1b[1A", "\u202egnihton\u202c", "\x00\x7f\u009b31m",
	strings.Repeat("é", 3000), "\xff\xfe"}

// hellos are what is no Hello, or one that no client says.
func hellos(self wire.PeerID, i int) []byte {
	head := fmt.Sprintf(`{"format":1,"release":"\u001b[2J","peer":%q`, self)
	switch i % 8 {
	case 0:
		return message(head + `,"\u001b]0;owned\u0007":1}`)
	case 1:
		return message(`{"format":` + strings.Repeat("[", 9000))
	case 2:
		return message(head + `,"job":"` + strings.Repeat(`\u202e`, 5000) + `"}`)
	case 3:
		return message(head + `,"secret":"\u001b[31mno secret"}`)
	case 4:
		return message(head + `,"member":-9223372036854775808}`)
	case 5:
		return append([]byte{0x7f, 0xff, 0xff, 0xff}, "more than there is"...)
	case 6:
		return message("\x1b[2J\r\xff\x00")
	}
	return message(`{"format":1,"peer":"\u001b[2Jsomebody else"}`)
}

// refusedBy holds that a Hello was refused.
func refusedBy(kind string, p *exchange.Package, err error) error {
	switch {
	case errors.Is(err, errNobody):
		return err
	case p != nil && (p.Offer.Digest != "" || p.Bytes != nil):
		return gained(kind, "the server offers %+v and %d bytes of artifact", p.Offer, len(p.Bytes))
	}
	return nil
}
