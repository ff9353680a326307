# TRC-2 in the form that Tracee's users know: a debugger cannot attach to a
# process that is traced already, so a program that asks to be traced by its
# own parent shuts debuggers out. strace and gdb start their children the same
# way, which makes "strace ls" the easiest way to see this rule fire.
package tracee.TRC_2

import data.tracee.helpers

__rego_metadoc__ := {
	"id": "TRC-2",
	"version": "1.0.0",
	"name": "Anti-Debugging",
	"description": "A process asked to be traced by its parent, which keeps debuggers away from it",
	"tags": ["linux", "container"],
	"properties": {
		"Severity": 3,
		"MITRE ATT&CK": "Defense Evasion: Execution Guardrails",
	},
}

tracee_selected_events contains {"source": "tracee", "name": "ptrace"}

tracee_match if {
	input.eventName == "ptrace"
	helpers.get_tracee_argument("request") == "PTRACE_TRACEME"
}
