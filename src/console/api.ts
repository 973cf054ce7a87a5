import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from "fastify";
import { OIDC_CALLBACK } from "../core/config-oidc.ts";
import { Failure, type FailureCode, type Refusal } from "../core/kernel/errors.ts";
import { METRICS_TYPE } from "../core/metrics/exposition.ts";
import { type ApiRequest, apiResults, type Credential } from "../wire/api-requests.ts";
import { request as requestSchema, results } from "../wire/requests.ts";
import { type Cookies, cookiesOf } from "./cookies.ts";
import { openApi } from "./openapi.ts";

export interface ApiParts {
  /** Asks the keeper; throws `Failure`. */
  readonly ask: (request: ApiRequest) => Promise<unknown>;
  readonly tls: { readonly certificate: string; readonly key: string } | null;
  readonly version: string;
  /** `null`: nobody logs in through an issuer, and no cookie is set or read. */
  readonly issuer: { readonly secure: boolean } | null;
}

/** Bytes of a request's body; the keeper takes no more either. */
const MOST_BODY = 512 * 1024;
const MOST_CONNECTIONS = 256;

/** The API over HTTP: it knows nobody and holds nothing, and hands what it is shown on to the keeper. */
export function buildApi({ ask, tls, version, issuer }: ApiParts): FastifyInstance {
  const api = fastify({
    bodyLimit: MOST_BODY,
    connectionTimeout: 60_000,
    requestTimeout: 10_000,
    keepAliveTimeout: 5_000,
    routerOptions: { maxParamLength: 64 },
    http: { maxHeaderSize: 8_192 },
    ...(tls === null
      ? {}
      : { https: { cert: tls.certificate, key: tls.key, minVersion: "TLSv1.2", maxHeaderSize: 8_192 } }),
  }) as FastifyInstance;
  api.server.maxConnections = MOST_CONNECTIONS;
  const cookies = issuer === null ? null : cookiesOf(issuer.secure);
  api.addHook("onSend", async (_request, reply) => {
    // No page of anybody's may frame, sniff or keep what stands here.
    reply.headers({
      "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
      "X-Content-Type-Options": "nosniff",
      "Cache-Control": "no-store",
      "Referrer-Policy": "no-referrer",
      ...(tls === null ? {} : { "Strict-Transport-Security": "max-age=31536000" }),
    });
  });
  api.setErrorHandler((error, _request, reply) => answerError(error, reply));
  api.setNotFoundHandler((_request, reply) =>
    reply.code(404).send({ error: { kind: "failed", code: "request.malformed", detail: "nothing is there" } }),
  );
  api.post("/api/v1/log-in", async ({ body }) => {
    const { name, password } = (body ?? {}) as Readonly<Record<string, unknown>>;
    if (typeof name !== "string" || typeof password !== "string")
      throw new Failure("request.malformed", "a login is a name and a password");
    return ask({ kind: "log-in", name: name.slice(0, 64), password: password.slice(0, 1_024) });
  });
  api.post("/api/v1/log-out", async (request, reply) => {
    const shown = credentialOf(request, cookies);
    if (shown.kind === "session") await ask({ kind: "log-out", session: shown.session });
    if (cookies?.read(request, "session") !== null) cookies?.clear(reply, "session");
    return {};
  });
  api.get("/api/v1/me", async (request) => ask({ kind: "who", credential: credentialOf(request, cookies) }));
  api.get("/api/v1/openapi.json", async () => openApi(version));
  api.get("/metrics", async (request, reply) => {
    const asked = { kind: "ask", credential: credentialOf(request, cookies), request: { verb: "metrics" } } as const;
    const { text } = results.metrics.parse(await ask(asked));
    return reply.type(METRICS_TYPE).send(text);
  });
  if (cookies !== null) addIssuerLogin(api, ask, cookies);
  api.post("/api/v1/:verb", async (request, reply) => {
    const credential = credentialOf(request, cookies);
    const { verb } = request.params as { readonly verb: string };
    const answer = await ask({ kind: "ask", credential, request: readVerb(verb, request.body) });
    return isRefusal(answer) ? answerRefusal(answer, reply) : answer;
  });
  return api;
}

