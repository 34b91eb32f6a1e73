package deploy

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"time"

	"github.com/rhizome-ml/rhizome/internal/clean"
	"github.com/rhizome-ml/rhizome/internal/config"
	"github.com/rhizome-ml/rhizome/internal/deploy/exchange"
	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/host"
	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
	"github.com/rhizome-ml/rhizome/internal/node"
	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/transport"
)

// socketFile is the name of the socket at which a node that runs takes calls of its operator.
const socketFile = "control.sock"

// The bounds of a call at the socket.
const (
	requestMax = 16 << 10
	replyMax   = 16 << 20
	callWithin = 10 * time.Second
	callsMax   = 8 // at once
)

// The calls of an operator.
const (
	OpStatus = "status"
	OpPeers  = "peers"
	// All others are those of engine.ControlBlock and its like.
)

// looksOnly says whether a call changes nothing.
func looksOnly(op string) bool { return op == OpStatus || op == OpPeers || op == OpMembers }

// Request is a call of an operator.
type Request struct {
	Op      string `json:"op"`
	Peer    string `json:"peer,omitempty"`
	Address string `json:"address,omitempty"`
	ID      string `json:"id,omitempty"` // of an invitation

	Invite *NewInvitation `json:"invite,omitempty"`

	// Of the calls about members.
	Place string `json:"place,omitempty"` // of the member; empty means the clients' at a server
	// one more than the member's number; 0 is none, or with admit the least that is free
	Number int    `json:"number,omitempty"`
	Name   string `json:"name,omitempty"`
	Other  string `json:"other,omitempty"` // who comes in the place of the member
}

// call returns the request as a call of the control plane.
func (q Request) call(caller wire.PeerID) host.Call {
	c := host.Call{Caller: caller, Op: q.Op, Peer: wire.PeerID(q.Peer), Address: q.Address, Name: q.Name,
		Other: wire.PeerID(q.Other), Place: q.Place, Number: q.Number - 1}
	if c.Place == "" && (q.Op == engine.ControlAdmit || q.Number > 0) {
		c.Place = job.ClientsPlace
	}
	return c
}

// Reply is what became of a call.
type Reply struct {
	Code   string      `json:"code,omitempty"` // why it was denied, or empty
	Reason string      `json:"reason,omitempty"`
	Status *Status     `json:"status,omitempty"`
	Peers  []PeerState `json:"peers,omitempty"`

	Invitation string `json:"invitation,omitempty"` // the text of a new one
	// of OpMembers: those to a site by which somebody may come still
	Invitations []InvitationState `json:"invitations,omitempty"`

	Members []MemberState `json:"members,omitempty"` // of OpMembers
	// of OpMembers and OpPeers: they are as of now, and not as the directory says
	Running bool `json:"running,omitempty"`
}

// DeniedError says that a call was denied.
type DeniedError struct{ Code, Reason string }

// Error is the reason.
func (e *DeniedError) Error() string {
	return "denied (" + clean.Text(e.Code, 32) + "): " + clean.Line(e.Reason)
}

// socketAddress returns the path at which the socket of a directory can be reached, and what is to be closed
// afterwards. A path may not be longer than about a hundred bytes; on Linux a long one has a short name.
func socketAddress(dir string) (path string, done func(), err error) {
	path = filepath.Join(dir, socketFile)
	if len(path) < 100 {
		return path, func() {}, nil
	}
	if runtime.GOOS != "linux" {
		return "", nil, fmt.Errorf("the path of %s is too long for a socket", path)
	}
	f, err := os.Open(dir)
	if err != nil {
		return "", nil, err
	}
	return fmt.Sprintf("/proc/self/fd/%d/%s", f.Fd(), socketFile), func() { f.Close() }, nil
}

// control serves the calls of the operator until the node ends.
func (r *running) control() {
	path, done, err := socketAddress(r.dir.Path)
	if err == nil {
		os.Remove(path) // of an earlier life: this process holds the directory
		var l net.Listener
		if l, err = net.Listen("unix", path); err == nil {
			err = os.Chmod(path, 0o600)
			context.AfterFunc(r.done, func() { l.Close() })
			go r.accept(l)
		}
		done()
	}
	if err != nil {
		r.o.Notify(Warning{"no calls of the operator are taken: " + err.Error()})
	}
}

