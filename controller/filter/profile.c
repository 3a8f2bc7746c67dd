// SPDX-License-Identifier: Apache-2.0
/*
 * The compiler of seccomp profiles.  Runs with the rights of whoever wrote the
 * profile, before any sandbox has it, in a process that may come to harm: the
 * work is bounded before the library gets to do it.
 */
#include <config.h>

#include "controller/filter/profile.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <jansson.h>
#include <seccomp.h>

#include "controller/config/schema.h"
#include "proto/cleanup.h"

#define RULES_MAX 4096
#define NAMES_MAX 8192
#define ARGS_MAX 6
/*
 * Instructions that rules may come to. More than the kernel takes: many share
 * their beginnings. libseccomp 2.5.4 corrupts its memory where there are more
 * than 65535, and its time grows with the square.
 */
#define INSNS_MAX 20000
#define INSNS_OF_RULE 1
#define INSNS_OF_ARG 6

struct compile {
	scmp_filter_ctx filter; /* owned */
	uint64_t caps;
	size_t names;
	size_t insns;
	struct flt_program *out; /* borrowed */
};

struct word {
	const char *name;
	uint32_t value;
};

static const struct word actions[] = {
	{ "SCMP_ACT_KILL", SCMP_ACT_KILL_THREAD },
	{ "SCMP_ACT_KILL_THREAD", SCMP_ACT_KILL_THREAD },
	{ "SCMP_ACT_KILL_PROCESS", SCMP_ACT_KILL_PROCESS },
	{ "SCMP_ACT_TRAP", SCMP_ACT_TRAP },
	{ "SCMP_ACT_ERRNO", SCMP_ACT_ERRNO(0) },
	{ "SCMP_ACT_LOG", SCMP_ACT_LOG },
	{ "SCMP_ACT_ALLOW", SCMP_ACT_ALLOW },
	{ NULL, 0 },
};

static const struct word operators[] = {
	{ "SCMP_CMP_NE", SCMP_CMP_NE },
	{ "SCMP_CMP_LT", SCMP_CMP_LT },
	{ "SCMP_CMP_LE", SCMP_CMP_LE },
	{ "SCMP_CMP_EQ", SCMP_CMP_EQ },
	{ "SCMP_CMP_GE", SCMP_CMP_GE },
	{ "SCMP_CMP_GT", SCMP_CMP_GT },
	{ "SCMP_CMP_MASKED_EQ", SCMP_CMP_MASKED_EQ },
	{ NULL, 0 },
};

static const struct word *find_word(const struct word *words, const char *name)
{
	for (; name && words->name; words++)
		if (!strcmp(words->name, name))
			return words;
	return NULL;
}

/* What a profile says may be anything: it is shown cut, and printable. */
static void show(char *out, size_t size, const char *text)
{
	(void)snprintf(out, size, "%.40s", text ? text : "missing");
	for (; *out; out++)
		if (*out < 0x20 || *out > 0x7e)
			*out = '?';
}

static int take_action(const json_t *object, const char *key,
		       const char *errno_key, uint32_t *action,
		       struct err *err)
{
	const char *name = json_string_value(json_object_get(object, key));
	const json_t *number = json_object_get(object, errno_key);
	const struct word *word = find_word(actions, name);
	char shown[48];

	show(shown, sizeof(shown), name);
	if (!word)
		return err_set(err, ERR_BAD_REQUEST, 0,
			       "%s: %s: not an action", key, shown);
	*action = word->value;
	if (word->value != SCMP_ACT_ERRNO(0))
		return 0;
	if (!number || json_is_null(number)) {
		*action = SCMP_ACT_ERRNO(EPERM);
		return 0;
	}
	if (!json_is_integer(number) || json_integer_value(number) < 0 ||
	    json_integer_value(number) > 4095)
		return err_set(err, ERR_BAD_REQUEST, 0,
			       "%s: not between 0 and 4095", errno_key);
	*action = SCMP_ACT_ERRNO((uint32_t)json_integer_value(number));
	return 0;
}

