import assert from "node:assert/strict";
import { BlockList, isIP } from "node:net";
import { test } from "node:test";
import * as fc from "fast-check";
import { hostFile } from "../model/host-file.ts";
import { hostsFor } from "./choose-hosts.ts";
import { hostFileFaults } from "./choose-hosts-faults.ts";

interface Entry {
  readonly name: string;
  readonly type?: "http" | "https" | "ftp" | "share";
  readonly address?: string;
  readonly subnet?: string | undefined;
  readonly mask?: string | undefined;
  readonly order?: number;
  readonly login?: string;
  readonly passwordFile?: string;
}

const ADDRESSES = { http: "http://h/", https: "https://h/", ftp: "ftp://h/", share: "/mnt/updates/" };

function fileOf(...hosts: readonly Entry[]): ReturnType<typeof hostFile.parse> {
  const entries = hosts.map(({ type = "http", ...entry }) => ({ type, address: ADDRESSES[type], ...entry }));
  // What is left out is left out, and not there as undefined.
  return hostFile.parse(
    JSON.parse(JSON.stringify({ format: "ringfort-host-file-1", deployment: "d", channel: "staging", hosts: entries })),
  );
}

const namesFor = (file: ReturnType<typeof fileOf>, ...addresses: readonly string[]): readonly string[] =>
  hostsFor(file, addresses).map(({ name }) => name);

const codesOf = (...hosts: readonly Entry[]): readonly string[] =>
  hostFileFaults(fileOf(...hosts)).map(({ code }) => code);

test("the mirror of the client's own subnet, the narrowest first, then everybody's, another's never", () => {
  const file = fileOf(
    { name: "everybody" },
    { name: "wide", subnet: "10.0.0.0", mask: "255.0.0.0" },
    { name: "narrow", subnet: "10.1.0.0/16", order: 9_000 },
    { name: "other", subnet: "192.168.0.0/16" },
    { name: "six", subnet: "2001:db8:1::/48" },
  );
  assert.deepEqual(namesFor(file, "10.1.2.3"), ["narrow", "wide", "everybody"]);
  assert.deepEqual(namesFor(file, "10.2.2.3"), ["wide", "everybody"]);
  assert.deepEqual(namesFor(file, "::ffff:10.1.0.9"), ["narrow", "wide", "everybody"]);
  assert.deepEqual(namesFor(file, "fe80::1%eth0", "2001:db8:1:ffff::9"), ["six", "everybody"]);
  assert.deepEqual(namesFor(file, "172.16.0.1", "no address", "10.1"), ["everybody"]);
  assert.deepEqual(namesFor(file), ["everybody"]);
});

test("only mirrors of other subnets: they are asked, rather than nobody", () => {
  const file = fileOf({ name: "b", subnet: "10.2.0.0/16", order: 2 }, { name: "a", subnet: "10.1.0.0/16", order: 1 });
  assert.deepEqual(namesFor(file, "172.16.0.1"), ["a", "b"]);
  assert.deepEqual(namesFor(file, "10.2.0.1"), ["b"]);
});

test("among equals: order, then HTTP before FTP before a share, then the file", () => {
  const file = fileOf(
    { name: "share", type: "share" },
    { name: "ftp", type: "ftp" },
    { name: "https", type: "https" },
    { name: "http" },
    { name: "first", type: "share", order: 1 },
  );
  assert.deepEqual(namesFor(file), ["first", "https", "http", "ftp", "share"]);
});

const octets = fc.tuple(fc.nat(255), fc.nat(255), fc.nat(255), fc.nat(255)).map((parts) => parts.join("."));
const addresses = fc.oneof(octets, fc.ipV6(), fc.constantFrom("10.1.2.3", "::1", "::ffff:10.1.2.3", "2001:db8::7"));

test("a subnet holds what node:net says that it holds, for both families and every length", () => {
  fc.assert(
    fc.property(addresses, addresses, fc.nat(128), fc.nat(200), (base, asked, length, flip) => {
      const family = isIP(base);
      const prefix = Math.min(length, family === 4 ? 32 : 128);
      // node:net compares a wrapped IPv4 address with both families; ours is then an IPv4 address and nothing else.
      fc.pre(![base, asked].some((address) => address.includes(":") && /^(?:0*:)*:?(?:0*:)*ffff:/i.test(address)));
      const client = flip < 100 && isIP(asked) === family ? asked : base;
      const list = new BlockList();
      list.addSubnet(base, prefix, family === 4 ? "ipv4" : "ipv6");
      const expected = list.check(client, isIP(client) === 4 ? "ipv4" : "ipv6");
      const file = fileOf({ name: "near", subnet: `${base}/${prefix}` }, { name: "everybody" });
      assert.deepEqual(namesFor(file, client), expected ? ["near", "everybody"] : ["everybody"]);
    }),
    { numRuns: 500 },
  );
});

test("a dotted mask and its length are the same subnet, and a mask with gaps is none", () => {
  const dotted = (value: number): string => [24, 16, 8, 0].map((shift) => (value >>> shift) & 255).join(".");
  for (let length = 0; length <= 32; length += 1) {
    const mask = dotted(length === 0 ? 0 : (0xffff_ffff << (32 - length)) >>> 0);
    const file = fileOf({ name: "a", subnet: "10.1.2.3", mask }, { name: "b", subnet: `10.1.2.3/${length}` });
    assert.deepEqual(namesFor(file, "10.1.2.3"), ["a", "b"], mask);
    assert.ok(!codesOf({ name: "a", subnet: "10.1.2.3", mask }).includes("subnet-mask-gaps"), mask);
  }
  fc.assert(
    fc.property(fc.nat(0xffff_ffff), (value) => {
      const whole = /^1*0*$/.test((value >>> 0).toString(2).padStart(32, "0"));
      const gaps = codesOf({ name: "a", subnet: "0.0.0.0", mask: dotted(value) }).includes("subnet-mask-gaps");
      assert.equal(gaps, !whole);
    }),
  );
});

