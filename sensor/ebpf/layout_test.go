//go:build cgo && linux

package ebpf

import (
	"testing"
	"unsafe"

	"github.com/tripline/tripline/pkg/msg/catalogue"
)

// TestIDs holds the ids that the programs write against the catalogue's.
func TestIDs(t *testing.T) {
	for id, name := range map[catalogue.ID]string{
		eventFork: "sched_process_fork", eventExec: "sched_process_exec", eventExit: "sched_process_exit",
		eventCgroupMkdir: "cgroup_mkdir", eventCgroupRmdir: "cgroup_rmdir", eventCgroupAttach: "cgroup_attach_task",
	} {
		if e := catalogue.ByID(id); e == nil || e.Name != name {
			t.Errorf("%d is %v, want %s", id, e, name)
		}
	}
	if catalogue.MaxID() > maxEvents {
		t.Errorf("the catalogue has ids up to %d, the tables up to %d", catalogue.MaxID(), maxEvents)
	}
	for e := range catalogue.All() {
		if e.Class == catalogue.Syscall && (e.ID >= maxCalls || e.NrX86 >= maxCalls || e.NrI386 >= maxCalls || e.NrArm64 >= maxCalls) {
			t.Errorf("%s does not fit into the tables", e.Name)
		}
	}
}

// TestParts checks that memory which no program wrote is refused, not followed.
func TestParts(t *testing.T) {
	build := func(words ...uint64) []byte {
		return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(words))), 8*len(words))
	}
	head := func(id, size uint64) uint64 { return id | size<<16 }
	for _, c := range []struct {
		name string
		b    []byte
		ok   bool
	}{
		{"nothing", nil, true},
		{"one", build(head(0, 3), 0x636261), true},
		{"empty part", build(head(1, 0)), true},
		{"two", build(head(0, 8), 0x6867666564636261, head(partComm, 1), 'x'), true},
		{"longer than what is there", build(head(0, 9), 0), false},
		{"unknown id", build(head(200, 1), 0), false},
		{"rest of a head", build(head(0, 0))[:5], false},
	} {
		t.Run(c.name, func(t *testing.T) {
			var p parts
			if ok := p.read(c.b); ok != c.ok {
				t.Errorf("read: %v, want %v", ok, c.ok)
			}
		})
	}
	var p parts
	p.read(build(head(0, 3), 0x636261, head(partComm, 1), 'x'))
	if p.str(0) != "abc" || p.str(partComm) != "x" || p.data[1] != nil {
		t.Errorf("parts %q", p.data)
	}
	// Nothing of one record is left for the next.
	if p.read(nil); p.data[0] != nil || p.data[partComm] != nil {
		t.Errorf("parts %q of an empty record", p.data)
	}
}

func TestWidth(t *testing.T) {
	for _, c := range []struct {
		param  catalogue.Param
		raw    uint64
		compat bool
		want   int64
	}{
		{catalogue.Param{Type: "int", Kind: catalogue.FD}, 0xffffff9c, false, -100},
		{catalogue.Param{Type: "int", Kind: catalogue.Int}, 0xdead0000ffffffff, false, -1},
		{catalogue.Param{Type: "int", Kind: catalogue.Flags}, 0x80000000, false, 0x80000000},
		{catalogue.Param{Type: "unsigned int", Kind: catalogue.Uint}, 0xffffffff00000001, false, 1},
		{catalogue.Param{Type: "uid_t", Kind: catalogue.UID}, 0xffffffffffffffff, false, 0xffffffff},
		{catalogue.Param{Type: "long", Kind: catalogue.Enum}, 0xfffffffffffffffe, false, -2},
		{catalogue.Param{Type: "long", Kind: catalogue.Enum}, 0xfffffffe, true, -2},
		{catalogue.Param{Type: "off_t", Kind: catalogue.Int}, 1 << 40, false, 1 << 40},
		{catalogue.Param{Type: "unsigned long", Kind: catalogue.Uint}, 1 << 63, false, -1 << 63},
		{catalogue.Param{Type: "char*", Kind: catalogue.Pointer}, 0xfffffffe, true, 0xfffffffe},
		{catalogue.Param{Type: "umode_t", Kind: catalogue.Mode}, 0o100644, false, 0o100644},
		{catalogue.Param{Type: "bool", Kind: catalogue.Bool}, 77, false, 1},
	} {
		if got := widthOf(&c.param).extend(c.raw, c.compat); got != c.want {
			t.Errorf("%s (%v) of %#x is %d, want %d", c.param.Type, c.param.Kind, c.raw, got, c.want)
		}
	}
}
