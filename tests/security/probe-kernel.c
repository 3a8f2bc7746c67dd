// SPDX-License-Identifier: Apache-2.0
/*
 * Kernel interfaces with a history: sockets, terminals, keys, io_uring, bpf
 * and the like.
 */
#include <config.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "probe.h"

#define AF_LAST 46
#define TIOCGPTPEER_NR 0x5441

static long do_socket(void *arg)
{
	const long *a = arg;

	return syscall(SYS_socket, a[0], a[1], a[2]);
}

static long do_socketpair(void *arg)
{
	const long *a = arg;
	int pair[2];

	return syscall(SYS_socketpair, a[0], a[1], a[2], pair);
}

static void families(void)
{
	static const long types[] = { 1, 2, 3, 5 };
	char name[PROBE_NAME_MAX];
	long a[3] = { 0, 0, 0 };
	size_t i;

	for (a[0] = 0; a[0] <= AF_LAST; a[0]++) {
		for (i = 0; i < 4; i++) {
			a[1] = types[i];
			snprintf(name, sizeof(name),
				 "sb-23-socket:%ld-%ld", a[0], a[1]);
			probe_child(name, do_socket, a);
		}
	}
}

/** probe_group_sockets() - families, types, protocols and bits above them */
void probe_group_sockets(void)
{
	static const struct {
		const char *name;
		long a[3];
	} more[] = {
		{ "sctp", { AF_INET, SOCK_STREAM, 132 } },
		{ "sctp-seq", { AF_INET, SOCK_SEQPACKET, 132 } },
		{ "mptcp", { AF_INET, SOCK_STREAM, 262 } },
		{ "smc-ipproto", { AF_INET, SOCK_STREAM, 256 } },
		{ "udplite", { AF_INET, SOCK_DGRAM, 136 } },
		{ "dccp", { AF_INET, 6, 33 } },
		{ "raw", { AF_INET, SOCK_RAW, IPPROTO_ICMP } },
		{ "raw6", { AF_INET6, SOCK_RAW, IPPROTO_ICMPV6 } },
		{ "packet", { 17, SOCK_RAW, 0x300 } },
		{ "alg", { 38, SOCK_SEQPACKET, 0 } },
		{ "alg-high", { 38 | 1L << 32, SOCK_SEQPACKET, 0 } },
		{ "alg-neg", { 38 - (1L << 32), SOCK_SEQPACKET, 0 } },
		{ "vsock", { 40, SOCK_STREAM, 0 } },
		{ "inet-sctp-high", { AF_INET, SOCK_STREAM, 132 | 1L << 32 } },
		{ "nl-netfilter", { AF_NETLINK, SOCK_RAW, 12 } },
		{ "nl-generic", { AF_NETLINK, SOCK_RAW, 16 } },
		{ "nl-audit", { AF_NETLINK, SOCK_RAW, 9 } },
		{ "nl-uevent", { AF_NETLINK, SOCK_RAW, 15 } },
		{ "nl-xfrm", { AF_NETLINK, SOCK_RAW, 6 } },
		{ "nl-diag", { AF_NETLINK, SOCK_RAW, 4 } },
		{ "nl-netfilter-high",
		  { AF_NETLINK, SOCK_RAW, 12 | 1L << 32 } },
	};
	static const struct {
		const char *name;
		long a[3];
	} fine[] = {
		{ "tcp", { AF_INET, SOCK_STREAM, 6 } },
		{ "udp", { AF_INET, SOCK_DGRAM, 17 } },
		{ "tcp6", { AF_INET6, SOCK_STREAM, 0 } },
		{ "unix", { AF_UNIX, SOCK_SEQPACKET, 0 } },
		{ "route", { AF_NETLINK, SOCK_RAW, 0 } },
	};
	long pair[3] = { 30, SOCK_SEQPACKET, 0 };
	char name[PROBE_NAME_MAX];
	size_t i;

	families();
	for (i = 0; i < sizeof(more) / sizeof(more[0]); i++) {
		snprintf(name, sizeof(name), "sb-23-%s", more[i].name);
		probe_child(name, do_socket, (void *)(size_t)more[i].a);
	}
	for (i = 0; i < sizeof(fine) / sizeof(fine[0]); i++) {
		snprintf(name, sizeof(name), "fine-%s", fine[i].name);
		probe_child(name, do_socket, (void *)(size_t)fine[i].a);
	}
	probe_child("sb-23-socketpair-tipc", do_socketpair, pair);
}

