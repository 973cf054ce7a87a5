import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { startTestDaemon, type TestDaemon } from "../fixtures/daemon.ts";
import { bastionLab, LAB_ADDRESSES, type NetworkLab } from "../fixtures/netns.ts";
import { makeCertificate } from "../upstream/certificate.ts";

export const PASSIVE = { from: 50_000, to: 50_003 };
export const CLIENTS = ["internet", "staging", "production"] as const;
const CHANNELS = ["staging", "production"] as const;
const PROTOCOLS = ["http", "https", "ftp"] as const;
export const VERSIONS = ["IPv4", "IPv6"] as const;

export interface Cell {
  readonly version: (typeof VERSIONS)[number];
  readonly client: (typeof CLIENTS)[number];
  readonly at: (typeof CHANNELS)[number] | "outside";
  readonly protocol: (typeof PROTOCOLS)[number];
  readonly wanted: "served" | "nothing";
  readonly found: string;
}

/** The paper's bastion with the real daemon on it, behind the rules and settings that `ringfort harden network` makes of its configuration. */
export class BastionHost {
  readonly lab: NetworkLab;
  readonly daemon: TestDaemon;
  readonly #folder: string;

  private constructor(lab: NetworkLab, daemon: TestDaemon, folder: string) {
    this.lab = lab;
    this.daemon = daemon;
    this.#folder = folder;
  }

  /** Starts it with what channels need and no wall of their own but client networks: the packet filter is what is looked at. */
  static async start(): Promise<BastionHost> {
    const lab = await bastionLab();
    const folder = await mkdtemp(path.join(tmpdir(), "ringfort-lab-"));
    try {
      const { cert, key } = await makeCertificate(["mirror.example"]);
      await writeFile(path.join(folder, "fullchain.pem"), cert);
      await writeFile(path.join(folder, "privkey.pem"), key);
      await mkdir(path.join(folder, "vendor"));
      await writeFile(path.join(folder, "vendor/one.bin"), Buffer.alloc(100_000, 7));
      // A listener of a channel may be of one version of IP: each channel here is one for each.
      const channels = Object.fromEntries(
        CHANNELS.flatMap((channel) =>
          VERSIONS.map((version) => {
            const at = LAB_ADDRESSES[version];
            const place = at[channel];
            const of = {
              listen: `${place}:80`,
              allow: [at[`${channel}Clients`]],
              https: { listen: `${place}:443`, folder },
              ftp: { listen: `${place}:21`, passive: PASSIVE },
            };
            return [version === "IPv4" ? channel : `${channel}-six`, of] as const;
          }),
        ),
      );
      const host = { outside: "out0", inside: "in0", user: 0 };
      const daemon = await startTestDaemon({ channels, config: { host }, within: lab.within("bastion") });
      return new BastionHost(lab, daemon, folder);
    } catch (error) {
      await lab.end();
      await rm(folder, { recursive: true, force: true });
      throw error;
    }
  }

  /** A source of one file, so that there is something to fetch from staging. */
  async fill(): Promise<void> {
    await this.daemon.addSource({
      name: "s",
      feed: { format: "directory", list: { kind: "files", files: ["one.bin"] } },
      addresses: [`file://${this.#folder}/vendor/`],
      trust: { kind: "none" },
      schedule: "manual",
    });
    await this.daemon.sync("s");
  }

  /** Makes the rules and the settings as an operator does, and loads them. */
  async harden(): Promise<void> {
    const to = path.join(this.#folder, "network");
    const { code, stderr } = await this.daemon.cli("harden", "network", "--output", to);
    assert.equal(code, 0, stderr);
    await this.must("bastion", "nft", "-f", path.join(to, "ringfort.nft"));
    await this.must("bastion", "sysctl", "-qp", path.join(to, "ringfort-sysctl.conf"));
  }

  /** Every client, at every channel and the outside address, by every protocol, on both versions of IP. */
  async matrix(): Promise<readonly Cell[]> {
    const cells = VERSIONS.flatMap((version) =>
      CLIENTS.flatMap((client) =>
        ([...CHANNELS, "outside"] as const).flatMap((at) =>
          PROTOCOLS.map((protocol) => ({ version, client, at, protocol })),
        ),
      ),
    );
    return await Promise.all(
      cells.map(async (cell) => ({
        ...cell,
        wanted: cell.client === cell.at ? ("served" as const) : ("nothing" as const),
        found: await this.#found(cell.client, `${cell.protocol}://${LAB_ADDRESSES[cell.version][cell.at]}/`),
      })),
    );
  }

  async #found(client: string, url: string): Promise<string> {
    const args = ["-sSk", "--globoff", "-o", "/dev/null", "--connect-timeout", "2", "--max-time", "20"];
    const { code } = await this.lab.run(client, "curl", ...args, url);
    // curl(1): 7 no connection, 28 too long.
    return code === 0 ? "served" : code === 7 || code === 28 ? "nothing" : `curl ${code}`;
  }

  /** What a program on a host has said, when any failure of it would be a mistake. */
  async must(host: string, program: string, ...args: readonly string[]): Promise<string> {
    const { code, stdout, stderr } = await this.lab.run(host, program, ...args);
    if (code !== 0) throw new Error(`${program} ${args.join(" ")} on ${host}: ${code}\n${stderr}`);
    return stdout;
  }

  async end(): Promise<void> {
    await this.daemon.end();
    await this.lab.end();
    await rm(this.#folder, { recursive: true, force: true });
  }
}
