import type { Instant } from "../kernel/instant.ts";

/** What was seen, or why it could not be. What is not known is never taken for good. */
export type Fact<T> = { readonly is: T } | { readonly unknown: string };

export function known<T>(is: T): Fact<T> {
  return { is };
}

export function unknown(why: string): { readonly unknown: string } {
  return { unknown: why };
}

/** The result of `use` on what is known; what is not known stays so. */
export function withFact<T, R>(fact: Fact<T>, use: (is: T) => R): R | { readonly unknown: string } {
  return "is" in fact ? use(fact.is) : fact;
}

/** One process of ours, as /proc shows it. */
export interface ProcessFacts {
  readonly pid: number;
  /** keeper, fetch, inspect, serve, console, sign, notify, login. */
  readonly role: string;
  /** The effective user. */
  readonly uid: Fact<number>;
  /** Effective and bounding set, as bit masks. */
  readonly capabilities: Fact<bigint>;
  readonly bounding: Fact<bigint>;
  readonly noNewPrivileges: Fact<boolean>;
  /** 0 none, 1 strict, 2 filter. */
  readonly seccomp: Fact<number>;
  /** Mappings that are writable and executable at once. */
  readonly writableExecutable: Fact<number>;
  /** The soft limit of a core dump in bytes; `Infinity` for none. */
  readonly coreLimit: Fact<number>;
  /** Names of environment variables that look like secrets; their values are not read on. */
  readonly secretNames: Fact<readonly string[]>;
  /** Whether its network namespace has no interface but the loopback. */
  readonly emptyNetwork: Fact<boolean>;
  /** Libraries and programs that it has mapped and that are gone from the disk. */
  readonly replaced: Fact<readonly string[]>;
}

export interface Listener {
  readonly protocol: "tcp" | "udp";
  /** As it is written, IPv6 without brackets. */
  readonly address: string;
  readonly port: number;
}

/** The store's folder, and what lies in it. */
export interface StoreFacts {
  readonly ownFileSystem: Fact<boolean>;
  readonly mountOptions: Fact<readonly string[]>;
  /** Blobs and folders that a server's user, or anybody, could write: paths, the first few. */
  readonly writableToServers: Fact<readonly string[]>;
  /** Links, devices, sockets where none belong, and set-user-ID files in blobs and views: paths, the first few. */
  readonly oddities: Fact<readonly string[]>;
  /** Permission bits and owner of the audit log's key; `null`: none has been made yet. */
  readonly key: Fact<{ readonly mode: number; readonly uid: number } | null>;
}

export interface PendingUpdate {
  readonly name: string;
  readonly installed: string;
  readonly candidate: string;
}

export interface KnownVulnerability {
  /** Of the package, with the version that is here. */
  readonly name: string;
  readonly version: string;
  readonly id: string;
  /** `null`: none yet. */
  readonly fixed: string | null;
}

export interface AdvisoryFacts {
  /** When the newest of the feeds' statements was made. */
  readonly newest: Instant;
  readonly vulnerabilities: readonly KnownVulnerability[];
}

/** What is known of the updates that this machine itself lacks. */
export interface PatchFacts {
  readonly pending: Fact<readonly PendingUpdate[]>;
  /** The date of the security index, or of the newest where none is named so. */
  readonly metadataAt: Fact<Instant>;
  /** Versions of the runtime that the daemon and this command run under. */
  readonly runtime: Fact<string>;
  /** Of our own dependencies, and of the machine's packages; each from its feed. */
  readonly dependencies: Fact<AdvisoryFacts>;
  readonly packages: Fact<AdvisoryFacts>;
  readonly rebootPending: Fact<boolean>;
}

/** One channel, as it is configured. */
export interface ChannelFacts {
  readonly name: string;
  /** ADDRESS:PORT of each protocol, and the range of passive ports. */
  readonly listens: readonly { readonly host: string; readonly port: number }[];
  readonly passive: { readonly from: number; readonly to: number } | null;
  readonly interface: string | null;
}

