import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { describe, test } from "node:test";
import { continues, type TreeHash } from "../../src/core/audit/merkle-tree.ts";
import type { Evidence } from "../../src/core/model/evidence.ts";
import { releasePolicy, type StoredPolicy } from "../../src/core/model/policy.ts";
import type { ProposalDraft, ProposalEnd, SignOff } from "../../src/core/model/proposal.ts";
import type { RestraintDraft, RestraintOn } from "../../src/core/model/restraint.ts";
import type { EventRecord, Ledger, NoticeDraft, SyncRecord } from "../../src/core/ports.ts";
import { modelled } from "./ledger-model.ts";
import { AT, digestOf, draftOf, failsWith, moveTo, REMOVAL, specOf } from "./ledger-samples.ts";
import { sightings } from "./ledger-sightings.ts";

export interface OpenedLedger {
  readonly ledger: Ledger;
  /** Closes it and opens it again: what was promised must be there. */
  readonly reopen: () => Promise<Ledger>;
  /** Closes it and removes what it left. */
  readonly end: () => Promise<void>;
}

/** What every ledger does. `open` gives a new, empty one. */
export function ledgerContract(name: string, open: () => Promise<OpenedLedger>): void {
  const given = (title: string, body: (ledger: Ledger, opened: OpenedLedger) => Promise<void>): void => {
    void test(title, async () => {
      const opened = await open();
      try {
        await body(opened.ledger, opened);
      } finally {
        await opened.end();
      }
    });
  };
  void describe(`ledger contract: ${name}`, () => {
    sourcesAndRevisions(given);
    channels(given);
    records(given);
    policies(given);
    proposals(given);
    restraints(given);
    auditLog(given);
    sightings(given);
    notices(given);
    evidence(given);
    people(given);
    void test("it says what the naive ledger says, whatever is done in whatever order", () => modelled(open));
  });
}

function policies(given: Given): void {
  const state = (source: string, version: number, by = "ann"): StoredPolicy => {
    const policy = version === 3 ? null : releasePolicy.parse({ rings: [{ channel: "staging" }] });
    return { source, version, policy, at: AT + version, by, reason: "agreed" };
  };
  given("a policy keeps every state, is written by its version, and is audited", async (ledger, opened) => {
    for (const version of [1, 2, 3]) assert.equal(await ledger.putPolicy(state("s", version)), true);
    assert.equal(await ledger.putPolicy(state("t", 1)), true);
    const again = await opened.reopen();
    assert.deepEqual(await again.policy("s"), state("s", 3));
    assert.deepEqual(await again.policyHistory("s", 2), [state("s", 3), state("s", 2)]);
    assert.equal(await again.policy("nobody"), null);
    assert.equal((await again.auditFound("policy.set", '"version":2', 10)).length, 1);
  });
  given("of two who write one version the second learns of it, and nothing of it is kept", async (ledger) => {
    assert.equal(await ledger.putPolicy(state("s", 2)), false);
    const written = await Promise.all([ledger.putPolicy(state("s", 1)), ledger.putPolicy(state("s", 1, "bob"))]);
    assert.equal(written.filter(Boolean).length, 1);
    assert.equal((await ledger.policyHistory("s", 9)).length, 1);
    assert.equal(await ledger.auditSize(), 1);
  });
  given("a policy's history outlives its source", async (ledger) => {
    await ledger.putSource(specOf("s"));
    await ledger.putPolicy(state("s", 1));
    await ledger.removeSource("s");
    assert.equal((await ledger.policy("s"))?.version, 1);
  });
}

