package msg

import (
	"bytes"
	"encoding/json"
	"time"

	"github.com/tripline/tripline/pkg/msg/catalogue"
)

// EventJSON is an event as people and rules' authors read it: what the live
// mirror and detections carry.
type EventJSON struct {
	Host   string    `json:"host"`
	BootID string    `json:"boot_id"`
	Seq    uint64    `json:"seq"`
	Time   time.Time `json:"time"`
	Name   string    `json:"name"`
	// Return is the return value of a system call, 0 for other events; Error
	// names it when it is an error: "ENOENT".
	Return int64     `json:"return"`
	Error  string    `json:"error,omitempty"`
	CPU    uint32    `json:"cpu"`
	TID    int32     `json:"tid"`
	Comm   string    `json:"comm"`
	Args   []ArgJSON `json:"args"`
	File   *FileJSON `json:"file,omitempty"`
	// Dirs are the directories that descriptors among the arguments stand for.
	Dirs []FileJSON `json:"dirs,omitempty"`
	// Count is how many identical events this one stands for, left out for one.
	Count     uint32         `json:"count,omitempty"`
	Notes     []string       `json:"notes,omitempty"`
	Process   *ProcessJSON   `json:"process,omitempty"`
	Container *ContainerJSON `json:"container,omitempty"`
}

// ArgJSON is one argument: flags and enumerations by name in Value with the
// number in Raw, bytes as base64, an absent value as null.
type ArgJSON struct {
	Name  string `json:"name"`
	Type  string `json:"type"`
	Value any    `json:"value"`
	Raw   *int64 `json:"raw,omitempty"`
}

// CredJSON is credentials; capabilities are bit sets, bit 0 being CAP_CHOWN.
type CredJSON struct {
	UID            uint32 `json:"uid"`
	GID            uint32 `json:"gid"`
	SUID           uint32 `json:"suid"`
	SGID           uint32 `json:"sgid"`
	EUID           uint32 `json:"euid"`
	EGID           uint32 `json:"egid"`
	FSUID          uint32 `json:"fsuid"`
	FSGID          uint32 `json:"fsgid"`
	UserNS         uint32 `json:"user_ns"`
	SecureBits     uint32 `json:"secure_bits"`
	CapInheritable uint64 `json:"cap_inheritable"`
	CapPermitted   uint64 `json:"cap_permitted"`
	CapEffective   uint64 `json:"cap_effective"`
	CapBounding    uint64 `json:"cap_bounding"`
	CapAmbient     uint64 `json:"cap_ambient"`
}

// FileJSON is the descriptor an event is about.
type FileJSON struct {
	FD     int32  `json:"fd"`
	Path   string `json:"path,omitempty"`
	Inode  uint64 `json:"inode,omitempty"`
	Local  string `json:"local,omitempty"`
	Remote string `json:"remote,omitempty"`
}

// ProcessJSON is a process; ancestors are listed parent first.
type ProcessJSON struct {
	PID       int32          `json:"pid"`
	StartTime time.Time      `json:"start_time"`
	PPID      int32          `json:"ppid"`
	NSPID     int32          `json:"ns_pid"`
	Comm      string         `json:"comm"`
	Exe       string         `json:"exe,omitempty"`
	Args      []string       `json:"args,omitempty"`
	CWD       string         `json:"cwd,omitempty"`
	TTY       uint32         `json:"tty,omitempty"`
	SID       int32          `json:"sid,omitempty"`
	UID       *uint32        `json:"uid,omitempty"`
	GID       *uint32        `json:"gid,omitempty"`
	EUID      *uint32        `json:"euid,omitempty"`
	User      string         `json:"user,omitempty"`
	LoginUID  *uint32        `json:"login_uid,omitempty"`
	LoginUser string         `json:"login_user,omitempty"`
	Cgroup    string         `json:"cgroup,omitempty"`
	Ancestors []AncestorJSON `json:"ancestors,omitempty"`
	// HealthCheck names the check of its container that the process runs:
	// runtime, liveness, readiness or startup.
	HealthCheck string `json:"health_check,omitempty"`
	Knowledge   string `json:"knowledge"`
}

// AncestorJSON is the short form of a process above another.
type AncestorJSON struct {
	PID  int32    `json:"pid"`
	Comm string   `json:"comm"`
	Exe  string   `json:"exe,omitempty"`
	Args []string `json:"args,omitempty"`
}

