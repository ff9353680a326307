package provision

import (
	"bytes"
	"net"
	"path"
	"strconv"
	"text/template"

	"github.com/tripline/tripline/internal/bus"
	"github.com/tripline/tripline/pkg/msg"
)

// config is what a server's configuration is made of.
type config struct {
	Plan
	// Name is the server's, of Servers or Edges.
	Name string
	// Users are the stages, Leaves the edges.
	Users, Leaves []user
	// Seed is that of the edge whose configuration this is.
	Seed string
}

func (c config) of(name string) config {
	c.Name = name
	return c
}

// HubDomain is the JetStream domain of the servers that edges forward to.
func (config) HubDomain() string { return bus.HubDomain }

// Listen is the address that the server listens on.
func (c config) Listen() string {
	switch {
	case c.Address != "":
		return c.Address
	case net.ParseIP(c.Name) != nil:
		return c.Name
	}
	return "0.0.0.0"
}

// Cluster says whether there are fellow servers.
func (c config) Cluster() bool { return len(c.Servers) > 1 }

// File is where a file of this server will be found.
func (c config) File(kind, name string) string { return path.Join(c.Install, kind, c.Name, name) }

// Authority is where the authority's certificate will be found.
func (c config) Authority() string { return path.Join(c.Install, "ca.crt") }

// Local are the subjects that an edge and the servers keep to themselves:
// detections cross as copies of the stored ones, in order and once, instead.
func (config) Local() []string {
	return []string{msg.SubjectRaw + ".>", msg.SubjectEvents + ".>", msg.SubjectDetections + ".>", msg.SubjectDead + ".>"}
}

const (
	serverText = `# Made by tripline nats init; run it again to add hosts, servers and edges.
server_name: {{quote .Name}}
listen: "{{.Listen}}:{{.ClientPort}}"
max_payload: 8MB
# A reader that stands still is cut off before it costs others anything.
write_deadline: "1s"
tls {
  cert_file: {{quote (.File "servers" "server.crt")}}
  key_file: {{quote (.File "servers" "server.key")}}
  min_version: "1.2"
}
jetstream {
{{- if .StoreDir}}
  store_dir: {{quote .StoreDir}}
{{- end}}
  max_memory_store: {{.MaxMemory}}
  max_file_store: {{.MaxStore}}
{{- if .Leaves}}
  domain: {{.HubDomain}}
{{- end}}
}
{{- if .Cluster}}
cluster {
  name: tripline
  listen: "{{.Listen}}:{{.ClusterPort}}"
  routes: [
{{- range .Servers}}
    {{quote (printf "nats-route://%s:%d" . $.ClusterPort)}}
{{- end}}
  ]
  tls {
    cert_file: {{quote (.File "servers" "server.crt")}}
    key_file: {{quote (.File "servers" "server.key")}}
    ca_file: {{quote .Authority}}
    verify: true
  }
}
{{- end}}
{{- if .Leaves}}
leafnodes {
  listen: "{{.Listen}}:{{.LeafPort}}"
  tls {
    cert_file: {{quote (.File "servers" "server.crt")}}
    key_file: {{quote (.File "servers" "server.key")}}
  }
}
{{- end}}
authorization {
  users: [
{{- range .Users}}
    # {{.Name}}
    { nkey: {{.Key}}, permissions: {
      publish: [{{range $i, $s := .Publish}}{{if $i}}, {{end}}{{quote $s}}{{end}}]
      subscribe: [{{range $i, $s := .Subscribe}}{{if $i}}, {{end}}{{quote $s}}{{end}}]
    } }
{{- end}}
{{- range .Leaves}}
    # {{.Name}}
    { nkey: {{.Key}}, allowed_connection_types: ["LEAFNODE"], permissions: {
      publish: { deny: [{{range $i, $s := $.Local}}{{if $i}}, {{end}}{{quote $s}}{{end}}] }
      subscribe: { deny: [{{range $i, $s := $.Local}}{{if $i}}, {{end}}{{quote $s}}{{end}}] }
    } }
{{- end}}
  ]
}
`
	edgeText = `# Made by tripline nats init. It holds a secret: keep it readable by its owner only.
server_name: {{quote .Name}}
listen: "127.0.0.1:{{.ClientPort}}"
max_payload: 8MB
write_deadline: "1s"
jetstream {
{{- if .StoreDir}}
  store_dir: {{quote .StoreDir}}
{{- end}}
  max_memory_store: {{.MaxMemory}}
  max_file_store: {{.MaxStore}}
  domain: {{quote .Name}}
}
leafnodes {
  reconnect: 1
  remotes: [ {
    urls: [{{range $i, $s := .Servers}}{{if $i}}, {{end}}{{quote (printf "tls://%s:%d" $s $.LeafPort)}}{{end}}]
    nkey: {{.Seed}}
    tls { ca_file: {{quote .Authority}} }
    deny_exports: [{{range $i, $s := .Local}}{{if $i}}, {{end}}{{quote $s}}{{end}}]
    deny_imports: [{{range $i, $s := .Local}}{{if $i}}, {{end}}{{quote $s}}{{end}}]
  } ]
}
`
)

func (w *writer) render(name, text string, c config) error {
	t, err := template.New(path.Base(name)).Funcs(template.FuncMap{"quote": strconv.Quote}).Parse(text)
	if err != nil {
		return err
	}
	var out bytes.Buffer
	if err := t.Execute(&out, c); err != nil {
		return err
	}
	if c.Seed != "" {
		return w.secret(name, out.Bytes())
	}
	return w.file(name, out.Bytes())
}
