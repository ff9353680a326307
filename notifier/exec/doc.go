// Package exec is a sink that runs a program for each detection.
//
//   - name: script
//     type: exec
//     command: [/usr/local/bin/on-detection, --verbose]
//     environment: {TEAM: blue}
//
// The program gets the detection as one line of JSON on its standard input,
// and on its command line what is configured, word for word: there is no shell
// and no template, so nothing that a traced process calls itself is ever an
// argument or a command. Its environment is what is configured, and PATH.
//
// It must end within the timeout, or it is killed with all that it started and
// is in its group. Exit code 0 means that it has the detection, 65 (EX_DATAERR
// of sysexits.h) that it never will, anything else that it is to be tried
// again. The last of what it printed on standard error stands in the error,
// without control characters; more than a little is not kept.
package exec
