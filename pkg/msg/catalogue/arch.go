package catalogue

// Four open flags have other numbers on arm64
// (arch/arm64/include/uapi/asm/fcntl.h) than in asm-generic/fcntl.h.
const (
	arm64Directory = 0o40000
	arm64NoFollow  = 0o100000
	arm64Direct    = 0o200000
	arm64LargeFile = 0o400000

	genericDirect    = 0o40000
	genericLargeFile = 0o100000
	genericDirectory = 0o200000
	genericNoFollow  = 0o400000
)

// OpenFlagsFromArm64 translates the flags of open and its kin from arm64's
// numbers to the ones that events carry.
func OpenFlagsFromArm64(raw uint64) uint64 {
	out := raw &^ (arm64Directory | arm64NoFollow | arm64Direct | arm64LargeFile)
	for _, f := range [...]struct{ from, to uint64 }{
		{arm64Directory, genericDirectory},
		{arm64NoFollow, genericNoFollow},
		{arm64Direct, genericDirect},
		{arm64LargeFile, genericLargeFile},
	} {
		if raw&f.from != 0 {
			out |= f.to
		}
	}
	return out
}
