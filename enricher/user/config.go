package user

import (
	"errors"
	"fmt"
	"time"
)

// Config says where names come from.
type Config struct {
	// Proc is where the host's /proc is mounted.
	Proc string `yaml:"proc"`
	// Root is the host's root directory, for its /etc/passwd and /etc/group.
	Root string `yaml:"root"`
	// Check is how often it is looked whether a file has changed.
	Check time.Duration `yaml:"check"`
	// MaxContainers bounds how many containers' files are remembered.
	MaxContainers int `yaml:"max_containers"`
}

// DefaultConfig returns what holds unless configured.
func DefaultConfig() Config {
	return Config{Proc: "/proc", Root: "/", Check: 5 * time.Second, MaxContainers: 4096}
}

// Validate reports everything that is wrong with the configuration.
func (c Config) Validate() error {
	var errs []error
	if c.Proc == "" {
		errs = append(errs, errors.New("proc is empty, expected a directory"))
	}
	if c.Root == "" {
		errs = append(errs, errors.New("root is empty, expected a directory"))
	}
	if c.Check <= 0 {
		errs = append(errs, fmt.Errorf("check is %s, expected more than 0", c.Check))
	}
	if c.MaxContainers < 1 {
		errs = append(errs, fmt.Errorf("max_containers is %d, expected at least 1", c.MaxContainers))
	}
	return errors.Join(errs...)
}
