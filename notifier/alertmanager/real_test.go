package alertmanager_test

import (
	"encoding/json"
	"net"
	"net/http"
	"os/exec"
	"testing"
	"time"

	"github.com/tripline/tripline/notifier/alertmanager"
	"github.com/tripline/tripline/notifier/sinktest"
)

// TestRealAlertmanager gives every sample to an Alertmanager and asks it what
// it has.
func TestRealAlertmanager(t *testing.T) {
	bin, err := exec.LookPath("prometheus-alertmanager") // Debian's name
	if err != nil {
		if bin, err = exec.LookPath("alertmanager"); err != nil {
			t.Skip("needs an Alertmanager: make deps-test")
		}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	l.Close()
	cmd := exec.Command(bin, "--config.file="+write(t, "route: {receiver: none}\nreceivers: [{name: none}]\n"),
		"--storage.path="+t.TempDir(), "--web.listen-address="+addr, "--cluster.listen-address=")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	get := func(path string, into any) bool {
		resp, err := client.Get("http://" + addr + path)
		if err != nil {
			return false
		}
		defer resp.Body.Close()
		return resp.StatusCode == 200 && (into == nil || json.NewDecoder(resp.Body).Decode(into) == nil)
	}
	for range 300 {
		if get("/-/ready", nil) {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	s := build(t, "http://"+addr, time.Minute)
	defer s.(*alertmanager.Sink).Close()
	for _, sample := range sinktest.Samples() {
		if err := s.Deliver(t.Context(), sample.Detection); err != nil {
			t.Errorf("%s: %v", sample.Name, err)
		}
	}
	var got []struct {
		Labels, Annotations map[string]string
		StartsAt            time.Time
		Status              struct{ State string }
	}
	if !get("/api/v2/alerts", &got) {
		t.Fatal("it does not tell what it has")
	}
	ids := map[string]bool{}
	for _, a := range got {
		ids[a.Annotations["detection_id"]] = true
		// Its API tells milliseconds.
		if a.Labels["cluster"] != "eu-1" || a.Annotations["detection_id"] == sinktest.RollUp().ID && !a.StartsAt.Equal(sinktest.Container().Time.Truncate(time.Millisecond)) {
			t.Errorf("%+v", a)
		}
	}
	// Plain and huge are the same rule on the same host, container and roll-up
	// are in the same container, too: one alert, with what was said last.
	for _, d := range []string{sinktest.Data().ID, sinktest.RollUp().ID, sinktest.Hostile().ID, sinktest.Bare().ID, sinktest.Huge().ID} {
		if !ids[d] {
			t.Errorf("%s is not there: %v", d, ids)
		}
	}
}
