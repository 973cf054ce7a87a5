import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, afterEach, test } from "node:test";
import { startTestDaemon } from "../fixtures/daemon.ts";
import { addFolderSource } from "../fixtures/mirrored-file.ts";
import { OpenIdProvider } from "../fixtures/openid-provider.ts";

// A browser without a screen, a real daemon, and a provider over real sockets that is strict, or evil where a test says so.
const redirect = "http://127.0.0.1:9/api/v1/oidc/callback";
const provider = new OpenIdProvider({ clientId: "ringfort", clientSecret: "s3cret of the client", redirect });
await provider.start();
const clientSecretFile = path.join(tmpdir(), `ringfort-oidc-${process.pid}`);
await writeFile(clientSecretFile, `${provider.terms.clientSecret}\n`, { mode: 0o600 });
const daemon = await startTestDaemon({
  config: {
    console: {
      listen: "127.0.0.1:0",
      oidc: {
        issuer: provider.issuer,
        clientId: provider.terms.clientId,
        clientSecretFile,
        redirect,
        roles: { operator: ["mirror-ops"], approver: ["mirror-approvers"], admin: ["mirror-admins"] },
        require: { tenant: ["ours"] },
      },
    },
  },
});
const base = /"event":"console.listening","url":"([^"]+)"/.exec(daemon.events())?.[1] ?? "";
after(async () => {
  await daemon.end();
  await provider.close();
  await rm(clientSecretFile);
});
afterEach(() => {
  provider.faults = {};
});

const userOf = (sub: string, name: string, groups: readonly string[] = ["mirror-ops"]) => ({
  sub,
  preferred_username: name,
  groups,
  tenant: "ours",
});

/** Cookies as a browser keeps them, of one site. */
class Browser {
  readonly jar = new Map<string, string>();

  async get(at: string, options: { readonly method?: string; readonly headers?: Record<string, string> } = {}) {
    const cookie = [...this.jar].map(([name, value]) => `${name}=${value}`).join("; ");
    const headers = { ...(cookie === "" ? {} : { cookie }), ...options.headers };
    const body = options.method === "POST" ? { body: "{}" } : {};
    const json = options.method === "POST" ? { "content-type": "application/json" } : {};
    const answer = await fetch(new URL(at, base), {
      method: options.method ?? "GET",
      redirect: "manual",
      headers: { ...json, ...headers },
      ...body,
    });
    for (const set of answer.headers.getSetCookie()) {
      const [, name = "", value = ""] = /^([^=]+)=([^;]*)/.exec(set) ?? [];
      if (value === "") this.jar.delete(name);
      else this.jar.set(name, value);
    }
    return answer;
  }

  /** Goes out to the issuer and is sent back: the way back, which nobody has gone yet. */
  async wayBack(): Promise<string> {
    const out = await this.get("/api/v1/oidc/log-in");
    assert.equal(out.status, 303);
    const back = await fetch(out.headers.get("location") ?? "", { redirect: "manual" });
    assert.equal(back.status, 302, await back.text());
    const { href } = new URL(back.headers.get("location") ?? "");
    assert.ok(href.startsWith(`${redirect}?`));
    return href.slice("http://127.0.0.1:9".length);
  }

  async logIn(): Promise<readonly [number, unknown]> {
    return codeOf(await this.get(await this.wayBack()));
  }

  async post(verb: string, asked: unknown) {
    const cookie = [...this.jar].map(([name, value]) => `${name}=${value}`).join("; ");
    const headers = { cookie, "x-ringfort": "1", "content-type": "application/json" };
    const answer = await fetch(`${base}api/v1/${verb}`, { method: "POST", headers, body: JSON.stringify(asked) });
    return { status: answer.status, body: (await answer.json()) as Record<string, unknown> };
  }

  me(headers: Record<string, string> = { "x-ringfort": "1" }) {
    return this.get("/api/v1/me", { headers });
  }
}

async function codeOf(answer: Response): Promise<readonly [number, unknown]> {
  const body = (await answer.json()) as { error?: { code: string }; actor?: { name: string; roles: string[] } };
  return [answer.status, body.error?.code ?? body.actor];
}

async function logInAs(user: Record<string, unknown>): Promise<readonly [number, unknown]> {
  provider.user = user;
  return new Browser().logIn();
}

