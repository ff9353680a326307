// Package fields says what a rule can look at: every field of Falco's language
// with its type, the argument it takes and where in an event its value is
// found, in one table ([All]); the names of event types and of their
// parameters; and [Event], the view of a msg.Record that those values come from.
//
// A field without a value is absent, which is not the same as empty: every
// getter says whether there is a value. Fields that Tripline cannot have are
// in the table with the reason, so that a rule which needs one is told.
package fields
