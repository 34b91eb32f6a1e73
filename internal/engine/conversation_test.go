package engine

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/program"
	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/snapshot"
	"github.com/rhizome-ml/rhizome/value"
)

var rewrite = flag.Bool("rewrite", false, "write the golden conversations again; read the diff")

// TestConversations runs the scripts in testdata/conversations: each is a list of commands to two nodes and the network
// between them, with everything that they answered. They are the main specification of the engine.
//
// The commands: "program NAME"; "a …" and "b …" for a node: poll, invoke NAME INT…, complete CMD, fail CMD, ack,
// restart [new-epoch], reborn (snapshot, restore, go on), phase NAME, sendfailed, link PEER ADDRESS, unlink PEER,
// dialfailed PEER ADDRESS, unreachable PEER, control OP PEER ADDRESS CALLER (- for none); "time +NS"; "deliver I",
// "drop I", "again I" (deliver and keep) for packet I of the network.
func TestConversations(t *testing.T) {
	files, err := filepath.Glob("testdata/conversations/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no conversations: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got := converse(t, string(want))
			if *rewrite {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if got != string(want) {
				t.Errorf("the conversation differs; run with -rewrite and read the diff\n%s",
					firstDifference(got, string(want)))
			}
		})
	}
}

func firstDifference(got, want string) string {
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range g {
		if i >= len(w) || g[i] != w[i] {
			old := "(end)"
			if i < len(w) {
				old = w[i]
			}
			return fmt.Sprintf("line %d\n got: %s\nwant: %s", i+1, g[i], old)
		}
	}
	return "the golden text goes on"
}

// converse runs the commands of a script, the lines that start with "> ", and returns it with the answers.
func converse(t *testing.T, script string) string {
	var out strings.Builder
	var w *world
	for _, line := range strings.Split(script, "\n") {
		cmd, ok := strings.CutPrefix(line, "> ")
		if strings.HasPrefix(line, "#") {
			out.WriteString(line + "\n")
		}
		if !ok {
			continue
		}
		fmt.Fprintf(&out, "\n> %s\n", cmd)
		words := strings.Fields(cmd)
		if words[0] == "program" {
			w = newWorld(t, conversationProgram(t, words[1]), false)
			for _, n := range w.nodes {
				n.e.Adopt(CurrentRules)
			}
			continue
		}
		w.say(&out, words)
	}
	return strings.TrimLeft(out.String(), "\n")
}

func (w *world) say(out *strings.Builder, words []string) {
	number := func(i int) int {
		n, err := strconv.Atoi(strings.TrimPrefix(words[i], "+"))
		if err != nil {
			w.t.Fatal(err)
		}
		return n
	}
	switch words[0] {
	case "time":
		w.now += int64(number(1))
	case "deliver", "again", "drop":
		p := w.net[number(1)]
		if words[0] != "again" {
			w.net = append(w.net[:number(1):number(1)], w.net[number(1)+1:]...)
		}
		if words[0] != "drop" {
			n := w.node(p.to)
			n.tell(out, &Event{Envelope: &snapshot.EnvelopeEvent{From: string(p.from), Raw: p.raw}})
			n.answer(out)
		}
	case "a", "b":
		w.nodes[words[0][0]-'a'].command(out, words[1:], number)
	}
}

func (w *world) node(p wire.PeerID) *testNode {
	for _, n := range w.nodes {
		if n.e.st.self == p {
			return n
		}
	}
	w.t.Fatalf("no node %s", p)
	return nil
}

func (n *testNode) command(out *strings.Builder, words []string, number func(int) int) {
	switch words[0] {
	case "poll":
		n.answer(out)
	case "invoke":
		ev := &snapshot.InvokeEvent{Name: words[1]}
		for i := range words[2:] {
			ev.Inputs = append(ev.Inputs, value.Int(number(i+3)))
		}
		n.tell(out, &Event{Invoke: ev})
	case "complete":
		for _, c := range n.commands {
			if c.ID == uint64(number(2)) {
				n.complete(c)
			}
		}
	case "fail":
		n.tell(out, &Event{CompletionFailed: &snapshot.CompletionFailedEvent{Command: uint64(number(2)),
			Failure: snapshot.FailureSnapshot{Code: value.CodeError, Where: "worker", Message: "told to"}}})
	case "ack":
		n.tell(out, &Event{AppAck: &snapshot.AppAckEvent{UpTo: n.events}})
	case "restart":
		n.tell(out, &Event{Restarted: &snapshot.RestartedEvent{Incarnation: n.e.Incarnation() + 1,
			NewEpoch: len(words) > 1, Rules: CurrentRules}})
	case "phase":
		n.tell(out, &Event{Lifecycle: &snapshot.LifecycleEvent{Phase: words[1]}})
	case "sendfailed":
		n.tell(out, &Event{SendFailed: &snapshot.SendFailedEvent{Peer: "node1", Reason: "told to"}})
	case "link":
		n.tell(out, &Event{Link: &snapshot.LinkEvent{Peer: words[1], Remote: words[2], Up: true}})
	case "unlink":
		n.tell(out, &Event{Link: &snapshot.LinkEvent{Peer: words[1], Reason: "told to"}})
	case "dialfailed":
		n.tell(out, &Event{Link: &snapshot.LinkEvent{Peer: words[1], Remote: words[2], Reason: "told to"}})
	case "unreachable":
		n.tell(out, &Event{SendFailed: &snapshot.SendFailedEvent{Peer: words[1], Reason: "told to", Unreachable: true}})
	case "control": // op, peer or -, address or -, caller or nothing
		words = append(words, "-", "-", "-")
		c := &snapshot.ControlEvent{ID: 1, Op: words[1]}
		for i, to := range []*string{&c.Peer, &c.Address, &c.Caller} {
			if w := words[2+i]; w != "-" {
				*to = w
			}
		}
		n.tell(out, &Event{Control: c})
	case "reborn":
		n.reborn()
		fmt.Fprintf(out, "  restored from %s\n", inFlight(n.e))
	default:
		n.w.t.Fatalf("no command %q", words[0])
	}
}

