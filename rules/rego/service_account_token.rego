# METADATA
# title: Kubernetes service account token read
# description: A process in a container read the token that speaks for its pod to the cluster's API
# custom:
#   id: TRC-8
#   version: 1.0.0
#   severity: 0
#   mitre: "Credential Access: Credentials from Password Stores"
#   tags: [container, kubernetes]
#   events: [security_file_open]
#   origin: container
package tripline.service_account_token

import data.tripline.functions

# What is part of Kubernetes reads its token as a matter of course. Names are
# cut at 15 characters by the kernel.
expected := {"flanneld", "kube-proxy", "etcd", "kube-apiserver", "coredns", "kube-controller"}

match := {"file path": path} if {
	path := input.argsByName.pathname
	contains(path, "secrets/kubernetes.io/serviceaccount")
	endswith(path, "token")
	functions.readable(input.argsByName.flags)
	not input.processName in expected
}
