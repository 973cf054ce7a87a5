import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";
import { LIMITS } from "../core/kernel/limits.ts";
import { valuesOf } from "../core/units/unit-file.ts";
import { Root } from "./root.ts";
import { readUnit, unitsNamed } from "./unit-files.ts";

test("a unit is read with its drop-ins, in the order of their names; one that is masked says nothing", async (t) => {
  const folder = await mkdtemp(path.join(tmpdir(), "ringfort-unit-"));
  t.after(async () => rm(folder, { recursive: true }));
  const dropIns = path.join(folder, "a.service.d");
  await mkdir(dropIns);
  await writeFile(path.join(folder, "a.service"), "[Service]\nExecStart=/bin/a\nUMask=0022\n");
  await writeFile(path.join(dropIns, "20-second.conf"), "[Service]\nUMask=0077\n");
  await writeFile(path.join(dropIns, "10-first.conf"), "[Service]\nUMask=\nUMask=0027\n");
  await writeFile(path.join(dropIns, "notes.txt"), "not a unit\n");
  await symlink("/dev/null", path.join(dropIns, "30-masked.conf"));
  const unit = readUnit("a.service", folder);
  assert.ok(!("kind" in unit));
  assert.equal(unit.name, "a.service");
  assert.deepEqual(valuesOf(unit.entries, "UMask"), ["0027", "0077"]);
  assert.equal(unit.files.length, 4);
});

test("what is hostile, no service, or not there is told apart", async (t) => {
  const folder = await mkdtemp(path.join(tmpdir(), "ringfort-unit-"));
  t.after(async () => rm(folder, { recursive: true }));
  const write = async (name: string, text: string | Uint8Array) => writeFile(path.join(folder, name), text);
  await write("empty.service", "");
  await write("bad.service", "[Service]\nExecStart=/bin/a\nnonsense\n");
  await write("huge.service", `[Service]\nExecStart=/bin/a\n${"#\n".repeat(LIMITS.unitBytes)}`);
  await write("latin.service", Buffer.from("[Service]\nExecStart=/bin/\xe9\n", "latin1"));
  await write("a.timer", "[Timer]\nOnCalendar=daily\n");
  await write("-Hhost.service", "[Service]\nExecStart=/bin/a\n");
  for (const name of ["empty.service", "bad.service", "a.timer", "-Hhost.service"]) {
    const refused = readUnit(`./${name}`, folder);
    assert.ok("kind" in refused, name);
    assert.equal(refused.code, "unit.malformed");
  }
  const bad = readUnit("bad.service", folder);
  assert.ok("kind" in bad && bad.detail.includes("line 3"));
  for (const name of ["huge.service", "latin.service", "absent.service", "/dev/zero.service"])
    assert.throws(() => readUnit(name, folder), { code: "unit.unreadable" }, name);
});

test("a unit of the machine is not one that somebody has laid where root stands", async (t) => {
  const folder = await mkdtemp(path.join(tmpdir(), "ringfort-unit-"));
  t.after(async () => rm(folder, { recursive: true }));
  const [name] = unitsNamed(new Root("/"), /^[a-z-]+\.service$/);
  if (name === undefined) return t.skip("this machine has no unit");
  await writeFile(path.join(folder, name), "[Service]\nExecStart=/tmp/evil\n");
  const execs = (asked: string) => {
    const unit = readUnit(asked, folder);
    return "kind" in unit ? [] : valuesOf(unit.entries, "ExecStart");
  };
  assert.ok(!execs(name).includes("/tmp/evil"));
  assert.deepEqual(execs(`./${name}`), ["/tmp/evil"]);
});
