package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// row is what the table of deploy/compose/README.md says of a service.
type row struct {
	user         string
	capabilities []string
	namespaces   []string
	mounts       []string // "/path ro"
	networks     []string
}

// readTable reads the table.
func readTable(t *testing.T) map[string]row {
	t.Helper()
	b, err := os.ReadFile(composeDir + "/README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, ok := strings.Cut(string(b), "| service | user | capabilities | namespaces of the host | mounts | networks |\n")
	if !ok {
		t.Fatal("README.md has no table of who may do what")
	}
	rows := map[string]row{}
	for line := range strings.Lines(table) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		if len(cells) != 6 {
			break
		}
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		if strings.HasPrefix(cells[0], "-") {
			continue
		}
		mounts := strings.Split(strings.ReplaceAll(cells[4], "`", ""), ", ")
		slices.Sort(mounts)
		rows[cells[0]] = row{cells[1], words(cells[2]), words(cells[3]), mounts, words(cells[5])}
	}
	return rows
}

func words(cell string) (all []string) {
	if cell == "none" {
		return nil
	}
	all = strings.Fields(cell)
	slices.Sort(all)
	return all
}

// inspected is what the engine tells of a container.
type inspected struct {
	State           struct{ Pid int }
	AppArmorProfile string
	Config          struct{ User string }
	HostConfig      struct {
		CapAdd, CapDrop, SecurityOpt                       []string
		Privileged, ReadonlyRootfs                         bool
		PidMode, UTSMode, IpcMode, NetworkMode, UsernsMode string
		RestartPolicy                                      struct{ Name string }
		Memory, NanoCpus                                   int64
	}
	Mounts []struct {
		Destination string
		RW          bool
	}
	NetworkSettings struct{ Networks map[string]any }
}

// privileges holds the running containers against the table, by what the engine
// says and by what the kernel does.
func (s *stack) privileges(t *testing.T) {
	table := readTable(t)
	if len(table) != 5 {
		t.Fatalf("the table has %d services, want the 5 stages", len(table))
	}
	for service, want := range table {
		for _, c := range s.of(service) {
			var all []inspected
			if err := json.Unmarshal([]byte(s.try("inspect", c.ID)), &all); err != nil || len(all) != 1 {
				t.Fatalf("inspecting %s: %v", c.Name, err)
			}
			got := all[0]
			if have := got.row(); fmt.Sprint(have) != fmt.Sprint(want) {
				t.Errorf("%s is not as the table says:\n got %v\nwant %v", c.Name, have, want)
			}
			got.common(t, c.Name)
			kernel(t, c.Name, got.State.Pid, want)
			if out := s.exec(t, c, "tripline", "health"); !strings.HasSuffix(out, "ok\n") {
				t.Errorf("tripline health in %s: %q", c.Name, out)
			}
		}
	}
}

// exec runs a command in one container of a service: the image has no other
// program than tripline.
func (s *stack) exec(t *testing.T, c container, args ...string) string {
	t.Helper()
	index := c.Name[strings.LastIndex(c.Name, "-")+1:]
	return s.try(s.compose(append([]string{"exec", "-T", "--index", index, c.Service}, args...)...)...)
}

func (i inspected) row() row {
	user, _, _ := strings.Cut(i.Config.User, ":")
	r := row{user: user}
	for _, c := range i.HostConfig.CapAdd {
		r.capabilities = append(r.capabilities, strings.TrimPrefix(c, "CAP_"))
	}
	slices.Sort(r.capabilities)
	for _, n := range []struct{ name, mode string }{
		{"ipc", i.HostConfig.IpcMode},
		{"net", i.HostConfig.NetworkMode},
		{"pid", i.HostConfig.PidMode},
		{"user", i.HostConfig.UsernsMode},
		{"uts", i.HostConfig.UTSMode},
	} {
		if n.mode == "host" {
			r.namespaces = append(r.namespaces, n.name)
		}
	}
	for _, m := range i.Mounts {
		mode := "ro"
		if m.RW {
			mode = "rw"
		}
		r.mounts = append(r.mounts, m.Destination+" "+mode)
	}
	slices.Sort(r.mounts)
	for name := range i.NetworkSettings.Networks {
		r.networks = append(r.networks, strings.TrimPrefix(name, "tripline_"))
	}
	slices.Sort(r.networks)
	return r
}

// common is what the text around the table says of every stage.
func (i inspected) common(t *testing.T, name string) {
	t.Helper()
	h := i.HostConfig
	switch {
	case h.Privileged:
		t.Errorf("%s is privileged", name)
	case !h.ReadonlyRootfs:
		t.Errorf("%s may write to its root", name)
	case !slices.Equal(h.CapDrop, []string{"ALL"}):
		t.Errorf("%s drops %v, want ALL", name, h.CapDrop)
	case !slices.Contains(h.SecurityOpt, "no-new-privileges:true"):
		t.Errorf("%s lacks no-new-privileges: %v", name, h.SecurityOpt)
	case slices.ContainsFunc(h.SecurityOpt, func(o string) bool { return strings.HasPrefix(o, "seccomp") }):
		t.Errorf("%s is not under the engine's own seccomp profile: %v", name, h.SecurityOpt)
	case h.Memory == 0 || h.NanoCpus == 0:
		t.Errorf("%s has no limit of memory or processors", name)
	case h.RestartPolicy.Name != "unless-stopped":
		t.Errorf("%s is restarted %q", name, h.RestartPolicy.Name)
	}
}

// capNumbers are those of linux/capability.h that the table may name.
func capNumbers() map[string]int {
	return map[string]int{"DAC_READ_SEARCH": 2, "SYS_PTRACE": 19, "SYS_ADMIN": 21}
}

// kernel asks the kernel what the container's first process has.
func kernel(t *testing.T, name string, pid int, want row) {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	field := func(key string) string {
		m := regexp.MustCompile(`(?m)^` + key + `:\s+(\S+)`).FindSubmatch(b)
		if m == nil {
			t.Fatalf("%s: /proc/%d/status has no %s", name, pid, key)
		}
		return string(m[1])
	}
	var mask uint64
	for _, c := range want.capabilities {
		bit, ok := capNumbers()[c]
		if !ok {
			t.Fatalf("the table names %s, which this test does not know", c)
		}
		mask |= 1 << bit
	}
	for _, set := range []string{"CapPrm", "CapEff", "CapBnd"} {
		got, err := strconv.ParseUint(field(set), 16, 64)
		if err != nil || got != mask {
			t.Errorf("%s: %s is %x, want %x for %v", name, set, got, mask, want.capabilities)
		}
	}
	if field("Uid") != want.user || field("NoNewPrivs") != "1" || field("Seccomp") != "2" {
		t.Errorf("%s: Uid %s, NoNewPrivs %s, Seccomp %s; want %s, 1, 2 (a filter)", name, field("Uid"), field("NoNewPrivs"), field("Seccomp"), want.user)
	}
}
