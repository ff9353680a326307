# METADATA
# title: Shell run by a web server
# description: A web server ran a shell, which is what happens when one is broken into
# custom:
#   id: TRC-12
#   version: 1.0.0
#   severity: medium
#   mitre: "Initial Access: Exploit Public-Facing Application"
#   tags: [linux, container]
#   events: [security_bprm_check]
package tripline.illegitimate_shell

# Names are cut at 15 characters by the kernel.
servers := {"nginx", "httpd", "httpd-foregroun", "lighttpd", "apache", "apache2"}

match := {"file path": path} if {
	input.processName in servers
	path := input.argsByName.pathname
	regex.match(`/(ash|bash|csh|dash|ksh|sh|tcsh|zsh)$`, path)
}

# A shell that is one of many tools in a program: the name it is called by says
# which, or the first argument.
match := {"file path": path} if {
	input.processName in servers
	path := input.argsByName.pathname
	regex.match(`/(busybox|toybox)(\.[a-z]+)?$`, path)
	some i in [0, 1]
	regex.match(`^(.*/)?-?(ash|hush|sh)$`, input.argsByName.argv[i])
}
