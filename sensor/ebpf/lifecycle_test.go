//go:build cgo && linux

package ebpf

import (
	"os"
	"os/exec"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/tripline/tripline/pkg/msg"
)

func gettid() int { return unix.Gettid() }

func TestMinimal(t *testing.T) {
	w := start(t, "ptrace")
	cmd := exec.Command("/bin/true", "a", "b c")
	cmd.SysProcAttr = &syscall.SysProcAttr{Ptrace: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	pid := cmd.Process.Pid
	var st syscall.WaitStatus
	_, _ = syscall.Wait4(pid, &st, 0, nil)
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	ofPid := func(r msg.Record) bool { return r.Process().Pid == int32(pid) }
	for _, n := range []string{"ptrace", "sched_process_exec", "sched_process_exit"} {
		r := w.event(n, ofPid)
		j, _ := r.JSON().MarshalJSONLine()
		t.Log(string(j))
	}
	r := w.event("sched_process_fork", func(r msg.Record) bool {
		v, _ := r.Arg("child_pid")
		return v.Word == int64(pid)
	})
	if r.Process().Pid != int32(os.Getpid()) {
		t.Errorf("parent %d", r.Process().Pid)
	}
	j, _ := r.JSON().MarshalJSONLine()
	t.Log(string(j))
}
