package ebpf

// Finding is one thing that the source needs of this machine.
type Finding struct {
	// Name says what was looked at: "kernel", "btf", "privilege",
	// "program on_exec".
	Name string
	OK   bool
	// Detail is what was found, one line.
	Detail string
	// Fix is what to do about it, empty when OK.
	Fix string
}
