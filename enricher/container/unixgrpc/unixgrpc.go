package unixgrpc

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
)

// maxAnswer bounds an answer, in bytes; containerd itself sends up to 16 MiB.
const maxAnswer = 16 << 20

// Path checks the path of a socket, which may have unix:// before it.
func Path(socket string) (string, error) {
	path := strings.TrimPrefix(socket, "unix://")
	if !strings.HasPrefix(path, "/") {
		return "", fmt.Errorf("socket %q, expected an absolute path", socket)
	}
	return path, nil
}

// New returns a connection that is made when it is first used, and made again
// whenever it is lost.
func New(path string) (*grpc.ClientConn, error) {
	return grpc.NewClient("unix://"+path,
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxAnswer)),
		grpc.WithConnectParams(grpc.ConnectParams{
			// Local and restarted within seconds; gRPC's own would wait two minutes.
			Backoff:           backoff.Config{BaseDelay: 50 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: 2 * time.Second},
			MinConnectTimeout: 2 * time.Second,
		}))
}

// There returns an error that matches [fs.ErrNotExist] when there is no socket.
func There(path string) error {
	_, err := os.Stat(path)
	return err
}

// Absent says whether an error means that there is no such thing, rather than
// no answer.
func Absent(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || status.Code(err) == codes.NotFound
}
