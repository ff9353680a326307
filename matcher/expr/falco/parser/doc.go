// Package parser reads Falco's condition language.
//
// The grammar, as far as it surprises: the operators exists, in, intersects
// and pmatch and those of symbols need no blank after them, the other words
// do; "or(" and "and(" take exactly the group that follows; an unquoted value
// goes on to the next of ( ) " ' blank = and comma, whatever it is; a
// modifier is one only between blanks and before a list or a name.
package parser
