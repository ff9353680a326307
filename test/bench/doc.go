// Command bench measures how many events per second go from the kernel's ring
// through sensor and enricher to the matcher's index, in one process and in
// separate processes, and shows that what is lost is counted.
//
// It runs the binary named in TRIPLINE_BIN as root. One thread calls sched_get_priority_max
// as fast as it can; nothing but that event is let through beside the process
// lifecycle, and no rule names it, so the matcher does one look-up an event.
// It also measures how old a detection is when a webhook has it, while other
// events pass at 100, 10,000 and 100,000 a second.
//
// Machines are shared and noisy: of several rounds the median is printed.
package main
