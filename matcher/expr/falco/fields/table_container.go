package fields

import "github.com/tripline/tripline/pkg/msg"

// containerFields are about the container and the pod of the process.
func containerFields() []Def {
	return []Def{
		{
			Name: "container.id", Type: typeOf("string"), Flags: Suggested,
			Doc:  "12-character container id; 'host' outside containers (falls back to the cgroup-derived id when metadata is missing)",
			From: "Container.id", bind: str((*Event).containerID),
		},
		{
			Name: "container.full_id", Type: typeOf("string"),
			Doc:  "Full container id",
			From: "Container.id", bind: str(ofContainer((*msg.Container).GetId)),
		},
		{
			Name: "container.name", Type: typeOf("string"), Flags: Suggested,
			Doc:  "Container name; 'host' outside containers",
			From: "Container.name", bind: str((*Event).containerName),
		},
		{
			Name: "container.image", Type: typeOf("string"),
			Doc:  "Image reference",
			From: "Container.image.name", bind: str(ofImage((*msg.Image).GetName)),
		},
		{
			Name: "container.image.id", Type: typeOf("string"),
			Doc:  "Image id",
			From: "Container.image.id", bind: str(ofImage((*msg.Image).GetId)),
		},
		{
			Name: "container.type", Type: typeOf("string"),
			Doc:  "Runtime kind (docker, containerd, cri-o, ...)",
			From: "Container.runtime", bind: str((*Event).containerType),
		},
		{
			Name: "container.privileged", Type: typeOf("bool"),
			Doc:  "True if the container runs privileged",
			From: "Container.privileged", bind: boolean(flagOf((*msg.Container).GetPrivileged)),
		},
		{
			Name: "container.mounts", Type: typeOf("string"),
			Doc:  "All mounts, each source:dest:mode:rdwr:propagation, comma separated",
			From: "Container.mounts", bind: str((*Event).mounts),
		},
		{
			Name: "container.mount", Type: typeOf("string"), Arg: IndexOrKey, Flags: NeedArg,
			Doc:  "One mount by index or by source glob",
			From: "Container.mounts", bind: mountOf(mountText, (*msg.Mount).GetSource),
		},
		{
			Name: "container.mount.source", Type: typeOf("string"), Arg: IndexOrKey, Flags: NeedArg,
			Doc:  "Mount source, by index or destination glob",
			From: "Container.mounts", bind: mountOf((*msg.Mount).GetSource, (*msg.Mount).GetDestination),
		},
		{
			Name: "container.mount.dest", Type: typeOf("string"), Arg: IndexOrKey, Flags: NeedArg,
			Doc:  "Mount destination, by index or source glob",
			From: "Container.mounts", bind: mountOf((*msg.Mount).GetDestination, (*msg.Mount).GetSource),
		},
		{
			Name: "container.mount.mode", Type: typeOf("string"), Arg: IndexOrKey, Flags: NeedArg,
			Doc:  "Mount mode, by index or source glob",
			From: "Container.mounts", bind: mountOf((*msg.Mount).GetMode, (*msg.Mount).GetSource),
		},
		{
			Name: "container.mount.rdwr", Type: typeOf("string"), Arg: IndexOrKey, Flags: NeedArg,
			Doc:  "'true'/'false' writability of a mount, by index or source glob",
			From: "Container.mounts", bind: mountOf(mountWritable, (*msg.Mount).GetSource),
		},
		{
			Name: "container.mount.propagation", Type: typeOf("string"), Arg: IndexOrKey, Flags: NeedArg,
			Doc:  "Mount propagation, by index or source glob",
			From: "Container.mounts", bind: mountOf((*msg.Mount).GetPropagation, (*msg.Mount).GetSource),
		},
		{
			Name: "container.image.repository", Type: typeOf("string"), Flags: Suggested,
			Doc:  "Image repository without tag",
			From: "Container.image.repository", bind: str((*Event).imageRepository),
		},
		{
			Name: "container.image.tag", Type: typeOf("string"), Flags: Suggested,
			Doc:  "Image tag",
			From: "Container.image.tag", bind: str(ofImage((*msg.Image).GetTag)),
		},
		{
			Name: "container.image.digest", Type: typeOf("string"),
			Doc:  "Image registry digest",
			From: "Container.image.digest", bind: str(ofImage((*msg.Image).GetDigest)),
		},
		{
			Name: "container.healthcheck", Type: typeOf("string"), Flags: Deprecated,
			Doc:  "Command of the container's health check; Falco gives it no value any more",
			From: "Container.health_checks", bind: str(checkOf(msg.HealthCheckKind_HEALTH_CHECK_KIND_RUNTIME)),
		},
		{
			Name: "container.liveness_probe", Type: typeOf("string"), Flags: Deprecated,
			Doc:  "Command of the container's liveness probe; Falco gives it no value any more",
			From: "Container.health_checks", bind: str(checkOf(msg.HealthCheckKind_HEALTH_CHECK_KIND_LIVENESS)),
		},
		{
			Name: "container.readiness_probe", Type: typeOf("string"), Flags: Deprecated,
			Doc:  "Command of the container's readiness probe; Falco gives it no value any more",
			From: "Container.health_checks", bind: str(checkOf(msg.HealthCheckKind_HEALTH_CHECK_KIND_READINESS)),
		},
		{
			Name: "container.start_ts", Type: typeOf("time"),
			Doc:  "Pid-namespace start time (epoch ns)",
			From: "Container.start_time", bind: num((*Event).containerStart),
		},
		{
			Name: "container.duration", Type: typeOf("duration"), Flags: OfEvent,
			Doc:  "Nanoseconds since container.start_ts",
			From: "Event.time and Container.start_time", bind: num((*Event).containerAge),
		},
		{
			Name: "container.ip", Type: typeOf("string"),
			Doc:  "Primary IPv4 address of the container",
			From: "Container.ip", bind: str(ofContainer((*msg.Container).GetIp)),
		},
		{
			Name: "container.cni.json", Type: typeOf("string"),
			Doc:  "CNI result JSON of the pod sandbox",
			From: "Container.pod.cni_json", bind: str(ofPod((*msg.Pod).GetCniJson)),
		},
		{
			Name: "container.host_pid", Type: typeOf("bool"),
			Doc:  "True if it shares the host pid namespace",
			From: "Container.host_pid", bind: boolean(flagOf((*msg.Container).GetHostPid)),
		},
		{
			Name: "container.host_network", Type: typeOf("bool"),
			Doc:  "True if it shares the host network namespace",
			From: "Container.host_network", bind: boolean(flagOf((*msg.Container).GetHostNetwork)),
		},
		{
			Name: "container.host_ipc", Type: typeOf("bool"),
			Doc:  "True if it shares the host IPC namespace",
			From: "Container.host_ipc", bind: boolean(flagOf((*msg.Container).GetHostIpc)),
		},
		{
			Name: "container.label", Type: typeOf("string"), Arg: Key, Flags: NeedArg,
			Doc:  "Value of one container label",
			From: "Container.labels", bind: labelOf(containerLabels),
		},
		{
			Name: "container.labels", Type: typeOf("string"),
			Doc:  "All container labels as k:v pairs",
			From: "Container.labels", bind: str(labelsText(containerLabels)),
		},
		{
			Name: "proc.is_container_healthcheck", Type: typeOf("bool"), Flags: Deprecated,
			Doc:  "True if the process runs the container's health check; Falco gives it no value any more",
			From: "Process.flags", bind: boolean(checking(msg.ProcessFlag_PROCESS_FLAG_HEALTHCHECK)),
		},
		{
			Name: "proc.is_container_liveness_probe", Type: typeOf("bool"), Flags: Deprecated,
			Doc:  "True if the process runs the container's liveness probe; Falco gives it no value any more",
			From: "Process.flags", bind: boolean(checking(msg.ProcessFlag_PROCESS_FLAG_LIVENESS)),
		},
		{
			Name: "proc.is_container_readiness_probe", Type: typeOf("bool"), Flags: Deprecated,
			Doc:  "True if the process runs the container's readiness probe; Falco gives it no value any more",
			From: "Process.flags", bind: boolean(checking(msg.ProcessFlag_PROCESS_FLAG_READINESS)),
		},
		{
			Name: "k8s.pod.name", Type: typeOf("string"), Flags: Suggested,
			Doc:  "Pod name (from container labels)",
			From: "Container.pod.name", bind: str(ofPod((*msg.Pod).GetName)),
		},
		{
			Name: "k8s.ns.name", Type: typeOf("string"), Flags: Suggested,
			Doc:  "Pod namespace (from container labels)",
			From: "Container.pod.namespace", bind: str(ofPod((*msg.Pod).GetNamespace)),
		},
		{
			Name: "k8s.pod.id", Type: typeOf("string"),
			Doc:  "Pod UID (legacy alias)",
			From: "Container.pod.uid", bind: str(ofPod((*msg.Pod).GetUid)),
		},
		{
			Name: "k8s.pod.uid", Type: typeOf("string"),
			Doc:  "Pod UID",
			From: "Container.pod.uid", bind: str(ofPod((*msg.Pod).GetUid)),
		},
		{
			Name: "k8s.pod.sandbox_id", Type: typeOf("string"),
			Doc:  "12-character sandbox id",
			From: "Container.pod.sandbox_id", bind: str((*Event).sandboxID),
		},
		{
			Name: "k8s.pod.full_sandbox_id", Type: typeOf("string"),
			Doc:  "Full sandbox id",
			From: "Container.pod.sandbox_id", bind: str(ofPod((*msg.Pod).GetSandboxId)),
		},
		{
			Name: "k8s.pod.label", Type: typeOf("string"), Arg: Key, Flags: NeedArg,
			Doc:  "Value of one pod label",
			From: "Container.pod.labels", bind: labelOf(podLabels),
		},
		{
			Name: "k8s.pod.labels", Type: typeOf("string"),
			Doc:  "All pod labels as k:v pairs",
			From: "Container.pod.labels", bind: str(labelsText(podLabels)),
		},
		{
			Name: "k8s.pod.ip", Type: typeOf("string"),
			Doc:  "Primary IPv4 address of the pod",
			From: "Container.pod.ip", bind: str(ofPod((*msg.Pod).GetIp)),
		},
		{
			Name: "k8s.pod.cni.json", Type: typeOf("string"),
			Doc:  "CNI result JSON of the pod",
			From: "Container.pod.cni_json", bind: str(ofPod((*msg.Pod).GetCniJson)),
		},
		{
			Name: "k8s.rc.name", Type: typeOf("string"), Flags: Deprecated,
			Doc:  "Deprecated; always absent",
			From: "Falco gives it no value any more", bind: never,
		},
		{
			Name: "k8s.rc.id", Type: typeOf("string"), Flags: Deprecated,
			Doc:  "Deprecated; always absent",
			From: "Falco gives it no value any more", bind: never,
		},
		{
			Name: "k8s.rc.label", Type: typeOf("string"), Arg: Key, Flags: NeedArg | Deprecated,
			Doc:  "Deprecated; always absent",
			From: "Falco gives it no value any more", bind: never,
		},
		{
			Name: "k8s.rc.labels", Type: typeOf("string"), Flags: Deprecated,
			Doc:  "Deprecated; always absent",
			From: "Falco gives it no value any more", bind: never,
		},
		{
			Name: "k8s.svc.name", Type: typeOf("string"), Flags: Deprecated,
			Doc:  "Deprecated; always absent",
			From: "Falco gives it no value any more", bind: never,
		},
		{
			Name: "k8s.svc.id", Type: typeOf("string"), Flags: Deprecated,
			Doc:  "Deprecated; always absent",
			From: "Falco gives it no value any more", bind: never,
		},
		{
			Name: "k8s.svc.label", Type: typeOf("string"), Arg: Key, Flags: NeedArg | Deprecated,
			Doc:  "Deprecated; always absent",
			From: "Falco gives it no value any more", bind: never,
		},
		{
			Name: "k8s.svc.labels", Type: typeOf("string"), Flags: Deprecated,
			Doc:  "Deprecated; always absent",
			From: "Falco gives it no value any more", bind: never,
		},
		{
			Name: "k8s.ns.id", Type: typeOf("string"), Flags: Deprecated,
			Doc:  "Deprecated; always absent",
			From: "Falco gives it no value any more", bind: never,
		},
		{
			Name: "k8s.ns.label", Type: typeOf("string"), Arg: Key, Flags: NeedArg | Deprecated,
			Doc:  "Deprecated; always absent",
			From: "Falco gives it no value any more", bind: never,
		},
		{
			Name: "k8s.ns.labels", Type: typeOf("string"), Flags: Deprecated,
			Doc:  "Deprecated; always absent",
			From: "Falco gives it no value any more", bind: never,
		},
		{
			Name: "k8s.rs.name", Type: typeOf("string"), Flags: Deprecated,
			Doc:  "Deprecated; always absent",
			From: "Falco gives it no value any more", bind: never,
		},
		{
			Name: "k8s.rs.id", Type: typeOf("string"), Flags: Deprecated,
			Doc:  "Deprecated; always absent",
			From: "Falco gives it no value any more", bind: never,
		},
		{
			Name: "k8s.rs.label", Type: typeOf("string"), Arg: Key, Flags: NeedArg | Deprecated,
			Doc:  "Deprecated; always absent",
			From: "Falco gives it no value any more", bind: never,
		},
		{
			Name: "k8s.rs.labels", Type: typeOf("string"), Flags: Deprecated,
			Doc:  "Deprecated; always absent",
			From: "Falco gives it no value any more", bind: never,
		},
		{
			Name: "k8s.deployment.name", Type: typeOf("string"), Flags: Deprecated,
			Doc:  "Deprecated; always absent",
			From: "Falco gives it no value any more", bind: never,
		},
		{
			Name: "k8s.deployment.id", Type: typeOf("string"), Flags: Deprecated,
			Doc:  "Deprecated; always absent",
			From: "Falco gives it no value any more", bind: never,
		},
		{
			Name: "k8s.deployment.label", Type: typeOf("string"), Arg: Key, Flags: NeedArg | Deprecated,
			Doc:  "Deprecated; always absent",
			From: "Falco gives it no value any more", bind: never,
		},
		{
			Name: "k8s.deployment.labels", Type: typeOf("string"), Flags: Deprecated,
			Doc:  "Deprecated; always absent",
			From: "Falco gives it no value any more", bind: never,
		},
	}
}
