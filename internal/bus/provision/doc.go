// Package provision writes what a NATS server needs to serve Tripline's stages
// and nobody else: a key for each stage and host, an authority with the
// servers' certificates, and the servers' configurations with what each key may
// do ([bus.Role]).
//
// Everything is below one directory:
//
//	ca.crt, ca.key             the authority; ca.key stays with whoever adds servers
//	keys/<role>.nk             the seed of a stage's key, for its nkey_file
//	servers/<name>/nats.conf   for a NATS server, with server.crt and server.key
//	edges/<name>/nats.conf     for the server of a host that stores by itself and forwards
//
// What is there already is kept, so writing again with one more host adds its
// key and changes no other. Seeds and private keys are readable by their owner
// only.
package provision
