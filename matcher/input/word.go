package input

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"strconv"

	"github.com/tripline/tripline/pkg/msg"
	"github.com/tripline/tripline/pkg/msg/catalogue"
)

// Word turns a value as formats have it into the word of an argument of this
// kind, and enters what has a table into b. It takes what encoding/json makes
// of a value (with json.Number or without), and the Go types that Tracee gives
// arguments:
//
//	numbers           any integer, true and false, or text: a name of the
//	                  catalogue, several joined by "|", or a number (0x…, 0…)
//	modes             also names as in inode(7): S_IFREG|S_IRUSR
//	strings and paths text
//	bytes             []byte, or text in base64
//	strings           a list
//	socket addresses  a map with sa_family, sin_addr, sin_port, sin6_addr,
//	                  sin6_port, sin6_scopeid, sun_path; or text: host:port, a
//	                  path, "family N"
//	credentials       trace.SlimCred, or a map with its names or those of
//	                  msg.CredJSON
func Word(b *msg.Builder, p *catalogue.Param, v any) (int64, error) {
	switch p.Kind {
	case catalogue.String, catalogue.Path:
		s, ok := v.(string)
		if !ok {
			return 0, mismatch(v, "text")
		}
		return b.String(s), nil
	case catalogue.Bytes:
		content, err := bytesOf(v)
		if err != nil {
			return 0, err
		}
		return b.Bytes(content), nil
	case catalogue.Strings:
		items, err := stringsOf(v)
		if err != nil {
			return 0, err
		}
		return b.List(&msg.StringList{Items: items}), nil
	case catalogue.SockAddr:
		a, err := addressOf(v)
		if err != nil {
			return 0, err
		}
		return b.Address(a), nil
	case catalogue.Cred:
		c, err := credentialsOf(v)
		if err != nil {
			return 0, err
		}
		return b.Cred(c), nil
	default:
		return scalar(p, v)
	}
}

func mismatch(v any, expected string) error {
	return fmt.Errorf("%s, expected %s", kindOf(v), expected)
}

// kindOf names what a value is, for people.
func kindOf(v any) string {
	switch v := v.(type) {
	case nil:
		return "nothing"
	case string:
		return strconv.Quote(v)
	case json.Number:
		return "the number " + v.String()
	case []any, []string:
		return "a list"
	case map[string]any, map[string]string:
		return "an object"
	case bool, int, int32, int64, uint16, uint32, uint64, float64:
		return fmt.Sprint(v)
	}
	return fmt.Sprintf("a %T", v)
}

// scalar reads a number or its name.
func scalar(p *catalogue.Param, v any) (int64, error) {
	switch v := v.(type) {
	case string:
		return named(p, v)
	case bool:
		if v {
			return 1, nil
		}
		return 0, nil
	}
	return integer(v)
}

// integer reads a whole number.
func integer(v any) (int64, error) {
	switch v := v.(type) {
	case json.Number:
		n, ok := number(v.String())
		if !ok {
			return 0, mismatch(v, "a whole number")
		}
		return n, nil
	case float64:
		if v != math.Trunc(v) || math.Abs(v) > 1<<53 {
			return 0, mismatch(v, "a whole number")
		}
		return int64(v), nil
	}
	r := reflect.ValueOf(v)
	switch {
	case r.IsValid() && r.CanInt():
		return r.Int(), nil
	case r.IsValid() && r.CanUint():
		return int64(r.Uint()), nil
	}
	return 0, mismatch(v, "a number or a name")
}

// number reads a signed or an unsigned 64-bit number, in Go's notations.
func number(s string) (int64, bool) {
	if n, err := strconv.ParseInt(s, 0, 64); err == nil {
		return n, true
	}
	n, err := strconv.ParseUint(s, 0, 64)
	return int64(n), err == nil
}

func named(p *catalogue.Param, s string) (int64, error) {
	if n, ok := number(s); ok {
		return n, nil
	}
	switch {
	case p.Values != nil:
		if n, ok := p.Values.Parse(s); ok {
			return int64(n), nil
		}
	case p.Kind == catalogue.Mode:
		if n, ok := mode(s); ok {
			return n, nil
		}
	case p.Kind == catalogue.Bool:
		if b, err := strconv.ParseBool(s); err == nil && b {
			return 1, nil
		} else if err == nil {
			return 0, nil
		}
	case p.Kind == catalogue.Signal:
		for n := 1; n <= 64; n++ {
			if catalogue.SignalName(n) == s {
				return int64(n), nil
			}
		}
	}
	return 0, fmt.Errorf("%q is not a value of the type %s", s, p.Type)
}

func bytesOf(v any) ([]byte, error) {
	switch v := v.(type) {
	case []byte:
		return v, nil
	case string:
		b, err := base64.StdEncoding.DecodeString(v)
		if err != nil {
			return nil, mismatch(v, "base64")
		}
		return b, nil
	}
	return nil, mismatch(v, "bytes in base64")
}

func stringsOf(v any) ([]string, error) {
	switch v := v.(type) {
	case []string:
		return v, nil
	case []any:
		out := make([]string, len(v))
		for i, x := range v {
			if s, ok := x.(string); ok {
				out[i] = s
			} else {
				out[i] = fmt.Sprint(x)
			}
		}
		return out, nil
	}
	return nil, mismatch(v, "a list of texts")
}
