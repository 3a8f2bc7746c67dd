// SPDX-License-Identifier: Apache-2.0
/*
 * Is a sandbox still what its configuration asks for?  The SHA-256 of what
 * shapes it, each part with its length, so that no two meanings have one text.
 */
#include <config.h>

#include "controller/policy/values.h"

#include <string.h>

#include <nettle/sha2.h>

static void put_bytes(struct sha256_ctx *sha, const void *bytes, size_t len)
{
	uint8_t head[8];

	for (size_t i = 0; i < sizeof(head); i++)
		head[i] = (uint8_t)((uint64_t)len >> (8 * i));
	sha256_update(sha, sizeof(head), head);
	sha256_update(sha, len, bytes);
}

static void put_text(struct sha256_ctx *sha, const char *text)
{
	put_bytes(sha, text ? text : "", text ? strlen(text) + 1 : 0);
}

static void put_number(struct sha256_ctx *sha, uint64_t number)
{
	uint8_t bytes[8];

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(number >> (8 * i));
	sha256_update(sha, sizeof(bytes), bytes);
}

static void put_texts(struct sha256_ctx *sha, const char *const *list,
		      size_t count)
{
	put_number(sha, count);
	for (size_t i = 0; i < count; i++)
		put_text(sha, list[i]);
}

static void put_lists(struct sha256_ctx *sha, const struct pol_session *session)
{
	put_number(sha, session->n_tmpfs);
	for (size_t i = 0; i < session->n_tmpfs; i++) {
		put_text(sha, session->tmpfs[i].target);
		put_number(sha, session->tmpfs[i].size);
		put_number(sha, session->tmpfs[i].mode);
		put_number(sha, session->tmpfs[i].noexec);
	}
	put_number(sha, session->n_ulimits);
	for (size_t i = 0; i < session->n_ulimits; i++) {
		put_text(sha, session->ulimits[i].name);
		put_number(sha, session->ulimits[i].soft);
		put_number(sha, session->ulimits[i].hard);
	}
	put_number(sha, session->n_hosts);
	for (size_t i = 0; i < session->n_hosts; i++) {
		put_text(sha, session->hosts[i].name);
		put_text(sha, session->hosts[i].address);
	}
	put_number(sha, session->n_binds);
	for (size_t i = 0; i < session->n_binds; i++) {
		put_text(sha, session->binds[i].source);
		put_text(sha, session->binds[i].target);
		put_number(sha, session->binds[i].readonly);
	}
	put_texts(sha, session->env, session->n_env);
	put_texts(sha, session->dns, session->n_dns);
	put_texts(sha, session->cap_drop, session->n_cap_drop);
	put_texts(sha, session->protect_paths, session->n_protect_paths);
	put_texts(sha, session->socket_binds, session->n_socket_binds);
	put_texts(sha, session->allow_paths, session->n_allow_paths);
}

/**
 * pol_session_hash() - fill hash
 *
 * The docker section, the access and both workspaces; also what protects the
 * workspace and how limits are enforced.  In a sandbox that is shared and does
 * not see the agents' workspaces, whose session asks makes no difference.
 */
void pol_session_hash(struct pol_session *session)
{
	struct sha256_ctx sha;
	bool sees_agent = session->scope != POL_SCOPE_SHARED ||
			  session->access != POL_ACCESS_NONE;

	sha256_init(&sha);
	put_text(&sha, "creel sandbox 1");
	put_text(&sha, session->image);
	put_text(&sha, session->prefix);
	put_text(&sha, session->workdir);
	put_number(&sha, session->read_only_root);
	put_text(&sha, session->network_name);
	put_text(&sha, session->user);
	put_text(&sha, session->setup_command);
	put_number(&sha, session->pids);
	put_number(&sha, session->memory);
	put_number(&sha, session->memory_swap);
	put_number(&sha, session->cpu_usec);
	put_text(&sha, session->seccomp_profile);
	put_text(&sha, session->apparmor_profile);
	put_lists(&sha, session);
	put_number(&sha, session->best_effort);
	put_number(&sha, session->access);
	put_text(&sha, session->sandbox_workspace);
	put_text(&sha, sees_agent ? session->agent_workspace : NULL);
	sha256_digest(&sha, sizeof(session->hash), session->hash);
}