test("somebody logs in, is known by issuer and subject, asks as themselves, and logs out", async () => {
  const browser = new Browser();
  provider.user = userOf("sub-anna", "Anna", ["mirror-ops", "mirror-approvers", "others"]);
  const back = await browser.wayBack();
  const answer = await browser.get(back);
  const set = answer.headers.getSetCookie();
  assert.ok(
    set.some((each) => /^ringfort-session=[^;]{43}; Path=\/; HttpOnly; SameSite=Strict; Max-Age=43200$/.test(each)),
  );
  assert.ok(set.some((each) => /^ringfort-login=; .*HttpOnly; SameSite=Lax; Max-Age=0$/.test(each)));
  const anna = { name: "anna", roles: ["operator", "approver"] };
  assert.deepEqual(await codeOf(answer), [200, anna]);
  assert.deepEqual(await codeOf(await browser.me()), [200, anna]);
  const { people } = await daemon.must({ verb: "people" });
  const held = people.find(({ name }) => name === "anna");
  assert.deepEqual(held?.identity, { issuer: provider.issuer, subject: "sub-anna" });
  const { size } = await daemon.must({ verb: "audit-log", from: 0, limit: 1 });
  const { lines } = await daemon.must({ verb: "audit-log", from: Math.max(0, size - 5), limit: 5 });
  assert.ok(lines.some((line) => line.includes('"person.entered"') && line.includes('"sub-anna"')));
  // A second log-in takes the place of the first; a code that was used is not even asked about.
  const asked = provider.asked.length;
  assert.deepEqual(await codeOf(await browser.get(back)), [400, "login.stale"]);
  assert.equal(provider.asked.length, asked);
  const out = await browser.get("/api/v1/log-out", { method: "POST", headers: { "x-ringfort": "1" } });
  assert.equal(out.status, 200);
  assert.equal(browser.jar.has("ringfort-session"), false);
});

test("a session that was logged out is over, whoever kept its cookie", async () => {
  const browser = new Browser();
  provider.user = userOf("sub-anna", "Anna");
  await browser.logIn();
  const kept = new Map(browser.jar);
  await browser.get("/api/v1/log-out", { method: "POST", headers: { "x-ringfort": "1" } });
  for (const [name, value] of kept) browser.jar.set(name, value);
  assert.deepEqual(await codeOf(await browser.me()), [401, "login.refused"]);
});

test("a cookie alone asks nothing: a form or a page of another site cannot send our header", async () => {
  const browser = new Browser();
  provider.user = userOf("sub-anna", "Anna");
  await browser.logIn();
  assert.deepEqual(await codeOf(await browser.me({})), [401, "login.refused"]);
  assert.deepEqual(await codeOf(await browser.me({ "x-ringfort": "0" })), [401, "login.refused"]);
  const preflight = await fetch(`${base}api/v1/status`, {
    method: "OPTIONS",
    headers: {
      origin: "https://evil.example",
      "access-control-request-method": "POST",
      "access-control-request-headers": "x-ringfort",
    },
  });
  assert.equal(preflight.headers.get("access-control-allow-origin"), null);
  assert.ok(preflight.status >= 400);
  // A cookie that was planted beside the true one: neither counts.
  const session = browser.jar.get("ringfort-session") ?? "";
  const both = { cookie: `ringfort-session=${session}; ringfort-session=planted`, "x-ringfort": "1" };
  assert.equal((await fetch(`${base}api/v1/me`, { headers: both })).status, 401);
});

test("the way back is good once, for the browser that began, with its own state", async () => {
  provider.user = userOf("sub-anna", "Anna");
  // Somebody is given the way back of another's log-in (fixation, RFC 6749 section 10.12).
  const attacker = new Browser();
  const bait = await attacker.wayBack();
  const victim = new Browser();
  assert.deepEqual(await codeOf(await victim.get(bait)), [400, "login.stale"]);
  await victim.wayBack();
  assert.deepEqual(await codeOf(await victim.get(bait)), [400, "login.stale"]);
  assert.equal(victim.jar.has("ringfort-session"), false);
  // Nor does one's own go on after a wrong state was tried.
  const browser = new Browser();
  const back = new URL(await browser.wayBack(), base);
  const wrong = new URL(back);
  wrong.searchParams.set("state", "x".repeat(43));
  const planted = new Map(browser.jar);
  assert.deepEqual(await codeOf(await browser.get(wrong.href)), [400, "login.stale"]);
  for (const [name, value] of planted) browser.jar.set(name, value);
  assert.deepEqual(await codeOf(await browser.get(back.href)), [400, "login.stale"]);
  // A session that somebody planted before the log-in is not the one after it.
  const fixed = new Browser();
  fixed.jar.set("ringfort-session", "f".repeat(43));
  await fixed.logIn();
  assert.notEqual(fixed.jar.get("ringfort-session"), "f".repeat(43));
});

test("a code of another log-in does not fit the verifier, and a refusal by the issuer is no log-in", async () => {
  provider.user = userOf("sub-anna", "Anna");
  const [one, other] = [new Browser(), new Browser()];
  const mine = new URL(await one.wayBack(), base);
  const stolen = new URL(await other.wayBack(), base).searchParams.get("code") ?? "";
  mine.searchParams.set("code", stolen);
  assert.deepEqual(await codeOf(await one.get(mine.href)), [401, "login.not-believed"]);
  const third = new Browser();
  const denied = new URL(await third.wayBack(), base);
  denied.searchParams.delete("code");
  denied.searchParams.set("error", "access_denied");
  assert.deepEqual(await codeOf(await third.get(denied.href)), [401, "login.not-believed"]);
});