// inFlight says in words what a snapshot of the engine holds.
func inFlight(e *Engine) string {
	t, err := e.Snapshot()
	if err != nil {
		return err.Error()
	}
	return fmt.Sprintf(
		"%d activations, %d values, %d ready, %d commands, %d waiting, %d timers, %d inputs, %d unacknowledged, %d "+
			"questions",
		len(t.ExecutionState), len(t.SlotTable), len(t.Frontier), len(t.PendingAsync), len(t.Parked),
		len(t.Framework.Timers),
		len(t.Ingress)+len(t.PendingCompletions), len(t.Framework.PendingOutbound), len(t.Framework.Requests))
}

func (n *testNode) tell(out *strings.Builder, ev *Event) {
	if err := n.e.Deliver(ev); err != nil {
		fmt.Fprintf(out, "  %v\n", err)
	}
}

// answer polls once and prints everything that came out.
func (n *testNode) answer(out *strings.Builder) {
	before := len(n.w.net)
	o := n.poll()
	for _, tr := range o.Trace {
		fmt.Fprintf(out, "  %s\n", strings.TrimRight(fmt.Sprintf("%-8s %d %s %s", tr.Kind, tr.Exec, tr.Op, tr.Text),
			" "))
	}
	for i, p := range n.w.net[before:] {
		env, err := wire.Decode(p.raw, n.cfg.Registry, n.cfg.Limits.Wire)
		if err != nil {
			n.w.t.Fatal(err)
		}
		fmt.Fprintf(out, "  packet %d to %s: %s\n", before+i, p.to, describe(env))
	}
	for _, c := range o.Commands {
		fmt.Fprintf(out, "  command %d %s\n", c.ID, c.Method)
	}
	for _, ev := range o.AppEvents {
		fmt.Fprintf(out, "  app event %d %s = %s\n", ev.Number, ev.Name, show(ev.Value))
	}
	for _, r := range o.Controls {
		fmt.Fprintf(out, "  control %d %s %s of %q: accepted %v %s\n", r.ID, r.Op, r.Peer, r.Caller, r.Accepted,
			strings.TrimSpace(r.Code+" "+r.Reason))
	}
	for _, p := range o.Peers {
		text := strings.TrimSpace(fmt.Sprintf("%s %s", p.Kind, p.Reason))
		if p.Kind == PeerAddresses {
			text = fmt.Sprintf("at %q", p.Addresses)
		}
		fmt.Fprintf(out, "  peer %s is %s\n", p.Peer, text)
	}
	fmt.Fprintf(out, "  wake %d more %v\n", o.Wake, o.More)
}

func describe(e *wire.Envelope) string {
	s := fmt.Sprintf("#%d of epoch %d", e.Number, e.Epoch)
	if e.Redelivered {
		s += " again"
	}
	if e.AckEpoch != 0 {
		s += fmt.Sprintf(" ack %d of %d", e.Ack, e.AckEpoch)
	}
	if e.Request.IsSet() {
		s += fmt.Sprintf(" asks %d/%d", e.Request.Epoch, e.Request.ID)
	}
	if e.Answer.IsSet() {
		s += fmt.Sprintf(" answers %d/%d", e.Answer.Epoch, e.Answer.ID)
	}
	for _, f := range e.Fills {
		if f.Op != "" {
			s += fmt.Sprintf(" component %d %s=%s", f.Component, f.Op, show(f.Value))
		} else {
			s += fmt.Sprintf(" site %d=%s", f.Site, show(f.Value))
		}
	}
	return s
}

