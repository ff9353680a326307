package faults

import (
	"encoding/json"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// call is a system call that nobody else on a machine makes; its name is that of
// its event. No two are alike, so that none can be told of by count, and all
// fail early, so that making them takes little of the processors.
type call struct {
	name  string
	share int // of callTurn
	fails syscall.Errno
	make  func(n uintptr, path []byte) syscall.Errno
}

// callTurn is what the shares add up to.
const callTurn = 10

// nowhere is where the names of rare calls begin: the directory does not exist.
const nowhere = "/tripline-overload/"

var attributeName = []byte("user.tripline\x00")

var rareCalls = []call{
	{"truncate", 1, unix.ENOENT, func(n uintptr, path []byte) syscall.Errno {
		_, _, errno := syscall.RawSyscall(unix.SYS_TRUNCATE, uintptr(unsafe.Pointer(unsafe.SliceData(path))), n, 0)
		return errno
	}},
	{"removexattr", 2, unix.ENOENT, func(_ uintptr, path []byte) syscall.Errno {
		_, _, errno := syscall.RawSyscall(unix.SYS_REMOVEXATTR, uintptr(unsafe.Pointer(unsafe.SliceData(path))), uintptr(unsafe.Pointer(unsafe.SliceData(attributeName))), 0)
		return errno
	}},
	{"sched_rr_get_interval", 3, unix.ESRCH, func(n uintptr, _ []byte) syscall.Errno {
		var t unix.Timespec
		_, _, errno := syscall.RawSyscall(unix.SYS_SCHED_RR_GET_INTERVAL, 1<<28+n, uintptr(unsafe.Pointer(&t)), 0)
		return errno
	}},
	{"sched_get_priority_min", 4, unix.EINVAL, func(n uintptr, _ []byte) syscall.Errno {
		_, _, errno := syscall.RawSyscall(unix.SYS_SCHED_GET_PRIORITY_MIN, 1<<28+n, 0, 0)
		return errno
	}},
}

// makeCalls makes rare calls in several threads, so many a second together, until
// it is told to stop, and then says how many of each.
func makeCalls(perSecond, threads string) error {
	rate, err := strconv.ParseFloat(perSecond, 64)
	if err != nil {
		return err
	}
	n, err := strconv.Atoi(threads)
	if err != nil {
		return err
	}
	ask := make(chan os.Signal, 1)
	signal.Notify(ask, syscall.SIGTERM)
	var stop atomic.Bool
	counts := make([][]int, n)
	errs := make([]error, n)
	var all sync.WaitGroup
	for i := range n {
		counts[i] = make([]int, len(rareCalls))
		all.Go(func() { errs[i] = callThread(rate/float64(n), i, n, &stop, counts[i]) })
	}
	<-ask
	stop.Store(true)
	all.Wait()
	made := map[string]int{}
	for i := range n {
		if errs[i] != nil {
			return errs[i]
		}
		for c, of := range counts[i] {
			made[rareCalls[c].name] += of
		}
	}
	return json.NewEncoder(os.Stdout).Encode(made)
}

func callThread(rate float64, thread, threads int, stop *atomic.Bool, counts []int) error {
	runtime.LockOSThread()
	var turn []int
	for c, of := range rareCalls {
		for range of.share {
			turn = append(turn, c)
		}
	}
	path := make([]byte, 0, 64)
	began := time.Now()
	for made := 0; !stop.Load(); {
		due := min(int(time.Since(began).Seconds()*rate), made+1000)
		for ; made < due; made++ {
			n := uintptr(made*threads + thread)
			c := turn[made%callTurn]
			path = append(strconv.AppendUint(append(path[:0], nowhere...), uint64(n), 10), 0)
			if errno := rareCalls[c].make(n, path); errno != rareCalls[c].fails {
				return fmt.Errorf("%s: %w, expected %w", rareCalls[c].name, errno, rareCalls[c].fails)
			}
			counts[c]++
		}
		if float64(made) >= time.Since(began).Seconds()*rate-1 {
			pause := unix.NsecToTimespec(int64(2 * time.Millisecond))
			_ = unix.Nanosleep(&pause, nil)
		}
	}
	return nil
}

const callThreads = 2

func startCalls(t *testing.T, group string, rate float64) *loader {
	t.Helper()
	return startChild(t, child(t, group, "calls", strconv.FormatFloat(rate, 'f', 0, 64), strconv.Itoa(callThreads)))
}

// madeCalls stops the load and returns what it says it has made.
func madeCalls(t *testing.T, l *loader) (by map[string]int, sum int) {
	t.Helper()
	said := l.stop()
	if err := json.Unmarshal([]byte(said), &by); err != nil {
		t.Fatalf("what the load has made: %q: %v", said, err)
	}
	for _, n := range by {
		sum += n
	}
	return by, sum
}
