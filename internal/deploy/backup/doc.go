// Package backup puts all that a node or a run keeps on its disk into one file, while it runs, and makes a directory of
// such a file.
//
// # The file
//
// A tar archive in one zstd frame, which tar and zstd read, and behind it a frame that they skip: 8 bytes that say what
// it is, and the SHA-256 of all before it. The first entry is manifest.json: what the file holds, and the size and
// SHA-256 of each entry that follows, in its order. Equal states give equal bytes.
//
// # How it is made
//
//  1. Files that never change once they have their name (snapshots, blobs, records of the node) are opened; segments of
//     the journal, whose files are used again, are read into memory. What vanishes in between was replaced: then all is
//     begun again.
//  2. Each node is brought back in memory from what was taken, from its oldest snapshot on: every checksum is looked at
//     and every record replayed. The position of the backup is the last record that this reaches.
//  3. Nodes of one run were not read at one moment. Each is cut back to the newest record at which none of them has
//     anything that another has not sent (job.Together), which is a moment that all of them could have been killed in.
//  4. The archive is written under another name, synced, read back, and renamed.
//
// Nothing of the running node is locked, and nothing in its directory is changed.
//
// # What a restore is
//
// Move: the directory becomes the node. It is the node as it was, so it begins a new epoch, and a life with a number
// above any that the node can have had since: peers refuse the old life from then on. Look: a directory that is only
// read, without keys, with a mark on which nothing starts. Either is made under another name, checked whole, and
// renamed.
package backup
