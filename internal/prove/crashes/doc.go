// Package crashes is the crash bench: at every operation that either of two nodes does on its disk, every kind of
// damage strikes, and again at every operation of the recovery that follows. Then the nodes must give the very answers
// and counts of the undisturbed run.
//
// Damage that no crash can explain, a flipped bit or a file cut short, may also be refused, with its place, or be
// repaired and reported; what was lost with an end of the journal that is cut off opens a new epoch. It is never taken
// for a good state without a word.
package crashes
