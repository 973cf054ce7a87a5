import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { test } from "node:test";
import { UNIT_PLACES } from "../src/core/unit-places.ts";
import { ROLES, type RoleName } from "../src/daemon/roles.ts";
import { needsProgram } from "./fixtures/needs.ts";
import { allowedCalls, directives, UNITS } from "./fixtures/unit-file.ts";

/** Facts of the units' files. That systemd starts the roles by them, and what then holds, is what `npm run prove:roles` shows. */
const NAMES = Object.keys(ROLES) as readonly RoleName[];
const serviceOf = (role: string): string => `ringfort-${role}@.service`;
const socketOf = (role: string): string => `ringfort-${role}.socket`;

test("each role has a socket that the keeper alone may open, and a service that becomes that role and no other", () => {
  const [requires = ""] = directives("ringfort.service", "Requires");
  for (const role of NAMES) {
    assert.deepEqual(directives(socketOf(role), "ListenStream"), [`${UNIT_PLACES.roles}/${role}.sock`]);
    assert.deepEqual(directives(socketOf(role), "Accept"), ["yes"]);
    assert.deepEqual(directives(socketOf(role), "SocketMode"), ["0600"]);
    assert.deepEqual(directives(socketOf(role), "SocketUser"), directives("ringfort.service", "User"));
    const [start = ""] = directives(serviceOf(role), "ExecStart");
    assert.match(
      start,
      new RegExp(`^/usr/lib/ringfort/bin/node .* /usr/lib/ringfort/dist/main/start-role\\.js ${role}$`),
    );
    // Nobody else may be using the descriptors that the starter overwrites.
    for (const flag of ["--single-threaded", "--v8-pool-size=0"]) assert.ok(start.includes(` ${flag} `), role);
    assert.ok(requires.split(" ").includes(socketOf(role)), role);
    // Only a stop: with a restart of the keeper systemd would begin it once more, on a connection that nobody speaks on.
    assert.deepEqual(directives(serviceOf(role), "StopPropagatedFrom"), ["ringfort.service"]);
    for (const bond of ["BindsTo", "PartOf", "Requires"]) assert.deepEqual(directives(serviceOf(role), bond), [], role);
  }
  const units = readdirSync(UNITS).filter((name) => name.endsWith("@.service"));
  assert.deepEqual(units.toSorted(), NAMES.map(serviceOf).toSorted());
});

test("each has a user of its own", () => {
  const users = NAMES.map((role) => directives(serviceOf(role), "User")[0] ?? "");
  const keeper = directives("ringfort.service", "User");
  assert.equal(new Set([...users, ...keeper]).size, NAMES.length + 1);
  // Another for each server: %i tells one connection from the next.
  assert.deepEqual(directives(serviceOf("serve"), "DynamicUser"), ["yes"]);
  assert.match(users[NAMES.indexOf("serve")] ?? "", /%i$/);
  for (const role of NAMES) assert.deepEqual(directives(serviceOf(role), "SupplementaryGroups"), [], role);
});

test("a network is where its row has one, and the keeper has none", () => {
  for (const role of [...NAMES.map(serviceOf), "ringfort.service"]) {
    const connects = ["fetch", "notify", "login"].some((name) => role === serviceOf(name));
    assert.deepEqual(directives(role, "PrivateNetwork"), connects ? [] : ["yes"], role);
    const local = role === "ringfort.service" || role === serviceOf("console");
    const families = connects ? "AF_INET AF_INET6" : local ? "AF_UNIX" : "none";
    assert.deepEqual(directives(role, "RestrictAddressFamilies"), [families], role);
  }
});

test("of what is ours each sees its row, and nothing else", () => {
  const below = (path: string) => `${UNIT_PLACES.data}/${path}`;
  const rows: Readonly<Record<RoleName, readonly string[]>> = {
    fetch: [],
    folder: [],
    inspect: [below("quarantine"), below("blobs")],
    serve: [below("blobs"), below("views")],
    signer: [UNIT_PLACES.signer],
    notify: [],
    login: [],
    console: ["/run/ringfort/api"],
  };
  for (const role of NAMES) {
    const bound = ["BindReadOnlyPaths", "BindPaths"].flatMap((name) => directives(serviceOf(role), name));
    const ours = bound.flatMap((line) => line.split(" ")).filter((place) => /ringfort/.test(place));
    assert.deepEqual(ours, rows[role], role);
    const written = directives(serviceOf(role), "BindPaths");
    assert.deepEqual(written, role === "signer" ? [UNIT_PLACES.signer] : [], role);
    // A source's folder may be anywhere; the others see an empty root and what is bound into it.
    const empty = role === "folder" ? [] : ["/run/ringfort/root"];
    assert.deepEqual(directives(serviceOf(role), "RootDirectory"), empty, role);
  }
  const hidden = directives(serviceOf("folder"), "InaccessiblePaths").join(" ").split(" ");
  for (const place of [UNIT_PLACES.data, UNIT_PLACES.signer, "/run/ringfort"]) assert.ok(hidden.includes(`-${place}`));
});

test("what none may do is the same for all, and the keeper's own filter is theirs", {
  skip: needsProgram("systemd-analyze", "systemd"),
}, async () => {
  const keeper = await allowedCalls("ringfort.service");
  const walls =
    "CapabilityBoundingSet AmbientCapabilities NoNewPrivileges RestrictSUIDSGID RestrictNamespaces RestrictRealtime";
  const more =
    "LockPersonality ProtectSystem ProtectProc ProcSubset PrivateDevices PrivateUsers PrivateIPC SystemCallArchitectures";
  for (const role of NAMES) {
    for (const wall of `${walls} ${more}`.split(" "))
      assert.deepEqual(directives(serviceOf(role), wall), directives("ringfort.service", wall), `${role}: ${wall}`);
    assert.deepEqual(await allowedCalls(serviceOf(role)), keeper, role);
  }
});
