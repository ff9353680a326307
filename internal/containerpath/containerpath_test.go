package containerpath

import (
	"strings"
	"testing"
)

const (
	hexA = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	hexB = "fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210"
	uid  = "6f8fa6a4-8b1c-4d8e-9a53-0f1b2c3d4e5f"
	uidU = "6f8fa6a4_8b1c_4d8e_9a53_0f1b2c3d4e5f"
)

func TestParse(t *testing.T) {
	slice := "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod" + uidU + ".slice"
	guaranteed := "/kubepods.slice/kubepods-pod" + uidU + ".slice"
	user := "/user.slice/user-1000.slice/user@1000.service"
	a := Ref{ID: hexA, Own: true}
	with := func(runtime, pod string) Ref { r := a; r.Runtime, r.PodUID = runtime, pod; return r }
	inside := func(r Ref) Ref { r.Own = false; return r }
	for _, c := range []struct {
		name, path string
		want       Ref
	}{
		{"Docker, systemd", "/system.slice/docker-" + hexA + ".scope", with("docker", "")},
		{"Docker, cgroupfs", "/docker/" + hexA, with("docker", "")},
		{"Docker, CI runner", "/actions_job/" + hexA, with("docker", "")},
		{"Docker, in a cgroup that it made", "/docker/" + hexA + "/init.scope", inside(with("docker", ""))},
		{"Docker, rootless", user + "/user.slice/docker-" + hexA + ".scope", with("docker", "")},
		{"containerd by CRI, systemd", slice + "/cri-containerd-" + hexA + ".scope", with("containerd", uid)},
		{"containerd by CRI, guaranteed", guaranteed + "/cri-containerd-" + hexA + ".scope", with("containerd", uid)},
		{"containerd by CRI, cgroupfs", "/kubepods/besteffort/pod" + uid + "/" + hexA, with("", uid)},
		{"containerd by CRI, cgroupfs, guaranteed", "/kubepods/pod" + uid + "/" + hexA, with("", uid)},
		{"containerd by CRI, mixed", "/system.slice/containerd.service/kubepods-burstable-pod" + uidU + ".slice:cri-containerd:" + hexA, with("containerd", uid)},
		{"CRI-O, systemd", slice + "/crio-" + hexA + ".scope", with("crio", uid)},
		{"CRI-O, cgroupfs", "/kubepods/burstable/pod" + uid + "/crio-" + hexA, with("crio", uid)},
		{"cri-dockerd, systemd", slice + "/docker-" + hexA + ".scope", with("docker", uid)},
		{"cri-dockerd, cgroupfs", "/kubepods/burstable/pod" + uid + "/" + hexA, with("", uid)},
		{"Podman, systemd", "/machine.slice/libpod-" + hexA + ".scope", with("podman", "")},
		{"Podman, systemd, inside", "/machine.slice/libpod-" + hexA + ".scope/container", inside(with("podman", ""))},
		{"Podman, cgroupfs", "/libpod_parent/libpod-" + hexA, with("podman", "")},
		{"Podman, split, systemd", "/system.slice/app.service/libpod-payload-" + hexA + ".scope", with("podman", "")},
		{"Podman, split, cgroupfs", "/system.slice/app.service/libpod-payload-" + hexA, with("podman", "")},
		{"Podman, rootless, systemd", user + "/user.slice/libpod-" + hexA + ".scope/container", inside(with("podman", ""))},
		{"Podman, rootless, cgroupfs", user + "/libpod-" + hexA, with("podman", "")},
		{"nerdctl, systemd", "/system.slice/nerdctl-" + hexA + ".scope", with("containerd", "")},
		{"nerdctl, cgroupfs", "/default/" + hexA, with("", "")},
		{
			"kind", "/docker-" + hexB + ".scope/kubelet/kubepods/burstable/pod" + uid + "/" + hexA,
			Ref{ID: hexA, Parent: hexB, PodUID: uid, Own: true},
		},
		{
			"kind, systemd inside", "/system.slice/docker-" + hexB + ".scope/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-pod" + uidU + ".slice/cri-containerd-" + hexA + ".scope",
			Ref{ID: hexA, Runtime: "containerd", Parent: hexB, PodUID: uid, Own: true},
		},
		{"Docker in Docker", "/docker/" + hexB + "/docker/" + hexA, Ref{ID: hexA, Runtime: "docker", Parent: hexB, Own: true}},
		{"LXC, payload", "/lxc.payload.web/system.slice/ssh.service", Ref{ID: "web", Runtime: "lxc"}},
		{"LXC", "/lxc/web", Ref{ID: "web", Runtime: "lxc", Own: true}},
		{"Docker in LXC", "/lxc.payload.web/docker/" + hexA, Ref{ID: hexA, Runtime: "docker", Parent: "web", Own: true}},
		{"bare", "/" + hexA, with("", "")},
		{"under a parent chosen by the user", "/my/parent/" + hexA, with("", "")},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, ok := Parse(c.path)
			if !ok || got != c.want {
				t.Errorf("%s\n got %+v %v\nwant %+v", c.path, got, ok, c.want)
			}
		})
	}
	for _, path := range []string{
		"", "/", "/init.scope", "/system.slice/docker.service", "/user.slice/user-0.slice/session-1.scope",
		"/machine.slice/libpod-conmon-" + hexA + ".scope", "/system.slice/crio-conmon-" + hexA + ".scope",
		"/docker", "/docker/buildkit/abc", "/kubepods/burstable/pod" + uid, slice,
		"/system.slice/docker-" + hexA[1:] + ".scope", "/docker/" + strings.ToUpper(hexA), "/x" + hexA, "/lxc.monitor.web",
		"/process_api/0123456789abcdef0123456789abcdef",
	} {
		if r, ok := Parse(path); ok {
			t.Errorf("%q is taken for container %+v", path, r)
		}
	}
}
