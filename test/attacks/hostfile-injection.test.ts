import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, test } from "node:test";
import { run } from "../fixtures/scripted-terminal.ts";

/** Whoever may suggest a mirror's name or address would like a line of his own in a client's configuration. */
const folder = await mkdtemp(path.join(tmpdir(), "ringfort-hostfile-"));
after(() => rm(folder, { recursive: true, force: true }));

const BREAKS = ["\n", "\r", "\r\n", "\u0000", "\u2028", "\u0085", " ", "'", '"', "`", "\\", "#", "\t"];
const EXPORTS = [
  "--as freshclam",
  "--as freshclam --private-mirror",
  "--as apt --suite ./ --keyring /k.gpg",
  "--as suricata-update --path r.tar.gz",
  "--as liveupdate-conf --workdir /w --experimental",
];

async function held(host: Readonly<Record<string, unknown>>): Promise<void> {
  const file = {
    format: "ringfort-host-file-1",
    deployment: "d",
    channel: "staging",
    hosts: [{ name: "m", type: "http", address: "http://h/", ...host }],
  };
  await writeFile(path.join(folder, "h.json"), JSON.stringify(file));
}

test("an address that holds what ends a line or a word is in no exported file", async () => {
  for (const sign of BREAKS) {
    await held({ address: `http://h/a${sign}PrivateMirror http://evil/` });
    for (const words of EXPORTS) {
      const { exit, out } = await run(["hostfile", "export", "h.json", ...words.split(" ")], { cwd: folder });
      assert.equal(exit, 1, `${JSON.stringify(sign)} ${words}`);
      assert.equal(out, "");
    }
  }
});

test("a flag's value that holds it is in none either", async () => {
  await held({});
  for (const sign of BREAKS)
    for (const [as, flag, value] of [
      ["apt", "--suite", "s"],
      ["apt", "--component", "main"],
      ["apt", "--keyring", "/k"],
      ["suricata-update", "--path", "r"],
      ["liveupdate-conf", "--workdir", "/w"],
      ["liveupdate-conf", "--logfile", "/l"],
    ] as const) {
      const whole: Readonly<Record<string, string>> = {
        "--suite": "s",
        "--component": "main",
        "--keyring": "/k",
        "--workdir": "/w",
        "--path": "r",
      };
      const flags = Object.entries({ ...whole, [flag]: `${value}${sign}Trusted: yes` }).flat();
      const { exit, out } = await run(["hostfile", "export", "h.json", "--as", as, ...flags], { cwd: folder });
      assert.deepEqual([exit, out], [1, ""], `${as} ${flag} ${JSON.stringify(sign)}`);
    }
});

test("a name from the file moves no cursor of whoever reads it, and begins no line", async () => {
  for (const sign of ["\u001b[2J", "\n", "\u202e", "\u0007", "\r"]) {
    await held({ name: `m${sign}x` });
    for (const words of ["show h.json", "check h.json", "export h.json --as agent", "edit h.json --remove nobody"]) {
      const { out, err } = await run(["hostfile", ...words.split(" ")], { cwd: folder });
      assert.ok(!/[\u0000-\u0009\u000b-\u001f\u202e]/.test(out + err), words);
      assert.ok(!(out + err).split("\n").includes("x"), words);
    }
  }
});