func (r *running) accept(l net.Listener) {
	room := make(chan struct{}, callsMax)
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		room <- struct{}{}
		go func() {
			defer func() { <-room }()
			defer c.Close()
			c.SetDeadline(time.Now().Add(callWithin))
			var q Request
			reply := &Reply{}
			b, err := readLine(c, requestMax)
			if !r.answering.TryRLock() { // the node ends
				return
			}
			defer r.answering.RUnlock()
			if err != nil {
				reply = denied(err)
			} else if err := config.Strict(b, &q); err != nil {
				reply = denied(&DeniedError{"format", err.Error()})
			} else {
				reply = r.answer("", q)
			}
			if b, err := json.Marshal(reply); err == nil {
				c.Write(append(b, '\n'))
			}
		}()
	}
}

func denied(err error) *Reply {
	var de *DeniedError
	if errors.As(err, &de) {
		return &Reply{Code: de.Code, Reason: de.Reason}
	}
	return &Reply{Code: "error", Reason: err.Error()}
}

// answer does a call: of the node's own operator where the caller is empty, or of a peer, who needs the right to.
func (r *running) answer(caller wire.PeerID, q Request) *Reply {
	if ofInvitations(q.Op) {
		return r.invitations(caller, q)
	}
	if err := q.beside(r.dir.Record()); err != nil {
		return denied(err)
	}
	h := r.glue.bound()
	if !looksOnly(q.Op) {
		if leave := r.leave.Load(); leave != nil && caller == "" && q.Op == engine.ControlLeave {
			ctx, cancel := context.WithTimeout(r.done, callWithin)
			defer cancel()
			if err := (*leave)(ctx); err != nil {
				return denied(err)
			}
			return &Reply{}
		}
		if h == nil {
			return &Reply{Code: "early",
				Reason: "the node does not run yet, or not any more: its job is not there, or is done"}
		}
		ctx, cancel := context.WithTimeout(r.done, callWithin)
		defer cancel()
		res, err := h.Do(ctx, q.call(caller))
		if err != nil {
			return denied(err)
		}
		return &Reply{Code: res.Code, Reason: res.Reason}
	}
	var reply Reply
	var err error
	rec, at := r.dir.Record(), r.at()
	see := func(n *node.Node) {
		if caller != "" {
			if err = mayLook(n, caller); err != nil {
				return
			}
		}
		switch q.Op {
		case OpStatus:
			reply.Status, err = statusOf(r.dir.ID.Peer(), rec, n, at)
		case OpMembers:
			if err = keepsMembers(r.o.Dir, rec); err != nil {
				return
			}
			reply.Members = memberStates(rec, n, at)
		default:
			reply.Peers, err = peersOf(rec, n, &r.links)
		}
	}
	if h == nil {
		see(nil)
	} else if viewed := h.View(see); viewed != nil {
		err = viewed
	}
	if err != nil {
		return denied(err)
	}
	if q.Op == OpPeers {
		reply.Running = true
		cut, _ := r.cutPeers()
		reply.Peers = markCut(reply.Peers, cut)
	}
	if q.Op == OpMembers {
		reply.Running = true
		if r.inviter != nil && (caller == "" || r.mayCall(caller) == nil) {
			reply.Invitations = sitesInvited(r.inviter.book, time.Now())
		}
	}
	if reply.Status != nil {
		reply.Status.Running, reply.Status.Addresses, reply.Status.TurnedAway = true, r.net.Addresses(), r.turnedAway()
		reply.Status.cut(r.cutPeers())
		reply.Status.Notes = append(reply.Status.Notes, r.others.notes()...)
		if b := r.standing.Load(); b != nil {
			b.add(reply.Status, time.Now())
		}
		reply.Status.settle()
	}
	return &reply
}

// mayCall is mayLook, for who does not look at the node yet.
func (r *running) mayCall(caller wire.PeerID) error {
	h := r.glue.bound()
	if h == nil {
		return mayLook(nil, caller)
	}
	var may error
	if err := h.View(func(n *node.Node) { may = mayLook(n, caller) }); err != nil {
		return err
	}
	return may
}