function proposals(given: Given): void {
  const draft = (changes: Partial<ProposalDraft> = {}): ProposalDraft => ({
    source: "s",
    channel: "production",
    kind: "promotion",
    revision: 7,
    reason: "tested",
    by: "ann",
    at: AT,
    demands: [{ role: "approver", people: 2 }],
    expiresAt: null,
    ...changes,
  });
  const signed = (by: string): SignOff => ({ by, roles: ["approver"], at: AT + 1, comment: "seen" });
  const end: ProposalEnd = { state: "done", by: "policy", at: AT + 9, reason: "" };

  given("a proposal is kept with its sign-offs, one of each person", async (ledger, opened) => {
    const made = await ledger.addProposal(draft());
    assert.deepEqual(made, { ...draft(), id: 1, version: 1, state: "open", signOffs: [], authors: ["ann"] });
    assert.equal(await ledger.signProposal(1, 1, signed("eve")), "signed");
    assert.equal(await ledger.signProposal(1, 1, signed("bob")), "signed");
    assert.equal(await ledger.signProposal(1, 1, signed("bob")), "signed-already");
    const again = await opened.reopen();
    assert.deepEqual((await again.proposal(1))?.signOffs, [signed("bob"), signed("eve")]);
    assert.equal(await again.proposal(2), null);
    assert.equal((await again.auditFound("proposal.signed", '"proposal":1', 9)).length, 2);
  });

  given("an edit voids the sign-offs, and its writer becomes an author too", async (ledger) => {
    await ledger.addProposal(draft());
    await ledger.signProposal(1, 1, signed("bob"));
    const edit = { revision: 8, reason: "better", by: "joe", at: AT + 5, demands: [], expiresAt: AT + 9 };
    assert.equal(await ledger.editProposal(1, 2, edit), false);
    assert.equal(await ledger.editProposal(1, 1, edit), true);
    assert.equal(await ledger.editProposal(1, 1, edit), false);
    assert.deepEqual(await ledger.proposal(1), {
      ...draft(edit),
      id: 1,
      version: 2,
      state: "open",
      signOffs: [],
      authors: ["ann", "joe"],
    });
    assert.equal(await ledger.signProposal(1, 1, signed("eve")), "changed");
    assert.equal(await ledger.signProposal(1, 2, signed("bob")), "signed");
  });

  given("one proposal is open for a channel of a source, and what is over stays over", async (ledger) => {
    await ledger.addProposal(draft());
    assert.equal(await ledger.addProposal(draft({ revision: 8 })), null);
    assert.equal((await ledger.addProposal(draft({ channel: "pilot" })))?.id, 2);
    assert.equal((await ledger.addProposal(draft({ source: "t" })))?.id, 3);
    const ended = await Promise.all([ledger.endProposal(1, 1, end), ledger.endProposal(1, 1, end)]);
    assert.equal(ended.filter(Boolean).length, 1);
    assert.equal(await ledger.signProposal(1, 1, signed("bob")), "changed");
    assert.equal(await ledger.editProposal(1, 1, { ...draft(), revision: 9 }), false);
    assert.equal((await ledger.addProposal(draft()))?.id, 4);
    const ids = async (of: Parameters<typeof ledger.proposals>[0]) =>
      (await ledger.proposals(of, 9)).map(({ id }) => id);
    assert.deepEqual(await ids({ state: "open", source: null }), [4, 3, 2]);
    assert.deepEqual(await ids({ state: null, source: "s" }), [4, 2, 1]);
    assert.deepEqual(await ids({ state: "done", source: "s" }), [1]);
    assert.equal((await ledger.proposals({ state: null, source: null }, 2)).length, 2);
  });
}

function restraints(given: Given): void {
  const draft = (on: RestraintOn): RestraintDraft => ({ on, reason: "look", by: "ann", at: AT, expiresAt: AT + 9 });
  const end = { by: "bob", at: AT + 1, reason: "fine" };

  given("a restraint is kept, released once, and both are audited", async (ledger, opened) => {
    const ons: readonly RestraintOn[] = [
      { kind: "hold", source: null, channel: "production" },
      { kind: "pin", source: "s", channel: "production", revision: 3 },
      { kind: "block-revision", source: "s", revision: 3 },
      { kind: "block-digest", sha256: digestOf("one") },
      { kind: "block-signer", signer: "vendor" },
    ];
    for (const [index, on] of ons.entries())
      assert.deepEqual(await ledger.addRestraint(draft(on)), { ...draft(on), id: index + 1, released: null });
    assert.equal(await ledger.releaseRestraint(2, end), true);
    assert.equal(await ledger.releaseRestraint(2, end), false);
    assert.equal(await ledger.releaseRestraint(9, end), false);
    const again = await opened.reopen();
    assert.deepEqual(
      (await again.restraints(false)).map(({ on }) => on),
      [ons[4], ons[3], ons[2], ons[0]],
    );
    assert.deepEqual((await again.restraints(true))[3]?.released, end);
    assert.equal(await again.auditSize(), 6);
  });

  given("which contents a revision names is known for each revision", async (ledger) => {
    await ledger.putSource(specOf("s"));
    await ledger.sealRevision(draftOf("s", { a: "one", b: "two" }), AT);
    await ledger.sealRevision(draftOf("s", { a: "one", b: "three" }), AT);
    const asked = ["one", "two", "four"].map(digestOf);
    assert.deepEqual(await ledger.namedBlobs("s", 1, asked), [digestOf("one"), digestOf("two")]);
    assert.deepEqual(await ledger.namedBlobs("s", 2, asked), [digestOf("one")]);
    assert.deepEqual(await ledger.namedBlobs("t", 1, asked), []);
    assert.deepEqual(await ledger.namedBlobs("s", 1, []), []);
  });
}

