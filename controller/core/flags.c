// SPDX-License-Identifier: Apache-2.0
/*
 * Does a live sandbox fit the flags that a caller gives for it now?  Compared
 * by digests, which are all that stays of most flags: these detect mistakes,
 * nothing depends on them for safety.
 */
#include <config.h>

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "controller/core/label.h"
#include "controller/core/masks.h"
#include "controller/core/source.h"

#define FIRST 0xcbf29ce484222325ULL

static uint64_t mix(uint64_t hash, const void *data, size_t len)
{
	const unsigned char *bytes = data;

	for (size_t i = 0; i < len; i++) {
		hash ^= bytes[i];
		hash *= 0x100000001b3ULL;
	}
	return hash;
}

static uint64_t mix_number(uint64_t hash, uint64_t number)
{
	return mix(hash, &number, sizeof(number));
}

static uint64_t mix_text(uint64_t hash, const char *text)
{
	return mix(hash, text, strlen(text) + 1);
}

static uint64_t mix_fd(uint64_t hash, int fd)
{
	struct stat st;

	if (fd < 0 || ctl_source_stat(fd, &st) < 0)
		return mix_number(hash, 0);
	return mix_number(mix_number(hash, st.st_dev), st.st_ino);
}

/* The order of mounts, and of limits, is nobody's wish: they are added up. */
static uint64_t mix_mount(const struct ctl_mount *mount)
{
	uint64_t hash = mix_text(FIRST, mount->target);

	hash = mix_number(hash, mount->readonly);
	hash = mix_number(hash, mount->size);
	hash = mix_number(hash, mount->mode | (mount->noexec ? 1U << 16 : 0));
	return mix_fd(hash, mount->fd);
}

static enum ctl_flag flag_of(const struct ctl_mount *mount)
{
	if (mount->kind == CTL_MOUNT_TMPFS)
		return CTL_FLAG_TMPFS;
	return mount->is_workspace ? CTL_FLAG_WORKSPACE : CTL_FLAG_BIND;
}

/**
 * ctl_flags_digest() - one number for what each flag asks for
 */
void ctl_flags_digest(const struct ctl_spec *spec,
		      uint32_t digests[CTL_FLAG_COUNT])
{
	uint64_t hash[CTL_FLAG_COUNT];

	for (size_t i = 0; i < CTL_FLAG_COUNT; i++)
		hash[i] = FIRST;
	hash[CTL_FLAG_IMAGE] = mix_fd(hash[CTL_FLAG_IMAGE], spec->image_fd);
	hash[CTL_FLAG_WRITABLE] =
		mix_number(hash[CTL_FLAG_WRITABLE], spec->writable);
	for (size_t i = 0; i < spec->n_mounts; i++) {
		enum ctl_flag flag = flag_of(&spec->mounts[i]);

		/*
		 * Defaults differ with --user, masks with what there is to
		 * mask: these have their own digests.
		 */
		if (!spec->mounts[i].is_default && !spec->mounts[i].is_mask)
			hash[flag] += mix_mount(&spec->mounts[i]);
	}
	hash[CTL_FLAG_HOSTNAME] =
		mix_text(hash[CTL_FLAG_HOSTNAME], spec->hostname);
	hash[CTL_FLAG_NETWORK] =
		mix_number(hash[CTL_FLAG_NETWORK], spec->host_net);
	hash[CTL_FLAG_MEMORY] = mix_number(hash[CTL_FLAG_MEMORY], spec->memory);
	hash[CTL_FLAG_MEMORY_SWAP] =
		mix_number(hash[CTL_FLAG_MEMORY_SWAP], spec->swap);
	hash[CTL_FLAG_CPUS] = mix_number(hash[CTL_FLAG_CPUS], spec->cpu_usec);
	hash[CTL_FLAG_PIDS] = mix_number(hash[CTL_FLAG_PIDS], spec->pids);
	for (size_t i = 0; i < spec->n_rlimits; i++) {
		uint64_t one = mix_number(FIRST, spec->rlimits[i].resource);

		one = mix_number(one, spec->rlimits[i].soft);
		hash[CTL_FLAG_ULIMIT] += mix_number(one,
						    spec->rlimits[i].hard);
	}
	hash[CTL_FLAG_USER] = mix_text(hash[CTL_FLAG_USER], spec->user_text);
	hash[CTL_FLAG_CAP_KEEP] =
		mix_number(hash[CTL_FLAG_CAP_KEEP], spec->cap_keep);
	hash[CTL_FLAG_DNS] = mix_text(hash[CTL_FLAG_DNS],
				      spec->resolv ? spec->resolv : "");
	hash[CTL_FLAG_ADD_HOST] = mix_text(hash[CTL_FLAG_ADD_HOST],
					   spec->hosts ? spec->hosts : "");
	hash[CTL_FLAG_APPARMOR] =
		mix_text(hash[CTL_FLAG_APPARMOR], spec->apparmor);
	for (size_t i = 0; spec->protect && i < spec->protect->count; i++)
		hash[CTL_FLAG_PROTECT] = mix_text(hash[CTL_FLAG_PROTECT],
						  spec->protect->list[i]);
	for (size_t i = 0; i < CTL_FLAG_COUNT; i++)
		digests[i] = (uint32_t)(hash[i] ^ hash[i] >> 32);
}

/**
 * ctl_flags_compare() - do the flags given now agree with a live sandbox?
 * @spec:  finished
 * @given: names of the flags that the caller set; others agree with anything.
 *         A name that is not of a sandbox is passed over
 *
 * Return: 0, or -1 with BAD_STATE naming the flag.
 */
int ctl_flags_compare(const struct ctl_label *label,
		      const struct ctl_spec *spec,
		      char *const *given, size_t n_given, struct ctl_fail *fail)
{
	uint32_t digests[CTL_FLAG_COUNT];

	ctl_flags_digest(spec, digests);
	for (size_t i = 0; i < n_given; i++) {
		for (size_t j = 0; j < CTL_FLAG_COUNT; j++) {
			if (strcmp(ctl_flag_name(j), given[i]) != 0 ||
			    digests[j] == label->digests[j])
				continue;
			err_set(&fail->err, ERR_BAD_STATE, 0,
				"--%s: sandbox %.100s was made with another value",
				ctl_flag_name(j), label->name);
			return ctl_fail_hint(fail,
					     "leave it out, or remove the sandbox first: creel rm %.64s",
					     label->name);
		}
	}
	return 0;
}
