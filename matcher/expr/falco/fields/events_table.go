package fields

// paramTypes names every parameter of the events in [eventTable] and the type
// that it has where a rule is compiled, one type a line. What cannot be
// compared has the type "-". The names and types are the interface that rules
// are written against: Falco's, as its engine 0.63 has them.
const paramTypes = `
uint16 ID nativeID sem_num_0 sem_num_1 sk_type sk_proto
path name path oldpath newpath linkpath dir filename trusted_exepath pathname exepath root sun_path
flags32 flags domain prot nstype operation semflg error resolve features option
uint32 mode dev size uid gid type proto optlen mask ratio vm_size vm_rss vm_swap id event_type first last cpu action queuelen queuemax nsops sigmask plugin_id entries sq_entries cq_entries sq_thread_cpu sq_thread_idle to_submit min_complete nr_args mnt_id
fd fd fd1 fd2 dirfd olddir newdir fd_in fd_out olddirfd newdirfd linkdirfd out_fd in_fd fdin fdout mountfd oldfd newfd pid_fd target_fd
uint64 ino fdlimit source peer initval offset request pos arg pgft_maj pgft_min length pgoffset argument dqb_bhardlimit dqb_bsoftlimit dqb_curspace dqb_ihardlimit dqb_isoftlimit event_data pidns_init_start_ts cpu_usr cpu_sys ip cap_inheritable cap_permitted cap_effective exe_ino offin len offout exe_ino_num ino_num sk_pointer
errno res maxevents status ret
bytes data args msgcontrol env cgroups value_bytebuf img
string exe cwd target special quotafilepath comm image json desc description scope home shell container_id value_charbuf arg2_str uargs
pid tid pid ptid next reaper_tid vtid vpid spid dpid vpgid pgid ppid sid vtgid
- addr tuple val fds tags res_or_fd argv arg2 arg3 arg4 arg5
int32 backlog semid semnum key nsems tty aux
uint8 queuepct sig clockid core
flags8 how level optname whence resource cmd quota_fmt dqi_flags quota_fmt_out fd_type
flags16 creat_flags op sem_flg_0 sem_flg_1 opcode
int64 timeout cur max newcur newmax oldcur oldmax arg2_int
duration interval dqb_btime dqb_itime dqi_bgrace dqi_igrace
uid ruid euid suid loginuid
gid rgid egid sgid
int16 sem_op_0 sem_op_1
time exe_ino_ctime exe_ino_mtime start_time
ip local_ip remote_ip
port local_port remote_port
`

