import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";
import { Provider } from "oidc-provider";
import { startTestDaemon } from "../fixtures/daemon.ts";

// Somebody else's provider, which is certified by those who wrote the specification: it asks for PKCE, takes the secret as the
// standard has it written, and signs with RS256. What a hostile one may do is tried in oidc.test.ts.
const redirect = "http://127.0.0.1:9/api/v1/oidc/callback";
const secret = "a b+c/s%cret";

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

test("somebody logs in through a certified provider, with a secret of odd characters", async (t) => {
  // Its warnings that it is no installation for production go to nobody.
  t.mock.method(console, "info", () => {});
  t.mock.method(console, "warn", () => {});
  const port = await freePort();
  const issuer = `http://127.0.0.1:${port}`;
  const provider = new Provider(issuer, {
    clients: [
      {
        client_id: "ringfort",
        client_secret: secret,
        redirect_uris: [redirect],
        grant_types: ["authorization_code"],
        response_types: ["code"],
        application_type: "native",
      },
    ],
    pkce: { required: () => true },
    conformIdTokenClaims: false,
    claims: { openid: ["sub"], profile: ["preferred_username", "groups"] },
    findAccount: (_context: unknown, id: string) => ({
      accountId: id,
      claims: () => ({ sub: id, preferred_username: id, groups: ["mirror-ops"] }),
    }),
  });
  const listening = provider.listen(port, "127.0.0.1");
  const folder = await mkdtemp(path.join(tmpdir(), "ringfort-oidc-"));
  const clientSecretFile = path.join(folder, "secret");
  await writeFile(clientSecretFile, secret, { mode: 0o600 });
  const oidc = { issuer, clientId: "ringfort", clientSecretFile, redirect, roles: { operator: ["mirror-ops"] } };
  const daemon = await startTestDaemon({ config: { console: { listen: "127.0.0.1:0", oidc } } });
  try {
    const base = /"event":"console.listening","url":"([^"]+)\/"/.exec(daemon.events())?.[1] ?? "";
    assert.deepEqual(await logIn(base, "anna"), { actor: { name: "anna", roles: ["operator"] } });
    const { people } = await daemon.must({ verb: "people" });
    assert.deepEqual(people[0]?.identity, { issuer, subject: "anna" });
  } finally {
    await daemon.end();
    listening.closeAllConnections();
    listening.close();
    await rm(folder, { recursive: true });
  }
});

/** Out to the provider, through its pages as a browser would, and back. */
async function logIn(base: string, name: string): Promise<unknown> {
  const jar = new Map<string, string>();
  const go = async (url: string, body?: URLSearchParams): Promise<Response> => {
    const answer = await fetch(url, {
      method: body === undefined ? "GET" : "POST",
      redirect: "manual",
      headers: { cookie: [...jar].map((pair) => pair.join("=")).join("; ") },
      ...(body === undefined ? {} : { body }),
    });
    for (const set of answer.headers.getSetCookie()) {
      const [, key = "", value = ""] = /^([^=]+)=([^;]*)/.exec(set) ?? [];
      if (value === "") jar.delete(key);
      else jar.set(key, value);
    }
    return answer;
  };
  let url = `${base}/api/v1/oidc/log-in`;
  for (let step = 0; step < 12 && !url.startsWith(redirect); step += 1) {
    let answer = await go(url);
    if (answer.status === 200) {
      // A page that asks: who it is, and then whether this mirror may know.
      const page = await answer.text();
      const action = new URL(/action="([^"]+)"/.exec(page)?.[1] ?? "", url).href;
      const prompt = /name="prompt" value="([^"]+)"/.exec(page)?.[1] ?? "";
      answer = await go(action, new URLSearchParams({ prompt, login: name, password: "any" }));
    }
    url = new URL(answer.headers.get("location") ?? "", url).href;
  }
  return (await go(base + url.slice("http://127.0.0.1:9".length))).json();
}
