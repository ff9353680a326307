package loader

import (
	"regexp"
	"strconv"

	"go.yaml.in/yaml/v3"

	"github.com/tripline/tripline/matcher/expr/falco/ast"
)

// version is three numbers.
type version [3]uint64

var versionText = regexp.MustCompile(`^(\d+)\.(\d+)\.(\d+)`)

// parseVersion reads x.y.z; what follows is ignored.
func parseVersion(s string) (v version, ok bool) {
	m := versionText.FindStringSubmatch(s)
	if m == nil {
		return v, false
	}
	for i := range v {
		n, err := strconv.ParseUint(m[i+1], 10, 32)
		if err != nil {
			return v, false
		}
		v[i] = n
	}
	return v, true
}

// satisfies says whether v will do where need is asked for: the same first
// number, and not older.
func (v version) satisfies(need version) bool {
	if v[0] != need[0] {
		return false
	}
	if v[1] != need[1] {
		return v[1] > need[1]
	}
	return v[2] >= need[2]
}

// engineVersion checks required_engine_version. A single number n means 0.n.0.
func (l *Loader) engineVersion(it *item) error {
	l.knownKeys(it, "required_engine_version")
	n, err := it.text("required_engine_version")
	if err != nil {
		return err
	}
	need, ok := parseVersion(n.Value)
	if k, err := strconv.ParseUint(n.Value, 10, 32); err == nil {
		need, ok = version{0, k, 0}, true
	}
	if !ok {
		return it.fault(n, "'%s' is no version: expected a number or three of them, as in 0.26.0", n.Value)
	}
	have, _ := parseVersion(EngineVersion)
	if !have.satisfies(need) {
		return it.invalid(n, "the rules need version %d.%d.%d of the rule language and this is %s", need[0], need[1], need[2], EngineVersion)
	}
	return nil
}

// pluginNeed is one entry of required_plugin_versions: one of several plugins.
type pluginNeed struct {
	it   *item
	at   *yaml.Node
	any  []plugin
	spot ast.Place
}

type plugin struct {
	name string
	need version
}

// pluginVersions reads required_plugin_versions; whether they are met is seen
// after the last file.
func (l *Loader) pluginVersions(it *item) error {
	l.knownKeys(it, "required_plugin_versions")
	seq, err := it.need("required_plugin_versions")
	if err != nil {
		return err
	}
	if seq.Kind != yaml.SequenceNode {
		return it.fault(seq, "the required plugins are a sequence of mappings")
	}
	var needs []pluginNeed
	for _, n := range seq.Content {
		m, err := it.mapping(n, "plugin")
		if err != nil {
			return err
		}
		need := pluginNeed{it: it, at: n, spot: it.doc.at(n)}
		p, err := m.plugin()
		if err != nil {
			return err
		}
		need.any = append(need.any, p)
		if m.has("alternatives") {
			alts, err := m.need("alternatives")
			if err != nil {
				return err
			}
			if alts.Kind != yaml.SequenceNode {
				return m.fault(alts, "the alternatives of a plugin are a sequence of mappings")
			}
			for _, a := range alts.Content {
				am, err := m.mapping(a, "plugin")
				if err != nil {
					return err
				}
				p, err := am.plugin()
				if err != nil {
					return err
				}
				need.any = append(need.any, p)
			}
		}
		for i, a := range need.any {
			for _, b := range need.any[:i] {
				if a.name == b.name {
					return it.invalid(n, "the plugin '%s' is named twice in one requirement", a.name)
				}
			}
		}
		needs = append(needs, need)
	}
	l.plugins = append(l.plugins, needs...)
	return nil
}

func (it *item) plugin() (plugin, error) {
	name, err := it.text("name")
	if err != nil {
		return plugin{}, err
	}
	v, err := it.text("version")
	if err != nil {
		return plugin{}, err
	}
	need, ok := parseVersion(v.Value)
	if !ok {
		return plugin{}, it.invalid(v, "'%s' is no version: expected three numbers, as in 0.4.0", v.Value)
	}
	return plugin{name.Value, need}, nil
}

// checkPlugins reports requirements that are not met. Of the plugins of one
// entry, the first that there is counts.
func (l *Loader) checkPlugins() {
	for _, need := range l.plugins {
		found := false
		for _, p := range need.any {
			text, ok := l.opt.Plugins[p.name]
			if !ok {
				continue
			}
			found = true
			if have, ok := parseVersion(text); !ok || !have.satisfies(p.need) {
				l.report(Problem{
					Code: ErrValidate, At: need.spot, Kind: "required_plugin_versions", Item: p.name,
					Msg: "the rules need another version of the plugin '" + p.name + "' than " + text,
				})
			}
			break
		}
		if !found {
			l.report(Problem{
				Code: ErrValidate, At: need.spot, Kind: "required_plugin_versions", Item: need.any[0].name,
				Msg: "the rules need the plugin '" + need.any[0].name + "', which there is none of",
			})
		}
	}
}
