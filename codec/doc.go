// Package codec has what makes values smaller on their way: an edge of a choreography names one (graph.Edge.Codec), and
// nothing else of the program changes. The compiler writes an op that encodes at the sender and one that decodes at the
// receiver; the artifact records name, argument and version in both, so that the ends agree.
//
// A codec is one file of this package: a Codec, and a line that registers it. There are no others: artifacts name
// codecs, and every node has to know the same. What a program wants smaller in a way of its own, a component makes
// smaller before the Send. A codec is pure, a function of one value and of its argument alone, and gives the same bits
// on every machine, for what it gives goes into journals and models. What comes to Decode may come from a stranger. A
// codec that has to change gets another version beside the one that artifacts name already.
//
// The built-in ones work on float32 tensors, alone or anywhere in lists, and pass on unchanged what is something else,
// what has a NaN or an infinite element, and what would not become smaller:
//
//	int8       one byte for an element; off by at most 1/254 of the largest magnitude of its tensor
//	topk:5     the 5 % of the elements with the largest magnitudes, and zeros in place of the others
package codec
