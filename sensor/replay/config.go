package replay

import (
	"errors"
	"fmt"
)

// Config is the section "sensor.replay" of the configuration file.
type Config struct {
	// File is the recording.
	File string `yaml:"file"`
	// Speed is how much faster than it happened: 1 as it was, 10 ten times as
	// fast, 0 without waiting.
	Speed float64 `yaml:"speed"`
	// Loop begins again at the end, until the sensor is stopped.
	Loop bool `yaml:"loop"`
}

// DefaultConfig replays at the original pace.
func DefaultConfig() Config { return Config{Speed: 1} }

// Validate reports everything that is wrong.
func (c Config) Validate() error {
	var errs []error
	if c.File == "" {
		errs = append(errs, errors.New("file: which recording?"))
	}
	if !(c.Speed >= 0 && c.Speed <= 1e6) {
		errs = append(errs, fmt.Errorf("speed: %v is not between 0 and 1000000", c.Speed))
	}
	return errors.Join(errs...)
}
