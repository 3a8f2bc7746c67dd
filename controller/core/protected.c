// SPDX-License-Identifier: Apache-2.0
/*
 * What a sandbox must not get without a word of its user's: keys, passwords
 * and tokens, what the host trusts, and creel's own.  creel-security(7) has the
 * same list; a test compares them.
 */
#include <config.h>

#include "controller/core/protected.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proto/cleanup.h"

static const struct ctl_protected table[] = {
	/* Of the kernel and of creel: never. */
	{ "/proc", true },
	{ "/sys", true },
	{ "/dev", true },
	{ "/etc/creel", true },
	{ "/run/creel", true },
	{ "~/.config/creel", true },
	/* Of the machine. */
	{ "/etc", false },
	{ "/boot", false },
	/* Keys. */
	{ "~/.ssh", false },
	{ "~/.gnupg", false },
	{ "~/.pki", false },
	{ "~/.password-store", false },
	{ "~/.local/share/keyrings", false },
	{ "~/.local/share/kwalletd", false },
	{ "~/.config/op", false },
	{ "~/.config/1Password", false },
	{ "~/.config/Bitwarden", false },
	{ "~/.config/keepassxc", false },
	/* Clouds. */
	{ "~/.aws", false },
	{ "~/.azure", false },
	{ "~/.config/gcloud", false },
	{ "~/.config/doctl", false },
	{ "~/.oci", false },
	{ "~/.kube", false },
	{ "~/.docker", false },
	{ "~/.config/containers", false },
	{ "~/.terraform.d", false },
	{ "~/.vault-token", false },
	{ "~/.fly", false },
	{ "~/.config/rclone", false },
	/* Where programs are fetched and kept. */
	{ "~/.netrc", false },
	{ "~/.npmrc", false },
	{ "~/.pypirc", false },
	{ "~/.git-credentials", false },
	{ "~/.config/git/credentials", false },
	{ "~/.config/gh", false },
	{ "~/.config/hub", false },
	{ "~/.config/glab-cli", false },
	{ "~/.cargo/credentials", false },
	{ "~/.cargo/credentials.toml", false },
	{ "~/.gem/credentials", false },
	/* Browsers and mail. */
	{ "~/.mozilla", false },
	{ "~/.thunderbird", false },
	{ "~/.config/google-chrome", false },
	{ "~/.config/chromium", false },
	{ "~/.config/BraveSoftware", false },
	{ "~/.config/microsoft-edge", false },
	/* Gateways: their keys, accounts and configurations. */
	{ "~/.openclaw/openclaw.json", false },
	{ "~/.openclaw/.env", false },
	{ "~/.openclaw/credentials", false },
	{ "~/.openclaw/agents", false },
	{ "~/.openclaw/identity", false },
	{ "~/.openclaw/devices", false },
	{ "~/.moltbot/moltbot.json", false },
	{ "~/.moltbot/.env", false },
	{ "~/.moltbot/credentials", false },
	{ "~/.moltbot/agents", false },
	{ "~/.moltbot/identity", false },
	{ "~/.moltbot/devices", false },
	{ "~/.clawdbot/clawdbot.json", false },
	{ "~/.clawdbot/moltbot.json", false },
	{ "~/.clawdbot/.env", false },
	{ "~/.clawdbot/credentials", false },
	{ "~/.clawdbot/agents", false },
	{ "~/.clawdbot/identity", false },
	{ "~/.clawdbot/devices", false },
	{ "~/.minibot/config.toml", false },
	{ "~/.minibot/credentials", false },
	{ "~/.config/minibot", false },
	{ "~/.claude/.credentials.json", false },
	{ "~/.codex/auth.json", false },
};

/**
 * ctl_protected_at() - the rows of the table
 */
const struct ctl_protected *ctl_protected_at(size_t index)
{
	return index < sizeof(table) / sizeof(table[0]) ? &table[index] : NULL;
}

static void add_home(struct ctl_homes *homes, const char *path)
{
	if (!path || path[0] != '/' || !path[1] ||
	    homes->count == CTL_HOMES_MAX)
		return;
	for (size_t i = 0; i < homes->count; i++)
		if (strcmp(homes->list[i], path) == 0)
			return;
	homes->list[homes->count] = strdup(path);
	if (homes->list[homes->count])
		homes->count++;
}

/* "name:x:uid:gid:gecos:home:shell"; by no name service, also in creel(1). */
static void add_account(struct ctl_homes *homes, uid_t uid, char *line)
{
	char *field = line, *end;

	for (int i = 0; field && i < 2; i++) {
		field = strchr(field, ':');
		field += field != NULL;
	}
	if (!field || strtoul(field, &end, 10) != uid || *end != ':')
		return;
	field = end + 1;
	for (int i = 0; field && i < 2; i++) {
		field = strchr(field, ':');
		field += field != NULL;
	}
	if (field)
		field[strcspn(field, ":\n")] = '\0';
	add_home(homes, field);
}

/**
 * ctl_homes_init() - find out what ~ may mean
 * @callers: as the client has it, NULL or "" where that is not known
 *
 * All of them count: a key does not become less of one by a HOME that points
 * elsewhere.
 */
void ctl_homes_init(struct ctl_homes *homes, const char *callers)
{
	FILE *file = fopen("/etc/passwd", "re");
	const uid_t uid = getuid();
	char line[4096];

	*homes = (struct ctl_homes){ .count = 0 };
	add_home(homes, callers);
	add_home(homes, getenv("HOME"));
	while (file && fgets(line, sizeof(line), file))
		add_account(homes, uid, line);
	if (file)
		(void)fclose(file);
}

/**
 * ctl_homes_fini() - release; idempotent
 */
void ctl_homes_fini(struct ctl_homes *homes)
{
	for (size_t i = 0; i < homes->count; i++)
		ptr_free(&homes->list[i]);
	homes->count = 0;
}
