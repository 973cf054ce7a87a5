import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { MemoryStore } from "../../test/contract/twins/store.ts";
import { specOf } from "../../test/fixtures/intake.ts";
import type { Step } from "../../test/fixtures/obedient-worker.ts";
import { scriptedLanes } from "../../test/fixtures/scripted-lanes.ts";
import { Failure } from "../core/kernel/errors.ts";
import type { SourceSpec } from "../core/model/source.ts";
import type { Fetched, FetchWish, Quarantine } from "../core/ports.ts";
import { openFetchDoor } from "./fetch-door.ts";

const ETAG = { etag: '"1"', lastModified: null };
const NAMELESS = { etag: null, lastModified: null };
const DONE: Step = { say: { kind: "done" } };

function head(offset = 0, validators: object = ETAG, size: number | null = null): Step {
  return { say: { kind: "head", offset, size, validators, finalUrl: "https://one.test/a", dialect: null } };
}

function failed(code: string, retry = "later"): Step {
  return { say: { kind: "failed", code, detail: "scripted", retry } };
}

interface Opened {
  readonly store: MemoryStore;
  readonly fetch: (changes?: Partial<FetchWish>, signal?: AbortSignal) => Promise<Fetched>;
  readonly jobs: () => readonly Readonly<Record<string, unknown>>[];
  readonly progress: number[];
  readonly addresses: string[];
}

function doorTo(
  t: TestContext,
  script: readonly (readonly Step[])[],
  spec: SourceSpec = specOf(),
  through: (quarantine: Quarantine) => Quarantine = (quarantine) => quarantine,
): Opened {
  const { lanes, jobs } = scriptedLanes(t, script);
  const store = new MemoryStore(() => 0);
  const progress: number[] = [];
  const addresses: string[] = [];
  const door = openFetchDoor({
    quarantine: through(store.quarantine),
    lanesFor: (address) => {
      addresses.push(address);
      return lanes;
    },
    readSecret: async (file) => `secret of ${file}`,
  });
  const wish: FetchWish = {
    address: 0,
    path: "a",
    list: false,
    first: null,
    unless: null,
    most: 1_000,
    sha512: false,
    wallTime: 60_000,
    progress: (bytes) => progress.push(bytes),
  };
  const fetch = (changes: Partial<FetchWish> = {}, signal = new AbortController().signal) =>
    door.fetch(spec, { ...wish, ...changes }, signal);
  return { store, fetch, jobs, progress, addresses };
}

function contentOf(store: MemoryStore, fetched: Fetched): string {
  assert.ok(fetched.kind === "landed", fetched.kind);
  return Buffer.from(store.files.get(fetched.landed.file) ?? "nothing").toString();
}

const failure = (code: string) => (error: unknown) => error instanceof Failure && error.code === code;
const resumes = (jobs: Opened["jobs"]) => jobs().map((job) => job["resume"]);

test("a path below an address cannot leave it, whatever it is made of", async (t) => {
  const table = [
    ["https://h/base", "a/b", "https://h/base/a/b"],
    ["https://h/base/", "a b/ü", "https://h/base/a%20b/%C3%BC"],
    ["https://h/base", "what?x#y", "https://h/base/what%3Fx%23y"],
    ["https://h/base", "%2e%2e", "https://h/base/%252e%252e"],
    ["http://h/lu", "a$20b_1.0_x_livetri.zip", "http://h/lu/a$20b_1.0_x_livetri.zip"],
    ["ftp://h/lu", "$24/$$", "ftp://h/lu/$24/$$"],
    ["https://h/base", "\\..\\x", "https://h/base/%5C..%5Cx"],
    ["ftp://h/pub", "", "ftp://h/pub/"],
    ["file:///srv/x/", "d/f", "file:///srv/x/d/f"],
  ] as const;
  const spec = specOf({ addresses: table.map(([address]) => address) });
  const { fetch, jobs } = doorTo(
    t,
    table.map(() => [{ say: { kind: "not-modified" } }]),
    spec,
  );
  for (const [address, [, path]] of table.entries()) await fetch({ address, path, unless: ETAG });
  assert.deepEqual(
    jobs().map((job) => job["url"]),
    table.map(([, , url]) => url),
  );
});

test("a body lands in quarantine, counted, with what names its version", async (t) => {
  const { store, fetch, jobs, progress, addresses } = doorTo(t, [[head(), { send: "0123456789", times: 3 }, DONE]]);
  const fetched = await fetch({ path: "d/a b", sha512: true, most: 30 });
  assert.equal(contentOf(store, fetched), "0123456789".repeat(3));
  assert.ok(fetched.kind === "landed" && fetched.etag === '"1"' && fetched.landed.sha512 !== null);
  assert.equal(
    progress.reduce((sum, bytes) => sum + bytes, 0),
    30,
  );
  assert.deepEqual(addresses, ["https://one.test/"]);
  const [job] = jobs();
  assert.deepEqual([job?.["url"], job?.["resume"]], ["https://one.test/d/a%20b", null]);
});

