import assert from "node:assert/strict";
import { test } from "node:test";
import { copyOfUnit, sharedWithCopy } from "./copy-unit.ts";
import { parseUnit, type UnitEntries, valuesOf } from "./unit-file.ts";

function read(text: string): UnitEntries {
  const entries = parseUnit({ file: "a.service", text });
  assert.ok(!("kind" in entries));
  return entries;
}

const UNIT = read(`[Unit]
Description=a daemon
After=network.target
Conflicts=other.service
PartOf=group.target
OnFailure=page-somebody.service
ConditionPathExists=/etc/a.conf
[Service]
Type=forking
ExecStart=/bin/a --name %N --percent %%n --home %h
PIDFile=/run/%p.pid
Restart=always
TimeoutStartSec=infinity
SystemCallFilter=~@mount
[Install]
WantedBy=multi-user.target
Alias=b.service
`);

test("a copy runs what the unit runs, under the unit's own name where it says it", () => {
  const copy = read(copyOfUnit(UNIT, "a-daemon.service", []));
  assert.deepEqual(valuesOf(copy, "ExecStart"), ["/bin/a --name a-daemon --percent %%n --home %h"]);
  assert.deepEqual(valuesOf(copy, "PIDFile"), ["/run/a-daemon.pid"]);
  assert.deepEqual(valuesOf(copy, "ConditionPathExists", "Unit"), ["/etc/a.conf"]);
  const instance = read(copyOfUnit(read("[Service]\nExecStart=/bin/a %i %p %j\n"), "a-b@one.service", []));
  assert.deepEqual(valuesOf(instance, "ExecStart"), ["/bin/a one a-b b"]);
});

test("a copy neither stops nor starts others, is never enabled, and is not started again by itself", () => {
  const copy = read(copyOfUnit(UNIT, "a.service", []));
  for (const name of ["Conflicts", "PartOf", "OnFailure"]) assert.deepEqual(valuesOf(copy, name, "Unit"), []);
  assert.equal(
    copy.some(({ section }) => section === "Install"),
    false,
  );
  assert.deepEqual(valuesOf(copy, "Restart"), ["no"]);
  assert.deepEqual(valuesOf(copy, "TimeoutStartSec"), ["20s"]);
});

test("what is added stands behind the unit's own, lists of what is allowed before what is taken out of them", () => {
  const added = [
    { name: "SystemCallFilter", value: "~@privileged" },
    { name: "SystemCallFilter", value: "@system-service" },
    { name: "ProtectSystem", value: "strict" },
  ];
  const copy = read(copyOfUnit(UNIT, "a.service", added));
  assert.deepEqual(valuesOf(copy, "SystemCallFilter"), ["~@mount", "@system-service", "~@privileged"]);
  assert.deepEqual(valuesOf(copy, "ProtectSystem"), ["strict"]);
});

test("what both would have under one name is what keeps a copy from running beside the unit", () => {
  assert.equal(sharedWithCopy(UNIT).length, 2);
  assert.deepEqual(sharedWithCopy(read("[Service]\nExecStart=/bin/a\nExecStop=\n")), []);
  assert.equal(sharedWithCopy(read("[Service]\nExecStart=/bin/a\nStateDirectory=a\n")).length, 1);
});