// mayLook says whether a peer may see how the node is: its operators may.
func mayLook(n *node.Node, caller wire.PeerID) error {
	if n != nil {
		m, err := n.Message(false)
		if err != nil {
			return err
		}
		if slices.Contains(m.Transient.Framework.PeerGovernor.Operators, string(caller)) {
			return nil
		}
	}
	return &DeniedError{engine.RefusedRight, string(caller) + " is no operator of this node"}
}

// controlProtocol carries the calls of operators from afar: a Request, and a Reply.
const controlProtocol = "/rhizome/control/1"

// afar answers an operator from afar.
func (r *running) afar(from wire.PeerID, s transport.Stream) {
	var q Request
	reply := &Reply{}
	if err := exchange.ReadCall(s, &q, exchange.Timeout); err != nil {
		reply = &Reply{Code: "format", Reason: err.Error()}
	} else {
		reply = r.answer(from, q)
	}
	if reply.Code != "" {
		r.turnAway(AwayCall, fmt.Sprintf("a call of %s (%s) was denied (%s): %s", from, clean.Quote(q.Op, 32),
			reply.Code, reply.Reason))
	}
	if reply.Status != nil { // a message has less room than the socket
		reply.Status.Clients = reply.Status.Clients[:min(len(reply.Status.Clients), clientsAfar)]
	}
	if exchange.WriteMessage(s, reply) != nil {
		exchange.WriteMessage(s,
			&Reply{Code: "large", Reason: "the answer has more than a message may have; ask at the node itself"})
	}
}

// readLine reads up to a line's end, at most max bytes.
func readLine(r io.Reader, max int) ([]byte, error) {
	b := make([]byte, 0, 512)
	for len(b) < max {
		if len(b) == cap(b) {
			b = append(b, 0)[:len(b)]
		}
		n, err := r.Read(b[len(b):min(cap(b), max)])
		at := len(b)
		b = b[:at+n]
		if i := bytes.IndexByte(b[at:], '\n'); i >= 0 {
			return b[:at+i], nil
		}
		if err != nil {
			return nil, err
		}
	}
	return nil, &DeniedError{"large", fmt.Sprintf("more than %d bytes", max)}
}

// Call does a call of the operator at the node of a directory: at its socket while it runs, and else on the directory.
// Errors are *DeniedError, *DirError, and those of opening the node.
func Call(o Options, q Request) (*Reply, error) {
	if o.FS == nil {
		o.FS = vfs.OS()
	}
	if there, _ := o.FS.Stat(filepath.Join(o.Dir, "processes.json")); there > 0 {
		o.Dir = filepath.Join(o.Dir, RoleServer) // a run of processes: its server is meant
	}
	reply, err := callRunning(o.Dir, q)
	if errors.Is(err, errNotRunning) {
		return callStopped(o, q)
	}
	if he := (*HangError)(nil); q.Op == OpStatus && errors.As(err, &he) {
		return statusOfHanging(o, he)
	}
	if err == nil && reply.Code != "" {
		err = &DeniedError{reply.Code, reply.Reason}
	}
	return reply, err
}

var errNotRunning = errors.New("no process runs the node")

func callRunning(dir string, q Request) (*Reply, error) {
	path, done, err := socketAddress(dir)
	if err != nil {
		return nil, errNotRunning
	}
	defer done()
	within := callWithin
	if q.Op == OpStatus {
		within = statusWithin
	}
	c, err := net.DialTimeout("unix", path, within)
	if err != nil {
		return nil, errNotRunning
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(within))
	b, err := json.Marshal(q)
	if err == nil {
		_, err = c.Write(append(b, '\n'))
	}
	if err == nil {
		b, err = readLine(c, replyMax)
	}
	var reply Reply
	if err == nil {
		err = config.Strict(b, &reply)
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return nil, hanging(dir, c)
	}
	if err != nil {
		return nil, fmt.Errorf("the node of %s does not answer: %w", dir, err)
	}
	return &reply, nil
}
