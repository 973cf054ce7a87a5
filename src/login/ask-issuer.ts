import * as oauth from "oauth4webapi";
import { Failure, quoteOutside } from "../core/kernel/errors.ts";
import type { IssuerTerms, LoginAnswer, LoginRequest } from "../wire/login-jobs.ts";
import { issuerFetch } from "./issuer-fetch.ts";

type Begin = Extract<LoginRequest, { kind: "login-begin" }>;
type End = Extract<LoginRequest, { kind: "login-end" }>;

/** Where a browser is sent to log in. Throws `Failure` `issuer.*`. */
export async function beginLogin(asked: Begin): Promise<Extract<LoginAnswer, { kind: "go" }>> {
  const { server } = await discover(asked);
  const endpoint = server.authorization_endpoint;
  if (endpoint === undefined || !URL.canParse(endpoint))
    throw new Failure("issuer.unfit", "the issuer names no address to log in at");
  const url = new URL(endpoint);
  // The browser is sent there: an address of any other scheme would be a script or a program.
  if (url.protocol !== new URL(asked.issuer).protocol)
    throw new Failure("issuer.unfit", "the issuer's address to log in at is of another scheme");
  const parameters = {
    response_type: "code",
    client_id: asked.clientId,
    redirect_uri: asked.redirect,
    scope: asked.scopes.join(" "),
    state: asked.state,
    nonce: asked.nonce,
    code_challenge: asked.challenge,
    code_challenge_method: "S256",
  };
  for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value);
  if (url.href.length > 8_192) throw new Failure("issuer.unfit", "the issuer's address to log in at is too long");
  return { kind: "go", url: url.href };
}

/**
 * Exchanges what the browser came back with for an ID token, and verifies it: the issuer of the answer and of the token, state,
 * nonce, audience, times, and the signature by the issuer's present keys, which are asked for each time. The library refuses `alg: none` and
 * every algorithm that the issuer has not announced. Throws `Failure` `issuer.*`, `login.not-believed`.
 */
export async function endLogin(asked: End): Promise<Extract<LoginAnswer, { kind: "identity" }>> {
  const { server, client, options } = await discover(asked);
  const methods = server.token_endpoint_auth_methods_supported ?? ["client_secret_basic"];
  const authentication = methods.includes("client_secret_basic")
    ? oauth.ClientSecretBasic(asked.clientSecret)
    : oauth.ClientSecretPost(asked.clientSecret);
  const claims = await believed(async () => {
    const parameters = oauth.validateAuthResponse(server, client, new URLSearchParams(asked.query), asked.state);
    const { redirect, verifier } = asked;
    const answer = await oauth.authorizationCodeGrantRequest(
      server,
      client,
      authentication,
      parameters,
      redirect,
      verifier,
      options,
    );
    const expected = { expectedNonce: asked.nonce, requireIdToken: true };
    const tokens = await oauth.processAuthorizationCodeResponse(server, client, answer, expected);
    await oauth.validateApplicationLevelSignature(server, answer, options);
    return oauth.getValidatedIdTokenClaims(tokens);
  });
  if (claims === undefined) throw new Failure("login.not-believed", "the issuer gave no ID token");
  // OpenID Connect Core section 2: 255 characters at most.
  if (claims.sub.length > 255) throw new Failure("issuer.unfit", "the issuer's name for somebody is too long");
  const [name = null] = textsOf(claims[asked.nameClaim]);
  return {
    kind: "identity",
    issuer: claims.iss,
    subject: claims.sub,
    name,
    groups: textsOf(claims[asked.groupsClaim]),
    required: Object.fromEntries(asked.requiredClaims.map((claim) => [claim, textsOf(claims[claim])])),
  };
}

async function discover({ issuer, clientId, hosts, authorities }: IssuerTerms) {
  const identifier = new URL(issuer);
  const options = {
    [oauth.customFetch]: issuerFetch({ issuer, hosts, authorities }),
    // The configuration takes http for the loopback alone.
    [oauth.allowInsecureRequests]: identifier.protocol === "http:",
  };
  const server = await fit(async () =>
    oauth.processDiscoveryResponse(identifier, await oauth.discoveryRequest(identifier, options)),
  );
  return { server, client: { client_id: clientId }, options };
}

/** Texts of a claim that holds one or many; what is no text, or too long for a name, is none. */
function textsOf(claim: unknown): string[] {
  const all: readonly unknown[] = Array.isArray(claim) ? claim : [claim];
  return all.filter((each): each is string => typeof each === "string" && each.length <= 256).slice(0, 1_000);
}

function fit<T>(work: () => Promise<T>): Promise<T> {
  return orFailure("issuer.unfit", work);
}

function believed<T>(work: () => Promise<T>): Promise<T> {
  return orFailure("login.not-believed", work);
}

/** What the library refuses, it throws as errors of its own; a bug of ours is none of them. */
async function orFailure<T>(code: "issuer.unfit" | "login.not-believed", work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (cause instanceof Failure) throw cause;
    const known =
      cause instanceof oauth.OperationProcessingError ||
      cause instanceof oauth.UnsupportedOperationError ||
      cause instanceof oauth.ResponseBodyError ||
      cause instanceof oauth.AuthorizationResponseError ||
      cause instanceof oauth.WWWAuthenticateChallengeError;
    if (!known) throw cause;
    throw new Failure(code, quoteOutside(cause.message, 500), { cause });
  }
}