test("what is announced is what is still to come", async (t) => {
  const { fetch } = doorTo(t, [
    [head(0, ETAG, 20), { send: "0123456789", times: 1 }, failed("upstream.cut-off")],
    [head(10, ETAG, 20), { send: "0123456789", times: 1 }, DONE],
    [head(), DONE],
  ]);
  const announced: number[] = [];
  await fetch({ announced: (bytes) => announced.push(bytes) });
  await fetch({ path: "b", announced: (bytes) => announced.push(bytes) });
  assert.deepEqual(announced, [20, 10]);
});

test("secrets are read for the job that needs them", async (t) => {
  const login = { user: "u", passwordFile: "/p" };
  const spec = specOf({ network: { proxy: "http://proxy:3128", proxyLogin: login, login } });
  const { fetch, jobs } = doorTo(t, [[{ say: { kind: "not-modified" } }]], spec);
  assert.deepEqual(await fetch({ unless: ETAG }), { kind: "not-modified" });
  const given = { user: "u", password: "secret of /p" };
  const { proxy, login: own } = (jobs()[0]?.["network"] ?? {}) as Record<string, unknown>;
  assert.deepEqual([proxy, own], [{ host: "proxy", port: 3128, login: given }, given]);
  assert.deepEqual(jobs()[0]?.["unless"], ETAG);
});

test("what is not there is absent, and what fails for good is not tried again", async (t) => {
  const { fetch, jobs } = doorTo(t, [
    [failed("upstream.not-found", "never")],
    [failed("upstream.login", "never")],
    [failed("upstream.status")],
  ]);
  assert.deepEqual(await fetch(), { kind: "absent" });
  await assert.rejects(fetch(), failure("upstream.login"));
  await assert.rejects(fetch(), failure("upstream.status"));
  assert.equal(jobs().length, 3);
});

test("a download that was cut off goes on where it stopped", async (t) => {
  const { store, fetch, jobs } = doorTo(t, [
    [head(), { send: "0123" }, failed("upstream.cut-off")],
    [head(4), { send: "4567" }, failed("upstream.stalled")],
    [head(8), { send: "89" }, DONE],
  ]);
  assert.equal(contentOf(store, await fetch()), "0123456789");
  assert.deepEqual(resumes(jobs), [null, { offset: 4, validators: ETAG }, { offset: 8, validators: ETAG }]);
});

test("also over the death of the fetch process, and from one run to the next", async (t) => {
  const { store, fetch, jobs } = doorTo(t, [
    [head(), { send: "0123" }, { die: true }],
    [head(4), { send: "4" }, failed("upstream.unreachable")],
    [failed("upstream.unreachable")],
    [head(5), { send: "56789" }, DONE],
  ]);
  await assert.rejects(fetch(), failure("upstream.unreachable"));
  assert.equal(contentOf(store, await fetch()), "0123456789");
  assert.deepEqual(
    resumes(jobs).map((resume) => (resume as { offset: number } | null)?.offset ?? null),
    [null, 4, 5, 5],
  );
});

test("without a name for its version, and for another address, nothing is glued together", async (t) => {
  const nameless = doorTo(t, [
    [head(0, NAMELESS), { send: "0123" }, failed("upstream.cut-off")],
    [head(), { send: "whole" }, DONE],
  ]);
  assert.equal(contentOf(nameless.store, await nameless.fetch()), "whole");
  assert.deepEqual(resumes(nameless.jobs), [null, null]);

  const spec = specOf({ addresses: ["https://one.test/", "https://two.test/"] });
  const cut = [head(), { send: "01" }, failed("upstream.cut-off")];
  const second = doorTo(t, [cut, cut, cut, [head(), { send: "2" }, DONE]], spec);
  await assert.rejects(second.fetch(), failure("upstream.cut-off"));
  assert.equal(contentOf(second.store, await second.fetch({ address: 1 })), "2");
  assert.equal(resumes(second.jobs).at(-1), null);
});

test("when the upstream has another version meanwhile, what is held is forgotten and the whole comes", async (t) => {
  const { store, fetch, jobs } = doorTo(t, [
    [head(), { send: "old " }, failed("upstream.cut-off")],
    [failed("upstream.changed")],
    [head(), { send: "new" }, DONE],
  ]);
  assert.equal(contentOf(store, await fetch()), "new");
  assert.deepEqual(
    resumes(jobs).map((resume) => resume !== null),
    [false, true, false],
  );
});

