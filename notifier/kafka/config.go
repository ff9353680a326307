package kafka

import (
	"errors"
	"fmt"
	"net"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/tripline/tripline/notifier"
	"github.com/tripline/tripline/notifier/internal/httppost"
)

// Config is a sink of type kafka.
type Config struct {
	// Brokers to begin with, as host:port.
	Brokers []string `yaml:"brokers"`
	Topic   string   `yaml:"topic"`
	// CreateTopic lets the brokers make the topic where it is missing, if
	// they do that.
	CreateTopic bool `yaml:"create_topic"`
	// Compression is none, gzip, snappy, lz4 or zstd.
	Compression string `yaml:"compression"`
	// TLS is used when it says anything, or when it is Enabled.
	TLS  TLS  `yaml:"tls"`
	SASL SASL `yaml:"sasl"`
	// Timeout bounds one delivery, with connecting.
	Timeout time.Duration `yaml:"timeout"`
}

// TLS is whom to trust and who we are.
type TLS struct {
	Enabled            bool `yaml:"enabled"`
	httppost.TLSConfig `yaml:",inline"`
}

// SASL is how we show who we are.
type SASL struct {
	// Mechanism is plain, scram-sha-256 or scram-sha-512; empty for none.
	Mechanism    string          `yaml:"mechanism"`
	Username     string          `yaml:"username"`
	Password     notifier.Secret `yaml:"password"`
	PasswordFile string          `yaml:"password_file"`
}

// DefaultConfig has everything but brokers and topic.
func DefaultConfig() Config { return Config{Compression: "zstd", Timeout: 10 * time.Second} }

// topicForm is what Kafka takes for the name of a topic.
const topicForm = `^[A-Za-z0-9._-]{1,249}$`

func compressions() []string { return []string{"none", "gzip", "snappy", "lz4", "zstd"} }
func mechanisms() []string   { return []string{"plain", "scram-sha-256", "scram-sha-512"} }

// Validate reports everything that is wrong and can be told without reading
// files.
func (c Config) Validate() error {
	var errs []error
	if len(c.Brokers) == 0 {
		errs = append(errs, errors.New("brokers: none is given"))
	}
	for _, b := range c.Brokers {
		if _, _, err := net.SplitHostPort(b); err != nil {
			errs = append(errs, fmt.Errorf("brokers: %q is not host:port", b))
		}
	}
	if !regexp.MustCompile(topicForm).MatchString(c.Topic) {
		errs = append(errs, fmt.Errorf("topic: %q is not of 1 to 249 letters, digits, ., _ and -", c.Topic))
	}
	if !slices.Contains(compressions(), c.Compression) {
		errs = append(errs, fmt.Errorf("compression: %q is not one of %s", c.Compression, strings.Join(compressions(), ", ")))
	}
	password := c.SASL.Password != "" || c.SASL.PasswordFile != ""
	switch {
	case c.SASL.Mechanism == "" && (password || c.SASL.Username != ""):
		errs = append(errs, errors.New("sasl: there are credentials, but no mechanism"))
	case c.SASL.Mechanism != "" && !slices.Contains(mechanisms(), c.SASL.Mechanism):
		errs = append(errs, fmt.Errorf("sasl.mechanism: %q is not one of %s", c.SASL.Mechanism, strings.Join(mechanisms(), ", ")))
	case c.SASL.Mechanism != "" && (!password || c.SASL.Username == ""):
		errs = append(errs, errors.New("sasl: username and password (or password_file) are needed"))
	}
	if c.Timeout <= 0 {
		errs = append(errs, fmt.Errorf("timeout: %v is not a positive duration", c.Timeout))
	}
	return errors.Join(errs...)
}
