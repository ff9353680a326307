// Command tripline is the whole of Tripline: every stage, and the tools of the
// people who run them. One file holds one command; this one starts them and
// turns errors into exit codes.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
)

// version is set when linking.
var version = "dev"

// Exit codes: see the README.
const (
	exitOK    = 0
	exitError = 1
	exitUsage = 2
)

// usageError is a mistake on the command line or in the configuration.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

func main() {
	os.Exit(execute(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// execute runs one command line. The first SIGINT, SIGTERM or SIGHUP (the
// terminal is gone) asks the command to finish; a second one kills the process,
// since the handler is gone then.
func execute(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	context.AfterFunc(ctx, stop)

	root := newRoot(stdin, stdout, stderr)
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitOK
	}
	// One line for a person: joined errors become one line each.
	for line := range strings.SplitSeq(strings.TrimRight(err.Error(), "\n"), "\n") {
		fmt.Fprintln(stderr, "tripline:", line)
	}
	var usage usageError
	if errors.As(err, &usage) {
		fmt.Fprintln(stderr, "tripline: see tripline --help")
		return exitUsage
	}
	return exitError
}
