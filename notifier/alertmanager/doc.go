// Package alertmanager is a sink that hands each detection to a Prometheus
// Alertmanager as an alert (POST /api/v2/alerts).
//
//   - name: am
//     type: alertmanager
//     url: http://alertmanager:9093
//     labels: {cluster: eu-1}
//
// # Labels and annotations
//
// Labels say which alert it is: alertname is the rule's id, and there are
// rule, priority, severity (Prometheus's three levels), host, container,
// image, namespace and pod, as far as they are known, and those configured; a
// configured label cannot replace one of these. What changes from one
// detection to the next (process, arguments, detection id) stands in
// annotations, so that repetitions are one alert there and its grouping and
// inhibition work.
//
// A detection is an event, and no end is sent: the alert ends after the
// Alertmanager's resolve_timeout without a repetition.
//
// # Escaping
//
// Texts are sent as they are shown on a terminal, with control, invisible and
// direction-changing characters as escapes, and cut to 256 bytes in labels and
// 4096 in annotations. What the Alertmanager's own receivers do with markup in
// them is up to its templates.
//
// # Answers
//
// A 200 means the alert is in the Alertmanager's memory. 5xx and 429 are tried
// again, 400 (an alert it does not accept) is final. For a cluster, configure
// one sink for each member, as Prometheus does.
// See https://github.com/prometheus/alertmanager/blob/main/api/v2/openapi.yaml.
package alertmanager
