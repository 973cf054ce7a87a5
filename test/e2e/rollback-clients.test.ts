import assert from "node:assert/strict";
import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { aptMachine, needsApt } from "../fixtures/apt-machine.ts";
import { ClientDesk } from "../fixtures/client-desk.ts";
import { run, startTestDaemon, type TestDaemon } from "../fixtures/daemon.ts";
import { DebianRepository } from "../fixtures/debian-repository.ts";
import { FreshclamMachine, needsFreshclam, offerDatabase } from "../fixtures/freshclam.ts";
import { needsProgram, sharedData } from "../fixtures/needs.ts";
import { type HttpVendor, startHttpVendor } from "../upstream/http-vendor.ts";
import { SignedListVendor } from "../upstream/signed-list.ts";

/**
 * What a rollback does to real clients, and what the recipe that is shown before it does for those who do not follow.
 * That ringfort-agent goes back by a signed recall is shown in agent-daemon.test.ts.
 */
const NO_SESSIONS = { session: { idle: "0s", most: "0s" } };
const CHANNEL = "staging";

async function back(daemon: TestDaemon, source: string, revision: number | null = null): Promise<void> {
  await daemon.must({ verb: "rollback", source, channel: CHANNEL, revision, reason: "test", by: "test" });
}

async function recipeOf(daemon: TestDaemon, source: string): Promise<string> {
  const answer = await daemon.must({ verb: "rollback-preview", source, channel: CHANNEL, revision: null });
  return answer.recovery.join("\n");
}

describe("clients that ask whether a file has changed", () => {
  let vendor: HttpVendor;
  let daemon: TestDaemon;
  let url = "";
  const bytes = (fill: string): Buffer => Buffer.alloc(4_096, fill);

  before(async () => {
    vendor = await startHttpVendor({});
    const list = new SignedListVendor(vendor, "files");
    daemon = await startTestDaemon({ config: NO_SESSIONS });
    // Of the same size, and newer by the vendor's own date: what a client can go by says nothing.
    list.publish(new Map([["rules", bytes("good")]]), Date.parse("2026-11-01T00:00:00Z"));
    await daemon.addSource(list.source());
    await daemon.sync("files");
    list.publish(new Map([["rules", bytes("evil")]]), Date.parse("2026-11-02T00:00:00Z"));
    await daemon.sync("files");
    url = `${await daemon.url(CHANNEL)}files/rules`;
  });
  after(async () => {
    await daemon.end();
    await vendor.close();
  });

  const clients: readonly (readonly [string, string, (desk: ClientDesk) => Promise<unknown>])[] = [
    ["wget -N", "wget", (desk) => desk.run("wget", ["-q", "-N", "--no-proxy", url])],
    [
      "curl -z",
      "curl",
      async (desk) => {
        const held = await stat(desk.at("rules")).then(
          () => ["-z", "rules"],
          () => [],
        );
        return desk.run("curl", ["-sS", "-R", "-o", "rules", ...held, url]);
      },
    ],
    [
      "curl --etag-compare",
      "curl",
      (desk) => desk.run("curl", ["-sS", "--etag-save", "tag", "--etag-compare", "tag", "-o", "rules", url]),
    ],
  ];

  test("each follows at its next request, forward and back, and takes nothing when nothing moved", async () => {
    const desks = await Promise.all(clients.map(() => ClientDesk.make(daemon.folder)));
    const all = async (expected: string): Promise<void> => {
      for (const [at, [name, program, update]] of clients.entries()) {
        const desk = desks[at];
        if (desk === undefined || needsProgram(program, program) !== false) continue;
        await update(desk);
        assert.deepEqual(await readFile(desk.at("rules")), bytes(expected), name);
      }
    };
    await all("evil");
    assert.match(await recipeOf(daemon, "files"), /If-Modified-Since/);
    await back(daemon, "files");
    await all("good");
    await all("good");
    await daemon.must({ verb: "promote", source: "files", channel: CHANNEL, revision: 2, reason: "fixed", by: "test" });
    await all("evil");
  });
});

