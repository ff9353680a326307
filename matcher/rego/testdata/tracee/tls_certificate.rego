package tracee.TRC_10

import data.tracee.helpers

__rego_metadoc__ := {
	"id": "TRC-10",
	"version": "0.1.0",
	"name": "K8s TLS Certificate Theft Detected",
	"description": "As a user of Tracee 0.7 would write it",
	"tags": ["linux", "container"],
	"properties": {
		"Severity": 3,
		"MITRE ATT&CK": "Credential Access: Steal Application Access Token",
	},
}

eventSelectors := [
	{"source": "tracee", "name": "security_file_open", "origin": "*"},
]

tracee_selected_events[eventSelector] {
	eventSelector := eventSelectors[_]
}

allowed := {"kube-apiserver", "kubelet", "kube-controller", "etcd"}

tracee_match {
	input.eventName == "security_file_open"
	helpers.is_file_read(helpers.get_tracee_argument("flags"))
	startswith(helpers.get_tracee_argument("pathname"), "/etc/kubernetes/pki/")
	not allowed[input.processName]
}