export type Given = (title: string, body: (ledger: Ledger, opened: OpenedLedger) => Promise<void>) => void;

function sourcesAndRevisions(given: Given): void {
  given("a source is put, changed and removed", async (ledger, opened) => {
    await ledger.putSource(specOf("b"));
    await ledger.putSource(specOf("a"));
    await ledger.putSource({ ...specOf("b"), schedule: "manual" });
    const again = await opened.reopen();
    assert.deepEqual(await again.sources(), [specOf("a"), { ...specOf("b"), schedule: "manual" }]);
    await again.removeSource("a");
    assert.equal(await again.source("a"), null);
    assert.equal((await again.source("b"))?.schedule, "manual");
  });

  given("a revision is what was sealed, and a content keeps its since", async (ledger, opened) => {
    await ledger.putSource(specOf("s"));
    await ledger.sealRevision(draftOf("s", { "a.bin": "one", "b.bin": "two" }), AT);
    const second = await ledger.sealRevision(
      draftOf("s", { "a.bin": "one", "b.bin": "TWO!", "c/d.bin": "three" }),
      AT + 1,
    );
    const again = await opened.reopen();
    assert.deepEqual(await again.latestRevision("s"), second);
    assert.deepEqual([second.number, second.files, second.bytes, second.newestBuiltAt], [2, 3, 12, AT]);
    const since = (await again.entries("s", 2)).map((entry) => [entry.path, entry.sha256, entry.since]);
    assert.deepEqual(since, [
      ["a.bin", digestOf("one"), 1],
      ["b.bin", digestOf("TWO!"), 2],
      ["c/d.bin", digestOf("three"), 2],
    ]);
    const first = (await again.entries("s", 1)).map((entry) => [entry.path, entry.sha256, entry.since]);
    assert.deepEqual(first, [
      ["a.bin", digestOf("one"), 1],
      ["b.bin", digestOf("two"), 1],
    ]);
  });

  given("another build time of the same bytes is no change", async (ledger) => {
    await ledger.putSource(specOf("s"));
    await ledger.sealRevision(draftOf("s", { "a.bin": "one" }, AT), AT);
    const second = await ledger.sealRevision(draftOf("s", { "a.bin": "one" }, AT + 5_000), AT);
    assert.equal(second.newestBuiltAt, AT);
    const [entry] = await ledger.entries("s", 2);
    assert.deepEqual([entry?.since, entry?.builtAt], [1, AT]);
  });

  given("content that leaves and comes back begins anew", async (ledger) => {
    await ledger.putSource(specOf("s"));
    for (const files of [{ "a.bin": "one" }, { "b.bin": "x" }, { "a.bin": "one" }]) {
      await ledger.sealRevision(draftOf("s", files), AT);
    }
    assert.equal((await ledger.entries("s", 3))[0]?.since, 3);
  });

  given("entries come by path in code-unit order", async (ledger) => {
    await ledger.putSource(specOf("s"));
    // U+1F600 stands before U+FF5E in code units, behind it in UTF-8 bytes.
    const paths = ["a-b", "a/b", "a", "\u{1F600}", "\uFF5E", "Z"];
    await ledger.sealRevision(draftOf("s", Object.fromEntries(paths.map((path) => [path, path]))), AT);
    const order = (await ledger.entries("s", 1)).map(({ path }) => path as string);
    assert.deepEqual(order, ["Z", "a", "a-b", "a/b", "\u{1F600}", "\uFF5E"]);
  });

  given("a revision that fails half-way leaves nothing", async (ledger) => {
    await ledger.putSource(specOf("s"));
    await ledger.sealRevision(draftOf("s", { "a.bin": "one" }), AT);
    const good = draftOf("s", { "a.bin": "changed", "b.bin": "new" });
    await assert.rejects(ledger.sealRevision({ ...good, entries: [...good.entries, ...good.entries] }, AT));
    assert.equal((await ledger.revisions("s")).length, 1);
    assert.deepEqual([...(await ledger.referencedBlobs()).keys()], [digestOf("one")]);
    assert.equal((await ledger.sealRevision(good, AT)).number, 2);
  });

  given("removed revisions give their blobs free, and numbers never come again", async (ledger, opened) => {
    await ledger.putSource(specOf("s"));
    for (const content of ["one", "two", "three"])
      await ledger.sealRevision(draftOf("s", { "a.bin": content, same: "=" }), AT);
    await ledger.removeRevisions("s", [1, 3], REMOVAL);
    assert.deepEqual(new Set((await ledger.referencedBlobs()).keys()), new Set([digestOf("two"), digestOf("=")]));
    assert.deepEqual(await ledger.entries("s", 1), []);
    assert.deepEqual(
      (await ledger.revisions("s")).map(({ number }) => number),
      [2],
    );
    await ledger.removeSource("s");
    const again = await opened.reopen();
    assert.equal((await again.referencedBlobs()).size, 0);
    await again.putSource(specOf("s"));
    assert.equal((await again.sealRevision(draftOf("s", { "a.bin": "one" }), AT)).number, 4);
  });

  given(
    "that a revision was removed is kept, beyond its source, and nothing that is needed goes",
    async (ledger, opened) => {
      await ledger.putSource(specOf("s"));
      for (const content of ["1", "2", "3", "4"]) await ledger.sealRevision(draftOf("s", { a: content }), AT);
      await ledger.removeRevisions("s", [1, 9], REMOVAL);
      const on = { kind: "pin", source: "s", channel: "staging", revision: 2 } as const;
      const pin = await ledger.addRestraint({ on, reason: "", by: "anna", at: AT, expiresAt: REMOVAL.purgedAt + 1 });
      await assert.rejects(ledger.removeRevisions("s", [3, 2], REMOVAL), failsWith("revision.in-use"));
      assert.equal((await ledger.revisions("s")).length, 3);
      // A pin that has run out needs nothing any more.
      await ledger.removeRevisions("s", [2], { ...REMOVAL, purgedAt: REMOVAL.purgedAt + 1 });
      assert.equal(pin.released, null);
      const proposal = {
        source: "s",
        channel: "pilot",
        kind: "promotion",
        revision: 3,
        reason: "",
        by: "anna",
      } as const;
      const opening = { ...proposal, at: AT, demands: [], expiresAt: null };
      const open = await ledger.addProposal(opening);
      assert.ok(open !== null);
      await assert.rejects(ledger.removeRevisions("s", [3], REMOVAL), failsWith("revision.in-use"));
      await ledger.removeSource("s");
      const again = await opened.reopen();
      const kept = { source: "s", sealedAt: AT, files: 1, bytes: 1, vouchedBy: "pinned", ...REMOVAL };
      assert.deepEqual(await again.purgedRevision("s", 1), { ...kept, number: 1 });
      assert.equal(await again.purgedRevision("s", 9), null);
      const two = { ...kept, number: 2, purgedAt: REMOVAL.purgedAt + 1 };
      assert.deepEqual(await again.purgedRevisions("s", 9), [two, { ...kept, number: 1 }]);
      assert.deepEqual(await again.purgedRevisions("s", 1), [two]);
    },
  );

  given("when the newest revision is removed, the next one is compared with the newest kept", async (ledger) => {
    await ledger.putSource(specOf("s"));
    for (const content of ["one", "two"]) await ledger.sealRevision(draftOf("s", { a: content, b: "=" }), AT);
    await ledger.removeRevisions("s", [2], REMOVAL);
    await ledger.sealRevision(draftOf("s", { a: "one", b: "=" }), AT);
    assert.deepEqual(
      (await ledger.entries("s", 3)).map(({ since }) => since),
      [1, 1],
    );
    await ledger.removeRevisions("s", [1], REMOVAL);
    assert.deepEqual(new Set((await ledger.referencedBlobs()).keys()), new Set([digestOf("one"), digestOf("=")]));
  });

  given("an unknown source is a failure with its code", async (ledger) => {
    await assert.rejects(ledger.sealRevision(draftOf("s", {}), AT), failsWith("source.unknown"));
    await assert.rejects(ledger.removeRevisions("s", [1], REMOVAL), failsWith("source.unknown"));
    assert.deepEqual(await ledger.revisions("s"), []);
    assert.equal(await ledger.latestRevision("s"), null);
  });

  given("a blob is found where it stands, in the newest revision that names it", async (ledger) => {
    for (const source of ["s", "t"]) await ledger.putSource(specOf(source));
    await ledger.sealRevision(draftOf("s", { old: "x", both: "x" }), AT);
    await ledger.sealRevision(draftOf("s", { both: "x" }), AT);
    await ledger.sealRevision(draftOf("t", { there: "x", other: "y" }), AT);
    assert.deepEqual(await ledger.whereBlob(digestOf("x")), [
      { source: "s", since: 1, revision: 2, path: "both" },
      { source: "s", since: 1, revision: 1, path: "old" },
      { source: "t", since: 1, revision: 1, path: "there" },
    ]);
    assert.deepEqual(await ledger.whereBlob(digestOf("nobody")), []);
  });
}

