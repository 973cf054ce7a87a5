import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { OpenIdProvider } from "../../test/fixtures/openid-provider.ts";
import { makeCertificate } from "../../test/upstream/certificate.ts";
import { beginLogin, endLogin } from "./ask-issuer.ts";

describe("an issuer over https", () => {
  const redirect = "https://mirror.example/api/v1/oidc/callback";
  const text = "x".repeat(43);
  let provider: OpenIdProvider;
  let authority: string;

  before(async () => {
    const tls = await makeCertificate(["localhost"]);
    authority = tls.cert;
    provider = new OpenIdProvider({ clientId: "ringfort", clientSecret: "secret", redirect }, tls);
    await provider.start();
  });
  after(() => provider.close());

  const terms = (authorities: string[]) => ({
    issuer: provider.issuer,
    clientId: "ringfort",
    redirect,
    hosts: [],
    authorities,
  });
  const secrets = { state: text, nonce: text };
  const begin = (authorities: string[]) =>
    beginLogin({ kind: "login-begin", ...terms(authorities), ...secrets, scopes: ["openid"], challenge: text });

  test("with the authority that the configuration names a browser is sent out, with all that ties it to its way back", async () => {
    const { url } = await begin([authority]);
    assert.ok(url.startsWith(`${provider.issuer}/authorize?`));
    assert.deepEqual(Object.fromEntries(new URL(url).searchParams), {
      response_type: "code",
      client_id: "ringfort",
      redirect_uri: redirect,
      scope: "openid",
      state: text,
      nonce: text,
      code_challenge: text,
      code_challenge_method: "S256",
    });
  });

  test("one whose certificate nobody vouches for is not asked", async () => {
    await assert.rejects(begin([]), { code: "issuer.unreachable", retry: "later" });
  });

  test("one over https names no addresses in clear", async () => {
    const { issuer } = provider;
    const clear = issuer.replace("https:", "http:");
    provider.faults = { discovery: (document) => ({ ...document, authorization_endpoint: `${clear}/authorize` }) };
    await assert.rejects(begin([authority]), { code: "issuer.unfit" });
    provider.faults = { discovery: (document) => ({ ...document, token_endpoint: `${clear}/token` }) };
    const claims = { nameClaim: "name", groupsClaim: "groups", requiredClaims: [] };
    const query = `code=c&state=${text}&iss=${encodeURIComponent(issuer)}`;
    const end = { ...terms([authority]), ...secrets, ...claims, clientSecret: "secret", verifier: text, query };
    await assert.rejects(endLogin({ kind: "login-end", ...end }), (error: { readonly code?: string }) =>
      ["issuer.unfit", "login.not-believed"].includes(error.code ?? ""),
    );
    assert.ok(!provider.asked.includes("POST /token"));
  });
});
