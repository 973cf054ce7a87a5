import assert from "node:assert/strict";
import { test } from "node:test";
import { buildApi } from "./api.ts";

const SESSION = "s".repeat(43);

function apiOf(secure: boolean | null) {
  const asked: unknown[] = [];
  const ask = async (request: { readonly kind: string }): Promise<unknown> => {
    asked.push(request);
    if (request.kind === "oidc-begin") return { url: "https://login.example/authorize?x=1", flow: "f".repeat(43) };
    return { session: SESSION, actor: { name: "anna", roles: [] } };
  };
  const issuer = secure === null ? null : { secure };
  return { asked, api: buildApi({ ask, tls: null, version: "0", issuer }) };
}

test("behind https both cookies are for this host alone, for no script, and never in clear", async () => {
  const { api, asked } = apiOf(true);
  const out = await api.inject({ url: "/api/v1/oidc/log-in" });
  assert.deepEqual([out.statusCode, out.headers.location], [303, "https://login.example/authorize?x=1"]);
  assert.equal(
    out.headers["set-cookie"],
    `__Host-ringfort-login=${"f".repeat(43)}; Path=/; HttpOnly; SameSite=Lax; Max-Age=600; Secure`,
  );
  const cookie = `__Host-ringfort-login=${"f".repeat(43)}`;
  const back = await api.inject({ url: "/api/v1/oidc/callback?code=c&state=s", headers: { cookie } });
  assert.deepEqual(asked.at(-1), { kind: "oidc-end", flow: "f".repeat(43), query: "code=c&state=s" });
  assert.deepEqual(back.headers["set-cookie"], [
    "__Host-ringfort-login=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0; Secure",
    `__Host-ringfort-session=${SESSION}; Path=/; HttpOnly; SameSite=Strict; Max-Age=43200; Secure`,
  ]);
  assert.equal(back.headers["cache-control"], "no-store");
  assert.deepEqual(back.json(), { actor: { name: "anna", roles: [] } });
});

test("a cookie without the prefix, which a neighbour in the domain or a line in clear can plant, is none", async () => {
  const { api, asked } = apiOf(true);
  await api.inject({ url: "/api/v1/oidc/callback?code=c", headers: { cookie: `ringfort-login=${"f".repeat(43)}` } });
  assert.deepEqual(asked.at(-1), { kind: "oidc-end", flow: "", query: "code=c" });
  const headers = { cookie: `ringfort-session=${SESSION}`, "x-ringfort": "1" };
  assert.equal((await api.inject({ url: "/api/v1/me", headers })).statusCode, 401);
});

test("without an issuer there is no way out or back, and no cookie is read", async () => {
  const { api, asked } = apiOf(null);
  assert.equal((await api.inject({ url: "/api/v1/oidc/log-in" })).statusCode, 404);
  assert.equal((await api.inject({ url: "/api/v1/oidc/callback?code=c" })).statusCode, 404);
  const headers = { cookie: `ringfort-session=${SESSION}; __Host-ringfort-session=${SESSION}`, "x-ringfort": "1" };
  assert.equal((await api.inject({ url: "/api/v1/me", headers })).statusCode, 401);
  assert.deepEqual(asked, []);
});

test("what is shown in the header goes before any cookie", async () => {
  const { api, asked } = apiOf(false);
  const headers = { authorization: "Bearer rft_x", cookie: `ringfort-session=${SESSION}`, "x-ringfort": "1" };
  await api.inject({ url: "/api/v1/me", headers });
  assert.deepEqual(asked.at(-1), { kind: "who", credential: { kind: "token", token: "rft_x" } });
});
