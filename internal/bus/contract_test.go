package bus_test

import (
	"github.com/tripline/tripline/enricher"
	"github.com/tripline/tripline/internal/bus"
	"github.com/tripline/tripline/matcher"
	"github.com/tripline/tripline/notifier"
	"github.com/tripline/tripline/sensor"
)

// What the stages ask for.
var (
	_ sensor.Publisher     = (*bus.RawPublisher)(nil)
	_ sensor.Demands       = (*bus.Demand)(nil)
	_ enricher.Source      = (*bus.RawConsumer)(nil)
	_ enricher.Publisher   = (*bus.EventsPublisher)(nil)
	_ matcher.Source       = (*bus.PartitionConsumer)(nil)
	_ matcher.Publisher    = (*bus.DetectionPublisher)(nil)
	_ matcher.Demander     = (*bus.Demand)(nil)
	_ notifier.Source      = (*bus.SinkConsumer)(nil)
	_ notifier.DeadLetters = (*bus.SinkConsumer)(nil)
)
