package tracee.TRC_2

import data.tracee.helpers

__rego_metadoc__ := {
	"id": "TRC-2",
	"version": "0.1.0",
	"name": "Anti-Debugging",
	"description": "As a user of Tracee 0.7 would write it",
	"tags": ["linux", "container"],
	"properties": {
		"Severity": 3,
		"MITRE ATT&CK": "Defense Evasion: Execution Guardrails",
	},
}

eventSelectors := [
	{"source": "tracee", "name": "ptrace"},
]

tracee_selected_events[eventSelector] {
	eventSelector := eventSelectors[_]
}

tracee_match {
	input.eventName == "ptrace"
	arg := input.args[_]
	arg.name == "request"
	arg.value == "PTRACE_TRACEME"
}
