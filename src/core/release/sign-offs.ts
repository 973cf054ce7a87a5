import type { Role } from "../model/actor.ts";
import type { SignOffDemand } from "../model/policy.ts";
import type { SignOff } from "../model/proposal.ts";

/** Of several rules that ask for the same role, the one that asks for more people counts. */
export function strictest(rules: readonly (readonly SignOffDemand[])[]): readonly SignOffDemand[] {
  const people = new Map<SignOffDemand["role"], number>();
  for (const { role, people: count } of rules.flat()) people.set(role, Math.max(people.get(role) ?? 0, count));
  return [...people].map(([role, count]) => ({ role, people: count }));
}

/**
 * What is still missing; empty when all is met. One person counts once, whatever roles they have and however often
 * they signed, and nobody who wrote the proposal counts. Who has two of the roles is counted where they are needed.
 */
export function missingSignOffs(
  demands: readonly SignOffDemand[],
  signOffs: readonly Pick<SignOff, "by" | "roles">[],
  authors: readonly string[],
): readonly SignOffDemand[] {
  const people = new Map<string, readonly Role[]>();
  for (const { by, roles } of signOffs) if (!authors.includes(by) && !people.has(by)) people.set(by, roles);
  const places = demands.flatMap(({ role, people: count }) => Array.from({ length: count }, () => role));
  const empty = unfilled(places, [...people.values()]);
  return demands.flatMap(({ role }) => {
    const count = empty.filter((each) => each === role).length;
    return count === 0 ? [] : [{ role, people: count }];
  });
}

/** Places that nobody can take when everybody takes at most one: a greatest matching by augmenting paths. */
function unfilled(
  places: readonly SignOffDemand["role"][],
  people: readonly (readonly Role[])[],
): readonly SignOffDemand["role"][] {
  const placeOf = new Map<number, number>();
  const seat = (place: number, asked: Set<number>): boolean => {
    const role = places[place];
    for (const [person, roles] of people.entries()) {
      if (role === undefined || !roles.includes(role) || asked.has(person)) continue;
      asked.add(person);
      const taken = placeOf.get(person);
      if (taken !== undefined && !seat(taken, asked)) continue;
      placeOf.set(person, place);
      return true;
    }
    return false;
  };
  return places.filter((_, place) => !seat(place, new Set()));
}

/** "2 approvers, 1 admin". */
export function demandsText(demands: readonly SignOffDemand[]): string {
  return demands.map(({ role, people }) => `${people} ${role}${people === 1 ? "" : "s"}`).join(", ");
}
