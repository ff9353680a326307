package telegram

import (
	"errors"
	"fmt"
	"regexp"
	"time"

	"github.com/tripline/tripline/notifier"
	"github.com/tripline/tripline/notifier/internal/httppost"
)

// Config is a sink of type telegram.
type Config struct {
	// Token of the bot, or the file that holds it.
	Token     notifier.Secret `yaml:"token"`
	TokenFile string          `yaml:"token_file"`
	// ChatID is the number of a chat, or @ and the name of a channel.
	ChatID string `yaml:"chat_id"`
	// ThreadID is the topic of a forum, 0 for none.
	ThreadID int64 `yaml:"thread_id"`
	// Silent messages make no sound.
	Silent bool `yaml:"silent"`
	// APIURL is where the Bot API is served.
	APIURL string `yaml:"api_url"`
	// Timeout bounds one request, from connecting to the end of the answer.
	Timeout time.Duration      `yaml:"timeout"`
	TLS     httppost.TLSConfig `yaml:"tls"`
}

// DefaultConfig has everything but token and chat.
func DefaultConfig() Config {
	return Config{APIURL: "https://api.telegram.org", Timeout: httppost.DefaultTarget().Timeout}
}

// tokenForm keeps a token from being more than one element of a path.
const (
	tokenForm = `^[0-9]+:[A-Za-z0-9_-]+$`
	chatForm  = `^(-?[0-9]+|@[A-Za-z0-9_]+)$`
)

// target is the API as a receiver.
func (c Config) target() httppost.Target {
	return httppost.Target{URL: notifier.Secret(c.APIURL), Timeout: c.Timeout, TLS: c.TLS}
}

// Validate reports everything that is wrong and can be told without reading
// files.
func (c Config) Validate() error {
	var errs []error
	if c.Token == "" && c.TokenFile == "" {
		errs = append(errs, errors.New("token (or token_file) is not given"))
	}
	if c.Token != "" {
		errs = append(errs, checkToken("token", c.Token))
	}
	if !regexp.MustCompile(chatForm).MatchString(c.ChatID) {
		errs = append(errs, fmt.Errorf("chat_id: %q is neither a number nor @ and a name", c.ChatID))
	}
	if c.ThreadID < 0 {
		errs = append(errs, fmt.Errorf("thread_id: %d is negative", c.ThreadID))
	}
	if _, err := httppost.ParseURL("api_url", notifier.Secret(c.APIURL)); err != nil {
		errs = append(errs, err)
	}
	if c.Timeout <= 0 {
		errs = append(errs, fmt.Errorf("timeout: %v is not a positive duration", c.Timeout))
	}
	return errors.Join(errs...)
}

func checkToken(field string, token notifier.Secret) error {
	if !regexp.MustCompile(tokenForm).MatchString(string(token)) {
		return fmt.Errorf("%s: is not digits, a colon, and letters, digits, - and _", field)
	}
	return nil
}
