package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/spf13/pflag"

	"github.com/tripline/tripline/notifier"
	notifiers "github.com/tripline/tripline/notifier/builtin"
	"github.com/tripline/tripline/notifier/render"
	"github.com/tripline/tripline/pkg/msg"
)

// matchOutput says where detections go.
type matchOutput struct {
	format      string
	template    string
	webhook     string
	hookTmpl    string
	contentType string
	giveUp      time.Duration
}

func (o *matchOutput) register(fs *pflag.FlagSet) {
	fs.StringVarP(&o.format, "output", "o", render.FormatClassic, "classic, json or falco")
	fs.StringVar(&o.template, "output-template", "", "`file` with a Go template for each detection")
	fs.StringVar(&o.webhook, "webhook", "", "`URL` to post each detection to")
	fs.StringVar(&o.hookTmpl, "webhook-template", "", "`file` with a Go template for what is posted, instead of JSON")
	fs.StringVar(&o.contentType, "webhook-content-type", "", "content `type` of what is posted")
	fs.DurationVar(&o.giveUp, "webhook-give-up", 30*time.Second, "for how long to try to post one detection")
}

// open prepares the output; everything wrong with it is a usage error.
func (o *matchOutput) open(stdout io.Writer) (*detectionWriter, error) {
	f := render.Format{Format: o.format}
	if o.template != "" {
		f = render.Format{Format: render.FormatTemplate, TemplateFile: o.template}
	}
	line, err := f.Build()
	if err != nil {
		return nil, usagef("--output: %w", err)
	}
	w := &detectionWriter{out: bufio.NewWriter(stdout), line: line, format: f.Format, giveUp: o.giveUp}
	if o.webhook == "" {
		if o.hookTmpl != "" || o.contentType != "" {
			return nil, usagef("--webhook-template and --webhook-content-type need --webhook")
		}
		return w, nil
	}
	cfg := notifiers.DefaultConfig()
	cfg.Sinks = []notifiers.SinkConfig{notifiers.Webhook("webhook", o.webhook, o.hookTmpl, o.contentType)}
	sinks, err := notifiers.Sinks(cfg, notifiers.Env{Stdout: stdout})
	if err != nil {
		return nil, usagef("--webhook: %w", err)
	}
	w.hook = sinks[0].Sink
	return w, nil
}

// detectionWriter prints detections and posts them.
type detectionWriter struct {
	out    *bufio.Writer
	line   func(*msg.Detection) ([]byte, error)
	format string
	hook   notifier.Sink
	giveUp time.Duration

	detections, failed uint64
	err                error // of the first that failed
}

// lines says whether the output is for people, so that other lines may stand
// among it.
func (w *detectionWriter) lines() bool { return w.format != render.FormatJSON }

// write prints a detection, then posts it and waits for the answer.
func (w *detectionWriter) write(ctx context.Context, d *msg.Detection) {
	w.detections++
	line, err := w.line(d)
	if err == nil {
		_, err = w.out.Write(line)
	}
	if w.hook != nil {
		err = errors.Join(err, w.post(ctx, d))
	}
	if err != nil {
		w.failed++
		if w.err == nil {
			w.err = fmt.Errorf("detection %s of %s: %w", d.ID, clean(d.Rule.ID), err)
		}
	}
}

// post tries again as long as that makes sense.
func (w *detectionWriter) post(ctx context.Context, d *msg.Detection) error {
	_, err := backoff.Retry(ctx, func() (struct{}, error) {
		err := w.hook.Deliver(ctx, d)
		switch {
		case err != nil && !notifier.Retryable(err):
			err = backoff.Permanent(err)
		case err != nil && notifier.RetryAfter(err) > 0:
			err = &backoff.RetryAfterError{Duration: notifier.RetryAfter(err)}
		}
		return struct{}{}, err
	}, backoff.WithMaxElapsedTime(w.giveUp))
	return err
}

// flush shows what was written.
func (w *detectionWriter) flush() error {
	if err := w.out.Flush(); err != nil {
		return fmt.Errorf("output: %w", err)
	}
	return nil
}

func (w *detectionWriter) close() {
	if c, ok := w.hook.(io.Closer); ok {
		_ = c.Close()
	}
}
