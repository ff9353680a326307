package tracee.TRC_12

import data.tracee.helpers

__rego_metadoc__ := {
	"id": "TRC-12",
	"version": "0.1.0",
	"name": "Illegitimate Shell",
	"description": "As a user of Tracee 0.7 would write it",
	"tags": ["linux", "container"],
	"properties": {
		"Severity": 2,
		"MITRE ATT&CK": "Initial Access: Exploit Public-Facing Application",
	},
}

eventSelectors := [
	{"source": "tracee", "name": "security_bprm_check", "origin": "*"},
]

tracee_selected_events[eventSelector] {
	eventSelector := eventSelectors[_]
}

servers := {"nginx", "httpd", "httpd-foregroun", "lighttpd", "apache", "apache2"}

shells := {"/ash", "/bash", "/csh", "/ksh", "/sh", "/tcsh", "/zsh", "/dash"}

tracee_match {
	input.eventName == "security_bprm_check"
	servers[input.processName]
	path := helpers.get_tracee_argument("pathname")
	endswith(path, shells[_])
}
