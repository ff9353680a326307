package main

import (
	"net"

	"golang.org/x/sys/unix"
)

// stdio connects to a listener of its own and copies the connection onto
// descriptor 0, as a reverse shell does.
func stdio([]string) error {
	conn, stop, err := connect("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	defer stop()
	raw, err := conn.(*net.TCPConn).SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	if err := raw.Control(func(fd uintptr) { failed = unix.Dup3(int(fd), 0, 0) }); err != nil {
		return err
	}
	return failed
}

func dial(args []string) error {
	_, stop, err := connect(args[0], args[1])
	if err != nil {
		return err
	}
	stop()
	return nil
}

// connect listens at an address and connects there.
func connect(network, address string) (net.Conn, func(), error) {
	l, err := net.Listen(network, address)
	if err != nil {
		return nil, nil, err
	}
	conn, err := net.Dial(network, l.Addr().String())
	if err != nil {
		l.Close()
		return nil, nil, err
	}
	return conn, func() { conn.Close(); l.Close() }, nil
}