test("held bytes that turn out to be damaged are never the beginning of a file", async (t) => {
  // What a quarantine does whose held bytes no longer hash to their note: it begins anew, and says so by the size.
  const forgetful = (quarantine: Quarantine): Quarantine => ({
    land: (key, options) => quarantine.land(key, { ...options, resume: false }),
    held: (key) => quarantine.held(key),
    note: (key, note) => quarantine.note(key, note),
    discard: (file) => quarantine.discard(file),
    sweep: (since) => quarantine.sweep(since),
  });
  const script = [
    [head(), { send: "0123" }, failed("upstream.cut-off")],
    [head(4), { send: "4567" }, DONE],
    [head(), { send: "01234567" }, DONE],
  ];
  const { store, fetch } = doorTo(t, script, specOf(), forgetful);
  assert.equal(contentOf(store, await fetch()), "01234567");
});

test("a note that cannot be read costs the bytes, never the run", async (t) => {
  for (const note of ["", "{", "null", '{"url":1}']) {
    const { store, fetch, jobs } = doorTo(t, [[head(), { send: "whole" }, DONE]]);
    store.quarantine.held = async () => ({ size: 4, note });
    assert.equal(contentOf(store, await fetch()), "whole", note);
    assert.deepEqual(resumes(jobs), [null]);
  }
});

test("what is larger than its cap is stopped there, on our side of the wall too, and nothing of it stays", async (t) => {
  const cancelled: Step[] = [{ untilCancelled: true }, failed("upstream.cut-off")];
  const { store, fetch, jobs } = doorTo(t, [[head(), { send: "0123456789", times: 9 }, ...cancelled]]);
  await assert.rejects(fetch({ most: 25 }), failure("upstream.over-cap"));
  assert.equal(store.files.size, 0);
  assert.equal(jobs().length, 1);
});

test("a run that is ended ends its transfers: by its own reason, and what came is kept", async (t) => {
  const cancelled: Step[] = [{ untilCancelled: true }, failed("upstream.cut-off")];
  const { store, fetch, jobs } = doorTo(t, [
    [head(), { send: "0123" }, ...cancelled],
    [head(4), { send: "4567" }, ...cancelled],
    [head(8), { send: "89" }, DONE],
  ]);
  const ended = async (reason: unknown): Promise<unknown> => {
    const stop = new AbortController();
    const came = Promise.withResolvers<void>();
    const going = fetch({ progress: () => came.resolve() }, stop.signal);
    await came.promise;
    stop.abort(reason);
    return going.catch((error: unknown) => error);
  };
  const own = new Failure("daemon.stopping", "bye", { retry: "later" });
  assert.equal(await ended(own), own);
  assert.ok(failure("daemon.stopping")(await ended(undefined)));
  await assert.rejects(fetch({}, AbortSignal.abort(own)), (error) => error === own);
  assert.equal(jobs().length, 2, "what is over before it began asks nobody");
  assert.equal(contentOf(store, await fetch()), "0123456789");
});

test("a fetch process that breaks its word is ended, and leaves nothing behind", async (t) => {
  const breaches: readonly (readonly Step[])[] = [
    [{ send: "a body without a head" }, { wait: 30_000 }],
    [head(), head(), { wait: 30_000 }],
    [head(4), { wait: 30_000 }],
    [{ say: { kind: "song" } }, { wait: 30_000 }],
    [DONE],
    [head(), { send: "0123" }, { say: { kind: "not-modified" } }],
  ];
  const { store, fetch, jobs } = doorTo(t, breaches);
  for (const _ of breaches) await assert.rejects(fetch(), failure("worker.protocol"));
  assert.equal(jobs().length, breaches.length, "a breach is not tried again");
  assert.equal(store.files.size, 0);
});

test("further tries have only what is left of the time", async (t) => {
  const { fetch, jobs } = doorTo(t, [
    [{ wait: 300 }, failed("upstream.unreachable")],
    [{ wait: 2_500 }, failed("upstream.timeout")],
    [head(), { send: "too late" }, DONE],
  ]);
  await assert.rejects(fetch({ wallTime: 2_500 }), failure("upstream.timeout"));
  const times = jobs().map((job) => (job["caps"] as { wallTime: number }).wallTime);
  assert.equal(times[0], 2_500);
  assert.ok(times.length === 2 && (times[1] ?? 0) <= 2_200, String(times));
});

test("listings and first bytes are never resumed", async (t) => {
  const cut = [head(), { send: "0123" }, failed("upstream.cut-off")];
  const { fetch, jobs } = doorTo(t, [cut, cut, cut, cut, cut, cut]);
  await assert.rejects(fetch({ first: 10 }), failure("upstream.cut-off"));
  await assert.rejects(fetch({ list: true }), failure("upstream.cut-off"));
  assert.deepEqual(resumes(jobs), Array(6).fill(null));
});
