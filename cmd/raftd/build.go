package main

// Build says what source this binary was made of. A build with a planted bug replaces this file, so
// that the bug's name shows in --version, in the status and in the event log; and so does the label
// of a build with -ldflags "-X main.Build=LABEL".
var Build = "clean"
