package container

import (
	"fmt"
	"strings"
	"testing"
)

const (
	hexA = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	hexB = "fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210"
	uid  = "6f8fa6a4-8b1c-4d8e-9a53-0f1b2c3d4e5f"
	uidU = "6f8fa6a4_8b1c_4d8e_9a53_0f1b2c3d4e5f"
)

func TestNamespaced(t *testing.T) {
	for path, want := range map[string]string{
		"/default/web": "default web false", "/k8s.io/x.y": "k8s.io x.y false", "/default/web/a/b": "default web true",
		"/": "", "/a": "", "/a/": "", "/system.slice/x": "", "/a/b.service": "", "/a/b.service/c": "", "": "", "//": "",
	} {
		got := ""
		if ns, id, inside, ok := Namespaced(path); ok {
			got = fmt.Sprint(ns, " ", id, " ", inside)
		}
		if got != want {
			t.Errorf("%q: %q, want %q", path, got, want)
		}
	}
}

func TestPathOf(t *testing.T) {
	docker := "/docker/" + hexA
	for _, c := range []struct{ name, text, want string }{
		{"version 2", "0::/user.slice/session-1.scope\n", "/user.slice/session-1.scope"},
		{"hybrid, container in the pids controller only", "9:name=systemd:/x\n8:pids:" + docker + "\n0::/system.slice/docker.service\n", docker},
		{"hybrid, on the host", "8:pids:/user.slice\n0::/user.slice/session-1.scope\n", "/user.slice/session-1.scope"},
		{"version 1, several controllers", "4:cpu,pids:/a:b\n", "/a:b"},
		{"only another controller tells", "8:pids:/\n4:memory:" + docker + "\n0::/\n", docker},
		{"removed", "0::" + docker + " (deleted)\n", docker},
		{"root", "8:pids:/\n0::/\n", "/"},
		{"nothing", "", ""},
		{"nonsense", "::\n:\nx\n1:2\n", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := PathOf([]byte(c.text)); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestParseImage(t *testing.T) {
	for name, want := range map[string][3]string{ // repository, tag, digest
		"alpine":                          {"alpine", "", ""},
		"alpine:3.20":                     {"alpine", "3.20", ""},
		"localhost:5000/a/b":              {"localhost:5000/a/b", "", ""},
		"localhost:5000/a/b:c":            {"localhost:5000/a/b", "c", ""},
		"quay.io/a/b@sha256:0123":         {"quay.io/a/b", "", "sha256:0123"},
		"quay.io/a/b:v1@sha256:0123":      {"quay.io/a/b", "v1", "sha256:0123"},
		"":                                {"", "", ""},
		"registry.example:443/x:y@sha256": {"registry.example:443/x", "y", "sha256"},
	} {
		im := ParseImage(name)
		if got := [3]string{im.Repository, im.Tag, im.Digest}; got != want || im.Name != name {
			t.Errorf("%q: got %q, want %q", name, got, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{
		"/", "/docker/" + hexA, "/a.slice:cri-containerd:" + hexA, "/kubepods/pod" + uid + "/" + hexA,
		"/lxc/x", "/lxc.payload.", "//", "/-" + hexA, "/:" + hexA, "0::/\n8:pids:/x",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, path string) {
		r, ok := Parse(path)
		switch {
		case !ok && (r.ID != "" || r.Runtime != "" || r.Parent != ""):
			t.Errorf("no container, yet %+v", r)
		case ok && r.ID == "":
			t.Error("a container without id")
		case ok && !strings.Contains(path, r.ID), ok && !strings.Contains(path, r.Parent):
			t.Errorf("%+v is not in the path", r)
		case ok && r.Runtime != "lxc" && !IsID(r.ID):
			t.Errorf("%q is no id", r.ID)
		}
		// What comes after a container's own cgroup does not change whose it is.
		if in, ok2 := Parse(path + "/inside"); ok && !strings.HasSuffix(strings.TrimRight(path, "/"), "lxc") {
			if !ok2 || in.ID != r.ID || in.Own {
				t.Errorf("inside of %+v is %+v", r, in)
			}
		}
		PathOf([]byte(path))
		Namespaced(path)
	})
}
