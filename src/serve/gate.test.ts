import assert from "node:assert/strict";
import { test } from "node:test";
import { MINUTE } from "../core/kernel/instant.ts";
import { Gate, type TurnedAway } from "./gate.ts";

function gateOf(allow: readonly string[]) {
  const told: TurnedAway[] = [];
  const clock = { now: 0 };
  return {
    gate: new Gate(
      allow,
      () => clock.now,
      (one) => told.push(one),
    ),
    told,
    clock,
  };
}

const from = (remoteAddress: string, localAddress = "10.20.0.10") => ({ remoteAddress, localAddress });

test("a client of the channel's networks is let in, however its address is written", () => {
  const { gate } = gateOf(["10.20.1.0/24", "fd20::/64"]);
  const admits = gate.on("10.20.0.10");
  assert.ok(admits(from("10.20.1.5")));
  assert.ok(admits(from("::ffff:10.20.1.5", "::ffff:10.20.0.10")));
  assert.ok(gate.on("fd20:0::10")(from("fd20::1:5%eth0", "fd20::10")));
  for (const stranger of ["10.20.2.5", "::ffff:10.20.2.5", "fd21::1", "", "10.20.1.5.example"])
    assert.equal(admits(from(stranger)), false, stranger);
});

test("a narrower list takes away and never adds", () => {
  const { gate } = gateOf(["10.20.0.0/16"]);
  const admits = gate.on("10.20.0.10", ["10.20.1.0/24", "192.0.2.0/24"]);
  assert.ok(admits(from("10.20.1.5")));
  assert.equal(admits(from("10.20.2.5")), false);
  assert.equal(admits(from("192.0.2.1")), false);
});

test("what arrives at another address than the channel's is turned away", () => {
  const { gate } = gateOf([]);
  assert.equal(gate.on("10.20.0.10")(from("10.20.1.5", "198.51.100.1")), false);
  assert.equal(gate.on("fd20::10")(from("fd20::1:5", "fd20::20")), false);
  assert.equal(gate.on("10.20.0.10")(from("10.20.1.5", "")), false);
  for (const every of ["0.0.0.0", "::", "0:0:0:0:0:0:0:0"])
    assert.ok(gate.on(every)(from("10.20.1.5", "198.51.100.1")), every);
  assert.ok(gate.on("localhost")(from("::1", "::1")));
});

test("who is turned away is told at once, and the others of a minute together", (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const { gate, told, clock } = gateOf(["10.20.1.0/24"]);
  const admits = gate.on("10.20.0.10");
  for (let each = 1; each <= 100; each += 1) admits(from(`10.9.0.${each}`));
  assert.deepEqual(told, [{ count: 1, from: "10.9.0.1", to: "10.20.0.10" }]);
  clock.now = MINUTE;
  t.mock.timers.tick(MINUTE);
  assert.deepEqual(told.slice(1), [{ count: 99, from: "10.9.0.100", to: "10.20.0.10" }]);
  clock.now = 3 * MINUTE;
  admits(from("10.9.0.1"));
  assert.equal(told.length, 3);
});
