// Package rego evaluates rules written in Rego, the language of Open Policy
// Agent: signatures written for Tracee, as they are, and Tripline's own leaner
// form.
//
// # Tracee's form
//
// Any package, in Rego v0 or v1 (v1 is tried first):
//
//	__rego_metadoc__        object: id, version, name, description, tags, properties;
//	                        case of the keys does not matter
//	tracee_selected_events  set of {"source": "tracee", "name": …, "origin": …};
//	                        no name or origin, or "*", is any
//	tracee_match            true, or an object that becomes the finding's data;
//	                        several bodies are alternatives
//
// data.tracee.helpers has get_tracee_argument(name), is_file_write(flags),
// is_file_read(flags) and is_elf_file(base64).
//
// # Tripline's form
//
// A package tripline.<name> with OPA's metadata comment above it, so that what
// a rule is about is read without running it, and arguments by name:
//
//	# METADATA
//	# title: Anti-Debugging
//	# custom:
//	#   id: TRC-2
//	#   severity: high
//	#   mitre: "Defense Evasion: Execution Guardrails"
//	#   events: [ptrace]
//	package tripline.anti_debugging
//
//	match if input.argsByName.request == "PTRACE_TRACEME"
//
// custom may also have version, tags, properties, and origin (host or
// container); an item of events may be {name, origin}. match is what
// tracee_match is; a string named output becomes the output line.
// data.tripline.functions has writable, readable, elf and basename.
//
// # Input
//
// One document an event, shared by all rules, with the fields of Tracee's
// events and, beside them: argsByName, process, container and pod (undefined
// on the host), file (what the event's descriptor refers to). See [Input] and
// the README of the rules.
//
// # Limits
//
// A rule is a function of its event. What reaches out of the process or
// differs from call to call (network, time, chance) is a compile error; an
// evaluation is stopped at [Config.TimeLimit]; strings are cut at
// [Config.MaxString], since built-in functions cannot be stopped within one.
// A file that does not compile is reported and leaves the others as they are.
//
// Files named *helpers.rego are libraries for all rules, *_test.rego are tests.
package rego
