import assert from "node:assert/strict";
import { cp, mkdtemp, readFile, rename, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, test } from "node:test";
import { EXIT } from "../../src/core/kernel/errors.ts";
import { known } from "../../src/core/machine/facts.ts";
import { forgeImage, imageSigner, strangeSigner } from "../fixtures/image-forge.ts";
import { type Ran, type RunOptions, run } from "../fixtures/scripted-terminal.ts";

const work = await mkdtemp(path.join(tmpdir(), "ringfort-image-"));
after(() => rm(work, { recursive: true, force: true }));
const { folder: good, image } = await forgeImage(path.join(work, "good"));

async function verify(folder: string, more: readonly string[] = [], options: RunOptions = {}): Promise<Ran> {
  return run(["image", "verify", folder, "--key", imageSigner.publicKey, "--json", ...more], options);
}

async function refusedAs(ran: Promise<Ran>, code: string): Promise<string> {
  const { exit, out, err } = await ran;
  const said = JSON.parse(out === "" ? err : out) as {
    readonly error?: { readonly code: string; readonly detail: string };
  };
  assert.equal(said.error?.code, code, out + err);
  assert.equal(exit, EXIT.refused);
  return said.error?.detail ?? "";
}

/** A copy of the good image, with something done to it. */
let copies = 0;
async function spoilt(spoil: (folder: string) => Promise<void>): Promise<string> {
  copies += 1;
  const folder = path.join(work, `spoilt-${copies}`);
  await cp(good, folder, { recursive: true });
  await spoil(folder);
  return folder;
}

async function flip(file: string, at: number): Promise<void> {
  const bytes = await readFile(file);
  bytes.writeUInt8(bytes.readUInt8(at) ^ 1, at);
  await writeFile(file, bytes);
}

test("a whole image is verified", async () => {
  const { exit, out } = await verify(good);
  assert.equal(exit, EXIT.done);
  assert.equal((JSON.parse(out) as { rootHash: string }).rootHash, image.verity.rootHash);
});

test("one flipped byte of the root is found and its block named", async () => {
  const folder = await spoilt((at) => flip(path.join(at, "root.erofs"), 123 * 4_096 + 7));
  assert.match(
    await refusedAs(verify(folder), "image.block-differs"),
    /root\.erofs: block 123 \(bytes 503808 to 507903\)/,
  );
});

test("one flipped byte of the hash tree is found and its block named", async () => {
  const folder = await spoilt((at) => flip(path.join(at, "root.verity"), 3 * 4_096));
  assert.match(await refusedAs(verify(folder), "image.block-differs"), /root\.verity: block 3 /);
});

test("another kernel, initrd or command line is another image", async () => {
  for (const name of ["vmlinuz", "initrd.img", "cmdline"]) {
    const folder = await spoilt((at) => flip(path.join(at, name), 0));
    assert.match(await refusedAs(verify(folder), "image.part-differs"), new RegExp(name));
  }
});

test("a part that is missing, cut off, a link, or was never named", async () => {
  const cases: readonly (readonly [string, (folder: string) => Promise<void>])[] = [
    ["root.verity", (at) => rm(path.join(at, "root.verity"))],
    ["root.erofs", (at) => writeFile(path.join(at, "root.erofs"), "short")],
    ["initrd2.img", (at) => writeFile(path.join(at, "initrd2.img"), "loaded after the first")],
    [
      "vmlinuz",
      async (at) => {
        await rename(path.join(at, "vmlinuz"), path.join(work, "elsewhere"));
        await symlink(path.join(work, "elsewhere"), path.join(at, "vmlinuz"));
      },
    ],
  ];
  for (const [name, spoil] of cases)
    assert.match(await refusedAs(verify(await spoilt(spoil)), "image.part-differs"), new RegExp(name));
});

test("a manifest that was changed, of another signer, or unsigned is not read", async () => {
  const changed = await spoilt(async (at) => {
    const file = path.join(at, "manifest.json");
    await writeFile(file, (await readFile(file, "utf8")).replace("bastion", "bastioN"));
  });
  await refusedAs(verify(changed), "image.signature-wrong");
  const { folder: strange } = await forgeImage(path.join(work, "strange"), { signer: strangeSigner });
  await refusedAs(verify(strange), "image.signer-unknown");
  await refusedAs(verify(await spoilt((at) => rm(path.join(at, "manifest.json.minisig")))), "image.signature-wrong");
});

test("a signed manifest leads to no file outside the folder", async () => {
  for (const name of ["../good/vmlinuz", "/etc/hostname"]) {
    const { folder } = await forgeImage(path.join(work, "escapes"), {
      change: (own) => ({
        ...own,
        parts: own.parts.map((part) => (part.name === "vmlinuz" ? { ...part, name } : part)),
      }),
    });
    await refusedAs(verify(folder), "image.malformed");
  }
});

test("an image that was signed again for a later time than its own is no image", async () => {
  const { folder } = await forgeImage(path.join(work, "later"), {
    change: (own) => ({ ...own, created: own.created - 9 }),
  });
  await refusedAs(verify(folder), "image.malformed");
});

test("an older image is refused where the one in use is known, however well it is signed", async () => {
  const { folder: newer } = await forgeImage(path.join(work, "newer"), { created: image.created + 1, blocks: 301 });
  const held = path.join(newer, "manifest.json");
  await refusedAs(verify(good, ["--after", held]), "image.older-than-held");
  assert.equal((await verify(newer, ["--after", path.join(good, "manifest.json")])).exit, EXIT.done);
  assert.equal((await verify(newer, ["--after", held])).exit, EXIT.done);
  const { folder: twin } = await forgeImage(path.join(work, "twin"), { blocks: 299 });
  await refusedAs(verify(twin, ["--after", path.join(good, "manifest.json")]), "image.older-than-held");
});

test("the running root is this image's, another's, or UNKNOWN: which is not clean", async () => {
  const { rootHash, dataBlocks } = image.verity;
  const own = { kind: "verity", rootHash, dataBlocks, corrupted: false } as const;
  assert.equal((await verify(good, ["--running"], { runningRoot: known(own) })).exit, EXIT.done);
  const other = known({ ...own, rootHash: "0".repeat(64) });
  await refusedAs(verify(good, ["--running"], { runningRoot: other }), "image.not-running");
  const unseen = await verify(good, ["--running"]);
  assert.equal(unseen.exit, EXIT.later);
  assert.equal((JSON.parse(unseen.out) as { running: { verdict: string } }).running.verdict, "unknown");
});
