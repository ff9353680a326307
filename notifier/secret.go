package notifier

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
)

// hidden stands for a secret wherever it would be shown.
const hidden = "<secret>"

// Secret is a string that does not show itself: not with fmt, not in logs, not
// when a configuration is written out. Convert it to string to use it.
type Secret string

// String returns a placeholder.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return hidden
}

// GoString returns a placeholder.
func (s Secret) GoString() string { return s.String() }

// LogValue returns a placeholder.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText returns a placeholder.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText takes the text as it is, but for the placeholder: a
// configuration that was written out does not hold its secrets, and one that is
// read back must not run with something else in their place.
func (s *Secret) UnmarshalText(b []byte) error {
	if string(b) == hidden {
		return fmt.Errorf("%s stands for a secret that was left out when this was printed: give the secret, or a file that holds it", hidden)
	}
	*s = Secret(b)
	return nil
}

// maxSecretFile bounds what is read for a secret, in bytes.
const maxSecretFile = 64 << 10

// ReadSecret returns a secret that is given either itself or as the name of a
// file that holds it, whose last line end is not part of it. Field is the name
// in the configuration, for errors. Both empty gives an empty secret.
func ReadSecret(field string, inline Secret, file string) (Secret, error) {
	switch {
	case inline != "" && file != "":
		return "", fmt.Errorf("%s and %s_file are both given: which one?", field, field)
	case file == "":
		return inline, nil
	}
	b, err := os.ReadFile(file)
	switch {
	case err != nil:
		return "", fmt.Errorf("%s_file: %w", field, err)
	case len(b) > maxSecretFile:
		return "", fmt.Errorf("%s_file: %s has %d bytes, more than %d: is it the right file?", field, file, len(b), maxSecretFile)
	}
	s := strings.TrimSuffix(strings.TrimSuffix(string(b), "\n"), "\r")
	if s == "" {
		return "", fmt.Errorf("%s_file: %s is empty", field, file)
	}
	return Secret(s), nil
}

// Redact replaces the secrets in a text.
func Redact(text string, secrets ...Secret) string {
	for _, s := range secrets {
		if s != "" {
			text = strings.ReplaceAll(text, string(s), hidden)
		}
	}
	return text
}

// errRedacted carries the text of an error without its secrets, and still is
// the error for errors.Is and errors.As.
type errRedacted struct {
	text string
	err  error
}

func (e errRedacted) Error() string { return e.text }
func (e errRedacted) Unwrap() error { return e.err }

// RedactError replaces the secrets in the text of an error.
func RedactError(err error, secrets ...Secret) error {
	if err == nil {
		return nil
	}
	if text := Redact(err.Error(), secrets...); text != err.Error() {
		return errRedacted{text, err}
	}
	return err
}

var errNoSecret = errors.New("is not given")

// RequireSecret is ReadSecret for secrets that must be there.
func RequireSecret(field string, inline Secret, file string) (Secret, error) {
	s, err := ReadSecret(field, inline, file)
	if err == nil && s == "" {
		err = fmt.Errorf("%s (or %s_file) %w", field, field, errNoSecret)
	}
	return s, err
}
