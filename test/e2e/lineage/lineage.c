/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Makes processes in every way that a process table may get wrong, and lets
 * each say on its own command line who its ancestors are: what is under test
 * must say the same. Usage: lineage all, or lineage churn COUNT REWIND
 *
 * A process to look at executes itself as "tl-mark KIND CHAIN", CHAIN being its
 * ancestors' pids, parent first, up to the process that was started here. All
 * pids are those of the host, also inside a pid namespace.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *self;

static void die(const char *what)
{
	perror(what);
	_exit(1);
}

/* The pid on the host, which getpid() is not in a pid namespace. */
static int hostpid(void)
{
	char text[32];
	ssize_t n = readlink("/proc/self", text, sizeof(text) - 1);

	if (n < 0)
		die("readlink /proc/self");
	text[n] = 0;
	return atoi(text);
}

static void prepend(char *out, size_t size, int pid, const char *chain)
{
	snprintf(out, size, "%d%s%s", pid, *chain ? "/" : "", chain);
}

static void mark(const char *kind, const char *chain)
{
	execl(self, "tl-mark", kind, chain, NULL);
	die("exec mark");
}

static int forked(void)
{
	int pid = fork();

	if (pid < 0)
		die("fork");
	return pid;
}

static void await(int pid)
{
	int status;

	if (waitpid(pid, &status, 0) < 0)
		die("waitpid");
	if (status)
		exit(1);
}

static void await_parent(int pid)
{
	while (getppid() != pid)
		usleep(1000);
}

/* gen: n generations, each of which executes before it forks the next. */
static int generation(int n, const char *chain)
{
	char text[16], next[512];
	int pid;

	if (n == 0)
		mark("generations", chain);
	prepend(next, sizeof(next), getpid(), chain);
	snprintf(text, sizeof(text), "%d", n - 1);
	pid = forked();
	if (!pid) {
		execl(self, "tl-gen", text, next, NULL);
		die("exec generation");
	}
	await(pid);
	return 0;
}

/* Ten generations without exec, of which the fourth dies while all wait. */
static void orphans(int root)
{
	char chain[512] = "", next[512];
	int pids[11], go[2], depth;

	if (pipe(go))
		die("pipe");
	pids[0] = root;
	for (depth = 1; depth <= 10; depth++) {
		int pid = forked();

		if (pid) {
			/* The parent of this generation. */
			if (depth == 1) {
				await(pid);
				/* The orphan comes to us, and its end too. */
				while (wait(NULL) > 0)
					;
				return;
			}
			if (depth == 5)
				_exit(0);
			if (depth == 6) {
				await_parent(root);
				if (write(go[1], "x", 1) != 1)
					die("write");
			}
			await(pid);
			_exit(0);
		}
		pids[depth] = getpid();
	}
	if (read(go[0], next, 1) != 1)
		die("read");
	for (depth = 0; depth < 10; depth++) {
		if (depth >= 1 && depth <= 4)
			continue; /* 5 is a child of the root now */
		prepend(next, sizeof(next), pids[depth], chain);
		strcpy(chain, next);
	}
	mark("orphans", chain);
}

static void *thread_exec(void *chain)
{
	usleep(10000); /* the leader waits by now */
	mark("thread-exec", chain);
	return NULL;
}

static void *thread_named(void *unused)
{
	(void)unused;
	prctl(PR_SET_NAME, "tl-worker");
	personality(0xffffffff);
	return NULL;
}

static void on_thread(void *(*f)(void *), void *arg)
{
	pthread_t t;

	if (pthread_create(&t, NULL, f, arg))
		die("pthread_create");
	pthread_join(t, NULL);
}

static void in_namespace(const char *chain)
{
	char next[512], last[512];
	int pid;

	if (unshare(CLONE_NEWPID))
		die("unshare");
	prepend(next, sizeof(next), getpid(), chain);
	pid = forked();
	if (!pid) {
		prepend(last, sizeof(last), hostpid(), next);
		pid = forked();
		if (!pid)
			mark("pid-namespace", last);
		await(pid);
		/* An orphan goes to the first process of the namespace. */
		pid = forked();
		if (!pid) {
			if (!forked()) {
				await_parent(1);
				mark("pid-namespace-orphan", last);
			}
			_exit(0);
		}
		while (wait(NULL) > 0)
			;
		_exit(0);
	}
	await(pid);
	_exit(0);
}

static void all(void)
{
	char chain[512];
	int root = getpid(), pid;

	prctl(PR_SET_CHILD_SUBREAPER, 1);
	prepend(chain, sizeof(chain), root, "");

	pid = forked();
	if (!pid) {
		execl(self, "tl-gen", "9", chain, NULL);
		die("exec generation");
	}
	await(pid);

	orphans(root);

	pid = forked(); /* a double fork */
	if (!pid) {
		if (!forked()) {
			await_parent(root);
			mark("double-fork", chain);
		}
		_exit(0);
	}
	while (wait(NULL) > 0)
		;

	pid = forked();
	if (!pid) {
		on_thread(thread_exec, chain);
		_exit(1);
	}
	await(pid);

	pid = vfork();
	if (pid < 0)
		die("vfork");
	if (!pid) {
		execl(self, "tl-mark", "vfork", chain, NULL);
		_exit(1);
	}
	await(pid);

	pid = forked();
	if (!pid)
		in_namespace(chain);
	await(pid);

	pid = forked();
	if (!pid) {
		execl(self, "tl-named", "thread", chain, NULL);
		die("exec named");
	}
	await(pid);
}

/* The next pids are those after this one, as far as they are free. */
static void rewind_pids(int to)
{
	FILE *f = fopen("/proc/sys/kernel/ns_last_pid", "w");

	if (!f)
		die("ns_last_pid");
	fprintf(f, "%d", to);
	if (fclose(f))
		die("ns_last_pid");
}

/* churn: count processes, two at a time, parent and child; of every eighth pair
 * the child marks. After every rewind pairs, 0 for never, the same pids come
 * again, in other roles. */
static void churn(int count, int rewind)
{
	char chain[64], next[96];
	int i, pid, child;

	prepend(chain, sizeof(chain), getpid(), "");
	for (i = 0; i < count / 2; i++) {
		if (rewind && i % rewind == 0)
			rewind_pids(getpid() + i / rewind % 2);
		pid = forked();
		if (!pid) {
			child = forked();
			if (!child) {
				if (i % 8)
					_exit(0);
				prepend(next, sizeof(next), getppid(), chain);
				mark("churn", next);
			}
			await(child);
			_exit(0);
		}
		await(pid);
	}
}

int main(int argc, char **argv)
{
	self = "/proc/self/exe";
	if (argc == 2 && !strcmp(argv[1], "all")) {
		all();
		return 0;
	}
	if (argc == 4 && !strcmp(argv[1], "churn")) {
		churn(atoi(argv[2]), atoi(argv[3]));
		return 0;
	}
	if (argc != 3) {
		fprintf(stderr, "usage: lineage all, or lineage churn COUNT REWIND\n");
		return 2;
	}
	if (!strcmp(argv[0], "tl-mark")) {
		/* Those whose parents changed stay a while: the table may look. */
		if (strstr(argv[1], "orphan") || strstr(argv[1], "double"))
			usleep(700000);
		personality(0xffffffff);
		return 0;
	}
	if (!strcmp(argv[0], "tl-gen"))
		return generation(atoi(argv[1]), argv[2]);
	if (!strcmp(argv[0], "tl-named")) {
		on_thread(thread_named, NULL);
		return 0;
	}
	return 2;
}
