// Package storm makes a storm and hides attacks in it: one unprivileged process
// opens and closes files as fast as it can, while processes of their own do
// eleven kinds of things that rules look for, some times each. What of that
// comes out at the end of a sensor or a pipeline is for the caller to count.
//
// The processes are this very program, started again: whoever uses the package
// calls [Main] first thing in its main or TestMain. Attacks are harmless; they
// need root, as the things that they do need it.
package storm
