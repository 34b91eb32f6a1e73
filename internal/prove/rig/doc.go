// Package rig is the smallest world in which a durable node can lose something: two nodes on two disks in memory and a
// network between them, in one thread and virtual time. Node 0 is called with a number and asks node 1, which doubles
// it with a worker's command and counts the question; the answer comes back as an app event of node 0. What an
// undisturbed run tells is known beforehand, so any difference after a fault is something lost, done twice, or made up.
//
// It stands apart from the tests, because the tests of package host and the proofs share it.
package rig
