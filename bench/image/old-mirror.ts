import { randomBytes } from "node:crypto";
import { writeFile } from "node:fs/promises";
import path from "node:path";
import { generateIdentity, identityToRecipient } from "age-encryption";
import { startTestDaemon } from "../../test/fixtures/daemon.ts";
import { type HttpVendor, startHttpVendor } from "../../test/upstream/http-vendor.ts";
import { SignedListVendor } from "../../test/upstream/signed-list.ts";

const FILES = 12;
const BYTES = 2_000_000;
/** Where qemu's user network has us. */
const HOST_INSIDE = "10.0.2.2";

export interface OldMirror {
  readonly upstream: HttpVendor;
  /** What production showed, by path. */
  readonly shown: ReadonlyMap<string, Uint8Array>;
  /** A back-up, and the key that opens it. */
  readonly backup: string;
  readonly identity: string;
}

/** A mirror that had released what its upstream has, was backed up, and is gone. */
export async function oldMirror(folder: string): Promise<OldMirror> {
  const upstream = await startHttpVendor();
  const vendor = new SignedListVendor(upstream, "vendor");
  const shown = new Map(Array.from({ length: FILES }, (_, at) => [`update-${at}.bin`, randomBytes(BYTES)] as const));
  vendor.publish(shown, Date.now());
  const daemon = await startTestDaemon();
  try {
    const inside = `http://${HOST_INSIDE}:${upstream.port}/vendor/`;
    // The first address is where this machine has the upstream, the second where the rebuilt one will.
    await daemon.addSource(vendor.source({ addresses: [`${upstream.url}/vendor/`, inside] }));
    const synced = await daemon.sync("vendor");
    if ("code" in synced) throw new Error(`the old mirror's sync was refused: ${synced.code}`);
    const secret = await generateIdentity();
    const [identity, backup] = [path.join(folder, "backup.key"), path.join(folder, "ringfort.age")];
    await writeFile(identity, `${secret}\n`);
    for (const words of [
      ["promote", "vendor", "--to", "production"],
      ["backup", "create", backup, "--recipient", await identityToRecipient(secret)],
    ]) {
      const ran = await daemon.cli(...words);
      if (ran.code !== 0) throw new Error(`${words.join(" ")}: ${ran.stderr}${ran.stdout}`);
    }
    return { upstream, shown, backup, identity };
  } finally {
    await daemon.end();
  }
}