const seconds = (): number => Math.floor(Date.now() / 1_000);
const DISBELIEVED: readonly (readonly [string, OpenIdProvider["faults"]])[] = [
  ["another nonce", { claims: (claims) => ({ ...claims, nonce: "x".repeat(43) }) }],
  ["no nonce", { claims: (claims) => ({ ...claims, nonce: undefined }) }],
  ["another audience", { claims: (claims) => ({ ...claims, aud: "somebody else" }) }],
  ["another issuer in the token", { claims: (claims) => ({ ...claims, iss: "http://127.0.0.1:9" }) }],
  ["an expired token", { claims: (claims) => ({ ...claims, exp: seconds() - 600, iat: seconds() - 700 }) }],
  ["no end", { claims: (claims) => ({ ...claims, exp: undefined }) }],
  ["no subject", { claims: (claims) => ({ ...claims, sub: undefined }) }],
  ["alg: none", { header: (header) => ({ ...header, alg: "none" }) }],
  ["an algorithm with the client's secret", { header: (header) => ({ ...header, alg: "HS256" }) }],
  ["a stranger's signature", { strangerSigns: true }],
  ["a key that nobody published", { header: (header) => ({ ...header, kid: "nobody" }) }],
  ["another issuer on the way back (mix-up, RFC 9207)", { iss: "http://127.0.0.1:9" }],
  [
    "no ID token",
    {
      token: (response) => {
        response.writeHead(200, { "content-type": "application/json" });
        response.end(JSON.stringify({ access_token: "x", token_type: "Bearer" }));
        return true;
      },
    },
  ],
  [
    "an answer that leads elsewhere",
    {
      token: (response) => {
        response.writeHead(307, { location: "http://127.0.0.1:9/token" }).end();
        return true;
      },
    },
  ],
];
for (const [what, faults] of DISBELIEVED)
  test(`not believed: ${what}`, async () => {
    provider.user = userOf("sub-anna", "Anna");
    const browser = new Browser();
    provider.faults = faults;
    const back = await browser.wayBack();
    assert.deepEqual(await codeOf(await browser.get(back)), [401, "login.not-believed"]);
    assert.equal(browser.jar.has("ringfort-session"), false);
  });

test("an issuer that is unfit: another name, endpoints elsewhere, endless answers", async () => {
  const code = async () => codeOf(await new Browser().get("/api/v1/oidc/log-in"));
  provider.faults = { discovery: (document) => ({ ...document, issuer: "http://127.0.0.1:9" }) };
  assert.deepEqual(await code(), [502, "issuer.unfit"]);
  provider.faults = { discovery: (document) => ({ ...document, authorization_endpoint: "javascript:alert(1)" }) };
  assert.deepEqual((await code())[0], 502);
  const back = async (faults: OpenIdProvider["faults"]) => {
    provider.faults = {};
    const browser = new Browser();
    const way = await browser.wayBack();
    provider.faults = faults;
    return codeOf(await browser.get(way));
  };
  const elsewhere = { token_endpoint: "http://127.0.0.1:9/token" };
  assert.deepEqual(await back({ discovery: (document) => ({ ...document, ...elsewhere }) }), [502, "issuer.unfit"]);
  const inside = { jwks_uri: "http://169.254.169.254/keys" };
  assert.deepEqual(await back({ discovery: (document) => ({ ...document, ...inside }) }), [502, "issuer.unfit"]);
  const endless = (response: import("node:http").ServerResponse): boolean => {
    response.writeHead(200, { "content-type": "application/json" });
    const more = (): void => {
      while (!response.destroyed && response.write(" ".repeat(65_536)));
    };
    response.on("drain", more);
    more();
    return true;
  };
  assert.deepEqual(await back({ token: endless }), [502, "issuer.unfit"]);
});

test("the issuer's keys change, and the next log-in knows the new one", async () => {
  provider.rotate("two");
  assert.equal((await logInAs(userOf("sub-anna", "Anna")))[0], 200);
});

