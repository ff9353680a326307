# METADATA
# title: Kernel module loading
# description: A module was loaded into the kernel, whose code can do and hide anything
# custom:
#   id: TRC-6
#   version: 1.0.0
#   severity: high
#   mitre: "Persistence: Kernel Modules and Extensions"
#   tags: [linux, container]
#   events: [init_module, security_kernel_read_file]
package tripline.kernel_module_loading

match if input.eventName == "init_module"

match := {"pathname": input.argsByName.pathname} if {
	input.eventName == "security_kernel_read_file"
	input.argsByName.type == "kernel-module"
}
