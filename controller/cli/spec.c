// SPDX-License-Identifier: Apache-2.0
/*
 * The options that describe a sandbox.  Every path of the host is opened here,
 * once, with the caller's rights: what is mounted is what was opened, whatever
 * becomes of the name.
 */
#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "controller/cli/call.h"
#include "controller/cli/image.h"
#include "proto/cleanup.h"

static int open_source(struct cli_call *call, const char *path, bool dir,
		       uint32_t *index, struct err *err)
{
	auto_fd fd = open(path, O_PATH | O_CLOEXEC | (dir ? O_DIRECTORY : 0));
	struct stat st;

	if (fd < 0 || fstat(fd, &st))
		return err_set(err, ERR_BAD_REQUEST, errno, "%.90s", path);
	if (!S_ISDIR(st.st_mode) && !S_ISREG(st.st_mode) &&
	    !S_ISSOCK(st.st_mode))
		return err_set(err, ERR_BAD_REQUEST, 0,
			       "%.90s: neither a directory nor a regular file",
			       path);
	/* An O_PATH descriptor alone says nothing about reading. */
	if (!S_ISSOCK(st.st_mode) &&
	    faccessat(fd, "", R_OK | (S_ISDIR(st.st_mode) ? X_OK : 0),
		      AT_EMPTY_PATH | AT_EACCESS))
		return err_set(err, ERR_BAD_REQUEST, errno, "%.90s", path);
	return cli_call_add_fd(call, fd_take(&fd), index, err);
}

static size_t count(const struct cli_args *args, enum cli_opt opt)
{
	size_t n = 0;

	for (size_t i = 0; i < args->n_given; i++)
		n += args->given[i].opt == opt;
	return n;
}

static int no_memory(struct err *err)
{
	return err_set(err, ERR_KERNEL, ENOMEM, "options");
}

static int add_bind(struct cli_call *call, const char *value, struct err *err)
{
	size_t i = call->spec.n_binds++;
	struct cli_place *place = &call->places[i];
	Ctl__Bind *bind = &call->binds[i];

	call->spec.binds[i] = bind;
	ctl__bind__init(bind);
	if (cli_parse_bind(value, place, err))
		return -1;
	bind->source = place->source;
	bind->target = place->target;
	bind->readonly = place->readonly;
	return open_source(call, place->source, false, &bind->fd, err);
}

static int add_tmpfs(struct cli_call *call, const char *value, struct err *err)
{
	size_t i = call->spec.n_tmpfs++;
	struct cli_tmpfs *size = &call->sizes[i];
	Ctl__TmpfsMount *tmpfs = &call->tmpfs[i];

	call->spec.tmpfs[i] = tmpfs;
	ctl__tmpfs_mount__init(tmpfs);
	if (cli_parse_tmpfs(value, size, err))
		return -1;
	tmpfs->target = size->target;
	tmpfs->size = size->size;
	tmpfs->mode = size->mode;
	tmpfs->noexec = size->noexec;
	return 0;
}

static int add_ulimit(struct cli_call *call, const char *value,
		      struct err *err)
{
	size_t i = call->spec.n_ulimits++;
	struct cli_ulimit *limit = &call->limits[i];
	Ctl__Ulimit *ulimit = &call->ulimits[i];

	call->spec.ulimits[i] = ulimit;
	ctl__ulimit__init(ulimit);
	if (cli_parse_ulimit(value, limit, err))
		return -1;
	ulimit->name = limit->name;
	ulimit->soft = limit->soft;
	ulimit->hard = limit->hard;
	return 0;
}

static int add_host(struct cli_call *call, const char *value, struct err *err)
{
	size_t i = call->spec.n_hosts++;
	struct cli_place *name = &call->names[i];
	Ctl__Host *host = &call->hosts[i];

	call->spec.hosts[i] = host;
	ctl__host__init(host);
	if (cli_parse_host(value, name, err))
		return -1;
	host->name = name->source;
	host->address = name->target;
	return 0;
}

