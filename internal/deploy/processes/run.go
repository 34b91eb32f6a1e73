package processes

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/rhizome-ml/rhizome/internal/deploy"
	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/job/local"
	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
)

// Loopback is where the nodes listen.
const Loopback = "/ip4/127.0.0.1/tcp/0"

// Options say what is run, and who is told.
type Options struct {
	Executable string       // this program
	Run        *local.Local // opened with Processes
	OnRound    func(job.Round)
	OnProcess  func(Process)
	OnWarn     func(string)
	// OnEvent is told of every line of a node that is none of the ordinary ones: what a newer program tells too,
	// whatever that is.
	OnEvent func(Event)

	telling sync.Mutex
}

func (o *Options) notify(p Process) {
	o.telling.Lock()
	defer o.telling.Unlock()
	if o.OnProcess != nil {
		o.OnProcess(p)
	}
}

func (o *Options) event(e Event) {
	o.telling.Lock()
	defer o.telling.Unlock()
	if o.OnEvent != nil {
		o.OnEvent(e)
	}
}

func (o *Options) warn(text string) {
	o.telling.Lock()
	defer o.telling.Unlock()
	if o.OnWarn != nil {
		o.OnWarn(text)
	}
}

func (o *Options) round(r job.Round) {
	o.telling.Lock()
	defer o.telling.Unlock()
	if o.OnRound != nil {
		o.OnRound(r)
	}
}

// supervisor is a run of processes.
type supervisor struct {
	o      *Options
	server *child
	all    []*child

	mu        sync.Mutex
	addresses []string
	there     chan struct{} // closed when the server listens for the first time
	last      int           // the last round that was told
}

// Run runs the job to its end and returns the result, which stands in the run's directory as that of any run. When ctx
// ends first, all processes are stopped cleanly and the error is job.ErrInterrupted.
func Run(ctx context.Context, o *Options) (*job.Result, error) {
	if res, err := o.Run.Result(); err != nil || res != nil {
		return res, err
	}
	clients, err := members(vfs.OS(), o.Run)
	if err != nil {
		return nil, err
	}
	var dealt []string // the file of which each client takes its part
	if f, ok := o.Run.Config().(job.Filed); ok && f.Shared() != "" {
		dealt = []string{"--data", f.Shared(), "--dealt"}
	}
	for i := range len(clients) + 1 {
		if err := deploy.Check(vfs.OS(), o.Run.NodeDir(i-1)); err != nil {
			return nil, err
		}
	}
	if err := o.Run.Started(); err != nil {
		return nil, err
	}
	known := make([]string, len(clients))
	for i, p := range clients {
		known[i] = string(p)
	}
	keep, age := o.Run.Keeps()
	s := &supervisor{o: o, there: make(chan struct{})}
	s.server = &child{name: "server", line: s.said, args: func() []string {
		return []string{"server", "--child", "--json", "--dir", o.Run.NodeDir(-1), "--listen", Loopback, "--linger",
			"60s",
			"--of-run", filepath.Dir(o.Run.NodeDir(-1)), "--known", strings.Join(known, ","), "--keep",
			strconv.Itoa(keep), "--keep-age", age.String()}
	}}
	s.all = append(s.all, s.server)
	for i := range clients {
		s.all = append(s.all, &child{name: job.ClientName(i), line: s.received(job.ClientName(i)),
			args: func() []string {
				s.mu.Lock()
				defer s.mu.Unlock()
				return slices.Concat([]string{"join", "--child", "--json", "--dir", o.Run.NodeDir(i), "--listen",
					Loopback, "--trust", o.Run.Digest()}, dealt, s.addresses)
			}})
	}
	if err := s.run(ctx); err != nil {
		return nil, err
	}
	return o.Run.Adopt()
}

// run keeps the processes alive until the server has ended well.
func (s *supervisor) run(ctx context.Context) error {
	spawn, leave := spawner()
	defer leave()
	stop := make(chan struct{})
	ends := make(chan error, len(s.all))
	var clients sync.WaitGroup
	server := make(chan error, 1)
	go func() { server <- s.server.live(s.o, spawn, stop) }()
	for _, c := range s.all[1:] {
		clients.Go(func() {
			select {
			case <-s.there:
			case <-stop:
				return
			}
			if err := c.live(s.o, spawn, stop); err != nil {
				ends <- err
			}
		})
	}
	var err error
	over := false
	select {
	case err = <-server:
		over = true
	case err = <-ends:
	case <-ctx.Done():
		err = job.ErrInterrupted
	}
	if err == nil {
		// The server has ended because all clients know that the job is done, or because they were waited for long
		// enough.
		s.within(&clients, 5*time.Second)
	}
	close(stop)
	for _, c := range s.all {
		c.stop()
	}
	if !over {
		clients.Go(func() { <-server })
	}
	if !s.within(&clients, 20*time.Second) {
		for _, c := range s.all {
			c.kill()
		}
		clients.Wait()
	}
	return err
}

