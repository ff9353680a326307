package email

import (
	"errors"
	"fmt"
	"net/mail"
	"slices"
	"strings"
	"time"

	"github.com/tripline/tripline/notifier"
	"github.com/tripline/tripline/notifier/internal/httppost"
)

// How the connection is protected.
const (
	// StartTLS begins in the clear and goes on only with TLS (RFC 3207).
	StartTLS = "starttls"
	// Implicit is TLS from the start (RFC 8314), by custom on port 465.
	Implicit = "tls"
	// None is in the clear.
	None = "none"
)

// Config is a sink of type email.
type Config struct {
	// Host and Port of the server.
	Host string `yaml:"host"`
	Port int    `yaml:"port"`
	// Security is starttls, tls or none.
	Security string             `yaml:"security"`
	TLS      httppost.TLSConfig `yaml:"tls"`
	// Username and Password, if the server asks for them.
	Username     string          `yaml:"username"`
	Password     notifier.Secret `yaml:"password"`
	PasswordFile string          `yaml:"password_file"`
	// From and To are addresses, with or without names.
	From string   `yaml:"from"`
	To   []string `yaml:"to"`
	// Hello is the name that we give to the server; that of this machine
	// unless given.
	Hello string `yaml:"hello"`
	// Timeout bounds one delivery, with connecting.
	Timeout time.Duration `yaml:"timeout"`
}

// DefaultConfig has everything but server and addresses.
func DefaultConfig() Config {
	return Config{Port: 587, Security: StartTLS, Timeout: 30 * time.Second}
}

// Validate reports everything that is wrong and can be told without reading
// files.
func (c Config) Validate() error {
	var errs []error
	if c.Host == "" || strings.ContainsAny(c.Host, " \r\n") {
		errs = append(errs, fmt.Errorf("host: %q is not a host", c.Host))
	}
	if c.Port < 1 || c.Port > 65535 {
		errs = append(errs, fmt.Errorf("port: %d is not between 1 and 65535", c.Port))
	}
	if !slices.Contains([]string{StartTLS, Implicit, None}, c.Security) {
		errs = append(errs, fmt.Errorf("security: %q is not one of starttls, tls, none", c.Security))
	}
	password := c.Password != "" || c.PasswordFile != ""
	if password != (c.Username != "") {
		errs = append(errs, errors.New("username and password (or password_file) go together"))
	}
	if password && c.Security == None {
		errs = append(errs, errors.New("security: none would show the password to everybody on the way"))
	}
	if _, err := mail.ParseAddress(c.From); err != nil {
		errs = append(errs, fmt.Errorf("from: %q is not an address", c.From))
	}
	if len(c.To) == 0 {
		errs = append(errs, errors.New("to is not given"))
	}
	for _, a := range c.To {
		if _, err := mail.ParseAddress(a); err != nil {
			errs = append(errs, fmt.Errorf("to: %q is not an address", a))
		}
	}
	if c.Timeout <= 0 {
		errs = append(errs, fmt.Errorf("timeout: %v is not a positive duration", c.Timeout))
	}
	return errors.Join(errs...)
}
