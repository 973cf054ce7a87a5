import * as z from "zod";
import { ROLES } from "../core/model/actor.ts";
import { instant } from "./measures.ts";

/** What the daemon tells of people and tokens; parts of the promised answers of `requests.ts`. */
export const person = z.strictObject({
  name: z.string(),
  roles: z.array(z.enum(ROLES)),
  disabled: z.boolean().describe("may not log in, and no token of theirs is good"),
  hasPassword: z.boolean(),
  identity: z
    .strictObject({ issuer: z.string(), subject: z.string() })
    .nullable()
    .describe("by whom an issuer knows them; null: they are of this mirror alone"),
  createdAt: instant,
});

export const token = z.strictObject({
  id: z.string(),
  person: z.string(),
  label: z.string(),
  roles: z.array(z.enum(ROLES)).nullable().describe("null: all that the person has"),
  createdAt: instant,
  expiresAt: instant.nullable(),
  lastUsedAt: instant.nullable().describe("to the minute"),
});
