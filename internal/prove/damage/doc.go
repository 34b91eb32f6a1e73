// Package damage damages the files of nodes, one bit or one length at a time, and has them read. What is read must be
// what was written; or the damage is refused, with its place; or it is repaired and reported, and then what is left is
// the beginning of what was written. Anything else is a silent accept: what is loaded differs, and nobody says so.
//
// Each file of the golden corpora of all formats is damaged at every bit and every length, and so are the files of
// nodes that ran by a seed. They are read by the code that reads them from a disk, from memory.
package damage
