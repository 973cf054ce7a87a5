import { writeFile } from "node:fs/promises";
import path from "node:path";
import { FLAG_NAME } from "../src/formats/liveupdate/names.ts";
import { type FtpVendor, startFtpVendor } from "../test/upstream/ftp-vendor.ts";
import { type HttpVendor, startHttpVendor } from "../test/upstream/http-vendor.ts";
import { type LiveupdateVendor, makeLiveupdateVendor } from "../test/upstream/liveupdate-vendor.ts";

/** A LiveUpdate vendor that exists on loopback only, over HTTP and over FTP. */
export interface DemoLiveupdateVendor {
  /** Its content: `advance()` publishes the next revision, `trust()` is what a host file pins. */
  readonly content: LiveupdateVendor;
  readonly http: HttpVendor;
  readonly ftp: FtpVendor;
  /** Where its tree begins: HTTP first, then FTP. */
  readonly addresses: readonly [http: string, ftp: string];
  /** Writes the description of a source for `ringfort source add --from FILE`; the file's path. */
  writeSource(folder: string, name: string, schedule: string): Promise<string>;
  /** What it offers clients now, by path: the flag, and each index with the packages that it names. */
  offered(): ReadonlyMap<string, Uint8Array>;
  /** Every connection over HTTP ends without a byte, as behind a firewall that closed the port. */
  blockHttp(blocked: boolean): void;
  /** Whoever stands in for it sends a package without end: the path of that package. */
  sendEndless(): string;
  /** Another group of the same company signs the newest index of the definitions, under the same root. */
  signByRogue(): void;
  /** The index of the revision before comes back, validly signed. */
  replay(): void;
  /** Everything is as the vendor has it again. */
  heal(): void;
  close(): Promise<void>;
}

const FOLDER = "liveupdate";
const DEFINITIONS = "definitions";

/** Starts it with a few revisions behind it; `bytes`: of each full package's payload. */
export async function startDemoLiveupdateVendor(bytes = 400_000): Promise<DemoLiveupdateVendor> {
  const http = await startHttpVendor({});
  const ftp = await startFtpVendor({});
  const content = makeLiveupdateVendor({ bytes });
  content.attach(http.files, `/${FOLDER}/`);
  content.attach(ftp.files as HttpVendor["files"], `${FOLDER}/`);
  const addresses = [`${http.url}/${FOLDER}/`, `${ftp.url}/${FOLDER}/`] as const;
  return {
    content,
    http,
    ftp,
    addresses,
    writeSource: async (folder, name, schedule) => {
      const file = path.join(folder, `${name}.source.yaml`);
      // JSON is YAML, and a certificate keeps its line ends in it.
      const description = content.source(name, addresses, { schedule, jitter: "0s" });
      await writeFile(file, JSON.stringify(description, null, 2));
      return file;
    },
    offered: () => {
      const today = content.products.filter(({ legacy }) => !legacy);
      const paths = today.flatMap(({ key }) => [content.indexPath(key), ...content.sideFiles(key)]);
      return new Map([FLAG_NAME, ...paths].map((name) => [name, content.files.get(name) ?? Buffer.alloc(0)]));
    },
    blockHttp: (blocked) => {
      http.faults.delete("*");
      if (blocked) http.faults.set("*", { kind: "drop" });
    },
    sendEndless: () => {
      const [file = ""] = content.sideFiles(DEFINITIONS);
      http.faults.set(`/${FOLDER}/${file}`, { kind: "endless", announced: false });
      return file;
    },
    signByRogue: () => content.forge(DEFINITIONS, { manner: { signer: content.pki.rogue } }),
    replay: () => content.put(content.indexPath(DEFINITIONS), content.index(DEFINITIONS, {}, content.revision - 1)),
    heal: () => {
      http.faults.clear();
      content.restore();
    },
    close: async () => {
      await http.close();
      await ftp.close();
    },
  };
}
