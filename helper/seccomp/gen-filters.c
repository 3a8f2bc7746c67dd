// SPDX-License-Identifier: Apache-2.0
/*
 * Build-time: writes the seccomp programs as C.  A program is a list of
 * checks of arguments, made here, before a tree of plain verdicts, made by
 * libseccomp.  Numbers are compared in their low 32 bits alone, as the kernel
 * reads them: what stands in the upper half must not change a verdict.
 *
 * Whatever is in no list gets ENOSYS, so that what a newer kernel offers
 * degrades as on an old one.
 */
#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "helper/seccomp/names.h"

#if defined(__x86_64__)
#define CREEL_AUDIT_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define CREEL_AUDIT_ARCH AUDIT_ARCH_AARCH64
#else
#error "the filters are known for x86_64 and aarch64"
#endif

#define MAX_INSNS 4096
#define SET_ID_BITS 06000
#define CREATE_BITS (O_CREAT | (O_TMPFILE & ~O_DIRECTORY))

enum profile { BASELINE, AGENT, STRICT, INIT, PROFILES };

static const char *const profile_names[PROFILES] = { "baseline", "agent",
						     "strict", "init" };

struct program {
	struct sock_filter insns[MAX_INSNS];
	size_t len;
};

static _Noreturn void die(const char *what, const char *name)
{
	(void)fprintf(stderr, "gen-filters: %s: %s\n", what, name);
	exit(1);
}

static void emit(struct program *p, uint16_t code, uint32_t k)
{
	if (p->len == MAX_INSNS)
		die("program too long", "limit");
	p->insns[p->len++] = (struct sock_filter){ .code = code, .k = k };
}

static void load(struct program *p, size_t offset)
{
	emit(p, BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset);
}

/* The half that the kernel reads is first in memory on these machines. */
static void load_arg(struct program *p, unsigned arg)
{
#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "arguments are loaded for little-endian machines"
#endif
	load(p, offsetof(struct seccomp_data, args) + arg * sizeof(uint64_t));
}

static void verdict(struct program *p, uint32_t action)
{
	emit(p, BPF_RET | BPF_K, action);
}

static void refuse(struct program *p, int sys)
{
	verdict(p, SECCOMP_RET_ERRNO | (uint32_t)sys);
}

static void allow(struct program *p)
{
	verdict(p, SECCOMP_RET_ALLOW);
}

/* Opens a block that is passed over unless the accumulator is @k. */
static size_t if_equal(struct program *p, uint32_t k)
{
	emit(p, BPF_JMP | BPF_JEQ | BPF_K, k);
	return p->len - 1;
}

static size_t if_any_bit(struct program *p, uint32_t k)
{
	emit(p, BPF_JMP | BPF_JSET | BPF_K, k);
	return p->len - 1;
}

static void end_if(struct program *p, size_t at)
{
	size_t over = p->len - at - 1;

	if (over > UINT8_MAX)
		die("block too long", "jump");
	p->insns[at].jf = (uint8_t)over;
}

static void allow_equal(struct program *p, uint32_t k)
{
	size_t at = if_equal(p, k);

	allow(p);
	end_if(p, at);
}

static void refuse_equal(struct program *p, uint32_t k, int sys)
{
	size_t at = if_equal(p, k);

	refuse(p, sys);
	end_if(p, at);
}

static void refuse_any_bit(struct program *p, uint32_t bits, int sys)
{
	size_t at = if_any_bit(p, bits);

	refuse(p, sys);
	end_if(p, at);
}

/*
 * Opens the block of a system call; false where this machine has none such.
 * All ways through a block end in a verdict.
 */
static bool begin_call(struct program *p, const char *name, int number,
		       size_t *at)
{
	if (name)
		number = seccomp_syscall_resolve_name(name);
	if (number == __NR_SCMP_ERROR)
		die("unknown system call", name);
	if (number < 0)
		return false;
	load(p, offsetof(struct seccomp_data, nr));
	*at = if_equal(p, (uint32_t)number);
	return true;
}

static void check_flags(struct program *p, const char *name, uint32_t denied)
{
	size_t call;

	if (!begin_call(p, name, 0, &call))
		return;
	load_arg(p, 0);
	refuse_any_bit(p, denied, EPERM);
	allow(p);
	end_if(p, call);
}