// eventTable lists the events that Falco gives parameters, one a line: name,
// with the number of its codes where that is not two, where it comes from,
// category, and the parameters of its exit in order, with a type where that is
// not the one of paramTypes. Every other system call is known by its name alone.
const eventTable = `
syscall syscall other ID nativeID
open syscall file fd name flags mode dev ino
close syscall io_other res fd
read syscall io_read res data fd size
write syscall io_write res data fd size
brk/4 syscall memory res:uint64 vm_size vm_rss vm_swap addr:uint64
execve/16 syscall process res exe args tid pid ptid cwd fdlimit pgft_maj pgft_min vm_size vm_rss vm_swap comm cgroups env tty:uint32 vpgid loginuid flags cap_inheritable cap_permitted cap_effective exe_ino exe_ino_ctime exe_ino_mtime uid:uid trusted_exepath pgid gid:gid filename
clone/8 syscall process res:pid exe args tid pid ptid cwd fdlimit:int64 pgft_maj pgft_min vm_size vm_rss vm_swap comm cgroups flags uid gid vtid vpid pidns_init_start_ts
procexit tracepoint process status ret sig core reaper_tid
socket syscall net fd domain type proto flags
bind syscall net res addr fd
connect syscall net res tuple fd addr
listen syscall net res fd backlog
accept/8 syscall net fd tuple queuepct queuelen queuemax
send syscall io_write res data fd size tuple
sendto syscall io_write res data fd size tuple
recv syscall io_read res data fd size tuple
recvfrom syscall io_read res data tuple fd size
shutdown syscall net res fd how
getsockname syscall net
getpeername syscall net
socketpair syscall ipc res fd1 fd2 source peer domain type proto
setsockopt syscall net res fd level optname val optlen
getsockopt syscall net res fd level optname val optlen
sendmsg syscall io_write res data fd size tuple
sendmmsg syscall io_write res fd size data tuple
recvmsg syscall io_read res size data tuple msgcontrol fd
recvmmsg syscall io_read res fd size data tuple msgcontrol
creat syscall file fd name mode dev ino creat_flags
pipe syscall ipc res fd1 fd2 ino
eventfd syscall ipc res:fd initval flags:uint32
futex syscall ipc res addr:uint64 op val:uint64
stat syscall file res path
lstat syscall file res path
fstat syscall file res fd
stat64 syscall file res path
lstat64 syscall file res path
fstat64 syscall file res
epoll_wait syscall wait res maxevents
poll syscall wait res fds timeout
select/4 syscall wait res
lseek syscall file res fd offset whence
llseek syscall file res fd offset whence
ioctl/4 syscall io_other res fd request argument
getcwd syscall file res path:string
chdir syscall file res path:string
fchdir syscall file res fd
mkdir/4 syscall file res path mode
rmdir/4 syscall file res path
openat/4 syscall file fd dirfd name flags mode dev ino
link/4 syscall file res oldpath newpath
linkat/4 syscall file res olddir oldpath newdir newpath flags
unlink/4 syscall file res path
unlinkat/4 syscall file res dirfd name flags
pread syscall io_read res data fd size pos
pwrite syscall io_write res data fd size pos
readv syscall io_read res size data fd
writev syscall io_write res data fd size
preadv syscall io_read res size data fd pos
pwritev syscall io_write res data fd size pos
dup/4 syscall io_other res:fd oldfd
signalfd syscall signal res:fd fd mask flags:uint8
kill syscall signal res pid sig
tkill syscall signal res tid sig
tgkill syscall signal res pid tid sig
nanosleep syscall sleep res interval
timerfd_create syscall time res:fd clockid flags:uint8
inotify_init syscall ipc res:fd flags:uint8
getrlimit syscall process res cur max resource
setrlimit syscall process res cur max resource
prlimit syscall process res newcur newmax oldcur oldmax pid:int64 resource
switch tracepoint scheduler next pgft_maj pgft_min vm_size vm_rss vm_swap
drop metaevent internal ratio
fcntl syscall io_other res:fd fd cmd arg
mmap syscall memory res vm_size vm_rss vm_swap addr:uint64 length prot flags fd offset
mmap2 syscall memory res vm_size vm_rss vm_swap addr:uint64 length prot flags fd pgoffset
munmap syscall memory res vm_size vm_rss vm_swap addr:uint64 length
splice syscall io_other res fd_in fd_out size:uint64 flags
ptrace syscall process res addr data:- request:flags16 pid
rename syscall file res oldpath newpath
renameat syscall file res olddirfd oldpath newdirfd newpath
symlink syscall file res target linkpath
symlinkat syscall file res target linkdirfd linkpath
fork/6 syscall process res:pid exe args tid pid ptid cwd fdlimit:int64 pgft_maj pgft_min vm_size vm_rss vm_swap comm cgroups flags uid gid vtid vpid pidns_init_start_ts
vfork/6 syscall process res:pid exe args tid pid ptid cwd fdlimit:int64 pgft_maj pgft_min vm_size vm_rss vm_swap comm cgroups flags uid gid vtid vpid pidns_init_start_ts
sendfile syscall io_write res offset out_fd in_fd size:uint64
quotactl syscall user res special quotafilepath dqb_bhardlimit dqb_bsoftlimit dqb_curspace dqb_ihardlimit dqb_isoftlimit dqb_btime dqb_itime dqi_bgrace dqi_igrace dqi_flags quota_fmt_out cmd:flags16 type:flags8 id quota_fmt
setresuid syscall user res ruid euid suid
setresgid syscall user res rgid egid sgid
scapevent/1 metaevent internal event_type event_data
close_range/1 syscall io_other res first last flags
setuid syscall user res uid:uid
setgid syscall user res gid:gid
getuid syscall user uid:uid
geteuid syscall user euid
getgid syscall user gid:gid
getegid syscall user egid
getresuid syscall user res ruid euid suid
getresgid syscall user res rgid egid sgid
container/3 metaevent process json
signaldeliver/1 tracepoint signal spid dpid sig
procinfo/1 metaevent internal cpu_usr cpu_sys
getdents syscall file res fd
getdents64 syscall file res fd
setns syscall process res fd nstype
flock syscall file res fd operation
cpu_hotplug/1 metaevent system cpu action
semop syscall process res nsops sem_num_0 sem_op_0 sem_flg_0 sem_num_1 sem_op_1 sem_flg_1 semid
semctl syscall process res semid semnum cmd:flags16 val:int32
ppoll syscall wait res fds timeout:duration sigmask
mount syscall file res dev:string dir type:string flags
umount/4 syscall file res name
k8s/1 metaevent internal json
semget syscall process res key nsems semflg
access syscall file res name mode:flags32
chroot syscall process res path
tracer/1 metaevent other id:int64 tags args:-
mesos/1 metaevent internal json
setsid syscall process res:pid
notification/1 metaevent other id:string desc
unshare syscall process res flags
infra/1 metaevent internal source:string name:string description scope
page_fault/1 tracepoint other addr:uint64 ip error
setpgid syscall process res pid pgid
bpf/4 syscall other fd cmd:flags32
seccomp syscall other res op:uint64 flags:uint64
mkdirat syscall file res dirfd path mode
fchmodat syscall file res dirfd filename mode:mode
chmod syscall file res filename mode:mode
fchmod syscall file res fd mode:mode
renameat2 syscall file res olddirfd oldpath newdirfd newpath flags
userfaultfd syscall file res flags
pluginevent/1 plugin other plugin_id event_data:bytes
openat2 syscall file fd dirfd name flags mode resolve dev ino
mprotect syscall memory res addr:uint64 length prot
execveat syscall process res exe args tid pid ptid cwd fdlimit pgft_maj pgft_min vm_size vm_rss vm_swap comm cgroups env tty:uint32 vpgid loginuid flags cap_inheritable cap_permitted cap_effective exe_ino exe_ino_ctime exe_ino_mtime uid:uid trusted_exepath pgid gid:gid
copy_file_range syscall file res fdout offout fdin offin len
clone3 syscall process res:pid exe args tid pid ptid cwd fdlimit:int64 pgft_maj pgft_min vm_size vm_rss vm_swap comm cgroups flags uid gid vtid vpid pidns_init_start_ts
open_by_handle_at syscall file fd mountfd flags path dev ino
io_uring_setup syscall io_other res entries sq_entries cq_entries flags sq_thread_cpu sq_thread_idle features
io_uring_enter syscall io_other res fd to_submit min_complete flags sig:uint32
io_uring_register syscall io_other res fd opcode arg nr_args
mlock syscall memory res addr:uint64 len
munlock syscall memory res addr:uint64 len
mlockall syscall memory res flags
munlockall syscall memory res
capset syscall process res cap_inheritable cap_permitted cap_effective
useradded/1 metaevent process uid gid name:string home shell container_id
userdeleted/1 metaevent process uid gid name:string home shell container_id
groupadded/1 metaevent process gid name:string container_id
groupdeleted/1 metaevent process gid name:string container_id
dup2 syscall io_other res:fd oldfd newfd
dup3 syscall io_other res:fd oldfd newfd flags
mlock2 syscall memory res addr:uint64 len flags
fsconfig syscall system res fd cmd:flags32 key:string value_bytebuf value_charbuf aux
epoll_create syscall wait res size:int32
epoll_create1 syscall wait res flags
chown syscall file res path uid gid
lchown syscall file res path uid gid
fchown syscall file res fd uid gid
fchownat syscall file res dirfd pathname uid gid flags
accept4 syscall net fd tuple queuepct queuelen queuemax flags:int32
umount2 syscall file res name flags
pipe2 syscall ipc res fd1 fd2 ino flags
inotify_init1 syscall ipc res:fd flags:flags16
eventfd2 syscall ipc res:fd flags:flags16 initval
signalfd4 syscall signal res:fd flags:flags16 fd mask
prctl syscall process res option arg2_str arg2_int
asyncevent/1 metaevent other plugin_id name:string data
memfd_create syscall memory fd name:string flags
pidfd_getfd syscall process fd pid_fd target_fd flags:uint32
pidfd_open syscall process fd pid flags
init_module syscall other res img length uargs
finit_module syscall other res fd uargs flags
mknod syscall other res path mode:mode dev
mknodat syscall other res dirfd path mode:mode dev
newfstatat syscall file res dirfd path flags
process_vm_readv syscall ipc res:int64 pid data
process_vm_writev syscall ipc res:int64 pid data
delete_module syscall other res name:string flags
setreuid syscall user res ruid euid
setregid syscall user res rgid:uid egid:uid
keyctl/1 syscall other res operation arg2 arg3 arg4 arg5
`