// within waits for all, and says whether they ended in time.
func (s *supervisor) within(all *sync.WaitGroup, d time.Duration) bool {
	ended := make(chan struct{})
	go func() {
		all.Wait()
		close(ended)
	}()
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ended:
		return true
	case <-t.C:
		return false
	}
}

// said takes a line of the server.
func (s *supervisor) said(b []byte) {
	var e struct {
		Addresses     []string   `json:"addresses"`
		Round         int        `json:"round"`
		Accuracy      job.Number `json:"accuracy"`
		Loss          job.Number `json:"loss"`
		Contributions int        `json:"contributions"`
		Queries       int        `json:"queries"`
		Answered      int        `json:"answered"`
	}
	switch s.event(s.server.name, b, &e) {
	case "listening":
		s.mu.Lock()
		first := s.addresses == nil
		s.addresses = slices.Clone(e.Addresses)
		s.mu.Unlock()
		if first && len(e.Addresses) > 0 {
			close(s.there)
		}
	case "round":
		s.mu.Lock()
		again := e.Round <= s.last
		s.last = max(s.last, e.Round)
		s.mu.Unlock()
		if !again {
			s.o.round(job.Round{Number: e.Round, Accuracy: e.Accuracy, Loss: e.Loss, Contributions: e.Contributions,
				Queries: e.Queries, Answered: e.Answered})
		}
	}
}

// received returns what takes the lines of a client.
func (s *supervisor) received(name string) func([]byte) {
	return func(b []byte) { s.event(name, b, &struct{}{}) }
}

// ordinary are the events of a node that tell nothing of a run which its rounds and processes do not tell.
var ordinary = []string{"listening", "joined", "link", "peer", "progress", "round", "done"}

// event reads a line of a node and returns the name of its event. A warning, and whatever is not ordinary, is passed
// on: a run that stands still must say what its nodes say.
func (s *supervisor) event(node string, b []byte, v any) string {
	var e struct {
		Event string `json:"event"`
		Text  string `json:"text"`
	}
	switch err := json.Unmarshal(b, &e); {
	case err != nil || e.Event == "":
		s.o.warn(node + ": " + strings.ToValidUTF8(string(b[:min(len(b), shownMax)]), "?"))
	case e.Event == "warning":
		s.o.warn(node + ": " + e.Text)
	case !slices.Contains(ordinary, e.Event):
		s.o.event(Event{node, e.Event, slices.Clone(b)})
	case json.Unmarshal(b, v) != nil:
		s.o.warn(node + ": tells of " + e.Event + " in another form than this program knows")
		return ""
	}
	return e.Event
}

// shownMax bounds what is shown of a line that is no event.
const shownMax = 512

// spawner returns a function that starts processes, all from one thread, which lives until leave is called: the kernel
// kills the children of a thread that ends.
func spawner() (spawn func(*exec.Cmd) error, leave func()) {
	type order struct {
		cmd  *exec.Cmd
		done chan error
	}
	orders, quit := make(chan order), make(chan struct{})
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		for {
			select {
			case o := <-orders:
				o.done <- o.cmd.Start()
			case <-quit:
				return
			}
		}
	}()
	spawn = func(cmd *exec.Cmd) error {
		o := order{cmd, make(chan error, 1)}
		select {
		case orders <- o:
			return <-o.done
		case <-quit:
			return errStopped
		}
	}
	return spawn, func() { close(quit) }
}

var errStopped = errors.New("the run is over")

// String names the process.
func (p Process) String() string {
	if p.State == "started" && p.Restarts > 0 {
		return fmt.Sprintf("%s: started again (%d times so far), process %d", p.Node, p.Restarts, p.PID)
	}
	return fmt.Sprintf("%s: %s, process %d", p.Node, p.State, p.PID)
}
