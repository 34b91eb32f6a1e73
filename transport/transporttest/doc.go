// Package transporttest holds a transport against the contract of package transport. A transport's own test calls Run
// with a Factory, which makes ends of one network; Run starts and closes them, sends, blocks, drops, restarts and lies,
// and checks that what the contract promises holds: order, whole packets, no loss without a report, backpressure that
// hurts nobody else, admission, and silence after Close.
//
// A Factory says which faults its network has and which acts it knows; what it does not know is skipped with a word.
package transporttest
