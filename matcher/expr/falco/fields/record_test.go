package fields_test

import (
	"net/netip"
	"testing"

	"github.com/tripline/tripline/matcher/expr/falco/ast"
	"github.com/tripline/tripline/matcher/expr/falco/check"
	"github.com/tripline/tripline/matcher/expr/falco/fields"
	"github.com/tripline/tripline/matcher/expr/falco/parser"
	"github.com/tripline/tripline/pkg/msg"
	"github.com/tripline/tripline/pkg/msg/catalogue"
)

const (
	boot  = 1_700_000_000_000_000_000
	start = 60_000_000_000 // ns after boot
	now   = boot + start + 5_000_000_000
)

// event makes an event of a process in a container; args are set by name.
func event(t *testing.T, name string, ret int64, file *msg.File, args map[string]any) *fields.Event {
	t.Helper()
	typ, ok := catalogue.Lookup(name)
	if !ok {
		t.Fatalf("no event %s", name)
	}
	var b msg.Builder
	b.Batch().Host, b.Batch().BootTime = "node-1", boot
	b.String("")
	c := b.Container(&msg.Container{
		Id: "0123456789abcdef0123", Name: "web", Runtime: "docker",
		Image:  &msg.Image{Name: "reg.example:5000/shop/web:1.2"},
		Mounts: []*msg.Mount{{Source: "/srv", Destination: "/data", Writable: true}, {Source: "/", Destination: "/host"}},
		Labels: map[string]string{"app": "shop"}, Privileged: true,
		Pod:          &msg.Pod{Name: "web-1", Namespace: "shop", Labels: map[string]string{"tier": "front"}},
		Completeness: msg.Completeness_COMPLETENESS_COMPLETE,
	})
	shim := b.Process(&msg.Process{Pid: 5, Comm: "containerd-shim", Args: []string{"shim", "-x"}})
	bash := b.Process(&msg.Process{Pid: 6, Ppid: 5, NsPid: 1, Comm: "bash", Args: []string{"bash"}, Env: []string{"A=1"}, Ancestors: []uint32{shim}, Container: c})
	p := b.Process(&msg.Process{
		Pid: 7, Ppid: 6, NsPid: 9, Sid: 6, NsSid: 1, Pgid: 7, NsPgid: 9, Comm: "cat", Args: []string{"/bin/cat", "a b", "c"},
		Cwd: "/tmp", Tty: 136<<8 | 3, StartTime: start, LoginUid: 4294967295, Ancestors: []uint32{bash, shim}, Container: c,
		Exe: &msg.Executable{Path: "/usr/bin/cat", UpperLayer: true, Inode: 42}, Cred: &msg.Credentials{Uid: 1000, Gid: 0, CapEffective: 1<<12 | 1<<21},
		User: "bob", Env: []string{"PATH=/bin", "HOME=/root"}, StdinMode: 0o010600,
	})
	e := &msg.Event{Seq: 9, Time: now, Type: uint32(typ.ID), Ret: ret, Process: p, Tid: 8, NsTid: 10, Cpu: 2, Args: make([]int64, len(typ.Params))}
	for i := range typ.Params {
		e.Absent |= 1 << i
	}
	for n, v := range args {
		i := typ.Param(n)
		if i < 0 {
			t.Fatalf("%s has no argument %s", name, n)
		}
		e.Absent &^= 1 << i
		switch v := v.(type) {
		case int:
			e.Args[i] = int64(v)
		case string:
			e.Args[i] = b.String(v)
		case *msg.SocketAddress:
			e.Args[i] = b.Address(v)
		}
	}
	// Of each event the directory 77 is known.
	e.Dirs = []uint32{b.File(&msg.File{Fd: 77, Path: "/srv/data"})}
	if file != nil {
		e.File = b.File(file)
	}
	b.Event(e)
	view := fields.NewEvent()
	view.Set(b.Take().Record(0))
	return view
}

func inet(s string) *msg.SocketAddress {
	ap := netip.MustParseAddrPort(s)
	return &msg.SocketAddress{Family: msg.AFInet, Ip: ap.Addr().AsSlice(), Port: uint32(ap.Port())}
}

// holds says whether a condition is true of an event.
func holds(t *testing.T, e *fields.Event, condition string) bool {
	t.Helper()
	n, err := parser.Parse(ast.Plain(condition), parser.RuleDepth)
	if err != nil {
		t.Fatalf("%s: %v", condition, err)
	}
	c, _, err := check.Compile(n, fields.NewTable(nil))
	if err != nil {
		t.Fatalf("%s: %v", condition, err)
	}
	return check.Walk(c, e)
}

