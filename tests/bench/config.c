// SPDX-License-Identifier: Apache-2.0
/*
 * Takes the bench's samples of configurations: how long one takes to load, and
 * how long it takes to find out what applies to one of its sessions.
 *
 *     config WARMUP RUNS CSV FILE
 */
#include <config.h>

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "controller/policy/resolve.h"

#define HOME "/home/bench"
#define STATE "/home/bench/.local/state/creel"

static double now_usec(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static _Noreturn void fail(const char *text)
{
	fprintf(stderr, "config: %s\n", text);
	exit(1);
}

static struct cfg *load(const char *path)
{
	struct cfg_problems problems = CFG_PROBLEMS_INIT;
	struct cfg *cfg = cfg_load(path, HOME, STATE, &problems);

	if (!cfg)
		fail(problems.count ? problems.list[0].text : "not loaded");
	cfg_problems_fini(&problems);
	return cfg;
}

/* One session of each of the agents; the time of one. */
static double resolve(const struct cfg *cfg)
{
	double start = now_usec();
	char key[128];

	for (size_t i = 0; i < cfg->n_agents; i++) {
		struct err err = ERR_INIT;
		struct pol_session *session;

		(void)snprintf(key, sizeof(key), "agent:%s:telegram:group:%zu",
			       cfg->agents[i].id, i);
		session = pol_session_new(cfg, key, NULL, &err);
		if (!session)
			fail(err.text);
		pol_session_free(session);
	}
	return (now_usec() - start) / (double)cfg->n_agents;
}

int main(int argc, char **argv)
{
	unsigned long warmup, runs;
	FILE *csv;

	if (argc != 5)
		fail("WARMUP RUNS CSV FILE");
	warmup = strtoul(argv[1], NULL, 10);
	runs = strtoul(argv[2], NULL, 10);
	csv = fopen(argv[3], "ae");
	if (!csv)
		fail(argv[3]);
	for (unsigned long run = 0; run < warmup + runs; run++) {
		double start = now_usec();
		struct cfg *cfg = load(argv[4]);
		double usec = now_usec() - start;

		if (run >= warmup) {
			fprintf(csv, "config-load,%lu,%.1f\n", run - warmup,
				usec);
			fprintf(csv, "config-resolve,%lu,%.3f\n", run - warmup,
				resolve(cfg));
		}
		cfg_free(cfg);
	}
	return fclose(csv) == 0 ? 0 : 1;
}
