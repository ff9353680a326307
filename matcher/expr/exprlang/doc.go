// Package exprlang reads conditions that are written as expressions of expr
// (`expr:` in a rule) into the tree of Falco's language.
//
// A comparison of a field with constants, or with another field, becomes the
// same check that `condition:` has for it, so it means the same, absent fields
// included, and costs the same:
//
//	proc.name == "sh"                    proc.name = sh
//	proc.name in ["sh", "bash"]          proc.name in (sh, bash)
//	fd.name startsWith "/etc/"           fd.name startswith /etc/
//	glob(fd.name, "/home/*/.ssh/*")      fd.name glob …
//	cidr(fd.sip, "10.0.0.0/8")           fd.snet = 10.0.0.0/8
//	ancestor("sshd", "cron")             proc.aname in (sshd, cron)
//	exists(proc.pname)                   proc.pname exists
//	lower(proc.name) == "sh"             tolower(proc.name) = sh
//
// A bare name is a macro, after `in` a list. Any other expression of truth
// value runs as a program of its own; it is false when one of its fields is
// absent. What such programs may use is limited to what takes time and memory
// in proportion to the event: no loops over made-up ranges, no predicates, no
// patterns that are not constants.
package exprlang
