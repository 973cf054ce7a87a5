import { createHash } from "node:crypto";
import { type HttpVendor, startHttpVendor } from "../test/upstream/http-vendor.ts";
import { makeMinisignVendor, signMinisign } from "../test/upstream/signing.ts";

/** A vendor of virus definitions that exists on loopback only: every edition is a signed list and the files that it names. */
export interface DemoVendor {
  readonly http: HttpVendor;
  readonly publicKey: string;
  readonly keyId: string;
  edition: number;
  /** Publishes an edition: the next one, or an old one again as it was, signature and all. */
  publish(edition?: number): void;
  /** Changes one file behind the signed list's back. */
  tamper(name: string): void;
  close(): Promise<void>;
}

const FOLDER = "/defs";

/** Bytes that no compression shrinks and that differ by edition and name, the same whenever they are made. */
export function definitions(name: string, edition: number, size: number): Buffer {
  const blocks: Buffer[] = [];
  for (let index = 0; index * 64 < size; index += 1)
    blocks.push(createHash("sha512").update(`${name} ${edition} ${index}`).digest());
  return Buffer.concat(blocks).subarray(0, size);
}

/** What one edition holds; the engine changes seldom, the definitions every time. */
export function editionFiles(edition: number): ReadonlyMap<string, Buffer> {
  return new Map([
    ["definitions.bin", definitions("definitions", edition, 2_000_000)],
    ["delta.bin", definitions("delta", edition, 60_000)],
    ["engine.bin", definitions("engine", 1, 1_000_000)],
    ["README.txt", Buffer.from(`Definitions of the day, edition ${edition}.\n`)],
  ]);
}

export async function startDemoVendor(): Promise<DemoVendor> {
  const keys = makeMinisignVendor();
  const http = await startHttpVendor({});
  const began = Date.now() - 60 * 60 * 1_000;
  const vendor: DemoVendor = {
    http,
    publicKey: keys.publicKey,
    keyId: keys.id,
    edition: 0,
    publish: (edition = vendor.edition + 1) => {
      vendor.edition = edition;
      const signedAt = began + edition * 60_000;
      const lastModified = new Date(signedAt).toUTCString();
      const put = (name: string, body: Uint8Array): void => {
        http.files.set(`${FOLDER}/${name}`, {
          body,
          lastModified,
          etag: `"${createHash("sha256").update(body).digest("hex").slice(0, 16)}"`,
        });
      };
      const files = editionFiles(edition);
      const list = Buffer.from(
        [...files].map(([name, body]) => `${createHash("sha256").update(body).digest("hex")}  ${name}\n`).join(""),
      );
      for (const [name, body] of files) put(name, body);
      put("SHA256SUMS", list);
      put("SHA256SUMS.minisig", Buffer.from(signMinisign(keys, list, { signedAt })));
    },
    tamper: (name) => {
      const file = http.files.get(`${FOLDER}/${name}`);
      if (file === undefined || typeof file.body === "function") throw new Error(`the vendor has no ${name}`);
      const body = Buffer.from(file.body);
      body.writeUInt8(body.readUInt8(1_000) ^ 1, 1_000);
      http.files.set(`${FOLDER}/${name}`, { ...file, body });
    },
    close: () => http.close(),
  };
  vendor.publish();
  return vendor;
}

/** The source that mirrors this vendor. */
export function demoSource(vendor: DemoVendor, schedule: string): readonly string[] {
  return [
    "source",
    "add",
    "demo",
    "--format",
    "directory",
    "--address",
    `${vendor.http.url}${FOLDER}/`,
    "--checksums",
    "SHA256SUMS",
    "--minisign-key",
    vendor.publicKey,
    "--schedule",
    schedule,
    "--jitter",
    "0s",
  ];
}

/** The path of one of its files at the vendor, for faults and request logs. */
export function vendorPath(name: string): string {
  return `${FOLDER}/${name}`;
}