func TestRecord(t *testing.T) {
	open := event(t, "openat", 3, nil, map[string]any{"dirfd": -100, "pathname": "../etc//passwd", "flags": 0o102, "mode": 0o755})
	failed := event(t, "openat", -2, nil, map[string]any{"dirfd": -100, "pathname": "/x/y", "flags": 0})
	exec := event(t, "sched_process_exec", 0, nil, nil)
	noExec := event(t, "execve", -2, nil, map[string]any{"pathname": "/no"})
	connect := event(t, "connect", 0, &msg.File{Fd: 4, Local: inet("10.0.0.5:40000"), Remote: inet("1.2.3.4:443"), SocketType: 1, Protocol: 6}, map[string]any{"sockfd": 4})
	connectArg := event(t, "connect", -115, nil, map[string]any{"sockfd": 4, "addr": inet("1.2.3.4:22")})
	accept := event(t, "accept4", 7, &msg.File{Fd: 7, Local: inet("10.0.0.5:80"), Remote: inet("9.9.9.9:5555")}, nil)
	unix := event(t, "connect", 0, nil, map[string]any{"sockfd": 5, "addr": &msg.SocketAddress{Family: msg.AFUnix, Path: "/run/docker.sock"}})
	chmod := event(t, "chmod", 0, nil, map[string]any{"pathname": "tool", "mode": 0o4711})
	rename := event(t, "renameat2", 0, nil, map[string]any{"olddirfd": -100, "oldpath": "a", "newdirfd": 5, "newpath": "b"})
	into := event(t, "renameat2", 0, nil, map[string]any{"olddirfd": 77, "oldpath": "a", "newdirfd": 77, "newpath": "../b"})
	dup := event(t, "dup2", 0, &msg.File{Fd: 4, Local: inet("10.0.0.5:40000"), Remote: inet("1.2.3.4:4444")}, map[string]any{"oldfd": 4, "newfd": 0})
	trace := event(t, "ptrace", 0, nil, map[string]any{"request": 16, "pid": 3})
	setuid := event(t, "setuid", 0, nil, map[string]any{"uid": 0})
	exit := event(t, "sched_process_exit", 0, nil, map[string]any{"exit_code": 0x0300 | 0x80 | 9})
	for _, c := range []struct {
		name   string
		event  *fields.Event
		true_  []string
		false_ []string
	}{
		{"any", open, []string{
			"evt.type = openat", "syscall.type = openat", "evt.num = 9", "evt.cpu = 2", "evt.dir = <", "evt.source = syscall",
			"evt.hostname = node-1", "evt.rawtime = 1700000065000000000", "evt.rawtime.s = 1700000065", "evt.category = file",
			"evt.type.is.openat = 1", "evt.type.is.open = 0", "evt.around[1700000064000000000] = 1000",
			"proc.name = cat", "proc.exe = /bin/cat", "proc.exepath = /usr/bin/cat", `proc.cmdline = "cat a b c"`,
			`proc.exeline = "/bin/cat a b c"`, `proc.args = "a b c"`, "proc.args[1] = c", "not proc.args[2] exists", "proc.cmdnargs = 2", "proc.cmdlenargs = 4",
			"proc.pid = 7", "proc.ppid = 6", "proc.vpid = 9", "proc.pvpid = 1", "proc.sid = 1", "proc.sname = bash", "proc.pgid.name = cat",
			"proc.pname = bash", "proc.pcmdline = bash", "proc.aname[2] = containerd-shim", "not proc.aname[3] exists", "proc.aname = containerd-shim",
			"proc.aname[0] = cat", "not proc.aname = cat", "proc.apid in (5)", "proc.aargs = -x", "proc.acmdline = bash",
			"proc.env[HOME] = /root", `proc.env[NO] = ""`, "proc.env contains 'PATH='", "proc.aenv[A] = 1",
			"proc.cwd = /tmp/", "proc.tty = 34819", "proc.duration = 5000000000", "proc.pid.ts = 1700000060000000000",
			"proc.is_exe_upper_layer = true", "proc.is_exe_from_memfd = false", "proc.is_vpgid_leader = true", "proc.is_sid_leader = false",
			"proc.exe_ino = 42", "not proc.exe_ino.ctime exists", "proc.loginshellid = 6", "proc.stdin.type = pipe",
			`thread.cap_effective = "CAP_NET_ADMIN CAP_SYS_ADMIN"`, "thread.tid = 8", "thread.ismain = false", "thread.vtid = 10",
			"user.uid = 1000", "user.name = bob", "user.loginuid = -1", "user.loginname = <NA>", "group.name = root",
			"container.id = 0123456789ab", "container.full_id = 0123456789abcdef0123", "container.name = web", "container.type = docker",
			"container.image.repository = reg.example:5000/shop/web", "container.privileged = true",
			"container.mount.dest[/srv] = /data", "container.mount.source[/da*] = /srv", "container.mount[0] = /srv:/data::true:",
			"container.mount.rdwr[1] = false", "not container.mount.dest[/no*] exists", "container.label[app] = shop",
			"k8s.pod.name = web-1", "k8s.ns.name = shop", "k8s.pod.label[tier] = front", "not k8s.rc.name exists",
		}, []string{"evt.dir = >", "evt.is_async = true", "proc.vmsize exists", "container.label[no] exists"}},
		{"open", open, []string{
			"fd.name = /etc/passwd", "fd.nameraw = ../etc/passwd", "fd.directory = /etc", "fd.filename = passwd", "fd.num = 3", "fd.type = file", "fd.typechar = f",
			"evt.is_open_write = true", "evt.is_open_read = true", "evt.is_open_exec = true", "evt.arg.flags contains O_RDWR", "evt.arg.flags contains O_CREAT",
			"evt.arg.name = /etc/passwd", "evt.arg[2] = /etc/passwd", "evt.arg.fd = <f>/etc/passwd", "evt.rawarg.flags = 66", "evt.rawres = 3",
			"evt.res = SUCCESS", "evt.failed = false", "fs.path.name = /etc/passwd", "evt.arg.dirfd = AT_FDCWD", "evt.args contains 'name=/etc/passwd'",
		}, []string{"fd.sip exists", "evt.arg.oldpath exists", "evt.is_io = true"}},
		{"failed open", failed, []string{
			"fd.num = -1", "fd.name = /x/y", "fd.typechar = f", "evt.res = ENOENT", "evt.failed = true", "evt.arg.fd = ENOENT", "evt.count.error.file = 1",
		}, []string{"fd.filename exists", "evt.is_open_write = true", "fs.path.name exists"}},
		{"exec", exec, []string{
			"evt.type = execve", "syscall.type = execve", "evt.rawres = 0", "evt.arg.exe = /bin/cat", "evt.arg.flags = EXE_UPPER_LAYER", "evt.arg.uid = bob",
			"evt.rawarg.uid = 1000", "evt.arg.res = 0", "evt.rawarg.res = 0", "evt.arg.filename = <NA>", "evt.is_open_write = false",
		}, []string{"fd.name exists", "fd.num exists", "evt.arg.target exists"}},
		{"failed exec", noExec, []string{"evt.type = execve", "evt.arg.res = ENOENT", "evt.rawres < 0"}, nil},
		{"connect", connect, []string{
			"fd.type = ipv4", "fd.typechar = 4", "fd.l4proto = tcp", "fd.sockfamily = ip", "fd.sip = 1.2.3.4", "fd.sport = https", "fd.cip = 10.0.0.5", "fd.cport = 40000",
			"fd.lip = 10.0.0.5", "fd.rport = 443", "fd.name = 10.0.0.5:40000->1.2.3.4:443", "fd.net = 1.0.0.0/8", "fd.ip = 10.0.0.5", "fd.snet in (1.0.0.0/8)",
			"fd.connected = true", "fd.num = 4", "fd.sproto = https", "fd.is_server = false", "evt.arg.tuple contains 1.2.3.4:443", "fd.containername startswith 0123456789ab:",
		}, []string{"fd.filename exists", "fd.directory exists", "fd.ip = 4.4.4.4", "fd.port != 443", "fd.sip.name exists"}},
		{"connect without the socket", connectArg, []string{"fd.sip = 1.2.3.4", "fd.sport = 22", "fd.type = ipv4", "fd.connected = true", "evt.res = EINPROGRESS"}, []string{"fd.cip exists"}},
		{"accept", accept, []string{"fd.sport = 80", "fd.cip = 9.9.9.9", "fd.is_server = true", "fd.num = 7", "fd.l4proto = <NA>", "fd.lport = 80"}, nil},
		{"unix socket", unix, []string{"fd.type = unix", "fd.sockfamily = unix", "fd.name = /run/docker.sock", "fd.num = 5"}, []string{"fd.sip exists", "fd.l4proto exists"}},
		{
			"chmod", chmod,
			[]string{"evt.arg.mode contains S_ISUID", "evt.arg.mode contains S_IXOTH", "evt.arg.filename = /tmp/tool", "fs.path.name = /tmp/tool", "evt.abspath = /tmp/tool"},
			[]string{"evt.arg.mode contains S_IWOTH", "fd.name exists"},
		},
		{"rename", rename, []string{"evt.arg.oldpath = /tmp/a", "evt.arg.newpath = <UNKNOWN>/b", "evt.abspath.src = /tmp/a", "fs.path.source = /tmp/a", "fs.path.targetraw = b"}, nil},
		{"rename in a directory", into, []string{"evt.arg.oldpath = /srv/data/a", "evt.arg.newpath = /srv/b", "evt.abspath.dst = /srv/b", "fs.path.source = /srv/data/a", "fs.path.target = /srv/b"}, nil},
		{"dup", dup, []string{"fd.num = 4", "fd.type = ipv4", "fd.sport = 4444", "evt.rawres = 0"}, nil},
		{"ptrace", trace, []string{"evt.arg.request = PTRACE_ATTACH", "evt.rawarg.pid = 3"}, nil},
		{"setuid", setuid, []string{"evt.arg.uid = root", "evt.rawarg.uid = 0"}, nil},
		{"exit", exit, []string{"evt.type = procexit", "evt.rawarg.ret = 3", "evt.rawarg.sig = 9", "evt.rawarg.core = 1", "evt.rawarg.status = 905", "evt.arg.ret = 3"}, []string{"evt.rawres exists", "syscall.type exists"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, cond := range c.true_ {
				if !holds(t, c.event, cond) {
					t.Errorf("false: %s", cond)
				}
			}
			for _, cond := range c.false_ {
				if holds(t, c.event, cond) {
					t.Errorf("true: %s", cond)
				}
			}
		})
	}
}

