// Package journal keeps what a node must not lose: a write-ahead journal of numbered records, and whole snapshots
// beside it. It works on bytes and knows nothing of what they mean. All access to the disk goes through a vfs.FS.
//
// # Promises
//
//  1. A record is durable once Sync has returned nil, or Synced has passed its number (LSN). It is then there after any
//     crash.
//  2. Records come back in the order of Append, byte for byte, each once, with nothing missing between two of them.
//  3. A record that a crash tore is never taken for a whole one (two CRC32C for each).
//  4. After a write or a sync has failed, the journal is of no more use: every call returns the same *FailedError. What
//     is on the disk is found out by opening it again, never by trying again: a kernel may have dropped the pages that
//     it could not write, and a second sync would then succeed without them.
//  5. Damage to what was durable is a *CorruptionError that names the place, and a format from the future a
//     *VersionError. In both cases nothing on the disk is changed.
//
// # Segments
//
// The journal is a row of files journal-<first LSN in 16 hex digits>.seg. Each begins with a header of one sector:
//
//	 0  magic          8 bytes
//	 8  format version uint32
//	16  first LSN      uint64, as in the name
//	24  size           uint64, the whole file
//	32  salt           uint64
//	508 CRC32C         uint32 of bytes 0 to 508
//
// All numbers are little endian. The size of the header and the places of magic, version and CRC never change. Records
// follow, each beginning at a multiple of 8:
//
//	 0  length         uint32, of the payload
//	 4  CRC32C         uint32 of salt, LSN, payload and padding
//	 8  LSN            uint64
//	16  behind         uint32, the number of records before this one that were not known to be durable when it was written
//	20  CRC32C         uint32 of salt and bytes 0 to 20
//	24  payload, padded with zeros to a multiple of 8
//
// A new segment is written under a temporary name, synced, renamed and its folder synced, after the one before it was
// synced whole. So a segment that is there proves that every record before it was durable, and a file is never seen
// half made.
//
// A segment of version 1 is preallocated with zeros. One of version 2 is in the file of an older segment that was
// released (spare.go), so anything may lie behind its records; but it begins with 16 zeros, and each write of records
// puts as many behind them, where the next head will be. Its salt differs from that of any segment that the file held,
// so that no old head has a right checksum.
//
// # The end of the journal
//
// After a crash the last records that were not synced may be gone, torn, or whole behind a hole, for sectors reach the
// disk in any order. The journal ends before the first record that is not whole; Open fills all after it with zeros, so
// that an old record can never follow a new one, and reports how much that was. (In a segment of version 2, what lies
// behind 16 zeros and has no head of this segment is not the journal's.) Whether the record that is not whole may have
// been lost in a crash is told by those behind it: if one was written when the broken one was already durable (its
// field behind says so), the broken one was damaged later, and that is a *CorruptionError. The damage of a record that
// nothing durable follows cannot be told from a torn write by any means; it is cut and reported.
//
// The files of a killed process never shrink, nor do those of a machine that lost power, since a segment has its full
// size, synced, before it gets its name. Report.Short says that the file nevertheless is shorter than its header says.
// Then durable records may be missing at the end, and the caller cannot vouch for the tail.
//
// # Snapshots and the journal
//
// A snapshot is a file snapshot-<LSN in 16 hex digits>.snap; the number is the first record that is to be replayed on
// it. It is written like a new segment: tmp, sync, rename, sync of the folder. It holds the chunks that the snapshot
// before did not have, and names the others by digest and place (snapshot_format.go). A file that stops being a
// snapshot while others have chunks in it becomes snapshot-<LSN>.held, and goes when nobody needs it; when little of it
// is needed, the next snapshot takes that over.
//
// The order of the whole, which keeps a way back at each moment, with three syncs:
//
//  1. Sync the journal up to the number of the snapshot.
//  2. Publish the snapshot.
//  3. Prune: read what is new back, and keep the newest few that are good.
//  4. Release the segments behind the OLDEST snapshot that Prune kept, and none after it. Then a newest snapshot that
//     turns out to be damaged is replaced by the one before it and a longer replay. Damage of a chunk that both have
//     hits both: then the journal can help only as far back as it goes, and loading is an error that names the place.
//
// What is too large for a record is a blob: the record names it by digest, and it is durable before the record is
// (blob.go).
//
// At a start: LoadNewest, then Open with Options.From set to the number of the snapshot, then Read from that number.
// The directory is used by one process at a time: the caller holds a vfs lock.
package journal
