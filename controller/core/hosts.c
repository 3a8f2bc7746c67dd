// SPDX-License-Identifier: Apache-2.0
/*
 * Name servers and names: what a sandbox's resolv.conf and hosts say.  An
 * address is written as the library writes it, a name holds nothing that could
 * end a line.
 */
#include <config.h>

#include "controller/core/spec.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/cleanup.h"

#define NAME_MAX_BYTES 253
#define GATEWAY "host-gateway"

/* "1.2.3.4", "::1" or "[::1]", in its one spelling. */
static int read_address(const char *text, char out[INET6_ADDRSTRLEN])
{
	size_t len = strnlen(text, INET6_ADDRSTRLEN + 2);
	bool bracket = len > 2 && text[0] == '[' && text[len - 1] == ']';
	char plain[INET6_ADDRSTRLEN + 2];
	struct in6_addr six;
	struct in_addr four;

	if (len >= sizeof(plain))
		return -1;
	(void)snprintf(plain, sizeof(plain), "%.*s",
		       (int)(bracket ? len - 2 : len), text + bracket);
	if (!bracket && inet_pton(AF_INET, plain, &four) == 1)
		return inet_ntop(AF_INET, &four, out, INET6_ADDRSTRLEN) ? 0 :
									  -1;
	if (inet_pton(AF_INET6, plain, &six) == 1)
		return inet_ntop(AF_INET6, &six, out, INET6_ADDRSTRLEN) ? 0 :
									  -1;
	return -1;
}

/* As in a hosts file; an underscore is not in RFC 1123, but in use. */
static bool is_name(const char *name)
{
	size_t len = strnlen(name, NAME_MAX_BYTES + 1);

	return len > 0 && len <= NAME_MAX_BYTES && name[0] != '-' &&
	       name[0] != '.' &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyz"
			    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") == len;
}

static void clean(char *out, size_t size, const char *text)
{
	(void)snprintf(out, size, "%s", text);
	ctl_text_clean(out);
}

static int set_dns(const Ctl__Spec *msg, struct ctl_spec *spec,
		   struct err *err)
{
	auto_free char *text = NULL;
	const size_t room = CTL_MAX_DNS * 64;
	size_t used = 0;

	if (msg->n_dns == 0)
		return 0;
	if (msg->n_dns > CTL_MAX_DNS)
		return err_set(err, ERR_BAD_REQUEST, 0,
			       "--dns: more than %d name servers",
			       CTL_MAX_DNS);
	text = malloc(room);
	if (!text)
		return err_set(err, ERR_KERNEL, ENOMEM, "--dns");
	for (size_t i = 0; i < msg->n_dns; i++) {
		char address[INET6_ADDRSTRLEN], shown[48];

		clean(shown, sizeof(shown), msg->dns[i]);
		if (read_address(msg->dns[i], address) < 0)
			return err_set(err, ERR_BAD_REQUEST, 0,
				       "--dns %s: not an IPv4 or IPv6 address",
				       shown);
		used += (size_t)snprintf(text + used, room - used,
					 "nameserver %s\n", address);
	}
	spec->resolv = ptr_take(&text);
	return 0;
}

static int add_host(const Ctl__Host *host, char *text, size_t *used,
		    struct err *err)
{
	char address[INET6_ADDRSTRLEN], name[64], shown[48];
	int n;

	clean(name, sizeof(name), host->name);
	clean(shown, sizeof(shown), host->address);
	if (!is_name(host->name))
		return err_set(err, ERR_BAD_REQUEST, 0,
			       "--add-host %s: not a host's name", name);
	if (strcmp(host->address, GATEWAY) == 0)
		return err_set(err, ERR_UNSUPPORTED, 0,
			       "--add-host %s: there is no %s: give an address",
			       name, GATEWAY);
	if (read_address(host->address, address) < 0)
		return err_set(err, ERR_BAD_REQUEST, 0,
			       "--add-host %s: %s is no IPv4 or IPv6 address",
			       name, shown);
	n = snprintf(text + *used, CTL_HOSTS_MAX_BYTES - *used, "%s\t%s\n",
		     address, host->name);
	if (n < 0 || (size_t)n >= CTL_HOSTS_MAX_BYTES - *used)
		return err_set(err, ERR_LIMIT, 0,
			       "--add-host: more than %d bytes of them",
			       CTL_HOSTS_MAX_BYTES - 1);
	*used += (size_t)n;
	return 0;
}

static int set_hosts(const Ctl__Spec *msg, struct ctl_spec *spec,
		     struct err *err)
{
	auto_free char *text = NULL;
	size_t used = 0;

	if (msg->n_hosts == 0)
		return 0;
	if (msg->n_hosts > CTL_MAX_HOSTS)
		return err_set(err, ERR_BAD_REQUEST, 0,
			       "--add-host: more than %d", CTL_MAX_HOSTS);
	text = malloc(CTL_HOSTS_MAX_BYTES);
	if (!text)
		return err_set(err, ERR_KERNEL, ENOMEM, "--add-host");
	for (size_t i = 0; i < msg->n_hosts; i++)
		if (add_host(msg->hosts[i], text, &used, err) < 0)
			return -1;
	spec->hosts = ptr_take(&text);
	return 0;
}

/**
 * ctl_hosts_check() - name servers and names of a request
 * @spec: resolv and hosts are filled
 *
 * Return: 0 or -1 with BAD_REQUEST, naming the flag.
 */
int ctl_hosts_check(const Ctl__Spec *msg, struct ctl_spec *spec,
		    struct ctl_fail *fail)
{
	if (set_dns(msg, spec, &fail->err) < 0)
		return -1;
	return set_hosts(msg, spec, &fail->err);
}
