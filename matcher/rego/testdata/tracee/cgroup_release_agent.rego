package tracee.TRC_14

import data.tracee.helpers

__rego_metadoc__ := {
	"id": "TRC-14",
	"version": "0.1.0",
	"name": "cgroups Release Agent File Modification",
	"description": "As a user of Tracee 0.7 would write it",
	"tags": ["linux", "container"],
	"properties": {
		"Severity": 3,
		"MITRE ATT&CK": "Privilege Escalation: Escape to Host",
	},
}

eventSelectors := [
	{"source": "tracee", "name": "security_file_open", "origin": "container"},
]

tracee_selected_events[eventSelector] {
	eventSelector := eventSelectors[_]
}

tracee_match = res {
	input.eventName == "security_file_open"
	flags := helpers.get_tracee_argument("flags")
	helpers.is_file_write(flags)
	path := helpers.get_tracee_argument("pathname")
	endswith(path, "/release_agent")
	res := {
		"file flags": flags,
		"file path": path,
	}
}
