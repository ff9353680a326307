package notifier

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"os"
	"time"
)

// Reason says, from a closed set, why a delivery failed. It is a metric label
// and stands in dead letters.
type Reason string

// The reasons.
const (
	// ReasonAuth: the receiver does not accept the credentials.
	ReasonAuth Reason = "auth"
	// ReasonRateLimited: the receiver asks for patience.
	ReasonRateLimited Reason = "rate_limited"
	// ReasonClient: the receiver says that what it got is wrong.
	ReasonClient Reason = "client"
	// ReasonServer: the receiver itself has a problem.
	ReasonServer Reason = "server"
	// ReasonTimeout: no answer in time.
	ReasonTimeout Reason = "timeout"
	// ReasonUnreachable: no connection, or it broke.
	ReasonUnreachable Reason = "unreachable"
	// ReasonTLS: the two sides do not trust each other.
	ReasonTLS Reason = "tls"
	// ReasonTemplate: the detection could not be put into the sink's form.
	ReasonTemplate Reason = "template"
	// ReasonIO: a file or pipe did not take it.
	ReasonIO Reason = "io"
	// ReasonOther: none of these.
	ReasonOther Reason = "other"
)

// Failure is the error of a sink that knows why it failed. Its text holds no
// secret.
type Failure struct {
	Reason Reason
	// Permanent failures will happen again with the same detection.
	Permanent bool
	// After is how long the receiver asked to be left alone, 0 if it did not.
	After time.Duration
	Err   error
}

// Error is the text of the cause.
func (f *Failure) Error() string { return f.Err.Error() }

// Unwrap returns the cause.
func (f *Failure) Unwrap() error { return f.Err }

// Fail makes a failure that is worth another try.
func Fail(reason Reason, err error) error { return &Failure{Reason: reason, Err: err} }

// FailForGood makes a failure that is not.
func FailForGood(reason Reason, err error) error {
	return &Failure{Reason: reason, Permanent: true, Err: err}
}

// Retryable says whether to deliver again after this error. It is true for
// errors that do not say: losing a detection is worse than sending it twice.
func Retryable(err error) bool {
	var f *Failure
	return err != nil && !(errors.As(err, &f) && f.Permanent)
}

// RetryAfter is how long the receiver asked to be left alone, 0 if it did not.
func RetryAfter(err error) time.Duration {
	var f *Failure
	if errors.As(err, &f) {
		return f.After
	}
	return 0
}

// ReasonOf finds the reason of an error, from its type where it does not say.
func ReasonOf(err error) Reason {
	var (
		f         *Failure
		netErr    net.Error
		verify    *tls.CertificateVerificationError
		record    tls.RecordHeaderError
		alert     tls.AlertError
		authority x509.UnknownAuthorityError
		host      x509.HostnameError
		opErr     *net.OpError
		dnsErr    *net.DNSError
		pathErr   *os.PathError
	)
	switch {
	case errors.As(err, &f):
		return f.Reason
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &netErr) && netErr.Timeout():
		return ReasonTimeout
	case errors.As(err, &verify), errors.As(err, &record), errors.As(err, &alert),
		errors.As(err, &authority), errors.As(err, &host),
		// How crypto/tls wraps alerts, whose type it does not export.
		errors.As(err, &opErr) && (opErr.Op == "remote error" || opErr.Op == "local error"):
		return ReasonTLS
	case errors.As(err, &opErr), errors.As(err, &dnsErr):
		return ReasonUnreachable
	case errors.As(err, &pathErr):
		return ReasonIO
	}
	return ReasonOther
}
