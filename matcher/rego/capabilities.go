package rego

import (
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
)

// allowed returns what the compiler lets rules use, and why what it does not
// is left out, by the name of the function.
//
// A rule is a pure function of its event: the same event must give the same
// answer on every matcher and on every delivery, and no event may make a rule
// reach out of the process. Signatures and certificates are left out because
// one call costs as much as thousands of comparisons.
func allowed() (caps *ast.Capabilities, denied map[string]string) {
	caps = ast.CapabilitiesForThisVersion(ast.CapabilitiesRegoVersion(ast.RegoV0))
	denied = map[string]string{}
	caps.Builtins = slices.DeleteFunc(caps.Builtins, func(b *ast.Builtin) bool {
		why := ""
		switch {
		case b.Name == "http.send", strings.HasPrefix(b.Name, "net.lookup"):
			why = "a rule may not use the network"
		case b.Name == "opa.runtime":
			why = "a rule may not see the process it runs in"
		case b.Nondeterministic, strings.HasPrefix(b.Name, "rand."), strings.HasPrefix(b.Name, "uuid.rfc"):
			why = "a rule must give the same answer for the same event"
		case strings.HasPrefix(b.Name, "io.jwt."), strings.HasPrefix(b.Name, "crypto.x509."),
			strings.HasPrefix(b.Name, "crypto.parse_private"), strings.HasPrefix(b.Name, "providers.aws."):
			why = "a rule may not do public-key cryptography"
		case strings.HasPrefix(b.Name, "rego.parse"), strings.HasPrefix(b.Name, "graphql."):
			why = "a rule may not run a compiler"
		case b.Name == "strings.render_template", b.Name == "graph.reachable_paths":
			why = "a rule may not call what cannot be stopped"
		default:
			return false
		}
		denied[b.Name] = why
		return true
	})
	// No schema is fetched from anywhere.
	caps.AllowNet = []string{}
	return caps, denied
}