// TestHost: outside of containers the id and the name say so, and nothing
// else is there.
func TestHost(t *testing.T) {
	var b msg.Builder
	p := b.Process(&msg.Process{Pid: 1, Comm: "init", LoginUid: 0, Cred: &msg.Credentials{}})
	b.Event(&msg.Event{Seq: 0, Type: 1001, Process: p})
	e := fields.NewEvent()
	e.Set(b.Take().Record(0))
	for _, cond := range []string{
		"container.id = host", "container.name = host", "not container.image exists", "not container.privileged exists",
		"not proc.pname exists", "not proc.aname exists", "user.name = root", "evt.num = 1", "not k8s.ns.name exists", "proc.tty = 0",
	} {
		if !holds(t, e, cond) {
			t.Errorf("false: %s", cond)
		}
	}
}

// TestStarted: a system call that started a program is not seen twice.
func TestStarted(t *testing.T) {
	typ, _ := catalogue.Lookup("execve")
	for ret, want := range map[int64]bool{0: false, -2: true} {
		var b msg.Builder
		p := b.Process(&msg.Process{Pid: 1})
		b.Event(&msg.Event{Type: uint32(typ.ID), Ret: ret, Process: p})
		if got := fields.NewEvent().Set(b.Take().Record(0)); got != want {
			t.Errorf("result %d: visible is %t", ret, got)
		}
	}
}

