package golang

import (
	"strconv"
	"strings"

	"github.com/tripline/tripline/pkg/detect/trace"
	"github.com/tripline/tripline/pkg/msg"
	"github.com/tripline/tripline/pkg/msg/catalogue"
)

// cType writes a C type as Tracee does: no space before an asterisk, no
// kernel annotations.
func cType(t string) string {
	if !strings.Contains(t, " ") {
		return t
	}
	t = strings.ReplaceAll(t, " __user", "")
	t = strings.ReplaceAll(t, " *", "*")
	return strings.TrimSpace(t)
}

// converterOf gives the arguments of a parameter the Go type that follows from
// its kind and C type, as the table at trace.Argument says.
func converterOf(p *catalogue.Param, ctype string) func(msg.Value) any {
	switch p.Kind {
	case catalogue.String, catalogue.Path:
		return func(v msg.Value) any { return v.Str() }
	case catalogue.Strings:
		return func(v msg.Value) any { return v.Strings() }
	case catalogue.Bytes:
		return func(v msg.Value) any { return v.Bytes() }
	case catalogue.SockAddr:
		return func(v msg.Value) any { return sockaddr(v.Addr()) }
	case catalogue.Cred:
		return func(v msg.Value) any { return credentials(v.Cred()) }
	case catalogue.Bool:
		return toBool
	case catalogue.Pointer:
		return toPointer
	}
	switch ctype {
	case "int", "pid_t", "uid_t", "gid_t", "mqd_t", "clockid_t", "const clockid_t", "key_t", "key_serial_t", "timer_t", "s32":
		return toInt32
	case "unsigned int", "unsigned", "u32", "mode_t", "dev_t", "qid_t":
		return toUint32
	case "umode_t", "unsigned short", "u16", "old_uid_t", "old_gid_t":
		return func(v msg.Value) any { return uint16(v.Word) }
	case "long", "s64":
		return toInt64
	case "unsigned long", "u64", "off_t", "loff_t", "size_t", "aio_context_t":
		return toUint64
	case "bool":
		return toBool
	}
	if strings.HasSuffix(ctype, "*") {
		return toPointer
	}
	switch p.Kind {
	case catalogue.FD, catalogue.PID, catalogue.Signal, catalogue.UID, catalogue.GID, catalogue.Enum:
		return toInt32
	case catalogue.Mode, catalogue.Device:
		return toUint32
	case catalogue.Uint, catalogue.Flags:
		return toUint64
	default:
		return toInt64
	}
}

func toBool(v msg.Value) any   { return v.Word != 0 }
func toInt32(v msg.Value) any  { return int32(v.Word) }
func toUint32(v msg.Value) any { return uint32(v.Word) }
func toInt64(v msg.Value) any  { return v.Word }
func toUint64(v msg.Value) any { return uint64(v.Word) }

func toPointer(v msg.Value) any { return "0x" + strconv.FormatUint(uint64(v.Word), 16) }

// parsed lists which arguments of an event Tracee 0.7 turns into names with
// its option parse-arguments.
func parsed(event string) []string {
	switch event {
	case "cap_capable":
		return []string{"cap", "syscall"}
	case "security_file_open":
		return []string{"flags", "syscall"}
	case "commit_creds":
		return []string{"syscall"}
	case "mmap", "mprotect", "pkey_mprotect":
		return []string{"prot"}
	case "ptrace":
		return []string{"request"}
	case "prctl":
		return []string{"option"}
	case "socket":
		return []string{"domain", "type"}
	case "security_socket_create":
		return []string{"family", "type"}
	case "access", "faccessat", "mknod", "mknodat", "chmod", "fchmod", "fchmodat", "security_inode_mknod":
		return []string{"mode"}
	case "open", "openat", "execveat", "clone":
		return []string{"flags"}
	case "bpf", "security_bpf":
		return []string{"cmd"}
	case "security_kernel_read_file", "security_post_read_file":
		return []string{"type"}
	case "sched_process_exec":
		return []string{"stdin_type"}
	case "mem_prot_alert":
		return []string{"alert"}
	}
	return nil
}

// named says whether an argument is given by name: what Tracee 0.7 names, and
// in events that it does not have whatever the catalogue has names for. Other
// arguments of system calls stay numbers, as signatures assert.
func named(e *catalogue.Event, p *catalogue.Param) bool {
	switch p.Kind {
	case catalogue.Int, catalogue.Uint, catalogue.Flags, catalogue.Enum, catalogue.Mode:
	default:
		return false
	}
	for _, name := range parsed(e.Name) {
		if name == p.Name {
			return true
		}
	}
	return e.Class != catalogue.Syscall && p.Values != nil && e.Name != "security_sb_mount"
}

// keepsType says whether an argument given by name is still said to be of its
// C type, as Tracee does with two of them.
func keepsType(p *catalogue.Param) bool { return p.Name == "alert" || p.Name == "syscall" }

// nameOf renders a value by name.
func nameOf(v msg.Value) any {
	if v.Param.Kind == catalogue.Mode && v.Param.Values == nil {
		return fileMode(uint32(v.Word))
	}
	if v.Param.Values == nil && v.Param.Name == "alert" {
		return trace.MemProtAlert(v.Word).String()
	}
	if e := catalogue.ByID(catalogue.ID(v.Word)); v.Param.Values == nil && v.Param.Name == "syscall" && e != nil {
		return e.Name
	}
	return v.Text()
}
