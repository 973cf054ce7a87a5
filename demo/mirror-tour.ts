import { createHash } from "node:crypto";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { run, startTestDaemon, type TestDaemon } from "../test/fixtures/daemon.ts";
import { hasProgram, type Shown, type Stop, type Walk } from "./stops.ts";
import { type DemoVendor, demoSource, editionFiles, startDemoVendor, vendorPath } from "./vendor.ts";

/** The mirror's own story: a vendor with a signed list that misbehaves when told to. */
export async function mirrorStops(): Promise<Walk> {
  const vendor = await startDemoVendor();
  const daemon = await startTestDaemon({ config: { session: { idle: "200ms", most: "1s" } } });
  const guide = new Guide(vendor, daemon);
  return {
    setUp: () => guide.setUp(),
    stops: guide.stops(),
    end: async () => {
      await daemon.end();
      await vendor.close();
    },
  };
}

interface JsonAnswer {
  readonly code: number;
  readonly value: unknown;
}

/** Leads through the tour. Every act goes through the command line, as a person's would. */
class Guide {
  readonly #vendor: DemoVendor;
  readonly #daemon: TestDaemon;

  constructor(vendor: DemoVendor, daemon: TestDaemon) {
    this.#vendor = vendor;
    this.#daemon = daemon;
  }

  async setUp(): Promise<void> {
    const added = await this.#daemon.cli(...demoSource(this.#vendor, "manual"));
    if (added.code !== 0) throw new Error(`source add: ${added.stdout}${added.stderr}`);
  }

