// Package elasticsearch is a sink that indexes detections in Elasticsearch or
// OpenSearch, many with one request to the bulk API.
//
//   - name: search
//     type: elasticsearch
//     url: https://search:9200
//     username: tripline
//     password_file: /run/secrets/search-password
//     index: tripline-{{.Time | date "2006.01.02"}}
//
// # Documents
//
// The id of a document is that of the detection, and a document is only ever
// created: one that comes again is there already (409), which counts as
// delivered. Index may be a data stream.
//
// A document is the detection's JSON with @timestamp, and with one change:
// where the names or the types of members come from rules or from what was
// traced (event.args, data, values, labels), it has a list of {name, value}
// with values as text. So no two detections can disagree on the type of a
// field, and nothing that a traced process calls itself becomes a field.
//
// # Answers
//
// Of a request that was answered each document has a status of its own: 429 and
// 5xx are tried again, other refusals (a mapping that does not fit) are final.
// See https://www.elastic.co/docs/api/doc/elasticsearch/operation/operation-bulk
// and https://docs.opensearch.org/latest/api-reference/document-apis/bulk/.
package elasticsearch
