import assert from "node:assert/strict";
import { test } from "node:test";
import { MemoryLedger } from "../../test/contract/twins/ledger.ts";
import { Failure } from "../core/kernel/errors.ts";
import { DAY, HOUR, MINUTE } from "../core/kernel/instant.ts";
import { ROLES } from "../core/model/actor.ts";
import { makeToken, setPassword, setPerson } from "../operations/keep-people.ts";
import { Gate, newToken } from "./gate.ts";
import { Passwords } from "./passwords.ts";

const passwords = new Passwords();
const PASSWORD = "correct horse battery";
// One hash for all tests: each takes a good part of a second.
const stored = await passwords.hash(PASSWORD);

interface Scene {
  readonly gate: Gate;
  readonly doors: Parameters<typeof setPerson>[0];
  now: number;
  readonly said: string[];
}

async function scene(): Promise<Scene> {
  const ledger = new MemoryLedger();
  const made = { now: 1_000_000, said: [] as string[] };
  const clock = { now: () => made.now };
  const events = { emit: (name: string) => void made.said.push(name) };
  const doors = { ledger, clock, events };
  await setPerson(doors, { name: "anna", fresh: true, roles: ["operator"], disabled: null, by: "root" });
  await setPassword(doors, "anna", stored, "root");
  return Object.assign(made, { gate: new Gate({ ...doors, passwords }), doors });
}

async function codeOf(work: Promise<unknown>): Promise<string> {
  try {
    await work;
    return "done";
  } catch (cause) {
    if (!(cause instanceof Failure)) throw cause;
    return cause.code;
  }
}

test("a password is kept as Argon2id, matches itself alone, and has a length", async () => {
  assert.match(stored, /^\$argon2id\$v=19\$m=65536,t=3,p=1\$/);
  assert.notEqual(await passwords.hash(PASSWORD), stored, "each has a salt of its own");
  assert.equal(await passwords.matches(stored, PASSWORD), true);
  assert.equal(await passwords.matches(stored, `${PASSWORD} `), false);
  assert.equal(await passwords.matches(null, PASSWORD), false);
  assert.equal(await passwords.matches("$argon2id$v=19$m=8,t=1,p=1$AAAA$AAAA", PASSWORD), false);
  assert.equal(await codeOf(passwords.hash("short")), "password.unfit");
  assert.equal(await codeOf(passwords.hash("x".repeat(257))), "password.unfit");
});

test("a login makes a session, which ends by itself and when it is told to", async () => {
  const it = await scene();
  const { session, actor } = await it.gate.logIn("anna", PASSWORD);
  assert.deepEqual(actor, { name: "anna", roles: ["operator"] });
  const who = (): Promise<string> => codeOf(it.gate.who({ kind: "session", session }));
  assert.equal(await who(), "done");
  it.now += 50 * MINUTE;
  assert.equal(await who(), "done", "in use");
  it.now += HOUR + 1;
  assert.equal(await who(), "login.refused", "left alone for an hour");
  const again = await it.gate.logIn("anna", PASSWORD);
  it.gate.logOut(again.session);
  assert.equal(await codeOf(it.gate.who({ kind: "session", session: again.session })), "login.refused");
});

test("a wrong password, an unknown name and somebody disabled are told alike", async () => {
  const it = await scene();
  assert.equal(await codeOf(it.gate.logIn("anna", "wrong wrong wrong")), "login.refused");
  assert.equal(await codeOf(it.gate.logIn("nobody", PASSWORD)), "login.refused");
  const { session } = await it.gate.logIn("anna", PASSWORD);
  await setPerson(it.doors, { name: "anna", fresh: false, roles: null, disabled: true, by: "root" });
  assert.equal(await codeOf(it.gate.logIn("anna", PASSWORD)), "login.refused");
  assert.equal(await codeOf(it.gate.who({ kind: "session", session })), "login.refused", "also who is in already");
});

test("who tries passwords has to wait longer and longer, for that name alone", async () => {
  const it = await scene();
  await setPerson(it.doors, { name: "ben", fresh: true, roles: [], disabled: null, by: "root" });
  for (let n = 0; n < 5; n += 1) assert.equal(await codeOf(it.gate.logIn("anna", "wrong")), "login.refused");
  assert.equal(await codeOf(it.gate.logIn("anna", PASSWORD)), "login.too-often");
  assert.equal(await codeOf(it.gate.logIn("ben", "wrong")), "login.refused");
  it.now += 11_000;
  assert.equal(await codeOf(it.gate.logIn("anna", PASSWORD)), "done");
});

test("a token acts for its person with no more than it was given, until it expires", async () => {
  const it = await scene();
  const { text, ...fresh } = newToken();
  const wish = { person: "anna", label: "script", roles: ["viewer" as const], expiresIn: DAY, by: "root" };
  await makeToken(it.doors, wish, fresh);
  const who = async (token: string) => it.gate.who({ kind: "token", token });
  assert.deepEqual(await who(text), { name: "anna", roles: ["viewer"] });
  for (const other of [
    text.slice(0, -1),
    `${text}x`,
    text.replace("rft_", "rft-"),
    `rft_${"0".repeat(16)}_${"A".repeat(43)}`,
    "",
  ])
    assert.equal(await codeOf(who(other)), "login.refused", other);
  const flipped = `${text.slice(0, -1)}${text.endsWith("A") ? "B" : "A"}`;
  assert.equal(await codeOf(who(flipped)), "login.refused");
  it.now += DAY;
  assert.equal(await codeOf(who(text)), "login.refused");
  assert.equal(await codeOf(makeToken(it.doors, { ...wish, roles: ["admin"] }, newToken())), "login.role-missing");
});

test("each role is asked for", async () => {
  const { gate } = await scene();
  for (const role of ROLES) {
    assert.doesNotThrow(() => gate.require({ name: "x", roles: [role] }, role));
    if (role !== "viewer") assert.throws(() => gate.require({ name: "x", roles: ["viewer"] }, role), Failure);
  }
});
