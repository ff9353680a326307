package output

import (
	"errors"
	"strconv"
	"strings"

	"github.com/tripline/tripline/matcher/expr/falco/ast"
	"github.com/tripline/tripline/matcher/expr/falco/check"
	"github.com/tripline/tripline/matcher/expr/falco/fields"
	"github.com/tripline/tripline/matcher/expr/falco/parser"
)

// Absent is what stands for a field without a value.
const Absent = "<NA>"

// Format is a compiled output.
type Format struct {
	pieces []piece
}

// piece is constant text, or a field when op is set.
type piece struct {
	text  string
	op    *check.Operand
	width int
}

// Compile reads an output. A star at its start, which asks for a line even
// when values are missing, is dropped: there always is one. Its error is an
// [*ast.Error].
func Compile(src *ast.Source, t *fields.Table) (*Format, error) {
	f := &Format{}
	s := src.Text
	i := 0
	if strings.HasPrefix(s, "*") {
		i = 1
	}
	start := i
	for i < len(s) {
		if s[i] != '%' {
			i++
			continue
		}
		f.literal(s[start:i])
		n, err := f.token(src, i, t)
		if err != nil {
			return nil, err
		}
		i += n
		start = i
	}
	f.literal(s[start:])
	return f, nil
}

// Append adds constant text and then what follows it in another format.
func (f *Format) Append(glue string, o *Format) *Format {
	out := &Format{pieces: append([]piece(nil), f.pieces...)}
	out.literal(glue)
	out.pieces = append(out.pieces, o.pieces...)
	return out
}

func (f *Format) literal(s string) {
	if s != "" {
		f.pieces = append(f.pieces, piece{text: s})
	}
}

// token reads what follows the percent sign at i and returns its length, with
// the sign.
func (f *Format) token(src *ast.Source, i int, t *fields.Table) (int, error) {
	j := i + 1
	for j < len(src.Text) && src.Text[j] >= '0' && src.Text[j] <= '9' {
		j++
	}
	width, _ := strconv.Atoi(src.Text[i+1 : j])
	if j == len(src.Text) || !letter(src.Text[j]) {
		e := ast.Errorf(ast.Pos{Src: src, Off: i}, "there is no field after this %%: it begins a field, and no percent sign can be printed")
		e.Unknown = j < len(src.Text)
		return 0, e
	}
	op, n, err := operand(src, j, t)
	if err != nil {
		return 0, err
	}
	f.pieces = append(f.pieces, piece{op: &op, width: width})
	return j - i + n, nil
}

// operand reads the longest field or transformer at j.
func operand(src *ast.Source, j int, t *fields.Table) (check.Operand, int, error) {
	rest := src.Clone()
	tail := ast.NewSource(src.Text[j:], shifted{rest, j})
	o, n, err := parser.Operand(tail)
	if err == nil {
		var op check.Operand
		if op, err = check.CompileOperand(o, t); err == nil {
			return op, n, nil
		}
		// Nor need what is in brackets belong to a transformer.
		if call, ok := o.(*ast.Call); ok && call.HasSel {
			bare := *call
			bare.Sel, bare.HasSel = "", false
			if op, err := check.CompileOperand(&bare, t); err == nil {
				return op, strings.LastIndexByte(tail.Text[:n], '['), nil
			}
		}
	}
	// A shorter name may be a field: %proc.nameand is proc.name and "and".
	end := 0
	for end < len(tail.Text) && nameByte(tail.Text[end]) {
		end++
	}
	for k := end; k > 0; k-- {
		f := &ast.Field{At: ast.Pos{Src: tail}, Name: tail.Text[:k]}
		if op, err := check.CompileOperand(f, t); err == nil && nameByte(tail.Text[k-1]) && tail.Text[k-1] != '.' {
			return op, k, nil
		}
	}
	var e *ast.Error
	if errors.As(err, &e) {
		e.Unknown = true // whatever is wrong with it
	}
	return check.Operand{}, 0, err
}

func letter(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }

func nameByte(c byte) bool { return letter(c) || c >= '0' && c <= '9' || c == '_' || c == '.' }

// shifted locates bytes of the tail of a source.
type shifted struct {
	src *ast.Source
	by  int
}

// Locate implements ast.Locator.
func (s shifted) Locate(off int) ast.Place { return ast.Pos{Src: s.src, Off: s.by + off}.Place() }

// Refs lists the fields that are printed.
func (f *Format) Refs() []*fields.Ref {
	var out []*fields.Ref
	for _, p := range f.pieces {
		if p.op != nil {
			out = append(out, p.op.Refs()...)
		}
	}
	return out
}
