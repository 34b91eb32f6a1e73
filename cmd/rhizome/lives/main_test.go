package lives_test

import (
	"os"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/commandtest"
	"github.com/rhizome-ml/rhizome/internal/exitcode"
)

func TestMain(m *testing.M) { os.Exit(commandtest.Main(m)) }

// The words of tests.
type (
	started = commandtest.Started
	told    = commandtest.Told
)

const (
	loopback    = commandtest.Loopback
	raceEnabled = commandtest.Race
)

var (
	rhizome   = commandtest.Run
	killed    = commandtest.Killed
	start     = commandtest.Start
	isEvent   = commandtest.IsEvent
	plainRun  = commandtest.Plain
	small     = commandtest.Small
	random    = commandtest.Random
	write     = commandtest.Write
	whole     = commandtest.Whole
	differing = commandtest.Differing
)

const (
	exitOK          = exitcode.OK
	exitBad         = exitcode.Bad
	exitSuperseded  = exitcode.Superseded
	exitInterrupted = exitcode.Interrupted
)
