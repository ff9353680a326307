package matcher

import (
	"fmt"
	"path"
	"runtime"
	"time"
)

// Builtin is the rule source that stands for the rules that come with Tripline.
const Builtin = "builtin"

// Config is the section "matcher" of the configuration.
type Config struct {
	// Name says to people who asks for events; the host's name unless given.
	Name string `yaml:"name"`
	// Rules lists where rules come from: directories, files, and the word
	// "builtin". Of two rules with one id the one from the source listed
	// first counts.
	Rules []string `yaml:"rules"`
	// Select keeps only the rules whose id or name matches one of these
	// patterns, in the syntax of path.Match, or that have the tag of a
	// "tag:…"; empty keeps all. Those that match one with a "!" before it are
	// left out.
	Select []string `yaml:"select"`
	// Workers is how many partitions are evaluated at the same time.
	Workers int `yaml:"workers"`
	// Watch reloads rules when their files change.
	Watch bool `yaml:"watch"`
	// Settle is how long the files must be at rest before they are read.
	Settle time.Duration `yaml:"settle"`
	// Rescan is how often they are compared anyway, since network file
	// systems do not tell; 0 is never.
	Rescan time.Duration `yaml:"rescan"`
	// Remember is how many sequence numbers back, per host and partition, an
	// event that comes again is recognised; one bit of memory each.
	Remember int `yaml:"remember"`
	// Recall is how long reading back a partition that came from elsewhere is
	// tried, for rules that remember; 0 is not at all, and they begin at
	// nothing.
	Recall time.Duration `yaml:"recall"`
	// Losses says from when on lost events are themselves a detection.
	Losses LossConfig `yaml:"losses"`
	// Silence is how long a sensor gives no sign of life until that is a
	// detection; 0 is never. Sensors give one a second.
	Silence time.Duration `yaml:"silence"`
	// Guard limits what a misbehaving rule may cost.
	Guard GuardConfig `yaml:"guard"`
}

// LossConfig says when lost events become a detection: so many of one host
// within a time, as far as this matcher hears of them. 0 events is never.
type LossConfig struct {
	Events uint64        `yaml:"events"`
	Within time.Duration `yaml:"within"`
}

// GuardConfig limits what a misbehaving rule may cost.
type GuardConfig struct {
	// Failures within Window disable a rule until its file changes: errors,
	// panics and overruns count alike.
	Failures int           `yaml:"failures"`
	Window   time.Duration `yaml:"window"`
	// Overrun is how long one evaluation may take. It is wall-clock time, in
	// steps of a few ms, so it must be well above what a busy machine adds.
	Overrun time.Duration `yaml:"overrun"`
	// Stuck is how long one batch may take before it is reported with the
	// rule that is running.
	Stuck time.Duration `yaml:"stuck"`
}

// DefaultConfig runs the built-in rules, all of them, on every core.
func DefaultConfig() Config {
	return Config{
		Rules:    []string{Builtin},
		Workers:  runtime.GOMAXPROCS(0),
		Watch:    true,
		Settle:   200 * time.Millisecond,
		Rescan:   time.Minute,
		Remember: 1 << 16,
		Recall:   30 * time.Second,
		Silence:  10 * time.Second,
		Losses:   LossConfig{Events: 1000, Within: time.Minute},
		Guard:    GuardConfig{Failures: 50, Window: time.Minute, Overrun: 250 * time.Millisecond, Stuck: 5 * time.Second},
	}
}

// Validate reports the first value that makes no sense.
func (c Config) Validate() error {
	switch {
	case len(c.Rules) == 0:
		return fmt.Errorf("matcher.rules: no source of rules, expected directories, files or %q", Builtin)
	case c.Workers < 1:
		return fmt.Errorf("matcher.workers: %d, expected at least 1", c.Workers)
	case c.Watch && c.Settle <= 0:
		return fmt.Errorf("matcher.settle: %s, expected more than 0", c.Settle)
	case c.Rescan < 0:
		return fmt.Errorf("matcher.rescan: %s, expected 0 or more", c.Rescan)
	case c.Remember < 64 || c.Remember > 1<<24:
		return fmt.Errorf("matcher.remember: %d, expected 64 to %d", c.Remember, 1<<24)
	}
	if c.Losses.Within < time.Second {
		return fmt.Errorf("matcher.losses.within: %s, expected at least 1s", c.Losses.Within)
	}
	if c.Silence != 0 && c.Silence < 3*time.Second {
		return fmt.Errorf("matcher.silence: %s, expected 0 or at least 3s", c.Silence)
	}
	if c.Recall < 0 {
		return fmt.Errorf("matcher.recall: %s, expected 0 or more", c.Recall)
	}
	if err := validSelect(c.Select); err != nil {
		return fmt.Errorf("matcher.select: %w", err)
	}
	return c.Guard.Validate()
}

// Validate reports the first value that makes no sense.
func (c GuardConfig) Validate() error {
	switch {
	case c.Failures < 1:
		return fmt.Errorf("matcher.guard.failures: %d, expected at least 1", c.Failures)
	case c.Window <= 0:
		return fmt.Errorf("matcher.guard.window: %s, expected more than 0", c.Window)
	case c.Overrun < 10*time.Millisecond:
		return fmt.Errorf("matcher.guard.overrun: %s, expected at least 10ms", c.Overrun)
	case c.Stuck <= 0:
		return fmt.Errorf("matcher.guard.stuck: %s, expected more than 0", c.Stuck)
	}
	return nil
}

func validSelect(patterns []string) error {
	for _, p := range patterns {
		if _, err := path.Match(p, ""); err != nil {
			return fmt.Errorf("%q is not a pattern: %w", p, err)
		}
	}
	return nil
}
