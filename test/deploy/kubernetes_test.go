package deploy

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	apps "k8s.io/api/apps/v1"
	core "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
	policy "k8s.io/api/policy/v1"
	"sigs.k8s.io/yaml"
)

// object is a manifest, decoded into Kubernetes's own type.
type object struct {
	file, kind, name string
	into             any
}

// types are those that the manifests use.
func types() map[string]func() any {
	return map[string]func() any{
		"v1/Namespace":                       func() any { return new(core.Namespace) },
		"v1/ServiceAccount":                  func() any { return new(core.ServiceAccount) },
		"v1/ConfigMap":                       func() any { return new(core.ConfigMap) },
		"v1/Secret":                          func() any { return new(core.Secret) },
		"v1/Service":                         func() any { return new(core.Service) },
		"apps/v1/StatefulSet":                func() any { return new(apps.StatefulSet) },
		"apps/v1/DaemonSet":                  func() any { return new(apps.DaemonSet) },
		"apps/v1/Deployment":                 func() any { return new(apps.Deployment) },
		"policy/v1/PodDisruptionBudget":      func() any { return new(policy.PodDisruptionBudget) },
		"networking.k8s.io/v1/NetworkPolicy": func() any { return new(networking.NetworkPolicy) },
	}
}

// manifests decodes all of them, strictly: a field that Kubernetes does not
// have, or has with another type, is an error.
func manifests(t *testing.T) (all []object) {
	t.Helper()
	files, err := filepath.Glob(root + "/deploy/kubernetes/*.yaml")
	if err != nil || len(files) < 6 {
		t.Fatalf("%v, %v", files, err)
	}
	for _, f := range files {
		for i, text := range strings.Split(read(t, "deploy/kubernetes/"+filepath.Base(f)), "\n---\n") {
			var head struct {
				APIVersion, Kind string
				Metadata         struct{ Name, Namespace string }
			}
			where := fmt.Sprintf("%s, document %d", filepath.Base(f), i+1)
			if err := yaml.Unmarshal([]byte(text), &head); err != nil {
				t.Fatalf("%s: %v", where, err)
			}
			make, ok := types()[head.APIVersion+"/"+head.Kind]
			if !ok {
				t.Fatalf("%s: %s/%s is not among the types of this test", where, head.APIVersion, head.Kind)
			}
			o := object{filepath.Base(f), head.Kind, head.Metadata.Name, make()}
			if err := yaml.UnmarshalStrict([]byte(text), o.into); err != nil {
				t.Errorf("%s: %v", where, err)
			}
			if head.Kind != "Namespace" && head.Metadata.Namespace != "tripline" {
				t.Errorf("%s: %s is in namespace %q", where, o.name, head.Metadata.Namespace)
			}
			all = append(all, o)
		}
	}
	return all
}

// workload is what has pods.
type workload struct {
	name     string
	selector map[string]string
	pod      core.PodTemplateSpec
	claims   []core.PersistentVolumeClaim
}

func workloads(t *testing.T) (all []workload) {
	t.Helper()
	for _, o := range manifests(t) {
		switch w := o.into.(type) {
		case *apps.Deployment:
			all = append(all, workload{o.name, w.Spec.Selector.MatchLabels, w.Spec.Template, nil})
		case *apps.DaemonSet:
			all = append(all, workload{o.name, w.Spec.Selector.MatchLabels, w.Spec.Template, nil})
		case *apps.StatefulSet:
			all = append(all, workload{o.name, w.Spec.Selector.MatchLabels, w.Spec.Template, w.Spec.VolumeClaimTemplates})
		}
	}
	if len(all) != 4 {
		t.Fatalf("%d workloads, want nats, node, matcher, notifier", len(all))
	}
	return all
}

// TestManifests: what they refer to is there, and every container has probes,
// requests, limits and no more privilege than it needs.
func TestManifests(t *testing.T) {
	there := map[string]bool{}
	for _, o := range manifests(t) {
		there[o.kind+"/"+o.name] = true
	}
	for _, w := range workloads(t) {
		t.Run(w.name, func(t *testing.T) {
			for k, v := range w.selector {
				if w.pod.Labels[k] != v {
					t.Errorf("the selector's %s=%s is not a label of the pod", k, v)
				}
			}
			s := w.pod.Spec
			if s.AutomountServiceAccountToken == nil || *s.AutomountServiceAccountToken || !there["ServiceAccount/"+s.ServiceAccountName] {
				t.Error("has a token of the API server, or no account")
			}
			volumes := volumeNames(t, w, there)
			ports := map[string]bool{}
			for _, c := range s.Containers {
				container(t, c, volumes)
				for _, p := range c.Ports {
					if key := fmt.Sprint(p.ContainerPort); ports[key] || ports[p.Name] {
						t.Errorf("%s: port %s (%s) is taken by another container of the pod", c.Name, key, p.Name)
					} else {
						ports[key], ports[p.Name] = true, true
					}
				}
			}
		})
	}
}

