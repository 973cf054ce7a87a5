import assert from "node:assert/strict";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, test } from "node:test";
import { EXIT } from "../../src/core/kernel/errors.ts";
import { DAY, SECOND } from "../../src/core/kernel/instant.ts";
import { known, type RunningRoot } from "../../src/core/machine/facts.ts";
import { CLEAN_HOST } from "../fixtures/clean-host.ts";
import { answers } from "../fixtures/daemon-answers.ts";
import { forgeImage, imageSigner } from "../fixtures/image-forge.ts";
import { scriptedDaemon } from "../fixtures/scripted-daemon.ts";
import { NOW, type Ran, type RunOptions, run } from "../fixtures/scripted-terminal.ts";

const work = await mkdtemp(path.join(tmpdir(), "ringfort-rehearsal-"));
const daemon = await scriptedDaemon();
after(async () => {
  await daemon.close();
  await rm(work, { recursive: true });
});
const { folder, image } = await forgeImage(path.join(work, "image"));
const manifest = path.join(folder, "manifest.json");
const { rootHash, dataBlocks } = image.verity;
const own: RunningRoot = { kind: "verity", rootHash, dataBlocks, corrupted: false };

/** A daemon that checked its store so long ago and found so much damaged; the machine was started a minute ago. */
function checked(ago: number, damaged: number): void {
  const event = { at: NOW - ago, name: "store.checked", fields: { damaged } };
  daemon.follow((request) => {
    const value = request.verb === "log" ? { ...answers.log, events: [event] } : answers[request.verb];
    return [{ kind: "result", value }];
  });
}

let records = 0;
async function rehearse(options: RunOptions): Promise<Ran & { readonly record: string }> {
  records += 1;
  const record = path.join(work, `record-${records}.json`);
  const words = ["image", "rehearse", manifest, "--key", imageSigner.publicKey, "--write", record, "--json"];
  return { ...(await run(["--socket", daemon.socket, ...words], options)), record };
}

test("a rehearsal is recorded where the image runs and every blob was found whole, and nowhere else", async () => {
  checked(10 * SECOND, 0);
  const { exit, record } = await rehearse({ runningRoot: known(own) });
  assert.equal(exit, EXIT.done);
  const written = JSON.parse(await readFile(record, "utf8")) as { seconds: number; image: { rootHash: string } };
  assert.deepEqual([written.seconds, written.image.rootHash], [50, rootHash]);

  checked(10 * SECOND, 1);
  assert.equal((await rehearse({ runningRoot: known(own) })).exit, EXIT.refused);
  checked(61 * SECOND, 0);
  const before = await rehearse({ runningRoot: known(own) });
  assert.equal(before.exit, EXIT.refused, "a check from before the boot says nothing of what was restored");
  await assert.rejects(readFile(before.record));
  checked(10 * SECOND, 0);
  const other = await rehearse({ runningRoot: known({ ...own, rootHash: "0".repeat(64) }) });
  assert.equal(other.exit, EXIT.refused);
  assert.equal((await rehearse({})).exit, EXIT.later, "a root that the kernel does not tell of");
});

test("what was rehearsed is remembered, and audit reads it beside the running root", async () => {
  checked(10 * SECOND, 0);
  const { record } = await rehearse({ runningRoot: known(own) });
  const data = path.join(work, "data");
  await mkdir(data);
  const config = path.join(work, "ringfort.yaml");
  await writeFile(
    config,
    JSON.stringify({
      data,
      channels: { staging: { listen: "127.0.0.1:1" } },
      audit: { image: { manifest, key: imageSigner.publicKey } },
    }),
  );
  const recovery = async (root: RunningRoot): Promise<string> => {
    const { out } = await run(["--config", config, "--socket", daemon.socket, "audit", "--json"], {
      lookAtHost: async () => ({ ...CLEAN_HOST, root: known(root) }),
    });
    const { checks } = JSON.parse(out) as { checks: readonly { id: string; verdict: string }[] };
    return checks.find(({ id }) => id === "REC-01")?.verdict ?? "absent";
  };
  assert.equal(await recovery(own), "fail", "never rehearsed");
  assert.equal((await run(["--config", config, "image", "rehearsed", record])).exit, EXIT.done);
  assert.equal(await recovery(own), "pass");
  assert.equal(await recovery({ ...own, rootHash: "0".repeat(64) }), "fail");
  await writeFile(`${manifest}.minisig`, "untrusted comment: none\n");
  assert.equal(await recovery(own), "unknown", "a manifest that nobody vouches for names nothing");

  const late = path.join(work, "late.json");
  await writeFile(late, (await readFile(record, "utf8")).replace(String(NOW), String(NOW + 2 * DAY)));
  assert.equal((await run(["--config", config, "image", "rehearsed", late])).exit, EXIT.refused);
});
