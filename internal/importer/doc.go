// Package importer takes models in and gives them back: it reads what exporters write into ONNX files, says what of it
// can be trained and what cannot, and why, makes the graph that runs for a batch, and writes the author's file again
// with nothing changed but the trained tensors.
//
// A file goes three ways through it. [Import] puts the file into one form: functions are inlined, operators of operator
// set 7 to 28 and of ai.onnx.ml are written as the standard operators that the project runs, and every floating-point
// initializer is told to be a parameter, a buffer or a constant, by the signature that the exporter left in the file or
// else by its use. [Model.At] makes the static graph for one batch size: all that is known is computed, what stands in
// the way of another batch is repaired, and compound operators are written as primitive ones. [Model.Export] goes back
// to the file as it was read, so that no repair is ever seen in it.
//
// What cannot be trained or run is refused with all reasons at once, by node and by name, each with what would be
// right. Everything here is pure and bounded; a [Model] is immutable and safe for concurrent use.
package importer
