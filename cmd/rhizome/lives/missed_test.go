package lives_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/commandtest"
	"github.com/rhizome-ml/rhizome/internal/deploy"
)

// TestTheEndThatWasMissed is case 12: a client is killed in the first round of a job that goes on without it and ends,
// with its server. Started later, the client says that it waits for the server, and that the job may be over, in its
// events and in its status; the server's command given again tells it the end, and it ends well.
func TestTheEndThatWasMissed(t *testing.T) {
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	write(t, in("quorum.yaml"), "name: quorum\nrounds: 300\nclients: 2\nquorum: 1\n")
	serve := func(linger string) *started {
		return start(t, dir, "server", in("quorum.yaml"), "--json", "--dir", in("server"), "--listen", loopback,
			"--linger", linger)
	}
	server := serve("5m") // for the one that was killed; the other hears the end meanwhile
	invited := server.Await(t, "invitation", isEvent("invitation")).Invitation
	join := func(name string, more ...string) *started {
		return start(t, dir, append([]string{"join", "--json", "--dir", in(name), "--listen", loopback}, more...)...)
	}
	stays, killed := join("c0", invited), join("c1", invited)
	killed.Await(t, "a start", isEvent("listening"))
	server.Await(t, "round 1", func(e told) bool { return e.Event == "round" && e.Round >= 1 })
	killed.Cmd.Process.Kill()
	killed.End(t)
	server.Await(t, "the word that it waits for one that has not heard the end", isEvent("lingering"))
	if code := stays.End(t); code != exitOK {
		t.Errorf("the client that stayed: exit code %d, %s", code, stays.Errs)
	}
	server.Cmd.Process.Signal(os.Interrupt) // which ends its wait, as the time does
	end := server.Await(t, "the result", isEvent("done"))
	if code := server.End(t); code != exitOK {
		t.Errorf("server: exit code %d, %s", code, server.Errs)
	}

	late := join("c1")
	late.Await(t, "the word that it waits for the server", func(e told) bool {
		return e.Event == "waiting" &&
			e.On == deploy.OnServer
	})
	late.Await(t, "the word that the job may be over", func(e told) bool {
		return e.Event == "waiting" &&
			strings.Contains(e.Hint, "job may be over")
	})
	commandtest.RunUntil(t, "what it waits for", func(o commandtest.Outcome) bool {
		var s deploy.Status
		return json.Unmarshal([]byte(o.Out), &s) == nil && s.State == deploy.StateWaiting && s.Waits != nil &&
			s.Waits.On == deploy.OnServer && strings.Contains(s.Waits.Hint, "job may be over")
	}, "status", "--json", "--dir", in("c1"))
	commandtest.RunUntil(t, "that in words", func(o commandtest.Outcome) bool {
		return strings.Contains(strings.Join(strings.Fields(o.Out), " "), "waits for the server, gone for")
	}, "status", "--dir", in("c1"))

	serve("5m") // it ends when the client has asked again
	if e := late.Await(t, "the end", isEvent("done")); e.ModelSHA256 != end.ModelSHA256 || e.Rounds != 300 {
		t.Errorf("it is told %+v, the job ended with %+v", e, end)
	}
	if code := late.End(t); code != exitOK {
		t.Errorf("the client that was killed: exit code %d, %s", code, late.Errs)
	}
}
