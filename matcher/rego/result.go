package rego

import (
	"encoding/json"
	"strconv"

	"github.com/open-policy-agent/opa/v1/ast"
)

// toGo makes plain Go values of a result: numbers as int64, uint64 or float64,
// the first that holds them; sets as sorted lists.
func toGo(v ast.Value) (any, error) {
	x, err := ast.JSONWithOpt(v, ast.JSONOpt{SortSets: true, CopyMaps: true})
	if err != nil {
		return nil, err
	}
	return plain(x), nil
}

func plain(x any) any {
	switch v := x.(type) {
	case json.Number:
		if n, err := strconv.ParseInt(string(v), 10, 64); err == nil {
			return n
		}
		if n, err := strconv.ParseUint(string(v), 10, 64); err == nil {
			return n
		}
		f, err := v.Float64()
		if err != nil {
			return string(v)
		}
		return f
	case []any:
		for i := range v {
			v[i] = plain(v[i])
		}
		return v
	case map[string]any:
		for k := range v {
			v[k] = plain(v[k])
		}
		return v
	default:
		return x
	}
}
