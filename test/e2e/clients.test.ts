import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { after, before, describe, test } from "node:test";
import { startTestDaemon, type TestDaemon } from "../fixtures/daemon.ts";
import { RawFtp } from "../fixtures/raw-ftp.ts";
import { type HttpVendor, startHttpVendor } from "../upstream/http-vendor.ts";
import { SignedListVendor } from "../upstream/signed-list.ts";

const BYTES = Buffer.alloc(300_000, "one");
const SHA256 = createHash("sha256").update(BYTES).digest("hex");

interface Listed {
  readonly clients: readonly {
    readonly client: string;
    readonly agent: string;
    readonly channel: string;
    readonly revision: number | null;
    readonly taken: { readonly wholeAt: number | null; readonly files: number } | null;
  }[];
  readonly spread: readonly { readonly channel: string; readonly took: number; readonly left: number }[];
}

describe("what the servers saw of clients", () => {
  let http: HttpVendor;
  let daemon: TestDaemon;
  let vendor: SignedListVendor;

  before(async () => {
    http = await startHttpVendor({});
    vendor = new SignedListVendor(http, "one");
    daemon = await startTestDaemon({
      channels: {
        staging: { listen: "127.0.0.1:0", ftp: { listen: "127.0.0.1:0" } },
        production: { listen: "127.0.0.1:0" },
      },
    });
    vendor.publish(new Map([["pool/a.bin", BYTES]]), Date.now());
    await daemon.addSource(vendor.source());
    await daemon.sync("one");
  });

  after(async () => {
    await daemon?.end();
    await http?.close();
  });

  /** By a connection of its own: one that is kept stays on the revision of its first request. */
  const get = async (agent: string, more: Record<string, string> = {}): Promise<void> => {
    const answer = await fetch(`${await daemon.url("staging")}one/pool/a.bin`, {
      headers: { "user-agent": agent, connection: "close", ...more },
    });
    await answer.arrayBuffer();
  };

  const list = async (words: string): Promise<Listed> => {
    const ran = await daemon.cli("clients", "--json", ...words.split(" ").filter((word) => word !== ""));
    assert.equal(ran.code, 0, ran.stderr);
    return JSON.parse(ran.stdout);
  };

  /** What the servers saw comes within some seconds. */
  const listed = async (words: string, enough: (listed: Listed) => boolean): Promise<Listed> => {
    for (let tries = 0; ; tries += 1) {
      const answer = await list(words);
      if (enough(answer) || tries === 60) return answer;
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  };

  test("who has a file, by HTTP in one answer or in parts, and by FTP", async () => {
    await get("whole/1");
    for (const range of ["bytes=0-99999", "bytes=200000-", "bytes=100000-199999"]) await get("parts/1", { range });
    await get("half/1", { range: "bytes=0-99999" });
    await get("polls/1", { "if-none-match": `"${SHA256}"` });
    const { channels } = await daemon.must({ verb: "status" });
    const ftp = await RawFtp.login(Number(new URL(channels[0]?.ftp ?? "").port));
    await ftp.ask("CLNT NcFTP 3.2.6 linux");
    await ftp.transfer("RETR /one/pool/a.bin");
    ftp.destroy();
    const { clients } = await listed(`--hash ${SHA256}`, (answer) => answer.clients.length === 4);
    const told = clients.map(({ agent, taken }) => `${agent}: ${taken?.wholeAt === null ? "part" : "whole"}`);
    assert.deepEqual(told.toSorted(), ["NcFTP 3.2.6 linux: whole", "half/1: part", "parts/1: whole", "whole/1: whole"]);
    for (const { client, channel } of clients) assert.deepEqual([client, channel], ["127.0.0.1", "staging"]);
  });

  test("who took a revision, and who has left it", async () => {
    vendor.publish(new Map([["pool/a.bin", Buffer.from("two")]]), Date.now() + 60_000);
    await daemon.sync("one");
    await get("whole/2");
    const { clients, spread } = await listed("--source one --revision 1", ({ spread: [one] }) => one?.left === 1);
    assert.deepEqual(
      spread.map(({ channel, took, left }) => [channel, took, left]),
      [["staging", 3, 1]],
    );
    // One client still: it has been upgraded.
    assert.deepEqual(
      clients.filter(({ agent }) => agent.startsWith("whole/")).map(({ agent, revision }) => [agent, revision]),
      [["whole/2", 2]],
    );
    const csv = await daemon.cli("clients", "--source", "one", "--revision", "1", "--all", "--csv");
    assert.match(csv.stdout, /^client,agent,channel,source,revision,/);
    assert.equal(csv.stdout.trim().split("\r\n").length, 1 + clients.length);
    assert.equal((await daemon.cli("clients", "--revision", "1")).code, 2);
  });

  test("they outlive a restart, polls among them, and with record: false they are gone", async () => {
    await daemon.stop();
    await daemon.start();
    const polls = (await list("--source one")).clients.find(({ agent }) => agent === "polls/1");
    assert.equal(polls?.revision, 1);
    const { channels } = await daemon.must({ verb: "status" });
    assert.deepEqual(
      channels.map(({ seen }) => seen),
      [5, 0],
    );
    await daemon.stop();
    const config = JSON.parse(await readFile(daemon.configFile, "utf8"));
    await writeFile(daemon.configFile, JSON.stringify({ ...config, clients: { record: false } }));
    await daemon.start();
    await get("after/1");
    await new Promise((resolve) => setTimeout(resolve, 2_500));
    assert.deepEqual((await list("")).clients, []);
  });
});