// ContainerJSON is a container with its pod.
type ContainerJSON struct {
	ID           string            `json:"id"`
	Runtime      string            `json:"runtime,omitempty"`
	Name         string            `json:"name,omitempty"`
	Image        string            `json:"image,omitempty"`
	ImageID      string            `json:"image_id,omitempty"`
	Labels       map[string]string `json:"labels,omitempty"`
	Privileged   bool              `json:"privileged"`
	IP           string            `json:"ip,omitempty"`
	Parent       string            `json:"parent,omitempty"`
	Completeness string            `json:"completeness"`
	Pod          *PodJSON          `json:"pod,omitempty"`
}

// PodJSON is a Kubernetes pod.
type PodJSON struct {
	Name      string            `json:"name"`
	Namespace string            `json:"namespace"`
	UID       string            `json:"uid,omitempty"`
	Labels    map[string]string `json:"labels,omitempty"`
	SandboxID string            `json:"sandbox_id,omitempty"`
	IP        string            `json:"ip,omitempty"`
}

// JSON makes the readable form of the event. It copies nothing it can share,
// so it lives no longer than the batch.
func (r Record) JSON() *EventJSON {
	e := r.Event
	out := &EventJSON{
		Host: r.Batch.Host, BootID: r.Batch.BootId, Seq: e.Seq,
		Time: time.Unix(0, e.Time).UTC(), Name: r.Name(), Return: e.Ret,
		CPU: e.Cpu, TID: e.Tid, Comm: r.Comm(),
		Args:    make([]ArgJSON, 0, r.NumArgs()),
		Process: r.processJSON(),
	}
	if n, failed := catalogue.Failed(e.Ret); failed {
		out.Error = catalogue.Errno(n)
	}
	if e.Count > 1 {
		out.Count = e.Count
	}
	for i := range r.NumArgs() {
		out.Args = append(out.Args, r.argJSON(i))
	}
	if f := r.File(); f != nil {
		out.File = &FileJSON{FD: f.Fd, Path: f.Path, Inode: f.Inode}
		if f.Local != nil {
			out.File.Local = f.Local.Text()
		}
		if f.Remote != nil {
			out.File.Remote = f.Remote.Text()
		}
	}
	for _, i := range e.Dirs {
		if i == 0 || uint64(i) > uint64(len(r.Batch.Files)) {
			continue
		}
		f := r.Batch.Files[i-1]
		out.Dirs = append(out.Dirs, FileJSON{FD: f.Fd, Path: f.Path, Inode: f.Inode})
	}
	for _, n := range []struct {
		flag EventFlag
		text string
	}{
		{EventFlag_EVENT_FLAG_COMPAT, "32-bit call"},
		{EventFlag_EVENT_FLAG_X32, "x32 call"},
		{EventFlag_EVENT_FLAG_TRUNCATED, "truncated"},
		{EventFlag_EVENT_FLAG_MISMATCH, "name in user memory differs from the kernel's"},
		{EventFlag_EVENT_FLAG_EXISTING, "existed before the sensor"},
	} {
		if e.Flags&uint32(n.flag) != 0 {
			out.Notes = append(out.Notes, n.text)
		}
	}
	if c := r.Container(); c != nil {
		out.Container = c.JSON()
	}
	return out
}

func (r Record) argJSON(i int) ArgJSON {
	p := &r.Type.Params[i]
	a := ArgJSON{Name: p.Name, Type: p.Type}
	v, ok := r.ArgAt(i)
	if !ok {
		return a
	}
	switch p.Kind {
	case catalogue.Bytes:
		a.Value = v.Bytes()
	case catalogue.Strings:
		if a.Value = v.Strings(); len(v.Strings()) == 0 {
			a.Value = []string{}
		}
	case catalogue.Bool:
		a.Value = v.Word != 0
	case catalogue.SockAddr:
		a.Value = v.Addr().Text()
	case catalogue.Cred:
		a.Value = v.Cred().json()
	case catalogue.Flags, catalogue.Enum, catalogue.Signal, catalogue.Mode, catalogue.Pointer:
		raw := v.Word
		a.Value, a.Raw = v.Text(), &raw
	case catalogue.Uint:
		a.Value = uint64(v.Word)
	case catalogue.String, catalogue.Path:
		a.Value = v.Str()
	default:
		a.Value = v.Word
	}
	return a
}