function channels(given: Given): void {
  given("a channel moves, and the move is recorded", async (ledger, opened) => {
    await ledger.putSource(specOf("s"));
    await ledger.sealRevision(draftOf("s", { a: "1" }), AT);
    await ledger.sealRevision(draftOf("s", { a: "2" }), AT);
    assert.equal(await ledger.position("s", "staging"), null);
    const first = moveTo("s", "staging", 1, null);
    assert.equal(await ledger.moveChannel(...first), "done");
    const second = moveTo("s", "staging", 2, first[0]);
    assert.equal(await ledger.moveChannel(...second), "done");
    const again = await opened.reopen();
    assert.deepEqual(await again.positions(), [second[0]]);
    assert.deepEqual(await again.moves("s", 10), [second[1], first[1]]);
    assert.deepEqual(await again.moves("s", 1), [second[1]]);
  });

  given("of two moves from one position the second is not done", async (ledger) => {
    await ledger.putSource(specOf("s"));
    for (const content of ["1", "2"]) await ledger.sealRevision(draftOf("s", { a: content }), AT);
    const answers = await Promise.all([1, 2].map((to) => ledger.moveChannel(...moveTo("s", "staging", to, null))));
    assert.deepEqual(answers, ["done", "overtaken-by-move"]);
    assert.equal((await ledger.position("s", "staging"))?.revision, 1);
    assert.equal((await ledger.moves("s", 10)).length, 1);
  });

  given("a move that was decided before an order is not done, and one that knew it is", async (ledger) => {
    await ledger.putSource(specOf("s"));
    for (const content of ["1", "2"]) await ledger.sealRevision(draftOf("s", { a: content }), AT);
    const seen = await ledger.auditSize();
    const hold = { on: { kind: "hold", source: "t", channel: null }, reason: "", by: "bob", at: AT } as const;
    await ledger.addRestraint({ ...hold, expiresAt: null });
    assert.equal(await ledger.moveChannel(...moveTo("s", "staging", 1, null, seen)), "overtaken-by-order");
    assert.equal(await ledger.position("s", "staging"), null);
    assert.equal(await ledger.moveChannel(...moveTo("s", "staging", 1, null, await ledger.auditSize())), "done");
    // Where both came between, it is the move that is told: to decide anew would move on from where nobody looked.
    assert.equal(await ledger.moveChannel(...moveTo("s", "staging", 2, null, seen)), "overtaken-by-move");
  });

  given("no channel points at a revision that is not there, and none that one points at is removed", async (ledger) => {
    await ledger.putSource(specOf("s"));
    for (const content of ["1", "2", "3"]) await ledger.sealRevision(draftOf("s", { a: content }), AT);
    await assert.rejects(ledger.moveChannel(...moveTo("s", "staging", 9, null)), failsWith("revision.unknown"));
    assert.equal(await ledger.moveChannel(...moveTo("s", "staging", 2, null)), "done");
    await assert.rejects(ledger.removeRevisions("s", [1, 2], REMOVAL), failsWith("revision.in-use"));
    assert.equal((await ledger.revisions("s")).length, 3);
    await ledger.removeRevisions("s", [1], REMOVAL);
    await ledger.removeSource("s");
    assert.deepEqual(await ledger.positions(), []);
    assert.deepEqual(await ledger.moves("s", 10), []);
  });
}

