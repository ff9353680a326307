// Package sinktest is what every sink has to prove. A sink's own tests call
// [Run], and [HTTP] where it speaks HTTP, and check besides what it alone
// does: that the receiver finds in the payload what it expects.
package sinktest
