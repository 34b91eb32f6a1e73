package main

import (
	"os"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/commandtest"
)

func TestMain(m *testing.M) { os.Exit(commandtest.Main(m)) }

// The words of tests.
type (
	outcome = commandtest.Outcome
	started = commandtest.Started
	told    = commandtest.Told
)

const (
	loopback    = commandtest.Loopback
	raceEnabled = commandtest.Race
)

var (
	rhizome   = commandtest.Run
	command   = commandtest.Command
	finish    = commandtest.Finish
	killed    = commandtest.Killed
	start     = commandtest.Start
	isEvent   = commandtest.IsEvent
	plainRun  = commandtest.Plain
	small     = commandtest.Small
	hash      = commandtest.Hash
	tree      = commandtest.Tree
	write     = commandtest.Write
	flowers   = commandtest.Flowers
	pictures  = commandtest.Pictures
	rhizomeIn = commandtest.RunIn

	smallRounds = commandtest.SmallRounds()
	jsonOf      = commandtest.JSONOf
)