function records(given: Given): void {
  given("notes are replaced by path, and go with the content that they speak of", async (ledger) => {
    await ledger.putSource(specOf("s"));
    for (const content of ["one", "two"]) await ledger.sealRevision(draftOf("s", { a: content }), AT);
    const note = { path: "a", etag: '"1"', lastModified: null, sha256: digestOf("one") };
    await ledger.putUpstreamNotes("s", [note, { ...note, path: "b", sha256: digestOf("two") }]);
    await ledger.putUpstreamNotes("s", [
      { ...note, etag: null, lastModified: "Mon" },
      { ...note, path: "b", sha256: digestOf("two") },
    ]);
    assert.deepEqual(
      (await ledger.upstreamNotes("s")).map(({ path, etag }) => [path, etag]),
      [
        ["a", null],
        ["b", '"1"'],
      ],
    );
    await ledger.removeRevisions("s", [1], REMOVAL);
    assert.deepEqual(
      (await ledger.upstreamNotes("s")).map(({ path }) => path),
      ["b"],
    );
    await ledger.putUpstreamNotes("s", []);
    assert.deepEqual(await ledger.upstreamNotes("s"), []);
  });

  given("what collections found loose is replaced as a whole", async (ledger, opened) => {
    await ledger.putLooseBlobs(
      new Map([
        [digestOf("a"), AT],
        [digestOf("b"), AT + 1],
      ]),
    );
    await ledger.putLooseBlobs(new Map([[digestOf("b"), AT + 2]]));
    assert.deepEqual([...(await (await opened.reopen()).looseBlobs())], [[digestOf("b"), AT + 2]]);
  });

  given("runs and events come newest first", async (ledger, opened) => {
    const run = {
      startedAt: AT,
      endedAt: AT + 1,
      outcome: "refused",
      code: "feed.unsigned",
      detail: "",
      revision: null,
      bytes: 7,
      requests: 1,
      by: "schedule",
    } as const satisfies Partial<SyncRecord>;
    for (const source of ["s", "t", "s"]) await ledger.recordSync({ ...run, source });
    for (const at of [1, 2, 3])
      await ledger.recordEvent({ at, name: "feed.refused", fields: { source: "s", bytes: 1, ok: false, code: null } });
    const again = await opened.reopen();
    assert.deepEqual((await again.syncs("s", 10)).length, 2);
    assert.deepEqual(await again.syncs(null, 2), [
      { ...run, source: "s" },
      { ...run, source: "t" },
    ]);
    const { through, totals } = await again.syncTotals(0);
    const told = totals.map(({ source, code, runs, bytes }) => `${source} ${code} ${runs} ${bytes}`);
    assert.deepEqual(new Set(told), new Set(["s feed.unsigned 2 14", "t feed.unsigned 1 7"]));
    assert.deepEqual((await again.syncTotals(through)).totals, []);
    await again.recordSync({ ...run, source: "t", endedAt: run.endedAt + 5 });
    assert.deepEqual((await again.syncTotals(through)).totals, [
      { source: "t", outcome: run.outcome, code: run.code, runs: 1, bytes: 7, lastEndedAt: run.endedAt + 5 },
    ]);
    assert.deepEqual(
      (await again.events(2)).map(({ at }) => at),
      [3, 2],
    );
    assert.deepEqual((await again.events(1))[0]?.fields, { source: "s", bytes: 1, ok: false, code: null });
  });
}

