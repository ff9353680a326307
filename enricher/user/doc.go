// Package user is the enricher's step that turns user and group ids into names.
//
// Names come from /etc/passwd and /etc/group: the host's, or for a process in a
// container those of its own root, seen through /proc/PID/root. Files are read
// again when they change. A container's files belong to whoever is in there:
// they are opened within its root only, never wait (a pipe in their place), and
// are read up to a limit.
//
// In a user namespace of its own a process's ids on the host differ from those
// in its passwd; they are translated by its uid_map.
package user