func show(v value.Value) string {
	switch v := v.(type) {
	case nil:
		return "(trigger only)"
	case *value.Failure:
		return "failure " + v.Error()
	case *value.List:
		var parts []string
		for _, it := range v.Items() {
			parts = append(parts, show(it))
		}
		return "[" + strings.Join(parts, " ") + "]"
	case value.Trigger:
		return "trigger"
	}
	return fmt.Sprint(v)
}

// conversationProgram builds the two parts that a script names.
func conversationProgram(t *testing.T, name string) []*program.Program {
	one, other := newBuilder("one"), newBuilder("other")
	edges := []program.Edge{
		{ID: 0, Name: "ask", From: "one", To: "other", Sites: []program.SiteID{0}, Trigger: []bool{false}, Reply: 1},
		{ID: 1, Name: "answer", From: "other", To: "one", Sites: []program.SiteID{0}, Trigger: []bool{false},
			Answer: true, Reply: program.None},
	}
	comps := []program.Component{{Name: "probe", Places: []string{"one", "other"}}}
	for _, b := range []*builder{one, other} {
		b.p.Edges, b.p.Components = edges, comps
	}
	back := one.fn(program.KindRecv, "back", 3)
	back.get().Edge = 1
	back.add(program.Op{Code: program.OpAppEmit, Label: "answered"}, 1, back.op(program.OpBundle, 1, 0, 1, 2)[0])
	at := other.fn(program.KindRecv, "at", 3)
	at.get().Edge = 0
	call := one.fn(program.KindInvoke, "call", 1)
	node1 := func(f *fn) program.Slot { return f.constant(value.Peer("node1")) }
	emit := func(f *fn, s program.Slot) {
		f.add(program.Op{Code: program.OpAppEmit, Name: "emit", Label: "out"}, 1, s)
	}
	switch name {
	case "chain":
		emit(call, call.op(program.OpPassThrough, 1, call.op(program.OpPassThrough, 1, 0)[0])[0])
	case "ask":
		call.add(program.Op{Code: program.OpRequest, Name: "ask", Edge: 0}, 1, node1(call), 0, 0)
		work := at.add(program.Op{Code: program.OpComponent, Name: "work", Method: "work"}, 1, 0)
		at.add(program.Op{Code: program.OpReply, Name: "reply", Edge: 1}, 1, work[0])
	case "loop":
		body := one.fn(program.KindBody, "body", 2)
		body.results(body.add(program.Op{Code: program.OpSleep, Name: "sleep", Delay: 10}, 1,
			body.op(program.OpBundle, 1, 0, 1)[0])[0])
		emit(call, call.add(program.Op{Code: program.OpLoop, Name: "loop", Body: body.id}, 1,
			call.constant(value.Int(2)), 0)[0])
	case "failure":
		bad := call.add(program.Op{Code: program.OpFail, Name: "bad", Label: value.CodeLate,
			Retry: program.Retry{Attempts: 2, Backoff: 5}}, 1, 0)[0]
		emit(call, call.op(program.OpAny, 1, call.op(program.OpPassThrough, 1, bad)[0],
			call.constant(value.String("fallback")))[0])
		unhandled := one.fn(program.KindInvoke, "unhandled", 1)
		emit(unhandled, unhandled.add(program.Op{Code: program.OpFail, Name: "bad", Label: value.CodeLate}, 1, 0)[0])
	case "permits":
		p := call.add(program.Op{Code: program.OpLimit, Name: "limit", Label: "gpu", N: 1}, 1, 0)[0]
		emit(call, call.add(program.Op{Code: program.OpSleep, Name: "hold", Delay: 10}, 1,
			call.op(program.OpGate, 1, 0, p)[0])[0])
	case "bootstrap":
		boot := one.fn(program.KindBootstrap, "boot", 0)
		boot.add(program.Op{Code: program.OpHoldPut, Name: "put", Label: "config"}, 1,
			boot.add(program.Op{Code: program.OpComponent, Name: "work", Method: "work"}, 1,
				boot.constant(value.Int(5)))[0])
		main := one.fn(program.KindMain, "main", 0)
		emit(main, main.constant(value.String("main runs")))
		emit(call, call.add(program.Op{Code: program.OpHoldTake, Name: "take", Label: "config"}, 1, 0)[0])
	case "peers": // whatever becomes of a peer starts a function
		call.add(program.Op{Code: program.OpRequest, Name: "ask", Edge: 0}, 1, node1(call), 0, 0)
		at.add(program.Op{Code: program.OpReply, Name: "reply", Edge: 1}, 1, 0)
		for _, kind := range []string{"up", "down", "blocked", "unblocked", "unresolved"} {
			on := one.fn(program.KindEvent, "peer."+kind, 1)
			on.add(program.Op{Code: program.OpAppEmit, Name: "emit", Label: kind}, 1, 0)
		}
	default:
		t.Fatalf("no program %q", name)
	}
	return []*program.Program{one.link(t), other.link(t)}
}