// TestTable: every field says where its value comes from, or why it has none,
// and can be read from any event of the catalogue without a panic.
func TestTable(t *testing.T) {
	table := fields.NewTable(map[string]string{"site": "north"})
	var refs []*fields.Ref
	for _, d := range table.All() {
		if d.Doc == "" || (d.From == "") == (d.Missing == "") {
			t.Errorf("%s: doc %q, from %q, missing %q", d.Name, d.Doc, d.From, d.Missing)
		}
		for _, f := range []struct {
			name, arg string
			has       bool
		}{{d.Name, "", false}, {d.Name, "1", true}, {d.Name, "x", true}, {d.Name + ".res", "", false}, {d.Name + ".name", "", false}} {
			if r, err := table.Resolve(f.name, f.arg, f.has); err == nil {
				refs = append(refs, r)
			}
		}
	}
	if len(refs) < len(table.All()) {
		t.Fatalf("only %d references to %d fields", len(refs), len(table.All()))
	}
	if r, err := table.Resolve("static.site", "", false); err != nil || r.Def.Name != "static.site" {
		t.Errorf("static field: %v", err)
	}
	for typ := range catalogue.All() {
		e := event(t, typ.Name, 0, nil, nil)
		for _, r := range refs {
			g := e.Bind(r)
			if g == nil {
				t.Fatalf("%s has no getter", r.Text)
			}
			read(g)
		}
	}
}

func read(g *fields.Getter) {
	if g.Str != nil {
		g.Str()
	}
	if g.Num != nil {
		g.Num()
	}
	if g.IP != nil {
		g.IP()
	}
	if g.List != nil {
		g.List()
	}
	if g.N != nil {
		for i := range g.N() {
			switch {
			case g.StrAt != nil:
				g.StrAt(i)
			case g.NumAt != nil:
				g.NumAt(i)
			case g.IPAt != nil:
				g.IPAt(i)
			}
		}
	}
}
