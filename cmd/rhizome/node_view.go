package main

import (
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/rhizome-ml/rhizome/internal/clean"
	"github.com/rhizome-ml/rhizome/internal/deploy"
	"github.com/rhizome-ml/rhizome/internal/deploy/exchange"
	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/job/observe"
	"github.com/rhizome-ml/rhizome/internal/peer"
)

// nodeView shows what a node tells, line by line. It is safe for concurrent use.
type nodeView struct {
	c    *console
	json bool

	mu     sync.Mutex
	rounds int // of the job, or 0 where that is not known
	bar    *nodeBar
}

// newNodeView returns the view of a node for programs, for a terminal, or for a file.
func newNodeView(c *console, json bool) *nodeView {
	v := &nodeView{c: c, json: json}
	if width, ok := terminal(c.out); ok && !json {
		v.bar = &nodeBar{bar: barView{out: c.out, width: width}}
	}
	return v
}

// The objects of a node's lines.
type (
	listeningLine struct {
		head
		Peer      string   `json:"peer"`
		Addresses []string `json:"addresses"`
		Job       string   `json:"job"`
		Digest    string   `json:"digest"`
		Resumed   bool     `json:"resumed"`
	}
	invitationLine struct {
		head
		Open       bool   `json:"open"`
		Invitation string `json:"invitation,omitempty"`
		Edges      bool   `json:"edges,omitempty"` // it is for edges
	}
	joinedLine struct {
		head
		Peer   string `json:"peer"`
		Member int    `json:"member"`
		Edge   bool   `json:"edge,omitempty"`
	}
	linkLine struct {
		head
		Peer   string `json:"peer"`
		Up     bool   `json:"up"`
		Remote string `json:"remote,omitempty"`
		Reason string `json:"reason,omitempty"`
	}
	progressLine struct {
		head
		Round  int `json:"round"`
		Rounds int `json:"rounds"`
	}
	newsLine struct {
		head
		Peer   string `json:"peer"`
		State  string `json:"state"`
		Reason string `json:"reason,omitempty"`
	}
	warningLine struct {
		head
		Text string `json:"text"`
	}
	waitingLine struct {
		head
		deploy.Waits
		Over    bool    `json:"over,omitempty"`
		WaitedS float64 `json:"waited_s"`
	}
	failedLine struct {
		head
		job.Failed
	}
	figuresLine struct {
		head
		deploy.RoundFigures
	}
	lingeringLine struct {
		head
		For   []string  `json:"for"`
		Until time.Time `json:"until"`
	}
	surpassedLine struct {
		head
		Node string `json:"node,omitempty"` // of a run: whose directory it is
		Peer string `json:"peer"`
		From string `json:"from,omitempty"` // the directory's last record
		Saw  string `json:"saw,omitempty"`  // start of the life that the peer has seen
		Text string `json:"text"`
	}
	goneLine struct {
		head
		Job    string `json:"job"`
		Member int    `json:"member"`
		Text   string `json:"text"`
	}
	clientDoneLine struct {
		head
		Rounds      int    `json:"rounds"`
		ModelSHA256 string `json:"model_sha256"`
	}
)

// show shows one thing.
func (v *nodeView) show(what any) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if x, ok := what.(deploy.Listening); ok {
		v.rounds = x.Rounds
	}
	if v.json {
		if line := v.line(what); line != nil {
			writeLine(v.c.out, line)
		}
		return
	}
	if v.bar != nil && v.bar.show(what, v.rounds) {
		return
	}
	if text := v.text(what); text != "" {
		if v.bar != nil {
			v.bar.clear()
		}
		fmt.Fprintln(clean.Writer(v.c.out), text)
		if v.bar != nil {
			v.bar.again()
		}
	}
}

// end takes the bar away: nothing more comes but the result.
func (v *nodeView) end() {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.bar != nil {
		v.bar.clear()
		v.bar = nil
	}
}

func (v *nodeView) line(what any) any {
	switch x := what.(type) {
	case deploy.Listening:
		return listeningLine{v.c.head("listening"), string(x.Peer), x.Addresses, x.Job, x.Digest, x.Resumed}
	case deploy.Invited:
		return invitationLine{v.c.head("invitation"), x.Open, x.Line, x.Edges}
	case deploy.Joined:
		return joinedLine{v.c.head("joined"), string(x.Peer), x.Member, x.Edge}
	case deploy.Linked:
		return linkLine{v.c.head("link"), string(x.Peer), x.Up, x.Remote, x.Reason}
	case deploy.Progress:
		return progressLine{v.c.head("progress"), x.Round, x.Rounds}
	case deploy.News:
		return newsLine{v.c.head("peer"), string(x.Peer), x.State, x.Reason}
	case deploy.Warning:
		return warningLine{v.c.head("warning"), x.Text}
	case deploy.Waiting:
		return waitingLine{v.c.head("waiting"), x.Waits, x.Over, float64(x.Waited.Milliseconds()) / 1000}
	case job.Failed:
		return failedLine{v.c.head("failed"), x}
	case deploy.RoundFigures:
		return figuresLine{v.c.head("figures"), x}
	case deploy.Lingering:
		return lingeringLine{v.c.head("lingering"), x.For, x.Until}
	case deploy.Surpassed:
		return surpassedOf(v.c, x)
	case deploy.Gone:
		return goneLine{v.c.head(x.State), x.Job, x.Member, x.String()}
	case job.Scaled:
		return scaledLine{v.c.head(job.EventScaled), x}
	case job.Round:
		return roundLine{v.c.head("round"), x.Number, x.Accuracy, x.Loss, x.Contributions, x.Clients, x.AtClients,
			x.Queries, x.Answered}
	case deploy.Evaluated:
		return evaluatedLine{v.c.head("round"), x.Round, x.Rounds, x.Accuracy, x.Loss, x.Merges, x.Links}
	case exchange.Done:
		return clientDoneLine{v.c.head("done"), x.Rounds, x.ModelSHA256}
	}
	return nil
}

