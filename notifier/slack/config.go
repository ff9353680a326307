package slack

import (
	"errors"
	"fmt"
	"regexp"
	"time"

	"github.com/tripline/tripline/notifier"
	"github.com/tripline/tripline/notifier/internal/httppost"
)

// Config is a sink of type slack. Either its URL is that of an incoming
// webhook, or there are a token and a channel.
type Config struct {
	httppost.Target `yaml:",inline"`
	// Token of a bot with the scope chat:write, or the file that holds it.
	Token     notifier.Secret `yaml:"token"`
	TokenFile string          `yaml:"token_file"`
	// Channel is the id of the channel, which the bot is a member of.
	Channel string `yaml:"channel"`
	// Thread is how long repetitions go into the thread of the first one; 0
	// makes no threads. Only a bot can.
	Thread time.Duration `yaml:"thread"`
	// APIURL is where the Web API is served.
	APIURL string `yaml:"api_url"`
}

// DefaultConfig has everything but the URL, or the token and the channel.
func DefaultConfig() Config {
	return Config{Target: httppost.DefaultTarget(), Thread: 24 * time.Hour, APIURL: "https://slack.com/api"}
}

// channelForm is the id of a channel or a conversation.
const channelForm = `^[CGD][A-Z0-9]{2,20}$`

// bot says whether there is a token.
func (c Config) bot() bool { return c.Token != "" || c.TokenFile != "" }

// Validate reports everything that is wrong and can be told without reading
// files.
func (c Config) Validate() error {
	if !c.bot() {
		errs := []error{c.Target.Validate()}
		if c.Channel != "" {
			errs = append(errs, errors.New("channel: an incoming webhook has its own; with a token (or token_file) there is a choice"))
		}
		return errors.Join(errs...)
	}
	var errs []error
	if c.URL != "" || c.URLFile != "" {
		errs = append(errs, errors.New("url: given beside a token: which one?"))
	}
	if !regexp.MustCompile(channelForm).MatchString(c.Channel) {
		errs = append(errs, fmt.Errorf("channel: %q is not the id of a channel as C0123456789, which Slack shows at the end of its details", c.Channel))
	}
	if c.Thread < 0 {
		errs = append(errs, fmt.Errorf("thread: %v is negative", c.Thread))
	}
	if _, err := httppost.ParseURL("api_url", notifier.Secret(c.APIURL)); err != nil {
		errs = append(errs, err)
	}
	if c.Timeout <= 0 {
		errs = append(errs, fmt.Errorf("timeout: %v is not a positive duration", c.Timeout))
	}
	return errors.Join(errs...)
}
