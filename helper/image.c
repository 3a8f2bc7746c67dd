// SPDX-License-Identifier: Apache-2.0
#include <config.h>

#include "helper/build.h"

int hlp_image_set(struct hlp_box *box, bool writable, int fds[3],
		  struct err *err)
{
	(void)box; (void)writable; (void)fds;
	return err_set(err, ERR_UNSUPPORTED, 0, "images");
}

int hlp_image_defer(struct hlp_box *box, const struct hlp_step *step, int fd,
		    struct err *err)
{
	(void)box; (void)step; (void)fd;
	return err_set(err, ERR_UNSUPPORTED, 0, "images");
}

int hlp_image_finish(struct hlp_box *box, uint32_t *seq, struct err *err)
{
	(void)box; (void)seq;
	return err_set(err, ERR_UNSUPPORTED, 0, "images");
}
