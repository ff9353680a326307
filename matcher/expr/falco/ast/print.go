package ast

import "strings"

// Print renders a condition in its canonical form: one blank between tokens,
// parentheses around every conjunction and disjunction, quotes only where a
// value needs them.
func Print(n Node) string {
	var b strings.Builder
	printNode(&b, n)
	return b.String()
}

func printNode(b *strings.Builder, n Node) {
	many := func(op string, kids []Node) {
		b.WriteByte('(')
		for i, k := range kids {
			if i > 0 {
				b.WriteString(op)
			}
			printNode(b, k)
		}
		b.WriteByte(')')
	}
	switch n := n.(type) {
	case *And:
		many(" and ", n.Kids)
	case *Or:
		many(" or ", n.Kids)
	case *Not:
		b.WriteString("not ")
		printNode(b, n.Kid)
	case *Macro:
		b.WriteString(n.Name)
	case *Foreign:
		b.WriteString(strings.TrimSpace(n.Text))
	case *Check:
		printOperand(b, n.Left)
		b.WriteByte(' ')
		b.WriteString(n.Op)
		if n.Mod != "" {
			b.WriteByte(' ')
			b.WriteString(n.Mod)
		}
		if n.Right != nil {
			b.WriteByte(' ')
			printRight(b, n.Right)
		}
	}
}

func printRight(b *strings.Builder, r Right) {
	switch r := r.(type) {
	case *Field:
		b.WriteString("val(")
		printOperand(b, r)
		b.WriteByte(')')
	case *Call:
		printOperand(b, r)
	case *Values:
		if r.List {
			b.WriteByte('(')
		}
		for i, v := range r.Items {
			if i > 0 {
				b.WriteString(", ")
			}
			b.WriteString(Quote(v.Text))
		}
		if r.List {
			b.WriteByte(')')
		}
	}
}

// PrintOperand renders a field or a transformer as it is named in results.
func PrintOperand(o Operand) string {
	var b strings.Builder
	printOperand(&b, o)
	return b.String()
}

func printOperand(b *strings.Builder, o Operand) {
	list := func(items []Operand) {
		b.WriteByte('(')
		for i, a := range items {
			if i > 0 {
				b.WriteByte(',')
			}
			printOperand(b, a)
		}
		b.WriteByte(')')
	}
	arg := func(has bool, text string) {
		if !has {
			return
		}
		b.WriteByte('[')
		if text == "" {
			b.WriteString(`""`)
		} else {
			b.WriteString(Quote(text))
		}
		b.WriteByte(']')
	}
	switch o := o.(type) {
	case *Field:
		b.WriteString(o.Name)
		arg(o.HasArg, o.Arg)
	case *Call:
		b.WriteString(o.Name)
		list(o.Args)
		arg(o.HasSel, o.Sel)
	case *Literal:
		b.WriteString(Quote(o.Text))
	case *Tuple:
		list(o.Items)
	}
}

// Quote writes a value so that the parser reads it back: as it is where that
// works, else in double quotes.
func Quote(s string) string {
	const special = "\b\f\n\r\t =\\\"'\x00"
	if !strings.ContainsAny(s, special) {
		return s
	}
	return `"` + strings.NewReplacer(
		"\b", `\b`, "\f", `\f`, "\n", `\n`, "\r", `\r`, "\t", `\t`, `\`, `\\`, `"`, `\"`,
	).Replace(s) + `"`
}
