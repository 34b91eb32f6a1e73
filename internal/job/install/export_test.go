package install

// UnmapProgram is for the test of another package, which compiles a job.
var UnmapProgram = unmapProgram
