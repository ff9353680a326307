package int80

// Call makes the system call nr of the i386 table by int 0x80. Pointers among
// the arguments must lie below 4 GiB. The result is negative for an error.
//
//go:noescape
func Call(nr, a1, a2, a3, a4, a5, a6 uint32) int32