static const char *native_arch(void)
{
#if defined(__x86_64__)
	return "amd64";
#elif defined(__aarch64__)
	return "arm64";
#elif defined(__riscv)
	return "riscv64";
#elif defined(__s390x__)
	return "s390x";
#elif defined(__powerpc64__)
	return "ppc64le";
#else
	return "other";
#endif
}

static bool names_arch(const json_t *list)
{
	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *name = json_string_value(json_array_get(list, i));

		if (name && !strcmp(name, native_arch()))
			return true;
	}
	return false;
}

/* Is there one in the list that the sandbox has, or one that it has not? */
static bool has_cap(const json_t *list, uint64_t caps, bool wanted)
{
	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *name = json_string_value(json_array_get(list, i));
		int cap = name ? cfg_value_cap(name) : -1;
		bool has = cap >= 0 && cap < CFG_CAP_ALL && caps >> cap & 1;

		if (has == wanted)
			return true;
	}
	return false;
}

/* "6.1" is at most the running kernel. */
static bool kernel_is_at_least(const char *version)
{
	unsigned int want[2] = { 0, 0 };
	unsigned int have[2] = { 0, 0 };
	struct utsname name;

	if (uname(&name) ||
	    sscanf(name.release, "%u.%u", &have[0], &have[1]) != 2 ||
	    sscanf(version, "%u.%u", &want[0], &want[1]) != 2)
		return false;
	return have[0] > want[0] ||
	       (have[0] == want[0] && have[1] >= want[1]);
}

/* As Docker reads its conditions: all of includes, none of excludes. */
static bool rule_applies(const struct compile *compile, const json_t *rule)
{
	const json_t *includes = json_object_get(rule, "includes");
	const json_t *excludes = json_object_get(rule, "excludes");
	const json_t *arches = json_object_get(includes, "arches");
	const char *from =
		json_string_value(json_object_get(includes, "minKernel"));
	const char *until =
		json_string_value(json_object_get(excludes, "minKernel"));

	if (has_cap(json_object_get(includes, "caps"), compile->caps, false) ||
	    has_cap(json_object_get(excludes, "caps"), compile->caps, true))
		return false;
	if ((json_array_size(arches) > 0 && !names_arch(arches)) ||
	    names_arch(json_object_get(excludes, "arches")))
		return false;
	return (!from || kernel_is_at_least(from)) &&
	       !(until && kernel_is_at_least(until));
}

static int take_number(const json_t *object, const char *key, uint64_t *value,
		       struct err *err)
{
	const json_t *number = json_object_get(object, key);

	*value = 0;
	if (!number || json_is_null(number))
		return 0;
	if (json_is_integer(number)) {
		*value = (uint64_t)json_integer_value(number);
		return 0;
	}
	return err_set(err, ERR_BAD_REQUEST, 0, "args: %s: not a number", key);
}

static int take_args(const json_t *rule, struct scmp_arg_cmp *cmp,
		     unsigned int *count, struct err *err)
{
	const json_t *args = json_object_get(rule, "args");

	*count = 0;
	if (json_array_size(args) > ARGS_MAX)
		return err_set(err, ERR_BAD_REQUEST, 0, "args: more than %d",
			       ARGS_MAX);
	for (size_t i = 0; i < json_array_size(args); i++) {
		const json_t *arg = json_array_get(args, i);
		const struct word *op = find_word(
			operators,
			json_string_value(json_object_get(arg, "op")));
		uint64_t index = 0;
		uint64_t value = 0;
		uint64_t two = 0;

		if (take_number(arg, "index", &index, err) ||
		    take_number(arg, "value", &value, err) ||
		    take_number(arg, "valueTwo", &two, err))
			return -1;
		if (!op || index >= ARGS_MAX)
			return err_set(err, ERR_BAD_REQUEST, 0,
				       "args: no such operator or argument");
		cmp[(*count)++] = (struct scmp_arg_cmp){
			.arg = (unsigned int)index,
			.op = (enum scmp_compare)op->value,
			.datum_a = value,
			.datum_b = two,
		};
	}
	return 0;
}

