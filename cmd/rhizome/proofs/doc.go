// Package proofs tries the command rhizome by those parts of the proofs that need its processes: kills, bad wires, full
// disks, pauses, and strangers at its doors. It holds tests alone.
package proofs