/* CLONE_NEW*: NS, CGROUP, UTS, IPC, USER, PID, NET; unshare knows TIME too. */
static void check_namespaces(struct program *p, enum profile profile)
{
	bool nesting = profile == BASELINE || profile == INIT;

	/* A browser's own sandbox makes user, PID and network namespaces. */
	check_flags(p, "clone", nesting ? 0x0e020000 : 0x7e020000);
	check_flags(p, "unshare", 0x7e020080);
}

static void check_family(struct program *p, uint32_t family, uint32_t icmp)
{
	size_t in_family = if_equal(p, family);
	size_t in_type;

	load_arg(p, 1);
	emit(p, BPF_ALU | BPF_AND | BPF_K, 0xf);
	in_type = if_equal(p, 1); /* SOCK_STREAM: TCP */
	load_arg(p, 2);
	allow_equal(p, 0);
	allow_equal(p, 6);
	refuse(p, EPROTONOSUPPORT);
	end_if(p, in_type);
	in_type = if_equal(p, 2); /* SOCK_DGRAM: UDP, ping */
	load_arg(p, 2);
	allow_equal(p, 0);
	allow_equal(p, 17);
	allow_equal(p, icmp);
	refuse(p, EPROTONOSUPPORT);
	end_if(p, in_type);
	refuse(p, EPROTONOSUPPORT);
	end_if(p, in_family);
}

static void check_sockets(struct program *p, enum profile profile)
{
	size_t call, at;

	if (begin_call(p, "socket", 0, &call)) {
		load_arg(p, 0);
		allow_equal(p, 1); /* AF_UNIX */
		if (profile != STRICT) {
			check_family(p, 2, 1);
			check_family(p, 10, 58);
			at = if_equal(p, 16); /* AF_NETLINK: ROUTE */
			load_arg(p, 2);
			allow_equal(p, 0);
			refuse(p, EPROTONOSUPPORT);
			end_if(p, at);
		}
		refuse(p, EAFNOSUPPORT);
		end_if(p, call);
	}
	if (begin_call(p, "socketpair", 0, &call)) {
		load_arg(p, 0);
		allow_equal(p, 1);
		refuse(p, EAFNOSUPPORT);
		end_if(p, call);
	}
}

/* Typing into a terminal, its line discipline, its console. */
static void check_ioctl(struct program *p)
{
	size_t call;

	if (!begin_call(p, "ioctl", 0, &call))
		return;
	load_arg(p, 1);
	refuse_equal(p, 0x5412, EPERM); /* TIOCSTI */
	refuse_equal(p, 0x541c, EPERM); /* TIOCLINUX */
	refuse_equal(p, 0x5423, EPERM); /* TIOCSETD */
	refuse_equal(p, 0x541d, EPERM); /* TIOCCONS */
	allow(p);
	end_if(p, call);
}

/* Debuggers switch address randomisation off; READ_IMPLIES_EXEC never. */
static void check_personality(struct program *p, enum profile profile)
{
	static const uint32_t allowed[] = { 0, 8, 0x20000, 0x20008, 0x40000,
					    0x60000 };
	size_t call;

	if (!begin_call(p, "personality", 0, &call))
		return;
	load_arg(p, 0);
	allow_equal(p, 0xffffffff);
	for (size_t i = 0; profile != STRICT && i < 6; i++)
		allow_equal(p, allowed[i]);
	refuse(p, EPERM);
	end_if(p, call);
}

/*
 * Bytes that go from a socket or a terminal straight into a pipe, or from it,
 * keep its lock for as long as they do not come: whoever has its other end is
 * stuck, deaf to signals and however it was opened, and for what a tool prints
 * that is the controller.  With an offset the other file is a regular one.
 */
static void check_offsets(struct program *p, const char *name, unsigned first,
			  unsigned last)
{
	size_t null[4], call;

	if (!begin_call(p, name, 0, &call))
		return;
	for (unsigned i = 0; i < 4; i++) {
		load(p, offsetof(struct seccomp_data, args) +
				(i < 2 ? first : last) * sizeof(uint64_t) +
				i % 2 * sizeof(uint32_t));
		null[i] = if_equal(p, 0);
	}
	refuse(p, EINVAL);
	for (unsigned i = 0; i < 4; i++)
		end_if(p, null[i]);
	allow(p);
	end_if(p, call);
}

