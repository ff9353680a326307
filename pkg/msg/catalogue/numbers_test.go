package catalogue_test

import (
	"go/constant"
	"go/importer"
	"go/token"
	"go/types"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/tripline/tripline/pkg/msg/catalogue"
)

// header reads the system call numbers of one of Linux's unistd headers.
func header(t *testing.T, pattern string, paths ...string) map[string]int {
	t.Helper()
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		nrs := map[string]int{}
		for _, m := range regexp.MustCompile(pattern).FindAllStringSubmatch(string(text), -1) {
			n, err := strconv.Atoi(m[2])
			if err != nil {
				t.Fatalf("%s: %q: %v", path, m[0], err)
			}
			nrs[m[1]] = n
		}
		if len(nrs) < 300 {
			t.Fatalf("%s: only %d numbers found", path, len(nrs))
		}
		return nrs
	}
	t.Skipf("needs the kernel's headers: none of %v is installed (linux-libc-dev)", paths)
	return nil
}

const define = `(?m)^#define __NR_(\w+)\s+(\d+)\s*$`

func TestNumbersX86(t *testing.T) {
	nrs := header(t, define, "/usr/include/asm/unistd_64.h", "/usr/include/x86_64-linux-gnu/asm/unistd_64.h")
	// Tracee's users know it without the underscore.
	nrs["sysctl"] = nrs["_sysctl"]
	delete(nrs, "_sysctl")
	for name, nr := range nrs {
		e, ok := catalogue.Lookup(name)
		switch {
		case !ok:
			t.Errorf("system call %s (%d) is not in the catalogue", name, nr)
		case e.NrX86 != nr || e.ID != catalogue.ID(nr):
			t.Errorf("%s has number %d and id %d, the header says %d", name, e.NrX86, e.ID, nr)
		}
	}
}

func TestNumbersX32(t *testing.T) {
	nrs := header(t, `(?m)^#define __NR_(\w+)\s+\(__X32_SYSCALL_BIT \+ (\d+)\)`,
		"/usr/include/asm/unistd_x32.h", "/usr/include/x86_64-linux-gnu/asm/unistd_x32.h")
	newest := 0
	for name, nr := range nrs {
		newest = max(newest, nr%512)
		if e, ok := catalogue.Lookup(name); !ok || e.NrX32 != nr {
			t.Errorf("%s: x32 number %d is not in the catalogue", name, nr)
		}
	}
	for e := range catalogue.All() {
		if _, ok := nrs[e.Name]; !ok && e.NrX32 >= 0 && e.NrX86 <= newest {
			t.Errorf("%s has x32 number %d, the header has none", e.Name, e.NrX32)
		}
	}
}

func TestNumbersI386(t *testing.T) {
	nrs := header(t, define, "/usr/include/asm/unistd_32.h", "/usr/include/x86_64-linux-gnu/asm/unistd_32.h")
	byNr := map[int]*catalogue.Event{}
	for e := range catalogue.All() {
		if e.NrI386 >= 0 {
			if other := byNr[e.NrI386]; other != nil {
				t.Errorf("%s and %s share i386 number %d", e.Name, other.Name, e.NrI386)
			}
			byNr[e.NrI386] = e
		}
	}
	// The header's name of a number and ours differ only by what tells the
	// forms of a call apart.
	plain := func(s string) string {
		for _, x := range []string{"_time64", "_time32", "64", "32", "16"} {
			s = strings.TrimSuffix(s, x)
		}
		for _, x := range []string{"_new", "old_", "_", "u", "new"} {
			s = strings.TrimPrefix(s, x)
		}
		return s
	}
	for name, nr := range nrs {
		e := byNr[nr]
		if e == nil {
			t.Errorf("i386 call %s (%d) is not in the catalogue", name, nr)
		} else if plain(e.Name) != plain(name) {
			t.Errorf("i386 number %d is %s in the header, %s here", nr, name, e.Name)
		}
	}
}

func TestNumbersArm64(t *testing.T) {
	nrs := header(t, `(?m)^#define __NR(?:3264)?_(\w+)\s+(\d+)\s*$`,
		"/usr/include/asm-generic/unistd.h")
	delete(nrs, "syscalls") // how many there are
	newest := 0
	byNr := map[int]bool{}
	for _, nr := range nrs {
		newest = max(newest, nr)
	}
	for e := range catalogue.All() {
		if e.NrArm64 < 0 || e.NrArm64 > newest {
			continue
		}
		byNr[e.NrArm64] = true
		name := e.Name
		if name == "newfstatat" {
			name = "fstatat" // the header renames it below
		}
		if nr, ok := nrs[name]; !ok || nr != e.NrArm64 {
			t.Errorf("%s has arm64 number %d, the header says %d (%v)", e.Name, e.NrArm64, nr, ok)
		}
	}
	for name, nr := range nrs {
		// 244 to 259 are for each architecture's own calls, of which arm64 has
		// none; 403 to 423 are for 32-bit programs.
		ours := nr >= 244 && nr <= 259 || nr >= 403 && nr <= 423
		if !ours && !byNr[nr] {
			t.Errorf("arm64 call %s (%d) is not in the catalogue", name, nr)
		}
	}
}

// TestValuesOfSystemPackage compares every name that golang.org/x/sys/unix
// also has with its number there.
func TestValuesOfSystemPackage(t *testing.T) {
	unix, err := importer.ForCompiler(token.NewFileSet(), "source", nil).Import("golang.org/x/sys/unix")
	if err != nil {
		t.Fatalf("golang.org/x/sys/unix: %v", err)
	}
	// The same name, another thing: numbers of socketcall, which the package
	// gives those of the system calls of its own, and what libc defines away
	// on 64 bits.
	other := func(v *catalogue.Values, name string) bool {
		return v.Name == "socketcall" || name == "O_LARGEFILE" ||
			slices.Contains([]string{"F_GETLK64", "F_SETLK64", "F_SETLKW64"}, name)
	}
	checked := 0
	for _, v := range allValues(t) {
		for _, x := range v.List {
			c, ok := unix.Scope().Lookup(x.Name).(*types.Const)
			if !ok || other(v, x.Name) {
				continue
			}
			checked++
			n, exact := constant.Uint64Val(constant.ToInt(c.Val()))
			if !exact {
				i, _ := constant.Int64Val(constant.ToInt(c.Val()))
				n = uint64(i)
			}
			if n != x.Num && uint32(n) != uint32(x.Num) {
				t.Errorf("%s: %s is %#x, golang.org/x/sys/unix says %#x", v.Name, x.Name, x.Num, n)
			}
		}
	}
	if checked < 900 {
		t.Errorf("only %d values could be compared", checked)
	}
	t.Logf("%d values compared", checked)
}

// allValues returns the values that events use, and those that stand alone.
func allValues(t *testing.T) map[string]*catalogue.Values {
	t.Helper()
	all := map[string]*catalogue.Values{}
	for e := range catalogue.All() {
		for _, p := range e.Params {
			if p.Values != nil {
				all[p.Values.Name] = p.Values
			}
		}
	}
	for _, name := range []string{"errno", "signal"} {
		v, ok := catalogue.LookupValues(name)
		if !ok {
			t.Fatalf("no values %s", name)
		}
		all[name] = v
	}
	return all
}
