package catalogue_test

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/tripline/tripline/pkg/msg/catalogue"
)

func TestFormat(t *testing.T) {
	for _, c := range []struct {
		values string
		raw    uint64
		want   string
	}{
		{"open", 0, "O_RDONLY"},
		{"open", 2, "O_RDWR"},
		{"open", 3, "0x3"},
		{"open", 0o101, "O_WRONLY|O_CREAT"},
		{"open", 0o4010000, "O_RDONLY|O_SYNC"},
		{"open", 0o10000, "O_RDONLY|O_DSYNC"},
		{"open", 1<<30 | 1, "O_WRONLY|0x40000000"},
		{"access", 0, "F_OK"},
		{"access", 5, "R_OK|X_OK"},
		{"prot", 0, "PROT_NONE"},
		{"prot", 7, "PROT_READ|PROT_WRITE|PROT_EXEC"},
		{"mmap", 0x22, "MAP_PRIVATE|MAP_ANONYMOUS"},
		{"mmap", 0x23, "MAP_SHARED_VALIDATE|MAP_ANONYMOUS"},
		{"clone", 0x1200011, "SIGCHLD|CLONE_CHILD_CLEARTID|CLONE_CHILD_SETTID"},
		{"clone", 0x10000, "CLONE_THREAD"},
		{"clone", 0xffffffff80000000, "CLONE_IO"}, // an int with its top bit
		{"unshare", 0x80, "CLONE_NEWTIME"},
		{"socket_type", 0x80801, "SOCK_STREAM|SOCK_NONBLOCK|SOCK_CLOEXEC"},
		{"at", 0, "0"},
		{"ptrace", 0, "PTRACE_TRACEME"},
		{"ptrace", 0x4206, "PTRACE_SEIZE"},
		{"ptrace", 99, "99"},
		{"ptrace", 1<<64 - 1, "-1"},
		{"reboot", 0xffffffffcdef0123, "LINUX_REBOOT_CMD_HALT"},
		{"reboot", 0xcdef0123, "LINUX_REBOOT_CMD_HALT"},
		{"mem_prot_alert", 4, "Protection changed from W+E to E!"},
		{"kernel_read_file", 2, "kernel-module"},
		{"syscall", 257, "openat"},
		{"syscall", 439, "faccessat2"},
		{"capability", 21, "CAP_SYS_ADMIN"},
		{"address_family", 10, "AF_INET6"},
		{"signal", 9, "SIGKILL"},
	} {
		v, ok := catalogue.LookupValues(c.values)
		if !ok {
			t.Errorf("no values %s", c.values)
			continue
		}
		if got := v.Format(c.raw); got != c.want {
			t.Errorf("%s: %#x is %s, not %s", c.values, c.raw, got, c.want)
		}
	}
	if got := (*catalogue.Values)(nil).Format(7); got != "7" {
		t.Errorf("7 without names is %s", got)
	}
}

func TestParse(t *testing.T) {
	open, _ := catalogue.LookupValues("open")
	ptrace, _ := catalogue.LookupValues("ptrace")
	for _, c := range []struct {
		v    *catalogue.Values
		text string
		want uint64
		ok   bool
	}{
		{open, "O_WRONLY|O_CREAT", 0o101, true},
		{open, "O_RDWR | 0x40", 0o102, true},
		{open, "O_WRONG", 0, false},
		{open, "", 0, false},
		{ptrace, "PTRACE_SEIZE", 0x4206, true},
		{ptrace, "-1", 1<<64 - 1, true},
		{ptrace, "PTRACE_TRACEME|PTRACE_SEIZE", 0, false},
		{nil, "12", 12, true},
	} {
		if got, ok := c.v.Parse(c.text); ok != c.ok || ok && got != c.want {
			t.Errorf("%q is %#x, %v", c.text, got, ok)
		}
	}
}

// TestFormatParse: what Format writes, Parse reads back to the same number.
func TestFormatParse(t *testing.T) {
	var all []*catalogue.Values
	for _, v := range allValues(t) {
		all = append(all, v)
	}
	rapid.Check(t, func(t *rapid.T) {
		v := rapid.SampledFrom(all).Draw(t, "values")
		raw := uint64(rapid.Uint32().Draw(t, "raw"))
		if rapid.Bool().Draw(t, "named") {
			raw = rapid.SampledFrom(v.List).Draw(t, "value").Num
		}
		text := v.Format(raw)
		got, ok := v.Parse(text)
		if !ok || got != raw {
			t.Fatalf("%s: %#x is written %q and read as %#x, %v", v.Name, raw, text, got, ok)
		}
		if strings.Contains(text, "||") {
			t.Fatalf("%s: %q has an empty name", v.Name, text)
		}
	})
}
