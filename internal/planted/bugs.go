package planted

// Variable is the environment variable that names the active bug in a binary that was built with the tag planted.
const Variable = "RHIZOME_PLANTED"

// Bug is a bug that is planted somewhere in the tree.
type Bug uint8

// The planted bugs; Bugs says what each of them does.
const (
	None Bug = iota // no bug is active
	SkipSync
	SendBeforeDurable
	AckBeforeDurable
	SwapRecords
	ReplaySkipsLast
	TornAsWhole
	ReleaseEarly
	PublishWithoutDirSync
	PublishWithoutFileSync
	KeepDamaged
	RetryFailedSync
	IncarnationNotBumped
	EpochNotOpened
	RestoreUnlinked
	ForgetReadiness
	ForgetTimer
	ForgetRandom
	ForgetQueue
	ForgetHold
	ForgetBus
	ForgetCompletion
	ForgetParked
	ForgetLatch
	ForgetOutbox
	ForgetInbound
	ForgetDedup
	ForgetBackoff
	ForgetBlocked
	ForgetExecCounter
	ForgetCommandCounter
	ForgetField
	CorrelationRestarts
	DropDedup
	DedupByContent
	ResendRenumbered
	ForgetResendTimer
	NumberReused
	UnsortedOutput
	SlotLeak
	FireTwice
	RetryForgets
	DeadlineRelative
	ClockBack
	LimitFails
	CommandRenumbered
	ResultTwice
	AppNumberReused
	FloatSum
	DoubleCounted
	LateCounted
	StrangerCounted
	ResentMeasured
	AdviceInverted
	DeadlineRestarted
	InvitationSpentTwice
	WithdrawnQuestionKept
	MinOfAllMembers
	AdmissionSkipped
	PlaceUnchecked
	RollbackUnnoticed
	TwinUnfenced
	JunkEndured
	Canary
)

// Planted says where a bug is planted and what it breaks.
type Planted struct {
	Bug    Bug
	Name   string // for people and for the environment variable
	Breaks string // the law, trap or promise, by the numbers of SPECIFICATION.md
	File   string
	What   string // what the code does while the bug is active
}

