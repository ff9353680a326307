// Package loader reads rule files in Falco's YAML: lists, macros and rules,
// which later files append to, override or define anew.
//
// Reading has two steps. Collecting goes through the files in order and
// applies each element to what is there; then everything is compiled: names of
// lists are replaced in the text of the conditions, which only then are
// parsed, and macros are resolved on their trees. What is compiled after each
// file must already be right, so a file cannot lean on one that comes later.
//
// An error keeps its rule from running and no other: the loader goes on and
// reports everything it finds. Each problem has the code that Falco gives it.
package loader
