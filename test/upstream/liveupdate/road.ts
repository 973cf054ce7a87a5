import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import type { SourceSpecInput } from "../../../src/core/model/source.ts";
import { startTestDaemon, type TestDaemon, type TestDaemonOptions } from "../../fixtures/daemon.ts";
import { type FtpVendor, startFtpVendor } from "../ftp-vendor.ts";
import { type HttpVendor, startHttpVendor } from "../http-vendor.ts";
import { type LiveupdateVendor, makeLiveupdateVendor } from "../liveupdate-vendor.ts";

/** A source of the vendor that has synced and been released once; the vendor has published another revision since. */
interface Settled {
  readonly name: string;
  readonly vendor: LiveupdateVendor;
}

interface SettledOptions {
  readonly products?: readonly string[];
  /** Bytes of a full package's payload. */
  readonly bytes?: number;
  readonly source?: (vendor: LiveupdateVendor) => Partial<SourceSpecInput>;
  /** The address, where it is not that of the HTTP vendor. */
  readonly addresses?: (name: string) => readonly string[];
}

/** The whole road from a vendor to both channels, with real processes and sockets: each attack is driven down it. */
export interface LiveupdateRoad {
  readonly http: HttpVendor;
  readonly ftp: FtpVendor;
  readonly daemon: TestDaemon;
  settled(options?: SettledOptions): Promise<Settled>;
  /** A source of the SHA-1 set, which has not run yet. */
  legacy(profile: "modern" | "legacy-sha1"): Promise<Settled>;
  /** Runs a source: "new-revision", "nothing-new", or the code of its refusal or failure. */
  sync(name: string): Promise<string>;
  promote(name: string): Promise<void>;
  /** Status and digest of everything that the vendor had when it was first released, in both channels. */
  served(name: string): Promise<readonly string[]>;
  /** Runs a source and asserts that it ends with this code, that the record says so, and that both channels are as before. */
  refused(settled: Settled, code: string): Promise<void>;
  /** Asserts that the vendor's present revision is taken when nothing is wrong with it any more. */
  recovers(settled: Settled): Promise<void>;
  end(): Promise<void>;
}

export async function startLiveupdateRoad(options: TestDaemonOptions = {}): Promise<LiveupdateRoad> {
  const http = await startHttpVendor({});
  const ftp = await startFtpVendor({});
  // No sessions: what is looked at is the present view, not the one that a client began with.
  const config = { session: { idle: 0, most: 0 }, ...options.config };
  const daemon = await startTestDaemon({ ...options, config }).catch(async (error: unknown) => {
    await http.close();
    await ftp.close();
    throw error;
  });
  const watched = new Map<string, ReadonlySet<string>>();
  let count = 0;

  const road: LiveupdateRoad = {
    http,
    ftp,
    daemon,
    settled: async ({ products = ["definitions"], bytes = 4_000, source = () => ({}), addresses } = {}) => {
      count += 1;
      const name = `lu-${count}`;
      const vendor = makeLiveupdateVendor({ bytes, products });
      vendor.attach(http.files, `/${name}/`);
      vendor.attach(ftp.files, `${name}/`);
      const from = addresses?.(name) ?? [`${http.url}/${name}/`];
      await daemon.addSource(vendor.source(name, from, source(vendor)));
      assert.equal(await road.sync(name), "new-revision");
      await road.promote(name);
      const first = new Set(vendor.files.keys());
      vendor.advance();
      watched.set(name, new Set([...first, ...vendor.files.keys()]));
      return { name, vendor };
    },
    legacy: async (profile) => {
      count += 1;
      const name = `lu-${count}`;
      const vendor = makeLiveupdateVendor({ bytes: 4_000, products: ["legacy"] });
      vendor.attach(http.files, `/${name}/`);
      const products = vendor.products.map(({ identity, folder }) => ({ ...identity, folder }));
      const feed = { format: "liveupdate", index: { kind: "products" as const, products } } as const;
      const trust = vendor.oldTrust(profile);
      await daemon.addSource(vendor.source(name, [`${http.url}/${name}/`], { feed, trust }));
      return { name, vendor };
    },
    sync: async (name) => {
      try {
        const result = await daemon.sync(name);
        return "run" in result ? result.run.outcome : result.code;
      } catch (error) {
        return (error as { code?: string }).code ?? String(error);
      }
    },
    promote: async (name) => {
      await daemon.must({
        verb: "promote",
        source: name,
        channel: "production",
        revision: null,
        reason: "test",
        by: "test",
      });
    },
    served: async (name) => {
      const seen: string[] = [];
      for (const channel of ["staging", "production"]) {
        const url = await daemon.url(channel);
        for (const path of watched.get(name) ?? []) {
          const response = await fetch(`${url}${name}/${path}`);
          const body = Buffer.from(await response.arrayBuffer());
          const digest = response.ok ? createHash("sha256").update(body).digest("hex") : "";
          seen.push(`${channel} ${path} ${response.status} ${digest}`);
        }
      }
      return seen;
    },
    refused: async ({ name }, code) => {
      const before = await road.served(name);
      assert.ok(before.filter((line) => line.includes(" 200 ")).length >= 4, "something is served");
      assert.equal(await road.sync(name), code);
      assert.deepEqual(await road.served(name), before);
      const { runs } = await daemon.must({ verb: "log", what: "runs", source: name, limit: 1 });
      assert.equal(runs[0]?.code, code, "the record says why");
    },
    recovers: async ({ name, vendor }) => {
      http.faults.clear();
      for (const fault of Object.keys(ftp.faults)) Reflect.deleteProperty(ftp.faults, fault);
      vendor.advance();
      assert.equal(await road.sync(name), "new-revision");
    },
    end: async () => {
      await daemon.end();
      await http.close();
      await ftp.close();
    },
  };
  return road;
}
