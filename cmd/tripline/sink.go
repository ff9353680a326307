package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/tripline/tripline/internal/bus"
	"github.com/tripline/tripline/notifier"
	notifiers "github.com/tripline/tripline/notifier/builtin"
	"github.com/tripline/tripline/notifier/render"
	"github.com/tripline/tripline/pkg/msg"
)

func newSink() *cobra.Command {
	c := &cobra.Command{
		Use:   "sink",
		Short: "Try the places that detections go to, and see which go where",
	}
	c.AddCommand(newSinkList(), newSinkTest(), newSinkRoute())
	return c
}

// sinkFlags name the configuration whose sinks are meant.
type sinkFlags struct{ file string }

func (f *sinkFlags) register(fs *pflag.FlagSet) {
	fs.StringVar(&f.file, "config", "", "configuration `file` (YAML)")
}

func (f *sinkFlags) load() (*config, error) {
	c, err := defaultConfig()
	if err != nil {
		return nil, err
	}
	if f.file != "" {
		if err := c.read(f.file); err != nil {
			return nil, err
		}
	}
	return &c, c.validate(stageSet{stageNotifier: true})
}

func newSinkList() *cobra.Command {
	f := &sinkFlags{}
	c := &cobra.Command{
		Use:   "list",
		Short: "List the sinks of the configuration, and the types there are",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := f.load()
			if err != nil {
				return err
			}
			w := cmd.OutOrStdout()
			for _, s := range cfg.Notifier.Sinks {
				fmt.Fprintf(w, "%-20s %s\n", s.Name, s.Type)
			}
			_, err = fmt.Fprintf(w, "\ntypes: %s\n", strings.Join(notifiers.Types(), ", "))
			return err
		},
	}
	f.register(c.Flags())
	return c
}

func newSinkTest() *cobra.Command {
	f := &sinkFlags{}
	cf := &clientFlags{}
	detection, timeout := "", 30*time.Second
	c := &cobra.Command{
		Use:   "test name",
		Short: "Send a sample detection to a sink, and say what became of it",
		Long: `Send a sample detection to one sink of the configuration, once, and print
whether the other side has it, how long that took, and what was sent in short.
Nothing is stored. The sample says that it is one.`,
		Example: "  tripline sink test slack --config tripline.yaml",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := f.load()
			if err != nil {
				return err
			}
			d := sampleDetection(cfg.Host)
			if detection != "" {
				if d, err = readDetection(detection, cmd.InOrStdin()); err != nil {
					return err
				}
			}
			var b *bus.Bus
			if sinkNeedsBus(cfg, args[0]) {
				if b, err = cf.connectAs(cmd.Context(), "sink test", cfg, cmd.Flags()); err != nil {
					return err
				}
				defer b.Close()
			}
			return sinkTest(cmd.Context(), cfg, b, args[0], d, timeout, cmd.OutOrStdout())
		},
	}
	f.register(c.Flags())
	cf.register(c.Flags())
	c.Flags().StringVar(&detection, "detection", "", "`file` with a detection as JSON to send instead, - for standard input")
	c.Flags().DurationVar(&timeout, "timeout", timeout, "how long to wait")
	return c
}

func sinkTest(ctx context.Context, cfg *config, b *bus.Bus, name string, d *msg.Detection, timeout time.Duration, w io.Writer) error {
	sink, err := oneSink(cfg, b, name, w)
	if err != nil {
		return err
	}
	if c, ok := sink.Sink.(io.Closer); ok {
		defer c.Close()
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	fmt.Fprintf(w, "preview   %s\n", render.Terminal(render.Headline(d)))
	fmt.Fprintf(w, "          %s\n", render.Fit(200, d.Output, nil))
	for _, fact := range render.Facts(d) {
		fmt.Fprintf(w, "          %-14s %s\n", fact.Name, render.Fit(120, fact.Value, nil))
	}
	began := time.Now()
	err = sink.Sink.Deliver(ctx, d)
	took := time.Since(began).Round(10 * time.Microsecond)
	if err != nil {
		again := "a detection would be tried again"
		if !notifier.Retryable(err) {
			again = "a detection would become a dead letter"
		}
		fmt.Fprintf(w, "receipt   no, after %v: %s (%s)\n", took, notifier.ReasonOf(err), again)
		return fmt.Errorf("%s: %w", name, err)
	}
	fmt.Fprintf(w, "receipt   yes, %s has it: id %s\nlatency   %v\n", name, render.Terminal(d.ID), took)
	return nil
}

// oneSink builds one sink of the configuration.
func oneSink(cfg *config, b *bus.Bus, name string, stdout io.Writer) (notifier.Named, error) {
	i := slices.IndexFunc(cfg.Notifier.Sinks, func(s notifiers.SinkConfig) bool { return s.Name == name })
	if i < 0 {
		var names []string
		for _, s := range cfg.Notifier.Sinks {
			names = append(names, s.Name)
		}
		return notifier.Named{}, usagef("no sink is called %q; there are %s", name, strings.Join(names, ", "))
	}
	one := notifiers.DefaultConfig()
	one.Config, one.Sinks = cfg.Notifier.Config, cfg.Notifier.Sinks[i:i+1]
	sinks, err := notifiers.Sinks(one, sinkEnv(b, stdout))
	if err != nil {
		return notifier.Named{}, err
	}
	return sinks[0], nil
}

// sinkNeedsBus says whether a sink publishes on NATS itself.
func sinkNeedsBus(cfg *config, name string) bool {
	return slices.ContainsFunc(cfg.Notifier.Sinks, func(s notifiers.SinkConfig) bool { return s.Name == name && s.Type == "nats" })
}

func newSinkRoute() *cobra.Command {
	f := &sinkFlags{}
	asJSON := false
	at := ""
	c := &cobra.Command{
		Use:   "route [file]",
		Short: "Say where a detection would go, and why",
		Long: `Say for each sink of the configuration whether it would be told of a detection,
and why. The detection is read as JSON from the file or from standard input, as
tripline tail detections -o json prints it; several are dealt with one by one.
What depends on other detections (throttles, roll-ups, inhibition) is named and
not decided.`,
		Example: "  tripline tail detections -o json | tripline sink route --config tripline.yaml",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := f.load()
			if err != nil {
				return err
			}
			now := time.Now()
			if at != "" {
				if now, err = time.Parse(time.RFC3339, at); err != nil {
					return usagef("--at: %q is not a time as 2030-12-31T18:00:00Z", at)
				}
			}
			in := cmd.InOrStdin()
			if name := first(args); name != "" && name != "-" {
				file, err := os.Open(name)
				if err != nil {
					return usageError{err}
				}
				defer file.Close()
				in = file
			}
			return sinkRoute(cfg, in, now, asJSON, cmd.OutOrStdout())
		},
	}
	f.register(c.Flags())
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	c.Flags().StringVar(&at, "at", "", "`time` at which it would be told, for quiet hours; now unless given")
	return c
}

