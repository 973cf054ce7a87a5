import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { quoteOutside } from "../core/kernel/errors.ts";
import { type Fact, known, unknown } from "../core/machine/facts.ts";

/**
 * What a program of this machine prints: the first of the places where it is, never one that a PATH chooses. It gets no
 * environment, ten seconds, and room for so many bytes.
 */
export function runHere(places: readonly string[], args: readonly string[], most = 64 * 1_024 * 1_024): Fact<string> {
  const program = places.find((place) => existsSync(place));
  const name = places[0]?.split("/").at(-1) ?? "";
  if (program === undefined) return unknown(`${name} is not installed`);
  const ran = spawnSync(program, args, {
    env: { LC_ALL: "C.UTF-8", SYSTEMD_PAGER: "", SYSTEMD_COLORS: "0" },
    stdio: ["ignore", "pipe", "pipe"],
    encoding: "utf8",
    timeout: 10_000,
    maxBuffer: most,
  });
  if (ran.error !== undefined) return unknown(`${name}: ${"code" in ran.error ? String(ran.error.code) : "failed"}`);
  if (ran.status === 0) return known(ran.stdout);
  return unknown(`${name} ended with ${ran.status ?? "a signal"}: ${quoteOutside(ran.stderr.trim(), 200)}`);
}
