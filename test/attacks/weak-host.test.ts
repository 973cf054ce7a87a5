import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import { startTestDaemon, type TestDaemon } from "../fixtures/daemon.ts";
import { needs, needsProgram } from "../fixtures/needs.ts";
import { bastionLab, LAB_ADDRESSES, type NetworkLab, needsNetns } from "../fixtures/netns.ts";
import { makeCertificate } from "../upstream/certificate.ts";

/**
 * Linux answers for each of its addresses on every interface: a host on the internet that has a route to an inside address is
 * served from it, unless something asks where a packet came in.
 */
const skip = needs(needsProgram("curl", "curl"), needsNetns());
const PASSIVE = { from: 50_000, to: 50_003 };
const HOSTS = ["internet", "staging", "production"] as const;
type Host = (typeof HOSTS)[number];

/** What a host finds at an address: an answer, a connection that is closed without one, or no connection. */
type Found = "served" | "cut off" | "nothing";

describe("a host that has a route to a channel and is no client of it", { skip }, () => {
  let lab: NetworkLab;
  let folder: string;
  before(async () => {
    lab = await bastionLab();
    folder = mkdtempSync(path.join(tmpdir(), "ringfort-certificate-"));
    const { cert, key } = await makeCertificate(["mirror.example"]);
    writeFileSync(path.join(folder, "fullchain.pem"), cert);
    writeFileSync(path.join(folder, "privkey.pem"), key);
  });
  after(async () => {
    await lab.end();
    rmSync(folder, { recursive: true });
  });

  async function found(host: Host, url: string): Promise<Found> {
    const args = ["-sSk", "--globoff", "-o", "/dev/null", "--connect-timeout", "2", "--max-time", "8"];
    const { code } = await lab.run(host, "curl", ...args, "-w", "%{response_code}", url);
    if (code === 0) return "served";
    // Of curl(1): 7 no connection, 28 too long; 52 and 56 nothing came, 35 no handshake, 8 an FTP server that says nothing.
    if (code === 7 || code === 28) return "nothing";
    assert.ok([8, 35, 52, 56].includes(code), `curl ${url} from ${host}: ${code}`);
    return "cut off";
  }

  async function matrix(urls: Readonly<Record<string, string>>): Promise<Readonly<Record<string, Found>>> {
    const cells = HOSTS.flatMap((host) => Object.entries(urls).map(([name, url]) => ({ host, name, url })));
    const results = await Promise.all(
      cells.map(async ({ host, name, url }): Promise<[string, Found]> => [`${host} ${name}`, await found(host, url)]),
    );
    return Object.fromEntries(results);
  }

  for (const version of ["IPv4", "IPv6"] as const) {
    const at = LAB_ADDRESSES[version];
    const channelsWith = (wall: "interface" | "allow" | "none" | "both") =>
      Object.fromEntries(
        (["staging", "production"] as const).map((channel) => [
          channel,
          {
            listen: `${at[channel]}:80`,
            ...(wall === "interface" || wall === "both" ? { interface: "in0" } : {}),
            ...(wall === "allow" || wall === "both" ? { allow: [at[`${channel}Clients`]] } : {}),
            https: { listen: `${at[channel]}:443`, folder },
            ftp: { listen: `${at[channel]}:21`, passive: PASSIVE },
          },
        ]),
      );
    const urls = {
      "staging http": `http://${at.staging}/`,
      "staging https": `https://${at.staging}/`,
      "staging ftp": `ftp://${at.staging}/`,
      "production http": `http://${at.production}/`,
      "production ftp": `ftp://${at.production}/`,
      "outside http": `http://${at.outside}/`,
    };
    const within = async (wall: Parameters<typeof channelsWith>[0], body: (daemon: TestDaemon) => Promise<void>) => {
      const daemon = await startTestDaemon({ channels: channelsWith(wall), within: lab.within("bastion") });
      try {
        await body(daemon);
      } finally {
        await daemon.end();
      }
    };

    test(`${version}: without a wall it is served`, async () => {
      await within("none", async () => {
        assert.equal(await found("internet", urls["staging http"]), "served");
        assert.equal(await found("internet", urls["staging https"]), "served");
        assert.equal(await found("internet", urls["staging ftp"]), "served");
      });
    });

    test(`${version}: an interface lets nothing through from another one, and all of its own`, async () => {
      await within("interface", async () => {
        assert.deepEqual(await matrix(urls), {
          "internet staging http": "nothing",
          "internet staging https": "nothing",
          "internet staging ftp": "nothing",
          "internet production http": "nothing",
          "internet production ftp": "nothing",
          "internet outside http": "nothing",
          "staging staging http": "served",
          "staging staging https": "served",
          "staging staging ftp": "served",
          "staging production http": "served",
          "staging production ftp": "served",
          "staging outside http": "nothing",
          "production staging http": "served",
          "production staging https": "served",
          "production staging ftp": "served",
          "production production http": "served",
          "production production ftp": "served",
          "production outside http": "nothing",
        });
        const passive = `telnet://${at.staging}:${PASSIVE.from}`;
        assert.equal(await found("internet", passive), "nothing");
        assert.notEqual(await found("staging", passive), "nothing");
      });
    });

    test(`${version}: client networks keep each to its own channel, by every protocol, and it is told once`, async () => {
      await within("allow", async (daemon) => {
        assert.deepEqual(await matrix(urls), {
          "internet staging http": "cut off",
          "internet staging https": "cut off",
          "internet staging ftp": "cut off",
          "internet production http": "cut off",
          "internet production ftp": "cut off",
          "internet outside http": "nothing",
          "staging staging http": "served",
          "staging staging https": "served",
          "staging staging ftp": "served",
          "staging production http": "cut off",
          "staging production ftp": "cut off",
          "staging outside http": "nothing",
          "production staging http": "cut off",
          "production staging https": "cut off",
          "production staging ftp": "cut off",
          "production production http": "served",
          "production production ftp": "served",
          "production outside http": "nothing",
        });
        const told = daemon.events().match(/"event":"channel.client-refused"[^\n]*/g) ?? [];
        assert.equal(told.filter((line) => line.includes('"channel":"staging"')).length, 1, told.join("\n"));
        assert.equal(told.length, 2);
      });
    });

    test(`${version}: with both, the internet finds nothing and the others their own`, async () => {
      await within("both", async () => {
        const seen = await matrix({ "staging http": urls["staging http"], "production ftp": urls["production ftp"] });
        assert.deepEqual(seen, {
          "internet staging http": "nothing",
          "internet production ftp": "nothing",
          "staging staging http": "served",
          "staging production ftp": "cut off",
          "production staging http": "cut off",
          "production production ftp": "served",
        });
      });
    });
  }
});