// Bugs are all planted bugs. The last is the canary: every run must fail with it, or the bench is dead.
var Bugs = [...]Planted{
	{SkipSync, "skip-sync", "L5", "journal/sync.go", "a sync of the journal does nothing and says that it did"},
	{SendBeforeDurable, "send-before-durable", "L5", "host/driver.go", "effects leave without waiting for the record of their inputs"},
	{AckBeforeDurable, "ack-before-durable", "L5", "host/driver.go", "a bare acknowledgement leaves before what it acknowledges is durable"},
	{SwapRecords, "swap-records", "L4", "host/replay.go", "a replay takes each second pair of records in the wrong order"},
	{ReplaySkipsLast, "replay-skips-last", "L5", "journal/read.go", "a replay leaves out the last record"},
	{TornAsWhole, "torn-as-whole", "trap 33", "journal/record.go", "a record whose payload was torn is taken as whole"},
	{ReleaseEarly, "release-early", "L5", "journal/release.go", "a segment that a kept snapshot still needs is removed"},
	{PublishWithoutDirSync, "publish-without-dir-sync", "L5", "journal/atomic.go", "a file is given its name and the folder is not synced"},
	{PublishWithoutFileSync, "publish-without-file-sync", "L5", "journal/atomic.go", "a file is given its name before its content is synced"},
	{KeepDamaged, "keep-damaged", "L5", "journal/snapshot_store.go", "a damaged snapshot counts as one of those that are kept"},
	{RetryFailedSync, "retry-failed-sync", "trap 32", "journal/sync.go", "a failed sync is tried again, and the journal goes on"},
	{IncarnationNotBumped, "incarnation-not-bumped", "L4", "engine/ops_peer.go", "a restarted node keeps the incarnation of its last life"},
	{EpochNotOpened, "epoch-not-opened", "promise 6", "host/replay.go", "a lost tail is not noticed: the streams go on in the old epoch"},
	{RestoreUnlinked, "restore-unlinked", "trap 2", "engine/restore.go", "a restored engine has no subscriptions to its bus"},
	{ForgetReadiness, "forget-readiness", "trap 2", "engine/restore.go", "a restored op waits anew for inputs that have come"},
	{ForgetTimer, "forget-timer", "L2", "engine/snapshot.go", "the timers of components are not in the snapshot"},
	{ForgetRandom, "forget-random", "L2", "engine/restore.go", "the random source begins anew after a restore"},
	{ForgetQueue, "forget-queue", "L2", "engine/snapshot.go", "the newest value of a named queue is not in the snapshot"},
	{ForgetHold, "forget-hold", "L2", "engine/snapshot.go", "held values are not in the snapshot"},
	{ForgetBus, "forget-bus", "trap 3", "engine/snapshot.go", "queued events of the bus are not in the snapshot"},
	{ForgetCompletion, "forget-completion", "trap 3", "engine/snapshot.go", "results that arrived and are not yet applied are not in the snapshot"},
	{ForgetParked, "forget-parked", "L2", "engine/snapshot.go", "ops that wait are not in the snapshot"},
	{ForgetLatch, "forget-latch", "L2", "engine/snapshot.go", "keys that a latch has seen are not in the snapshot"},
	{ForgetOutbox, "forget-outbox", "L2", "peer/streams_snapshot.go", "the newest unacknowledged envelope is not in the snapshot"},
	{ForgetInbound, "forget-inbound", "L6", "peer/requests_snapshot.go", "questions of others that were taken are not in the snapshot"},
	{ForgetDedup, "forget-dedup", "L6", "peer/streams_snapshot.go", "numbers that were taken out of order are not in the snapshot"},
	{ForgetBackoff, "forget-backoff", "L2", "peer/backoff.go", "running waits are not in the snapshot"},
	{ForgetBlocked, "forget-blocked", "L10", "peer/governor.go", "the blocklist is not in the snapshot"},
	{ForgetExecCounter, "forget-exec-counter", "trap 5", "engine/restore.go", "the numbers of activations begin anew behind those that live"},
	{ForgetCommandCounter, "forget-command-counter", "trap 5", "engine/restore.go", "the numbers of commands begin anew behind those that are pending"},
	{ForgetField, "forget-field", "L2", "component/protocol/rounds/component.go", "the calls that wait for a round are not restored"},
	{CorrelationRestarts, "correlation-restarts", "trap 5", "engine/restore.go", "the numbers of questions begin anew after a restore"},
	{DropDedup, "drop-dedup", "L6", "peer/receive.go", "an envelope that was taken before is taken again"},
	{DedupByContent, "dedup-by-content", "trap 7", "peer/fan.go", "an envelope with the content of one in the outbox is not sent"},
	{ResendRenumbered, "resend-renumbered", "L6", "engine/phase_outbound.go", "what is sent again gets a new number"},
	{ForgetResendTimer, "forget-resend-timer", "L6", "peer/resend.go", "what was sent again once is not sent a third time"},
	{NumberReused, "number-reused", "L6", "peer/fan.go", "the numbers of a stream begin anew when its outbox is empty, with other bytes"},
	{UnsortedOutput, "unsorted-output", "trap 34", "engine/ops_peer.go", "pending commands are given out again in the order of a map"},
	{SlotLeak, "slot-leak", "trap 17", "engine/frame.go", "the bytes of an activation that failed are not given back"},
	{FireTwice, "fire-twice", "trap 9", "engine/frame.go", "an op that has run fires again when a further input arrives"},
	{RetryForgets, "retry-forgets", "L2", "engine/phase_frontier.go", "a retry does not count its attempts"},
	{DeadlineRelative, "deadline-relative", "trap 13", "engine/phase_ingress.go", "a relative deadline is taken as an absolute one"},
	{ClockBack, "clock-back", "L1", "engine/poll.go", "engine time follows a clock that goes back"},
	{LimitFails, "limit-fails", "trap 27", "engine/ops_wait.go", "an op that finds no permit fails instead of waiting"},
	{CommandRenumbered, "command-renumbered", "L6", "engine/ops_peer.go", "a command is given out again under a new number"},
	{ResultTwice, "result-twice", "L6", "engine/phase_completions.go", "a second result for a command is applied too"},
	{AppNumberReused, "app-number-reused", "promise 4", "engine/ops_host.go", "the numbers of app events begin anew when all are acknowledged"},
	{FloatSum, "float-sum", "trap 34", "component/aggregator/state.go", "updates are summed as floats, in the order of arrival"},
	{DoubleCounted, "double-counted", "L6", "component/aggregator/component.go", "a second contribution of a peer to a round is counted"},
	{LateCounted, "late-counted", "L6", "component/protocol/rounds/component.go", "a contribution to a round that is closed is counted"},
	{StrangerCounted, "stranger-counted", "L10", "component/protocol/rounds/component.go", "a contribution of a peer that is not of the cohort is counted"},
	{ResentMeasured, "resent-measured", "L1", "peer/vitals.go", "what was sent again gives a round-trip time"},
	{AdviceInverted, "advice-inverted", "trap 15", "engine/pressure.go", "a peer that asks to hold data back has its own data refused"},
	{DeadlineRestarted, "deadline-restarted", "trap 13", "engine/deadlines.go", "what is sent again has the time that it had the first time"},
	{InvitationSpentTwice, "invitation-spent-twice", "L6", "deploy/invitation/book.go", "an invitation whose uses are spent lets another peer in"},
	{WithdrawnQuestionKept, "withdrawn-question-kept", "promise 10", "engine/withdraw.go", "a question that was withdrawn stays in the outbox"},
	{MinOfAllMembers, "min-of-all-members", "promise 9", "component/protocol/registry/server.go", "a round begins only when all that ever joined are there"},
	{AdmissionSkipped, "admission-skipped", "L10", "engine/members.go", "what a peer sends that was never admitted is taken as a member's"},
	{PlaceUnchecked, "place-unchecked", "L10", "engine/members.go", "a member is taken to play every place"},
	{RollbackUnnoticed, "rollback-unnoticed", "promise 12", "peer/lives.go", "a life whose directory went back is taken as one that goes on"},
	{TwinUnfenced, "twin-unfenced", "promise 12", "engine/lives.go", "a node that learns of a later life of its own that runs elsewhere goes on"},
	{JunkEndured, "junk-endured", "L7", "host/conduct.go", "a peer that sends only what is refused is never cut"},
	{Canary, "canary", "L7", "engine/frame.go", "every value that is written is charged twice"},
}

// Named returns the bug of a name, or None.
func Named(name string) Bug {
	for i := range Bugs {
		if Bugs[i].Name == name {
			return Bugs[i].Bug
		}
	}
	return None
}

// String returns the name of a bug.
func (b Bug) String() string {
	if b == None || int(b) > len(Bugs) {
		return "none"
	}
	return Bugs[b-1].Name
}

// Unsorted returns the keys of a map in the order of the map: what a planted bug does that forgets to sort them.
func Unsorted[K comparable, V any](m map[K]V) []K {
	var keys []K
	for k := range m {
		keys = append(keys, k)
	}
	return keys
}
