package tripline.engine_socket_test

import data.tripline.engine_socket.match

connected(addr) := {"eventName": "security_socket_connect", "argsByName": {"sockfd": 3, "remote_addr": addr}}

test_sockets if {
	every path in [
		"/var/run/docker.sock",
		"docker.sock",
		"/run/containerd/containerd.sock",
		"/run/podman/podman.sock",
		"/run/crio/crio.sock",
	] {
		match == {"socket": path} with input as connected({"sa_family": "AF_UNIX", "sun_path": path})
	}
}

test_other_sockets_are_not if {
	every path in ["/run/nscd/socket", "/var/run/docker.sock.old", "/run/mydocker.sock", ""] {
		not match with input as connected({"sa_family": "AF_UNIX", "sun_path": path})
	}
}

test_network_is_not if not match with input as connected({"sa_family": "AF_INET", "sin_addr": "10.0.0.1", "sin_port": "2375"})

by(exe, repository) := object.union(
	connected({"sa_family": "AF_UNIX", "sun_path": "/var/run/docker.sock"}),
	{"process": {"exe": exe}, "container": {"image_repository": repository}},
)

test_enricher_is_not if {
	not match with input as by("/usr/bin/tripline", "tripline/tripline")
	not match with input as by("/usr/bin/tripline", "registry.example.org/tripline/tripline")
}

test_what_calls_itself_enricher if {
	match with input as by("/usr/bin/tripline", "untripline/tripline")
	match with input as by("/bin/sh", "tripline/tripline")
}
