//go:build cgo && linux

package ebpf

/*
#cgo CFLAGS: -I${SRCDIR}/../../bpf/include
#cgo LDFLAGS: -lbpf -lelf -lz -lzstd
#include "record.h"
*/
import "C"

import (
	"math/bits"
	"sync/atomic"
	"unsafe"
)

// The structures of bpf/include/record.h.
type (
	rawHead    = C.struct_tl_head
	rawCall    = C.struct_tl_syscall
	rawTask    = C.struct_tl_task_event
	rawProcess = C.struct_tl_process
	rawCgroup  = C.struct_tl_cgroup_event
	rawDerived = C.struct_tl_derived
	rawPacket  = C.struct_tl_packet
	rawFile    = C.struct_tl_file
	rawCred    = C.struct_tl_cred
	rawPart    = C.struct_tl_part
	rawShared  = C.struct_tl_shared
	rawFold    = C.struct_tl_fold
	rawPrefix  = C.struct_tl_prefixes
	callPlan   = C.struct_tl_call

	cByte  = C.__u8
	cChar  = C.char
	cShort = C.__u16
	cUint  = C.__u32
	cULong = C.__u64
)

const (
	kindSyscall = C.TL_SYSCALL
	kindFork    = C.TL_FORK
	kindExec    = C.TL_EXEC
	kindExit    = C.TL_EXIT
	kindTask    = C.TL_TASK
	kindCgroup  = C.TL_CGROUP
	kindDerived = C.TL_DERIVED
	kindPacket  = C.TL_PACKET

	maxCalls   = C.TL_CALLS
	maxEvents  = C.TL_EVENTS
	firstEvent = C.TL_FIRST_EVENT
	maxArgs    = C.TL_ARGS

	maxDerivedArgs = C.TL_DERIVED_ARGS

	scopePID       = C.TL_SCOPE_PID
	scopeUID       = C.TL_SCOPE_UID
	scopeComm      = C.TL_SCOPE_COMM
	scopeExe       = C.TL_SCOPE_EXE
	scopeMntNS     = C.TL_SCOPE_MNTNS
	scopePidNS     = C.TL_SCOPE_PIDNS
	scopeTree      = C.TL_SCOPE_TREE
	scopeContainer = C.TL_SCOPE_CONTAINER
	scopePathMax   = C.TL_SCOPE_PATH_MAX

	taskExe      = C.TL_TASK_EXE
	taskTree     = C.TL_TASK_TREE
	taskNotTree  = C.TL_TASK_NOT_TREE
	taskFollowed = C.TL_TASK_FOLLOWED

	inContainer      = C.TL_CONTAINER
	containerNew     = C.TL_CONTAINER_NEW
	containerNamed   = C.TL_CONTAINER_NAMED
	containerRefused = C.TL_CONTAINER_REFUSED

	skippedCalls     = C.TL_SKIPPED_CALLS
	skippedLifecycle = C.TL_SKIPPED_LIFECYCLE
	skippedArgs      = C.TL_SKIPPED_ARGS

	hotRecords  = C.TL_HOT
	maxPrefixes = C.TL_PREFIXES
	maxPrefix   = C.TL_PREFIX_MAX
	cpuFolds    = C.TL_FOLDS

	eventFork         = C.TL_EVENT_FORK
	eventExec         = C.TL_EVENT_EXEC
	eventExit         = C.TL_EVENT_EXIT
	eventCgroupMkdir  = C.TL_EVENT_CGROUP_MKDIR
	eventCgroupRmdir  = C.TL_EVENT_CGROUP_RMDIR
	eventCgroupAttach = C.TL_EVENT_CGROUP_ATTACH
	eventFileOpen     = C.TL_EVENT_FILE_OPEN

	wanted     = C.TL_WANTED
	wantedHook = C.TL_WANTED_HOOK
	wantedRing = C.TL_WANTED_RING

	gateNative = C.TL_GATE_NATIVE
	gateCompat = C.TL_GATE_COMPAT
	gateX32    = C.TL_GATE_X32
	gateHook   = C.TL_GATE_HOOK // times one of those

	flagCompat    = C.TL_FLAG_COMPAT
	flagX32       = C.TL_FLAG_X32
	flagTruncated = C.TL_FLAG_TRUNCATED
	flagMismatch  = C.TL_FLAG_MISMATCH

	argString  = C.TL_ARG_STRING
	argBytes   = C.TL_ARG_BYTES
	argStrings = C.TL_ARG_STRINGS
	argAddress = C.TL_ARG_ADDRESS

	argLengthPointer = C.TL_ARG_LENGTH_POINTER
	argOutput        = C.TL_ARG_OUTPUT
	argBoundByReturn = C.TL_ARG_BOUND_BY_RETURN

	fileReturned = C.TL_FILE_RETURNED

	callVariable = C.TL_CALL_VARIABLE
	callSave     = C.TL_CALL_SAVE
	callEntry    = C.TL_CALL_ENTRY

	exeUpper    = C.TL_EXE_UPPER
	exeLower    = C.TL_EXE_LOWER
	exeMemfd    = C.TL_EXE_MEMFD
	exeReadOnly = C.TL_EXE_READONLY

	processKthread    = C.TL_PROCESS_KTHREAD
	processFromKernel = C.TL_PROCESS_FROM_KERNEL
)

