import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { commandLine, dependsOf, imagePackages, packArguments } from "./image-plan.ts";
import { rootFiles } from "./root-files.ts";
import { secretIn } from "./secrets.ts";

const rootHash = "00112233445566778899aabbccddeeff".repeat(2);
const verity = { algorithm: "sha256", blockBytes: 4_096, dataBlocks: 1, salt: "00", rootHash } as const;

function textOf(name: string, boots = true): string {
  return rootFiles("bastion", "erofs", boots).find((file) => file.name === name)?.text ?? "";
}

test("everything that is written lies on the data partition or in memory, where nothing of it can be run", () => {
  const mounts = textOf("etc/fstab").trim().split("\n");
  assert.ok(mounts.some((line) => line.startsWith("PARTLABEL=ringfort-data /data ext4 ")));
  for (const line of mounts) {
    const [, at = "", type = "", options = ""] = line.split(" ");
    assert.ok(
      ["nodev", "nosuid", "noexec"].every((option) => options.split(",").includes(option)),
      at,
    );
    assert.ok(type === "tmpfs" || at === "/data" || options.startsWith("bind,"), at);
  }
  assert.equal(textOf("etc/machine-id"), "");
});

test("every user of the package has a number that the next image gives it too", async () => {
  const names = (text: string): readonly string[] => [...text.matchAll(/^u +(\S+)/gm)].map(([, name = ""]) => name);
  const packaged = await readFile(new URL("../../../deploy/systemd/sysusers.conf", import.meta.url), "utf8");
  const fixed = textOf("etc/sysusers.d/ringfort.conf");
  assert.deepEqual(names(fixed), names(packaged));
  const numbers = [...fixed.matchAll(/^u \S+ (\d+) /gm)].map(([, number]) => number);
  assert.equal(new Set(numbers).size, names(packaged).length);
});

test("the kernel's command line names partitions by the root hash, and a machine without its root gives no shell", () => {
  const words = commandLine({ root: "erofs", verity }).split(" ");
  assert.ok(words.includes(`roothash=${rootHash}`));
  assert.ok(words.includes("systemd.verity_root_data=PARTUUID=00112233-4455-6677-8899-aabbccddeeff"));
  assert.ok(words.includes("panic=10"));
  assert.ok(words.includes("ro"));
});

test("the initrd has no way to a root without a root hash", () => {
  const script = textOf("etc/initramfs-tools/scripts/local-top/ringfort-image");
  assert.ok(script.indexOf("-eq 64 ] || panic") < script.indexOf("veritysetup open"));
  assert.match(script, /veritysetup open .* \|\| panic/);
  assert.equal(textOf("etc/initramfs-tools/hooks/ringfort-image", false), "");
});

test("an image's packages are those that the package wants, those named, and a kernel where it boots", () => {
  const depends = dependsOf("ca-certificates, libc6 (>= 2.28), default-mta | mail-transport-agent, python3:any");
  assert.deepEqual(depends, ["ca-certificates", "libc6", "default-mta", "python3"]);
  const packages = imagePackages(depends, ["chrony"], true, "amd64");
  assert.ok(["chrony", "libc6", "systemd", "linux-image-cloud-amd64"].every((name) => packages.includes(name)));
  assert.ok(!imagePackages([], ["linux-image-amd64"], true, "amd64").includes("linux-image-cloud-amd64"));
  assert.ok(!imagePackages([], [], false, "amd64").some((name) => name.startsWith("linux-image")));
});

test("both file systems are packed with one time for every file", () => {
  assert.ok(packArguments("erofs", "r", "o", 5, "u").includes("-T5"));
  assert.ok(packArguments("squashfs", "r", "o", 5, "u").join(" ").includes("-all-time 5"));
});

test("what would be a secret of an image is known by its beginning", () => {
  const secrets: readonly (readonly [string, string])[] = [
    ["etc/tls.pem", "text\n-----BEGIN EC PRIVATE KEY-----\nMHc"],
    ["etc/x", "-----BEGIN OPENSSH PRIVATE KEY-----"],
    ["etc/ringfort/sign.json", '{\n  "format": "ringfort-key-1",'],
    ["var/lib/ringfort-signer/key", '{"format":"ringfort-log-key-1","name":"mirror","seed":"'],
    ["etc/backup.key", "# created\nAGE-SECRET-KEY-1QQQ"],
    ["etc/minisign.key", "untrusted comment: minisign encrypted secret key\nRWRTY0Iy"],
    ["etc/ssh/ssh_host_ed25519_key", "anything"],
    ["etc/shadow", "root:$y$j9T$abc:19000:0"],
    ["etc/proxy.conf", "proxy=http://ann:secret@proxy.example:3128/"],
  ];
  for (const [name, text] of secrets) assert.notEqual(secretIn(name, text), null, name);
  const fine: readonly (readonly [string, string])[] = [
    ["etc/ssl/cert.pem", "-----BEGIN CERTIFICATE-----"],
    ["etc/shadow", "root:*:19000:0:99999:7:::\ndaemon:!:19000"],
    ["etc/minisign.pub", "untrusted comment: minisign public key\nRWQf6LRC"],
    ["etc/ssh/ssh_host_ed25519_key.pub", "ssh-ed25519 AAAA"],
    ["etc/ringfort/ringfort.yaml", "data: /var/lib/ringfort\nproxy: http://proxy.example:3128/"],
  ];
  for (const [name, text] of fine) assert.equal(secretIn(name, text), null, name);
});
