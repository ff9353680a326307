package tracee.TRC_5

import data.tracee.helpers

__rego_metadoc__ := {
	"id": "TRC-5",
	"version": "0.1.0",
	"name": "Fileless Execution",
	"description": "As a user of Tracee 0.7 would write it",
	"tags": ["linux", "container"],
	"properties": {
		"Severity": 2,
		"MITRE ATT&CK": "Defense Evasion: Obfuscated Files or Information",
	},
}

eventSelectors := [
	{"source": "tracee", "name": "sched_process_exec"},
]

tracee_selected_events[eventSelector] {
	eventSelector := eventSelectors[_]
}

tracee_match {
	input.eventName == "sched_process_exec"
	path := helpers.get_tracee_argument("pathname")
	startswith(path, "memfd:")
	not from_runc(path)
}

tracee_match {
	input.eventName == "sched_process_exec"
	path := helpers.get_tracee_argument("pathname")
	dirs := {"/dev/shm", "/run/shm"}
	startswith(path, dirs[_])
}

from_runc(path) {
	startswith(path, "memfd:runc")
	input.containerId == ""
}