const hash: TreeHash = (...parts) => createHash("sha256").update(Buffer.concat(parts)).digest();

function auditLog(given: Given): void {
  given("what is done stands in the audit log, numbered without a gap, and stays", async (ledger, opened) => {
    await ledger.putSource(specOf("s"));
    await ledger.audit([{ at: AT, kind: "source.set", fields: { source: "s", by: "me" } }]);
    await ledger.sealRevision(draftOf("s", { b: "2", a: "1" }), AT);
    await ledger.sealRevision(draftOf("s", { a: "1", b: "changed" }), AT);
    await ledger.moveChannel(...moveTo("s", "staging", 2, null));
    await ledger.removeSource("s");
    const again = await opened.reopen();
    const entries = (await again.auditLines(0, 100)).map((line) => JSON.parse(line));
    assert.deepEqual(
      entries.map(({ n, kind }) => [n, kind]),
      [
        [0, "source.set"],
        [1, "revision.admitted"],
        [2, "revision.sealed"],
        [3, "revision.admitted"],
        [4, "revision.sealed"],
        [5, "channel.moved"],
      ],
    );
    assert.deepEqual(entries[1].fields.files, [
      ["a", digestOf("1"), 1],
      ["b", digestOf("2"), 1],
    ]);
    assert.deepEqual(entries[3].fields.files, [["b", digestOf("changed"), 7]]);
    assert.deepEqual(await again.auditLines(5, 100), (await again.auditLines(0, 100)).slice(5));
    assert.equal(await again.auditSize(), 6);
    assert.equal((await again.auditFound("revision.admitted", digestOf("changed"), 10)).length, 1);
    assert.equal((await again.auditFound("revision.sealed", digestOf("changed"), 10)).length, 0);
    const nearest = async (n: number, side: "before" | "behind", text = "") =>
      JSON.parse((await again.auditNearest("revision.sealed", text, n, side)) ?? '{"n":null}').n;
    const [first, second] = entries.filter(({ kind }) => kind === "revision.sealed").map(({ n }) => n);
    assert.deepEqual([await nearest(second, "before"), await nearest(first, "behind")], [first, second]);
    assert.deepEqual([await nearest(first, "before"), await nearest(second, "behind")], [null, null]);
    assert.deepEqual([await nearest(99, "before"), await nearest(99, "before", '"revision":1,')], [second, first]);
  });

  given("a move that is not done leaves no entry", async (ledger) => {
    await ledger.putSource(specOf("s"));
    await ledger.sealRevision(draftOf("s", { a: "1" }), AT);
    const before = await ledger.auditSize();
    await Promise.all([1, 1].map((to) => ledger.moveChannel(...moveTo("s", "staging", to, null))));
    await assert.rejects(ledger.moveChannel(...moveTo("s", "production", 9, null)), failsWith("revision.unknown"));
    assert.equal(await ledger.auditSize(), before + 1);
  });

  given("each state of the log is shown to begin with each older one", async (ledger) => {
    for (let n = 0; n < 12; n += 1) await ledger.audit([{ at: AT, kind: "source.set", fields: { source: `s${n}` } }]);
    const roots = await Promise.all(Array.from({ length: 13 }, (_, size) => ledger.auditRoot(size)));
    for (const [to, root] of roots.entries())
      for (const [from, older] of roots.slice(0, to).entries()) {
        const proof = await ledger.auditConsistency(from, to);
        assert.ok(continues(hash, { size: from, root: older }, { size: to, root }, proof), `${from} to ${to}`);
      }
  });

  given("checkpoints are kept as they came, newest first", async (ledger, opened) => {
    for (const size of [1, 3, 2]) await ledger.putCheckpoint({ size, at: AT + size, note: `note ${size}` });
    await ledger.putCheckpoint({ size: 3, at: AT, note: "another" });
    const again = await opened.reopen();
    assert.deepEqual(
      (await again.checkpoints(2)).map(({ size, note }) => [size, note]),
      [
        [3, "note 3"],
        [2, "note 2"],
      ],
    );
  });
}