func volumeNames(t *testing.T, w workload, there map[string]bool) (names []string) {
	t.Helper()
	for _, v := range w.pod.Spec.Volumes {
		names = append(names, v.Name)
		if v.ConfigMap != nil && !there["ConfigMap/"+v.ConfigMap.Name] || v.Secret != nil && !there["Secret/"+v.Secret.SecretName] {
			t.Errorf("volume %s is of something that is not there", v.Name)
		}
		if v.HostPath != nil && w.name != "node" {
			t.Errorf("%s looks at the host: %s", w.name, v.HostPath.Path)
		}
	}
	for _, c := range w.claims {
		names = append(names, c.Name)
	}
	return names
}

func container(t *testing.T, c core.Container, volumes []string) {
	t.Helper()
	for what, p := range map[string]*core.Probe{"startup": c.StartupProbe, "readiness": c.ReadinessProbe, "liveness": c.LivenessProbe} {
		if p == nil || p.HTTPGet == nil {
			t.Errorf("%s: no %s probe", c.Name, what)
			continue
		}
		if !slices.ContainsFunc(c.Ports, func(port core.ContainerPort) bool { return port.Name == p.HTTPGet.Port.String() }) {
			t.Errorf("%s: the %s probe asks at port %s, which is not the container's", c.Name, what, p.HTTPGet.Port.String())
		}
	}
	if c.Resources.Requests.Cpu().IsZero() || c.Resources.Requests.Memory().IsZero() || c.Resources.Limits.Memory().IsZero() {
		t.Errorf("%s: requests or the limit of memory are missing", c.Name)
	}
	for _, m := range c.VolumeMounts {
		if !slices.Contains(volumes, m.Name) {
			t.Errorf("%s mounts %s, which the pod does not have", c.Name, m.Name)
		}
		if !m.ReadOnly && m.Name != "streams" {
			t.Errorf("%s may write to %s", c.Name, m.MountPath)
		}
	}
	s := c.SecurityContext
	if s == nil || s.Capabilities == nil || !slices.Equal(s.Capabilities.Drop, []core.Capability{"ALL"}) ||
		s.Privileged != nil && *s.Privileged || s.ReadOnlyRootFilesystem == nil || !*s.ReadOnlyRootFilesystem ||
		s.AllowPrivilegeEscalation == nil || *s.AllowPrivilegeEscalation || s.SeccompProfile == nil {
		t.Fatalf("%s: its security context is not the least: %+v", c.Name, s)
	}
	want := map[string][]core.Capability{"sensor": {"BPF", "PERFMON", "SYS_PTRACE"}, "enricher": {"DAC_READ_SEARCH", "SYS_PTRACE"}}[c.Name]
	if !slices.Equal(s.Capabilities.Add, want) {
		t.Errorf("%s has capabilities %v, want %v", c.Name, s.Capabilities.Add, want)
	}
	if want == nil && (s.RunAsNonRoot == nil || !*s.RunAsNonRoot) {
		t.Errorf("%s may run as root", c.Name)
	}
}

// TestServicesAndPolicies select pods that there are.
func TestServicesAndPolicies(t *testing.T) {
	selects := func(selector map[string]string) bool {
		return slices.ContainsFunc(workloads(t), func(w workload) bool {
			for k, v := range selector {
				if w.pod.Labels[k] != v {
					return false
				}
			}
			return true
		})
	}
	for _, o := range manifests(t) {
		switch x := o.into.(type) {
		case *core.Service:
			if len(x.Spec.Selector) == 0 || !selects(x.Spec.Selector) {
				t.Errorf("service %s selects nothing", o.name)
			}
		case *policy.PodDisruptionBudget:
			if !selects(x.Spec.Selector.MatchLabels) {
				t.Errorf("budget %s selects nothing", o.name)
			}
		case *networking.NetworkPolicy:
			if !selects(x.Spec.PodSelector.MatchLabels) {
				t.Errorf("policy %s selects nothing", o.name)
			}
		}
	}
}
