package render

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Map renders data as Go prints a map, map[a:1 b:x], sorted by key, and
// escaped for a terminal. Whole numbers that JSON turned into floating point
// are whole numbers again.
func Map(data map[string]any) string {
	var b strings.Builder
	writeMap(&b, data)
	return b.String()
}

// Value renders one value as Map does.
func Value(v any) string {
	var b strings.Builder
	writeValue(&b, v)
	return b.String()
}

func writeMap(b *strings.Builder, data map[string]any) {
	b.WriteString("map[")
	for i, k := range slices.Sorted(maps.Keys(data)) {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(Terminal(k))
		b.WriteByte(':')
		writeValue(b, data[k])
	}
	b.WriteByte(']')
}

// maxExact is up to where a float64 holds every whole number.
const maxExact = 1 << 53

func writeValue(b *strings.Builder, v any) {
	switch v := v.(type) {
	case string:
		b.WriteString(Terminal(v))
	case map[string]any:
		writeMap(b, v)
	case []any:
		b.WriteByte('[')
		for i, x := range v {
			if i > 0 {
				b.WriteByte(' ')
			}
			writeValue(b, x)
		}
		b.WriteByte(']')
	case float64:
		if v == math.Trunc(v) && math.Abs(v) <= maxExact {
			b.WriteString(strconv.FormatInt(int64(v), 10))
			return
		}
		b.WriteString(strconv.FormatFloat(v, 'g', -1, 64))
	case json.Number:
		b.WriteString(Terminal(v.String()))
	default:
		b.WriteString(Terminal(fmt.Sprint(v)))
	}
}
