package msg

// Delivery is a message together with the duty to answer for it.
type Delivery[T any] struct {
	Value T
	// Ack answers, exactly once: nil when everything that the message led to
	// is stored, an error to have it again later, an error that matches
	// [ErrMalformed] never to have it again. It does not block.
	Ack func(error)
	// Attempt counts how often the message was delivered, from 1.
	Attempt uint64
	// First is true for the first message since the receiver became the owner
	// of what it reads: whatever it remembered from before is out of date.
	First bool
}
