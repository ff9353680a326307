package tripline.tls_certificate_test

import data.tripline.tls_certificate.match

opened(who, path, flags) := {
	"eventName": "security_file_open", "processName": who,
	"argsByName": {"pathname": path, "flags": flags},
}

test_read if match with input as opened("cat", "/etc/kubernetes/pki/ca.key", "O_RDONLY")

test_kubernetes_itself_is_not if not match with input as opened("kubelet", "/etc/kubernetes/pki/ca.key", "O_RDONLY")

test_other_files_are_not if not match with input as opened("cat", "/etc/kubernetes/admin.conf", "O_RDONLY")
