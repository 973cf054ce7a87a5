/** What a person may do, from little to much. Each of them may be asked for a sign-off but `viewer`. */
const ROLES = ["viewer", "operator", "approver", "admin"] as const;
export type Role = (typeof ROLES)[number];
