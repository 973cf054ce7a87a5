import * as z from "zod";
import type { Sha256 } from "../../core/kernel/digest.ts";
import type { AuditDraft } from "../../core/model/audit-entry.ts";
import { type Person, type PersonIdentity, role, type Token } from "../../core/people/person.ts";
import type { PeopleBook, PersonDraft } from "../../core/ports.ts";
import { appendAudit } from "./audit-rows.ts";
import type { Connection, Row } from "./connection.ts";
import { text, whole, wholeOrNull } from "./rows.ts";

const roles = z.array(role);

/** A ledger's part for people and their tokens. */
export function peopleBook(connection: Connection): PeopleBook {
  return {
    people: async () => connection.all("SELECT * FROM person ORDER BY name").map(personFrom),
    person: async (name) => {
      const row = connection.get("SELECT * FROM person WHERE name = ?", name);
      return row === undefined ? null : personFrom(row);
    },
    passwordOf: async (name) =>
      textOrNull(connection.get("SELECT password FROM person WHERE name = ?", name)?.["password"]),
    putPerson: async (person, password) =>
      connection.transaction(() => {
        putPerson(connection, person);
        if (password === undefined) return;
        connection.run("UPDATE person SET password = ? WHERE name = ?", password, person.name);
      }),
    personByIdentity: async ({ issuer, subject }) => {
      const row = connection.get("SELECT * FROM person WHERE issuer = ? AND subject = ?", issuer, subject);
      return row === undefined ? null : personFrom(row);
    },
    addLinkedPerson: async (person, identity, entry) =>
      connection.transaction(() => {
        if (connection.get("SELECT 1 FROM person WHERE name = ?", person.name) !== undefined) return false;
        if (isTaken(connection, identity)) return false;
        putPerson(connection, person);
        return link(connection, person.name, identity, entry);
      }),
    linkPerson: async (name, identity, entry) =>
      connection.transaction(() => !isTaken(connection, identity) && link(connection, name, identity, entry)),
    tokens: async (person) => {
      const sql = "SELECT * FROM token WHERE ?1 IS NULL OR person = ?1 ORDER BY created_at DESC, id";
      return connection.all(sql, person).map(tokenFrom);
    },
    putToken: async (token, secretHash) => putToken(connection, token, secretHash),
    tokenBy: async (id) => {
      const row = connection.get("SELECT * FROM token WHERE id = ?", id);
      return row === undefined ? null : { token: tokenFrom(row), secretHash: text(row["secret_hash"]) as Sha256 };
    },
    // Lazily: every request uses a token, and an fsync for each would hold up all else.
    touchToken: async (id, at) => connection.runLazily("UPDATE token SET last_used_at = ? WHERE id = ?", at, id),
    removeToken: async (id) => connection.run("DELETE FROM token WHERE id = ?", id) > 0,
  };
}

function isTaken(connection: Connection, { issuer, subject }: PersonIdentity): boolean {
  return connection.get("SELECT 1 FROM person WHERE issuer = ? AND subject = ?", issuer, subject) !== undefined;
}

function link(connection: Connection, name: string, { issuer, subject }: PersonIdentity, entry: AuditDraft): boolean {
  const sql = "UPDATE person SET issuer = ?, subject = ?, password = NULL WHERE name = ? AND issuer IS NULL";
  if (connection.run(sql, issuer, subject, name) === 0) return false;
  appendAudit(connection, [entry]);
  return true;
}

function putPerson(connection: Connection, person: PersonDraft): void {
  const { name, roles: has, disabled, createdAt } = person;
  connection.run(
    `INSERT INTO person (name, roles, disabled, created_at) VALUES (?, ?, ?, ?)
     ON CONFLICT (name) DO UPDATE SET roles = excluded.roles, disabled = excluded.disabled`,
    name,
    JSON.stringify(has),
    disabled ? 1 : 0,
    createdAt,
  );
}

function putToken(connection: Connection, token: Token, secretHash: Sha256): void {
  const { id, person, label, roles: has, createdAt, expiresAt, lastUsedAt } = token;
  connection.run(
    `INSERT INTO token (id, person, label, roles, secret_hash, created_at, expires_at, last_used_at)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
    id,
    person,
    label,
    has === null ? null : JSON.stringify(has),
    secretHash,
    createdAt,
    expiresAt,
    lastUsedAt,
  );
}

function personFrom(row: Row): Person {
  return {
    name: text(row["name"]),
    roles: roles.parse(JSON.parse(text(row["roles"]))),
    disabled: whole(row["disabled"]) === 1,
    hasPassword: row["password"] !== null,
    identity: row["issuer"] === null ? null : { issuer: text(row["issuer"]), subject: text(row["subject"]) },
    createdAt: whole(row["created_at"]),
  };
}

function tokenFrom(row: Row): Token {
  const has = textOrNull(row["roles"]);
  return {
    id: text(row["id"]),
    person: text(row["person"]),
    label: text(row["label"]),
    roles: has === null ? null : roles.parse(JSON.parse(has)),
    createdAt: whole(row["created_at"]),
    expiresAt: wholeOrNull(row["expires_at"]),
    lastUsedAt: wholeOrNull(row["last_used_at"]),
  };
}

function textOrNull(value: Row[string] | undefined): string | null {
  return value === null || value === undefined ? null : text(value);
}