func (r Record) processJSON() *ProcessJSON {
	p := r.Process()
	out := &ProcessJSON{
		PID: p.Pid, StartTime: time.Unix(0, r.Batch.BootTime+int64(p.StartTime)).UTC(),
		PPID: p.Ppid, NSPID: p.NsPid, Comm: p.Comm, Exe: p.Exe.GetPath(), Args: p.Args,
		CWD: p.Cwd, TTY: p.Tty, SID: p.Sid, User: p.User, LoginUser: p.LoginUser,
		Cgroup: p.Cgroup, HealthCheck: healthCheck(p.Flags), Knowledge: p.Knowledge.text(),
	}
	if c := p.Cred; c != nil {
		out.UID, out.GID, out.EUID = &c.Uid, &c.Gid, &c.Euid
		out.LoginUID = &p.LoginUid
	}
	for i := range p.Ancestors {
		a := r.Ancestor(i + 1)
		if a == nil {
			break
		}
		out.Ancestors = append(out.Ancestors, AncestorJSON{PID: a.Pid, Comm: a.Comm, Exe: a.Exe.GetPath(), Args: a.Args})
	}
	return out
}

// healthCheck names the check that the flags of a process tell of.
func healthCheck(flags uint32) string {
	for _, x := range []struct {
		flag ProcessFlag
		name string
	}{
		{ProcessFlag_PROCESS_FLAG_HEALTHCHECK, "runtime"},
		{ProcessFlag_PROCESS_FLAG_LIVENESS, "liveness"},
		{ProcessFlag_PROCESS_FLAG_READINESS, "readiness"},
		{ProcessFlag_PROCESS_FLAG_STARTUP, "startup"},
	} {
		if flags&uint32(x.flag) != 0 {
			return x.name
		}
	}
	return ""
}

func (k Knowledge) text() string {
	switch k {
	case Knowledge_KNOWLEDGE_KERNEL:
		return "kernel"
	case Knowledge_KNOWLEDGE_PROC:
		return "proc"
	case Knowledge_KNOWLEDGE_INHERITED:
		return "inherited"
	default:
		return "thin"
	}
}

// Text names how much is known of a container: none, partial or complete.
func (c Completeness) Text() string {
	switch c {
	case Completeness_COMPLETENESS_COMPLETE:
		return "complete"
	case Completeness_COMPLETENESS_PARTIAL:
		return "partial"
	default:
		return "none"
	}
}

// JSON makes the readable form of a container.
func (c *Container) JSON() *ContainerJSON {
	out := &ContainerJSON{
		ID: c.Id, Runtime: c.Runtime, Name: c.Name, Image: c.Image.GetName(), ImageID: c.Image.GetId(),
		Labels: c.Labels, Privileged: c.Privileged, Completeness: c.Completeness.Text(),
		IP: c.Ip, Parent: c.Parent,
	}
	if p := c.Pod; p != nil {
		out.Pod = &PodJSON{Name: p.Name, Namespace: p.Namespace, UID: p.Uid, Labels: p.Labels, SandboxID: p.SandboxId, IP: p.Ip}
	}
	return out
}

func (c *Credentials) json() CredJSON {
	return CredJSON{
		UID: c.GetUid(), GID: c.GetGid(), SUID: c.GetSuid(), SGID: c.GetSgid(),
		EUID: c.GetEuid(), EGID: c.GetEgid(), FSUID: c.GetFsuid(), FSGID: c.GetFsgid(),
		UserNS: c.GetUserNs(), SecureBits: c.GetSecurebits(),
		CapInheritable: c.GetCapInheritable(), CapPermitted: c.GetCapPermitted(),
		CapEffective: c.GetCapEffective(), CapBounding: c.GetCapBounding(), CapAmbient: c.GetCapAmbient(),
	}
}

// MarshalJSONLine renders the event on one line without a line end. Control
// characters are escaped and bytes that are not UTF-8 replaced; '<', '>' and
// '&' are left as they are, so that a command line stays readable.
func (e *EventJSON) MarshalJSONLine() ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(e); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte{'\n'}), nil
}
