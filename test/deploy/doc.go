// Package deploy holds what is in the folder of that name against the programs
// that read it: systemd's own analyzer, Kubernetes's own types, promtool,
// docker compose, NATS's server. None of it needs root, a cluster or an engine.
package deploy