/* As Docker does, but it is told: a slip of the pen denies nothing. */
static void note_unknown(struct compile *compile, const char *name)
{
	struct flt_program *out = compile->out;
	size_t used = strlen(out->unknown);
	char shown[48];

	show(shown, sizeof(shown), name);
	out->n_unknown++;
	if (used + strlen(shown) + 3 > sizeof(out->unknown))
		return;
	(void)snprintf(out->unknown + used, sizeof(out->unknown) - used,
		       "%s%s", used ? ", " : "", shown);
}

/*
 * Several comparisons of one argument: the library has no word for it, so
 * each becomes a rule of its own, any of which may hold. As runc does it.
 */
static int add_each(struct compile *compile, uint32_t action, int number,
		    const struct scmp_arg_cmp *cmp, unsigned int count)
{
	int ret = 0;

	for (unsigned int i = 0; i < count && (ret == 0 || ret == -EEXIST); i++)
		ret = seccomp_rule_add_array(compile->filter, action, number, 1,
					     &cmp[i]);
	return ret;
}

static bool same_arg(const struct scmp_arg_cmp *cmp, unsigned int count)
{
	for (unsigned int i = 0; i < count; i++)
		for (unsigned int j = 0; j < i; j++)
			if (cmp[i].arg == cmp[j].arg)
				return true;
	return false;
}

static int add_name(struct compile *compile, const json_t *rule,
		    const char *name, uint32_t action, struct err *err)
{
	struct scmp_arg_cmp cmp[ARGS_MAX];
	unsigned int count;
	int number;
	int ret;

	if (!name)
		return err_set(err, ERR_BAD_REQUEST, 0, "names: not a string");
	if (++compile->names > NAMES_MAX)
		return err_set(err, ERR_LIMIT, 0, "more than %d names",
			       NAMES_MAX);
	number = flt_syscall_number(name);
	if (number == __NR_SCMP_ERROR) {
		note_unknown(compile, name);
		return 0;
	}
	if (take_args(rule, cmp, &count, err))
		return err_wrap(err, "%.40s", name);
	compile->insns += INSNS_OF_RULE + INSNS_OF_ARG * count;
	if (compile->insns > INSNS_MAX)
		return err_set(err, ERR_LIMIT, 0,
			       "rules of more than %d instructions", INSNS_MAX);
	ret = same_arg(cmp, count) ?
		      add_each(compile, action, number, cmp, count) :
		      seccomp_rule_add_array(compile->filter, action, number,
					     count, cmp);
	/* EACCES: what the default does anyway. EEXIST: said before. */
	if (ret == 0 || ret == -EACCES || ret == -EEXIST)
		return 0;
	return err_set(err, ERR_BAD_REQUEST, -ret, "%.40s", name);
}

static int add_rule(struct compile *compile, const json_t *rule,
		    struct err *err)
{
	const json_t *names = json_object_get(rule, "names");
	const char *name = json_string_value(json_object_get(rule, "name"));
	uint32_t action = 0;

	if (!json_is_object(rule))
		return err_set(err, ERR_BAD_REQUEST, 0, "not an object");
	if (take_action(rule, "action", "errnoRet", &action, err))
		return -1;
	if (!rule_applies(compile, rule))
		return 0;
	if (name)
		return add_name(compile, rule, name, action, err);
	if (!json_is_array(names))
		return err_set(err, ERR_BAD_REQUEST, 0, "names: missing");
	for (size_t i = 0; i < json_array_size(names); i++)
		if (add_name(compile, rule,
			     json_string_value(json_array_get(names, i)),
			     action, err))
			return -1;
	return 0;
}

static int add_rules(struct compile *compile, const json_t *root,
		     struct err *err)
{
	const json_t *rules = json_object_get(root, "syscalls");
	uint32_t action = 0;

