package rego

import (
	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/tripline/tripline/pkg/msg"
)

// maxAncestors bounds how many ancestors a rule sees.
const maxAncestors = 16

// process is input.process. Its names are those of msg.ProcessJSON; times are
// numbers, in ns since the epoch.
func (d *document) process(p *msg.Process) part {
	if v, ok := d.procs[p]; ok {
		return v
	}
	m := map[string]any{
		"pid": int64(p.Pid), "ppid": int64(p.Ppid), "ns_pid": int64(p.NsPid), "ns_ppid": int64(p.NsPpid),
		"start_time": d.batch.BootTime + int64(p.StartTime), "comm": d.text(p.Comm), "args": d.texts(p.Args),
		"cwd": d.text(p.Cwd), "tty": int64(p.Tty), "sid": int64(p.Sid), "pgid": int64(p.Pgid),
		"user": d.text(p.User), "group": d.text(p.Group), "cgroup": d.text(p.Cgroup),
	}
	if x := p.Exe; x != nil {
		m["exe"] = d.text(x.Path)
		m["exe_upper_layer"], m["exe_writable"], m["exe_memfd"] = x.UpperLayer, x.Writable, x.Memfd
		m["exe_inode"], m["exe_ctime"], m["exe_mtime"] = unsigned(x.Inode), x.Ctime, x.Mtime
	}
	if c := p.Cred; c != nil {
		m["uid"], m["gid"], m["euid"], m["egid"] = int64(c.Uid), int64(c.Gid), int64(c.Euid), int64(c.Egid)
		m["login_uid"], m["login_user"] = int64(p.LoginUid), d.text(p.LoginUser)
		m["cap_effective"], m["cap_permitted"] = unsigned(c.CapEffective), unsigned(c.CapPermitted)
	}
	if n := p.Ns; n != nil {
		m["namespaces"] = map[string]any{
			"mnt": int64(n.Mnt), "pid": int64(n.Pid), "net": int64(n.Net), "user": int64(n.User),
			"uts": int64(n.Uts), "ipc": int64(n.Ipc), "cgroup": int64(n.Cgroup), "time": int64(n.Time),
		}
	}
	ancestors := make([]any, 0, min(len(p.Ancestors), maxAncestors))
	for _, i := range p.Ancestors[:min(len(p.Ancestors), maxAncestors)] {
		a := d.batch.Processes[i]
		ancestors = append(ancestors, map[string]any{
			"pid": int64(a.Pid), "comm": d.text(a.Comm), "exe": d.text(a.Exe.GetPath()), "args": d.texts(a.Args),
		})
	}
	m["ancestors"] = ancestors
	v := part{plain: m, value: ast.LazyObject(m)}
	d.procs[p] = v
	return v
}

// container is input.container, with the names of msg.ContainerJSON.
func (d *document) container(c *msg.Container) part {
	if v, ok := d.conts[c]; ok {
		return v
	}
	mounts := make([]any, 0, len(c.Mounts))
	for _, x := range c.Mounts {
		mounts = append(mounts, map[string]any{
			"source": d.text(x.Source), "destination": d.text(x.Destination), "mode": d.text(x.Mode), "writable": x.Writable,
		})
	}
	m := map[string]any{
		"id": d.text(c.Id), "runtime": d.text(c.Runtime), "name": d.text(c.Name),
		"image": d.text(c.Image.GetName()), "image_id": d.text(c.Image.GetId()), "image_repository": d.text(c.Image.GetRepository()),
		"image_tag": d.text(c.Image.GetTag()), "image_digest": d.text(c.Image.GetDigest()),
		"labels": d.labels(c.Labels), "mounts": mounts, "privileged": c.Privileged,
		"host_pid": c.HostPid, "host_network": c.HostNetwork, "host_ipc": c.HostIpc,
		"completeness": c.Completeness.Text(),
	}
	v := part{plain: m, value: ast.LazyObject(m)}
	d.conts[c] = v
	return v
}

// pod is input.pod, with the names of msg.PodJSON.
func (d *document) pod(p *msg.Pod) map[string]any {
	return map[string]any{
		"name": d.text(p.Name), "namespace": d.text(p.Namespace), "uid": d.text(p.Uid), "labels": d.labels(p.Labels),
	}
}

// file is input.file: what the descriptor that the event is about refers to.
func (d *document) file(f *msg.File) map[string]any {
	out := map[string]any{"fd": int64(f.Fd), "path": d.text(f.Path), "inode": unsigned(f.Inode)}
	if f.Local != nil {
		out["local"] = d.text(f.Local.Text())
	}
	if f.Remote != nil {
		out["remote"] = d.text(f.Remote.Text())
	}
	return out
}

func (d *document) labels(m map[string]string) map[string]any {
	out := make(map[string]any, len(m))
	for k, v := range m {
		out[d.text(k)] = d.text(v)
	}
	return out
}
