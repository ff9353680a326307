package webhook

import (
	"github.com/tripline/tripline/notifier/render"
	"github.com/tripline/tripline/pkg/msg"
)

// The built-in forms of the body.
const (
	// PayloadDetection is the detection as JSON.
	PayloadDetection = "detection"
	// PayloadCloudEvents is a CloudEvent 1.0 in structured mode.
	PayloadCloudEvents = "cloudevents"
	// PayloadFalcosidekick is what Falco posts to Falcosidekick.
	PayloadFalcosidekick = "falcosidekick"
)

// jsonType is the content type of all bodies that have none of their own.
const jsonType = "application/json"

// payload is a built-in form.
type payload struct {
	contentType string
	render      func(*msg.Detection) ([]byte, error)
}

func payloads() map[string]payload {
	return map[string]payload{
		PayloadDetection: {jsonType, func(d *msg.Detection) ([]byte, error) { return render.JSON(d) }},
		// CloudEvents, HTTP protocol binding 1.0.2, 3.2.
		PayloadCloudEvents:   {"application/cloudevents+json; charset=utf-8", render.CloudEvent},
		PayloadFalcosidekick: {jsonType, render.FalcoJSON},
	}
}