  stops(): readonly Stop[] {
    return [
      { what: "first sync", show: () => this.#firstSync() },
      { what: "verified", show: () => this.#verified() },
      { what: "staged", show: () => this.#pointsAt("staging", 1) },
      { what: "a client fetches from staging", show: () => this.#clientFetches("staging", 1) },
      { what: "promoted", show: () => this.#promoted() },
      { what: "a client fetches from production", show: () => this.#clientFetches("production", 1) },
      { what: "a tampered update is refused", show: () => this.#tampered() },
      { what: "an endless file stops at its cap", show: () => this.#endless() },
      { what: "a regressed version is refused", show: () => this.#regressed() },
      { what: "an interrupted download is resumed", show: () => this.#resumed() },
      { what: "a rollback reaches a wget -N client", show: () => this.#rollback() },
    ];
  }

  async #cli(...args: readonly string[]): Promise<JsonAnswer> {
    const { code, stdout } = await this.#daemon.cli("--json", ...args);
    return { code, value: JSON.parse(stdout) as unknown };
  }

  async #position(channel: string): Promise<number | null> {
    const { positions } = await this.#daemon.must({ verb: "channels", source: "demo" });
    return positions.find((position) => position.channel === channel)?.revision ?? null;
  }

  async #pointsAt(channel: string, revision: number): Promise<Shown> {
    const at = await this.#position(channel);
    return { seen: `${channel} is at revision ${at ?? "none"}`, ok: at === revision };
  }

  async #firstSync(): Promise<Shown> {
    const { code, value } = await this.#cli("sync", "demo");
    const { run: record } = value as { run: { revision: number; bytes: number } };
    return {
      seen: `revision ${record.revision}, ${record.bytes} bytes over the line`,
      ok: code === 0 && record.revision === 1,
    };
  }

  async #verified(): Promise<Shown> {
    const { value } = await this.#cli("revisions", "demo");
    const { revisions } = value as { revisions: { vouchedBy: string; files: number }[] };
    const [revision] = revisions;
    return {
      seen: `${revision?.files ?? 0} files, vouched for by ${revision?.vouchedBy ?? "nobody"}`,
      ok: revision?.vouchedBy.includes(this.#vendor.keyId) === true,
    };
  }

  async #clientFetches(channel: string, edition: number): Promise<Shown> {
    const url = await this.#daemon.url(channel);
    const wanted = editionFiles(edition);
    let bytes = 0;
    for (const [name, body] of wanted) {
      const response = await fetch(`${url}demo/${name}`);
      const got = Buffer.from(await response.arrayBuffer());
      if (response.status !== 200 || !got.equals(body))
        return { seen: `${name} is not as the vendor made it`, ok: false };
      bytes += got.length;
    }
    return { seen: `${wanted.size} files, ${bytes} bytes, each as the vendor made it`, ok: true };
  }

  async #promoted(): Promise<Shown> {
    const before = await this.#position("production");
    const { code } = await this.#cli("promote", "demo", "--reason", "the canaries are well");
    const after = await this.#position("production");
    return {
      seen: `production from ${before ?? "nothing"} to revision ${after ?? "none"}`,
      ok: code === 0 && after === 1,
    };
  }

  /** Runs a sync that must be refused, and looks whether anything that clients see has moved. */
  async #refused(expected: string): Promise<Shown> {
    const before = [await this.#position("staging"), await this.#position("production")];
    const { code, value } = await this.#cli("sync", "demo");
    const { error } = value as { error?: { code: string } };
    const after = [await this.#position("staging"), await this.#position("production")];
    const still = String(before) === String(after);
    return {
      seen: `exit ${code}, ${error?.code ?? "accepted"}; channels ${still ? "unchanged" : "MOVED"}`,
      ok: code === 3 && error?.code === expected && still,
    };
  }

  async #tampered(): Promise<Shown> {
    this.#vendor.publish(2);
    this.#vendor.tamper("definitions.bin");
    return this.#refused("artifact.digest-differs");
  }

  async #endless(): Promise<Shown> {
    const name = vendorPath("definitions.bin");
    this.#vendor.publish(2);
    this.#vendor.http.faults.set(name, { kind: "endless", announced: false });
    const cap = 1_500_000;
    await this.#change("--budget", `artifactBytes=${cap}`);
    const before = this.#vendor.http.sent();
    const shown = await this.#refused("budget.artifact-bytes");
    const { runs } = await this.#daemon.must({ verb: "log", what: "runs", source: "demo", limit: 1 });
    const took = runs[0]?.bytes ?? 0;
    this.#vendor.http.faults.clear();
    await this.#change("--budget", "artifactBytes=4GB");
    const near = took < cap + 4 * 1_024 * 1_024 + 100_000;
    return {
      seen: `${shown.seen}; cap ${cap}, ${took} bytes taken of ${this.#vendor.http.sent() - before} sent`,
      ok: shown.ok && near,
    };
  }

  /** Changes the source's description through the command line. */
  async #change(...flags: readonly string[]): Promise<void> {
    const spec = (await this.#daemon.must({ verb: "source-show", source: "demo" })).spec;
    const file = path.join(this.#daemon.folder, "demo.yaml");
    const [, value = ""] = flags;
    const [key = "", amount = ""] = value.split("=");
    await writeFile(file, JSON.stringify({ ...spec, budget: { ...spec.budget, [key]: amount } }));
    const changed = await this.#daemon.cli("source", "change", "demo", "--from", file);
    if (changed.code !== 0) throw new Error(`source change: ${changed.stdout}${changed.stderr}`);
  }

  async #regressed(): Promise<Shown> {
    this.#vendor.publish(0);
    return this.#refused("feed.older-than-held");
  }

  async #resumed(): Promise<Shown> {
    const name = vendorPath("definitions.bin");
    this.#vendor.publish(2);
    this.#vendor.http.faults.set(name, { kind: "cut", after: 1_200_000, times: 1 });
    const from = this.#vendor.http.requests.length;
    const { code } = await this.#cli("sync", "demo");
    this.#vendor.http.faults.clear();
    const ranges = this.#vendor.http.requests
      .slice(from)
      .filter((request) => request.path === name)
      .map((request) => request.headers["range"] ?? "from the start");
    const served = await this.#clientFetches("staging", 2);
    return {
      seen: `asked ${ranges.join(", then ")}; revision 2 whole`,
      ok: code === 0 && ranges.length === 2 && String(ranges[1]).startsWith("bytes=") && served.ok,
    };
  }

  async #rollback(): Promise<Shown> {
    if (!hasProgram("wget")) return { seen: "wget is not installed", ok: null };
    const promoted = await this.#cli("promote", "demo", "--reason", "edition 2");
    const folder = path.join(this.#daemon.folder, "client");
    await mkdir(folder, { recursive: true });
    const url = `${await this.#daemon.url("production")}demo/definitions.bin`;
    const has = async (): Promise<string> => {
      const got = await run("wget", ["-q", "-N", url], { cwd: folder });
      if (got.code !== 0) throw new Error(`wget exited with ${got.code}`);
      return createHash("sha256")
        .update(await readFile(path.join(folder, "definitions.bin")))
        .digest("hex");
    };
    const editionOf = (sha256: string): number =>
      [1, 2].find(
        (edition) =>
          createHash("sha256")
            .update(editionFiles(edition).get("definitions.bin") ?? "")
            .digest("hex") === sha256,
      ) ?? 0;
    const before = editionOf(await has());
    const rolled = await this.#cli("rollback", "demo", "--channel", "production", "--reason", "edition 2 is bad");
    // Longer than the session that this tour configured: a client in the middle of one is never switched.
    await new Promise((resolve) => setTimeout(resolve, 1_200));
    const after = editionOf(await has());
    return {
      seen: `wget -N had edition ${before}, and has edition ${after} after the rollback`,
      ok: promoted.code === 0 && rolled.code === 0 && before === 2 && after === 1,
    };
  }
}
