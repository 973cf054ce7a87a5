import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import test, { after, before } from "node:test";
import { promisify } from "node:util";
import { needsProgram } from "../../../test/fixtures/needs.ts";
import { type Case, inputs } from "../../../test/fixtures/pinned-inputs.ts";
import { TODAY } from "../../../test/fixtures/pinned-pki.ts";
import { RULES, type Rule } from "../../../test/fixtures/pinned-scenes.ts";
import { verifyPinnedCms } from "./pinned-cms.ts";

const run = promisify(execFile);
const INPUTS = 630;
/** Runs of openssl at once. */
const LANES = 4;

let folder = "";
before(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), "pinned-cms-"));
});
after(() => rmSync(folder, { recursive: true, force: true }));

async function weAccept({ signature, content, trust, signedAt }: Case): Promise<boolean> {
  const findings = await verifyPinnedCms({ signature, content, over: "liveupdt.grd", trust, signedAt, now: TODAY });
  assert.notEqual(findings.length, 0);
  return findings.every(({ status }) => status === "good");
}

/** One run for each anchor with its own policy: a chain to any of them is enough. */
async function opensslAccepts(input: Case, lane: number): Promise<boolean> {
  const file = (name: string, bytes: Uint8Array | string): string => {
    const full = path.join(folder, `${lane}-${name}`);
    writeFileSync(full, bytes);
    return full;
  };
  const { trust } = input;
  const pins = file("pins.pem", [...trust.signers, ...trust.intermediates].join(""));
  const signature = file("signature", input.signature);
  const content = file("content", input.content);
  for (const anchor of trust.anchors) {
    if (anchor.time === "at-signing" && input.signedAt === null) continue;
    const at = anchor.time === "checked" ? TODAY : (input.signedAt ?? 0);
    const time = anchor.time === "ignored" ? ["-no_check_time"] : ["-attime", String(Math.floor(at / 1_000))];
    // OpenSSL 3.0 builds chains from the store and the signature alone, so that the intermediates go into the store. It
    // ends chains at what is self-signed, and knows no purpose "code signing".
    const store = file("store.pem", [anchor.certificate, ...trust.intermediates].join(""));
    const args = ["cms", "-verify", "-binary", "-inform", "DER", "-nointern", "-purpose", "any", ...time];
    const where = ["-certfile", pins, "-CAfile", store, "-no-CApath", "-no-CAstore", "-in", signature];
    const out = ["-content", content, "-out", path.join(folder, `${lane}-out`)];
    try {
      await run("openssl", [...args, ...where, ...out]);
      return true;
    } catch (cause) {
      // A refusal exits with 4, what cannot be read at all with 2: anything else is a fault of this test.
      const { code } = cause as { readonly code?: number };
      assert.ok(code === 2 || code === 4, `openssl exited with ${code}: ${String(cause)}`);
    }
  }
  return false;
}

interface Compared {
  readonly input: Case;
  readonly ours: boolean;
  readonly theirs: boolean;
}

async function compareAll(): Promise<readonly Compared[]> {
  const waiting = inputs(INPUTS).entries();
  const compared: Compared[] = [];
  const lane = async (number: number): Promise<void> => {
    for (const [, input] of waiting)
      compared.push({ input, ours: await weAccept(input), theirs: await opensslAccepts(input, number) });
  };
  await Promise.all(Array.from({ length: LANES }, (_, number) => lane(number)));
  return compared;
}

test("the verdict is OpenSSL's, or stricter by a named rule", {
  skip: needsProgram("openssl", "openssl"),
}, async (t) => {
  const compared = await compareAll();
  assert.ok(compared.length >= 500);
  const faults = compared.flatMap(({ input: { name, rule }, ours, theirs }) => {
    if (ours && !theirs) return [`${name}: OpenSSL refuses what we accept`];
    return theirs && !ours && rule === null ? [`${name}: we refuse what OpenSSL accepts, and no rule says why`] : [];
  });
  assert.deepEqual(faults, []);
  // A rule that no input shows any more is no rule: it would hide the next difference.
  const shown = new Set(compared.flatMap(({ input, ours, theirs }) => (theirs && !ours ? [input.rule] : [])));
  assert.deepEqual(
    Object.keys(RULES).filter((rule) => !shown.has(rule as Rule)),
    [],
  );
  const good = compared.filter(({ ours }) => ours).length;
  const bad = compared.filter(({ theirs }) => !theirs).length;
  assert.ok(good >= 80 && bad >= 80, `${good} good and ${bad} bad ones are too few of one kind`);
  t.diagnostic(
    `${compared.length} inputs: both accept ${good}, both refuse ${bad}, stricter ${compared.length - good - bad}`,
  );
});
