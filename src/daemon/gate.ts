import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import { parseSha256, type Sha256 } from "../core/kernel/digest.ts";
import { Failure } from "../core/kernel/errors.ts";
import { type Duration, HOUR, type Instant, MINUTE, SECOND } from "../core/kernel/instant.ts";
import type { Actor, Role } from "../core/model/actor.ts";
import { includesRole, type Person, rolesOfToken, type Token } from "../core/people/person.ts";
import type { Clock, Events, Ledger } from "../core/ports.ts";
import type { Credential } from "../wire/api-requests.ts";
import type { Passwords } from "./passwords.ts";

/** How long a session lives without a request, and at most. */
const SESSION_IDLE: Duration = HOUR;
const SESSION_MOST: Duration = 12 * HOUR;
/** Sessions at once; past it the one used longest ago goes. */
const MOST_SESSIONS = 1_000;
/** Names whose failures are remembered. */
const MOST_NAMES = 4_096;
/** Wrong passwords of one name before it has to wait, and for how long at most. */
const FREE_TRIES = 5;
const LONGEST_WAIT: Duration = 15 * MINUTE;

interface Session {
  readonly person: string;
  readonly since: Instant;
  last: Instant;
}

export interface GateParts {
  readonly ledger: Ledger;
  readonly clock: Clock;
  readonly events: Events;
  readonly passwords: Passwords;
}

/**
 * Who somebody is, for whoever comes over the network. The process that talks to them hands on what they show; only
 * here is it known whether it is good: a console that was taken over acts for those alone who come by.
 */
export class Gate {
  readonly #parts: GateParts;
  readonly #sessions = new Map<string, Session>();
  readonly #failures = new Map<string, { readonly count: number; readonly until: Instant }>();

  constructor(parts: GateParts) {
    this.#parts = parts;
  }

  /** A new session for a name and its password. Throws `Failure` `login.refused`, `login.too-often`. */
  async logIn(name: string, password: string): Promise<{ readonly session: string; readonly actor: Actor }> {
    const { ledger, clock, events, passwords } = this.#parts;
    const held = this.#failures.get(name);
    if (held !== undefined && held.until > clock.now())
      throw new Failure("login.too-often", "too many wrong passwords for this name; wait", { retry: "later" });
    const person = await ledger.person(name);
    const good = await passwords.matches(await ledger.passwordOf(name), password);
    if (!good || person === null || person.disabled) {
      this.#failed(name, clock.now());
      events.emit("login.refused", { name: name.slice(0, 64) });
      throw new Failure("login.refused", "no such name, or another password");
    }
    this.#failures.delete(name);
    events.emit("login.accepted", { name });
    return { session: this.open(person.name), actor: actorOf(person, person.roles) };
  }

  logOut(session: string): void {
    this.#sessions.delete(keyOf(session));
  }

  /** Whoever shows this. Throws `Failure` `login.refused`. */
  async who(credential: Credential): Promise<Actor> {
    const found =
      credential.kind === "token" ? await this.#byToken(credential.token) : this.#bySession(credential.session);
    const person = found === null ? null : await this.#parts.ledger.person(found.person);
    if (found === null || person === null || person.disabled)
      throw new Failure("login.refused", "the token or session is not good, or no longer");
    return actorOf(person, found.token === null ? person.roles : rolesOfToken(person, found.token));
  }

  /** Throws `Failure` `login.role-missing`. */
  require(actor: Actor, needed: Role): void {
    if (!includesRole(actor.roles, needed))
      throw new Failure(
        "login.role-missing",
        `${actor.name} is ${actor.roles.join(", ") || "nothing"}; this takes ${needed}`,
      );
  }

  /** A new session for somebody who has shown who they are. */
  open(person: string): string {
    const session = randomBytes(32).toString("base64url");
    const now = this.#parts.clock.now();
    this.#sessions.set(keyOf(session), { person, since: now, last: now });
    for (const key of this.#sessions.keys()) {
      if (this.#sessions.size <= MOST_SESSIONS) break;
      this.#sessions.delete(key);
    }
    return session;
  }

  #bySession(text: string): { readonly person: string; readonly token: null } | null {
    const now = this.#parts.clock.now();
    const key = keyOf(text);
    const session = this.#sessions.get(key);
    if (session === undefined) return null;
    this.#sessions.delete(key);
    if (now - session.last > SESSION_IDLE || now - session.since > SESSION_MOST) return null;
    session.last = now;
    // Behind all others: the first of the map is the one used longest ago.
    this.#sessions.set(key, session);
    return { person: session.person, token: null };
  }

  async #byToken(text: string): Promise<{ readonly person: string; readonly token: Token } | null> {
    const { ledger, clock } = this.#parts;
    const [, id = "", secret = ""] = TOKEN.exec(text) ?? [];
    const held = await ledger.tokenBy(id);
    if (held === null || !sameHash(held.secretHash, hashOf(secret))) return null;
    const { token } = held;
    if (token.expiresAt !== null && token.expiresAt <= clock.now()) return null;
    // Once a minute is enough to tell a forgotten token from one in use.
    if (token.lastUsedAt === null || clock.now() - token.lastUsedAt > MINUTE) await ledger.touchToken(id, clock.now());
    return { person: token.person, token };
  }

  #failed(name: string, now: Instant): void {
    const count = (this.#failures.get(name)?.count ?? 0) + 1;
    const wait = count < FREE_TRIES ? 0 : Math.min(LONGEST_WAIT, 10 * SECOND * 2 ** (count - FREE_TRIES));
    this.#failures.delete(name);
    this.#failures.set(name, { count, until: now + wait });
    for (const other of this.#failures.keys()) {
      if (this.#failures.size <= MOST_NAMES) break;
      this.#failures.delete(other);
    }
  }
}

const TOKEN = /^rft_([0-9a-f]{16})_([A-Za-z0-9_-]{43})$/;

/** A new token's text, which is shown once, and what is kept of it. */
export function newToken(): { readonly id: string; readonly text: string; readonly secretHash: Sha256 } {
  const id = randomBytes(8).toString("hex");
  const secret = randomBytes(32).toString("base64url");
  return { id, text: `rft_${id}_${secret}`, secretHash: hashOf(secret) };
}

// A secret of 256 random bits needs no slow hash.
function hashOf(secret: string): Sha256 {
  const hash = parseSha256(createHash("sha256").update(secret).digest("hex"));
  if (hash === null) throw new Error("a digest that is none");
  return hash;
}

function keyOf(session: string): string {
  return createHash("sha256").update(session).digest("base64");
}

function sameHash(a: Sha256, b: Sha256): boolean {
  return timingSafeEqual(Buffer.from(a), Buffer.from(b));
}

function actorOf(person: Person, roles: readonly Role[]): Actor {
  return { name: person.name, roles };
}
