// Storm makes a storm and does attacks in it, for whoever watches from outside:
// it prints one line of JSON for each attack that was done, and one at the end
// for the storm itself. See package storm.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/tripline/tripline/test/storm"
)

func main() {
	storm.Main()
	c := storm.Config{}
	flag.DurationVar(&c.Duration, "duration", 30*time.Second, "how long it lasts")
	flag.IntVar(&c.Rounds, "rounds", 5, "how often each kind of attack is done")
	flag.IntVar(&c.Files, "files", 1, "how many files the flood opens and closes in turn")
	flag.Parse()
	if err := run(c); err != nil {
		fmt.Fprintln(os.Stderr, "storm:", err)
		os.Exit(1)
	}
}

func run(c storm.Config) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	dir, err := os.MkdirTemp("", "storm")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	c.Dir = dir
	r, err := storm.Run(ctx, c)
	if err != nil {
		return err
	}
	out := json.NewEncoder(os.Stdout)
	for _, a := range r.Attacks {
		if err := out.Encode(a); err != nil {
			return err
		}
	}
	return out.Encode(map[string]any{"flooder": r.Flooder, "pairs": r.Pairs, "seconds": r.Took.Seconds()})
}