/* FIFOs, sockets and regular files, set-id ones where they are allowed. */
static void check_mknod(struct program *p, const char *name, unsigned arg,
			bool set_id)
{
	static const uint32_t allowed[] = { 0, S_IFREG, S_IFIFO, S_IFSOCK };
	size_t call;

	if (!begin_call(p, name, 0, &call))
		return;
	load_arg(p, arg);
	if (!set_id)
		refuse_any_bit(p, SET_ID_BITS, EPERM);
	emit(p, BPF_ALU | BPF_AND | BPF_K, S_IFMT);
	for (size_t i = 0; i < 4; i++)
		allow_equal(p, allowed[i]);
	refuse(p, EPERM);
	end_if(p, call);
}

static void check_mode(struct program *p, const char *name, int number,
		       unsigned arg)
{
	size_t call;

	if (!begin_call(p, name, number, &call))
		return;
	load_arg(p, arg);
	refuse_any_bit(p, SET_ID_BITS, EPERM);
	allow(p);
	end_if(p, call);
}

/* The mode means nothing, and may be anything, unless a file is made. */
static void check_open(struct program *p, const char *name, unsigned flags_arg)
{
	size_t call;
	size_t creates;

	if (!begin_call(p, name, 0, &call))
		return;
	load_arg(p, flags_arg);
	creates = if_any_bit(p, CREATE_BITS);
	load_arg(p, flags_arg + 1);
	refuse_any_bit(p, SET_ID_BITS, EPERM);
	end_if(p, creates);
	allow(p);
	end_if(p, call);
}

static void check_set_id(struct program *p)
{
	check_mode(p, "chmod", 0, 1);
	check_mode(p, "fchmod", 0, 1);
	check_mode(p, "fchmodat", 0, 2);
	check_mode(p, NULL, 452, 2); /* fchmodat2 */
	check_mode(p, "creat", 0, 1);
	check_open(p, "open", 1);
	check_open(p, "openat", 2);
}

static void check_strict(struct program *p)
{
	size_t call;
	size_t at;

	if (begin_call(p, "memfd_create", 0, &call)) {
		load_arg(p, 1);
		at = if_any_bit(p, 8); /* MFD_NOEXEC_SEAL */
		allow(p);
		end_if(p, at);
		refuse(p, EPERM);
		end_if(p, call);
	}
	if (begin_call(p, "prctl", 0, &call)) {
		load_arg(p, 0);
		refuse_equal(p, 35, EPERM); /* PR_SET_MM */
		allow(p);
		end_if(p, call);
	}
}

/* A foreign architecture skips the checks: the tree kills it. */
static void add_checks(struct program *p, enum profile profile)
{
	bool set_id = profile == BASELINE || profile == INIT;
	size_t skip;

	load(p, offsetof(struct seccomp_data, arch));
	emit(p, BPF_JMP | BPF_JEQ | BPF_K, CREEL_AUDIT_ARCH);
	p->insns[p->len - 1].jt = 1;
	emit(p, BPF_JMP | BPF_JA, 0);
	skip = p->len - 1;
	check_ioctl(p);
	check_sockets(p, profile);
	check_namespaces(p, profile);
	check_personality(p, profile);
	check_offsets(p, "sendfile", 2, 2);
	check_offsets(p, "splice", 1, 3);
	check_mknod(p, "mknod", 1, set_id);
	check_mknod(p, "mknodat", 2, set_id);
	if (!set_id)
		check_set_id(p);
	if (profile == STRICT)
		check_strict(p);
	p->insns[skip].k = (uint32_t)(p->len - skip - 1);
}

static void add_rule(scmp_filter_ctx ctx, uint32_t action, const char *name,
		     int number)
{
	if (name)
		number = seccomp_syscall_resolve_name(name);
	if (number == __NR_SCMP_ERROR)
		die("unknown system call", name);
	/* Negative: a call of other machines. */
	if (number >= 0 && seccomp_rule_add(ctx, action, number, 0) < 0)
		die("cannot add a rule", name ? name : "by number");
}

