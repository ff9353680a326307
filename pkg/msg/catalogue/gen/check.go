package main

import (
	"errors"
	"fmt"
	"slices"
)

// syscallValues is the values that are made of the events themselves.
const syscallValues = "syscall"

func classes() map[string]string {
	return map[string]string{"syscall": "Syscall", "lifecycle": "Lifecycle", "security": "Security", "network": "Network"}
}

func kinds() map[string]string {
	return map[string]string{
		"int": "Int", "uint": "Uint", "pointer": "Pointer", "fd": "FD", "flags": "Flags", "enum": "Enum",
		"mode": "Mode", "pid": "PID", "signal": "Signal", "uid": "UID", "gid": "GID", "device": "Device",
		"bool": "Bool", "string": "String", "path": "Path", "bytes": "Bytes", "strings": "Strings",
		"sockaddr": "SockAddr", "cred": "Cred",
	}
}

// check finds what the text allows and the catalogue does not: names, ids and
// numbers used twice, kinds and values that do not exist.
func (c *catalogue) check() error {
	var errs []error
	used := map[string]bool{"errno": true, "signal": true} // named by Errno and Signal kinds
	bits := map[string]bool{syscallValues: false}
	defined := map[string]bool{syscallValues: true}
	for _, f := range c.values {
		for _, v := range f.sets {
			if defined[v.name] {
				errs = append(errs, fmt.Errorf("%s: values %s are defined twice", v.at, v.name))
			}
			defined[v.name], bits[v.name] = true, v.bits
		}
	}
	seen := map[string]string{}
	once := func(e event, what string, n any) {
		key := fmt.Sprintf("%s %v", what, n)
		if at, ok := seen[key]; ok {
			errs = append(errs, fmt.Errorf("%s: %s is taken by %s", e.at, key, at))
		}
		seen[key] = e.at
	}
	for _, f := range c.families {
		for _, e := range f.events {
			bad := func(format string, a ...any) {
				errs = append(errs, fmt.Errorf("%s: %s: %w", e.at, e.name, fmt.Errorf(format, a...)))
			}
			once(e, "name", e.name)
			once(e, "id", e.id)
			for _, n := range []struct {
				arch string
				nr   int
			}{{"i386", e.i386}, {"arm64", e.arm64}, {"x32", e.x32}} {
				if n.nr >= 0 {
					once(e, n.arch+" number", n.nr)
				}
			}
			if classes()[e.class] == "" {
				bad("unknown class %q", e.class)
			}
			if (e.class == "syscall") != (e.id < 1000) {
				bad("ids below 1000 are system calls and no others")
			}
			if e.ret != "" && kinds()[e.ret] == "" {
				bad("unknown kind %q of the result", e.ret)
			}
			if len(e.params) > 64 {
				bad("%d arguments, Event.absent has 64 bits", len(e.params))
			}
			var names []string
			for _, p := range e.params {
				if slices.Contains(names, p.name) {
					bad("argument %s is there twice", p.name)
				}
				names = append(names, p.name)
				named := p.kind == "flags" || p.kind == "enum" || p.kind == "signal"
				switch {
				case kinds()[p.kind] == "":
					bad("%s: unknown kind %q", p.name, p.kind)
				case named != (p.values != ""), named && !defined[p.values]:
					bad("%s: unknown values %q", p.name, p.values)
				case named && bits[p.values] != (p.kind == "flags"):
					bad("%s: values %s are not of kind %s", p.name, p.values, p.kind)
				}
				used[p.values] = true
			}
			for _, s := range e.split {
				if !slices.Contains(names, s) {
					bad("split32 names %q, which is no argument", s)
				}
			}
		}
	}
	for _, f := range c.values {
		for _, v := range f.sets {
			if !used[v.name] {
				errs = append(errs, fmt.Errorf("%s: values %s are not used", v.at, v.name))
			}
		}
	}
	return errors.Join(errs...)
}