static int add_workspace(struct cli_call *call, const char *value,
			 struct err *err)
{
	if (call->spec.workspace_fd)
		return err_set(err, ERR_BAD_REQUEST, 0, "given twice");
	if (cli_parse_workspace(value, &call->workspace, err))
		return -1;
	call->spec.workspace = call->workspace.source;
	call->spec.workspace_readonly = call->workspace.readonly;
	return open_source(call, call->workspace.source, true,
			   &call->spec.workspace_fd, err);
}

/* The controller has another working directory. */
static int add_allowed(struct cli_call *call, const char *value,
		       struct err *err)
{
	auto_free char *cwd = value[0] == '/' ? strdup("") :
						getcwd(NULL, 0);
	char **path = &call->allowed[call->n_allowed];

	if (!value[0])
		return err_set(err, ERR_BAD_REQUEST, 0, "empty");
	if (!cwd || asprintf(path, "%s%s%s", cwd, cwd[0] ? "/" : "",
			     value) < 0)
		return err_set(err, ERR_KERNEL, errno, "%.90s", value);
	call->n_allowed++;
	return 0;
}

static int set_network(Ctl__Spec *spec, const char *value, struct err *err)
{
	if (!strcmp(value, "none"))
		spec->net = CTL__NET__NET_NONE;
	else if (!strcmp(value, "host"))
		spec->net = CTL__NET__NET_HOST;
	else
		return err_set(err, ERR_BAD_REQUEST, 0,
			       "neither none nor host");
	return 0;
}

/* The options whose last value counts, and those that add to a list. */
static int take_option(struct cli_call *call, const struct cli_given *given,
		       struct err *err)
{
	Ctl__Spec *spec = &call->spec;
	const char *value = given->value;

	switch ((int)given->opt) {
	case CLI_OPT_WORKSPACE:
		return add_workspace(call, value, err);
	case CLI_OPT_BIND:
		return add_bind(call, value, err);
	case CLI_OPT_TMPFS:
		return add_tmpfs(call, value, err);
	case CLI_OPT_ULIMIT:
		return add_ulimit(call, value, err);
	case CLI_OPT_ADD_HOST:
		return add_host(call, value, err);
	case CLI_OPT_ALLOW_BIND:
		return add_allowed(call, value, err);
	case CLI_OPT_PROTECT:
		spec->protect[spec->n_protect++] = (char *)value;
		return 0;
	case CLI_OPT_DNS:
		spec->dns[spec->n_dns++] = (char *)value;
		return 0;
	case CLI_OPT_APPARMOR:
		spec->apparmor = (char *)value;
		return 0;
	case CLI_OPT_BEST_EFFORT:
		spec->best_effort = true;
		return 0;
	case CLI_OPT_HOSTNAME:
		spec->hostname = (char *)value;
		return cli_parse_name(value, err);
	case CLI_OPT_NETWORK:
		return set_network(spec, value, err);
	case CLI_OPT_MEMORY:
		return cli_parse_size(value, &spec->memory, err);
	case CLI_OPT_MEMORY_SWAP:
		return cli_parse_swap(value, &spec->memory_swap, err);
	case CLI_OPT_CPUS:
		return cli_parse_cpus(value, &spec->cpu_usec, err);
	case CLI_OPT_PIDS:
		return cli_parse_number(value, 4194304, &spec->pids, err);
	case CLI_OPT_CAP_KEEP:
		return cli_parse_caps(value, &spec->cap_keep, err);
	default:
		return 0;
	}
}

/* The names of the options that a live sandbox must have been made with. */
static void list_given(struct cli_call *call, const struct cli_args *args)
{
	static const enum cli_opt shapes[] = {
		CLI_OPT_IMAGE,	  CLI_OPT_WORKSPACE, CLI_OPT_BIND,
		CLI_OPT_TMPFS,	  CLI_OPT_READ_ONLY, CLI_OPT_WRITABLE,
		CLI_OPT_HOSTNAME, CLI_OPT_NETWORK,   CLI_OPT_MEMORY,
		CLI_OPT_MEMORY_SWAP, CLI_OPT_CPUS,   CLI_OPT_PIDS,
		CLI_OPT_ULIMIT,	  CLI_OPT_CAP_KEEP,  CLI_OPT_DNS,
		CLI_OPT_PROTECT,
		CLI_OPT_ADD_HOST, CLI_OPT_APPARMOR,
	};

	call->exec.given = call->given;
	for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++)
		if (args->has[shapes[i]])
			call->given[call->exec.n_given++] =
				(char *)cli_opt_name(shapes[i]);
}