static long do_keyctl_session(void *arg)
{
	(void)arg;
	return syscall(SYS_keyctl, 0 /* GET_KEYRING_ID */, -3L, 0);
}

static long do_add_key(void *arg)
{
	return syscall(SYS_add_key, "user", "creel-probe", arg, 1, -2L);
}

static long do_request_key(void *arg)
{
	return syscall(SYS_request_key, "user", arg, NULL, 0);
}

static long do_io_uring(void *arg)
{
	unsigned char params[256] = { 0 };

	(void)arg;
	return syscall(SYS_io_uring_setup, 2, params);
}

static long do_bpf(void *arg)
{
	unsigned int attr[32] = { 2 /* ARRAY */, 4, 4, 1 };

	(void)arg;
	return syscall(SYS_bpf, 0 /* MAP_CREATE */, attr, sizeof(attr));
}

static long do_uffd(void *arg)
{
	(void)arg;
	return syscall(SYS_userfaultfd, 1 /* UFFD_USER_MODE_ONLY */);
}

static long do_perf(void *arg)
{
	struct {
		uint32_t type, size;
		uint64_t config, rest[14];
	} attr = { 1 /* SOFTWARE */, 128, 0, { 0 } };

	(void)arg;
	attr.rest[3] = 1 << 5 | 1 << 6; /* exclude_kernel, exclude_hv */
	return syscall(SYS_perf_event_open, &attr, 0, -1, -1, 0);
}

static long do_sethostname(void *arg)
{
	return syscall(SYS_sethostname, arg, 5);
}

static long do_syslog(void *arg)
{
	(void)arg;
	return syscall(SYS_syslog, 10 /* SIZE_BUFFER */, NULL, 0);
}

static long do_memfd_secret(void *arg)
{
	(void)arg;
	return syscall(447, 0);
}

static long do_fanotify(void *arg)
{
	(void)arg;
	return syscall(SYS_fanotify_init, 0x200, 0);
}

static long do_aio(void *arg)
{
	unsigned long ctx = 0;

	(void)arg;
	return syscall(SYS_io_setup, 1, &ctx);
}

static long do_quotactl(void *arg)
{
	(void)arg;
	return syscall(SYS_quotactl, 0x80000100, NULL, 0, NULL);
}

static long do_personality(void *arg)
{
	return syscall(SYS_personality, *(long *)arg);
}

static long do_set_mm(void *arg)
{
	(void)arg;
	return prctl(PR_SET_MM, PR_SET_MM_BRK, 0, 0, 0);
}

/** probe_group_kernel() - calls that add a large surface */
void probe_group_kernel(void)
{
	static char key[] = "creel-canary", one[] = "x", host[] = "probe";
	static long persona[] = { 0x400000, 0x400000 | 1L << 32, 0x100000 };
	static long query = 0xffffffff;

	probe_child("sb-24-keyctl", do_keyctl_session, NULL);
	probe_child("sb-24-add-key", do_add_key, one);
	probe_child("sb-24-request-key", do_request_key, key);
	probe_child("sb-24-io-uring", do_io_uring, NULL);
	probe_child("sb-24-bpf", do_bpf, NULL);
	probe_child("sb-24-userfaultfd", do_uffd, NULL);
	probe_child("sb-24-perf", do_perf, NULL);
	probe_child("sb-24-syslog", do_syslog, NULL);
	probe_child("sb-24-memfd-secret", do_memfd_secret, NULL);
	probe_child("sb-24-fanotify", do_fanotify, NULL);
	probe_child("sb-24-aio", do_aio, NULL);
	probe_child("sb-24-quotactl", do_quotactl, NULL);
	probe_child("sb-24-sethostname", do_sethostname, host);
	probe_child("sb-22-personality-exec", do_personality, &persona[0]);
	probe_child("sb-22-personality-high", do_personality, &persona[1]);
	probe_child("sb-22-personality-other", do_personality, &persona[2]);
	probe_child("fine-personality-query", do_personality, &query);
	probe_child("prctl-set-mm", do_set_mm, NULL);
}

