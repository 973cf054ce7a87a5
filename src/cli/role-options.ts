import { Option } from "commander";
import { ROLES, type Role } from "../core/model/actor.ts";

/** `--role` as often as there are roles. */
export function roleOption(meaning: string): Option {
  return new Option("--role <role...>", meaning).choices([...ROLES]);
}

/** commander has let nothing else through. */
export function rolesFrom(written: readonly string[] | undefined): Role[] | null {
  return written === undefined ? null : ROLES.filter((role) => written.includes(role));
}
