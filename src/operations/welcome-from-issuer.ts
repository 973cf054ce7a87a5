import type { OidcConfig } from "../core/config-oidc.ts";
import { Failure } from "../core/kernel/errors.ts";
import type { Role } from "../core/model/actor.ts";
import { type IssuerIdentity, judgeIdentity } from "../core/people/judge-identity.ts";
import type { PeopleDoors } from "./keep-people.ts";

/**
 * Lets in whom an issuer vouches for: as the person that is tied to this issuer and subject, or, the first time, as a new one. Their
 * roles are what their groups give now. Throws `Failure` `login.*`.
 */
export async function welcomeFromIssuer(
  { ledger, clock }: PeopleDoors,
  config: Pick<OidcConfig, "issuer" | "roles" | "require">,
  identity: IssuerIdentity,
): Promise<{ readonly name: string; readonly roles: readonly Role[] }> {
  const { issuer, subject } = identity;
  const known = await ledger.personByIdentity({ issuer, subject });
  const holder = identity.name === null ? null : await ledger.person(identity.name.toLowerCase());
  const verdict = judgeIdentity(identity, config, known, holder);
  if (verdict.kind === "not-accepted") {
    // What a person could yesterday they can no longer: also by a session or a token that is left.
    if (known !== null && !known.disabled && verdict.code === "login.not-allowed") await setRoles(known.name, []);
    throw new Failure(verdict.code, verdict.detail);
  }
  const { name, roles, fresh } = verdict;
  const at = clock.now();
  const fields = { name, issuer, subject, roles: [...roles], fresh };
  const entry = { at, kind: "person.entered", fields } as const;
  if (fresh) {
    const person = { name, roles, disabled: false, createdAt: at };
    // Somebody may have got the name since it was looked for.
    if (!(await ledger.addLinkedPerson(person, { issuer, subject }, entry)))
      throw new Failure("login.name-taken", `"${name}" is somebody else here`);
  } else {
    await setRoles(name, roles);
    await ledger.audit([entry]);
  }
  return { name, roles };

  async function setRoles(who: string, has: readonly Role[]): Promise<void> {
    if (known === null || known.roles.join() === has.join()) return;
    const said = { name: who, roles: [...has], by: issuer, what: "roles" };
    await ledger.audit([{ at: clock.now(), kind: "person.set", fields: said }]);
    await ledger.putPerson({ ...known, roles: has });
  }
}