static int allocate(struct cli_call *call, const struct cli_args *args,
		    struct err *err)
{
	size_t binds = count(args, CLI_OPT_BIND) + 1;
	size_t tmpfs = count(args, CLI_OPT_TMPFS) + 1;
	size_t limits = count(args, CLI_OPT_ULIMIT) + 1;
	size_t hosts = count(args, CLI_OPT_ADD_HOST) + 1;
	size_t dns = count(args, CLI_OPT_DNS) + 1;

	call->places = calloc(binds, sizeof(*call->places));
	call->binds = calloc(binds, sizeof(*call->binds));
	call->spec.binds = calloc(binds, sizeof(*call->spec.binds));
	call->sizes = calloc(tmpfs, sizeof(*call->sizes));
	call->tmpfs = calloc(tmpfs, sizeof(*call->tmpfs));
	call->spec.tmpfs = calloc(tmpfs, sizeof(*call->spec.tmpfs));
	call->limits = calloc(limits, sizeof(*call->limits));
	call->ulimits = calloc(limits, sizeof(*call->ulimits));
	call->spec.ulimits = calloc(limits, sizeof(*call->spec.ulimits));
	call->names = calloc(hosts, sizeof(*call->names));
	call->hosts = calloc(hosts, sizeof(*call->hosts));
	call->spec.hosts = calloc(hosts, sizeof(*call->spec.hosts));
	call->spec.dns = calloc(dns, sizeof(*call->spec.dns));
	call->allowed = calloc(count(args, CLI_OPT_ALLOW_BIND) + 1,
			       sizeof(*call->allowed));
	call->spec.protect = calloc(count(args, CLI_OPT_PROTECT) + 1,
				    sizeof(*call->spec.protect));
	if (!call->names || !call->hosts || !call->spec.hosts ||
	    !call->spec.dns || !call->allowed || !call->spec.protect)
		return no_memory(err);
	if (!call->places || !call->binds || !call->spec.binds ||
	    !call->sizes || !call->tmpfs || !call->spec.tmpfs ||
	    !call->limits || !call->ulimits || !call->spec.ulimits)
		return no_memory(err);
	return 0;
}

/**
 * cli_spec_fill() - the description of the sandbox
 */
int cli_spec_fill(struct cli_call *call, const struct cli_args *args,
		  struct err *err)
{
	const char *image = args->last[CLI_OPT_IMAGE];
	const char *home = getenv("HOME");

	if (allocate(call, args, err))
		return -1;
	for (size_t i = 0; i < args->n_given; i++) {
		const struct cli_given *given = &args->given[i];

		if (take_option(call, given, err))
			return err_wrap(err, "--%s %.64s",
					cli_opt_name(given->opt),
					given->value ? given->value : "");
	}
	if (cli_planted_check(call, err))
		return -1;
	if (image && cli_image_add(call, image, err))
		return err_wrap(err, "--image");
	if (args->has[CLI_OPT_PIDS] && call->spec.pids == 0)
		return err_set(err, ERR_BAD_REQUEST, 0,
			       "--pids 0: at least one is needed");
	if (args->has[CLI_OPT_WRITABLE]) {
		if (!call->spec.image_fd) {
			call->hint = IMG_HINT;
			return err_set(err, ERR_BAD_REQUEST, 0,
				       "--writable: the host image has no writable form, give one with --image NAME");
		}
		call->spec.writable = true;
	}
	/*
	 * Whose the workspace is inside. Not among the flags that exec
	 * compares: in a live sandbox --user is about this command alone.
	 */
	if (args->has[CLI_OPT_USER])
		call->spec.user = (char *)args->last[CLI_OPT_USER];
	call->spec.open_paths = call->spec.socket_binds = call->allowed;
	call->spec.n_open_paths = call->spec.n_socket_binds = call->n_allowed;
	if (home && home[0] == '/')
		call->spec.home = (char *)home;
	list_given(call, args);
	return 0;
}
