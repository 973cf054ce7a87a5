import assert from "node:assert/strict";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, test } from "node:test";
import * as z from "zod";
import { needsProgram } from "../fixtures/needs.ts";
import { type Ran, run } from "../fixtures/scripted-terminal.ts";

/** The offline part of `ringfort audit --advise`; what is tried for real is `npm run prove:advise`. */
const skip = needsProgram("systemd-analyze", "systemd");

const directive = z.object({ directive: z.string(), scoreAfter: z.number().nullable(), gain: z.number().nullable() });
const advice = z.object({
  unit: z.string(),
  files: z.array(z.string()),
  score: z.number().nullable(),
  scoreAfter: z.number().nullable(),
  unknown: z.string().nullable(),
  directives: z.array(directive),
  seldomBreak: z.object({ scoreAfter: z.number(), directives: z.array(directive) }).nullable(),
  written: z.string().nullable(),
});

let folder = "";
before(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "ringfort-advise-"));
  await mkdir(path.join(folder, "a.service.d"));
  await writeFile(path.join(folder, "a.service"), "[Service]\nExecStart=/bin/a \\\n  --with options\n");
  // So much is given up already that few are left to measure.
  await writeFile(
    path.join(folder, "a.service.d/10-less.conf"),
    "[Service]\nUser=nobody\nCapabilityBoundingSet=\nSystemCallFilter=@system-service\nRestrictNamespaces=yes\nRestrictAddressFamilies=AF_UNIX\n" +
      "PrivateDevices=yes\nProtectSystem=strict\nProtectHome=yes\nProtectProc=invisible\nPrivateUsers=yes\n" +
      "ProtectClock=yes\nProtectControlGroups=yes\nProtectKernelLogs=yes\nProtectKernelModules=yes\nProtectKernelTunables=yes\n" +
      "PrivateTmp=yes\nPrivateMounts=yes\nSystemCallArchitectures=native\nRestrictSUIDSGID=yes\n",
  );
});
after(async () => rm(folder, { recursive: true }));

async function ringfort(...args: readonly string[]): Promise<Ran> {
  return run(["audit", ...args], { cwd: folder });
}

test("each directive that is advised makes the score what was said, and the drop-in that is written does", {
  skip,
}, async () => {
  const first = await ringfort("--advise", "a.service", "--json", "--output", "less.conf");
  assert.equal(first.exit, 0, first.err);
  const told = advice.parse(JSON.parse(first.out));
  assert.deepEqual(
    told.files.map((file) => path.basename(file)),
    ["a.service", "10-less.conf"],
  );
  const scores = [told.score, ...told.directives.map(({ scoreAfter }) => scoreAfter)];
  assert.deepEqual(
    scores,
    scores.toSorted((a, b) => (b ?? 0) - (a ?? 0)),
  );
  assert.equal(scores.at(-1), told.scoreAfter);
  const names = told.directives.map(({ directive: line }) => line);
  assert.ok(names.includes("PrivateNetwork=yes") && names.includes("NoNewPrivileges=yes"), names.join(" "));
  // What it has already is not advised again.
  assert.ok(!names.some((line) => /^(?:PrivateDevices|ProtectSystem|SystemCallFilter=@)/.test(line)), names.join(" "));

  const text = await readFile(path.join(folder, "less.conf"), "utf8");
  assert.ok(
    !text.split("\n").includes("PrivateNetwork=yes"),
    "what breaks many daemons is written only when it was tried",
  );
  await writeFile(path.join(folder, "a.service.d/50-less.conf"), text);
  const second = advice.parse(JSON.parse((await ringfort("--advise", "a.service", "--json")).out));
  assert.equal(second.score, told.seldomBreak?.scoreAfter);
  assert.ok((second.score ?? 10) < (told.score ?? 0));
});

test("a drop-in is never written over what is there, and a bad line is told with its place", async () => {
  await writeFile(path.join(folder, "taken.conf"), "mine\n");
  await writeFile(path.join(folder, "bad.service"), "[Service]\nExecStart=/bin/a\nPrivateTmp yes\n");
  const bad = await ringfort("--advise", "bad.service", "--json");
  assert.equal(bad.exit, 3);
  const { error } = z.object({ error: z.object({ code: z.string(), detail: z.string() }) }).parse(JSON.parse(bad.out));
  assert.equal(error.code, "unit.malformed");
  assert.match(error.detail, /bad\.service, line 3/);
  assert.equal((await ringfort("--advise", "./a.service", "--output", "taken.conf")).exit, 2);
  assert.equal(await readFile(path.join(folder, "taken.conf"), "utf8"), "mine\n");
  assert.equal((await ringfort("--try")).exit, 2);
  assert.equal((await ringfort("--advise", "a.service", "--settle", "1")).exit, 2);
});
