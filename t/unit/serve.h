/*
 * serve: small real servers on 127.0.0.1 for unit tests.
 *
 * serve_start forks a child that accepts connections on a port of its own and
 * forks again for each, so that a slow answer holds up nobody. The counters
 * are shared with the test. All end with serve_stop, and at the latest when
 * their alarm rings.
 */
#ifndef T_SERVE_H
#define T_SERVE_H

#include "base/buf.h"

#include <arpa/inet.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define SERVE_SECONDS 60

struct served {
	atomic_int connections, requests, active, most; /* most: highest `active` seen */
};

struct server {
	pid_t pid;
	int port;
	struct served *seen;
};

/* Handles one connection; the process ends when it returns. */
typedef void serve_fn(int fd, struct served *seen);

__attribute__((unused))
static int serve_listen(int *port)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(in);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&in, sizeof(in)) != 0 || listen(fd, 128) != 0 ||
	    getsockname(fd, (struct sockaddr *)&in, &len) != 0) {
		perror("listen");
		exit(1);
	}
	*port = ntohs(in.sin_port);
	return fd;
}

static void serve_loop(int listener, serve_fn *handle, struct served *seen)
{
	int fd;

	signal(SIGCHLD, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	setpgid(0, 0);
	alarm(SERVE_SECONDS);
	while ((fd = accept(listener, NULL, NULL)) >= 0) {
		if (fork() == 0) {
			alarm(SERVE_SECONDS);
			close(listener);
			atomic_fetch_add(&seen->connections, 1);
			handle(fd, seen);
			_exit(0);
		}
		close(fd);
	}
	_exit(0);
}

__attribute__((unused))
static struct server serve_start(serve_fn *handle)
{
	struct server s;
	int listener = serve_listen(&s.port);

	s.seen = mmap(NULL, sizeof(*s.seen), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		      -1, 0);
	if (s.seen == MAP_FAILED)
		exit(1);
	fflush(stdout);
	s.pid = fork();
	if (s.pid == 0)
		serve_loop(listener, handle, s.seen);
	setpgid(s.pid, s.pid);
	close(listener);
	return s;
}

__attribute__((unused))
static void serve_stop(struct server *s)
{
	kill(-s->pid, SIGKILL);
	waitpid(s->pid, NULL, 0);
	munmap(s->seen, sizeof(*s->seen));
}

__attribute__((unused))
static void serve_enter(struct served *seen)
{
	int now = atomic_fetch_add(&seen->active, 1) + 1, most = atomic_load(&seen->most);

	atomic_fetch_add(&seen->requests, 1);
	while (now > most && !atomic_compare_exchange_weak(&seen->most, &most, now))
		;
}

__attribute__((unused))
static void serve_leave(struct served *seen)
{
	atomic_fetch_sub(&seen->active, 1);
}

__attribute__((unused))
static bool serve_write(int fd, struct sv s)
{
	while (s.n) {
		ssize_t n = write(fd, s.p, s.n);

		if (n <= 0)
			return false;
		s = sv_skip(s, (size_t)n);
	}
	return true;
}

/* Read until `end` has come. Returns the offset behind it, or -1 at the end of the
 * connection. */
__attribute__((unused))
static ptrdiff_t serve_read(int fd, struct buf *in, struct sv end)
{
	ptrdiff_t at;

	while ((at = sv_find(buf_sv(in), end)) < 0) {
		ssize_t n = read(fd, buf_room(in, 4096), 4096);

		if (n <= 0)
			return -1;
		in->n += (size_t)n;
	}
	return at + (ptrdiff_t)end.n;
}

#endif
