package webhook

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/http/httpguts"

	"github.com/tripline/tripline/notifier"
	"github.com/tripline/tripline/notifier/internal/httppost"
)

// Config is a sink of type webhook.
type Config struct {
	// URL of the receiver, or the file that holds it.
	URL     notifier.Secret `yaml:"url"`
	URLFile string          `yaml:"url_file"`
	// Method is POST or PUT.
	Method string `yaml:"method"`
	// Payload is the built-in form of the body: detection, cloudevents or
	// falcosidekick.
	Payload string `yaml:"payload"`
	// Template makes the body in place of a built-in form.
	Template     string `yaml:"template"`
	TemplateFile string `yaml:"template_file"`
	// ContentType of the body; empty for that of the payload, and for a
	// template application/json.
	ContentType string `yaml:"content_type"`
	// Headers are sent with every request; HeaderFiles name files that hold
	// their values.
	Headers     map[string]notifier.Secret `yaml:"headers"`
	HeaderFiles map[string]string          `yaml:"header_files"`
	// Timeout bounds one request, from connecting to the end of the answer.
	Timeout time.Duration      `yaml:"timeout"`
	TLS     httppost.TLSConfig `yaml:"tls"`
}

// DefaultConfig posts JSON.
func DefaultConfig() Config {
	return Config{Method: http.MethodPost, Payload: PayloadDetection, Timeout: 10 * time.Second}
}

// Validate reports everything that is wrong and can be told without reading
// files.
func (c Config) Validate() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if c.URL == "" && c.URLFile == "" {
		bad("url (or url_file) is not given")
	}
	if c.URL != "" {
		if _, err := httppost.ParseURL("url", c.URL); err != nil {
			errs = append(errs, err)
		}
	}
	if c.Method != http.MethodPost && c.Method != http.MethodPut {
		bad("method: %q is neither POST nor PUT", c.Method)
	}
	_, known := payloads()[c.Payload]
	switch {
	case !known:
		bad("payload: %q is not one of %s", c.Payload, strings.Join(slices.Sorted(maps.Keys(payloads())), ", "))
	case c.Payload != PayloadDetection && (c.Template != "" || c.TemplateFile != ""):
		bad("payload: %s is given beside a template: which one?", c.Payload)
	}
	if !httpguts.ValidHeaderFieldValue(c.ContentType) {
		bad("content_type: %q is not a value for a header", c.ContentType)
	}
	if c.Timeout <= 0 {
		bad("timeout: %v is not a positive duration", c.Timeout)
	}
	for name, value := range c.Headers {
		if !httpguts.ValidHeaderFieldName(name) {
			bad("headers: %q is not a name for a header", name)
		}
		if !httpguts.ValidHeaderFieldValue(string(value)) {
			bad("headers: the value of %s holds characters that no header may hold", name)
		}
		if _, twice := c.HeaderFiles[name]; twice {
			bad("headers: %s is given here and in header_files: which one?", name)
		}
	}
	for name := range c.HeaderFiles {
		if !httpguts.ValidHeaderFieldName(name) {
			bad("header_files: %q is not a name for a header", name)
		}
	}
	return errors.Join(errs...)
}
