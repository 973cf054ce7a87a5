import assert from "node:assert/strict";
import { DAY, HOUR, MINUTE } from "../../src/core/kernel/instant.ts";
import type { ClientQuery, Sighting } from "../../src/core/model/client-sighting.ts";
import { hourOf, seenIn } from "../../src/core/model/hours-seen.ts";
import type { Ledger } from "../../src/core/ports.ts";
import type { Given } from "./ledger.ts";
import { AT, digestOf, draftOf, specOf } from "./ledger-samples.ts";

const ALL: ClientQuery = { source: null, channel: null, revision: null, sha256: null, after: null, limit: 100 };
const APT = "Debian APT-HTTP/1.3 (2.6.1)";

/** A client's whole fetch of `/s/a.bin` at revision 1, unless said otherwise. */
function seen(more: Partial<Sighting> & { readonly name?: string; readonly agent?: string }): Sighting {
  const { name = "10.0.0.1", agent = APT, ...rest } = more;
  return {
    at: AT,
    client: { name, agent },
    channel: "production",
    source: "s",
    revision: 1,
    path: "/s/a.bin",
    sha256: digestOf("one"),
    protocol: "http",
    result: "whole",
    bytes: 3,
    ...rest,
  };
}

async function withRevisions(ledger: Ledger): Promise<void> {
  await ledger.putSource(specOf("s"));
  await ledger.sealRevision(draftOf("s", { "a.bin": "one" }), AT);
  await ledger.sealRevision(draftOf("s", { "a.bin": "two" }), AT);
}

