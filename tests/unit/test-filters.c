// SPDX-License-Identifier: Apache-2.0
/*
 * SB-22 to SB-24: the seccomp programs, run by a simulator over every system
 * call number and compared with the listing that was reviewed.  To make the
 * listing anew: CREEL_GOLDEN_WRITE=tests/security/golden/seccomp.txt.
 */
#include <config.h>

#include <errno.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "helper/seccomp/filters.h"
#include "tests/unit/runner.h"

#define NUMBERS 600
#define HIGH 0xdeadbeef00000000ULL
#define ANY_PROFILE \
	HLP_PROFILE_BASELINE, HLP_PROFILE_AGENT, HLP_PROFILE_STRICT, \
		HLP_PROFILE_INIT

static uint32_t word_at(const struct seccomp_data *data, uint32_t offset)
{
	uint32_t word;

	ck_assert_uint_le(offset, sizeof(*data) - sizeof(word));
	memcpy(&word, (const char *)data + offset, sizeof(word));
	return word;
}

static bool jump_taken(uint16_t code, uint32_t a, uint32_t k)
{
	switch (BPF_OP(code)) {
	case BPF_JEQ:
		return a == k;
	case BPF_JGT:
		return a > k;
	case BPF_JGE:
		return a >= k;
	case BPF_JSET:
		return (a & k) != 0;
	default:
		ck_abort_msg("jump %#x", code);
	}
	return false;
}

static uint32_t run(enum hlp_profile profile, const struct seccomp_data *data)
{
	const struct sock_fprog *prog = hlp_filter(profile);
	uint32_t a = 0;

	for (size_t pc = 0; pc < prog->len; pc++) {
		const struct sock_filter *insn = &prog->filter[pc];

		switch (insn->code) {
		case BPF_LD | BPF_W | BPF_ABS:
			a = word_at(data, insn->k);
			break;
		case BPF_ALU | BPF_AND | BPF_K:
			a &= insn->k;
			break;
		case BPF_JMP | BPF_JA:
			pc += insn->k;
			break;
		case BPF_RET | BPF_K:
			return insn->k;
		default:
			ck_assert_int_eq(BPF_CLASS(insn->code), BPF_JMP);
			pc += jump_taken(insn->code, a, insn->k) ? insn->jt :
								   insn->jf;
		}
	}
	ck_abort_msg("no verdict");
	return 0;
}

static uint32_t native_arch(void)
{
#ifdef __aarch64__
	return AUDIT_ARCH_AARCH64;
#else
	return AUDIT_ARCH_X86_64;
#endif
}

static uint32_t verdict(enum hlp_profile profile, int nr, uint64_t a0,
			uint64_t a1, uint64_t a2)
{
	struct seccomp_data data = { .nr = nr,
				     .arch = native_arch(),
				     .args = { a0, a1, a2 } };

	return run(profile, &data);
}

static const char *text_of(uint32_t action)
{
	static char text[32];

	if (action == SECCOMP_RET_ALLOW)
		return "allow";
	if (action == SECCOMP_RET_KILL_PROCESS)
		return "kill";
	if ((action & SECCOMP_RET_ACTION_FULL) == SECCOMP_RET_ERRNO)
		return strerrorname_np((int)(action & SECCOMP_RET_DATA));
	(void)snprintf(text, sizeof(text), "%#x", action);
	return text;
}

static const char *name_of(int nr)
{
	/* Younger than the oldest libseccomp that the build supports. */
	static const char *const young[] = {
		"cachestat", "fchmodat2", "map_shadow_stack", "futex_wake",
		"futex_wait", "futex_requeue", "statmount", "listmount",
		"lsm_get_self_attr", "lsm_set_self_attr", "lsm_list_modules",
		"mseal", "setxattrat", "getxattrat", "listxattrat",
		"removexattrat", "open_tree_attr", "file_getattr",
		"file_setattr", "listns", "rseq_slice_yield",
	};
	static char name[64];
	char *known;

	if (nr >= 451 && nr < 451 + (int)(sizeof(young) / sizeof(*young)))
		return young[nr - 451];
	known = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, nr);
	(void)snprintf(name, sizeof(name), "%s", known ? known : "-");
	free(known);
	return name;
}

