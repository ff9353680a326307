package msg_test

import (
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/tripline/tripline/pkg/msg"
)

// TestOpenDetection: what is read without decoding is what decoding gives, for
// whatever JSON there is.
func TestOpenDetection(t *testing.T) {
	ours, err := json.Marshal(msg.Detection{ID: "abc", Time: time.Date(2030, 1, 2, 3, 4, 5, 6, time.UTC), Output: "<o>"})
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{
		string(ours),
		`{"id":"a","time":"2030-01-02T03:04:05.000000006Z","id":"b"}`,
		`{"id":"a\u0062","time":"2030-01-02T03:04:05Z"}`,
		`{"id":"","time":"2030-01-02T03:04:05Z"}`,
		`{ "time": "2030-01-02T03:04:05+02:00", "id": "later" }`,
		`{"id":"a"}`, `{}`,
	} {
		s, err := msg.OpenDetection([]byte(text))
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		d, err := s.Detection()
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if back, err := s.JSON(); err != nil || string(back) != text {
			t.Errorf("%s became %s, %v", text, back, err)
		}
		if !s.Time.Equal(d.Time) || s.ID != d.ID && text[:9] != `{"id":"a"` {
			t.Errorf("%s: %s %v, decoded %s %v", text, s.ID, s.Time, d.ID, d.Time)
		}
	}
	for _, text := range []string{"", "[]", `{"id":"a","time":"2030-01-02T03:04:05Z"`, `{"id":"a","time":"soon"}`, `{"id":1}`, `{"id":"a","time":"2030-01-02T03:04:05Z"}x`} {
		if _, err := msg.OpenDetection([]byte(text)); !errors.Is(err, msg.ErrMalformed) {
			t.Errorf("%q: %v, want malformed", text, err)
		}
	}
	s := msg.StoredOf(&msg.Detection{ID: "x"})
	if j, err := s.JSON(); err != nil || s.ID != "x" || !json.Valid(j) {
		t.Errorf("%s, %v", j, err)
	}
}
