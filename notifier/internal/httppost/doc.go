// Package httppost is what sinks that speak HTTP share: one request, one
// verdict. It turns answers and broken connections into [notifier.Failure]s,
// honours Retry-After, keeps connections for the next delivery, follows no
// redirect, and lets no secret into an error.
package httppost