describe("freshclam", { skip: needsFreshclam }, () => {
  let vendor: HttpVendor;
  let daemon: TestDaemon;
  let work = "";

  before(async () => {
    work = await mkdtemp(path.join(tmpdir(), "ringfort-rollback-"));
    vendor = await startHttpVendor({});
    daemon = await startTestDaemon({ config: NO_SESSIONS });
    const root = await readFile(sharedData("clamav", "clamav-test-root.crt"), "utf8");
    await offerDatabase(vendor, 5);
    await daemon.addSource({
      name: "clamav",
      feed: { format: "clamav", databases: ["test"], cdiffs: 10 },
      addresses: [vendor.url],
      trust: { kind: "clamav", roots: [root] },
      mount: "/",
      schedule: "manual",
    });
    await daemon.sync("clamav");
    await offerDatabase(vendor, 6);
    await daemon.sync("clamav");
  });
  after(async () => {
    await daemon?.end();
    await vendor?.close();
    await rm(work, { recursive: true, force: true });
  });

  test("who has the newer database keeps it; who has none takes the older; the recipe takes the first back", async () => {
    const url = await daemon.url(CHANNEL);
    const machine = await FreshclamMachine.make(work, "old");
    assert.equal((await machine.update(url)).version, 6);
    const recipe = await recipeOf(daemon, "clamav");
    await back(daemon, "clamav");
    const kept = await machine.update(url);
    assert.deepEqual([kept.code, kept.version], [0, 6], "it says nothing, and stays");
    assert.match(recipe, /never goes back by itself/);
    const fresh = await FreshclamMachine.make(work, "new");
    assert.equal((await fresh.update(url)).version, 5);
    // "rm /var/lib/clamav/daily.c[lv]d", of this machine's database.
    assert.match(recipe, /rm \/var\/lib\/clamav\/daily\.c\[lv\]d/);
    for (const name of ["test.cvd", "test.cld"]) await rm(path.join(machine.folder, "db", name), { force: true });
    assert.equal((await machine.update(url)).version, 5);
  });

  test("an overlay: a harmful signature is ignored by clients that stay on the newer database", {
    skip: needsProgram("clamscan", "clamav"),
  }, async () => {
    const machine = await FreshclamMachine.make(work, "ignoring");
    const database = path.join(machine.folder, "db");
    const victim = path.join(work, "victim.txt");
    await writeFile(victim, "this system file is needed to start\n");
    // A signature of a customer's own stands for the vendor's harmful one: no vendor signs one for a test.
    await writeFile(
      path.join(database, "harm.ndb"),
      `Harm.Test-1:0:*:${Buffer.from("system file is needed").toString("hex")}\n`,
    );
    const scan = async (): Promise<number> => (await run("clamscan", ["-d", database, "--no-summary", victim])).code;
    assert.equal(await scan(), 1, "the harm is done");

    const folder = path.join(work, "published");
    await mkdir(folder);
    await writeFile(path.join(folder, "overlay.ign2"), "Harm.Test-1\n");
    const key = path.join(work, "overlay.key");
    assert.equal((await daemon.cli("key", "new", key, "--kind", "minisign")).code, 0);
    const into = ["--into", path.join(work, "tree"), "--key", key, "--as", "directory", "--source", "overlay"];
    const published = await daemon.cli("publish", folder, ...into);
    assert.equal(published.code, 0, published.stderr);
    const url = await daemon.url(CHANNEL);
    await machine.update(url, false, [`${url}overlay/overlay.ign2`]);
    assert.equal(await readFile(path.join(database, "overlay.ign2"), "utf8"), "Harm.Test-1\n");
    assert.equal(await scan(), 0, "the file is left alone");
  });
});

describe("apt-get", { skip: needsApt }, () => {
  let vendor: HttpVendor;
  let daemon: TestDaemon;
  let repository: DebianRepository;

  before(async () => {
    vendor = await startHttpVendor({});
    const list = new SignedListVendor(vendor, "debian");
    daemon = await startTestDaemon({ config: NO_SESSIONS });
    repository = await DebianRepository.make(daemon.folder);
    await repository.add("libtest", "1.0", "the first");
    list.publish(await repository.files(), Date.now());
    await daemon.addSource(list.source());
    await daemon.sync("debian");
    // An index is dated to the second, and apt goes by that alone: the two must not be of one second.
    await wait(1_100);
    await repository.add("libtest", "2.0", "the second");
    list.publish(await repository.files(), Date.now() + 60_000);
    await daemon.sync("debian");
  });
  after(async () => {
    await repository?.end();
    await daemon?.end();
    await vendor?.close();
  });

  test("it keeps the newer index; the recipe takes it back", async () => {
    const { apt, policy, desk } = await aptMachine(
      daemon.folder,
      `${await daemon.url(CHANNEL)}debian`,
      repository.keyring,
    );
    await apt("update");
    assert.match(await policy("libtest"), /Candidate: 2\.0/);
    const recipe = await recipeOf(daemon, "debian");
    await back(daemon, "debian");
    await apt("update");
    const after = await policy("libtest");
    assert.match(recipe, /apt-get keeps an index that is newer by its own Date/);
    assert.match(after, /Candidate: 2\.0/, "it says nothing, and stays");
    await rm(desk.at("state/lists"), { recursive: true });
    await mkdir(desk.at("state/lists/partial"), { recursive: true });
    await apt("update");
    assert.match(await policy("libtest"), /Candidate: 1\.0/);
  });
});
