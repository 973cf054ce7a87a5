import assert from "node:assert/strict";
import { readFile, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import { type AptMachine, aptMachine, needsApt } from "../fixtures/apt-machine.ts";
import { ClientDesk, LOOPBACKS, shownHost } from "../fixtures/client-desk.ts";
import { startTestDaemon, type TestDaemon } from "../fixtures/daemon.ts";
import { DebianRepository } from "../fixtures/debian-repository.ts";
import { needsProgram } from "../fixtures/needs.ts";
import { type HttpVendor, startHttpVendor } from "../upstream/http-vendor.ts";
import { SignedListVendor } from "../upstream/signed-list.ts";

const METHODS = ["http", "ftp"] as const;
const CHANNELS = ["staging", "production"] as const;

/** A signed Debian repository takes the whole road, and apt-get and debmirror take it from both channels. */
describe("a Debian repository through both channels", { skip: needsApt }, () => {
  let http: HttpVendor;
  let daemon: TestDaemon;
  let vendor: SignedListVendor;
  let repository: DebianRepository;
  let first = "";

  before(async () => {
    http = await startHttpVendor({});
    vendor = new SignedListVendor(http, "debian");
    // Staging on IPv4, production on IPv6 where this machine has it.
    const [four = "", six = four] = LOOPBACKS.map((host) => `${shownHost(host)}:0`);
    daemon = await startTestDaemon({
      channels: {
        staging: { listen: four, ftp: { listen: four, active: true } },
        production: { listen: six, ftp: { listen: six, active: true } },
      },
    });
    repository = await DebianRepository.make(daemon.folder);
    first = await repository.add("libtest++", "1.0+b1", "the first");
    vendor.publish(await repository.files(), Date.now());
    await daemon.addSource(vendor.source());
    await synced();
    const wish = { source: "debian", channel: "production", revision: null, reason: "test", by: "test" };
    await daemon.must({ verb: "promote", ...wish });
    await repository.add("libtest++", "2.0+b1", "the second");
    vendor.publish(await repository.files(), Date.now() + 60_000);
    await synced();
  });

  after(async () => {
    await repository?.end();
    await daemon?.end();
    await http?.close();
  });

  async function synced(): Promise<void> {
    const result = await daemon.sync("debian");
    assert.ok("run" in result && result.run.outcome === "new-revision", JSON.stringify(result));
  }

  async function addressOf(method: (typeof METHODS)[number], channel: string): Promise<string> {
    const { channels } = await daemon.must({ verb: "status" });
    const entry = channels.find((one) => one.channel === channel);
    return `${(method === "http" ? entry?.url : entry?.ftp) ?? "none"}debian`;
  }

  const machine = (address: string): Promise<AptMachine> => aptMachine(daemon.folder, address, repository.keyring);

  for (const method of METHODS) {
    for (const channel of CHANNELS) {
      test(`apt-get by ${method} from ${channel}: update, again, download, the channel's own version`, async () => {
        const { desk, apt } = await machine(await addressOf(method, channel));
        assert.match(await apt("update"), /^Get:1 .* InRelease/m);
        assert.match(await apt("update"), /^Hit:1 /m);
        await apt("download", "libtest++");
        const version = channel === "staging" ? "2.0+b1" : "1.0+b1";
        const want = (await repository.files()).get(`pool/main/libtest++_${version}_all.deb`) ?? "";
        await desk.gives(`libtest++_${version}_all.deb`, want);
      });
    }
  }

  test("apt-get by ftp in active mode", async () => {
    const { desk, apt } = await machine(await addressOf("ftp", "production"));
    await apt("-o", "Acquire::ftp::Passive=false", "update");
    await apt("-o", "Acquire::ftp::Passive=false", "download", "libtest++");
    await desk.gives("libtest++_1.0+b1_all.deb", (await repository.files()).get(first) ?? "");
  });

  for (const channel of CHANNELS) {
    for (const mode of [["--passive"], []]) {
      test(`debmirror by ftp from ${channel}, ${mode[0] === undefined ? "active" : "passive"}, signatures checked`, {
        skip: needsProgram("debmirror", "debmirror"),
      }, async () => {
        const desk = await ClientDesk.make(daemon.folder);
        await writeFile(desk.at("debmirror.conf"), "1;\n");
        const { host } = new URL(await addressOf("ftp", channel));
        const options = {
          host,
          root: "debian",
          dist: "stable",
          section: "main",
          arch: "amd64",
          keyring: repository.keyring,
          diff: "none",
          "rsync-extra": "none",
          timeout: "10",
        };
        const flags = Object.entries(options).map(([name, value]) => `--${name}=${value}`);
        const more = ["--method=ftp", "--nosource", `--config-file=${desk.at("debmirror.conf")}`, ...mode];
        await desk.run("debmirror", ["mirror", ...flags, ...more]);
        const files = await repository.files();
        const versions = channel === "staging" ? ["1.0+b1", "2.0+b1"] : ["1.0+b1"];
        for (const version of versions) {
          const file = `pool/main/libtest++_${version}_all.deb`;
          assert.deepEqual(await readFile(desk.at(path.join("mirror", file))), Buffer.from(files.get(file) ?? ""));
        }
        await rm(desk.at("mirror"), { recursive: true });
      });
    }
  }
});
