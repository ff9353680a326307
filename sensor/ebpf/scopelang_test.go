package ebpf

import (
	"strings"
	"testing"
)

func TestScopeLanguage(t *testing.T) {
	id := strings.Repeat("0f", 32)
	for _, c := range []struct{ scope, want string }{
		{"container", ""},
		{"container follow uid!=0,1000", ""},
		{"container=" + id[:12], ""},
		{"container=new", ""},
		{"host comm=sshd,cron", ""},
		{"exe=/usr/sbin/nginx", ""},
		{"process=new tree=1", ""},
		{"containers", `"containers" is about nothing`},
		{"container=web", `expected 12 to 64 digits of it`},
		{"container!=new", `there is no != here`},
		{"container!", `there is no != here`},
		{"host=1", `host takes no value`},
		{"host container", `choose one`},
		{"pid", `expected pid=VALUE`},
		{"pid=", `"" is not a number`},
		{"pid=-1", `"-1" is not a number from 0 to 4294967295`},
		{"uid=root", `"root" is not a number`},
		{"comm=averyverylongname", `no thread's name`},
		{"exe=nginx", `not an absolute path`},
		{"process=old", `"old" is not "new"`},
		{"follow", `goes with another condition`},
	} {
		_, err := Scope(strings.Fields(c.scope)).read()
		switch {
		case c.want == "" && err != nil:
			t.Errorf("%s: %v", c.scope, err)
		case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%s: error %v, want %q", c.scope, err, c.want)
		}
	}
}

func TestContainerOf(t *testing.T) {
	id, other := strings.Repeat("0f", 32), strings.Repeat("ab", 32)
	for _, c := range []struct {
		path, id string
		ok       bool
	}{
		{"/", "", false},
		{"/system.slice/ssh.service", "", false},
		{"/docker/" + id, id, true},
		{"/docker/" + id + "/init.scope", id, true},
		{"/system.slice/docker-" + id + ".scope", id, true},
		{"/kubepods/besteffort/pod1234/" + id, id, true},
		{"/machine.slice/libpod-conmon-" + id + ".scope", "", false},
		{"/machine.slice/libpod-" + id + ".scope/container", id, true},
		{"/docker/" + id + "/docker/" + other, other, true},
		{"/docker/" + id + "a", "", false},
		{"/docker/" + id[1:], "", false},
		{"/lxc.payload.web", "", true},
		{"/lxc.monitor.web", "", false},
		{"/lxc/web", "", true},
	} {
		if got, ok := containerOf(c.path); got != c.id || ok != c.ok {
			t.Errorf("%s: %q %v, want %q %v", c.path, got, ok, c.id, c.ok)
		}
	}
}
