// SPDX-License-Identifier: Apache-2.0
/*
 * Addresses and names of hosts.
 */
#include <config.h>

#include "controller/config/value.h"

#include <arpa/inet.h>
#include <string.h>

#define HOST_MAX_BYTES 253

static bool is_address(const char *text)
{
	unsigned char address[sizeof(struct in6_addr)];

	return inet_pton(AF_INET, text, address) == 1 ||
	       inet_pton(AF_INET6, text, address) == 1;
}

/**
 * cfg_read_address() - is it an IPv4 or IPv6 address?
 */
int cfg_read_address(const char *text, struct cfg_why *why)
{
	return is_address(text) ? 0 :
				  cfg_why_set(why, "an IPv4 or IPv6 address");
}

static bool is_host(const char *text, size_t len)
{
	return len > 0 && len <= HOST_MAX_BYTES && text[0] != '-' &&
	       text[0] != '.' &&
	       strspn(text, "abcdefghijklmnopqrstuvwxyz"
			    "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
			    "0123456789_.-") >= len;
}

/**
 * cfg_read_host() - NAME:ADDRESS; an IPv6 address may be in brackets
 */
int cfg_read_host(struct cfg_tree *tree, const struct cfg_node *node,
		  struct cfg_host *out, struct cfg_why *why)
{
	const char *text = node->text;
	const char *address;
	size_t name_len;
	size_t len;

	*out = (struct cfg_host){ .name = NULL };
	if (!cfg_is_text(node) || !strchr(text, ':'))
		return cfg_why_set(why, "NAME:ADDRESS");
	name_len = strcspn(text, ":");
	if (!is_host(text, name_len)) {
		cfg_why_found(why, text, name_len);
		return cfg_why_set(why, "the name of a host");
	}
	address = text + name_len + 1;
	len = strlen(address);
	if (len > 2 && address[0] == '[' && address[len - 1] == ']') {
		address++;
		len -= 2;
	}
	out->name = cfg_tree_strndup(tree, text, name_len);
	out->address = cfg_tree_strndup(tree, address, len);
	if (!out->name || !out->address)
		return cfg_why_set(why, "enough memory");
	if (is_address(out->address))
		return 0;
	cfg_why_found(why, address, len);
	return cfg_why_set(why, "an IPv4 or IPv6 address after the name");
}

/**
 * cfg_value_host() - an entry of docker.extraHosts
 */
int cfg_value_host(struct cfg_tree *tree, const struct cfg_node *node,
		   struct cfg_host *out)
{
	return cfg_read_host(tree, node, out, NULL);
}
