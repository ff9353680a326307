package check

import (
	"encoding/hex"
	"net/netip"
	"strconv"
	"strings"

	"github.com/tripline/tripline/matcher/expr/falco/ast"
	"github.com/tripline/tripline/matcher/expr/falco/fields"
)

// maxConstant bounds the length of a constant in bytes.
const maxConstant = 255

// text checks a constant that is compared with text.
func text(l *operand, v ast.Value) (string, error) {
	if len(v.Text) > maxConstant {
		return "", ast.Errorf(v.At, "the value is %d bytes long, more than %d", len(v.Text), maxConstant)
	}
	if l.typ.Kind == fields.String && strings.IndexByte(v.Text, 0) >= 0 {
		return "", ast.Errorf(v.At, "%s is text and never holds a NUL byte", l.text)
	}
	return v.Text, nil
}

// hexBytes reads the value of bcontains and bstartswith.
func hexBytes(v ast.Value, op string) (string, error) {
	b, err := hex.DecodeString(v.Text)
	if err != nil || len(b) == 0 {
		return "", ast.Errorf(v.At, "the operator %s takes an even number of hex digits, not %q", op, v.Text)
	}
	return string(b), nil
}

// number reads a whole number as the field's type holds it: a value out of
// its range wraps.
func number(l *operand, v ast.Value) (int64, error) {
	s := strings.TrimLeft(v.Text, " \t\n\v\f\r")
	digits := strings.TrimLeft(s, "+-")
	if len(s)-len(digits) > 1 || digits == "" || strings.Trim(digits, "0123456789") != "" {
		return 0, ast.Errorf(v.At, "%s is a number and %q is not one: expected decimal digits", l.text, v.Text)
	}
	n := wrap(digits)
	if s[0] == '-' {
		n = -n
	}
	return narrow(l.typ, n), nil
}

// wrap reads decimal digits modulo 2^64.
func wrap(digits string) int64 {
	var n uint64
	for _, c := range digits {
		n = n*10 + uint64(c-'0')
	}
	return int64(n)
}

// narrow cuts a number to the width of its type.
func narrow(t fields.Type, n int64) int64 {
	switch {
	case t.Kind == fields.Int && t.Bits < 64:
		shift := 64 - t.Bits
		return n << shift >> shift
	case t.Kind == fields.Uint && t.Bits < 64:
		return n & (1<<t.Bits - 1)
	}
	return n
}

// port reads a port by number or by the name of its service.
func port(l *operand, v ast.Value) (int64, error) {
	if v.Text == "" {
		return 0, nil
	}
	s := strings.TrimLeft(v.Text, " ")
	if strings.Trim(s, "0123456789") == "" && s != "" {
		return wrap(s) & 0xffff, nil
	}
	if p, ok := fields.ServicePort(v.Text); ok {
		return int64(p), nil
	}
	return 0, ast.Errorf(v.At, "%s is a port and %q is neither a number nor a known service", l.text, v.Text)
}

func boolean(l *operand, v ast.Value) (int64, error) {
	switch v.Text {
	case "true":
		return 1, nil
	case "false":
		return 0, nil
	}
	return 0, ast.Errorf(v.At, "%s is true or false, not %q", l.text, v.Text)
}

// ipAddr reads an address: of version 4 when it has a dot, else of version 6.
func ipAddr(l *operand, v ast.Value) (netip.Addr, error) {
	a, err := netip.ParseAddr(v.Text)
	v4 := strings.Contains(v.Text, ".")
	if err != nil || a.Is4() != v4 || a.Zone() != "" {
		kind := "IPv6"
		if v4 {
			kind = "IPv4"
		}
		return a, ast.Errorf(v.At, "%s is an address and %q is no %s address", l.text, v.Text, kind)
	}
	return a, nil
}

// network reads address/length.
func network(l *operand, v ast.Value) (netip.Prefix, error) {
	ip, bits, ok := strings.Cut(v.Text, "/")
	if !ok {
		return netip.Prefix{}, ast.Errorf(v.At, "%s is compared with networks and %q has no prefix length: expected ADDRESS/LENGTH", l.text, v.Text)
	}
	a, err := ipAddr(l, ast.Value{At: v.At, Text: ip})
	if err != nil {
		return netip.Prefix{}, ast.Errorf(v.At, "%q is no network: expected ADDRESS/LENGTH", v.Text)
	}
	n, err := strconv.ParseUint(bits, 10, 8)
	if err != nil || int(n) > a.BitLen() || a.Is6() && n == 0 {
		return netip.Prefix{}, ast.Errorf(v.At, "%q has no valid prefix length: expected at most %d", v.Text, a.BitLen())
	}
	return netip.PrefixFrom(a, int(n)).Masked(), nil
}
