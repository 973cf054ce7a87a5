import type { Jail } from "./jails.ts";

/** What a process of one role is, whoever asks for it: no message of the keeper's says any of it. */
interface Role {
  /** The file of `main` that it runs, without its ending. */
  readonly entry: string;
  /** Flags of the runtime that are no walls. */
  readonly runtime: readonly string[];
  /** The kinds of network that it may be given where it has a user and name spaces of its own. */
  readonly networks: readonly Jail["network"][];
  /** Whether it may have a folder to write in. */
  readonly writes: boolean;
}

const plain = { runtime: [], writes: false } as const;

/**
 * Every role that systemd can start with a user of its own: `ringfort-<name>@.service`. A server that calls clients back
 * (active FTP) is not among them, for its unit has no network.
 */
export const ROLES = {
  fetch: { ...plain, entry: "fetch-worker", networks: ["connect"] },
  /** Fetch of a folder, for `file:` addresses. */
  folder: { ...plain, entry: "fetch-worker", networks: ["none"] },
  inspect: { ...plain, entry: "inspect-worker", networks: ["none"] },
  /**
   * V8's young generation, in MiB for each half. It would grow to 16 under load and keep them; what a server makes for a
   * request is gone with it, so that a small one loses no speed that can be measured.
   */
  serve: { ...plain, entry: "serve-worker", runtime: ["--max-semi-space-size=2"], networks: ["listen"] },
  signer: { ...plain, entry: "sign-worker", networks: ["none"], writes: true },
  notify: { ...plain, entry: "notify-worker", networks: ["connect"] },
  login: { ...plain, entry: "login-worker", networks: ["connect"] },
  console: { ...plain, entry: "console", networks: ["listen-and-connect"] },
} as const satisfies Readonly<Record<string, Role>>;

export type RoleName = keyof typeof ROLES;

export function roleNamed(name: string): Role | null {
  return Object.hasOwn(ROLES, name) ? ROLES[name as RoleName] : null;
}