/* nr name baseline agent strict init: with arguments 0, and with -1. */
static void print_line(FILE *out, int nr)
{
	static const enum hlp_profile profiles[] = { ANY_PROFILE };

	(void)fprintf(out, "%d %s", nr, name_of(nr));
	for (size_t i = 0; i < 4; i++) {
		uint32_t zero = verdict(profiles[i], nr, 0, 0, 0);
		uint32_t ones = verdict(profiles[i], nr, UINT64_MAX, UINT64_MAX,
					UINT64_MAX);

		(void)fprintf(out, " %s", text_of(zero));
		(void)fprintf(out, "/%s", text_of(ones));
	}
	(void)fprintf(out, "\n");
}

START_TEST(test_filters_listing_equals_the_reviewed_one)
{
#ifndef __x86_64__
	return; /* The numbers are those of x86_64. */
#else
	const char *top = getenv("top_srcdir");
	const char *path = getenv("CREEL_GOLDEN_WRITE");
	static char text[256 * 1024];
	FILE *out = path ? fopen(path, "w") :
			   fmemopen(text, sizeof(text), "w");
	char line[256];
	char golden[512];
	const char *at = text;
	FILE *in;

	ck_assert_ptr_nonnull(out);
	for (int nr = 0; nr < NUMBERS; nr++)
		print_line(out, nr);
	(void)fclose(out);
	if (path)
		return;
	(void)snprintf(golden, sizeof(golden),
		       "%s/tests/security/golden/seccomp.txt", top ? top : ".");
	in = fopen(golden, "r");
	ck_assert_msg(in != NULL, "%s", golden);
	while (fgets(line, sizeof(line), in)) {
		ck_assert_msg(!strncmp(at, line, strlen(line)),
			      "reviewed: %snow: %.*s", line,
			      (int)strcspn(at, "\n"), at);
		at += strlen(line);
	}
	ck_assert_str_eq(at, "");
	(void)fclose(in);
#endif
}
END_TEST

static int number(const char *name)
{
	int nr = seccomp_syscall_resolve_name(name);

	ck_assert_msg(nr != __NR_SCMP_ERROR, "%s", name);
	return nr;
}

static bool allows(enum hlp_profile profile, const char *name, uint64_t a0,
		   uint64_t a1, uint64_t a2)
{
	uint32_t plain = verdict(profile, number(name), a0, a1, a2);

	/* What stands above the low 32 bits changes nothing. */
	ck_assert_uint_eq(plain, verdict(profile, number(name), a0 | HIGH,
					 a1 | HIGH, a2 | HIGH));
	return plain == SECCOMP_RET_ALLOW;
}

START_TEST(test_filters_address_families)
{
	static const enum hlp_profile profiles[] = { ANY_PROFILE };

	for (size_t p = 0; p < 4; p++) {
		bool net = profiles[p] != HLP_PROFILE_STRICT;

		for (uint64_t family = 0; family < 64; family++) {
			bool want = family == AF_UNIX ||
				    (net && (family == AF_INET ||
					     family == AF_INET6 ||
					     family == AF_NETLINK));

			ck_assert_msg(allows(profiles[p], "socket", family,
					     SOCK_STREAM | SOCK_CLOEXEC, 0) ==
					      want,
				      "family %d", (int)family);
			ck_assert_int_eq(allows(profiles[p], "socketpair",
						family, SOCK_DGRAM, 0),
					 family == AF_UNIX);
		}
	}
	/* AF_ALG says that there is no such family. */
	ck_assert_uint_eq(verdict(HLP_PROFILE_AGENT, number("socket"), 38, 5, 0),
			  SECCOMP_RET_ERRNO | EAFNOSUPPORT);
}
END_TEST