// Parts beyond the arguments; the arguments' are 0 to maxArgs-1.
const (
	partExe      = C.TL_PART_EXE
	partCWD      = C.TL_PART_CWD
	partArgv     = C.TL_PART_ARGV
	partEnv      = C.TL_PART_ENV
	partFilename = C.TL_PART_FILENAME
	partInterp   = C.TL_PART_INTERP
	partPath     = C.TL_PART_PATH
	partComm     = C.TL_PART_COMM
	partBase0    = C.TL_PART_BASE0
	partFile     = C.TL_PART_FILE
	partFilePath = C.TL_PART_FILE_PATH
	partLocal    = C.TL_PART_LOCAL
	partRemote   = C.TL_PART_REMOTE
	partEnd      = partRemote + 1

	partBases = C.TL_PART_FILE - C.TL_PART_BASE0
)

// hook is a family of programs that derive events from system calls.
type hook uint8

const (
	hookOpen     hook = C.TL_HOOK_OPEN
	hookWrite    hook = C.TL_HOOK_WRITE
	hookMemory   hook = C.TL_HOOK_MEMORY
	hookMount    hook = C.TL_HOOK_MOUNT
	hookSocket   hook = C.TL_HOOK_SOCKET
	hookDup      hook = C.TL_HOOK_DUP
	hookName     hook = C.TL_HOOK_NAME
	hookLoad     hook = C.TL_HOOK_LOAD
	hookIdentity hook = C.TL_HOOK_IDENTITY
	hookCopy     hook = C.TL_HOOK_COPY
	hookBPF      hook = C.TL_HOOK_BPF
)

// parts are the variable parts of one record, by id; nil where there is none.
type parts struct {
	data    [partEnd][]byte
	omitted [partEnd]uint32
	used    uint32 // bit i: part i is set
}

// read finds the parts in what follows a record's structure. It reports false
// for memory that no program of ours wrote.
func (p *parts) read(b []byte) bool {
	for ; p.used != 0; p.used &= p.used - 1 {
		p.data[bits.TrailingZeros32(p.used)] = nil
	}
	const head = int(unsafe.Sizeof(rawPart{}))
	for len(b) >= head {
		h := (*rawPart)(unsafe.Pointer(unsafe.SliceData(b)))
		size, id := int(h.size), int(h.id)
		next := head + (size+7)&^7
		if id >= partEnd || next > len(b) {
			return false
		}
		p.data[id], p.omitted[id] = b[head:head+size:head+size], uint32(h.omitted)
		p.used |= 1 << id
		b = b[next:]
	}
	return len(b) == 0
}

func (p *parts) str(id int) string { return string(p.data[id]) }

// cast views the beginning of a record as a structure and returns the rest; it
// returns nil for a record that is too short. Records are aligned to 8 bytes.
func cast[T any](record []byte) (*T, []byte) {
	var t T
	if len(record) < int(unsafe.Sizeof(t)) {
		return nil, nil
	}
	return (*T)(unsafe.Pointer(unsafe.SliceData(record))), record[unsafe.Sizeof(t):]
}

// cstring is the text of a fixed array up to its first zero.
func cstring(b []C.char) []byte {
	p := unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(b))), len(b))
	for i, c := range p {
		if c == 0 {
			return p[:i]
		}
	}
	return p
}

// shared is the memory that the programs look at while they run.
type shared struct{ m *rawShared }

const sharedSize = int(unsafe.Sizeof(rawShared{}))

func sharedAt(mem []byte) shared {
	return shared{(*rawShared)(unsafe.Pointer(unsafe.SliceData(mem)))}
}

func (s shared) drop(id int) uint64 {
	return atomic.LoadUint64((*uint64)(unsafe.Pointer(&s.m.drops[id])))
}
