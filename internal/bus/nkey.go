package bus

import (
	"fmt"
	"os"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"
)

// nkey reads a seed. Public names its holder; the option proves that this
// process is it, reading the file anew at each connection so that no secret
// stays in memory.
func nkey(file string) (public string, option nats.Option, err error) {
	read := func() (nkeys.KeyPair, error) {
		seed, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("nats: nkey_file: %w", err)
		}
		defer clear(seed)
		pair, err := nkeys.ParseDecoratedNKey(seed)
		if err != nil { // its text would not help, and could hold the seed
			return nil, fmt.Errorf("nats: nkey_file %s: there is no seed of an nkey in it", file)
		}
		return pair, nil
	}
	pair, err := read()
	if err != nil {
		return "", nil, err
	}
	defer pair.Wipe()
	if public, err = pair.PublicKey(); err != nil {
		return "", nil, fmt.Errorf("nats: nkey_file %s: %w", file, err)
	}
	return public, nats.Nkey(public, func(nonce []byte) ([]byte, error) {
		pair, err := read()
		if err != nil {
			return nil, err
		}
		defer pair.Wipe()
		return pair.Sign(nonce)
	}), nil
}

// InboxOf is where replies to the holder of a key go, unless the configuration
// says otherwise.
func InboxOf(public string) string { return "_INBOX_" + public }