func (v *nodeView) text(what any) string {
	switch x := what.(type) {
	case deploy.Listening:
		head := fmt.Sprintf("%s: job %s, program %.12s\n", tail(string(x.Peer)), x.Job, x.Digest)
		if x.Digest == "" {
			head = tail(string(x.Peer)) + ": a relay\n"
		}
		for _, a := range x.Addresses {
			head += "  " + a + "\n"
		}
		return head[:len(head)-1]
	case deploy.Invited:
		who, join := "clients", "rhizome join "
		if x.Edges {
			who, join = "edges", "rhizome join --edge "
		}
		if x.Open {
			return "OPEN: anyone who reaches it may take a place; " + who + " come with: " + join + "ADDRESS, one of " +
				"those above"
		}
		return "closed but for this invitation (rhizome invite makes others); " + who + " come with:\n\n" + join +
			x.Line + "\n"
	case deploy.Joined:
		if x.Edge {
			return fmt.Sprintf("edge %d is %s", x.Member, x.Peer)
		}
		return fmt.Sprintf("client %d is %s", x.Member, x.Peer)
	case deploy.Progress:
		return fmt.Sprintf("round %d/%d", x.Round, x.Rounds)
	case deploy.News:
		if x.State != engine.PeerUp.String() && x.State != engine.PeerTrusted.String() {
			return strings.TrimSuffix(fmt.Sprintf("peer %s is %s: %s", tail(string(x.Peer)), x.State, x.Reason), ": ")
		}
	case deploy.Warning:
		return x.Text
	case deploy.Waiting:
		return waitingText(x)
	case job.Failed: // the error says why
		return fmt.Sprintf("the job has failed in round %d; whoever has not heard it is told", x.Round)
	case deploy.Lingering:
		return fmt.Sprintf("the job is over; stays until %s %s heard it, or %s", strings.Join(x.For, ", "),
			has(len(x.For)), x.Until.Format("15:04:05"))
	case deploy.Surpassed:
		return x.String()
	case deploy.Gone:
		if x.State == peer.MemberLeft.String() { // of one that was removed, the error says it
			return x.String()
		}
	case job.Scaled:
		return x.String()
	case job.Round:
		of := ""
		if v.rounds > 0 { // a round of an earlier life is told again before anything is known of the job
			of = fmt.Sprintf("/%d", v.rounds)
		}
		return fmt.Sprintf("round %*d%s  %s  contributions %d", len(fmt.Sprint(v.rounds)), x.Number, of,
			grade(x), x.Contributions)
	case deploy.Evaluated:
		return fmt.Sprintf("period %*d/%d  accuracy %s  loss %.4f  merges %d  links %d", len(fmt.Sprint(x.Rounds)),
			x.Round, x.Rounds, percent(x.Accuracy), x.Loss, x.Merges, x.Links)
	case exchange.Done:
		return fmt.Sprintf("the job is done: %d rounds, model %s", x.Rounds, x.ModelSHA256)
	}
	return ""
}

// waitingText says that a node waits, or that it goes on.
func waitingText(w deploy.Waiting) string {
	switch {
	case !w.Over:
		return w.Text(time.Now())
	case w.On == deploy.OnServer || w.On == deploy.OnNetwork:
		return "the server is heard again, after " + deploy.Spoken(w.Waited)
	case w.On == deploy.OnNeighbour && w.Round == 0:
		return "the first neighbour is there, after " + deploy.Spoken(w.Waited) + ": the periods count from now on"
	case w.On == deploy.OnNeighbour && len(w.For) == 0: // else a round of nodes in step goes on
		return "there is a neighbour again, after " + deploy.Spoken(w.Waited)
	case w.Round == 1 && w.On == observe.AwaitsMembers:
		return "the clients are there, after " + deploy.Spoken(w.Waited)
	}
	return fmt.Sprintf("round %d goes on, after %s", w.Round, deploy.Spoken(w.Waited))
}

func has(n int) string {
	if n == 1 {
		return "has"
	}
	return "have"
}

func surpassedOf(c *console, s deploy.Surpassed) surpassedLine {
	return surpassedLine{c.head("surpassed"), s.Node, string(s.Peer), stamp(s.From), stamp(s.Saw), s.String()}
}

// stamp is a time for programs, or empty.
func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}

// tail is the end of a peer id, which tells peers apart.
func tail(peer string) string {
	if len(peer) <= 8 {
		return peer
	}
	return "…" + peer[len(peer)-8:]
}
