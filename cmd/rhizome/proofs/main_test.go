package proofs_test

import (
	"os"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/commandtest"
	"github.com/rhizome-ml/rhizome/internal/exitcode"
)

func TestMain(m *testing.M) { os.Exit(commandtest.Main(m)) }

const (
	loopback = commandtest.Loopback
)

var (
	rhizome = commandtest.Run
	start   = commandtest.Start
	isEvent = commandtest.IsEvent
)

const (
	exitOK  = exitcode.OK
	exitBad = exitcode.Bad
)
