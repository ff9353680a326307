package render

import (
	"errors"
	"fmt"

	"github.com/tripline/tripline/pkg/msg"
)

// The formats in which sinks of text write.
const (
	FormatClassic  = "classic"
	FormatJSON     = "json"
	FormatFalco    = "falco"
	FormatTemplate = "template"
)

// Format is the part of a sink's configuration that says what it writes.
type Format struct {
	// Format is classic, json, falco or template.
	Format string `yaml:"format"`
	// Template is what format template writes; it takes care of line ends and,
	// with its function terminal, of escaping.
	Template     string `yaml:"template"`
	TemplateFile string `yaml:"template_file"`
}

// Validate reports what is wrong.
func (f Format) Validate() error {
	switch f.Format {
	case FormatClassic, FormatJSON, FormatFalco:
		if f.Template != "" || f.TemplateFile != "" {
			return fmt.Errorf("format: a template is given, but the format is %s", f.Format)
		}
	case FormatTemplate:
		if f.Template == "" && f.TemplateFile == "" {
			return errors.New("template (or template_file) is not given")
		}
	default:
		return fmt.Errorf("format: %q is not one of %s, %s, %s, %s", f.Format, FormatClassic, FormatJSON, FormatFalco, FormatTemplate)
	}
	return nil
}

// Build returns the function that renders a detection, with its line end.
func (f Format) Build() (func(*msg.Detection) ([]byte, error), error) {
	if err := f.Validate(); err != nil {
		return nil, err
	}
	switch f.Format {
	case FormatClassic:
		return func(d *msg.Detection) ([]byte, error) { return Classic(d), nil }, nil
	case FormatFalco:
		return func(d *msg.Detection) ([]byte, error) { return Falco(d), nil }, nil
	case FormatJSON:
		return JSONLine, nil
	}
	t, err := Load("template", f.Template, f.TemplateFile)
	if err != nil {
		return nil, err
	}
	return t.Execute, nil
}
