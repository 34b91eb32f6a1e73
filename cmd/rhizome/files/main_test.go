package files_test

import (
	"os"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/commandtest"
	"github.com/rhizome-ml/rhizome/internal/exitcode"
)

func TestMain(m *testing.M) { os.Exit(commandtest.Main(m)) }

// The words of tests.
type (
	outcome = commandtest.Outcome
	started = commandtest.Started
	told    = commandtest.Told
)

const (
	loopback = commandtest.Loopback
)

var (
	rhizome   = commandtest.Run
	start     = commandtest.Start
	isEvent   = commandtest.IsEvent
	write     = commandtest.Write
	jsonOf    = commandtest.JSONOf
	flowers   = commandtest.Flowers
	pictures  = commandtest.Pictures
	rhizomeIn = commandtest.RunIn
)

const (
	exitOK  = exitcode.OK
	exitBad = exitcode.Bad
)
