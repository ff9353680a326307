package enricher

import (
	"reflect"
	"testing"

	"github.com/tripline/tripline/pkg/msg"
	"github.com/tripline/tripline/pkg/msg/catalogue"
)

// TestShallowCopyCopiesEveryField fails when the contract gains a field that
// the copy does not know.
func TestShallowCopyCopiesEveryField(t *testing.T) {
	var p msg.Process
	v := reflect.ValueOf(&p).Elem()
	for i := range v.NumField() {
		if !v.Type().Field(i).IsExported() {
			continue
		}
		switch f := v.Field(i); f.Kind() {
		case reflect.String:
			f.SetString("x")
		case reflect.Int32, reflect.Int64:
			f.SetInt(7)
		case reflect.Uint32, reflect.Uint64:
			f.SetUint(7)
		case reflect.Bool:
			f.SetBool(true)
		case reflect.Pointer:
			f.Set(reflect.New(f.Type().Elem()))
		case reflect.Slice:
			f.Set(reflect.MakeSlice(f.Type(), 1, 1))
		default:
			t.Fatalf("field %s is a %s", v.Type().Field(i).Name, f.Kind())
		}
	}
	got := reflect.ValueOf(ShallowCopy(&p)).Elem()
	for i := range v.NumField() {
		if f := v.Type().Field(i); f.IsExported() && !reflect.DeepEqual(v.Field(i).Interface(), got.Field(i).Interface()) {
			t.Errorf("field %s is not copied", f.Name)
		}
	}
}

func TestRowsSharedByParts(t *testing.T) {
	var b msg.Builder
	box := b.Container(&msg.Container{Id: "box"})
	other := b.Container(&msg.Container{Id: "other"})
	initRow := b.Process(&msg.Process{Pid: 1})
	shell := b.Process(&msg.Process{Pid: 10, Ancestors: []uint32{initRow}, Container: box})
	child := b.Process(&msg.Process{Pid: 11, Ancestors: []uint32{shell, initRow}, Container: other})
	comm := uint32(b.String("x"))
	ev := func(p uint32) *msg.Event { return &msg.Event{Type: openat, Process: p, Comm: comm} }
	batch := b.Batch()

	s := newSplitter()
	s.begin(batch)
	a := s.part(batch, []*msg.Event{ev(shell)})
	c := s.part(batch, []*msg.Event{ev(child), ev(child)})

	for _, x := range []struct {
		name      string
		part      *msg.Batch
		pids      []int32
		container string
	}{
		{"of the shell", a, []int32{10, 1}, "box"},
		{"of its child", c, []int32{11, 10, 1}, "other"},
	} {
		r := x.part.Record(0)
		if len(x.part.Processes) != len(x.pids) {
			t.Errorf("%s: %d processes, want %d", x.name, len(x.part.Processes), len(x.pids))
		}
		for n, pid := range x.pids {
			if p := r.Ancestor(n); p == nil || p.Pid != pid {
				t.Errorf("%s: ancestor %d is %v, want pid %d", x.name, n, p, pid)
			}
		}
		if got := r.Container().GetId(); got != x.container {
			t.Errorf("%s: container %q, want %q", x.name, got, x.container)
		}
	}
	if p := c.Record(0).Ancestor(1); c.Containers[p.Container-1].Id != "box" {
		t.Error("the container of an ancestor got lost")
	}
}

func TestSplitKeepsArguments(t *testing.T) {
	var b msg.Builder
	p := b.Process(&msg.Process{Pid: 1})
	b.String("unused")
	comm := uint32(b.String("sh"))
	exec, _ := catalogue.Lookup("sched_process_exec")
	args := make([]int64, len(exec.Params))
	b.List(&msg.StringList{Items: []string{"unused"}})
	for i := range exec.Params {
		switch exec.Params[i].Kind {
		case catalogue.Strings:
			args[i] = b.List(&msg.StringList{Items: []string{"item", exec.Params[i].Name}})
		case catalogue.Path, catalogue.String:
			args[i] = b.String("path of " + exec.Params[i].Name)
		default:
			args[i] = int64(1000 + i)
		}
	}
	bad := exec.Param("interp")
	args[bad] = 1 << 40 // leads nowhere
	b.File(&msg.File{Fd: 9, Path: "/unused"})
	dir := b.File(&msg.File{Fd: 5, Path: "/dir"})
	b.Event(&msg.Event{Type: uint32(exec.ID), Process: p, Comm: comm, Args: args, File: b.File(&msg.File{Path: "/f"}), Dirs: []uint32{dir}})
	// An event of a newer catalogue keeps all tables, in a part of its own.
	b.Event(&msg.Event{Type: uint32(catalogue.MaxID()) + 5, Process: p, Comm: comm, Args: []int64{0}})
	batch := b.Batch()

	s := newSplitter()
	s.begin(batch)
	part := s.part(batch, batch.Events[:1])
	r := part.Record(0)
	for i := range exec.Params {
		v, ok := r.ArgAt(i)
		if i == bad {
			if ok {
				t.Error("an index that leads nowhere is taken for a value")
			}
			continue
		}
		name := exec.Params[i].Name
		switch exec.Params[i].Kind {
		case catalogue.Strings:
			if got := v.Strings(); len(got) != 2 || got[1] != name {
				t.Errorf("%s is %q", name, got)
			}
		case catalogue.Path, catalogue.String:
			if got := v.Str(); got != "path of "+name {
				t.Errorf("%s is %q", name, got)
			}
		default:
			if v.Word != int64(1000+i) {
				t.Errorf("%s is %d", name, v.Word)
			}
		}
	}
	if r.Comm() != "sh" || r.File().GetPath() != "/f" || r.Dir(5) != "/dir" {
		t.Errorf("comm %q, file %q, directory %q", r.Comm(), r.File().GetPath(), r.Dir(5))
	}
	if len(part.Files) != 2 {
		t.Errorf("%d files are carried along, want two", len(part.Files))
	}
	for _, unused := range part.Strings {
		if unused == "unused" {
			t.Error("a string that no event needs is carried along")
		}
	}
	newer := s.part(batch, batch.Events[1:])
	if len(newer.Strings) != len(batch.Strings) || len(newer.Lists) != len(batch.Lists) || newer.Record(0).Comm() != "sh" {
		t.Error("the tables of an unknown event are cut")
	}
}

func TestPartitionIsStable(t *testing.T) {
	// These numbers are a promise: another version of the enricher that takes
	// over must not send a container's events elsewhere.
	for _, c := range []struct {
		name      string
		p         *msg.Process
		c         *msg.Container
		partition uint32
	}{
		{"container", &msg.Process{Cgroup: "/x", CgroupId: 3}, &msg.Container{Id: "0123abcd"}, 12},
		{"cgroup", &msg.Process{Cgroup: "/system.slice/ssh.service", CgroupId: 3}, nil, 5},
		{"id", &msg.Process{CgroupId: 3, CgroupV1Id: 9}, nil, 13},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := Partition(c.p, c.c, 16); got != c.partition {
				t.Errorf("partition %d, want %d", got, c.partition)
			}
		})
	}
	seen := map[uint32]int{}
	for i := range 1600 {
		seen[Partition(&msg.Process{CgroupId: uint64(i)}, nil, 16)]++
	}
	for p := range uint32(16) {
		if seen[p] < 50 {
			t.Errorf("partition %d got %d of 1600", p, seen[p])
		}
	}
}
