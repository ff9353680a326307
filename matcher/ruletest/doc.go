// Package ruletest runs the tests that stand beside rules.
//
// Tests come in two forms. Those that a language has of its own (*_test.rego)
// are run by the language, see [matcher.Tester]. The others are the same for
// all languages: YAML files called <something>_test.yaml, each a sequence of
// cases. A case describes what happens and lists what the rules in the folder
// of the file must find in it, and they must find nothing else:
//
//	# shell_test.yaml
//	- name: an interactive shell in a container
//	  event:
//	    name: sched_process_exec
//	    process: {comm: sh, args: [sh, -i], tty: 34816}
//	    parents: [{comm: containerd-shim}]
//	    container: {id: 0123456789ab, name: web, image: "shop/web:1.2"}
//	  expect:
//	    - rule: Terminal shell in container
//	      output: [name=web, "image=shop/web:1.2"]
//	- name: the program itself, twice
//	  events:
//	    - {name: sched_process_exec, process: {comm: web}}
//	    - {name: sched_process_exec, process: {comm: web}, at: 2s}
//
// A rule is named by its id or its name. output lists texts that its line must
// hold, data the members that its data must have, event (from 0) which of
// several events it must be found in. The events of a case are of one
// partition, in order; every case starts with rules that remember nothing. A
// case that expects a rule which is disabled is skipped. With passes: 30s, that
// much time goes by after the last event, for rules about what does not happen.
//
// The names of events and of their arguments are the catalogue's. Flags and
// enumerations may be given by name, addresses as host:port or as a path,
// bytes as text. Terminals are numbered as procfs does, 34816 being the first
// pseudo-terminal; processes that are not given a number get one.
package ruletest