function evidence(given: Given): void {
  const found = (revision: number, name: string, outcome: Evidence["outcome"]): Evidence => ({
    source: "s",
    revision,
    name,
    outcome,
    code: outcome === "bad" ? "check.sample-missed" : "check.passed",
    detail: `of ${name}`,
    at: AT + revision,
    by: "check",
  });
  given(
    "evidence stands with its revision in its order, outlives a stop, and is in the audit log",
    async (ledger, opened) => {
      const first = [found(1, "clamscan", "bad"), found(2, "clamscan", "good")];
      await ledger.recordEvidence(first);
      await ledger.recordEvidence([found(1, "clamscan", "good"), found(1, "report", "note")]);
      await ledger.recordEvidence([]);
      const again = await opened.reopen();
      assert.deepEqual(
        (await again.evidence("s", 1)).map(({ name, outcome }) => `${name} ${outcome}`),
        ["clamscan bad", "clamscan good", "report note"],
      );
      assert.deepEqual(await again.evidence("s", 2), first.slice(1));
      assert.deepEqual(await again.evidence("t", 1), []);
      assert.equal((await again.auditFound("evidence.found", '"check.sample-missed"', 10)).length, 1);
    },
  );
}

function notices(given: Given): void {
  const event = (at: number): EventRecord => ({
    at,
    name: "sync.ended",
    fields: { source: "s", code: null, bytes: at },
  });
  const draft = (subscriber: string, dueAt: number): NoticeDraft => ({ subscriber, event: event(dueAt), dueAt });

  given("notices wait in their order, each for its subscriber, and outlive a stop", async (ledger, opened) => {
    await ledger.putNotices([draft("ops", 30), draft("ops", 10), draft("pager", 20)]);
    const again = await opened.reopen();
    const due = await again.dueNotices("ops", 30, 10);
    assert.deepEqual(
      due.map(({ event: { at }, tries }) => [at, tries]),
      [
        [30, 0],
        [10, 0],
      ],
    );
    assert.deepEqual(due[0]?.event, event(30));
    assert.equal((await again.dueNotices("ops", 29, 10)).length, 1);
    assert.equal((await again.dueNotices("ops", 30, 1)).length, 1);
    assert.deepEqual(await again.waitingNotices(), new Map(Object.entries({ ops: 2, pager: 1 })));
  });

  given("what is told is gone, what failed is tried later", async (ledger) => {
    await ledger.putNotices([draft("ops", 1), draft("ops", 2), draft("ops", 3)]);
    const [first, second] = await ledger.dueNotices("ops", 9, 9);
    await ledger.endNotices([first?.id ?? 0], { kind: "done" });
    await ledger.endNotices([second?.id ?? 0], { kind: "later", dueAt: 100 });
    const due = await ledger.dueNotices("ops", 100, 9);
    assert.deepEqual(
      due.map(({ event: { at }, dueAt, tries }) => [at, dueAt, tries]),
      [
        [2, 100, 1],
        [3, 3, 0],
      ],
    );
  });

  given("of too many the oldest of that subscriber go", async (ledger) => {
    await ledger.putNotices([draft("pager", 0), ...[1, 2, 3, 4].map((dueAt) => draft("ops", dueAt))]);
    assert.equal(await ledger.trimNotices("ops", 3), 1);
    assert.equal(await ledger.trimNotices("ops", 3), 0);
    assert.deepEqual(
      (await ledger.dueNotices("ops", 9, 9)).map(({ dueAt }) => dueAt),
      [2, 3, 4],
    );
    assert.equal((await ledger.dueNotices("pager", 9, 9)).length, 1);
  });
}

