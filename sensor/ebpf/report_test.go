//go:build cgo && linux

package ebpf

import (
	"encoding/json"
	"fmt"
	"os"
	"sync"

	"github.com/tripline/tripline/pkg/msg/catalogue"
)

// reportVariable makes the tests end with a line for test/kernels, which says
// how each event was served and which of them came as they should.
const reportVariable = "TRIPLINE_TEST_REPORT"

// reportMark begins that line.
const reportMark = "tripline: report "

// report is what the tests of one run found out about this kernel.
type report struct {
	mu      sync.Mutex
	Release string            `json:"release"`
	Backend map[string]string `json:"backend"` // of the events that are no system calls
	Missing map[string]string `json:"missing"` // the others, with the reason
	Checked map[string]bool   `json:"checked"` // came, with what a test expected
	Calls   int               `json:"calls"`   // system calls that this machine has
}

// findings collects the report of this process; tests only add to it.
var findings = report{Release: kernelRelease(), Checked: make(map[string]bool)}

func (r *report) checked(event string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.Checked[event] = true
}

func (r *report) served(s *Source) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.Backend, r.Missing, r.Calls = s.Backends(), make(map[string]string), 0
	for e := range catalogue.All() {
		switch reason := s.missing(e); {
		case e.Class == catalogue.Syscall && reason == "":
			r.Calls++
		case e.Class != catalogue.Syscall && reason != "":
			r.Missing[e.Name] = reason
		}
	}
}

func (r *report) print() {
	if os.Getenv(reportVariable) == "" {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	b, err := json.Marshal(r)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%s%s\n", reportMark, b)
}
