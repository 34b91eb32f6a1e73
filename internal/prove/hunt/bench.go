package hunt

import (
	"fmt"

	"github.com/rhizome-ml/rhizome/internal/prove/closed"
	"github.com/rhizome-ml/rhizome/internal/prove/gone"
	"github.com/rhizome-ml/rhizome/internal/prove/guests"
	"github.com/rhizome-ml/rhizome/internal/prove/restores"
	"github.com/rhizome-ml/rhizome/internal/prove/returns"
	"github.com/rhizome-ml/rhizome/internal/prove/twins"
	"github.com/rhizome-ml/rhizome/internal/sim/chaos"
)

// Bench tries one seed: two of four are runs of the simulator under faults, one is a random program of which every step
// is taken by a restored node, and one restores nodes beside those that go on, has guests come to a server's
// invitations, and members and strangers to a node that knows its members; of sixteen one is a job of which clients
// leave for good, and one a job of which directories go back and copies run. It returns who found what broken promise,
// or nil; a panic of the engine, which stops a node, is found too.
func Bench(seed uint64) (err error) {
	who := "chaos"
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%s: a panic: %v", who, p)
		}
		if err != nil {
			err = fmt.Errorf("%s: %w", who, err)
		}
	}()
	switch n := seed / 4; {
	case seed%16 == 2:
		who = "gone"
		err = gone.Try(seed / 16)
	case seed%16 == 10:
		who = "returns"
		_, err = returns.Try(seed/16, nil)
	case seed%4 == 0:
		who = "restores"
		_, err = restores.Try(n)
	case seed%4 == 1:
		who = "twins"
		if _, err = twins.Twins(n); err == nil {
			who = "guests"
			err = guests.Try(n)
		}
		if err == nil {
			who = "closed"
			err = closed.Try(n)
		}
	default:
		err = chaos.Run(chaos.Draw(seed), chaos.Options{}).Err
	}
	return err
}
