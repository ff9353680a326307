// Package ruletest runs the tests of rules: YAML files that stand beside them,
// called <rule>_test.yaml, each a sequence of cases. A case describes an event
// and lists the rules that must find something in it, all of them:
//
//   - name: an interactive shell in a container
//     event:
//     name: sched_process_exec
//     process: {comm: sh, args: [sh, -i], tty: 34816}
//     parents: [{comm: containerd-shim}]
//     container: {id: 0123456789ab, name: web, image: "shop/web:1.2"}
//     expect:
//   - rule: Terminal shell in container
//     output: [name=web, "image=shop/web:1.2"]
//
// The event's name and those of its arguments are the catalogue's. Flags and
// enumerations may be given by name, addresses as host:port or as a path.
// Terminals are numbered as procfs does: 34816 is the first pseudo-terminal.
package ruletest