function people(given: Given): void {
  const anna = {
    name: "anna",
    roles: ["operator", "approver"],
    disabled: false,
    createdAt: AT,
  } as const;
  const token = {
    id: "abc",
    person: "anna",
    label: "cron",
    roles: ["viewer"],
    createdAt: AT,
    expiresAt: AT + 1,
    lastUsedAt: null,
  } as const;

  given("people are set, changed and found, with a password or without", async (ledger, opened) => {
    await ledger.putPerson(anna, "hash one");
    await ledger.putPerson({ ...anna, name: "ben", roles: [] });
    await ledger.putPerson({ ...anna, roles: ["viewer"], createdAt: AT + 9 });
    const again = await opened.reopen();
    assert.deepEqual(await again.people(), [
      { ...anna, roles: ["viewer"], hasPassword: true, identity: null },
      { ...anna, name: "ben", roles: [], hasPassword: false, identity: null },
    ]);
    assert.equal(await again.passwordOf("anna"), "hash one");
    await again.putPerson({ ...anna, disabled: true }, null);
    assert.deepEqual([await again.passwordOf("anna"), (await again.person("anna"))?.disabled], [null, true]);
    assert.deepEqual([await again.person("nobody"), await again.passwordOf("nobody")], [null, null]);
  });

  given(
    "an identity is one person's, a name is nobody's to take, and a link takes the password",
    async (ledger, opened) => {
      const identity = { issuer: "https://login.example", subject: "1" };
      const entry = { at: AT, kind: "person.linked", fields: { name: "anna" } } as const;
      await ledger.putPerson(anna, "hash one");
      assert.equal(await ledger.addLinkedPerson(anna, identity, entry), false);
      assert.equal(await ledger.personByIdentity(identity), null);
      assert.equal(await ledger.addLinkedPerson({ ...anna, name: "ben" }, identity, entry), true);
      assert.equal(await ledger.addLinkedPerson({ ...anna, name: "eve" }, identity, entry), false);
      assert.equal(await ledger.person("eve"), null);
      assert.equal(await ledger.linkPerson("anna", identity, entry), false);
      assert.equal(await ledger.linkPerson("nobody", { ...identity, subject: "2" }, entry), false);
      assert.equal(await ledger.passwordOf("anna"), "hash one");
      // The same subject of another issuer is somebody else.
      const other = { issuer: "https://other.example", subject: "1" };
      assert.equal(await ledger.linkPerson("anna", other, entry), true);
      assert.equal(await ledger.linkPerson("anna", { ...identity, subject: "3" }, entry), false);
      await ledger.putPerson({ ...anna, roles: ["viewer"] });
      const again = await opened.reopen();
      const linked = { ...anna, roles: ["viewer"], hasPassword: false, identity: other };
      assert.deepEqual(await again.personByIdentity(other), linked);
      assert.equal((await again.personByIdentity(identity))?.name, "ben");
      // Of what was not done there is no entry.
      assert.equal((await again.auditFound("person.linked", "anna", 9)).length, 2);
    },
  );

  given("tokens are made, used and revoked", async (ledger, opened) => {
    await ledger.putPerson(anna);
    await ledger.putToken(token, digestOf("secret"));
    await ledger.putToken({ ...token, id: "def", roles: null, expiresAt: null, createdAt: AT + 5 }, digestOf("other"));
    await ledger.touchToken("abc", AT + 3);
    const again = await opened.reopen();
    assert.deepEqual(
      (await again.tokens("anna")).map(({ id, lastUsedAt }) => [id, lastUsedAt]),
      [
        ["def", null],
        ["abc", AT + 3],
      ],
    );
    assert.deepEqual(await again.tokenBy("abc"), {
      token: { ...token, lastUsedAt: AT + 3 },
      secretHash: digestOf("secret"),
    });
    assert.deepEqual([await again.removeToken("abc"), await again.removeToken("abc")], [true, false]);
    assert.deepEqual([await again.tokenBy("abc"), (await again.tokens(null)).length], [null, 1]);
    assert.deepEqual(await again.tokens("ben"), []);
  });
}