#define ADD_ALL(ctx, action, names)                                    \
	do {                                                           \
		for (size_t n = 0; n < sizeof(names) / sizeof(*(names)); n++) \
			add_rule(ctx, action, (names)[n], 0);          \
	} while (0)

static void add_tree_rules(scmp_filter_ctx ctx, enum profile profile)
{
	bool nesting = profile == BASELINE || profile == INIT;
	uint32_t eperm = SCMP_ACT_ERRNO(EPERM);

	ADD_ALL(ctx, SCMP_ACT_ALLOW, allow_names);
	ADD_ALL(ctx, eperm, eperm_names);
	for (size_t i = 0; i < sizeof(allow_numbers) / sizeof(int); i++)
		add_rule(ctx, SCMP_ACT_ALLOW, NULL, allow_numbers[i]);
	add_rule(ctx, nesting ? SCMP_ACT_ALLOW : eperm, "chroot", 0);
	ADD_ALL(ctx, profile == STRICT ? eperm : SCMP_ACT_ALLOW, trace_names);
	if (nesting) {
		ADD_ALL(ctx, SCMP_ACT_ALLOW, set_id_names);
		add_rule(ctx, SCMP_ACT_ALLOW, NULL, 452);
	}
	if (profile != STRICT)
		ADD_ALL(ctx, SCMP_ACT_ALLOW, other_names);
	if (profile == INIT)
		add_rule(ctx, SCMP_ACT_ALLOW, "clone3", 0);
}

/* Fixed jumps alone lie in a program: it can be put behind another. */
static void add_tree(struct program *p, enum profile profile)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ERRNO(ENOSYS));
	int fd = memfd_create("filter", 0);
	struct stat st;
	size_t len;

	if (!ctx || fd < 0 ||
	    seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH,
			     SCMP_ACT_KILL_PROCESS) ||
	    seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2))
		die("cannot start", "libseccomp");
	add_tree_rules(ctx, profile);
	if (seccomp_export_bpf(ctx, fd) || fstat(fd, &st))
		die("cannot export", profile_names[profile]);
	len = (size_t)st.st_size / sizeof(struct sock_filter);
	if (p->len + len > MAX_INSNS ||
	    pread(fd, p->insns + p->len, (size_t)st.st_size, 0) != st.st_size)
		die("cannot read back", profile_names[profile]);
	p->len += len;
	(void)close(fd);
	seccomp_release(ctx);
}

static void print_program(const struct program *p, const char *name)
{
	(void)printf("\nstatic struct sock_filter %s_insns[] = {\n", name);
	for (size_t i = 0; i < p->len; i++)
		(void)printf("\t{ 0x%02x, %u, %u, 0x%08" PRIx32 " },\n",
			     p->insns[i].code, p->insns[i].jt,
			     p->insns[i].jf, p->insns[i].k);
	(void)printf("};\n");
}

int main(void)
{
	static struct program program;

	(void)printf("/* Made by gen-filters. */\n#include <config.h>\n\n"
		     "#include \"helper/seccomp/filters.h\"\n\n"
		     "#include <stddef.h>\n");
	for (enum profile i = BASELINE; i < PROFILES; i++) {
		program.len = 0;
		add_checks(&program, i);
		add_tree(&program, i);
		print_program(&program, profile_names[i]);
	}
	(void)printf("\nstatic const struct sock_fprog programs[] = {\n");
	for (enum profile i = BASELINE; i < PROFILES; i++)
		(void)printf("\t{ sizeof(%s_insns) / sizeof(*%s_insns), "
			     "%s_insns },\n",
			     profile_names[i], profile_names[i],
			     profile_names[i]);
	(void)printf("};\n\n"
		     "const struct sock_fprog *hlp_filter(enum hlp_profile profile)\n"
		     "{\n"
		     "\tif (profile <= 0 || profile >= HLP_PROFILE_COUNT)\n"
		     "\t\t__builtin_trap();\n"
		     "\treturn &programs[profile - 1];\n"
		     "}\n");
	return fflush(stdout) || ferror(stdout);
}
