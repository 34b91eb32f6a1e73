package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/rhizome-ml/rhizome/internal/clean"
)

// execute runs the command line and returns the exit code.
func execute(args []string, out, errs io.Writer) int {
	// The first signal asks for a clean stop; a second one ends the process as it always does.
	ctx, stop := signal.NotifyContext(context.Background(), stops()...)
	defer stop()
	context.AfterFunc(ctx, stop)

	root := newRoot(&console{out, errs, time.Now})
	root.SetArgs(args)
	root.SetOut(out)
	root.SetErr(errs)
	called, err := root.ExecuteContextC(ctx)
	if err == nil {
		return exitOK
	}
	code := exitBad // what the command line itself refuses never reached a command
	var ran *ranError
	if errors.As(err, &ran) {
		code, err = exitCode(ran.err), ran.err
	}
	if text := oneLine(err.Error()); text != "" {
		if ran == nil && strings.HasPrefix(text, "accepts ") {
			text += ": want " + strings.TrimSuffix(called.UseLine(), " [flags]")
		}
		if errors.Is(err, syscall.ENOSPC) {
			text += "; nothing is lost: make room, then give the same command"
		}
		fmt.Fprintln(errs, "rhizome: "+clean.Text(text, 4000))
	}
	return code
}

// oneLine puts what the command line says of a name that is nearly right on the line of the error.
func oneLine(text string) string {
	text, near, suggests := strings.Cut(strings.TrimSpace(text), "\n\nDid you mean this?\n")
	if suggests {
		text += "; did you mean " + strings.Join(strings.Fields(near), ", ") + "?"
	}
	return text
}

// ranError is an error of a command that ran, in contrast to a command line that could not be understood.
type ranError struct{ err error }

func (e *ranError) Error() string { return e.err.Error() }

func (e *ranError) Unwrap() error { return e.err }

// does makes a command's function mark its errors.
func does(f func(cmd *cobra.Command, args []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		if err := f(cmd, args); err != nil {
			return &ranError{err}
		}
		return nil
	}
}

func newRoot(c *console) *cobra.Command {
	root := &cobra.Command{
		Use:   "rhizome",
		Short: "Federated learning that goes on where it was, whatever stops it",
		Long: `Rhizome trains models across nodes that can be stopped at any instant and go on exactly where they were.
Start with: rhizome run`,
		SilenceUsage:      true,
		SilenceErrors:     true,
		CompletionOptions: cobra.CompletionOptions{HiddenDefaultCmd: true},
	}
	for _, g := range commandGroups(c) {
		root.AddGroup(&cobra.Group{ID: g.title, Title: g.title + ":"})
		for _, cmd := range g.commands {
			cmd.GroupID = g.title
			root.AddCommand(cmd)
		}
	}
	last := root.Groups()[len(root.Groups())-1].ID
	root.SetHelpCommandGroupID(last)
	root.SetCompletionCommandGroupID(last)
	return root
}

// Commands are listed in the order in which they are declared, the first that somebody needs first.
func init() { cobra.EnableCommandSorting = false }

// commandGroup is a heading of the help with the commands below it.
type commandGroup struct {
	title    string
	commands []*cobra.Command
}

// commandGroups returns all commands.
func commandGroups(c *console) []commandGroup {
	return []commandGroup{
		{"Train", []*cobra.Command{newRun(c), newEvaluate(c), newExportModel(c), newServer(c),
			newJoin(c), newPeer(c), newRelay(c)}},
		{"Jobs, models and data", []*cobra.Command{newInit(c), newJob(c), newStrategies(c), newCompile(c),
			newModel(c), newData(c)}},
		{"Who takes part", []*cobra.Command{newInvite(c), newMembers(c), newLeave(c), newID(c), newAllow(c),
			newBlock(c), newUnblock(c)}},
		{"Look into state", []*cobra.Command{newStatus(c), newPeers(c), newSnapshot(c), newJournal(c)}},
		{"Go back", []*cobra.Command{newFork(c), newBackup(c), newRestore(c)}},
		{"Try and measure", []*cobra.Command{newSim(c), newProve(c), newBench(c)}},
		{"Other", []*cobra.Command{newVersion(c)}},
	}
}
