// Package docs runs what the pages in docs/ tell people to do.
//
// A page marks its code blocks in the line that opens them: file=PATH is a file
// to be written, add=PATH after="TEXT" lines to be added below the first line
// that holds the text, append=PATH lines for the end of a file, and run commands
// to be run, in the order of the page, in a copy of this repository.
package docs
