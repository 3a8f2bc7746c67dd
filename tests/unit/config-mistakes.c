// SPDX-License-Identifier: Apache-2.0
#include <config.h>

#include "tests/unit/config-mistakes.h"

const struct config_mistake config_mistakes[] = {
	{ "creel.json5",
	  "{\n  agents: { defaults: { sandbox: { docker: {\n"
	  "    memory: \"12 bananas\",\n  } } } },\n}\n",
	  "creel.json5:3:13: agents.defaults.sandbox.docker.memory: expected a "
	  "size such as 512m, 1g or a number of bytes, not \"12 bananas\"\n" },
	{ "creel.json5",
	  "{ agents: { defaults: { sandbox: { docker: { memroy: '1g' } } } } }",
	  "creel.json5:1:46: agents.defaults.sandbox.docker.memroy: unknown "
	  "key\nhint: did you mean \"memory\"?\n" },
	{ "creel.json5",
	  "{ agents: { defaults: { sandbox: { memory: '1g' } } } }",
	  "creel.json5:1:36: agents.defaults.sandbox.memory: unknown key\n"
	  "hint: did you mean \"docker.memory\"?\n" },
	{ "creel.json5",
	  "{ agents: { defaults: { sandbox: { wibble: 1 } } } }",
	  "creel.json5:1:36: agents.defaults.sandbox.wibble: unknown key\n"
	  "hint: creel.conf(5) has the keys of agents.defaults.sandbox\n" },
	{ "creel.json5",
	  "{ agents: { defaults: { sandbox: { mode: 'nonmain',"
	  " scope: 'Session', workspaceAccess: true } } } }",
	  "creel.json5:1:42: agents.defaults.sandbox.mode: expected off, "
	  "non-main or all, not \"nonmain\"\n"
	  "hint: did you mean \"non-main\"?\n"
	  "creel.json5:1:60: agents.defaults.sandbox.scope: expected session, "
	  "agent or shared, not \"Session\"\n"
	  "hint: did you mean \"session\"?\n"
	  "creel.json5:1:88: agents.defaults.sandbox.workspaceAccess: expected "
	  "none, ro or rw, not true\n" },
	{ "creel.json5",
	  "{ agents: { defaults: { sandbx: { mode: 'all' } } },"
	  " tools: { allw: ['read'] } }",
	  "(w) creel.json5:1:25: agents.defaults.sandbx: not a key of creel's, "
	  "passed over\nhint: did you mean \"sandbox\"?\n"
	  "(w) creel.json5:1:63: tools.allw: not a key of creel's, passed "
	  "over\nhint: did you mean \"allow\"?\n" },
	{ "creel.json5", "{ sandbox: { mode: 'all' } }",
	  "(w) creel.json5:1:3: sandbox: not looked at here\n"
	  "hint: it belongs in agents.defaults.sandbox\n" },
	{ "creel.json5",
	  "{ agents: { list: [{ id: 'Work' }, { id: 'x' }, { id: 'work ' }]"
	  " } }",
	  "creel.json5:1:55: agents.list[2].id: \"work\" is agents.list[0]'s "
	  "already\n" },
	{ "creel.json5",
	  "{ agents: { list: [{ id: 'a', default: true }, { id: 'b' },"
	  " { id: 'c', default: true }] } }",
	  "creel.json5:1:81: agents.list[2].default: agents.list[0] is the "
	  "default already\n" },
	{ "creel.json5", "{ agents: { list: { main: {} } } }",
	  "creel.json5:1:19: agents.list: expected an array of agents, not an "
	  "object\n" },
	{ "creel.json5", "{ agents: { list: ['main', {}] } }",
	  "creel.json5:1:20: agents.list[0]: expected an object, not \"main\"\n"
	  "creel.json5:1:28: agents.list[1]: it has no id\n" },
	{ "creel.json5",
	  "{ tools: { allow: ['read'], alsoAllow: ['slack'],"
	  " byProvider: { 'openai/gpt-5': { allow: ['x'], alsoAllow: ['y'] },"
	  " o: { allow: [], alsoAllow: ['y'] } } } }",
	  "creel.json5:1:29: tools.alsoAllow: cannot stand beside allow\n"
	  "hint: put its entries into allow, or use profile and alsoAllow\n"
	  "creel.json5:1:97: tools.byProvider[\"openai/gpt-5\"].alsoAllow: "
	  "cannot stand beside allow\n"
	  "hint: put its entries into allow, or use profile and alsoAllow\n" },
	{ "creel.json5",
	  "{ agents: { defaults: { sandbox: { docker: { binds: ["
	  "'src:/src', '/a:/b:c:d', '/a::ro', '/a:/b:Z'] } } } } }",
	  "creel.json5:1:54: agents.defaults.sandbox.docker.binds[0]: expected "
	  "a source that begins with / or ~/, not \"src:/src\"\n"
	  "creel.json5:1:66: agents.defaults.sandbox.docker.binds[1]: expected "
	  "SOURCE:TARGET:MODE, so at most two colons, not \"/a:/b:c:d\"\n"
	  "creel.json5:1:79: agents.defaults.sandbox.docker.binds[2]: expected "
	  "SOURCE:TARGET:MODE with no part of it empty, not \"/a::ro\"\n"
	  "creel.json5:1:89: agents.defaults.sandbox.docker.binds[3]: expected "
	  "the mode ro or rw, not \"Z\"\n" },
	{ "creel.json5",
	  "{ agents: { defaults: { sandbox: { docker: {"
	  " ulimits: { nofiles: 1, nproc: '9:1', core: 'big' },"
	  " capDrop: ['NET_RAWR'], dns: ['dns.example'],"
	  " extraHosts: ['db:host-gateway'], tmpfs: ['/tmp:dev'],"
	  " cpus: '2', pidsLimit: 0 } } } } }",
	  "creel.json5:1:57: agents.defaults.sandbox.docker.ulimits.nofiles: "
	  "expected the name of a limit, such as nofile or nproc\n"
	  "hint: did you mean \"nofile\"?\n"
	  "creel.json5:1:76: agents.defaults.sandbox.docker.ulimits.nproc: "
	  "expected a soft limit that is not above the hard one, not \"9:1\"\n"
	  "creel.json5:1:89: agents.defaults.sandbox.docker.ulimits.core: "
	  "expected a number, \"SOFT:HARD\" or {soft: NUMBER, hard: NUMBER}, "
	  "not \"big\"\n"
	  "creel.json5:1:108: agents.defaults.sandbox.docker.capDrop[0]: "
	  "expected ALL or a capability such as NET_RAW, not \"NET_RAWR\"\n"
	  "hint: did you mean \"NET_RAW\"?\n"
	  "creel.json5:1:127: agents.defaults.sandbox.docker.dns[0]: expected "
	  "an IPv4 or IPv6 address, not \"dns.example\"\n"
	  "creel.json5:1:156: agents.defaults.sandbox.docker.extraHosts[0]: "
	  "expected an IPv4 or IPv6 address after the name, not "
	  "\"host-gateway\"\n"
	  "creel.json5:1:184: agents.defaults.sandbox.docker.tmpfs[0]: "
	  "expected an option of size=, mode=, exec, noexec, nosuid, nodev and "
	  "rw, not \"dev\"\n"
	  "creel.json5:1:203: agents.defaults.sandbox.docker.cpus: expected a "
	  "number, not \"2\"\n"
	  "creel.json5:1:219: agents.defaults.sandbox.docker.pidsLimit: "
	  "expected an integer from 1 to 4194304, not 0\n" },
	{ "creel.json5",
	  "{ agents: { defaults: { sandbox: { docker: { memory: '1g',"
	  " memorySwap: '2g' } } }, list: ["
	  "{ id: 'a', sandbox: { docker: { memory: '3g' } } },"
	  "{ id: 'b', sandbox: { docker: { memorySwap: 1 } } },"
	  "{ id: 'c', sandbox: { docker: { memorySwap: -1 } } },"
	  "{ id: 'd', sandbox: { scope: 'shared',"
	  " docker: { memorySwap: 1 } } }] } }",
	  "creel.json5:1:131: agents.list[0].sandbox.docker.memory: memorySwap "
	  "is memory and swap together, so it must not be less than memory\n"
	  "creel.json5:1:186: agents.list[1].sandbox.docker.memorySwap: "
	  "memorySwap is memory and swap together, so it must not be less than "
	  "memory\n" },
	{ "creel.json5",
	  "{ agents: { defaults: { sandbox: { docker: { memorySwap: '2g' } } }"
	  " } }",
	  "creel.json5:1:58: agents.defaults.sandbox.docker.memorySwap: "
	  "memorySwap is memory and swap together, so it must stand beside "
	  "memory\n" },
	{ "creel.json5", "[]", "creel.json5:1:1: expected an object, not an "
			       "array\n" },
	{ "creel.toml",
	  "[tools.python_exec]\nsandbox_mode = \"firejail\"\n"
	  "max_output_bytes = \"64 bananas\"\njail = true\n"
	  "[tools.file_storage]\nroot = \"x\"\n",
	  "creel.toml:2:16: tools.python_exec.sandbox_mode: expected none, "
	  "basic, rlimit, cgroup or jail, not \"firejail\"\n"
	  "creel.toml:3:20: tools.python_exec.max_output_bytes: expected a "
	  "size such as 64KB, 2MiB or a number of bytes, not \"64 bananas\"\n"
	  "creel.toml:4:8: tools.python_exec.jail: expected a table, not "
	  "true\n"
	  "creel.toml:6:1: tools.file_storage.root: unknown key\n"
	  "hint: creel.conf(5) has the keys of tools.file_storage\n" },
};

const size_t config_n_mistakes =
	sizeof(config_mistakes) / sizeof(config_mistakes[0]);
