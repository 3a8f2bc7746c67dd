// SPDX-License-Identifier: Apache-2.0
// creel mcp, through the client of the protocol's makers.
//
//   node sdk.mjs TOOLS COMMAND [ARG...]
//
// TOOLS are the names that must be listed, with commas.  COMMAND is the server.
// Prints "ok NAME" or "not ok NAME" and what was seen in lines that begin with
// "#", for the script that runs it.
import fs from "node:fs";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from
	"@modelcontextprotocol/sdk/client/stdio.js";
import { LATEST_PROTOCOL_VERSION, LoggingMessageNotificationSchema } from
	"@modelcontextprotocol/sdk/types.js";

const [tools, command, ...args] = process.argv.slice(2);
const names = tools.split(",").sort();

function ok(good, name, seen) {
	console.log(`${good ? "ok" : "not ok"} ${name}`);
	if (!good)
		console.log(JSON.stringify(seen, null, 1).replace(/^/gm, "# "));
}

let version;

async function open() {
	const client = new Client({ name: "sdk", version: "1" });
	const transport = new StdioClientTransport({ command, args });

	transport.setProtocolVersion = (agreed) => { version = agreed; };
	await client.connect(transport);
	return client;
}

async function until(check, ms = 10000) {
	for (const end = Date.now() + ms; Date.now() < end;) {
		if (await check())
			return true;
		await new Promise((done) => setTimeout(done, 20));
	}
	return await check();
}

function text(result) {
	return (result.content ?? []).map((part) => part.text ?? "").join("");
}

// Processes of exactly this command line.
function running(line) {
	return fs.readdirSync("/proc").filter((entry) => {
		try {
			return fs.readFileSync(`/proc/${entry}/cmdline`, "latin1")
				.replaceAll("\0", " ").trim() === line;
		} catch {
			return false;
		}
	});
}

// What each tool is asked, and what must be in its answer.
const PATCH = "*** Begin Patch\n*** Update File: one.txt\n@@\n-two\n+TWO\n" +
	"*** End Patch";
const CALLS = [
	["write", { path: "one.txt", content: "one\ntwo\n" }, /8 bytes/],
	["read", { path: "one.txt" }, /^one\ntwo\n$/],
	["edit", { path: "one.txt", oldText: "one", newText: "1" }, /replaced/],
	["apply_patch", { input: PATCH }, /M one\.txt/],
	["exec", { command: "cat one.txt" }, /^1\nTWO\n/],
	["exec", { command: "sleep 600", background: true }, /still running/],
	["process", { action: "list" }, /sleep 600/],
	["bash", { command: "echo $((6 * 7))" }, /^42\n/],
	["python_execute", { code: "print(6 * 7)" }, /^42\n/],
	["python_environment_info", {}, /python_version/],
];

async function everyTool(client) {
	const listed = (await client.listTools()).tools;
	const left = new Set(names);

	ok(listed.map((tool) => tool.name).sort().join() === names.join(),
	   "tools/list has the tools that there should be", listed);
	for (const [name, params, wanted] of CALLS) {
		if (!names.includes(name))
			continue;
		// Throws where an output schema is given and not kept to.
		const result = await client.callTool({ name, arguments: params });

		left.delete(name);
		ok(!result.isError && wanted.test(text(result)) &&
		   result.structuredContent.sandboxed === true &&
		   result.structuredContent.durationMs >= 0,
		   `tools/call ${name} ${Object.values(params)[0] ?? ""}`
			.split("\n")[0], result);
	}
	ok(left.size === 0, "every tool was called", [...left]);
}

async function refusals(client) {
	const result = await client.callTool({
		name: "exec", arguments: { command: "true", timeout: "soon" },
	});
	let code = 0;

	ok(result.isError && /timeout: expected a number/.test(text(result)),
	   "what is wrong with an argument is told the model", result);
	await client.callTool({ name: "no_such" })
		.catch((error) => { code = error.code; });
	ok(code === -32602, "a tool that there is not is an error", code);
	await client.request({ method: "no/such" }, { parse: (x) => x })
		.catch((error) => { code = error.code; });
	ok(code === -32601, "so is a method that there is not", code);
}