/** What every ledger keeps of what the servers saw. */
export function sightings(given: Given): void {
  given("a client is an address and a kind of program, and comes back in visits", async (ledger, opened) => {
    await withRevisions(ledger);
    const poll = { result: "unchanged", bytes: 0 } as const;
    const times = [0, 1, 20 * MINUTE, HOUR, HOUR + 1].map((after) => seen({ at: AT + after, ...poll }));
    assert.equal(await ledger.sightings.record([seen({}), ...times], []), 0);
    await ledger.sightings.record([seen({ agent: "curl/8.1", at: AT + 1 }), seen({ name: "10.0.0.2" })], []);
    await ledger.sightings.record([seen({ agent: "Debian APT-HTTP/1.3 (2.9)", at: AT + 2 * HOUR, ...poll })], []);
    const again = await opened.reopen();
    const { rows } = await again.sightings.clients(ALL);
    const told = rows.map(({ client, visits, lastSeen, began }) => [
      client.name,
      client.agent,
      visits,
      lastSeen,
      began,
    ]);
    assert.deepEqual(told, [
      ["10.0.0.1", "Debian APT-HTTP/1.3 (2.9)", 4, AT + 2 * HOUR, AT + 2 * HOUR],
      ["10.0.0.1", "curl/8.1", 1, AT + 1, AT + 1],
      ["10.0.0.2", APT, 1, AT, AT],
    ]);
    assert.deepEqual(await again.sightings.seenSince(AT + HOUR), new Map([["production", 1]]));
  });

  given("who took a revision, who holds it, and who has left it", async (ledger) => {
    await withRevisions(ledger);
    const { sightings: log } = ledger;
    await log.record([seen({}), seen({ name: "10.0.0.2" }), seen({ name: "10.0.0.3", result: "partial" })], []);
    const second = { revision: 2, sha256: digestOf("two"), at: AT + HOUR } as const;
    await log.record([seen({ ...second }), seen({ name: "10.0.0.4", channel: "staging", ...second })], []);
    const [production, staging] = await log.spread("s", 1);
    assert.deepEqual(production, { channel: "production", took: 2, left: 1, clients: 3, holding: 1 });
    assert.deepEqual(staging, { channel: "staging", took: 0, left: 0, clients: 1, holding: 0 });
    const { rows } = await log.clients({ ...ALL, source: "s", revision: 1 });
    assert.deepEqual(
      rows.map(({ client, held, taking }) => [client.name, held, taking?.wholeAt, taking?.files, taking?.returns]),
      [
        ["10.0.0.1", 2, AT, 1, 1],
        ["10.0.0.2", 1, AT, 1, 0],
        ["10.0.0.3", null, null, 0, 0],
      ],
    );
  });

  given("who has a digest, a page at a time", async (ledger) => {
    await withRevisions(ledger);
    const clients = Array.from({ length: 5 }, (_, at) => seen({ name: `10.0.0.${at + 1}` }));
    const [, byHash] = clients;
    clients[1] = seen({ ...byHash, name: "10.0.0.2", path: `/by-hash/sha256/${digestOf("one")}` });
    const other = seen({ name: "10.0.1.1", revision: 2, sha256: digestOf("two") });
    await ledger.sightings.record([...clients, other], []);
    const names: string[] = [];
    let after: string | null = null;
    do {
      const page = await ledger.sightings.clients({ ...ALL, sha256: digestOf("one"), limit: 2, after });
      names.push(...page.rows.map(({ client }) => client.name));
      after = page.next;
    } while (after !== null);
    assert.deepEqual(names, ["10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4", "10.0.0.5"]);
  });

  given("who took a content is counted, whole and in parts, for each source and channel", async (ledger) => {
    await withRevisions(ledger);
    const parts = seen({ name: "10.0.0.3", result: "partial", at: AT + 5 });
    const other = seen({ name: "10.0.0.4", channel: "staging", at: AT + 9 });
    await ledger.sightings.record([seen({}), seen({ name: "10.0.0.2", at: AT + 2 }), parts, other], []);
    assert.deepEqual(await ledger.sightings.takers(digestOf("one")), [
      { source: "s", channel: "production", whole: 2, part: 1, firstAt: AT, lastAt: AT + 5 },
      { source: "s", channel: "staging", whole: 1, part: 0, firstAt: AT + 9, lastAt: AT + 9 },
    ]);
    assert.deepEqual(await ledger.sightings.takers(digestOf("nobody's")), []);
  });

  given("what a server invents is left out, and counted", async (ledger) => {
    await withRevisions(ledger);
    const forged = [seen({ source: "none" }), seen({ revision: 3 })];
    assert.equal(await ledger.sightings.record(forged, []), 2);
    assert.deepEqual((await ledger.sightings.clients(ALL)).rows, []);
    // The visit counts, the digest that no revision has ever had does not.
    assert.equal(await ledger.sightings.record([seen({ sha256: digestOf("invented") })], []), 0);
    assert.deepEqual((await ledger.sightings.clients({ ...ALL, sha256: digestOf("invented") })).rows, []);
    assert.equal((await ledger.sightings.clients(ALL)).rows.length, 1);
  });

  given("canaries have their hours, their first whole fetch, and when a later revision came", async (ledger) => {
    await withRevisions(ledger);
    const daily = Array.from({ length: 10 }, (_, day) =>
      seen({ at: AT + day * DAY, result: day === 3 ? "whole" : "unchanged", bytes: day === 3 ? 3 : 0 }),
    );
    for (const each of daily) await ledger.sightings.record([each], []);
    const later = seen({ at: AT + 9 * DAY + HOUR, revision: 2, sha256: digestOf("two") });
    await ledger.sightings.record([later, seen({ name: "10.0.0.9", channel: "staging" })], []);
    const [canary, ...others] = await ledger.sightings.canaries("s", "production", 1, 100);
    assert.deepEqual(others, []);
    assert.ok(canary !== undefined);
    assert.deepEqual([canary.client, canary.likeness], ["10.0.0.1 Debian APT-HTTP", "Debian APT-HTTP 10.0.0"]);
    assert.deepEqual(
      [canary.firstSeen, canary.fetchedAt, canary.returns, canary.supersededAt],
      [AT, AT + 3 * DAY, 7, later.at],
    );
    for (const { at } of [...daily, later]) assert.equal(seenIn(canary.hours, hourOf(at)), 1);
  });

  given("a report replaces the one before it", async (ledger) => {
    const report = { at: AT, client: { name: "10.0.0.1", agent: "Ringfort-Agent/1" }, channel: "production" };
    const [first, second] = [
      { ...report, about: "av 1 en", outcome: "failed", code: "package.unsigned", source: "" },
      { ...report, at: AT + 1, about: "av 1 en", outcome: "ok", code: "", source: "" },
    ] as const;
    await ledger.sightings.record([], [first]);
    await ledger.sightings.record([], [second, { ...second, about: "heartbeat", at: AT }]);
    const reports = await ledger.sightings.reports("production", AT, 10);
    assert.deepEqual(
      reports.map(({ about, outcome }) => [about, outcome]),
      [
        ["av 1 en", "ok"],
        ["heartbeat", "ok"],
      ],
    );
    assert.deepEqual(await ledger.sightings.reports("staging", AT, 10), []);
  });

  given("what is past its time is forgotten, and a removed source takes its sightings with it", async (ledger) => {
    await withRevisions(ledger);
    const { sightings: log } = ledger;
    await log.record([seen({}), seen({ name: "10.0.0.2", at: AT + DAY, revision: 2, sha256: digestOf("two") })], []);
    const retention = { seenBefore: AT + 1, takenBefore: AT + 1, mostTakings: 100, atOnce: 2 };
    while ((await log.forget(retention)) > 0);
    assert.deepEqual(
      (await log.clients(ALL)).rows.map(({ client }) => client.name),
      ["10.0.0.2"],
    );
    assert.deepEqual((await log.clients({ ...ALL, sha256: digestOf("one") })).rows, []);
    assert.equal((await log.clients({ ...ALL, sha256: digestOf("two") })).rows.length, 1);
    await ledger.removeSource("s");
    assert.deepEqual((await log.clients(ALL)).rows, []);
    await log.forgetAll();
    assert.deepEqual(await log.seenSince(0), new Map());
  });
}
