# METADATA
# title: Kubernetes TLS key read
# description: A process read the keys and certificates that the cluster's parts know each other by
# custom:
#   id: TRC-10
#   version: 1.0.0
#   severity: high
#   mitre: "Credential Access: Steal Application Access Token"
#   tags: [linux, container, kubernetes]
#   events: [security_file_open]
package tripline.tls_certificate

import data.tripline.functions

# Names are cut at 15 characters by the kernel.
expected := {"kube-apiserver", "kubelet", "kube-controller", "etcd"}

match := {"file path": path} if {
	path := input.argsByName.pathname
	startswith(path, "/etc/kubernetes/pki/")
	functions.readable(input.argsByName.flags)
	not input.processName in expected
}
