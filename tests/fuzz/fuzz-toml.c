// SPDX-License-Identifier: Apache-2.0
/*
 * Fuzz target of the parser of TOML.
 */
#include <config.h>

#include "tests/fuzz/config-target.h"
#include "tests/fuzz/fuzz.h"

const struct fuzz_protocol fuzz_protocol = {
	.name = "toml",
};

/**
 * LLVMFuzzerTestOneInput() - one file
 *
 * Return: 0. Aborts where something that must hold does not.
 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	config_target(cfg_toml_parse, data, size);
	return 0;
}
