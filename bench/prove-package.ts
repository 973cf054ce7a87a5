import { createHash } from "node:crypto";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import process from "node:process";
import { runCli, startTestDaemon } from "../test/fixtures/daemon.ts";
import { must } from "./package/debian.ts";
import { conclude, say, table } from "./report.ts";

/**
 * `npm run prove:package`: builds the package twice, in folders of other names and under another umask, and compares every byte; then
 * publishes it signed, and has a real daemon take it as a source, which verifies the signature and each digest.
 */
const folder = await mkdtemp(path.join(tmpdir(), "ringfort-package-"));
const FIRST = path.join(folder, "one");
const SECOND = path.join(folder, "a-second-folder");
const command = path.join(import.meta.dirname, "package.ts");

async function digests(where: string): Promise<ReadonlyMap<string, string>> {
  const lines = (await readFile(path.join(where, "SHA256SUMS"), "utf8")).trimEnd().split("\n");
  const found = new Map<string, string>();
  for (const line of lines) {
    const [, stated = "", name = ""] = /^([0-9a-f]{64}) {2}(.+)$/.exec(line) ?? [];
    const seen = createHash("sha256")
      .update(await readFile(path.join(where, name)))
      .digest("hex");
    if (seen !== stated) throw new Error(`SHA256SUMS is wrong of ${name}`);
    found.set(name, seen);
  }
  return found;
}

try {
  const key = path.join(folder, "release.key");
  const made = await runCli("key", "new", key, "--kind", "minisign");
  if (made.code !== 0) throw new Error(made.stderr);
  await must(process.execPath, [command, FIRST, "--key", key]);
  process.umask(0o077);
  await must(process.execPath, [command, SECOND]);
  const one = await digests(FIRST);
  const two = await digests(SECOND);
  const rows = [...one].map(([name, digest]) => ({ name, digest, same: two.get(name) === digest }));
  const trust = JSON.parse((await must(process.execPath, [CLI(), "key", "show", key, "--json"])).trim()) as {
    readonly publicKey: string;
  };
  const daemon = await startTestDaemon({ under: folder });
  let served: readonly string[] = [];
  try {
    await daemon.addSource({
      name: "releases",
      feed: { format: "directory", list: { kind: "checksums" } },
      addresses: [`file://${FIRST}/tree/`],
      trust: { kind: "minisign", keys: [trust.publicKey] },
      schedule: "manual",
    });
    const synced = await daemon.sync("releases");
    if ("code" in synced) throw new Error(`the daemon refused the release: ${synced.code}`);
    const url = await daemon.url("staging");
    const seen: string[] = [];
    for (const [name, digest] of one) {
      const body = Buffer.from(await (await fetch(`${url}releases/${name}`)).arrayBuffer());
      if (createHash("sha256").update(body).digest("hex") === digest) seen.push(name);
    }
    served = seen;
  } finally {
    await daemon.end();
  }
  const yes = (is: boolean): string => (is ? "yes" : "NO");
  say(
    table(
      ["file", "SHA-256", "same in both builds", "signed, and taken by a mirror"],
      rows.map(({ name, digest, same }) => [name, digest, yes(same), yes(served.includes(name))]),
    ),
  );
  const ok = rows.length === 2 && rows.every(({ name, same }) => same && served.includes(name));
  conclude({ proof: "package", files: rows, taken: served }, ok);
} finally {
  await rm(folder, { recursive: true, force: true });
}

function CLI(): string {
  return path.join(import.meta.dirname, "../src/main/ringfort.ts");
}
