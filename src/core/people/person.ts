import * as z from "zod";
import type { Instant } from "../kernel/instant.ts";
import { ROLES, type Role } from "../model/actor.ts";

/**
 * What somebody may do. `viewer` looks; `operator` syncs, promotes, holds and goes back; `approver` signs off;
 * `admin` says what is trusted, which rules hold, and who may what.
 */
export const role = z.enum(ROLES);

/** As it stands in records: small, so that two spellings are never two persons. */
export const personName = z
  .string()
  .max(64)
  .regex(
    /^[a-z0-9][a-z0-9._@-]*$/,
    "a person's name is 1 to 64 small letters, digits, dots, dashes, underscores and @, the first a letter or digit",
  );

/** An issuer, and its own name for somebody, which it gives to nobody else. */
export interface PersonIdentity {
  readonly issuer: string;
  readonly subject: string;
}

export interface Person {
  readonly name: string;
  readonly roles: readonly Role[];
  /** May not log in, and no token of theirs is good. Nobody is ever forgotten: the record speaks of them. */
  readonly disabled: boolean;
  readonly hasPassword: boolean;
  /** By whom an issuer knows them; `null`: they are of this mirror alone. */
  readonly identity: PersonIdentity | null;
  readonly createdAt: Instant;
}

/** A key for a program, or for a command line: it acts for its person, with no more than their roles. */
export interface Token {
  /** Public: it names the token, and begins its text. */
  readonly id: string;
  readonly person: string;
  /** What it is for. */
  readonly label: string;
  /** `null`: all that the person has, now and later. */
  readonly roles: readonly Role[] | null;
  readonly createdAt: Instant;
  /** `null`: never. */
  readonly expiresAt: Instant | null;
  readonly lastUsedAt: Instant | null;
}

/** Whether these roles are enough. An admin may all but sign off: nobody becomes an approver by the way. */
export function includesRole(roles: readonly Role[], needed: Role): boolean {
  if (roles.includes(needed)) return true;
  if (needed === "viewer") return roles.length > 0;
  return needed === "operator" && roles.includes("admin");
}

/** What a token may do of what its person may. */
export function rolesOfToken(person: Pick<Person, "roles">, token: Pick<Token, "roles">): readonly Role[] {
  return token.roles === null ? person.roles : token.roles.filter((each) => includesRole(person.roles, each));
}
