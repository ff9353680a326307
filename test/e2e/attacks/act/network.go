package main

import (
	"errors"
	"net"
	"os"
	"os/exec"

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

// shell gives a shell the connection for input and output. The shell is told to
// end at once.
func shell(args []string) error {
	l, err := net.Listen("tcp", args[0])
	if err != nil {
		return err
	}
	defer l.Close()
	go func() {
		if c, err := l.Accept(); err == nil {
			_, _ = c.Write([]byte("exit\n"))
			defer c.Close()
			_, _ = c.Read(make([]byte, 1))
		}
	}()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	if err != nil {
		return err
	}
	at := l.Addr().(*net.TCPAddr)
	if err := unix.Connect(fd, &unix.SockaddrInet4{Port: at.Port, Addr: [4]byte(at.IP.To4())}); err != nil {
		return err
	}
	if err := errors.Join(unix.Dup3(fd, 0, 0), unix.Dup3(fd, 1, 0)); err != nil {
		return err
	}
	cmd := exec.Command("/bin/sh")
	cmd.Stdin, cmd.Stdout = os.Stdin, os.Stdout
	return cmd.Run()
}

// packet opens a socket for whole frames.
func packet([]string) error {
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	return unix.Close(fd)
}

// udp sends a packet to an address; nobody need be there.
func udp(args []string) error {
	c, err := net.Dial("udp", args[0])
	if err != nil {
		return err
	}
	defer c.Close()
	_, err = c.Write([]byte("hello"))
	return err
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
