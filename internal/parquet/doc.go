// Package parquet reads Parquet files: their metadata, and one page of one column at a time, so that a file of any size
// takes the memory of a page. Sizes that a file claims are held against its bytes and against bounds before memory is
// taken for them, and whatever is wrong is an *Error; nothing panics. What a file means as samples is for package
// dataset to say.
//
// The format: https://parquet.apache.org/docs/file-format/ and parquet.thrift of version 2.11.
package parquet