test("every entry that is left out is of another subnet, none is asked twice, and the same question has one answer", () => {
  const entry = fc.record({
    name: fc.uuid(),
    type: fc.constantFrom("http", "https", "ftp", "share"),
    subnet: fc.option(fc.constantFrom("10.0.0.0/8", "10.1.0.0/16", "::/0", "junk", "192.168.1.0/24"), {
      nil: undefined,
    }),
    order: fc.nat(3),
  });
  fc.assert(
    fc.property(fc.array(entry, { maxLength: 12 }), fc.array(addresses, { maxLength: 3 }), (entries, own) => {
      const file = fileOf(...entries);
      const asked = hostsFor(file, own);
      assert.deepEqual(hostsFor(file, own), asked);
      assert.equal(new Set(asked).size, asked.length);
      assert.equal(asked.length > 0, entries.length > 0);
      const left = file.hosts.filter((one) => !asked.includes(one));
      assert.ok(left.every(({ subnet }) => subnet !== undefined));
    }),
  );
});

test("each fault has its code", () => {
  const cases: readonly (readonly [string, Entry])[] = [
    ["unsafe-text", { name: "a\nb" }],
    ["unsafe-text", { name: "a\u202eb" }],
    ["unsafe-text", { name: "a\ud800" }],
    ["address-unreadable", { name: "a", address: "http:h/" }],
    ["address-unreadable", { name: "a", address: "http:///h/" }],
    ["address-unreadable", { name: "a", address: "http://h x/" }],
    ["address-of-another-type", { name: "a", address: "ftp://h/" }],
    ["address-of-another-type", { name: "a", type: "share", address: "file:///mnt/" }],
    ["address-of-the-client", { name: "a", address: "http://127.1.2.3:8082/" }],
    ["address-of-the-client", { name: "a", address: "http://0.0.0.0/" }],
    ["address-of-the-client", { name: "a", address: "http://[::1]/" }],
    ["address-of-the-client", { name: "a", address: "http://[::ffff:127.0.0.1]/" }],
    ["address-of-the-client", { name: "a", type: "ftp", address: "ftp://localhost/" }],
    ["address-without-slash", { name: "a", address: "http://h/a" }],
    ["address-without-slash", { name: "a", type: "share", address: "/mnt" }],
    ["address-unreadable", { name: "a", type: "share", address: "mnt/" }],
    ["address-unreadable", { name: "a", type: "share", address: "/mnt/../etc/" }],
    ["address-with-query", { name: "a", address: "http://h/?a/" }],
    ["login-in-address", { name: "a", address: "http://u:p@h/" }],
    ["login-in-address", { name: "a", address: "http://u@h/" }],
    ["login-on-share", { name: "a", type: "share", login: "u" }],
    ["password-without-login", { name: "a", passwordFile: "/p" }],
    ["password-in-clear", { name: "a", login: "u", passwordFile: "/p" }],
    ["mask-without-subnet", { name: "a", mask: "255.0.0.0" }],
    ["subnet-host-bits", { name: "a", subnet: "10.1.2.3/24" }],
    ["subnet-unreadable", { name: "a", subnet: "10.1" }],
    ["subnet-unreadable", { name: "a", subnet: "10.01.0.0/16" }],
    ["subnet-unreadable", { name: "a", subnet: "10.0.0.0/33" }],
    ["subnet-unreadable", { name: "a", subnet: "::ffff:10.0.0.0/104" }],
    ["subnet-unreadable", { name: "a", subnet: "1::2::3/64" }],
    ["subnet-unreadable", { name: "a", subnet: "1:2:3:4:5:6:7::8/128" }],
    ["subnet-without-length", { name: "a", subnet: "10.0.0.0" }],
    ["subnet-mask-unreadable", { name: "a", subnet: "10.0.0.0", mask: "255.0.0" }],
    ["subnet-mask-unreadable", { name: "a", subnet: "2001:db8::", mask: "255.0.0.0" }],
    ["subnet-mask-gaps", { name: "a", subnet: "10.0.0.0", mask: "255.0.255.0" }],
    ["subnet-mask-disagrees", { name: "a", subnet: "10.0.0.0/8", mask: "255.255.0.0" }],
  ];
  for (const [code, entry] of cases) assert.deepEqual(codesOf(entry), [code], JSON.stringify(entry));
  assert.deepEqual(codesOf({ name: "a" }, { name: "a", order: 1 }), ["name-twice"]);
  assert.deepEqual(codesOf(), ["no-hosts"]);
  assert.deepEqual(
    hostFileFaults({ ...fileOf({ name: "a" }), deployment: "a\nb" }).map(({ code, at }) => [code, at]),
    [["unsafe-text", null]],
  );
  for (const entry of [
    { name: "a", subnet: "10.0.0.0/8", mask: "255.0.0.0" },
    { name: "a", subnet: "10.0.0.0", mask: "/8" },
    { name: "a", subnet: "2001:db8::", mask: "ffff:ffff::" },
    { name: "a", type: "https", login: "u", passwordFile: "/p" },
    { name: "a", type: "share", address: "\\\\server\\updates\\" },
    { name: "a", address: "http://[2001:db8::1]:8082/deep/" },
  ] as const)
    assert.deepEqual(codesOf(entry), [], JSON.stringify(entry));
});

test("no fault repeats what may hold a password", () => {
  const file = fileOf({ name: "a", address: "http://u:hunter2@h/x?token=hunter2", login: "hunter2" });
  assert.ok(!JSON.stringify(hostFileFaults(file)).includes("hunter2"));
});
