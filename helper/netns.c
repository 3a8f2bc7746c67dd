// SPDX-License-Identifier: Apache-2.0
/*
 * Brings up lo in the network namespace that this process is in. Runs in the
 * setup process before the seal; netlink is refused afterwards.
 */
#include <config.h>

#include "helper/netns.h"

#include <errno.h>
#include <linux/if.h>
#include <linux/rtnetlink.h>
#include <malloc.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>

#define HLP_LO_INDEX 1 /* of every network namespace */

/**
 * hlp_netns_up() - bring up the loopback interface
 *
 * Return: 0 or -1. Privilege: CAP_NET_ADMIN in the owner of the namespace.
 */
int hlp_netns_up(struct err *err)
{
	struct ifinfomsg info = { .ifi_family = AF_UNSPEC,
				  .ifi_index = HLP_LO_INDEX,
				  .ifi_flags = IFF_UP,
				  .ifi_change = IFF_UP };
	struct nl_sock *sock = nl_socket_alloc();
	int failed;

	if (!sock)
		return err_set(err, ERR_KERNEL, ENOMEM, "netlink socket");
	failed = nl_connect(sock, NETLINK_ROUTE);
	if (failed >= 0)
		failed = nl_send_simple(sock, RTM_NEWLINK, NLM_F_ACK, &info,
					sizeof(info));
	if (failed >= 0)
		failed = nl_wait_for_ack(sock);
	nl_socket_free(sock);
	/* This process lives as long as its sandbox, and allocates no more. */
	(void)malloc_trim(0);
	if (failed < 0)
		return err_set(err, ERR_KERNEL, 0, "bring up lo: %s",
			       nl_geterror(failed));
	return 0;
}