START_TEST(test_filters_socket_protocols)
{
	static const struct {
		uint64_t family, type, protocol;
		bool allowed;
	} rows[] = {
		{ AF_INET, SOCK_STREAM, 6, true },
		{ AF_INET, SOCK_STREAM, 132, false }, /* SCTP */
		{ AF_INET, SOCK_STREAM, 262, false }, /* MPTCP */
		{ AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 17, true },
		{ AF_INET, SOCK_DGRAM, 1, true },
		{ AF_INET, SOCK_DGRAM, 58, false },
		{ AF_INET6, SOCK_DGRAM, 58, true },
		{ AF_INET6, SOCK_DGRAM, 1, false },
		{ AF_INET, SOCK_DGRAM, 136, false },
		{ AF_INET, SOCK_RAW, 1, false },
		{ AF_INET, SOCK_SEQPACKET, 0, false },
		{ AF_INET6, SOCK_RAW, 255, false },
		{ AF_NETLINK, SOCK_RAW, 0, true },
		{ AF_NETLINK, SOCK_DGRAM, 12, false }, /* NETFILTER */
		{ AF_NETLINK, SOCK_RAW, 9, false },
		{ AF_UNIX, SOCK_SEQPACKET, 0, true },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		ck_assert_msg(allows(HLP_PROFILE_AGENT, "socket",
				     rows[i].family, rows[i].type,
				     rows[i].protocol) == rows[i].allowed,
			      "row %zu", i);
}
END_TEST

START_TEST(test_filters_terminal_ioctls)
{
	static const enum hlp_profile profiles[] = { ANY_PROFILE };
	static const uint64_t denied[] = { 0x5412, 0x541c, 0x5423, 0x541d };
	static const uint64_t fine[] = { 0x5401, 0x5413, 0x5414, 0x540e,
					 0x5411, 0x5424, 0x541b, 0x80045430 };

	for (size_t p = 0; p < 4; p++) {
		for (size_t i = 0; i < 4; i++)
			ck_assert(!allows(profiles[p], "ioctl", 0, denied[i], 0));
		for (size_t i = 0; i < 8; i++)
			ck_assert(allows(profiles[p], "ioctl", 0, fine[i], 0));
	}
}
END_TEST

/* Every single CLONE_NEW* bit, and all combinations of them. */
START_TEST(test_filters_namespace_flags)
{
	static const uint64_t bits[] = { 0x20000,    0x2000000,	 0x4000000,
					 0x8000000,  0x10000000, 0x20000000,
					 0x40000000 };

	for (unsigned set = 0; set < 128; set++) {
		uint64_t flags = 0;
		bool nesting = true;

		for (unsigned i = 0; i < 7; i++)
			if (set & 1u << i)
				flags |= bits[i];
		nesting = !(flags & 0xe020000);
		ck_assert_int_eq(allows(HLP_PROFILE_AGENT, "clone", flags | 17,
					0, 0), set == 0);
		ck_assert_int_eq(allows(HLP_PROFILE_STRICT, "clone", flags | 17,
					0, 0), set == 0);
		ck_assert_int_eq(allows(HLP_PROFILE_BASELINE, "clone",
					flags | 17, 0, 0), nesting);
		ck_assert_int_eq(allows(HLP_PROFILE_BASELINE, "unshare", flags,
					0, 0), set == 0);
		ck_assert_int_eq(allows(HLP_PROFILE_AGENT, "unshare", flags, 0,
					0), set == 0);
	}
	ck_assert(!allows(HLP_PROFILE_AGENT, "unshare", 0x80, 0, 0));
	/* What threads and vfork(2) use. */
	ck_assert(allows(HLP_PROFILE_STRICT, "clone", 0x3d0f00, 0, 0));
	ck_assert(allows(HLP_PROFILE_STRICT, "clone", 0x4111, 0, 0));
	ck_assert(allows(HLP_PROFILE_AGENT, "unshare", 0x600, 0, 0));
	ck_assert_uint_eq(verdict(HLP_PROFILE_BASELINE, number("clone3"), 0, 0,
				  0), SECCOMP_RET_ERRNO | ENOSYS);
	ck_assert(allows(HLP_PROFILE_INIT, "clone3", 0, 0, 0));
}
END_TEST

/* SB-19: modes that would leave a set-id file in a shared folder. */
START_TEST(test_filters_set_id_modes)
{
	static const uint64_t modes[] = { 04755, 02755, 06000, 07777 };

	for (size_t i = 0; i < 4; i++) {
		uint64_t m = modes[i];

		ck_assert(!allows(HLP_PROFILE_AGENT, "chmod", 0, m, 0));
		ck_assert(!allows(HLP_PROFILE_AGENT, "fchmod", 0, m, 0));
		ck_assert(!allows(HLP_PROFILE_AGENT, "fchmodat", 0, 0, m));
		ck_assert_uint_ne(verdict(HLP_PROFILE_AGENT, 452, 0, 0, m),
				  SECCOMP_RET_ALLOW);
		ck_assert(!allows(HLP_PROFILE_AGENT, "creat", 0, m, 0));
		ck_assert(!allows(HLP_PROFILE_AGENT, "open", 0, 0101, m));
		ck_assert(!allows(HLP_PROFILE_AGENT, "mknod", 0, S_IFREG | m, 0));
		ck_assert(!allows(HLP_PROFILE_STRICT, "mknodat", 0, 0,
				  S_IFIFO | m));
		ck_assert(allows(HLP_PROFILE_BASELINE, "chmod", 0, m, 0));
		ck_assert(allows(HLP_PROFILE_BASELINE, "open", 0, 0101, m));
		/* Without O_CREAT the mode is whatever the register held. */
		ck_assert(allows(HLP_PROFILE_AGENT, "open", 0, 02000000, m));
	}
	ck_assert(allows(HLP_PROFILE_AGENT, "chmod", 0, 01777, 0));
	ck_assert(allows(HLP_PROFILE_AGENT, "open", 0, 0101, 0644));
	ck_assert(allows(HLP_PROFILE_AGENT, "mknod", 0, S_IFIFO | 0644, 0));
	ck_assert(!allows(HLP_PROFILE_BASELINE, "mknod", 0, S_IFCHR | 0644, 0));
	ck_assert(!allows(HLP_PROFILE_BASELINE, "mknodat", 0, 0, S_IFBLK));
}
END_TEST

START_TEST(test_filters_openat_set_id_modes)
{
	struct seccomp_data data = { .nr = number("openat"),
				     .arch = native_arch(),
				     .args = { 0, 0, 0101, 04755 } };

	ck_assert_uint_eq(run(HLP_PROFILE_AGENT, &data),
			  SECCOMP_RET_ERRNO | EPERM);
	data.args[2] = 020200002; /* O_TMPFILE */
	ck_assert_uint_eq(run(HLP_PROFILE_AGENT, &data),
			  SECCOMP_RET_ERRNO | EPERM);
	data.args[2] = 0200000; /* O_DIRECTORY is one of its bits */
	ck_assert_uint_eq(run(HLP_PROFILE_AGENT, &data), SECCOMP_RET_ALLOW);
	data.args[2] = 0101;
	data.args[3] = 0644 | HIGH;
	ck_assert_uint_eq(run(HLP_PROFILE_AGENT, &data), SECCOMP_RET_ALLOW);
}
END_TEST

START_TEST(test_filters_personality)
{
	static const uint64_t fine[] = { 0, 8, 0x20000, 0x20008, 0x40000,
					 0x60000 };

	for (size_t i = 0; i < 6; i++) {
		ck_assert(allows(HLP_PROFILE_AGENT, "personality", fine[i], 0, 0));
		ck_assert(!allows(HLP_PROFILE_STRICT, "personality", fine[i], 0,
				  0));
	}
	ck_assert(allows(HLP_PROFILE_STRICT, "personality", 0xffffffff, 0, 0));
	ck_assert(!allows(HLP_PROFILE_AGENT, "personality", 0x400000, 0, 0));
}
END_TEST

/* SB-43: whoever waits with a pipe's lock in hand stops who reads from it. */
START_TEST(test_filters_splice_needs_an_offset)
{
	static const enum hlp_profile profiles[] = { ANY_PROFILE };
	struct seccomp_data data = { .arch = native_arch() };

	for (size_t p = 0; p < 4; p++) {
		data.nr = number("splice");
		memset(data.args, 0, sizeof(data.args));
		ck_assert_uint_eq(run(profiles[p], &data),
				  SECCOMP_RET_ERRNO | EINVAL);
		data.args[0] = data.args[2] = data.args[4] = data.args[5] = 1;
		ck_assert_uint_eq(run(profiles[p], &data),
				  SECCOMP_RET_ERRNO | EINVAL);
		data.args[3] = 1ULL << 32;
		ck_assert_uint_eq(run(profiles[p], &data), SECCOMP_RET_ALLOW);
		data.args[3] = 0;
		data.args[1] = 8;
		ck_assert_uint_eq(run(profiles[p], &data), SECCOMP_RET_ALLOW);
		data.nr = number("sendfile");
		ck_assert_uint_eq(run(profiles[p], &data), SECCOMP_RET_ALLOW);
		data.args[2] = 1ULL << 63;
		ck_assert_uint_eq(run(profiles[p], &data), SECCOMP_RET_ALLOW);
		data.args[2] = 0;
		ck_assert_uint_eq(run(profiles[p], &data),
				  SECCOMP_RET_ERRNO | EINVAL);
	}
}
END_TEST

START_TEST(test_filters_other_architectures_are_killed)
{
	static const enum hlp_profile profiles[] = { ANY_PROFILE };
	static const uint32_t foreign[] = { AUDIT_ARCH_I386, AUDIT_ARCH_ARM,
					    AUDIT_ARCH_RISCV64, 0 };

	for (size_t p = 0; p < 4; p++) {
		for (int nr = 0; nr < NUMBERS; nr++) {
			struct seccomp_data data = { .nr = nr };

			for (size_t i = 0; i < 4; i++) {
				data.arch = foreign[i];
				ck_assert_uint_eq(run(profiles[p], &data),
						  SECCOMP_RET_KILL_PROCESS);
			}
#ifdef __x86_64__
			data.arch = AUDIT_ARCH_X86_64;
			data.nr = nr | 0x40000000; /* x32 */
			ck_assert_uint_eq(run(profiles[p], &data),
					  SECCOMP_RET_KILL_PROCESS);
#endif
		}
	}
}
END_TEST

/* What a profile refuses no profile below it in the order allows. */
START_TEST(test_filters_are_nested)
{
	static const enum hlp_profile order[] = {
		HLP_PROFILE_STRICT, HLP_PROFILE_AGENT, HLP_PROFILE_BASELINE,
		HLP_PROFILE_INIT
	};

	for (int nr = 0; nr < NUMBERS; nr++)
		for (uint64_t bit = 0; bit < 65; bit++)
			for (size_t i = 0; i < 3; i++) {
				uint64_t arg = bit == 64 ? 0 : 1ULL << bit;

				if (verdict(order[i], nr, arg, arg, arg) ==
				    SECCOMP_RET_ALLOW)
					ck_assert_uint_eq(verdict(order[i + 1],
								  nr, arg, arg,
								  arg),
							  SECCOMP_RET_ALLOW);
			}
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("filters");
	TCase *tc = tcase_create("filters");

	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, test_filters_listing_equals_the_reviewed_one);
	tcase_add_test(tc, test_filters_address_families);
	tcase_add_test(tc, test_filters_socket_protocols);
	tcase_add_test(tc, test_filters_terminal_ioctls);
	tcase_add_test(tc, test_filters_namespace_flags);
	tcase_add_test(tc, test_filters_set_id_modes);
	tcase_add_test(tc, test_filters_openat_set_id_modes);
	tcase_add_test(tc, test_filters_personality);
	tcase_add_test(tc, test_filters_splice_needs_an_offset);
	tcase_add_test(tc, test_filters_other_architectures_are_killed);
	tcase_add_test(tc, test_filters_are_nested);
	suite_add_tcase(suite, tc);
	return suite;
}