async function resources(client) {
	const uri = "creel://workspace/one.txt";
	const found = [];
	let code, cursor, list, pages = 0;

	await client.callTool({ name: "exec", arguments: { command:
		"mkdir -p many; cd many; seq 250 | xargs touch; " +
		"printf '\\0\\377' >../bytes" } });
	do {
		list = await client.listResources(cursor ? { cursor } : {});
		found.push(...list.resources.map((item) => item.uri));
		cursor = list.nextCursor;
	} while (cursor && ++pages < 100);
	ok(found.length === 252 && new Set(found).size === 252 &&
	   found.includes(uri) && pages >= 2,
	   "resources/list has all files, on several pages",
	   [found.length, pages, found.slice(0, 5)]);
	list = await client.readResource({ uri });
	ok(list.contents[0].text === "1\nTWO\n", "resources/read of text", list);
	list = await client.readResource({ uri: "creel://workspace/bytes" });
	ok(list.contents[0].blob === "AP8=", "resources/read of bytes", list);
	await client.readResource({ uri: "creel://workspace/none" })
		.catch((error) => { code = error.code; });
	ok(code === -32002, "resources/read of what there is not", code);
	list = await client.listResourceTemplates();
	ok(list.resourceTemplates[0].uriTemplate ===
	   "creel://workspace/{+path}", "resources/templates/list", list);
}

async function longCall(client) {
	const number = `${600 + process.pid % 100}.${Date.now()}`;
	const line = `sleep ${number}`;
	const abort = new AbortController();
	const steps = [];
	let ended = "";
	const call = client.callTool({ name: "exec", arguments: {
		command: `(setsid ${line} &); echo begun; ${line}`,
		yieldMs: 60000,
	} }, undefined, {
		signal: abort.signal,
		onprogress: (step) => steps.push(step),
	}).catch((error) => { ended = String(error); });

	ok(await until(() => running(line).length === 2), "a long exec runs",
	   running(line));
	ok(await until(() => steps.length >= 2), "its progress is told", steps);
	ok(steps.every((step, i) => !i || step.progress > steps[i - 1].progress)
	   && steps.some((step) => step.message === "begun"),
	   "progress rises and has the last line", steps);
	abort.abort("test");
	await call;
	ok(ended && await until(() => running(line).length === 0),
	   "cancelling it kills the tree", [ended, running(line)]);
}

async function logging(client) {
	const heard = [];

	client.setNotificationHandler(LoggingMessageNotificationSchema,
				      (note) => heard.push(note.params));
	for (const level of ["debug", "info", "notice", "warning", "error",
			     "critical", "alert", "emergency"])
		await client.setLoggingLevel(level);
	ok(true, "logging/setLevel has each level");
	ok(JSON.stringify(await client.ping()) === "{}", "ping", heard);
}

async function many(first) {
	const others = await Promise.all([1, 2, 3].map(open));
	const all = [first, ...others];
	const answers = await Promise.all(all.flatMap((client, i) => [
		...Array(20).fill().map(() => client.callTool({
			name: "read", arguments: { path: "one.txt" } })),
		client.callTool({ name: "write", arguments: {
			path: `by-${i}`, content: `${i}\n` } }),
	]));

	ok(answers.every((result) => !result.isError),
	   "clients of one session work at once",
	   answers.filter((result) => result.isError));
	const seen = await others[2].callTool({
		name: "exec", arguments: { command: "cat by-[0-3]" } });

	ok(text(seen).startsWith("0\n1\n2\n3\n"), "on the same files", seen);
	const list = await others[0].callTool({
		name: "process", arguments: { action: "list" } });

	ok(/sleep 600/.test(text(list)), "and background commands", list);
	await Promise.all(others.map((client) => client.close()));
}

const client = await open();

ok(version === LATEST_PROTOCOL_VERSION &&
   client.getServerVersion().name === "creel" &&
   client.getServerCapabilities().tools &&
   client.getServerCapabilities().resources &&
   client.getServerCapabilities().logging &&
   /sandbox/.test(client.getInstructions()),
   `initialize, version ${LATEST_PROTOCOL_VERSION}`,
   [version, client.getServerVersion(), client.getServerCapabilities()]);
await everyTool(client);
await refusals(client);
await resources(client);
await longCall(client);
await logging(client);
await many(client);
await client.close();
