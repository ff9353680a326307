package sinktest

import (
	"strings"
	"time"

	"github.com/tripline/tripline/pkg/msg"
)

// Sample is a detection that sinks must cope with.
type Sample struct {
	Name      string
	Detection *msg.Detection
}

// Samples lists all of them.
func Samples() []Sample {
	return []Sample{
		{"plain", Plain()},
		{"data", Data()},
		{"container", Container()},
		{"hostile", Hostile()},
		{"bare", Bare()},
		{"rollup", RollUp()},
		{"huge", Huge()},
	}
}

// Plain is a detection on the host by a rule without data or output line.
func Plain() *msg.Detection {
	at := time.Date(2022, 5, 11, 3, 7, 15, 123456789, time.UTC)
	zero := int64(0)
	uid := uint32(1000)
	return &msg.Detection{
		ID: "0123456789abcdef0123456789abcdef", Time: at, Host: "test-host",
		Priority: msg.Error, Severity: 3,
		Rule: msg.RuleInfo{
			ID: "TRC-2", Name: "Anti-Debugging", Language: "rego", Version: "0.1.0",
			Description: "Process uses anti-debugging technique to block debugger",
			Tags:        []string{"linux", "container"}, MITRE: "Defense Evasion: Execution Guardrails",
		},
		Output: "Anti-Debugging",
		Event: &msg.EventJSON{
			Host: "test-host", BootID: "2f2ba3b1-0b1c-4a6e-9d43-2f1f1a5a0b1c", Seq: 42, Time: at,
			Name: "ptrace", CPU: 1, TID: 4243, Comm: "strace",
			Args: []msg.ArgJSON{
				{Name: "request", Type: "long", Value: "PTRACE_TRACEME", Raw: &zero},
				{Name: "pid", Type: "pid_t", Value: float64(0)},
			},
			Process: &msg.ProcessJSON{
				PID: 4242, PPID: 4000, NSPID: 4242, Comm: "strace", Exe: "/usr/bin/strace",
				Args: []string{"strace", "ls"}, UID: &uid, GID: &uid, EUID: &uid, User: "alice",
				Ancestors: []msg.AncestorJSON{{PID: 4000, Comm: "bash", Exe: "/bin/bash"}}, Knowledge: "kernel",
			},
		},
		Detected: at.Add(3 * time.Millisecond),
	}
}

// Data is a detection by a rule that returns data.
func Data() *msg.Detection {
	d := Plain()
	d.ID = "11111111111111111111111111111111"
	d.Rule = msg.RuleInfo{ID: "TRC-3", Name: "Code injection", Language: "rego"}
	d.Output = "Code injection"
	d.Event.Comm = "vim"
	d.Data = map[string]any{
		"file path":  "/proc/23/mem",
		"file flags": "O_WRONLY|O_CREAT|O_LARGEFILE",
		"count":      float64(1234567),
		"ratio":      0.25,
		"nested":     map[string]any{"b": []any{"x", float64(2), nil}, "a": true},
	}
	return d
}

// Container is a detection in a container by a rule with an output line.
func Container() *msg.Detection {
	d := Plain()
	d.ID = "22222222222222222222222222222222"
	d.Priority, d.Severity = msg.Notice, 1
	d.Rule = msg.RuleInfo{ID: "terminal-shell", Name: "Terminal shell in container", Language: "expr", Tags: []string{"container", "shell"}}
	d.Output = "A shell was spawned in a container (user=root shell=sh parent=runc)"
	d.Event.Name, d.Event.Comm = "execve", "sh"
	d.Event.Container = &msg.ContainerJSON{
		ID:      "796130fc3acc5d1f0a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f6071",
		Runtime: "docker", Name: "unruffled_sinoussi", Image: "registry.local:5000/team/dvwa:1.2",
		Completeness: "complete",
		Pod:          &msg.PodJSON{Name: "web-0", Namespace: "shop"},
	}
	d.Values = map[string]any{"proc.name": "sh", "proc.pname": "runc"}
	return d
}

// HostileText is what an attacker might call a file: escapes for terminals,
// line ends, markup, mentions, direction changes, template code.
const HostileText = "\x1b[2J\x1b]0;owned\x07\n*** Detection ***\r\nSignature ID: FAKE\t" +
	"<!channel> <https://evil.example|click> <script>alert(1)</script> *bold* `code` @everyone &amp; " +
	"{{.Host}} \"quoted\" \\back 'single' ]]> %s ${HOME} \u009b31m \u202etxt.exe\u202c \u200b \u2028 \x00 \x7f \U000e0041 é"

// Hostile is a detection in which everything that a process controls, and what
// rules copy from it, is [HostileText].
func Hostile() *msg.Detection {
	d := Container()
	d.ID = "33333333333333333333333333333333"
	d.Output = "Shell: " + HostileText
	d.Data = map[string]any{"path": HostileText, HostileText: "key"}
	d.Event.Comm = HostileText
	d.Event.Args = append(d.Event.Args, msg.ArgJSON{Name: "pathname", Type: "const char*", Value: HostileText})
	p := d.Event.Process
	p.Comm, p.Exe, p.CWD, p.Args = HostileText, HostileText, HostileText, []string{HostileText}
	c := d.Event.Container
	c.Name, c.Image, c.Labels = HostileText, HostileText, map[string]string{HostileText: HostileText}
	d.Values = map[string]any{"proc.name": HostileText}
	return d
}

// RollUp stands for many detections, whose samples hold [HostileText].
func RollUp() *msg.Detection {
	d := Container()
	d.ID = "66666666666666666666666666666666"
	d.Group = &msg.Group{
		By: map[string]string{"rule": d.Rule.ID, "container": HostileText}, Count: 1234, First: d.Time.Add(-5 * time.Minute), Last: d.Time,
		Samples: []msg.Sample{
			{ID: "a", Time: d.Time.Add(-5 * time.Minute), Host: d.Host, Output: "A shell was spawned"},
			{ID: "b", Time: d.Time, Host: d.Host, Output: HostileText},
		},
	}
	return d
}

// Bare is a detection that has nothing but what it must.
func Bare() *msg.Detection {
	return &msg.Detection{ID: "44444444444444444444444444444444", Rule: msg.RuleInfo{ID: "X", Name: "X"}}
}

// Huge is a detection with a command line of 100 kB and invalid UTF-8.
func Huge() *msg.Detection {
	d := Plain()
	d.ID = "55555555555555555555555555555555"
	d.Event.Process.Args = []string{"sh", "-c", strings.Repeat("A\xff", 50_000)}
	d.Output = "Ran " + strings.Repeat("A\xff", 50_000)
	return d
}
