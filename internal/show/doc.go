// Package show shows the messages of a snapshot to people and to other programs: JSON writes one as the JSON form of
// its protobuf schema, and Diff says field by field what differs between two. It reads messages and never changes them;
// all of it is safe for concurrent use as long as nobody else changes them.
package show
