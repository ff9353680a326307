package builtin

import (
	"io"

	"github.com/tripline/tripline/notifier"
	"github.com/tripline/tripline/notifier/alertmanager"
	"github.com/tripline/tripline/notifier/discord"
	"github.com/tripline/tripline/notifier/elasticsearch"
	"github.com/tripline/tripline/notifier/email"
	"github.com/tripline/tripline/notifier/exec"
	"github.com/tripline/tripline/notifier/file"
	"github.com/tripline/tripline/notifier/kafka"
	"github.com/tripline/tripline/notifier/loki"
	"github.com/tripline/tripline/notifier/nats"
	"github.com/tripline/tripline/notifier/pagerduty"
	"github.com/tripline/tripline/notifier/policy"
	"github.com/tripline/tripline/notifier/slack"
	"github.com/tripline/tripline/notifier/stdout"
	"github.com/tripline/tripline/notifier/syslog"
	"github.com/tripline/tripline/notifier/teams"
	"github.com/tripline/tripline/notifier/telegram"
	"github.com/tripline/tripline/notifier/webhook"
)

// Env is what sinks get from the process.
type Env struct {
	// Stdout is where sinks of type stdout print.
	Stdout io.Writer
	// Publish sends a message on NATS, on the connection of this process; nil
	// where there is none. See nats.Publisher.
	Publish nats.Publisher
	// Condition makes conditions in the rules' language; nil where there are
	// none.
	Condition policy.Compiler
}

// kinds is the list.
func kinds() []kind {
	return []kind{
		sink("stdout", stdout.DefaultConfig, newStdout),
		sink("file", file.DefaultConfig, newFile),
		sink("webhook", webhook.DefaultConfig, newWebhook),
		chat("slack", slack.DefaultConfig, newSlack),
		sink("alertmanager", alertmanager.DefaultConfig, newAlertmanager),
		sink("syslog", syslog.DefaultConfig, newSyslog),
		chat("discord", discord.DefaultConfig, newDiscord),
		chat("teams", teams.DefaultConfig, newTeams),
		chat("telegram", telegram.DefaultConfig, newTelegram),
		chat("email", email.DefaultConfig, newEmail),
		chat("pagerduty", pagerduty.DefaultConfig, newPagerDuty),
		sink("elasticsearch", elasticsearch.DefaultConfig, newElasticsearch),
		sink("loki", loki.DefaultConfig, newLoki),
		sink("kafka", kafka.DefaultConfig, newKafka),
		sink("nats", nats.DefaultConfig, newNATS),
		sink("exec", exec.DefaultConfig, newExec),
	}
}

func newStdout(c stdout.Config, e Env) (notifier.Sink, error) { return stdout.New(c, e.Stdout) }

func newFile(c file.Config, _ Env) (notifier.Sink, error) { return file.New(c) }

func newWebhook(c webhook.Config, _ Env) (notifier.Sink, error) { return webhook.New(c) }

func newSlack(c slack.Config, _ Env) (notifier.Sink, error) { return slack.New(c) }

func newAlertmanager(c alertmanager.Config, _ Env) (notifier.Sink, error) {
	return alertmanager.New(c)
}

func newSyslog(c syslog.Config, _ Env) (notifier.Sink, error) { return syslog.New(c) }

func newDiscord(c discord.Config, _ Env) (notifier.Sink, error) { return discord.New(c) }

func newTeams(c teams.Config, _ Env) (notifier.Sink, error) { return teams.New(c) }

func newTelegram(c telegram.Config, _ Env) (notifier.Sink, error) { return telegram.New(c) }

func newNATS(c nats.Config, e Env) (notifier.Sink, error) { return nats.New(c, e.Publish) }

func newEmail(c email.Config, _ Env) (notifier.Sink, error) { return email.New(c) }

func newPagerDuty(c pagerduty.Config, _ Env) (notifier.Sink, error) { return pagerduty.New(c) }

func newElasticsearch(c elasticsearch.Config, _ Env) (notifier.Sink, error) {
	return elasticsearch.New(c)
}

func newLoki(c loki.Config, _ Env) (notifier.Sink, error) { return loki.New(c) }

func newKafka(c kafka.Config, _ Env) (notifier.Sink, error) { return kafka.New(c) }

func newExec(c exec.Config, _ Env) (notifier.Sink, error) { return exec.New(c) }
