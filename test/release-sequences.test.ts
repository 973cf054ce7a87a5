import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import type { Sha256 } from "../src/core/kernel/digest.ts";
import { Failure } from "../src/core/kernel/errors.ts";
import { DAY, HOUR, MINUTE } from "../src/core/kernel/instant.ts";
import { isActive, type RestraintOn } from "../src/core/model/restraint.ts";
import { collectGarbage } from "../src/operations/collect-garbage.ts";
import { paceRings } from "../src/operations/pace-rings.ts";
import { promoteChannel, rollBackChannel } from "../src/operations/promote.ts";
import { recover } from "../src/operations/recover.ts";
import { releaseRestraint, restrain } from "../src/operations/restrain.ts";
import { setPolicy } from "../src/operations/set-policy.ts";
import { newRun } from "../src/operations/sync-run.ts";
import { syncSource } from "../src/operations/sync-source.ts";
import { House, indexOf } from "./fixtures/house.ts";
import { digestOf, signatureOf, signedSpec } from "./fixtures/intake.ts";
import { ringsOf } from "./fixtures/release.ts";

/**
 * Everything that moves, blocks, removes or restarts, in any order, over the real operations. After each event the pointer
 * files are read as a server reads them, and everything that they would give out is compared with a model of its own: what the
 * vendor signed, and what somebody has blocked.
 */
const SIGNERS = ["A", "B"] as const;
const CHANNELS = ["staging", "pilot", "production"] as const;
const SPEC = signedSpec(1, { retention: { revisions: 2, age: 0, rollbackWindow: 1 } });

const channel = fc.constantFrom(...CHANNELS);
const number = fc.integer({ min: 1, max: 6 });
const event = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("sync"), n: number, signer: fc.constantFrom(...SIGNERS) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("forge"),
      how: fc.constantFrom("content", "signature", "stranger"),
      n: number,
    }),
  },
  { weight: 5, arbitrary: fc.record({ kind: fc.constant("promote"), channel, n: fc.option(number) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("back"), channel, n: fc.option(number) }) },
  fc.record({ kind: fc.constant("hold"), channel }),
  fc.record({ kind: fc.constant("pin"), channel, n: number }),
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("block-revision"), n: number, expires: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("block-digest"), n: number }) },
  // As the signature names it, and as a revision does.
  fc.record({ kind: fc.constant("block-signer"), signer: fc.constantFrom("A", "openpgp A", "B", "openpgp B") }),
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("release"), n: number }) },
  fc.record({ kind: fc.constantFrom("stop", "resume", "restart", "collect", "pace", "wait") }),
);
type Event = {
  readonly kind: string;
  readonly n?: number | null;
  readonly channel?: string;
  readonly signer?: string;
  readonly how?: string;
  readonly expires?: boolean;
};

const content = (n: number): string => `content ${n}`;
const words = { by: "ann", reason: "" } as const;

/** The house under test, and what its model knows: what was signed well, and whether everything is stopped. */
class Scene {
  readonly house = new House();
  readonly signed = new Set<Sha256>();
  stopped = false;
  readonly doors = { ...this.house.doors, shutOff: () => (this.stopped ? "stopped" : null) };

  /** Each event's refusal is a value or a `Failure`; anything else is a bug and ends the test. */
  async perform(event: Event): Promise<void> {
    try {
      await this.#act(event);
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
    }
  }

