import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import http, { type IncomingHttpHeaders } from "node:http";
import { tmpdir } from "node:os";
import path from "node:path";
import { type TestContext, test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { startTestDaemon, type TestDaemon } from "../fixtures/daemon.ts";
import { receiveMail } from "../fixtures/mail-receiver.ts";

const SECRET = Buffer.alloc(32, 3);

interface Hook {
  readonly url: string;
  readonly came: { readonly headers: IncomingHttpHeaders; readonly body: string }[];
  status: number;
}

async function receiveHooks(t: TestContext): Promise<Hook> {
  const hook = { url: "", came: [] as Hook["came"], status: 204 };
  const server = http.createServer((request, response) => {
    let body = "";
    request.setEncoding("utf8").on("data", (piece: string) => {
      body += piece;
    });
    request.on("end", () => {
      hook.came.push({ headers: request.headers, body });
      response.writeHead(hook.status, hook.status === 302 ? { Location: "/elsewhere" } : {}).end("x".repeat(100_000));
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => server.close());
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return Object.assign(hook, { url: `http://127.0.0.1:${address.port}/hook` });
}

async function daemonWith(t: TestContext, notify: Readonly<Record<string, unknown>>): Promise<TestDaemon> {
  const folder = await mkdtemp(path.join(tmpdir(), "ringfort-notify-"));
  await writeFile(path.join(folder, "secret"), `whsec_${SECRET.toString("base64")}\n`);
  const text = JSON.stringify(notify).replaceAll("SECRET", path.join(folder, "secret"));
  const daemon = await startTestDaemon({ config: { notify: JSON.parse(text) } });
  t.after(async () => {
    await daemon.end();
    await rm(folder, { recursive: true });
  });
  return daemon;
}

/** A run that fails: nothing is at its address. */
async function failingRun(daemon: TestDaemon): Promise<void> {
  await daemon.addSource({
    name: "gone",
    addresses: ["http://127.0.0.1:9/"],
    network: { allowInside: true },
    feed: { format: "directory", list: { kind: "files", files: ["a"] } },
    trust: { kind: "none" },
  });
  await daemon.cli("sync", "gone");
}

async function until(what: () => boolean, tries = 200): Promise<void> {
  for (let turn = 0; turn < tries && !what(); turn += 1) await wait(50);
  assert.ok(what(), "it did not come in time");
}

test("mail: a burst is one mail that says what happened and what to do", async (t) => {
  const mail = await receiveMail();
  t.after(() => mail.close());
  const route = {
    server: `smtp://127.0.0.1:${mail.port}`,
    startTls: "offered",
    from: "r@example.org",
    to: ["ops@example.org"],
  };
  const daemon = await daemonWith(t, { ops: { mail: route, within: "1s", least: "warning" } });
  await failingRun(daemon);
  await daemon.cli("sync", "gone");
  await until(() => mail.mails.length > 0);
  const [text = ""] = mail.mails;
  assert.match(text, /^Subject: \[.*\] \d+ events/m);
  assert.match(text, /^Auto-Submitted: auto-generated$/m);
  assert.match(text, /sync\.ended[^]*upstream\.unreachable[^]*next: /);
  assert.ok(mail.said.includes("RCPT TO:<ops@example.org>"));
  const listed = JSON.parse((await daemon.cli("notify", "list", "--json")).stdout);
  assert.equal(listed.subscribers[0].trouble, null);
});

test("mail is not sent in clear unless the configuration lets it, and a lasting no is said", async (t) => {
  const mail = await receiveMail();
  t.after(() => mail.close());
  const route = { server: `smtp://127.0.0.1:${mail.port}`, from: "r@example.org", to: ["ops@example.org"] };
  const daemon = await daemonWith(t, {
    strict: { mail: route },
    plain: { mail: { ...route, startTls: "offered" } },
  });
  const strict = JSON.parse((await daemon.cli("notify", "test", "strict", "--json")).stdout);
  assert.equal(strict.error.code, "notice.undelivered");
  mail.refuse = "554 no\u001b[2J";
  const plain = JSON.parse((await daemon.cli("notify", "test", "plain", "--json")).stdout);
  assert.equal(plain.error.code, "notice.refused");
  assert.ok(!mail.said.includes("MAIL FROM:<r@example.org>") || mail.mails.length === 0);
  const shown = await daemon.cli("notify", "list");
  assert.ok(shown.stdout.includes("notice.refused") && !shown.stdout.includes("\u001b[2J"));
});

test("webhook: each request is signed, in order, and outlives a receiver that is away and a stop", async (t) => {
  const hook = await receiveHooks(t);
  hook.status = 503;
  const daemon = await daemonWith(t, {
    pager: { webhook: { url: hook.url, secretFile: "SECRET" }, events: ["sync.*"] },
  });
  await failingRun(daemon);
  await until(() => hook.came.length > 0);
  await until(() => daemon.events().includes('"event":"notice.failed"'));
  await daemon.stop();
  hook.status = 204;
  hook.came.length = 0;
  await daemon.start();
  await until(() => hook.came.length > 0, 400);
  const [{ headers, body } = { headers: {}, body: "" }] = hook.came;
  const signed = `${String(headers["webhook-id"])}.${String(headers["webhook-timestamp"])}.${body}`;
  const signature = createHmac("sha256", SECRET).update(signed).digest("base64");
  assert.equal(headers["webhook-signature"], `v1,${signature}`);
  const { type, data } = JSON.parse(body);
  assert.deepEqual([type, data.source, data.code], ["sync.ended", "gone", "upstream.unreachable"]);
  assert.ok(data.next.length > 10 && data.mirror.length > 0);
  assert.ok(!daemon.events().includes(SECRET.toString("base64")), "the secret is in no log");
});

test("webhook: a redirect is not followed, a secret that is too short is no secret, an unknown name is said", async (t) => {
  const hook = await receiveHooks(t);
  hook.status = 302;
  const daemon = await daemonWith(t, {
    moved: { webhook: { url: hook.url, secretFile: "SECRET" } },
    short: { webhook: { url: hook.url, secretFile: "/dev/null" } },
  });
  const code = async (name: string): Promise<string> =>
    JSON.parse((await daemon.cli("notify", "test", name, "--json")).stdout).error.code;
  assert.equal(await code("moved"), "notice.undelivered");
  assert.equal(hook.came.length, 1);
  assert.equal(await code("short"), "config.invalid");
  assert.equal(await code("nobody"), "config.invalid");
});
