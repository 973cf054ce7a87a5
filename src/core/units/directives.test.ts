import assert from "node:assert/strict";
import { test } from "node:test";
import { DIRECTIVES } from "./directives.ts";
import { parseUnit, valuesOf } from "./unit-file.ts";
import { writeUnit } from "./write-unit.ts";

test("every directive can be written, is told of, and stands once", () => {
  const keys = DIRECTIVES.map(({ name, values }) => `${name}=${values[0]}`);
  assert.equal(new Set(keys).size, keys.length);
  for (const { name, values, usual, takesAway, mayBreak } of DIRECTIVES) {
    assert.ok(values.includes(usual) && takesAway !== "" && mayBreak !== "", name);
    for (const value of values) {
      const text = writeUnit("", [{ name: "Service", entries: [{ name, value }] }]);
      const entries = parseUnit({ file: "a.conf", text });
      assert.ok(!("kind" in entries));
      assert.deepEqual(valuesOf(entries, name), value === "" ? [] : [value]);
    }
  }
});
