import assert from "node:assert/strict";
import { test } from "node:test";
import { MemoryLedger } from "../../test/contract/twins/ledger.ts";
import { oidcConfig } from "../core/config-oidc.ts";
import { MINUTE } from "../core/kernel/instant.ts";
import type { Lane } from "../wire/lane.ts";
import { IssuerLogin } from "./issuer-login.ts";
import type { JobLanes } from "./job-lanes.ts";

const config = oidcConfig.parse({
  issuer: "https://login.example",
  clientId: "ringfort",
  clientSecretFile: "/secret",
  redirect: "https://mirror.example/api/v1/oidc/callback",
  roles: { viewer: ["staff"] },
});

/** A login over a worker that says yes to everything, when it is let. */
function scene() {
  const jobs: Readonly<Record<string, string>>[] = [];
  const made = { now: 1_000_000, held: Promise.resolve(), jobs, said: [] as string[] };
  const run = async (asked: Parameters<JobLanes["run"]>[0]): Promise<void> => {
    const job = asked.request as Readonly<Record<string, string>>;
    jobs.push(job);
    await made.held;
    const { issuer } = config;
    const identity = { kind: "identity", issuer, subject: "1", name: "anna", groups: ["staff"], required: {} };
    asked.message(
      job["kind"] === "login-begin" ? { kind: "go", url: "https://login.example/authorize" } : identity,
      {} as Lane,
    );
  };
  const login = new IssuerLogin({
    config,
    lanes: { run } as JobLanes,
    gate: { open: (name) => `session of ${name}` },
    ledger: new MemoryLedger(),
    clock: { now: () => made.now },
    events: { emit: (name) => void made.said.push(name) },
    readSecret: async (file) => `what ${file} holds`,
  });
  return Object.assign(made, { login });
}

const back = (job: Readonly<Record<string, string>> | undefined): string => `code=c&state=${job?.["state"]}`;

test("what ties the way out to the way back is new each time, and the secret is read when it is needed", async () => {
  const { login, jobs } = scene();
  const [one, two] = [await login.begin(), await login.begin()];
  assert.notEqual(one.flow, two.flow);
  for (const key of ["state", "nonce", "challenge"]) assert.notEqual(jobs[0]?.[key], jobs[1]?.[key], key);
  assert.equal(jobs[0]?.["clientSecret"], undefined);
  assert.deepEqual(await login.end(one.flow, back(jobs[0])), {
    session: "session of anna",
    actor: { name: "anna", roles: ["viewer"] },
  });
  assert.deepEqual([jobs[2]?.["clientSecret"], jobs[2]?.["nonce"]], ["what /secret holds", jobs[0]?.["nonce"]]);
});

test("a beginning is good for one end, its own, within ten minutes", async () => {
  const it = scene();
  const stale = { code: "login.stale" };
  const { flow } = await it.login.begin();
  await it.login.end(flow, back(it.jobs[0]));
  const asked = it.jobs.length;
  await assert.rejects(it.login.end(flow, back(it.jobs[0])), stale);
  const late = await it.login.begin();
  const job = it.jobs.at(-1);
  it.now += 10 * MINUTE + 1;
  await assert.rejects(it.login.end(late.flow, back(job)), stale);
  await assert.rejects(it.login.end("", "code=c"), stale);
  const other = await it.login.begin();
  await assert.rejects(it.login.end(other.flow, "code=c"), stale);
  // Of all these the issuer hears nothing.
  assert.equal(it.jobs.length, asked + 2);
  assert.equal(it.said.filter((name) => name === "login.refused").length, 4);
});

test("whoever begins log-ins without end takes neither the memory nor the issuer's patience", async () => {
  const it = scene();
  const first = await it.login.begin();
  const job = it.jobs[0];
  for (let count = 0; count < 1_000; count += 1) await it.login.begin();
  await assert.rejects(it.login.end(first.flow, back(job)), { code: "login.stale" });
  const gate = Promise.withResolvers<void>();
  it.held = gate.promise;
  const waiting = Array.from({ length: 16 }, () => it.login.begin());
  await assert.rejects(it.login.begin(), { code: "login.too-often", retry: "later" });
  gate.resolve();
  await Promise.all(waiting);
  assert.equal((await it.login.begin()).url, "https://login.example/authorize");
});

test("a configuration that would send a secret in clear, or believe anybody, is none", () => {
  const whole = { ...config, hosts: ["keys.example"] };
  assert.equal(oidcConfig.safeParse(whole).success, true);
  for (const wrong of [
    { issuer: "http://login.example" },
    { issuer: "https://anna:secret@login.example" },
    { issuer: "https://login.example/?tenant=x" },
    { redirect: "http://mirror.example/api/v1/oidc/callback" },
    { redirect: "https://mirror.example/elsewhere" },
    { scopes: ["profile"] },
    { roles: {} },
    { roles: { owner: ["staff"] } },
    { require: { hd: [] } },
    { hosts: ["https://keys.example/"] },
    { clientSecret: "in the file itself" },
  ])
    assert.equal(oidcConfig.safeParse({ ...whole, ...wrong }).success, false, JSON.stringify(wrong));
});
