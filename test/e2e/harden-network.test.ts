import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import process from "node:process";
import { after, before, describe, test } from "node:test";
import * as z from "zod";
import { needs, needsProgram } from "../fixtures/needs.ts";
import { NetworkLab, needsNetns } from "../fixtures/netns.ts";

const skip = needs(needsProgram("nft", "nftables"), needsProgram("sysctl", "procps"), needsNetns());
const MAIN = path.resolve(import.meta.dirname, "../../src/main/ringfort.ts");
const report = z.object({ differences: z.array(z.object({ what: z.string(), where: z.string() })) });

describe("the command against a host that is a network namespace", { skip }, () => {
  let lab: NetworkLab;
  let folder: string;
  before(async () => {
    lab = await NetworkLab.make(["bastion", "internet", "inside"]);
    await lab.cable(
      { host: "bastion", device: "out0", addresses: [] },
      { host: "internet", device: "eth0", addresses: [] },
    );
    await lab.cable(
      { host: "bastion", device: "in0", addresses: [] },
      { host: "inside", device: "eth0", addresses: [] },
    );
    folder = mkdtempSync(path.join(tmpdir(), "ringfort-harden-"));
    const config = {
      data: folder,
      host: { outside: "out0", inside: "in0", user: 0 },
      channels: { staging: { listen: "10.20.0.10:80", allow: ["10.20.1.0/24", "10.20.1.7"] } },
    };
    writeFileSync(path.join(folder, "ringfort.yaml"), JSON.stringify(config));
  });
  after(async () => {
    await lab.end();
    rmSync(folder, { recursive: true });
  });

  const ringfort = async (...args: readonly string[]) => {
    const file = path.join(folder, "ringfort.yaml");
    const given = ["--config", file, "--json", "harden", "network", "--source", "https://vendor.example/", ...args];
    return lab.run("bastion", process.execPath, MAIN, ...given);
  };
  const differences = async () => {
    const { code, stdout } = await ringfort("--check");
    return { code, found: report.parse(JSON.parse(stdout)).differences };
  };

  test("what it writes loads; then the host has it, and every later change is found", async () => {
    const bare = await differences();
    assert.equal(bare.code, 3);
    assert.ok(bare.found.some(({ what }) => what === "rule-missing"));

    const written = await ringfort("--output", path.join(folder, "network"));
    assert.equal(written.code, 0, written.stderr);
    assert.equal(JSON.parse(readFileSync(path.join(folder, "network/ringfort-firewalls.json"), "utf8")).length, 4);
    const must = async (...command: readonly [string, ...string[]]) => {
      const [program, ...args] = command;
      const { code, stderr } = await lab.run("bastion", program, ...args);
      assert.equal(code, 0, stderr);
    };
    await must("nft", "-f", path.join(folder, "network/ringfort.nft"));
    await must("sysctl", "-qp", path.join(folder, "network/ringfort-sysctl.conf"));
    assert.deepEqual(await differences(), { code: 0, found: [] });

    // What changes by itself is no difference; what somebody changes is.
    await must("nft", "add", "element", "inet", "ringfort", "ftp4", "{ 192.0.2.7 }");
    assert.equal((await differences()).code, 0);
    await must("sysctl", "-qw", "net/ipv4/conf/out0/accept_redirects=1");
    assert.deepEqual((await differences()).found, [{ what: "setting", where: "net/ipv4/conf/out0/accept_redirects" }]);
    await must("sysctl", "-qw", "net/ipv4/conf/out0/accept_redirects=0");
    await must("nft", "insert", "rule", "inet", "ringfort", "input", "accept");
    assert.deepEqual((await differences()).found, [{ what: "rule-unexpected", where: "chain input" }]);
    await must("nft", "add", "chain", "inet", "ringfort", "input", "{ policy accept; }");
    assert.ok((await differences()).found.some(({ where }) => where === "chain input"));
    await must("nft", "-f", path.join(folder, "network/ringfort.nft"));
    await must("nft", "add", "element", "inet", "ringfort", "clients1", "{ 10.20.2.0/24 }");
    assert.deepEqual(
      (await differences()).found.map(({ where }) => where),
      ["set clients1", "set clients1"],
    );
  });
});
