import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { isInside } from "./inside-address.ts";

test("addresses that only we can reach are inside", () => {
  for (const address of [
    "127.0.0.1",
    "127.255.255.255",
    "0.0.0.0",
    "10.1.2.3",
    "100.64.0.1",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.0.1",
    "198.18.0.1",
    "224.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "fe80::1%eth0",
    "fc00::1",
    "fdff:ffff::1",
    "ff02::1",
    "2001:0:1::1",
    "64:ff9b:1::1",
  ]) {
    assert.equal(isInside(address), true, address);
  }
});

test("addresses of the world are not", () => {
  for (const address of [
    "1.1.1.1",
    "9.255.255.255",
    "100.63.255.255",
    "100.128.0.1",
    "172.15.0.1",
    "172.32.0.1",
    "192.167.0.1",
    "2606:4700::1111",
    "2001:db8::1",
    "2a00:1450:4001:81b::200e",
    "::ffff:1.1.1.1",
    "64:ff9b::1.1.1.1",
    "2002:101:101::1",
  ]) {
    assert.equal(isInside(address), false, address);
  }
});

test("an IPv4 address is judged the same however IPv6 wraps it", () => {
  fc.assert(
    fc.property(fc.ipV4(), (v4) => {
      const expected = isInside(v4);
      const [a = 0, b = 0, c = 0, d = 0] = v4.split(".").map(Number);
      const hex = `${(a * 256 + b).toString(16)}:${(c * 256 + d).toString(16)}`;
      for (const wrapped of [
        `::ffff:${v4}`,
        `::ffff:${hex}`,
        `64:ff9b::${v4}`,
        `0:0:0:0:0:ffff:${hex}`,
        `2002:${hex}::1`,
      ]) {
        assert.equal(isInside(wrapped), expected, wrapped);
      }
    }),
  );
});

test("what is no address is never let through", () => {
  for (const text of ["", "localhost", "1.2.3", "1.2.3.4.5", ":::", "2130706433"]) {
    assert.equal(isInside(text), true, text);
  }
});
