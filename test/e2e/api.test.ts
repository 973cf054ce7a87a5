import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { request as requests } from "../../src/wire/requests.ts";
import { startTestDaemon, type TestDaemon } from "../fixtures/daemon.ts";
import { addFolderSource } from "../fixtures/mirrored-file.ts";

const PASSWORD = "correct horse battery";

interface Answer {
  readonly status: number;
  readonly body: Readonly<Record<string, never>> & {
    readonly error?: { readonly code: string; readonly kind: string };
  };
  readonly headers: Headers;
}

describe("the API, over a real daemon", () => {
  let daemon: TestDaemon;
  let base: string;
  let tokens: Readonly<Record<string, string>>;

  const url = (): string => /"event":"console.listening","url":"([^"]+)"/.exec(daemon.events())?.[1] ?? "";
  const call = async (
    at: string,
    options: { readonly token?: string; readonly body?: unknown; readonly method?: string },
  ) => {
    const { token, body = {}, method = "POST" } = options;
    const answer = await fetch(`${base}api/v1/${at}`, {
      method,
      headers: {
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        ...(method === "GET" ? {} : { "content-type": "application/json" }),
      },
      ...(method === "GET" ? {} : { body: JSON.stringify(body) }),
    });
    return { status: answer.status, body: await answer.json(), headers: answer.headers } as Answer;
  };
  const codeOf = ({ status, body }: Answer): readonly [number, string | undefined] => [status, body.error?.code];

  before(async () => {
    daemon = await startTestDaemon({ config: { console: { listen: "127.0.0.1:0" } } });
    base = url();
    await addFolderSource(daemon, "content");
    const made: Record<string, string> = {};
    for (const [name, role] of Object.entries({ vera: "viewer", otto: "operator", ada: "admin" })) {
      const added = await daemon.cli("user", "add", name, "--role", role);
      assert.equal(added.code, 0, added.stderr);
      made[role] = (await daemon.cli("token", "make", name, "--label", "test")).stdout.trim();
    }
    tokens = made;
  });
  after(() => daemon.end());

  test("who shows nothing, or nothing good, learns nothing", async () => {
    assert.deepEqual(codeOf(await call("status", {})), [401, "login.refused"]);
    assert.deepEqual(codeOf(await call("status", { token: "rft_0_0" })), [401, "login.refused"]);
    assert.deepEqual(codeOf(await call("people", { token: "nosession" })), [401, "login.refused"]);
    assert.equal((await call("status", {})).headers.get("www-authenticate"), "Bearer");
  });

  test("each may what their role lets them, and the record has their own name", async () => {
    const { viewer = "", operator = "", admin = "" } = tokens;
    assert.equal((await call("status", { token: viewer })).status, 200);
    assert.deepEqual(codeOf(await call("sync", { token: viewer, body: { source: "files" } })), [
      403,
      "login.role-missing",
    ]);
    const synced = await call("sync", { token: operator, body: { source: "files", by: "somebody else" } });
    assert.equal(synced.status, 200, JSON.stringify(synced.body));
    assert.equal((synced.body as never as { run: { by: string } }).run.by, "otto");
    assert.deepEqual(
      codeOf(await call("source-remove", { token: operator, body: { source: "files", force: false } })),
      [403, "login.role-missing"],
    );
    assert.deepEqual(codeOf(await call("person-set", { token: operator, body: { person: "x" } }))[0], 400);
    assert.equal((await call("tokens", { token: admin, body: { person: null } })).status, 200);
  });

  test("a refusal is a 409 with its code, and bad input names its place", async () => {
    const { operator = "" } = tokens;
    const refused = await call("promote", {
      token: operator,
      body: { source: "files", channel: "production", revision: 1, reason: "" },
    });
    assert.deepEqual(
      [refused.status, refused.body.error?.kind, refused.body.error?.code],
      [409, "refused", "promotion.unsigned-source"],
    );
    assert.deepEqual(codeOf(await call("sync", { token: operator, body: { source: "none" } })), [
      404,
      "source.unknown",
    ]);
    assert.deepEqual(codeOf(await call("sync", { token: operator, body: { source: 7 } })), [400, "request.malformed"]);
    assert.deepEqual(codeOf(await call("no-such-verb", { token: operator })), [400, "request.malformed"]);
    assert.deepEqual(codeOf(await call("status", { token: operator, body: { more: 1 } })), [400, "request.malformed"]);
    const large = await call("sync", { token: operator, body: { source: "x".repeat(600 * 1024) } });
    assert.deepEqual(codeOf(large), [413, "request.malformed"]);
  });

  test("a person logs in with a password, and out", async () => {
    const given = spawn(
      process.execPath,
      ["src/main/ringfort.ts", "--config", daemon.configFile, "user", "password", "vera"],
      {
        stdio: ["pipe", "inherit", "inherit"],
      },
    );
    given.stdin?.end(`${PASSWORD}\n`);
    assert.deepEqual(await once(given, "exit"), [0, null]);
    assert.deepEqual(codeOf(await call("log-in", { body: { name: "vera", password: "another one, wrong" } })), [
      401,
      "login.refused",
    ]);
    const { session } = (await call("log-in", { body: { name: "vera", password: PASSWORD } })).body as never as {
      session: string;
    };
    const me = await call("me", { token: session, method: "GET" });
    assert.deepEqual(me.body, { actor: { name: "vera", roles: ["viewer"] } });
    await call("log-out", { token: session });
    assert.equal((await call("me", { token: session, method: "GET" })).status, 401);
  });

  test("a revoked token and a disabled person are out at once", async () => {
    const text = (await daemon.cli("token", "make", "vera", "--label", "short", "--json")).stdout;
    const { text: token, token: kept } = JSON.parse(text);
    assert.equal((await call("status", { token })).status, 200);
    await daemon.cli("token", "revoke", kept.id);
    assert.equal((await call("status", { token })).status, 401);
    await daemon.cli("user", "set", "vera", "--disable");
    assert.equal((await call("status", { token: tokens["viewer"] ?? "" })).status, 401);
  });

  test("its description names every verb, and nothing of it may be framed or kept", async () => {
    const described = await call("openapi.json", { method: "GET" });
    const { paths } = described.body as never as { paths: Record<string, unknown> };
    const verbs = requests.options.flatMap((option) => [...option.shape.verb.values]);
    assert.deepEqual(Object.keys(paths).toSorted(), verbs.map((verb) => `/api/v1/${verb}`).toSorted());
    assert.equal(described.headers.get("cache-control"), "no-store");
    assert.match(described.headers.get("content-security-policy") ?? "", /default-src 'none'/);
  });

  test("no token or password is in a log, and the ledger has only hashes", async () => {
    const { readFile } = await import("node:fs/promises");
    const said = daemon.events();
    const ledger = (await readFile(path.join(daemon.data, "ledger.sqlite"))).toString("latin1");
    for (const token of Object.values(tokens)) {
      const secret = token.slice(-43);
      assert.ok(!said.includes(secret) && !ledger.includes(secret));
    }
    assert.ok(!said.includes(PASSWORD) && !ledger.includes(PASSWORD));
  });

  test("killed, it is back at the same address", async () => {
    const { processes } = await daemon.must({ verb: "status" });
    const { pid } = processes.find(({ role }) => role === "console") ?? {};
    process.kill(pid ?? -1, "SIGKILL");
    for (let tries = 0; tries < 200; tries += 1) {
      await wait(50);
      const answer = await call("status", { token: tokens["operator"] ?? "" }).catch(() => null);
      if (answer?.status === 200) return;
    }
    assert.fail("it did not come back");
  });
});

test("an API that others could reach is not served without TLS", async () => {
  const failing = startTestDaemon({ config: { console: { listen: "0.0.0.0:0" } } });
  await assert.rejects(failing, /config\.invalid|needs tls/);
});
