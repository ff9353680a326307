package catalogue

import (
	"fmt"
	"strconv"
)

// maxErrno is the largest error number: the kernel returns -1 to -4095
// (include/linux/err.h).
const maxErrno = 4095

// Errno names an error number: "ENOENT" for 2; "" for one without a name.
// The kernel's inner ones (ERESTARTSYS), which tracepoints see, have names too.
func Errno(n int) string {
	if n <= 0 {
		return ""
	}
	name, _ := valuesErrno.name(uint64(n))
	return name
}

// SignalName names a signal: "SIGKILL" for 9; "" for one without a name.
func SignalName(n int) string {
	if n <= 0 {
		return ""
	}
	name, _ := valuesSignal.name(uint64(n))
	return name
}

// Failed says whether a system call's result is an error, and which.
func Failed(ret int64) (errno int, failed bool) {
	if ret < 0 && ret >= -maxErrno {
		return int(-ret), true
	}
	return 0, false
}

// FormatRet renders the event's result as people write it: the name of the
// error if it is one ("-ENOENT"), an address in hex, a mode in octal, else the
// number. Results of events that are not system calls are numbers or errors.
func (e *Event) FormatRet(ret int64) string {
	if n, failed := Failed(ret); failed {
		if name := Errno(n); name != "" {
			return "-" + name
		}
		return strconv.FormatInt(ret, 10)
	}
	switch e.Ret {
	case Pointer:
		return "0x" + strconv.FormatUint(uint64(ret), 16)
	case Mode:
		return fmt.Sprintf("%#o", uint64(ret))
	default:
		return strconv.FormatInt(ret, 10)
	}
}