  async #act(event: Event): Promise<void> {
    const { house, doors } = this;
    const n = event.n ?? null;
    const wish = { source: "s", channel: event.channel ?? "staging", revision: n, ...words };
    switch (event.kind) {
      case "sync":
        this.signed.add(digestOf(content(n ?? 1))).add(digestOf("same"));
        return this.#offer(content(n ?? 1), content(n ?? 1), signatureOf("good", event.signer ?? "A"));
      case "forge":
        return this.#forge(event.how ?? "", n ?? 1);
      case "promote":
        return void (await promoteChannel(doors, wish));
      case "back":
        return void (await rollBackChannel(doors, wish));
      case "hold":
        return this.#restrain({ kind: "hold", source: "s", channel: wish.channel });
      case "pin":
        return this.#restrain({ kind: "pin", source: "s", channel: wish.channel, revision: n ?? 1 });
      case "block-revision":
        return this.#restrain({ kind: "block-revision", source: "s", revision: n ?? 1 }, event.expires === true);
      case "block-digest":
        return this.#restrain({ kind: "block-digest", sha256: digestOf(content(n ?? 1)) });
      case "block-signer":
        return this.#restrain({ kind: "block-signer", signer: event.signer ?? "A" });
      case "release":
        return void (await releaseRestraint(doors, { id: n ?? 1, ...words }));
      case "stop":
      case "resume":
        this.stopped = event.kind === "stop";
        return undefined;
      case "restart":
        // What a stop may have left: neither views nor pointers.
        house.views.revisions.clear();
        house.views.pointers.clear();
        house.views.withheld.clear();
        return void (await recover({ ...doors, quarantine: house.store.quarantine, blobs: house.store.blobs }));
      case "collect":
        house.now += DAY;
        return void (await collectGarbage(
          { ...doors, blobs: house.store.blobs, digest: (text) => digestOf(text), atStep: () => {} },
          { only: null, agreed: null, by: "ann", grace: HOUR },
          () => {},
        ));
      case "pace":
        return void (await paceRings(doors, "s"));
      default:
        house.now += HOUR;
        // The daemon's next look: a block that ran out is served again, and only then.
        return void (await recover({ ...doors, quarantine: house.store.quarantine, blobs: house.store.blobs }));
    }
  }

  async #restrain(on: RestraintOn, expires = false): Promise<void> {
    await restrain(this.doors, { on, expires: expires ? HOUR : null, ...words });
  }

  /** A content that the list does not name, a list whose signature is wrong, one by somebody whom nobody trusts. */
  async #forge(how: string, n: number): Promise<void> {
    // As long as what is listed: its size must not be what gives it away.
    const forged = content(n).replace(
      "content",
      how === "content" ? "CONTENT" : how === "signature" ? "COntent" : "cONTENT",
    );
    if (how === "content") return this.#offer(content(n), forged, signatureOf("good"));
    const signature = how === "signature" ? signatureOf("wrong") : signatureOf("unknown-key", "Z");
    return this.#offer(forged, forged, signature);
  }

  async #offer(listed: string, given: string, signature: ReturnType<typeof signatureOf>): Promise<void> {
    const { upstream } = this.house;
    upstream.put(1, "index", indexOf({ a: listed, same: "same" }, { signatures: [signature] }));
    upstream.put(1, "a", given);
    upstream.put(1, "same", "same");
    this.house.now += MINUTE;
    const run = newRun(this.house.now, new AbortController().signal, () => {});
    await syncSource(this.doors, SPEC, "ann", run);
  }

  /** What a server would give out now, by channel, read from pointers, views and blobs alone. */
  served(): readonly { readonly channel: string; readonly revision: number; readonly sha256: Sha256 }[] {
    const { views } = this.house;
    return [...views.pointers].flatMap(([name, mounts]) => {
      const withheld = views.withheld.get(name);
      return mounts
        .filter(({ revision }) => withheld?.revisions.every((each) => each.revision !== revision) ?? true)
        .flatMap(({ revision }) =>
          (views.revisions.get(`s/${revision}`) ?? [])
            .filter(({ sha256 }) => withheld?.digests.includes(sha256) !== true)
            .map(({ sha256 }) => ({ channel: name, revision, sha256 })),
        );
    });
  }

  async check(): Promise<number> {
    const { house } = this;
    const active = (await house.ledger.restraints(false)).filter((each) => isActive(each, house.now));
    const served = this.served();
    for (const { channel: where, revision, sha256 } of served) {
      const vouchedBy = (await house.ledger.revision("s", revision))?.vouchedBy.split(", ") ?? [];
      assert.ok(this.signed.has(sha256), `${where} serves what nobody signed`);
      assert.ok(house.store.stored.has(sha256), `${where} serves a blob that is gone`);
      for (const { on } of active) {
        if (on.kind === "block-revision") assert.notEqual(on.revision, revision, `${where} serves a blocked revision`);
        if (on.kind === "block-digest") assert.notEqual(on.sha256, sha256, `${where} serves a blocked content`);
        if (on.kind === "block-signer")
          assert.ok(!vouchedBy.some((by) => by.endsWith(on.signer)), `${where} serves a blocked signer's`);
      }
    }
    return served.length;
  }
}

test("whatever happens in whatever order, nothing is served that was not judged, or that is blocked", async () => {
  let served = 0;
  let blocked = 0;
  const policy = ringsOf({ automatic: true, soak: "1h" }, { automatic: true });
  const property = fc.asyncProperty(
    fc.array(event, { minLength: 10, maxLength: 60 }),
    fc.boolean(),
    async (events, paced) => {
      const scene = new Scene();
      await scene.house.ledger.putSource(SPEC);
      if (paced) await setPolicy(scene.doors, { source: "s", policy, after: null, ...words });
      for (const each of events) {
        await scene.perform(each);
        served += await scene.check();
      }
      blocked += (await scene.house.ledger.restraints(true)).filter(({ on }) => on.kind.startsWith("block")).length;
    },
  );
  await fc.assert(property, { numRuns: 200 });
  assert.ok(served > 1_000 && blocked > 100, `the property says little: ${served} served, ${blocked} blocks`);
});

test("while a channel is held, pinned or stopped, nothing moves it forward", async () => {
  let forbidden = 0;
  const property = fc.asyncProperty(fc.array(event, { minLength: 10, maxLength: 50 }), async (events) => {
    const scene = new Scene();
    await scene.house.ledger.putSource(SPEC);
    const moves = async () => (await scene.house.ledger.moves("s", 9_999)).length;
    for (const each of events) {
      const before = await moves();
      const { now } = scene.house;
      const active = (await scene.house.ledger.restraints(false)).filter((one) => isActive(one, now));
      await scene.perform(each);
      for (const move of (await scene.house.ledger.moves("s", 9_999)).slice(0, (await moves()) - before)) {
        const held = active.some(
          ({ id, on }) =>
            (on.kind === "hold" || on.kind === "pin") &&
            on.channel === move.channel &&
            !(each.kind === "release" && id === each.n),
        );
        assert.ok(!held, `${move.channel} was moved to ${move.to} under a hold or a pin`);
        assert.ok(
          !scene.stopped || move.kind === "rollback",
          `${move.channel} was promoted while everything is stopped`,
        );
      }
      if (active.length > 0 && (each.kind === "promote" || each.kind === "back")) forbidden += 1;
    }
  });
  await fc.assert(property, { numRuns: 150 });
  assert.ok(forbidden > 50, "nobody tried: the property says nothing");
});
