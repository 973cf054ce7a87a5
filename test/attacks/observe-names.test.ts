import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";
import type { Surroundings } from "../../src/cli/context.ts";
import { known, unknown } from "../../src/core/machine/facts.ts";
import { type Act, type Film, filmText } from "../../src/core/observed/film.ts";
import type { ProcessLook } from "../../src/core/observed/look.ts";
import { NOW, run } from "../fixtures/scripted-terminal.ts";

/** Clears the screen, forges a line, turns the rest of the line around, and ends what a terminal was told before. */
const EVIL = "\u001b[2J\r\nroot (1)\u202e\u0007\u009b31m";

const LOOK: ProcessLook = {
  pid: 7,
  role: null,
  name: known(EVIL),
  program: known(`/tmp/${EVIL}`),
  parent: unknown(EVIL),
  user: known({ real: 1, effective: 1, saved: 1, name: EVIL }),
  groups: known([1]),
  capabilities: known({ inheritable: [], permitted: [], effective: [EVIL], bounding: [], ambient: [] }),
  noNewPrivileges: known(false),
  seccomp: known("none"),
  landlock: unknown(EVIL),
  namespaces: known([{ name: EVIL, id: EVIL, own: known(true) }]),
  cgroup: known(EVIL),
  unit: known(EVIL),
  files: known([{ fd: 0, path: EVIL, mode: "read", deleted: true }]),
  libraries: known([{ path: EVIL, package: known(EVIL), state: "replaced" }]),
  sockets: known([{ fd: 1, protocol: "unix", state: "listening", local: EVIL, port: null, peer: EVIL }]),
  writableExecutable: known([EVIL]),
  limits: known([{ name: `Max open files ${EVIL}`, soft: EVIL, hard: EVIL, unit: "" }]),
  environment: known([EVIL]),
};

function filmOf(...acts: readonly Act[]): Film {
  const by = { pid: 7, uid: 0, program: EVIL };
  const head = { film: 1, at: 0, method: "trace", interval: null, command: EVIL, uid: 0, gid: 0 } as const;
  return {
    heads: [head],
    acts: acts.map((did) => ({ at: 1, by, failed: null, did, times: 1 })),
    left: 0,
    unread: 0,
    broken: 0,
  };
}
const EVIL_FILM = filmText(
  filmOf(
    { act: "make", path: `/srv/${EVIL}/x`, folder: false },
    { act: "read", path: `/etc/${EVIL}`, folder: false },
    { act: "execute", path: `/usr/bin/${EVIL}`, folder: false },
    { act: "bind", family: "AF_UNIX", protocol: "other", address: `/run/${EVIL}`, port: null },
    { act: "call", name: "mount", with: EVIL },
  ),
  NOW,
);

function isClean(text: string): boolean {
  return !/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e]/.test(text);
}

test("whatever processes and files are called, a terminal is told no command and shown no forged line", async (t) => {
  const folder = await mkdtemp(path.join(tmpdir(), "ringfort-names-"));
  t.after(() => rm(folder, { recursive: true }));
  await writeFile(path.join(folder, "evil.film"), EVIL_FILM);
  const refuse = async (): Promise<never> => assert.fail("nothing is filmed here");
  const observer: Surroundings["observer"] = {
    look: async () => ({ at: NOW, processes: [LOOK] }),
    ports: async () => [{ protocol: "tcp", address: "::", port: 1, holders: known([{ pid: 7, name: EVIL }]) }],
    topFolders: async () => ["etc", EVIL],
    passedOver: async () => [],
    exposure: async () => unknown(EVIL),
    isThere: () => false,
    film: refuse,
    try: refuse,
  };
  for (const args of [
    ["--pid", "7"],
    ["--ports"],
    ["--film-in", "evil.film"],
    ["--profile", "evil.film"],
    ["--profile", "evil.film", "--output", "evil.service"],
  ]) {
    const { exit, out, err } = await run(["observe", ...args], { cwd: folder, observer });
    assert.equal(err, "");
    assert.equal(exit, 0, args.join(" "));
    assert.ok(out.length > 0 && isClean(out), `${args.join(" ")}: ${JSON.stringify(out)}`);
    assert.ok(!out.split("\n").includes("root (1)"));
    if (args.includes("--profile")) assert.ok(out.includes("no unit can hold"), "what is left out is said");
  }
});
