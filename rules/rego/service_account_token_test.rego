package tripline.service_account_token_test

import data.tripline.service_account_token.match

token := "/run/secrets/kubernetes.io/serviceaccount/..2026_01_01/token"

opened(who, path, flags) := {
	"eventName": "security_file_open", "processName": who,
	"argsByName": {"pathname": path, "flags": flags},
}

test_read if match == {"file path": token} with input as opened("curl", token, "O_RDONLY")

test_kubernetes_itself_is_not if not match with input as opened("coredns", token, "O_RDONLY")

test_other_files_are_not if {
	every path in ["/run/secrets/kubernetes.io/serviceaccount/ca.crt", "/tmp/token"] {
		not match with input as opened("curl", path, "O_RDONLY")
	}
}