/** What the configuration says, as far as checks ask. */
export interface ConfiguredFacts {
  readonly channels: readonly ChannelFacts[];
  readonly connections: number;
  readonly connectionsPerClient: number;
  readonly leastRate: number;
  readonly headerTimeout: number;
  readonly ftpSessions: readonly { readonly channel: string; readonly most: number; readonly perClient: number }[];
  readonly logFields: readonly string[];
  readonly logTotal: number;
  readonly hasTls: boolean;
}

/** What the kernel says of the device that the root file system lies on. */
export type RunningRoot =
  /** Every block is compared with this root hash as it is read. */
  | { readonly kind: "verity"; readonly rootHash: string; readonly dataBlocks: number; readonly corrupted: boolean }
  /** Any other file system. */
  | { readonly kind: "plain"; readonly fileSystem: string };

/** What tells one golden image from every other. */
export interface ImageIdentity {
  readonly verity: { readonly rootHash: string; readonly dataBlocks: number };
}

/** What the daemon says of itself. */
export interface ProductFacts {
  readonly certificates: Fact<
    readonly { readonly channel: string; readonly notAfter: Instant; readonly refused: string | null }[]
  >;
  readonly storeChecked: Fact<{ readonly at: Instant; readonly damaged: number } | null>;
  /** `wrong`: the code of what is wrong with the log, or `null`; `kept`: checkpoints compared that lie elsewhere. */
  readonly auditLog: Fact<{ readonly wrong: string | null; readonly kept: number }>;
  /** Of each source: what the last ring asks, and whether it shows anything. */
  readonly releases: Fact<
    readonly { readonly source: string; readonly released: boolean; readonly soak: number; readonly signOffs: number }[]
  >;
  readonly sources: Fact<
    readonly {
      readonly source: string;
      readonly trust: string;
      readonly released: boolean;
      readonly lastCode: string | null;
    }[]
  >;
  /** When a back-up was last unpacked and found whole; `null`: never. */
  readonly rehearsedAt: Fact<Instant | null>;
  /** When a golden image last brought a mirror back; `null`: never. */
  readonly imageRehearsedAt: Fact<Instant | null>;
  /** The golden image that the configuration names; `null`: none. */
  readonly image: Fact<ImageIdentity | null>;
}

/** Everything that the checks are made of. */
export interface HostFacts {
  readonly now: Instant;
  readonly configured: ConfiguredFacts;
  /** Interfaces that lead outside. */
  readonly outside: Fact<readonly string[]>;
  /** Addresses on outside interfaces. */
  readonly outsideAddresses: Fact<readonly string[]>;
  /** Interfaces there are, the loopback left out. */
  readonly interfaces: Fact<readonly string[]>;
  readonly processes: Fact<readonly ProcessFacts[]>;
  readonly listeners: Fact<readonly Listener[]>;
  /** ADDRESS:PORT, or *:PORT, of services that the operator expects beside ours. */
  readonly expected: readonly string[];
  /** The packet filter as `nft -j list ruleset` prints it. */
  readonly ruleset: Fact<unknown>;
  /** Of files below /proc/sys, by their name with dots. */
  readonly sysctls: Readonly<Record<string, Fact<string>>>;
  /** The exposure of each of our units with its drop-ins, as systemd-analyze sums it up. `passing`: it runs for a moment, for nobody outside. */
  readonly exposures: Fact<readonly { readonly unit: string; readonly score: number; readonly passing: boolean }[]>;
  /** Processes of others that have mapped what is gone from the disk. */
  readonly replacedElsewhere: Fact<
    readonly { readonly pid: number; readonly name: string; readonly files: readonly string[] }[]
  >;
  readonly store: StoreFacts;
  readonly patch: PatchFacts;
  readonly clockSynchronized: Fact<boolean>;
  readonly root: Fact<RunningRoot>;
  readonly product: ProductFacts;
}
