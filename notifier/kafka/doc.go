// Package kafka is a sink that produces detections to a topic of Kafka, or of
// anything that speaks its protocol, many at once.
//
//   - name: bus
//     type: kafka
//     brokers: [kafka-1:9093, kafka-2:9093]
//     topic: detections
//     tls: {ca_file: /etc/ssl/kafka-ca.pem}
//     sasl: {mechanism: scram-sha-512, username: tripline, password_file: /run/secrets/kafka}
//
// The value of a record is the detection's JSON as it is stored, its key the
// host, so that the detections of one host are in one partition and in order,
// and its time that of the event. Headers hold id, rule and priority. A record
// counts as delivered when all in-sync replicas have it. Delivery is at least
// once: the header id tells a repetition.
//
// What no broker will ever take (a record too large) is final; the rest,
// credentials and a topic that is not there among it, is tried again.
package kafka
