package main

import (
	"errors"
	"io/fs"
	"syscall"

	"github.com/rhizome-ml/rhizome/dataset"
	"github.com/rhizome-ml/rhizome/internal/artifact"
	"github.com/rhizome-ml/rhizome/internal/deploy"
	"github.com/rhizome-ml/rhizome/internal/deploy/backup"
	"github.com/rhizome-ml/rhizome/internal/deploy/exchange"
	"github.com/rhizome-ml/rhizome/internal/deploy/identity"
	"github.com/rhizome-ml/rhizome/internal/deploy/invitation"
	"github.com/rhizome-ml/rhizome/internal/deploy/processes"
	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/exitcode"
	"github.com/rhizome-ml/rhizome/internal/host"
	"github.com/rhizome-ml/rhizome/internal/host/directory"
	"github.com/rhizome-ml/rhizome/internal/host/record"
	"github.com/rhizome-ml/rhizome/internal/importer"
	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/job/archive"
	"github.com/rhizome-ml/rhizome/internal/job/kinds"
	"github.com/rhizome-ml/rhizome/internal/journal"
	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
	"github.com/rhizome-ml/rhizome/internal/node"
	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/internal/program"
	"github.com/rhizome-ml/rhizome/internal/sim/conditions"
	"github.com/rhizome-ml/rhizome/internal/sim/sweep"
	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/transport"
)

// The exit codes.
const (
	exitOK          = exitcode.OK
	exitInternal    = exitcode.Internal
	exitBad         = exitcode.Bad
	exitFailed      = exitcode.Failed
	exitNothing     = exitcode.Nothing
	exitSuperseded  = exitcode.Superseded
	exitRemoved     = exitcode.Removed
	exitInterrupted = exitcode.Interrupted
)

// exitCode says what an error means for the caller.
func exitCode(err error) int {
	switch {
	case errors.Is(err, job.ErrInterrupted), errors.Is(err, deploy.ErrInterrupted), errors.Is(err, errProofStopped):
		return exitInterrupted
	case isAny[*job.FailedError](err), childEnded(err, exitFailed):
		return exitFailed
	case isAny[*deploy.MergedNothingError](err):
		return exitNothing
	case isAny[*host.SupersededError](err), childEnded(err, exitSuperseded):
		return exitSuperseded
	case isAny[*deploy.RemovedError](err):
		return exitRemoved
	case isAny[*job.ConfigError](err), isAny[*job.KeyError](err), isAny[*job.FileError](err),
		isAny[*job.UnknownError](err), isAny[*job.LacksError](err), isAny[*kinds.UnknownError](err),
		isAny[*job.StateError](err), isAny[*archive.RoundError](err), isAny[*archive.TuneError](err),
		isAny[*journal.FormatError](err),
		isAny[*importer.RefusedError](err), isAny[*onnx.FormatError](err), isAny[*onnx.LimitError](err),
		isAny[*onnx.ExternalError](err),
		isAny[artifact.Errors](err),
		isAny[*vfs.ReadOnlyError](err), isAny[*vfs.LockedError](err), isAny[*vfs.TooLargeError](err),
		isAny[*journal.VersionError](err), isAny[*journal.CorruptionError](err), isAny[*journal.TooLargeError](err),
		isAny[*journal.RangeError](err), isAny[*journal.MissingError](err),
		errors.Is(err, journal.ErrNoSnapshot),
		isAny[*deploy.DirError](err), isAny[*deploy.HangError](err), isAny[*deploy.InputError](err),
		isAny[*deploy.TrustError](err), isAny[*deploy.DeniedError](err), isAny[*deploy.DataError](err),
		isAny[*dataset.RowError](err), isAny[*dataset.FormatError](err), isAny[*dataset.UnknownError](err),
		isAny[*identity.KeyError](err),
		isAny[*exchange.RefusedError](err), isAny[*invitation.TextError](err), isAny[*invitation.RefusedError](err),
		isAny[*invitation.UnknownError](err), isAny[*exchange.ProtocolError](err), isAny[*exchange.DigestError](err),
		isAny[*program.LoadError](err), isAny[*wire.AddressError](err), isAny[*wire.PeerIDError](err),
		isAny[*transport.UnreachableError](err), isAny[*transport.ListenError](err), isAny[*transport.DeniedError](err),
		childEnded(err, exitBad),
		isAny[*node.SpecVersionError](err), isAny[*node.MismatchError](err),
		isAny[*engine.RestoreError](err), isAny[*record.DivergenceError](err), isAny[*directory.LookOnlyError](err),
		isAny[*backup.FileError](err), isAny[*backup.VersionError](err),
		isAny[*badInput](err), isAny[*conditions.UnknownError](err), isAny[*sweep.Error](err),
		errors.Is(err, fs.ErrNotExist), errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.ENOSPC), unread(err),
		errors.Is(err, syscall.EISDIR), errors.Is(err, syscall.ENOTDIR):
		return exitBad
	}
	return exitInternal
}

func isAny[E error](err error) bool {
	var e E
	return errors.As(err, &e)
}

// childEnded says whether a process of a run ended with that exit code.
func childEnded(err error, code int) bool {
	var ce *processes.ChildError
	return errors.As(err, &ce) && ce.Code == code
}

// badInput is an error of the user's making that no package has a type for.
type badInput struct{ text string }

func (e *badInput) Error() string { return e.text }
