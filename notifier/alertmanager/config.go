package alertmanager

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/tripline/tripline/notifier/internal/httppost"
)

// Config is a sink of type alertmanager. Its URL is the one under which the
// Alertmanager is served, with its route prefix if it has one.
type Config struct {
	httppost.Target `yaml:",inline"`
	httppost.Login  `yaml:",inline"`
	// Labels are added to every alert.
	Labels map[string]string `yaml:"labels"`
}

// DefaultConfig has everything but the URL.
func DefaultConfig() Config { return Config{Target: httppost.DefaultTarget()} }

// labelForm is what the data model of Prometheus calls a label name.
const labelForm = `^[a-zA-Z_][a-zA-Z0-9_]*$`

// Validate reports everything that is wrong and can be told without reading
// files.
func (c Config) Validate() error {
	errs := []error{c.Target.Validate(), c.Login.Validate()}
	form := regexp.MustCompile(labelForm)
	for _, name := range slices.Sorted(maps.Keys(c.Labels)) {
		switch {
		case !form.MatchString(name) || strings.HasPrefix(name, "__"):
			errs = append(errs, fmt.Errorf("labels: %q is not a name for a label", name))
		case slices.Contains(ownLabels(), name):
			errs = append(errs, fmt.Errorf("labels: %s is one that every alert has already", name))
		case c.Labels[name] == "":
			errs = append(errs, fmt.Errorf("labels: %s is empty, which is the same as not there", name))
		}
	}
	return errors.Join(errs...)
}