/** The body with its verb; who asks is the keeper's to know, so that no `by` of a stranger's is taken. */
function readVerb(verb: string, body: unknown): Extract<ApiRequest, { kind: "ask" }>["request"] {
  const given = typeof body === "object" && body !== null && !Array.isArray(body) ? body : {};
  for (const by of [{}, { by: "" }]) {
    const parsed = requestSchema.safeParse({ ...given, ...by, verb });
    if (parsed.success) return parsed.data;
  }
  const { error } = requestSchema.safeParse({ ...given, by: "", verb });
  const issue = error?.issues[0];
  const place = issue?.path.join(".") || "the request";
  throw new Failure("request.malformed", `${place}: ${issue?.message ?? "unreadable"}`);
}

/**
 * Browsers that log in through the issuer: out by one link, and back by another, with a cookie that ties the two together. The
 * session's cookie is always a new one, so that nobody sits in a session that another has begun for them.
 */
function addIssuerLogin(api: FastifyInstance, ask: ApiParts["ask"], cookies: Cookies): void {
  api.get("/api/v1/oidc/log-in", async (_request, reply) => {
    const { url, flow } = apiResults["oidc-begin"].parse(await ask({ kind: "oidc-begin" }));
    cookies.write(reply, "login", flow);
    return reply.redirect(url, 303);
  });
  api.get(OIDC_CALLBACK, async (request, reply) => {
    const flow = cookies.read(request, "login") ?? "";
    const query = request.url.slice(request.url.indexOf("?") + 1).slice(0, 8_192);
    cookies.clear(reply, "login");
    const { session, actor } = apiResults["oidc-end"].parse(await ask({ kind: "oidc-end", flow, query }));
    cookies.write(reply, "session", session);
    return { actor };
  });
}

/**
 * `Authorization: Bearer` and a token or a session (RFC 6750 section 2.1); or a session's cookie with the header `X-Ringfort: 1`,
 * which no form and no page of another origin can send: browsers ask us first whether they may, and we never say so.
 */
function credentialOf(request: FastifyRequest, cookies: Cookies | null): Credential {
  if (request.headers.authorization === undefined && request.headers["x-ringfort"] === "1") {
    const session = cookies?.read(request, "session") ?? null;
    if (session !== null) return { kind: "session", session };
  }
  const [, shown = ""] = /^Bearer ([A-Za-z0-9_-]{1,128})$/.exec(request.headers.authorization ?? "") ?? [];
  if (shown === "")
    throw new Failure("login.refused", "nothing was shown: Authorization: Bearer and a token or a session");
  return shown.startsWith("rft_") ? { kind: "token", token: shown } : { kind: "session", session: shown.slice(0, 64) };
}

function isRefusal(answer: unknown): answer is Refusal {
  return typeof answer === "object" && answer !== null && "kind" in answer && answer.kind === "refused";
}

function answerRefusal({ code, detail }: Refusal, reply: FastifyReply): FastifyReply {
  return reply.code(409).send({ error: { kind: "refused", code, detail } });
}

const STATUSES: Readonly<Partial<Record<FailureCode, number>>> = {
  "login.refused": 401,
  "login.role-missing": 403,
  "login.stale": 400,
  "login.not-believed": 401,
  "login.not-allowed": 403,
  "login.name-taken": 409,
  "issuer.unfit": 502,
  "login.too-often": 429,
  "request.malformed": 400,
  "password.unfit": 400,
  "source.invalid": 400,
};

function answerError(error: unknown, reply: FastifyReply): FastifyReply {
  if (error instanceof Failure) {
    const { code, message: detail, retry } = error;
    const missing = code.endsWith(".unknown") ? 404 : code.endsWith(".exists") || code.endsWith("-use") ? 409 : 500;
    if (code === "login.refused") reply.header("WWW-Authenticate", "Bearer");
    const status = STATUSES[code] ?? (retry === "later" ? 503 : missing);
    return reply.code(status).send({ error: { kind: "failed", code, detail } });
  }
  // What fastify itself refuses: a body that is no JSON, or too large, another content type.
  const status = error instanceof Error && "statusCode" in error ? Number(error.statusCode) : 500;
  if (status >= 500) throw error;
  const detail = error instanceof Error ? error.message : "unreadable";
  return reply.code(status).send({ error: { kind: "failed", code: "request.malformed", detail } });
}
