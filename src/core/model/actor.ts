/** What a person may do, from little to much. Each of them may be asked for a sign-off but `viewer`. */
export const ROLES = ["viewer", "operator", "approver", "admin"] as const;
export type Role = (typeof ROLES)[number];

/** Who asks: a name, and the roles that it had when it asked. */
export interface Actor {
  readonly name: string;
  readonly roles: readonly Role[];
}
