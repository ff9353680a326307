package ast

// Node is a condition: [*And], [*Or], [*Not], [*Macro], [*Check] or, where it
// was given by `expr:`, [*Foreign].
type Node interface {
	// Where is the place of the node's first byte.
	Where() Pos
	node()
}

// And is true when all its kids are.
type And struct {
	At   Pos
	Kids []Node
}

// Or is true when one of its kids is.
type Or struct {
	At   Pos
	Kids []Node
}

// Not inverts its kid.
type Not struct {
	At  Pos
	Kid Node
}

// Macro is a name that stands for a condition defined elsewhere.
type Macro struct {
	At   Pos
	Name string
}

// Check compares a field, or what a transformer makes of fields, with values
// or with another field. For the operator "exists" Right is nil.
type Check struct {
	At   Pos
	Left Operand
	// Op is the operator, Mod its modifier ("oneof", "anyof", "allof") or "".
	Op, Mod string
	OpAt    Pos
	Right   Right
}

// Foreign is a part of a condition that another language evaluates.
type Foreign struct {
	At   Pos
	Text string
	// Impl evaluates it: a check.Leaf.
	Impl any
}

// Right is what stands on the value side of a check: [*Values], [*Field]
// (written val(field)) or [*Call].
type Right interface{ right() }

// Values are constants.
type Values struct {
	At Pos
	// List says that they were written in parentheses.
	List  bool
	Items []Value
}

// Value is one constant, its quotes and escapes resolved.
type Value struct {
	At   Pos
	Text string
}

// Operand is what has a value: [*Field], [*Call], and, as argument of a call,
// [*Literal] or [*Tuple].
type Operand interface {
	Where() Pos
	operand()
}

// Field names a field, with its argument where it has one.
type Field struct {
	At     Pos
	Name   string
	Arg    string
	HasArg bool
}

// Call is a transformer with its arguments, and the selector that only getopt
// takes.
type Call struct {
	At     Pos
	Name   string
	Args   []Operand
	Sel    string
	HasSel bool
}

// Literal is a constant as argument of a call.
type Literal struct {
	At   Pos
	Text string
}

// Tuple is a list in parentheses as argument of a call.
type Tuple struct {
	At    Pos
	Items []Operand
}

// Where implements Node and Operand.
func (n *And) Where() Pos     { return n.At }
func (n *Or) Where() Pos      { return n.At }
func (n *Not) Where() Pos     { return n.At }
func (n *Macro) Where() Pos   { return n.At }
func (n *Check) Where() Pos   { return n.At }
func (n *Foreign) Where() Pos { return n.At }
func (n *Field) Where() Pos   { return n.At }
func (n *Call) Where() Pos    { return n.At }
func (n *Literal) Where() Pos { return n.At }
func (n *Tuple) Where() Pos   { return n.At }

func (*And) node()     {}
func (*Or) node()      {}
func (*Not) node()     {}
func (*Macro) node()   {}
func (*Check) node()   {}
func (*Foreign) node() {}

func (*Values) right() {}
func (*Field) right()  {}
func (*Call) right()   {}

func (*Field) operand()   {}
func (*Call) operand()    {}
func (*Literal) operand() {}
func (*Tuple) operand()   {}

// Walk calls visit for n and everything below it, parents first, until visit
// says false for a node, whose kids are then left out.
func Walk(n Node, visit func(Node) bool) {
	if n == nil || !visit(n) {
		return
	}
	switch n := n.(type) {
	case *And:
		for _, k := range n.Kids {
			Walk(k, visit)
		}
	case *Or:
		for _, k := range n.Kids {
			Walk(k, visit)
		}
	case *Not:
		Walk(n.Kid, visit)
	}
}

// Fields calls visit for every field that a check names, on either side.
func (n *Check) Fields(visit func(*Field)) {
	FieldsOf(n.Left, visit)
	if o, ok := n.Right.(Operand); ok {
		FieldsOf(o, visit)
	}
}

// FieldsOf calls visit for every field in an operand.
func FieldsOf(o Operand, visit func(*Field)) {
	switch o := o.(type) {
	case *Field:
		visit(o)
	case *Call:
		for _, a := range o.Args {
			FieldsOf(a, visit)
		}
	case *Tuple:
		for _, a := range o.Items {
			FieldsOf(a, visit)
		}
	}
}