struct tty_try {
	unsigned long request;
	long value;
};

/* On our own standard input when it is a terminal, else on a new one. */
static long do_tty(void *arg)
{
	const struct tty_try *t = arg;
	static char byte = 'x', linux_op = 13;
	int disc = 0, zero = 0, fd = 0, master = -1;
	void *p = &byte;

	if (!isatty(0)) {
		master = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);
		if (master < 0 || ioctl(master, TIOCSPTLCK, &zero) != 0)
			return -1;
		(void)setsid();
		fd = ioctl(master, TIOCGPTPEER_NR, O_RDWR | O_NOCTTY);
		if (fd < 0 || ioctl(fd, TIOCSCTTY, 0) != 0)
			return -1;
	}
	if ((uint32_t)t->request == 0x541c)
		p = &linux_op;
	if ((uint32_t)t->request == 0x5423)
		p = &disc;
	return syscall(SYS_ioctl, (long)fd, t->request, p);
}

/** probe_group_tty() - push input into, or re-line, the terminal */
void probe_group_tty(void)
{
	static const struct {
		const char *name;
		unsigned long request;
	} tries[] = {
		{ "sb-21-tiocsti", 0x5412 },
		{ "sb-21-tiocsti-high", 0x5412 | 1UL << 32 },
		{ "sb-21-tiocsti-sign", 0x5412 | 1UL << 63 },
		{ "sb-21-tioclinux", 0x541c },
		{ "sb-21-tioclinux-high", 0x541c | 1UL << 40 },
		{ "sb-21-tiocsetd", 0x5423 },
		{ "sb-21-tiocsetd-high", 0x5423 | 1UL << 33 },
		{ "sb-21-tioccons", 0x541d },
		{ "fine-tiocgwinsz", TIOCGWINSZ },
	};
	char link[256] = "";
	ssize_t n;
	size_t i;

	for (i = 0; i < sizeof(tries) / sizeof(tries[0]); i++) {
		struct tty_try t = { tries[i].request, 0 };

		probe_child(tries[i].name, do_tty, &t);
	}
	n = readlink("/proc/self/fd/0", link, sizeof(link) - 1);
	if (n >= 0)
		probe_say("sb-21-stdin", "fact", "%s tty=%d", link, isatty(0));
}

static long reach_inet(const char *host, int port, int family)
{
	struct sockaddr_in6 a6 = { .sin6_family = AF_INET6 };
	struct sockaddr_in a4 = { .sin_family = AF_INET };
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	if (family == AF_INET6) {
		a6.sin6_port = htons((uint16_t)port);
		(void)inet_pton(AF_INET6, host, &a6.sin6_addr);
		return connect(fd, (struct sockaddr *)&a6, sizeof(a6));
	}
	a4.sin_port = htons((uint16_t)port);
	(void)inet_pton(AF_INET, host, &a4.sin_addr);
	return connect(fd, (struct sockaddr *)&a4, sizeof(a4));
}

static long do_reach(void *arg)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	char *text = arg, *colon;
	size_t len = strlen(text);
	int fd, type = SOCK_STREAM;

	if (text[0] != '@' && text[0] != '/') {
		colon = strrchr(text, ',');
		if (!colon)
			return -1;
		*colon = '\0';
		return reach_inet(text, (int)strtol(colon + 1, NULL, 10),
				  strchr(text, ':') ? AF_INET6 : AF_INET);
	}
	if (len >= sizeof(un.sun_path))
		return -1;
	memcpy(un.sun_path, text, len);
	if (text[0] == '@')
		un.sun_path[0] = '\0';
	if (strstr(text, ".sock"))
		type = SOCK_SEQPACKET;
	fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	return connect(fd, (struct sockaddr *)&un,
		       (socklen_t)(offsetof(struct sockaddr_un, sun_path) +
				   len));
}

/** probe_group_reach() - connect to "@abstract", "/path" or "address,port" */
void probe_group_reach(int argc, char **argv)
{
	char name[PROBE_NAME_MAX];
	int i;

	for (i = 0; i < argc; i++) {
		snprintf(name, sizeof(name), "sb-25-reach:%.200s", argv[i]);
		probe_child(name, do_reach, argv[i]);
	}
}