func sinkRoute(cfg *config, in io.Reader, now time.Time, asJSON bool, w io.Writer) error {
	rules, err := cfg.Notifier.Rules(notifiers.Env{Condition: condition})
	if err != nil {
		return usageError{err}
	}
	var names []string
	for _, s := range cfg.Notifier.Sinks {
		names = append(names, s.Name)
	}
	dec, enc := json.NewDecoder(in), json.NewEncoder(w)
	for n := 1; ; n++ {
		d := new(msg.Detection)
		if err := dec.Decode(d); err == io.EOF { //nolint:errorlint // as the decoder documents it
			if n == 1 {
				return usagef("there is no detection in the input")
			}
			return nil
		} else if err != nil {
			return fmt.Errorf("detection %d: %w", n, err)
		}
		verdicts := rules.Explain(names, cfg.Notifier.Groups(), d, now)
		if asJSON {
			if err := enc.Encode(map[string]any{"id": d.ID, "sinks": verdicts}); err != nil {
				return err
			}
			continue
		}
		fmt.Fprintln(w, render.Terminal(render.Headline(d)))
		for _, v := range verdicts {
			told := "told"
			if !v.Told {
				told = "not told"
			}
			fmt.Fprintf(w, "  %-16s %-9s", v.Sink, told)
			for i, why := range v.Why {
				if i > 0 {
					fmt.Fprintf(w, "  %-16s %-9s", "", "")
				}
				fmt.Fprintf(w, " %s\n", render.Terminal(why))
			}
		}
	}
}

// readDetection reads one detection as JSON.
func readDetection(file string, stdin io.Reader) (*msg.Detection, error) {
	in := stdin
	if file != "-" {
		f, err := os.Open(file)
		if err != nil {
			return nil, usageError{err}
		}
		defer f.Close()
		in = f
	}
	d := new(msg.Detection)
	if err := json.NewDecoder(in).Decode(d); err != nil {
		return nil, fmt.Errorf("--detection %s: %w", file, err)
	}
	return d, nil
}

// sampleDetection is what sink test sends.
func sampleDetection(host string) *msg.Detection {
	now, uid := time.Now().UTC(), uint32(0)
	e := &msg.EventJSON{
		Host: host, Time: now, Name: "sched_process_exec", Comm: "sh", TID: 4242, Args: []msg.ArgJSON{},
		Process: &msg.ProcessJSON{
			PID: 4242, PPID: 4000, NSPID: 7, Comm: "sh", Exe: "/bin/sh", Args: []string{"sh", "-c", "id"}, UID: &uid, User: "root",
			Ancestors: []msg.AncestorJSON{{PID: 4000, Comm: "java", Exe: "/usr/bin/java"}}, Knowledge: "kernel",
		},
		Container: &msg.ContainerJSON{ID: strings.Repeat("0123456789abcdef", 4), Runtime: "docker", Name: "sample", Image: "example/sample:1", Completeness: "complete"},
	}
	return &msg.Detection{
		ID: fmt.Sprintf("sample-%d", now.UnixNano()), Time: now, Host: host, Priority: msg.Notice, Severity: msg.Notice.Severity(),
		Rule:   msg.RuleInfo{ID: "sample", Name: "Sample detection of tripline sink test", Language: "expr", Tags: []string{"sample"}},
		Output: "This is a sample, nothing happened: a shell in container sample, started by java", Event: e, Detected: now,
	}
}
