// Package vfs is the one door to the disk: everything that the program keeps goes through an FS.
//
// There are two of them. OS is the real one. Mem keeps everything in memory, knows for each byte and each folder entry
// whether it was synced, can be cut off at any operation, and hands back the disk as a power failure (Crash) or a
// killed process (Kill) would have left it. Code that was tested on every crash of a Mem runs unchanged on OS. Beyond
// crashes it has the other faults of disks (Fault), each at an operation that the caller names (StrikeAt), by chance
// from a seed (SetOdds), or after a crash (Damage), and counts each kind. What is zero costs nothing there, and copies
// share what neither wrote.
//
// What the door promises, and what it does not:
//
//  1. A write is durable when a later Sync or Datasync of the same file has returned nil, and not before. What was
//     written since may survive whole, in part (in units of SectorBytes), or not at all.
//  2. A created, renamed or removed name is durable when a later SyncDir of its folder has returned nil. Several such
//     changes that were not synced survive or vanish one by one, in no order. A rename is one change: no crash shows
//     half of it.
//  3. After a failed Sync or Datasync nothing is known about the writes before it, and a later success says nothing
//     about them.
//  4. A lock ends with its process, however that ends.
package vfs
