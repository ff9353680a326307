// Package unixgrpc connects to a container runtime that speaks gRPC on a unix
// socket.
package unixgrpc
