import type { Sha256 } from "../core/kernel/digest.ts";
import { Failure } from "../core/kernel/errors.ts";
import type { Duration } from "../core/kernel/instant.ts";
import type { Role } from "../core/model/actor.ts";
import { includesRole, type Person, type PersonIdentity, type Token } from "../core/people/person.ts";
import type { Clock, Events, Ledger } from "../core/ports.ts";

export interface PeopleDoors {
  readonly ledger: Ledger;
  readonly clock: Clock;
  readonly events: Events;
}

/** What is said of a person; `null` where it stays as it is. */
export interface PersonWish {
  readonly name: string;
  /** Whether the person must be new, or known. */
  readonly fresh: boolean;
  readonly roles: readonly Role[] | null;
  readonly disabled: boolean | null;
  readonly by: string;
}

/** Makes somebody known, or changes what they may. Throws `Failure` `person.*`. */
export async function setPerson(doors: PeopleDoors, wish: PersonWish): Promise<Person> {
  const { ledger, clock, events } = doors;
  const held = await ledger.person(wish.name);
  if (wish.fresh && held !== null) throw new Failure("person.exists", `"${wish.name}" is known already`);
  if (!wish.fresh && held === null) throw await unknown(doors, wish.name);
  // Another log-in would give the groups' roles back: here they would be taken for gone.
  if (held !== null && held.identity !== null && wish.roles !== null)
    throw new Failure("person.from-issuer", `${wish.name} logs in through ${held.identity.issuer}`);
  const person = {
    name: wish.name,
    roles: wish.roles ?? held?.roles ?? [],
    disabled: wish.disabled ?? held?.disabled ?? false,
    createdAt: held?.createdAt ?? clock.now(),
  };
  const said = { ...person, roles: [...person.roles], by: wish.by };
  await ledger.audit([{ at: clock.now(), kind: "person.set", fields: { ...said, what: "roles" } }]);
  await ledger.putPerson(person);
  events.emit("person.set", {
    name: person.name,
    roles: person.roles.join(" "),
    disabled: person.disabled,
    by: wish.by,
  });
  return { ...person, hasPassword: held?.hasPassword ?? false, identity: held?.identity ?? null };
}

/**
 * Ties somebody to an issuer's identity. From then on they log in there alone, so that one human is one person here: their password is
 * gone, and their roles are the issuer's to say. Throws `Failure` `person.unknown`, `person.linked-already`.
 */
export async function linkPerson(
  doors: PeopleDoors,
  name: string,
  { issuer, subject }: PersonIdentity,
  by: string,
): Promise<Person> {
  const { ledger, clock, events } = doors;
  if ((await ledger.person(name)) === null) throw await unknown(doors, name);
  const entry = { at: clock.now(), kind: "person.linked", fields: { name, issuer, subject, by } } as const;
  if (!(await ledger.linkPerson(name, { issuer, subject }, entry)))
    throw new Failure("person.linked-already", `"${name}" is linked already, or somebody else to that subject`);
  events.emit("person.linked", { name, issuer, by });
  const linked = await ledger.person(name);
  if (linked === null) throw new Error("people are never forgotten");
  return linked;
}

/** Gives a person a password in its stored form, or takes it away. Throws `Failure` `person.unknown`. */
export async function setPassword(doors: PeopleDoors, name: string, stored: string | null, by: string): Promise<void> {
  const { ledger, clock, events } = doors;
  const held = await ledger.person(name);
  if (held === null) throw await unknown(doors, name);
  // A second way in would outlive what the issuer says of them.
  if (held.identity !== null && stored !== null)
    throw new Failure("person.from-issuer", `${name} logs in through ${held.identity.issuer}`);
  const what = stored === null ? "password taken away" : "password";
  await ledger.audit([{ at: clock.now(), kind: "person.set", fields: { name, what, by } }]);
  await ledger.putPerson(held, stored);
  events.emit("person.set", { name, roles: held.roles.join(" "), disabled: held.disabled, by });
}

export interface TokenWish {
  readonly person: string;
  readonly label: string;
  readonly roles: readonly Role[] | null;
  readonly expiresIn: Duration | null;
  readonly by: string;
}

/** Keeps a new token of a person. Throws `Failure` `person.unknown`, `login.role-missing` for a role that they lack. */
export async function makeToken(
  doors: PeopleDoors,
  wish: TokenWish,
  fresh: { readonly id: string; readonly secretHash: Sha256 },
): Promise<Token> {
  const { ledger, clock, events } = doors;
  const person = await ledger.person(wish.person);
  if (person === null) throw await unknown(doors, wish.person);
  const beyond = (wish.roles ?? []).filter((role) => !includesRole(person.roles, role));
  if (beyond.length > 0) throw new Failure("login.role-missing", `${person.name} is not ${beyond.join(", ")}`);
  const now = clock.now();
  const token: Token = {
    id: fresh.id,
    person: wish.person,
    label: wish.label,
    roles: wish.roles,
    createdAt: now,
    expiresAt: wish.expiresIn === null ? null : now + wish.expiresIn,
    lastUsedAt: null,
  };
  const roles = wish.roles === null ? null : [...wish.roles];
  const said = {
    id: token.id,
    person: token.person,
    label: token.label,
    roles,
    expiresAt: token.expiresAt,
    by: wish.by,
  };
  await ledger.audit([{ at: now, kind: "token.made", fields: said }]);
  await ledger.putToken(token, fresh.secretHash);
  events.emit("token.made", { id: token.id, person: token.person, label: token.label, by: wish.by });
  return token;
}

/** From now on it is not good. Throws `Failure` `token.unknown`. */
export async function revokeToken({ ledger, clock, events }: PeopleDoors, id: string, by: string): Promise<void> {
  const held = await ledger.tokenBy(id);
  if (held === null) throw new Failure("token.unknown", `no token ${id}; ringfort token list shows them`);
  const { person, label } = held.token;
  await ledger.audit([{ at: clock.now(), kind: "token.revoked", fields: { id, person, label, by } }]);
  await ledger.removeToken(id);
  events.emit("token.revoked", { id, person, label, by });
}

async function unknown({ ledger }: PeopleDoors, name: string): Promise<Failure> {
  const names = (await ledger.people()).map((person) => person.name).join(", ");
  return new Failure("person.unknown", `nobody is "${name}"; there is ${names || "nobody yet"}`);
}
