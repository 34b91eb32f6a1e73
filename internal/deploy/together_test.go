package deploy

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rhizome-ml/rhizome/internal/deploy/exchange"
	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/job/kinds/federated"
	"github.com/rhizome-ml/rhizome/transport/memory"
)

// together is a server and its clients in one process: their links are those of package memory, their directories are
// real.
type together struct {
	t   *testing.T
	net *memory.Network
	dir string
}

func newTogether(t *testing.T) *together {
	n := memory.New(memory.Options{})
	t.Cleanup(func() { n.Close() })
	return &together{t, n, t.TempDir()}
}

// lived is a node that runs, and all that it tells.
type lived struct {
	t    *testing.T
	stop context.CancelFunc

	mu    sync.Mutex
	all   []any
	said  chan struct{} // one token: something was told
	ended chan struct{}
	err   error
	res   *job.Result
	done  *exchange.Done
}

func (w *together) options(l *lived, name string) Options {
	return Options{Dir: w.dir + "/" + name, Listen: []string{"/memory/" + name},
		Network: memoryNet(w.net),
		Notify: func(what any) {
			l.mu.Lock()
			l.all = append(l.all, what)
			l.mu.Unlock()
			select {
			case l.said <- struct{}{}:
			default:
			}
		}}
}

func (w *together) live(run func(context.Context, *lived) error) *lived {
	ctx, cancel := context.WithCancel(context.Background())
	l := &lived{t: w.t, stop: cancel, said: make(chan struct{}, 1), ended: make(chan struct{})}
	go func() {
		l.err = run(ctx, l)
		close(l.ended)
	}()
	w.t.Cleanup(func() {
		cancel()
		<-l.ended
	})
	return l
}

func (w *together) serve(name string, cfg job.Served, linger time.Duration) *lived {
	return w.live(func(ctx context.Context, l *lived) (err error) {
		l.res, err = Serve(ctx, ServerOptions{Job: cfg, Open: true, Options: w.options(l, name), Linger: linger})
		return err
	})
}

func (w *together) join(name string, server Listening) *lived {
	return w.joinWith(name, server, JoinOptions{Member: -1})
}

func (w *together) joinWith(name string, server Listening, o JoinOptions) *lived {
	return w.live(func(ctx context.Context, l *lived) (err error) {
		o.Options, o.Trust, o.Wait = w.options(l, name), server.Digest, 20*time.Second
		o.Server = []string{"/memory/process/p2p/" + string(server.Peer)}
		l.done, err = Join(ctx, o)
		return err
	})
}

// patience is how long a test waits for what must come; only one that fails lets it pass.
const patience = 3 * time.Minute

// hear returns the first thing of a kind that was told and is wanted.
func hear[T any](l *lived, what string, want func(T) bool) T {
	l.t.Helper()
	late := time.After(patience)
	for at := 0; ; {
		l.mu.Lock()
		all := l.all[at:]
		l.mu.Unlock()
		for _, x := range all {
			if v, ok := x.(T); ok && (want == nil || want(v)) {
				return v
			}
		}
		at += len(all)
		select {
		case <-l.said:
		case <-l.ended:
			if l.mu.Lock(); at == len(l.all) {
				l.t.Fatalf("it ended before %s, with %v: %s", what, l.err, l.kinds())
			}
			l.mu.Unlock()
		case <-late:
			l.mu.Lock()
			defer l.mu.Unlock()
			l.t.Fatalf("no %s: %s", what, l.kinds())
		}
	}
}

// kinds lists what was told, without what is long; the caller holds mu.
func (l *lived) kinds() string {
	var b strings.Builder
	for _, x := range l.all {
		fmt.Fprintf(&b, "%T", x)
		switch x.(type) {
		case Waiting, Warning, job.Failed:
			fmt.Fprintf(&b, "%+v", x)
		}
		b.WriteString("; ")
	}
	return b.String()
}

// count returns how many things of a kind were told so far.
func count[T any](l *lived) (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, x := range l.all {
		if _, ok := x.(T); ok {
			n++
		}
	}
	return n
}

// end waits for the end of a node, and returns its error.
func (l *lived) end() error {
	l.t.Helper()
	select {
	case <-l.ended:
	case <-time.After(patience):
		l.t.Fatalf("it does not end: %s", l.kinds())
	}
	return l.err
}

func smallJob(rounds, clients int) *federated.Config {
	cfg := federated.Default()
	cfg.Rounds, cfg.Clients, cfg.Hidden, cfg.Heartbeat = rounds, clients, 8, 50*time.Millisecond
	return &cfg
}
