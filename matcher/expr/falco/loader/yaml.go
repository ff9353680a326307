package loader

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/tripline/tripline/matcher/expr/falco/ast"
)

// document is a rule file as text.
type document struct {
	path    string
	content []byte
	lines   []int // offsets of line starts
}

func newDocument(f File) *document {
	d := &document{path: f.Path, content: f.Content, lines: []int{0}}
	for i, c := range f.Content {
		if c == '\n' {
			d.lines = append(d.lines, i+1)
		}
	}
	return d
}

// place describes a line and a column, both from 1.
func (d *document) place(line, column int) ast.Place {
	p := ast.Place{File: d.path, Line: line, Column: column}
	if line >= 1 && line <= len(d.lines) {
		p.Snippet = d.line(line)
	}
	return p
}

func (d *document) line(n int) string {
	end := len(d.content)
	if n < len(d.lines) {
		end = d.lines[n] - 1
	}
	return strings.TrimRight(string(d.content[d.lines[n-1]:end]), "\r")
}

// at is the place of a node.
func (d *document) at(n *yaml.Node) ast.Place {
	if n == nil || n.Line == 0 {
		return ast.Place{File: d.path}
	}
	// The column of a node counts characters; places count bytes.
	col := n.Column
	if n.Line <= len(d.lines) {
		line := d.line(n.Line)
		chars := 1
		for i := range line {
			if chars == n.Column {
				col = i + 1
				break
			}
			chars++
		}
	}
	return d.place(n.Line, col)
}

// scalar is the text of a YAML scalar with where it stands.
type scalar struct {
	doc  *document
	node *yaml.Node
	trim int // bytes cut from its start
}

// Locate implements [ast.Locator]. A scalar may be folded over lines, quoted
// or escaped, so its bytes are looked up in the file in order, blanks aside.
func (s scalar) Locate(off int) ast.Place {
	n := s.node
	start := s.doc.at(n)
	if n.Line < 1 || n.Line > len(s.doc.lines) {
		return start
	}
	c := s.doc.lines[n.Line-1] + start.Column - 1
	if n.Style == yaml.LiteralStyle || n.Style == yaml.FoldedStyle {
		for c < len(s.doc.content) && s.doc.content[c] != '\n' {
			c++
		}
	}
	value := n.Value
	off = min(off+s.trim, len(value))
	// The byte itself, when it is no blank, else the one before.
	for i := 0; i <= off && i < len(value); i++ {
		b := value[i]
		if b == ' ' || b == '\n' || b == '\t' {
			continue
		}
		k := c
		for k < len(s.doc.content) && s.doc.content[k] != b {
			k++
		}
		if k == len(s.doc.content) {
			return start
		}
		c = k
		if i < off {
			c++
		}
	}
	line := len(s.doc.lines)
	for line > 1 && s.doc.lines[line-1] > c {
		line--
	}
	return s.doc.place(line, c-s.doc.lines[line-1]+1)
}

var yamlLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?`)

// parse reads all documents of a file.
func (d *document) parse() ([]*yaml.Node, *Problem) {
	dec := yaml.NewDecoder(bytes.NewReader(d.content))
	var out []*yaml.Node
	for {
		var n yaml.Node
		err := decode(dec, &n)
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			m := yamlLine.FindStringSubmatch(err.Error())
			text := err.Error()
			line := 0
			if m != nil {
				line, _ = strconv.Atoi(m[1])
				text = text[len(m[0]):]
			}
			return out, &Problem{Code: ErrYAMLParse, At: d.place(line, 0), Kind: "file", Msg: "this is no YAML: " + text}
		}
		if len(n.Content) > 0 {
			out = append(out, n.Content[0])
		}
	}
}

// decode turns a panic of the YAML reader into an error.
func decode(dec *yaml.Decoder, n *yaml.Node) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("yaml: %v", r)
		}
	}()
	return dec.Decode(n)
}

// item is a mapping of a file: an element, an exception, an override.
type item struct {
	doc  *document
	node *yaml.Node
	kind string
	name string
	rule string // the rule that an exception belongs to
}

// fault is a mistake in an item; it ends its reading.
type fault struct {
	code string
	at   ast.Place
	msg  string
	it   *item
}

func (f *fault) Error() string { return f.msg }

func (it *item) fault(n *yaml.Node, format string, args ...any) *fault {
	return &fault{ErrYAMLValidate, it.doc.at(n), fmt.Sprintf(format, args...), it}
}

func (it *item) invalid(n *yaml.Node, format string, args ...any) *fault {
	return &fault{ErrValidate, it.doc.at(n), fmt.Sprintf(format, args...), it}
}

func resolve(n *yaml.Node) *yaml.Node {
	for i := 0; n != nil && n.Kind == yaml.AliasNode && i < 10; i++ {
		n = n.Alias
	}
	return n
}

func isNull(n *yaml.Node) bool {
	return n.Kind == yaml.ScalarNode && n.Tag == "!!null"
}

// get finds the value of a key, nil when it is not there, and its key's node.
func (it *item) get(key string) (value, at *yaml.Node) {
	for i := 0; i+1 < len(it.node.Content); i += 2 {
		if k := resolve(it.node.Content[i]); k.Value == key {
			return resolve(it.node.Content[i+1]), it.node.Content[i]
		}
	}
	return nil, nil
}

func (it *item) has(key string) bool { v, _ := it.get(key); return v != nil }

// need finds the value of a key that must be there and not null.
func (it *item) need(key string) (*yaml.Node, error) {
	v, at := it.get(key)
	switch {
	case v == nil:
		return nil, it.fault(it.node, "the %s has no key '%s'", it.kind, key)
	case isNull(v):
		return nil, it.fault(at, "the key '%s' has no value", key)
	}
	return v, nil
}

// text reads a text that must be there and not empty.
func (it *item) text(key string) (*yaml.Node, error) {
	v, err := it.need(key)
	if err != nil {
		return nil, err
	}
	if v.Kind != yaml.ScalarNode {
		return nil, it.fault(v, "the value of '%s' must be text", key)
	}
	if v.Value == "" {
		return nil, it.fault(v, "the value of '%s' must not be empty", key)
	}
	return v, nil
}

// boolean reads a truth value, def when the key is not there. The words are
// those of YAML 1.1, quoted or not.
func (it *item) boolean(key string, def bool) (bool, error) {
	if !it.has(key) {
		return def, nil
	}
	v, err := it.need(key)
	if err != nil {
		return def, err
	}
	if v.Kind == yaml.ScalarNode {
		switch v.Value {
		case "y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON":
			return true, nil
		case "n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF":
			return false, nil
		}
	}
	return def, it.fault(v, "the value of '%s' must be true or false", key)
}

// texts reads a sequence of texts, nil when the key is not there.
func (it *item) texts(key string) ([]*yaml.Node, error) {
	if !it.has(key) {
		return nil, nil
	}
	v, err := it.need(key)
	if err != nil {
		return nil, err
	}
	if v.Kind != yaml.SequenceNode {
		return nil, it.fault(v, "the value of '%s' must be a sequence", key)
	}
	out := make([]*yaml.Node, 0, len(v.Content))
	for _, c := range v.Content {
		c = resolve(c)
		if c.Kind != yaml.ScalarNode {
			return nil, it.fault(c, "the elements of '%s' must be texts", key)
		}
		out = append(out, c)
	}
	return out, nil
}

// mapping makes an item of a node, which must be a mapping.
func (it *item) mapping(n *yaml.Node, kind string) (*item, error) {
	n = resolve(n)
	if n.Kind != yaml.MappingNode {
		return nil, it.fault(n, "expected a mapping for the %s", kind)
	}
	return &item{doc: it.doc, node: n, kind: kind, name: it.name, rule: it.rule}, nil
}

// keys calls visit for each key.
func (it *item) keys(visit func(key string, at, value *yaml.Node)) {
	for i := 0; i+1 < len(it.node.Content); i += 2 {
		k := resolve(it.node.Content[i])
		visit(k.Value, k, resolve(it.node.Content[i+1]))
	}
}

// source makes a condition's or output's text of a scalar.
func (it *item) source(n *yaml.Node) *ast.Source {
	return ast.NewSource(n.Value, scalar{doc: it.doc, node: n})
}
