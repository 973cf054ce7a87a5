import { createHash, randomBytes } from "node:crypto";
import type { OidcConfig } from "../core/config-oidc.ts";
import { Failure } from "../core/kernel/errors.ts";
import { type Duration, type Instant, MINUTE } from "../core/kernel/instant.ts";
import type { Actor } from "../core/model/actor.ts";
import type { PeopleDoors } from "../operations/keep-people.ts";
import { welcomeFromIssuer } from "../operations/welcome-from-issuer.ts";
import { type IssuerTerms, loginAnswer } from "../wire/login-jobs.ts";
import { askWorker } from "./ask-worker.ts";
import type { Gate } from "./gate.ts";
import type { JobLanes } from "./job-lanes.ts";

/** How long somebody may take at the issuer. */
const PATIENCE: Duration = 10 * MINUTE;
/** Log-ins that are begun and not ended; past it the oldest go. */
const MOST_BEGUN = 1_000;
/** Questions to the issuer at once, asked or waiting: anybody may begin a log-in. */
const MOST_ASKING = 16;
/** The longest that the issuer may take for all that one question needs. */
const LIMIT: Duration = MINUTE;

interface Begun {
  readonly state: string;
  readonly nonce: string;
  readonly verifier: string;
  readonly since: Instant;
}

export interface IssuerLoginParts extends PeopleDoors {
  readonly config: OidcConfig;
  readonly lanes: JobLanes;
  readonly gate: Pick<Gate, "open">;
  readonly readSecret: (file: string) => Promise<string>;
}

/**
 * Log-in through an OpenID provider: the authorization code flow with PKCE, state and nonce (OpenID Connect Core section 3.1, RFC 7636,
 * RFC 9700 section 2.1). What ties the way out to the way back stays here; the process that asks the issuer, and the one that
 * speaks to browsers, learn of one log-in at a time and keep nothing.
 */
export class IssuerLogin {
  readonly #parts: IssuerLoginParts;
  readonly #begun = new Map<string, Begun>();
  #asking = 0;

  constructor(parts: IssuerLoginParts) {
    this.#parts = parts;
  }

  /** Where a browser goes to log in, and what it must show when it comes back. Throws `Failure` `issuer.*`, `login.too-often`. */
  async begin(): Promise<{ readonly url: string; readonly flow: string }> {
    const { config, clock } = this.#parts;
    const flow = randomText();
    const begun = { state: randomText(), nonce: randomText(), verifier: randomText(), since: clock.now() };
    const challenge = createHash("sha256").update(begun.verifier).digest("base64url");
    const { state, nonce } = begun;
    const request = { kind: "login-begin", ...termsOf(config), scopes: config.scopes, state, nonce, challenge };
    const answer = await this.#ask(request);
    if (answer.kind !== "go") throw new Failure("worker.protocol", "an answer to another question");
    this.#begun.set(keyOf(flow), begun);
    for (const key of this.#begun.keys()) {
      if (this.#begun.size <= MOST_BEGUN) break;
      this.#begun.delete(key);
    }
    return { url: answer.url, flow };
  }

  /**
   * A session for whoever the issuer has sent back. One try for each beginning, by the browser that began it: a code that
   * somebody else brings, or brings again, is not even asked about. Throws `Failure` `login.*`, `issuer.*`.
   */
  async end(flow: string, query: string): Promise<{ readonly session: string; readonly actor: Actor }> {
    const { config, clock, gate, events, readSecret } = this.#parts;
    try {
      const begun = this.#begun.get(keyOf(flow));
      this.#begun.delete(keyOf(flow));
      if (begun === undefined || clock.now() - begun.since > PATIENCE)
        throw new Failure("login.stale", "this browser has begun no log-in, or too long ago, or has ended it already");
      const { state, nonce, verifier } = begun;
      if (new URLSearchParams(query).get("state") !== state)
        throw new Failure("login.stale", "the answer belongs to another log-in");
      const { nameClaim, groupsClaim, require } = config;
      const secrets = { clientSecret: await readSecret(config.clientSecretFile), state, nonce, verifier };
      const claims = { nameClaim, groupsClaim, requiredClaims: Object.keys(require) };
      const answer = await this.#ask({ kind: "login-end", ...termsOf(config), ...secrets, query, ...claims });
      if (answer.kind !== "identity") throw new Failure("worker.protocol", "an answer to another question");
      const person = await welcomeFromIssuer(this.#parts, config, answer);
      events.emit("login.accepted", { name: person.name, issuer: config.issuer });
      return { session: gate.open(person.name), actor: { name: person.name, roles: person.roles } };
    } catch (error) {
      if (error instanceof Failure)
        events.emit("login.refused", { name: "", issuer: config.issuer, code: error.code, detail: error.message });
      throw error;
    }
  }

  async #ask(request: unknown) {
    if (this.#asking >= MOST_ASKING)
      throw new Failure("login.too-often", "many log in at this moment; try again", { retry: "later" });
    this.#asking += 1;
    try {
      return await askWorker(this.#parts.lanes, request, loginAnswer, LIMIT);
    } finally {
      this.#asking -= 1;
    }
  }
}

function termsOf({ issuer, clientId, redirect, hosts, authorities }: OidcConfig): IssuerTerms {
  return { issuer, clientId, redirect, hosts, authorities };
}

/** 256 bits that nobody can guess; as a code verifier, 43 characters (RFC 7636 section 4.1). */
function randomText(): string {
  return randomBytes(32).toString("base64url");
}

function keyOf(flow: string): string {
  return createHash("sha256").update(flow).digest("base64");
}
