package matcher

// Field is what rules of a language can look at, as its user sees it.
type Field struct {
	Name string `json:"name"`
	Type string `json:"type"`
	// Arg is how the field is written with its argument, "" when it takes none.
	Arg string `json:"arg,omitempty"`
	// Several says that it stands for several values when it has no argument.
	Several bool   `json:"several,omitempty"`
	Doc     string `json:"doc,omitempty"`
	// From says where the value comes from, Missing why there never is one:
	// one of both.
	From    string `json:"from,omitempty"`
	Missing string `json:"missing,omitempty"`
}

// Fielder is implemented by a [Language] whose rules look at named fields.
type Fielder interface {
	Fields() []Field
}
