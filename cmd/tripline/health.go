package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// mostHealth bounds what is read of the answer.
const mostHealth = 64 << 10

// newHealth is what an image without a shell has for a health check.
func newHealth() *cobra.Command {
	var (
		listen  string
		live    bool
		timeout time.Duration
	)
	c := &cobra.Command{
		Use:   "health",
		Short: "Ask the stages of a process whether they are ready",
		Long: `Ask the process that serves its health pages at --http whether it can work now:
exit code 0 and "ok" if so, otherwise 1 and the reasons. For health checks of
containers, whose image has no other program. The address is that of
"tripline run --http", so TRIPLINE_HTTP serves both.`,
		Example: "  tripline health --http 127.0.0.1:9464",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if timeout <= 0 {
				return usagef("--timeout: %s is not a length of time", timeout)
			}
			page := "/readyz"
			if live {
				page = "/healthz"
			}
			url, err := healthURL(listen, page)
			if err != nil {
				return usagef("--http: %w", err)
			}
			ctx, stop := context.WithTimeout(cmd.Context(), timeout)
			defer stop()
			return health(ctx, url, cmd.OutOrStdout())
		},
	}
	fs := c.Flags()
	fs.StringVar(&listen, "http", "127.0.0.1:9464", "`host:port` where the process serves its health pages")
	fs.BoolVar(&live, "live", false, "ask only whether it is alive (/healthz)")
	fs.DurationVar(&timeout, "timeout", 3*time.Second, "how long the answer may take")
	return c
}

// healthURL turns an address to listen on into one to ask: a process that
// listens everywhere is asked over loopback.
func healthURL(listen, page string) (string, error) {
	host, port, err := net.SplitHostPort(listen)
	if err != nil || port == "" {
		return "", fmt.Errorf("%q is not host:port", listen)
	}
	switch ip := net.ParseIP(host); {
	case host == "", ip.Equal(net.IPv4zero):
		host = "127.0.0.1"
	case ip.Equal(net.IPv6unspecified):
		host = "::1"
	}
	return "http://" + net.JoinHostPort(host, port) + page, nil
}

func health(ctx context.Context, url string, stdout io.Writer) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	// No proxy stands between a process and its own health.
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err != nil {
		return fmt.Errorf("no answer, so not ready: %w", err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, mostHealth))
	if err != nil {
		return err
	}
	text := strings.TrimSpace(string(b))
	if resp.StatusCode != http.StatusOK {
		return errors.New("not ready: " + text)
	}
	fmt.Fprintln(stdout, text)
	return nil
}