	if (take_action(root, "defaultAction", "defaultErrnoRet", &action,
			err))
		return -1;
	if (rules && !json_is_null(rules) && !json_is_array(rules))
		return err_set(err, ERR_BAD_REQUEST, 0,
			       "syscalls: not a list");
	if (json_array_size(rules) > RULES_MAX)
		return err_set(err, ERR_LIMIT, 0, "more than %d rules",
			       RULES_MAX);
	compile->filter = seccomp_init(action);
	if (!compile->filter)
		return err_set(err, ERR_KERNEL, ENOMEM, "filter");
	/* A tree: found in a few steps, however many calls there are. */
	(void)seccomp_attr_set(compile->filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	for (size_t i = 0; i < json_array_size(rules); i++)
		if (add_rule(compile, json_array_get(rules, i), err))
			return err_wrap(err, "syscalls[%zu]", i);
	return 0;
}

/* The library writes to a descriptor alone. */
static int export(struct compile *compile, struct err *err)
{
	auto_fd fd = memfd_create("creel-filter", MFD_CLOEXEC);
	struct flt_program *out = compile->out;
	struct stat st;
	int ret;

	if (fd < 0)
		return err_set(err, ERR_KERNEL, errno, "memfd");
	ret = seccomp_export_bpf(compile->filter, fd);
	if (ret)
		return err_set(err, ERR_BAD_REQUEST, -ret,
			       "cannot be made a filter");
	if (fstat(fd, &st))
		return err_set(err, ERR_KERNEL, errno, "memfd");
	if (st.st_size > FLT_MAX_INSNS * 8)
		return err_set(err, ERR_LIMIT, 0,
			       "a filter of %lld instructions, the kernel takes %d",
			       (long long)st.st_size / 8, FLT_MAX_INSNS);
	out->len = (size_t)st.st_size;
	out->bytes = malloc(out->len + 1);
	if (!out->bytes)
		return err_set(err, ERR_KERNEL, ENOMEM, "filter");
	if (pread(fd, out->bytes, out->len, 0) != st.st_size)
		return err_set(err, ERR_KERNEL, EIO, "filter");
	return 0;
}

/**
 * flt_compile() - a profile becomes a program
 * @text:    JSON, hostile
 * @caps:    capabilities(7) that commands have, for rules that ask for them
 * @program: filled; flt_program_fini() is due on failure too
 * @err:     line and column, or the rule that is wrong
 */
int flt_compile(const char *text, size_t len, uint64_t caps,
		struct flt_program *program, struct err *err)
{
	struct compile compile = { .caps = caps, .out = program };
	json_error_t error;
	json_t *root;
	char shown[48];
	int ret = -1;

	*program = (struct flt_program){ .bytes = NULL };
	if (len > FLT_PROFILE_MAX_BYTES)
		return err_set(err, ERR_LIMIT, 0, "larger than 1 MiB");
	root = json_loadb(text, len, JSON_REJECT_DUPLICATES, &error);
	show(shown, sizeof(shown), error.text);
	if (!root)
		return err_set(err, ERR_BAD_REQUEST, 0,
			       "line %d, column %d: %s", error.line,
			       error.column, shown);
	if (!json_is_object(root))
		err_set(err, ERR_BAD_REQUEST, 0, "not a profile: no object");
	else if (add_rules(&compile, root, err) == 0)
		ret = export(&compile, err);
	if (compile.filter)
		seccomp_release(compile.filter);
	json_decref(root);
	return ret;
}

/**
 * flt_compile_fd() - the same, of a file
 * @fd: read to its end, or to one byte more than may be
 */
int flt_compile_fd(int fd, uint64_t caps, struct flt_program *program,
		   struct err *err)
{
	const size_t room = FLT_PROFILE_MAX_BYTES + 1;
	auto_free char *text = malloc(room);
	size_t used = 0;
	ssize_t got = 1;

	*program = (struct flt_program){ .bytes = NULL };
	if (!text)
		return err_set(err, ERR_KERNEL, ENOMEM, "profile");
	while (used < room && got != 0) {
		got = read(fd, text + used, room - used);
		if (got < 0 && errno != EINTR)
			return err_set(err, ERR_KERNEL, errno, "cannot read");
		used += got > 0 ? (size_t)got : 0;
	}
	return flt_compile(text, used, caps, program, err);
}

/**
 * flt_program_fini() - release; idempotent
 */
void flt_program_fini(struct flt_program *program)
{
	ptr_free(&program->bytes);
}
