// SPDX-License-Identifier: Apache-2.0
/*
 * Labels.  The helper gives back what an earlier controller of the same user
 * sent, so a label is believed, but its bounds are checked all the same.
 */
#include <config.h>

#include "controller/core/label.h"

#include <stdio.h>
#include <string.h>

#include "controller/core/label.pb-c.h"

#define LABEL_VERSION 2

/**
 * ctl_label_from_spec() - what stays of a spec once the sandbox lives
 * @label: name, kind, token and detach are the caller's to set
 */
void ctl_label_from_spec(struct ctl_label *label, const struct ctl_spec *spec)
{
	label->host_image = spec->host_image;
	label->host_net = spec->host_net;
	(void)snprintf(label->image, sizeof(label->image), "%s", spec->image);
	(void)snprintf(label->workspace, sizeof(label->workspace), "%s",
		       spec->workspace ? spec->workspace : "");
	ctl_text_clean(label->image);
	ctl_text_clean(label->workspace);
	label->uid = spec->uid;
	label->gid = spec->gid;
	(void)snprintf(label->user, sizeof(label->user), "%s",
		       spec->user_text);
	label->memory = spec->memory;
	label->pids = spec->pids;
	label->cap_keep = spec->cap_keep;
	label->caps_for_root = spec->caps_for_root;
	(void)snprintf(label->workdir, sizeof(label->workdir), "%s",
		       spec->workdir);
	(void)snprintf(label->apparmor, sizeof(label->apparmor), "%s",
		       spec->apparmor);
	memcpy(label->rlimits, spec->rlimits, sizeof(label->rlimits));
	label->n_rlimits = spec->n_rlimits;
	ctl_flags_digest(spec, label->digests);
	ctl_watch_pack(spec->watch, label->watch, sizeof(label->watch));
}

/**
 * ctl_label_pack() - the bytes that the helper is to keep
 * @len: filled
 *
 * Return: 0 or -1 with LIMIT, which the bounds of the members rule out.
 */
int ctl_label_pack(const struct ctl_label *label,
		   uint8_t out[WIRE_LABEL_MAX_BYTES], size_t *len,
		   struct err *err)
{
	Lbl__Label msg = LBL__LABEL__INIT;
	Lbl__Rlimit rlimits[CTL_MAX_RLIMITS];
	Lbl__Rlimit *list[CTL_MAX_RLIMITS];

	for (size_t i = 0; i < label->n_rlimits; i++) {
		lbl__rlimit__init(&rlimits[i]);
		rlimits[i].resource = label->rlimits[i].resource;
		rlimits[i].soft = label->rlimits[i].soft;
		rlimits[i].hard = label->rlimits[i].hard;
		list[i] = &rlimits[i];
	}
	msg.version = LABEL_VERSION;
	msg.name = (char *)label->name;
	msg.kind = label->kind;
	msg.created = label->created;
	msg.token.data = (uint8_t *)label->token;
	msg.token.len = sizeof(label->token);
	msg.detach = label->detach;
	msg.host_image = label->host_image;
	msg.host_net = label->host_net;
	msg.image = (char *)label->image;
	msg.workspace = (char *)label->workspace;
	msg.uid = label->uid;
	msg.gid = label->gid;
	msg.user = (char *)label->user;
	msg.memory = label->memory;
	msg.pids = label->pids;
	msg.cap_keep = label->cap_keep;
	msg.caps_for_root = label->caps_for_root;
	msg.workdir = (char *)label->workdir;
	msg.apparmor = (char *)label->apparmor;
	msg.digests = (uint32_t *)label->digests;
	msg.n_digests = CTL_FLAG_COUNT;
	msg.rlimits = list;
	msg.n_rlimits = label->n_rlimits;
	msg.overlay = label->overlay;
	msg.managed = label->managed;
	msg.watch = (char *)label->watch;
	*len = lbl__label__get_packed_size(&msg);
	if (*len > WIRE_LABEL_MAX_BYTES)
		return err_set(err, ERR_LIMIT, 0, "label of %zu bytes", *len);
	(void)lbl__label__pack(&msg, out);
	return 0;
}

static int copy_text(char *out, size_t size, const char *text)
{
	int n = snprintf(out, size, "%s", text);

	return n < 0 || (size_t)n >= size ? -1 : 0;
}

static int fill(const Lbl__Label *msg, struct ctl_label *label)
{
	*label = (struct ctl_label){
		.kind = (enum ctl_kind)msg->kind,
		.created = msg->created,
		.detach = msg->detach,
		.host_image = msg->host_image,
		.host_net = msg->host_net,
		.uid = msg->uid,
		.gid = msg->gid,
		.memory = msg->memory,
		.pids = msg->pids,
		.cap_keep = msg->cap_keep,
		.caps_for_root = msg->caps_for_root,
		.n_rlimits = msg->n_rlimits,
		.overlay = msg->overlay,
		.managed = msg->managed,
	};
	if (msg->version != LABEL_VERSION || msg->kind < CTL_KIND_RUN ||
	    msg->kind > CTL_KIND_SESSION || msg->token.len != WIRE_ID_BYTES ||
	    msg->n_digests != CTL_FLAG_COUNT ||
	    msg->n_rlimits > CTL_MAX_RLIMITS)
		return -1;
	memcpy(label->token, msg->token.data, WIRE_ID_BYTES);
	memcpy(label->digests, msg->digests, sizeof(label->digests));
	for (size_t i = 0; i < msg->n_rlimits; i++)
		label->rlimits[i] = (struct ctl_rlimit){
			msg->rlimits[i]->resource,
			msg->rlimits[i]->soft,
			msg->rlimits[i]->hard,
		};
	if (copy_text(label->name, sizeof(label->name), msg->name) < 0 ||
	    copy_text(label->image, sizeof(label->image), msg->image) < 0 ||
	    copy_text(label->workspace, sizeof(label->workspace),
		      msg->workspace) < 0 ||
	    copy_text(label->user, sizeof(label->user), msg->user) < 0 ||
	    copy_text(label->workdir, sizeof(label->workdir), msg->workdir) <
		    0 ||
	    copy_text(label->apparmor, sizeof(label->apparmor),
		      msg->apparmor) < 0 ||
	    copy_text(label->watch, sizeof(label->watch), msg->watch) < 0)
		return -1;
	return 0;
}

/**
 * ctl_label_unpack() - read a label of an earlier controller
 *
 * Return: 0 or -1 with BAD_REQUEST, also for a label of another version.
 */
int ctl_label_unpack(const uint8_t *bytes, size_t len, struct ctl_label *label,
		     struct err *err)
{
	Lbl__Label *msg = lbl__label__unpack(NULL, len, bytes);
	int ret = -1;

	if (msg && fill(msg, label) == 0)
		ret = ctl_name_check(label->name, err);
	else
		err_set(err, ERR_BAD_REQUEST, 0, "label of %zu bytes", len);
	if (msg)
		lbl__label__free_unpacked(msg, NULL);
	return ret;
}
