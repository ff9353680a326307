package tracee.TRC_8

import data.tracee.helpers

__rego_metadoc__ := {
	"id": "TRC-8",
	"version": "0.1.0",
	"name": "K8s Service Account Token Use Detected",
	"description": "As a user of Tracee 0.7 would write it",
	"tags": ["linux", "container"],
	"properties": {
		"Severity": 0,
		"MITRE ATT&CK": "Credential Access: Credentials from Password Stores",
	},
}

eventSelectors := [
	{"source": "tracee", "name": "security_file_open", "origin": "container"},
]

tracee_selected_events[eventSelector] {
	eventSelector := eventSelectors[_]
}

allowed := {"flanneld", "kube-proxy", "etcd", "kube-apiserver", "coredns", "kube-controller"}

tracee_match {
	input.eventName == "security_file_open"
	helpers.is_file_read(helpers.get_tracee_argument("flags"))
	path := helpers.get_tracee_argument("pathname")
	contains(path, "secrets/kubernetes.io/serviceaccount")
	endswith(path, "token")
	not allowed[input.processName]
}
