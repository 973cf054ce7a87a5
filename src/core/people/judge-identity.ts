import type { OidcConfig } from "../config-oidc.ts";
import type { FailureCode } from "../kernel/errors.ts";
import { ROLES, type Role } from "../model/actor.ts";
import { type Person, personName } from "./person.ts";

/** What an issuer says of somebody, after its word was proved to be its own. */
export interface IssuerIdentity {
  readonly issuer: string;
  /** With the issuer, who it is: never given to another, whatever name they take (OpenID Connect Core, section 5.7). */
  readonly subject: string;
  readonly name: string | null;
  readonly groups: readonly string[];
  /** The values of the claims that the configuration demands something of. */
  readonly required: Readonly<Record<string, readonly string[]>>;
}

export type IdentityVerdict =
  | { readonly kind: "accepted"; readonly name: string; readonly roles: readonly Role[]; readonly fresh: boolean }
  | { readonly kind: "not-accepted"; readonly code: FailureCode; readonly detail: string };

/**
 * Whether somebody whom an issuer vouches for may come in, as whom, and what they may. `known`: the person with this issuer and
 * subject; `holder`: the person with the name that the issuer gives. A name that somebody has is never taken over: the issuer's user
 * chose it perhaps. Roles are the groups' alone, anew at each log-in; nothing makes an admin by the way. Pure.
 */
export function judgeIdentity(
  identity: IssuerIdentity,
  { issuer, roles: mapping, require }: Pick<OidcConfig, "issuer" | "roles" | "require">,
  known: Person | null,
  holder: Person | null,
): IdentityVerdict {
  if (identity.issuer !== issuer || identity.subject === "")
    return { kind: "not-accepted", code: "login.not-believed", detail: "the identity is not of this issuer" };
  for (const [claim, allowed] of Object.entries(require))
    if (!(identity.required[claim] ?? []).some((value) => allowed.includes(value)))
      return notAllowed(`the claim ${claim} has none of the values that are asked for`);
  const roles = ROLES.filter((role) => mapping[role]?.some((group) => identity.groups.includes(group)));
  if (known !== null) {
    if (known.disabled) return notAllowed(`${known.name} is disabled`);
    return roles.length === 0 ? noRole(known.name) : { kind: "accepted", name: known.name, roles, fresh: false };
  }
  const name = personName.safeParse((identity.name ?? "").toLowerCase());
  if (!name.success) return notAllowed("the issuer gives no name that a person here may have");
  if (roles.length === 0) return noRole(name.data);
  if (holder === null) return { kind: "accepted", name: name.data, roles, fresh: true };
  const detail = `"${name.data}" is somebody else here, or the same without a link`;
  return { kind: "not-accepted", code: "login.name-taken", detail };
}

function noRole(name: string): IdentityVerdict {
  return notAllowed(`${name} is in no group that has a role here`);
}

function notAllowed(detail: string): IdentityVerdict {
  return { kind: "not-accepted", code: "login.not-allowed", detail };
}
