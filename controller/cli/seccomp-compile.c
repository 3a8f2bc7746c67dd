// SPDX-License-Identifier: Apache-2.0
/*
 * creel-seccomp-compile: a seccomp profile in Docker's JSON format on standard
 * input becomes a BPF program on standard output.  Runs with the caller's
 * rights before any sandbox exists; what it makes can only take calls away,
 * since the kernel asks every filter that a task has.
 */
#include <config.h>

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <jansson.h>
#include <seccomp.h>

#include "proto/err.h"
#include "proto/exit-codes.h"

#define PROFILE_MAX_BYTES (1024 * 1024)
#define RULES_MAX 4096
#define NAMES_MAX 8192

struct compile {
	scmp_filter_ctx filter; /* owned */
	size_t names;
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

static int read_profile(json_t **root, struct err *err)
{
	static char buf[PROFILE_MAX_BYTES + 1];
	json_error_t error;
	size_t used = 0;
	ssize_t got;

	while (used < sizeof(buf) &&
	       (got = read(0, buf + used, sizeof(buf) - used)) != 0) {
		if (got < 0 && errno != EINTR)
			return err_set(err, ERR_KERNEL, errno, "cannot read");
		used += got > 0 ? (size_t)got : 0;
	}
	if (used > PROFILE_MAX_BYTES)
		return err_set(err, ERR_LIMIT, 0, "larger than 1 MiB");
	*root = json_loadb(buf, used, JSON_REJECT_DUPLICATES, &error);
	if (!*root)
		return err_set(err, ERR_BAD_REQUEST, 0,
			       "line %d, column %d: %.80s", error.line,
			       error.column, error.text);
	if (!json_is_object(*root))
		return err_set(err, ERR_BAD_REQUEST, 0,
			       "not a profile: no object");
	return 0;
}

static int take_action(const json_t *object, const char *key,
		       const char *errno_key, uint32_t *action,
		       struct err *err)
{
	const char *name = json_string_value(json_object_get(object, key));
	const json_t *number = json_object_get(object, errno_key);
	const struct word *word = find_word(actions, name);

	if (!word)
		return err_set(err, ERR_BAD_REQUEST, 0,
			       "%s: %.40s: not an action", key,
			       name ? name : "missing");
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

static bool names_word(const json_t *list, const char *wanted)
{
	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *name = json_string_value(json_array_get(list, i));

		if (name && !strcmp(name, wanted))
			return true;
	}
	return false;
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

/* "6.1" is at most the running kernel. */
static bool kernel_is_at_least(const char *version)
{
	unsigned int want[2] = { 0, 0 };
	unsigned int have[2] = { 0, 0 };
	struct utsname name;

	if (!version)
		return true;
	if (uname(&name) ||
	    sscanf(name.release, "%u.%u", &have[0], &have[1]) != 2 ||
	    sscanf(version, "%u.%u", &want[0], &want[1]) != 2)
		return false;
	return have[0] > want[0] ||
	       (have[0] == want[0] && have[1] >= want[1]);
}

/*
 * Docker's conditions on capabilities: a sandbox has none to speak of, so a
 * rule that needs one is left out, and one that excludes it holds.
 */
static bool rule_applies(const json_t *rule)
{
	const json_t *includes = json_object_get(rule, "includes");
	const json_t *excludes = json_object_get(rule, "excludes");
	const json_t *arches = json_object_get(includes, "arches");

	if (json_array_size(json_object_get(includes, "caps")) > 0)
		return false;
	if (json_array_size(arches) > 0 && !names_word(arches, native_arch()))
		return false;
	if (!kernel_is_at_least(json_string_value(
		    json_object_get(includes, "minKernel"))))
		return false;
	return !names_word(json_object_get(excludes, "arches"), native_arch());
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
	if (json_array_size(args) > 6)
		return err_set(err, ERR_BAD_REQUEST, 0, "args: more than six");
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
		if (!op || index > 5)
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

static int add_name(struct compile *compile, const json_t *rule,
		    const char *name, uint32_t action, struct err *err)
{
	struct scmp_arg_cmp cmp[6];
	unsigned int count;
	int number;
	int ret;

	if (!name)
		return err_set(err, ERR_BAD_REQUEST, 0, "names: not a string");
	if (++compile->names > NAMES_MAX)
		return err_set(err, ERR_LIMIT, 0, "more than %d names",
			       NAMES_MAX);
	/* A call that this library or processor does not know: as Docker. */
	number = seccomp_syscall_resolve_name(name);
	if (number == __NR_SCMP_ERROR)
		return 0;
	if (take_args(rule, cmp, &count, err))
		return err_wrap(err, "%.40s", name);
	ret = seccomp_rule_add_array(compile->filter, action, number, count,
				     cmp);
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
	if (!rule_applies(rule))
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

static int compile_profile(struct compile *compile, const json_t *root,
			   struct err *err)
{
	const json_t *rules = json_object_get(root, "syscalls");
	uint32_t action = 0;
	int ret;

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
	ret = seccomp_export_bpf(compile->filter, 1);
	if (ret)
		return err_set(err, ERR_BAD_REQUEST, -ret,
			       "cannot be made a filter");
	return 0;
}

int main(void)
{
	struct compile compile = { .filter = NULL };
	struct err err = ERR_INIT;
	json_t *root = NULL;
	int ret;

	ret = read_profile(&root, &err);
	if (!ret)
		ret = compile_profile(&compile, root, &err);
	if (ret)
		fprintf(stderr, "%s\n", err.text);
	if (compile.filter)
		seccomp_release(compile.filter);
	json_decref(root);
	return ret ? CREEL_EXIT_REFUSED : CREEL_EXIT_OK;
}
