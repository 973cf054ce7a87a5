import { mkdir, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import process from "node:process";
import { type CliRun, run, startTestDaemon, type TestDaemon } from "../test/fixtures/daemon.ts";
import { type FtpVendor, startFtpVendor } from "../test/upstream/ftp-vendor.ts";
import { type HttpVendor, startHttpVendor } from "../test/upstream/http-vendor.ts";
import { type LiveupdateVendor, makeLiveupdateVendor } from "../test/upstream/liveupdate-vendor.ts";
import type { Shown, Stop, Walk } from "./stops.ts";

/** What the source, and so its mount, is called: the agent's own default. */
const SOURCE = "liveupdate";
const PRODUCT = "definitions";
const CHANNELS = ["staging", "production"] as const;
type Channel = (typeof CHANNELS)[number];

const agentMain = path.join(import.meta.dirname, "../src/main/ringfort-agent.ts");

/**
 * The 2002 paper's scenario: an administration utility that retrieves over HTTP or else passive FTP, a pool of staging
 * machines with a host file of their own, a release, production machines with theirs, and the spoofed upstream of its
 * advisory; then what the paper had no answer to, a way back.
 */
export async function liveupdateStops(): Promise<Walk> {
  const http = await startHttpVendor({});
  const ftp = await startFtpVendor({});
  const daemon = await startTestDaemon({ config: { session: { idle: 0, most: 0 } } });
  const vendor = makeLiveupdateVendor({ bytes: 60_000 });
  vendor.attach(http.files, "/lu/");
  vendor.attach(ftp.files, "lu/");
  const guide = new Guide({ http, ftp, daemon, vendor });
  return {
    setUp: () => guide.setUp(),
    stops: guide.stops(),
    end: async () => {
      await daemon.end();
      await Promise.all([http.close(), ftp.close()]);
    },
  };
}

interface Parts {
  readonly http: HttpVendor;
  readonly ftp: FtpVendor;
  readonly daemon: TestDaemon;
  readonly vendor: LiveupdateVendor;
}

class Guide {
  readonly #parts: Parts;
  readonly #machines: Readonly<Record<Channel, readonly string[]>> = {
    staging: ["staging-1", "staging-2"],
    production: ["desk-1", "desk-2", "desk-3"],
  };

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  stops(): readonly Stop[] {
    return [
      { what: "retrieved over HTTP", show: () => this.#overHttp() },
      { what: "HTTP is blocked: passive FTP", show: () => this.#overFtp() },
      { what: "the staging pool updates", show: () => this.#updates("staging") },
      { what: "released, and production updates", show: () => this.#release() },
      { what: "a spoofed upstream's endless file", show: () => this.#endless() },
      { what: "a rogue signer under the same root", show: () => this.#rogue() },
      { what: "a bad update reaches production", show: () => this.#bad() },
      { what: "rolled back: no client follows by itself", show: () => this.#rollback() },
      { what: "recalled: every client goes back", show: () => this.#recall() },
    ];
  }

  async setUp(): Promise<void> {
    const { daemon, vendor, http, ftp } = this.#parts;
    await daemon.addSource(vendor.source(SOURCE, [`${http.url}/lu/`, `${ftp.url}/lu/`]));
    await this.#must("key", "new", this.#file("recall.key"), "--kind", "minisign");
    const shown = await daemon.cli("--json", "key", "show", this.#file("recall.key"));
    const { publicKey } = JSON.parse(shown.stdout) as { readonly publicKey: string };
    for (const channel of CHANNELS) {
      await this.#must(
        "hostfile",
        "edit",
        this.#file(`${channel}.json`),
        "--new",
        "--deployment",
        "campus",
        "--channel",
        channel,
        "--from-daemon",
        "--trust-source",
        SOURCE,
        "--recall-key",
        publicKey,
      );
      for (const machine of this.#machines[channel]) await this.#makeMachine(machine, channel);
    }
  }

  /** A client's machine: its configuration, and the folder that it keeps up to date. */
  async #makeMachine(machine: string, channel: Channel): Promise<void> {
    const folder = this.#file(machine);
    await mkdir(folder);
    const { product, version, language } = this.#parts.vendor.product(PRODUCT).identity;
    const install = { way: "swap", folder: path.join(folder, "definitions") };
    await writeFile(
      path.join(folder, "agent.yaml"),
      JSON.stringify({
        hostFile: this.#file(`${channel}.json`),
        state: path.join(folder, "state"),
        products: [{ product, version, language, install }],
      }),
    );
  }

  #file(name: string): string {
    return path.join(this.#parts.daemon.folder, name);
  }

  async #must(...args: readonly string[]): Promise<void> {
    const { code, stdout, stderr } = await this.#parts.daemon.cli(...args);
    if (code !== 0) throw new Error(`ringfort ${args.join(" ")}: exit ${code}\n${stdout}${stderr}`);
  }

  async #position(channel: Channel): Promise<number | null> {
    const { positions } = await this.#parts.daemon.must({ verb: "channels", source: SOURCE });
    return positions.find((position) => position.channel === channel)?.revision ?? null;
  }

  /** One run of the agent on each machine of a channel, at once. */
  async #agents(channel: Channel): Promise<readonly CliRun[]> {
    return Promise.all(
      this.#machines[channel].map((machine) =>
        run(process.execPath, [agentMain, "--config", path.join(this.#file(machine), "agent.yaml"), "--silent"]),
      ),
    );
  }

  /** The revision of the vendor that each machine of a channel has installed, as its files say. */
  async #installed(channel: Channel): Promise<readonly (number | null)[]> {
    const { vendor } = this.#parts;
    const at = [...Array.from({ length: vendor.revision + 1 }).keys()].toReversed();
    return Promise.all(
      this.#machines[channel].map(async (machine) => {
        for (const revision of at) {
          const files = vendor.installed(PRODUCT, revision);
          const same = await Promise.all(
            files.map(async ({ name, bytes }) =>
              (
                await readFile(path.join(this.#file(machine), "definitions", "current", name)).catch(() =>
                  Buffer.alloc(0),
                )
              ).equals(bytes),
            ),
          );
          if (same.every((one) => one)) return revision;
        }
        return null;
      }),
    );
  }

  async #sync(): Promise<{ readonly code: number; readonly error: string | null }> {
    const { code, stdout } = await this.#parts.daemon.cli("--json", "sync", SOURCE);
    const { error } = JSON.parse(stdout) as { readonly error?: { readonly code: string } };
    return { code, error: error?.code ?? null };
  }

  async #overHttp(): Promise<Shown> {
    const { daemon, ftp } = this.#parts;
    const { code } = await this.#sync();
    const { revisions } = await daemon.must({ verb: "revisions", source: SOURCE });
    const [revision] = revisions;
    return {
      seen: `${revision?.files ?? 0} files, ${revision?.bytes ?? 0} bytes; no FTP command`,
      ok: code === 0 && revision?.revision === 1 && ftp.commands.length === 0,
    };
  }

  async #overFtp(): Promise<Shown> {
    const { http, ftp, vendor } = this.#parts;
    vendor.advance();
    http.faults.set("*", { kind: "drop" });
    const { code } = await this.#sync();
    http.faults.clear();
    const passive = ftp.commands.filter((command) => /^(?:EPSV|PASV)/.test(command)).length;
    const active = ftp.commands.filter((command) => /^(?:EPRT|PORT)/.test(command)).length;
    const at = await this.#position("staging");
    return {
      seen: `staging at revision ${at ?? "none"}; ${passive} passive transfers, ${active} active`,
      ok: code === 0 && at === 2 && passive > 0 && active === 0,
    };
  }

  async #updates(channel: Channel): Promise<Shown> {
    const runs = await this.#agents(channel);
    const codes = runs.map(({ code }) => code);
    const installed = await this.#installed(channel);
    const wanted = this.#parts.vendor.revision;
    return {
      seen: `${codes.length} agents exit ${codes.join(" ")}; installed the vendor's revision ${[...new Set(installed)].join(", ")}`,
      ok: codes.every((code) => code === 0) && installed.every((revision) => revision === wanted),
    };
  }

  async #release(): Promise<Shown> {
    const early = (await this.#installed("production")).every((revision) => revision === null);
    await this.#must("promote", SOURCE, "--reason", "no issues on the staging machines");
    const shown = await this.#updates("production");
    return { seen: shown.seen, ok: shown.ok === true && early };
  }

  /** A run that must be refused; nothing that clients see may move. */
  async #refused(expected: string): Promise<Shown> {
    const before = [await this.#position("staging"), await this.#position("production")];
    const { code, error } = await this.#sync();
    const after = [await this.#position("staging"), await this.#position("production")];
    const still = String(before) === String(after);
    return {
      seen: `exit ${code}, ${error ?? "accepted"}; channels ${still ? "unchanged" : "MOVED"}`,
      ok: code === 3 && error === expected && still,
    };
  }

  async #endless(): Promise<Shown> {
    const { http, ftp, vendor, daemon } = this.#parts;
    vendor.advance();
    // Whoever owns the name owns every road to it: both addresses lead to the same spoofer.
    for (const file of vendor.sideFiles(PRODUCT)) http.faults.set(`/lu/${file}`, { kind: "endless", announced: false });
    ftp.faults.endless = true;
    const shown = await this.#refused("artifact.size-differs");
    http.faults.clear();
    delete ftp.faults.endless;
    const { runs } = await daemon.must({ verb: "log", what: "runs", source: SOURCE, limit: 1 });
    return { seen: `${shown.seen}; ${runs[0]?.bytes ?? 0} bytes taken`, ok: shown.ok };
  }

  async #rogue(): Promise<Shown> {
    const { vendor } = this.#parts;
    const { rogue, authority } = vendor.pki;
    vendor.forge(PRODUCT, { manner: { signer: rogue, embed: [rogue.certificate, authority] } });
    const shown = await this.#refused("feed.signer-unknown");
    vendor.advance();
    return shown;
  }

  async #bad(): Promise<Shown> {
    await this.#sync();
    await this.#must("promote", SOURCE, "--reason", "looks well");
    return this.#updates("production");
  }

  async #rollback(): Promise<Shown> {
    await this.#must("rollback", SOURCE, "--channel", "production", "--reason", "it deletes svchost.exe");
    const runs = await this.#agents("production");
    const installed = await this.#installed("production");
    return {
      seen: `production at revision ${(await this.#position("production")) ?? "none"}; agents still have ${[...new Set(installed)].join(", ")}`,
      ok:
        runs.every(({ code }) => code === 1) && installed.every((revision) => revision === this.#parts.vendor.revision),
    };
  }

  async #recall(): Promise<Shown> {
    const { vendor } = this.#parts;
    const { product, version, language } = vendor.product(PRODUCT).identity;
    const good = vendor.revision - 2;
    await this.#must(
      "recall",
      "--key",
      this.#file("recall.key"),
      "--into",
      this.#file("recalls"),
      "--channel",
      "production",
      "--product",
      product,
      "--version",
      version,
      "--language",
      language,
      "--from",
      String(vendor.sequence(PRODUCT)),
      "--to",
      String(vendor.sequence(PRODUCT, good)),
      "--reason",
      "it deletes svchost.exe",
      "--publish",
    );
    const runs = await this.#agents("production");
    const installed = await this.#installed("production");
    return {
      seen: `agents exit ${runs.map(({ code }) => code).join(" ")}, and have ${[...new Set(installed)].join(", ")} again`,
      ok: runs.every(({ code }) => code === 0) && installed.every((revision) => revision === good),
    };
  }
}
