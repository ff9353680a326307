package trace

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strconv"
)

// ArgMeta names an argument. Type is the C type, or "string" where a number
// was replaced by its name.
type ArgMeta struct {
	Name string `json:"name"`
	Type string `json:"type"`
}

// Argument is an argument of an event. The Go type of Value follows from Type:
//
//	int, pid_t, uid_t, gid_t, key_t, clockid_t, …  int32
//	unsigned int, u32, mode_t, dev_t               uint32
//	umode_t, unsigned short                        uint16
//	long                                           int64
//	unsigned long, u64, off_t, size_t              uint64
//	bool                                           bool
//	const char*, char*, string                     string
//	const char*const*, const char**                []string
//	struct sockaddr*                               map[string]string, see below
//	bytes                                          []byte
//	int[2]                                         [2]int32
//	slim_cred_t                                    [SlimCred]
//	any other pointer                              string, "0x" and hex digits
//
// A socket address has sa_family ("AF_INET") and, by family, sin_addr and
// sin_port; sin6_addr, sin6_port, sin6_flowinfo and sin6_scopeid; or sun_path.
type Argument struct {
	ArgMeta
	Value interface{} `json:"value"`
}

// UnmarshalJSON reads an argument and gives Value the Go type that follows
// from its C type, so that a signature sees the same from JSON as from the
// kernel. A type it does not know is an error when the value is a number.
func (arg *Argument) UnmarshalJSON(b []byte) error {
	var raw struct {
		ArgMeta
		Value json.RawMessage `json:"value"`
	}
	if err := json.Unmarshal(b, &raw); err != nil {
		return err
	}
	v, err := decodeValue(raw.Type, raw.Value)
	if err != nil {
		return fmt.Errorf("argument %q of type %q: %w", raw.Name, raw.Type, err)
	}
	arg.ArgMeta, arg.Value = raw.ArgMeta, v
	return nil
}

func decodeValue(ctype string, raw json.RawMessage) (any, error) {
	if len(raw) == 0 || bytes.Equal(raw, []byte("null")) {
		return nil, nil
	}
	switch raw[0] {
	case '"':
		return decodeText(ctype, raw)
	case '[':
		return decodeList(ctype, raw)
	case '{':
		return decodeObject(ctype, raw)
	case 't', 'f':
		return raw[0] == 't', nil
	default:
		return decodeNumber(ctype, string(raw))
	}
}

func decodeText(ctype string, raw json.RawMessage) (any, error) {
	var s string
	if err := json.Unmarshal(raw, &s); err != nil {
		return nil, err
	}
	if ctype == "bytes" {
		return base64.StdEncoding.DecodeString(s)
	}
	return s, nil
}

func decodeList(ctype string, raw json.RawMessage) (any, error) {
	switch ctype {
	case "const char*const*", "const char**":
		var items []any
		if err := json.Unmarshal(raw, &items); err != nil {
			return nil, err
		}
		out := make([]string, len(items))
		for i, item := range items {
			out[i] = fmt.Sprint(item)
		}
		return out, nil
	case "int[2]":
		var out [2]int32
		err := json.Unmarshal(raw, &out)
		return out, err
	default:
		var out []any
		err := json.Unmarshal(raw, &out)
		return out, err
	}
}

func decodeObject(ctype string, raw json.RawMessage) (any, error) {
	switch ctype {
	case "struct sockaddr*", "const struct sockaddr*":
		var out map[string]string
		err := json.Unmarshal(raw, &out)
		return out, err
	case "slim_cred_t":
		var out SlimCred
		err := json.Unmarshal(raw, &out)
		return out, err
	default:
		var out map[string]any
		err := json.Unmarshal(raw, &out)
		return out, err
	}
}

func decodeNumber(ctype, s string) (any, error) {
	switch ctype {
	case "int", "pid_t", "uid_t", "gid_t", "mqd_t", "clockid_t", "const clockid_t", "key_t", "key_serial_t", "timer_t", "landlock_rule_type":
		n, err := strconv.ParseInt(s, 10, 32)
		return int32(n), err
	case "unsigned int", "u32", "mode_t", "dev_t":
		n, err := strconv.ParseUint(s, 10, 32)
		return uint32(n), err
	case "unsigned short", "umode_t", "u16", "old_uid_t", "old_gid_t":
		n, err := strconv.ParseUint(s, 10, 16)
		return uint16(n), err
	case "long":
		return strconv.ParseInt(s, 10, 64)
	case "unsigned long", "u64", "off_t", "loff_t", "size_t", "void*", "const void*":
		return strconv.ParseUint(s, 10, 64)
	case "float":
		n, err := strconv.ParseFloat(s, 32)
		return float32(n), err
	case "float64":
		return strconv.ParseFloat(s, 64)
	default:
		return nil, fmt.Errorf("a number was not expected")
	}
}
