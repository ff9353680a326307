package fields

// Kind says how values of a type are compared.
type Kind uint8

// The kinds. None is what cannot be compared.
const (
	None Kind = iota
	String
	Bytes
	Int
	Uint
	Double
	Bool
	Port
	IP
	Net
)

// Type is the type of a field. Two types are the same when their names are.
type Type struct {
	Name string
	Kind Kind
	// Bits is the width of Int and Uint.
	Bits uint8
}

// The types that fields have.
func typeOf(name string) Type {
	switch name {
	case "string", "path":
		return Type{name, String, 0}
	case "bytes":
		return Type{name, Bytes, 0}
	case "int8", "int16", "int32", "int64":
		return Type{name, Int, map[string]uint8{"int8": 8, "int16": 16, "int32": 32, "int64": 64}[name]}
	case "pid", "errno", "fd":
		return Type{name, Int, 64}
	case "uint8", "flags8":
		return Type{name, Uint, 8}
	case "uint16", "flags16":
		return Type{name, Uint, 16}
	case "uint32", "flags32", "mode", "uid", "gid":
		return Type{name, Uint, 32}
	case "uint64", "duration", "time":
		return Type{name, Uint, 64}
	case "double":
		return Type{name, Double, 64}
	case "bool":
		return Type{name, Bool, 0}
	case "port":
		return Type{name, Port, 16}
	case "ip":
		return Type{name, IP, 0}
	case "net":
		return Type{name, Net, 0}
	}
	return Type{Name: name}
}

// Number says whether values of the type are compared as whole numbers.
func (t Type) Number() bool { return t.Kind == Int || t.Kind == Uint || t.Kind == Port }

// TypeUint64 and TypeString are the types of results of transformers.
func TypeUint64() Type { return typeOf("uint64") }

// TypeString is the type of text.
func TypeString() Type { return typeOf("string") }
