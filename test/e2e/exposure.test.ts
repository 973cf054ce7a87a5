import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { after, before, describe, test } from "node:test";
import { startTestDaemon, type TestDaemon } from "../fixtures/daemon.ts";
import { type HttpVendor, startHttpVendor } from "../upstream/http-vendor.ts";
import { SignedListVendor } from "../upstream/signed-list.ts";

interface Exposed {
  readonly took: number;
  readonly recovered: number;
  readonly exposed: number;
  readonly contained: number;
  readonly next: number;
  readonly list: readonly { readonly agent: string; readonly revision: number | null }[];
}

describe("who took a revision, who left it, who will not get it", () => {
  let http: HttpVendor;
  let daemon: TestDaemon;
  let vendor: SignedListVendor;

  before(async () => {
    http = await startHttpVendor({});
    vendor = new SignedListVendor(http, "one");
    // Several clients from one address: a kept session would show each what the first of them saw.
    daemon = await startTestDaemon({ config: { session: { idle: "0s", most: "0s" } } });
    await release("first");
    await daemon.must({ verb: "promote", source: "one", channel: "production", revision: 1, reason: "", by: "test" });
  });
  after(async () => {
    await daemon?.end();
    await http?.close();
  });

  const release = async (content: string): Promise<void> => {
    vendor.publish(new Map([["a.bin", Buffer.from(content)]]), Date.now());
    if (content === "first") await daemon.addSource(vendor.source());
    const synced = await daemon.sync("one");
    assert.ok(!("code" in synced), JSON.stringify(synced));
  };
  const take = async (channel: string, agent: string): Promise<string> => {
    const answer = await fetch(`${await daemon.url(channel)}one/a.bin`, { headers: { "user-agent": agent } });
    return answer.text();
  };
  const exposure = async (revision: number): Promise<Exposed> => {
    const ran = await daemon.cli("exposure", "one", String(revision), "--json");
    assert.equal(ran.code, 0, ran.stderr);
    return JSON.parse(ran.stdout) as Exposed;
  };
  /** What the servers saw comes in batches, a moment later. */
  const soon = async (revision: number, until: (exposed: Exposed) => boolean): Promise<Exposed> => {
    for (let turn = 0; ; turn += 1) {
      const found = await exposure(revision);
      if (until(found) || turn >= 40) return found;
      await new Promise((resolve) => setTimeout(resolve, 250));
    }
  };

  test("contained and recovered are counted apart, before and after a rollback", async () => {
    for (const agent of ["canary-a/1", "canary-b/1"]) await take("staging", agent);
    for (const agent of ["desk-a/1", "desk-b/1", "desk-c/1"]) await take("production", agent);
    await release("harmful");
    assert.equal(await take("staging", "canary-a/1"), "harmful");
    const given = await soon(2, ({ took, contained }) => took === 1 && contained === 3);
    assert.deepEqual([given.took, given.recovered, given.exposed, given.contained, given.next], [1, 0, 1, 3, 1]);
    await daemon.must({ verb: "rollback", source: "one", channel: "staging", revision: 1, reason: "harm", by: "test" });
    const back = await soon(2, ({ contained }) => contained === 4);
    // The server went back: nobody new gets it, and who has it has it still.
    assert.deepEqual([back.exposed, back.recovered, back.contained, back.next], [1, 0, 4, 0]);
    await take("staging", "canary-a/1");
    const recovered = await soon(2, (each) => each.recovered === 1);
    assert.deepEqual([recovered.exposed, recovered.recovered], [0, 1]);
    assert.deepEqual(
      recovered.list.map(({ agent }) => agent),
      ["canary-a/1"],
    );
  });

  test("one content's story in one command: who let it in, where it was shown, who fetched it, under which entries", async () => {
    const sha256 = createHash("sha256").update("harmful").digest("hex");
    const { code, stdout } = await daemon.cli("trace", sha256, "--json");
    assert.equal(code, 0);
    const story = JSON.parse(stdout);
    const [admission] = story.admissions;
    assert.deepEqual([admission.source, admission.revision, admission.paths], ["one", 2, ["a.bin"]]);
    assert.deepEqual([admission.index.verdict, admission.index.signatures.length], ["accepted", 1]);
    const spans = story.spans.map(({ channel, brought, ended }: (typeof story)["spans"][number]) => {
      return [channel, brought.to, ended.kind];
    });
    assert.deepEqual(spans, [["staging", 2, "rollback"]]);
    assert.deepEqual([story.takers.length, story.takers[0].whole, story.list[0].agent], [1, 1, "canary-a/1"]);
    const logged = await daemon.must({ verb: "audit-log", from: admission.entry, limit: 1 });
    assert.match(logged.lines[0] ?? "", new RegExp(sha256));
    assert.match((await daemon.cli("trace", sha256)).stdout, /let in with revision 2 of one/);
    assert.match((await daemon.cli("trace", "0".repeat(64))).stderr, /content\.unknown/);
  });

  test("the list is exported with times, and no client's name becomes a formula", async () => {
    await take("staging", '=cmd|"calc"!A1/1');
    await soon(1, ({ list }) => list.some(({ agent }) => agent.startsWith("=")));
    const { stdout, code } = await daemon.cli("exposure", "one", "1", "--csv");
    assert.equal(code, 0);
    const [head = "", ...rows] = stdout.trimEnd().split("\r\n");
    assert.match(head, /^"client","agent","channel"/);
    assert.ok(rows.length >= 6 && rows.every((row) => /"\d{4}-\d\d-\d\dT/.test(row)), stdout);
    assert.match(stdout, /"'=cmd\|""calc""!A1\/1"/);
    const text = await daemon.cli("exposure", "one", "1");
    assert.match(text.stdout, /CHANNEL +SHOWS IT/);
  });

  test("canaries without a rhythm prove nothing, and are told so", async () => {
    const { code, stdout } = await daemon.cli("canaries", "one", "--json");
    assert.equal(code, 4, stdout);
    const answer = JSON.parse(stdout) as {
      readonly verdict: string;
      readonly reasons: readonly { readonly code: string }[];
      readonly tally: { readonly newcomers: number; readonly known: number };
      readonly canaries: readonly { readonly state: string }[];
    };
    assert.deepEqual([answer.verdict, answer.reasons[0]?.code], ["unproven", "health.too-few-canaries"]);
    assert.ok(answer.tally.newcomers >= 2 && answer.tally.known === 0);
    assert.ok(answer.canaries.every(({ state }) => state === "newcomer"));
    assert.equal((await daemon.cli("canaries", "none")).code, 1);
    assert.match((await daemon.cli("canaries", "one", "--revision", "1")).stdout, /unproven/);
  });
});