test("roles are the groups', anew at each log-in; who has none does not come in, nor does what is left of them", async () => {
  const browser = new Browser();
  provider.user = userOf("sub-rita", "rita", ["mirror-admins"]);
  assert.deepEqual(await browser.logIn(), [200, { name: "rita", roles: ["admin"] }]);
  const made = await daemon.cli("token", "make", "rita", "--label", "test");
  const ask = async (verb: string, asked: unknown): Promise<number> => {
    const headers = { authorization: `Bearer ${made.stdout.trim()}`, "content-type": "application/json" };
    return (await fetch(`${base}api/v1/${verb}`, { method: "POST", headers, body: JSON.stringify(asked) })).status;
  };
  assert.equal(await ask("tokens", { person: null }), 200);
  assert.deepEqual(await logInAs(userOf("sub-rita", "rita", ["mirror-ops"])), [
    200,
    { name: "rita", roles: ["operator"] },
  ]);
  // The session from before is hers, and may no more than she may.
  assert.deepEqual(await codeOf(await browser.me()), [200, { name: "rita", roles: ["operator"] }]);
  assert.equal(await ask("tokens", { person: null }), 403);
  assert.deepEqual(await logInAs(userOf("sub-rita", "rita", ["others"])), [403, "login.not-allowed"]);
  assert.deepEqual(await codeOf(await browser.me()), [200, { name: "rita", roles: [] }]);
  assert.equal(await ask("channels", { source: null }), 403);
  assert.deepEqual(await logInAs(userOf("sub-nobody", "nobody", [])), [403, "login.not-allowed"]);
  assert.deepEqual(await logInAs({ ...userOf("sub-tess", "tess"), tenant: "theirs" }), [403, "login.not-allowed"]);
  assert.deepEqual(await logInAs({ ...userOf("sub-tess", "tess"), tenant: undefined }), [403, "login.not-allowed"]);
  const { people } = await daemon.must({ verb: "people" });
  assert.ok(people.every(({ name }) => !["nobody", "tess"].includes(name)));
});

test("a name is nobody's to take: a second subject, a local account; a link makes one person of two accounts", async () => {
  assert.equal((await logInAs(userOf("sub-zoe", "zoe")))[0], 200);
  assert.deepEqual(await logInAs(userOf("sub-other", "zoe")), [409, "login.name-taken"]);
  // Who is renamed at the issuer stays who they were.
  assert.deepEqual(await logInAs(userOf("sub-zoe", "zoe.miller")), [200, { name: "zoe", roles: ["operator"] }]);
  assert.equal((await daemon.cli("user", "add", "lars", "--role", "approver")).code, 0);
  assert.deepEqual(await logInAs(userOf("sub-lars", "lars")), [409, "login.name-taken"]);
  assert.equal((await daemon.cli("user", "link", "lars", "--subject", "sub-zoe")).code, 1);
  const linked = await daemon.cli("user", "link", "lars", "--subject", "sub-lars");
  assert.equal(linked.code, 0, linked.stderr);
  assert.deepEqual(await logInAs(userOf("sub-lars", "lars")), [200, { name: "lars", roles: ["operator"] }]);
  // What they may is the issuer's to say; keeping them out is ours.
  assert.equal((await daemon.cli("user", "set", "lars", "--role", "admin")).code, 1);
  assert.equal((await daemon.cli("user", "set", "lars", "--disable")).code, 0);
  assert.deepEqual(await logInAs(userOf("sub-lars", "lars")), [403, "login.not-allowed"]);
});

test("for two-person rules each subject is one person: nobody signs their own", async () => {
  const both = ["mirror-ops", "mirror-approvers"];
  const browserOf = async (sub: string, name: string): Promise<Browser> => {
    const browser = new Browser();
    provider.user = userOf(sub, name, both);
    assert.equal((await browser.logIn())[0], 200);
    return browser;
  };
  const [uma, udo] = [await browserOf("sub-uma", "uma"), await browserOf("sub-udo", "udo")];
  const digest = createHash("sha256").update("content").digest("hex");
  await addFolderSource(daemon, "content", { kind: "pinned", digests: { "a.txt": digest } });
  await daemon.sync("files");
  const asked = { source: "files", channel: "production", revision: 1, kind: "emergency", reason: "now" };
  const proposed = await uma.post("propose", { ...asked, expires: null, preview: false });
  assert.equal(proposed.status, 200, JSON.stringify(proposed.body));
  const { id, by } = proposed.body["proposal"] as { id: number; by: string };
  assert.equal(by, "uma");
  const signing = { id, version: 1, comment: "" };
  // As often as she logs in, she is the same.
  const again = await browserOf("sub-uma", "uma.renamed");
  for (const browser of [uma, again]) {
    const own = await browser.post("sign-off", signing);
    assert.equal((own.body["error"] as { code: string }).code, "proposal.own");
  }
  const signed = await udo.post("sign-off", signing);
  assert.equal(signed.status, 200, JSON.stringify(signed.body));
});

test("an issuer that is away is said to be, and nothing else stops", async () => {
  const browser = new Browser();
  provider.user = userOf("sub-anna", "Anna");
  await browser.logIn();
  provider.faults = {};
  await provider.close();
  assert.deepEqual(await codeOf(await new Browser().get("/api/v1/oidc/log-in")), [503, "issuer.unreachable"]);
  assert.equal((await browser.me()).status, 200);
  await provider.start();
});
