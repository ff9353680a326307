package builtin_test

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"

	"github.com/tripline/tripline/notifier/builtin"
)

// every has a sink of each type with something in every field that differs
// from its default, and its secrets in files.
const every = `
give_up: 5m
max_held: 77
route:
  group: {by: [rule], interval: 1m, max: 10, samples: 2}
  routes:
    - {match: {priority: critical, tag: ["t*"], condition: "proc.name = x"}, sinks: [d], continue: true, throttle: {count: 3, per: 1m}}
    - {match: {host: [h]}, nobody: true}
    - {match: {rule: [r]}, quiet: [{days: [sat], from: "22:00", to: "07:00", zone: Europe/Berlin, except: error}]}
silences: [{match: {rule: [r]}, until: 2030-01-02T03:04:05Z, reason: why}]
inhibit: [{when: {rule: [r]}, suppress: {rule: [s]}, same: [host], for: 1m}]
sinks:
  - {name: a, type: stdout, format: template, template: "{{.Host}}: x\n"}
  - {name: b, type: file, path: /var/log/t.json, max_bytes: 123456, keep: 2, sync: true}
  - {name: c, type: webhook, url_file: /s/url, method: PUT, content_type: text/plain, template_file: /t,
     header_files: {Authorization: /s/auth}, timeout: 1m30s, tls: {ca_file: /ca, cert_file: /c, key_file: /k}}
  - {name: c2, type: webhook, url_file: /s/url, payload: cloudevents}
  - {name: d, type: slack, url_file: /s/slack, timeout: 3s}
  - {name: d2, type: slack, token_file: /s/slackbot, channel: C0123456789, thread: 1h}
  - {name: e, type: alertmanager, url_file: /s/am, username: u, password_file: /s/pw, labels: {cluster: "1"}}
  - {name: f, type: syslog, network: tls, address: "h:1", facility: local3, data_id: "x@1", tls: {server_name: y}}
  - {name: g, type: discord, url_file: /s/discord}
  - {name: h, type: teams, url_file: /s/teams}
  - {name: i, type: telegram, token_file: /s/tg, chat_id: "-1001", thread_id: 3, silent: true}
  - {name: k, type: email, host: h, port: 25, security: none, from: a@b.c, to: [d@e.f], hello: me}
  - {name: l, type: pagerduty, routing_key_file: /s/pd, api_url: "https://x"}
  - {name: m, type: elasticsearch, url_file: /s/es, bearer_file: /s/tok, index: x, pipeline: p}
  - {name: n, type: loki, url_file: /s/loki, tenant: t, labels: {a: b}}
  - {name: o, type: kafka, brokers: ["h:1"], topic: t, compression: none, tls: {enabled: true, ca_file: /ca}, sasl: {mechanism: plain, username: u, password_file: /s/k}}
  - {name: j, type: nats, subject: "a.b", stored: true, timeout: 3s}
  - {name: p, type: exec, command: [/bin/true, x], environment: {A: b}, directory: /tmp}
`

// TestPrintedIsReadBack: what is printed is the same configuration.
func TestPrintedIsReadBack(t *testing.T) {
	for name, text := range map[string]string{"every type": every, "defaults": "{}"} {
		t.Run(name, func(t *testing.T) {
			cfg, err := load(text)
			if err != nil {
				t.Fatal(err)
			}
			printed, err := yaml.Dump(&cfg)
			if err != nil {
				t.Fatal(err)
			}
			again, err := load(string(printed))
			if err != nil {
				t.Fatalf("%v in\n%s", err, printed)
			}
			// Functions of two equal sinks are never equal to reflect, so the
			// text stands for the rest.
			reprinted, err := yaml.Dump(&again)
			if err != nil {
				t.Fatal(err)
			}
			if string(reprinted) != string(printed) || !reflect.DeepEqual(cfg.Config, again.Config) || len(cfg.Sinks) != len(again.Sinks) {
				t.Errorf("printed\n%s\nread back\n%s", printed, reprinted)
			}
			if name != "every type" {
				return
			}
			for _, want := range []string{
				"give_up: 5m", "max_held: 77", "nobody: true", "until: 2030-01-02T03:04:05Z", "url_file: /s/url", "timeout: 1m30s", "Authorization: /s/auth", "key_file: /k", "max_bytes: 123456",
				"url_file: /s/slack", "password_file: /s/pw", "cluster: '1'", "facility: local3", "server_name: 'y'", "payload: cloudevents", "chat_id: '-1001'",
			} {
				if !strings.Contains(string(printed), want) {
					t.Errorf("no %s in\n%s", want, printed)
				}
			}
		})
	}
	var all []string
	for _, s := range mustLoad(t, every).Sinks {
		if !slices.Contains(all, s.Type) {
			all = append(all, s.Type)
		}
	}
	if !reflect.DeepEqual(all, builtin.Types()) {
		t.Errorf("the test has %v, there are %v", all, builtin.Types())
	}
}

func mustLoad(t *testing.T, text string) builtin.Config {
	t.Helper()
	cfg, err := load(text)
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// TestPrintedHasNoSecret: secrets in place are left out, and their place is
// not taken for a secret.
func TestPrintedHasNoSecret(t *testing.T) {
	for name, text := range map[string]string{
		"url":      `{name: a, type: slack, url: "https://hooks.example/s3cr3t"}`,
		"header":   `{name: a, type: webhook, url_file: /x, headers: {Authorization: s3cr3t}}`,
		"token":    `{name: a, type: telegram, token: "1:s3cr3t", chat_id: "@x"}`,
		"password": `{name: a, type: alertmanager, url_file: /x, username: u, password: s3cr3t}`,
		"smtp":     `{name: a, type: email, host: h, from: a@b.c, to: [d@e.f], username: u, password: s3cr3t}`,
		"pager":    `{name: a, type: pagerduty, routing_key: s3cr3t}`,
		"sasl":     `{name: a, type: kafka, brokers: ["h:1"], topic: t, sasl: {mechanism: plain, username: u, password: s3cr3t}}`,
		"elastic":  `{name: a, type: elasticsearch, url_file: /x, username: u, password: s3cr3t}`,
		"loki":     `{name: a, type: loki, url_file: /x, bearer: s3cr3t}`,
		"bearer":   `{name: a, type: alertmanager, url_file: /x, bearer: s3cr3t}`,
	} {
		t.Run(name, func(t *testing.T) {
			cfg := mustLoad(t, "sinks: ["+text+"]")
			printed, err := yaml.Dump(&cfg)
			if err != nil {
				t.Fatal(err)
			}
			for _, shown := range []string{string(printed), fmt.Sprintf("%+v", cfg), fmt.Sprintf("%#v", cfg)} {
				if strings.Contains(shown, "s3cr3t") {
					t.Errorf("the secret is in\n%s", shown)
				}
			}
			_, err = load(string(printed))
			if err == nil || !strings.Contains(err.Error(), "stands for a secret that was left out") || !strings.Contains(err.Error(), `sink "a"`) {
				t.Errorf("read back: %v", err)
			}
		})
	}
	if _, err := yaml.Dump(builtin.Config{Sinks: []builtin.SinkConfig{{Name: "x"}}}); err == nil {
		t.Error("a sink without a type was printed")
	}
}
