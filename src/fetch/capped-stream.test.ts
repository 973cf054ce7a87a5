import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Failure } from "../core/kernel/errors.ts";
import { CappedStream } from "./capped-stream.ts";

const HEAD = { offset: 0, size: null, validators: { etag: null, lastModified: null }, finalUrl: "x:", dialect: null };

function stream(bytes: number, first: number | null): { readonly capped: CappedStream; readonly out: number[] } {
  const out: number[] = [];
  const outlet = {
    head: (): void => {},
    data: (piece: Uint8Array): boolean => out.push(...piece) > 0,
    drained: async (): Promise<void> => {},
  };
  const caps = { bytes, wallTime: 1_000, leastRate: 0, leastRateWindow: 1_000, redirects: 0, connectTimeout: 1_000 };
  return { capped: new CappedStream(outlet, caps, first, () => 0), out };
}

test("whatever comes, never more than the cap nor the wanted first bytes pass", () => {
  const first = fc.option(fc.nat({ max: 50 }).map((most) => most + 1));
  const pieces = fc.array(fc.uint8Array({ maxLength: 20 }), { maxLength: 20 });
  fc.assert(
    fc.property(fc.nat({ max: 100 }), first, pieces, (cap, wanted, body) => {
      const { capped, out } = stream(cap, wanted);
      capped.begin(HEAD);
      let overCap = false;
      for (const piece of body) {
        if (capped.full || overCap) break;
        try {
          capped.write(piece);
        } catch (cause) {
          overCap = cause instanceof Failure && cause.code === "upstream.over-cap";
        }
      }
      capped.end();
      const all = body.flatMap((piece) => [...piece]);
      const asked = all.slice(0, wanted ?? all.length);
      assert.deepEqual(out, asked.slice(0, cap));
      assert.equal(overCap, asked.length > cap);
    }),
  );
});

test("an announced size over the cap is refused, unless only the first bytes are wanted", () => {
  const whole = stream(100, null).capped;
  assert.throws(() => whole.begin({ ...HEAD, size: 101 }), { code: "upstream.over-cap" });
  whole.end();
  const header = stream(100, 10).capped;
  header.begin({ ...HEAD, size: 101 });
  header.end();
});

test("the offset of a resume counts against the cap", () => {
  const { capped } = stream(100, null);
  capped.begin({ ...HEAD, offset: 95 });
  assert.throws(() => capped.write(new Uint8Array(6)), { code: "upstream.over-cap" });
  capped.end();
});
