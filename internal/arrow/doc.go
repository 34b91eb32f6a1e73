// Package arrow reads Arrow IPC (https://arrow.apache.org/docs/format/Columnar.html), as files (Feather, version 2) and
// as streams: its metadata, and some rows of one column at a time. What is not packed is read where it is; what is
// packed, one column of one batch at a time. What a file says of sizes is held against it, and against bounds, before
// any memory is taken for it.
package arrow
