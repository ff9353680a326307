# METADATA
# title: Container engine's socket used in a container
# description: A process in a container connected to the socket of a container engine, which starts any container its client asks for
# custom:
#   id: TRC-1019
#   version: 1.0.0
#   severity: medium
#   mitre: "Privilege Escalation: Exploitation for Privilege Escalation"
#   tags: [container]
#   events: [security_socket_connect]
#   origin: container
package tripline.engine_socket

match := {"socket": path} if {
	path := input.argsByName.remote_addr.sun_path
	regex.match(`(^|/)(docker|podman|containerd|crio|cri-dockerd)\.sock$`, path)
	not enricher
}

# Tripline's own enricher asks the engine who is who. Whoever can give a
# container this image and that socket needs no attack any more.
enricher if {
	input.process.exe == "/usr/bin/tripline"
	regex.match(`(^|/)tripline/tripline$`, input.container.image_repository)
}
