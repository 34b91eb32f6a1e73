// Package planted holds the switches of the bugs that are planted in the tree, to show that the bench finds such bugs.
//
// Without the build tag planted, On is false at compile time and the compiler removes each planted line: a release has
// none of them. With the tag, at most one is active: the one that the environment variable RHIZOME_PLANTED names when the
// process starts. The list of bugs says what each of them breaks and in which file it is planted. Nothing below this
// package exists, so that every package may plant.
package planted
