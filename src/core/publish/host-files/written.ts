import type { HostEntry, HostFile } from "../../model/host-file.ts";

/** What a person says beside the host file; each kind takes what it needs and asks for what is missing. */
export interface WriteOptions {
  /** Addresses of the client that the file is for, so that its own subnet's mirrors come first. */
  readonly addresses: readonly string[];
  /** Where the source stands below the channel's address: begins and ends with "/". */
  readonly mount: string;
  readonly suite: string | null;
  readonly components: readonly string[];
  /** The vendor's keyring, as an absolute path on the client. */
  readonly keyring: string | null;
  /** The file that the client fetches, below the mount. */
  readonly path: string | null;
  /** A folder of the client that the updates are put together in. */
  readonly workdir: string | null;
  readonly logfile: string | null;
  /** freshclam: `PrivateMirror` in place of `DatabaseMirror`. */
  readonly privateMirror: boolean;
  /** Lines that rest on hearsay alone. */
  readonly experimental: boolean;
}

export type UnfitCode = "no-evidence" | "no-mirror" | "option-missing" | "unsafe-value";

export type Written =
  | {
      readonly kind: "written";
      /** What the client's own programs call such a file. */
      readonly name: string;
      readonly text: string;
      /** What its reader must know or do beside it. */
      readonly notes: readonly string[];
    }
  | { readonly kind: "unfit"; readonly code: UnfitCode; readonly detail: string };

/** Writes one kind of client's file. Pure. The host file has no fault that is `wrong`. */
export type HostFileWriter = (file: HostFile, options: WriteOptions) => Written;

export function unfit(code: UnfitCode, detail: string): Written {
  return { kind: "unfit", code, detail };
}

/**
 * Whether a text may stand in a line of such a file. A line end would begin a line of its own; quotes, blanks and
 * comment signs mean something to each of the readers, and to no two of them the same: a mirror's address or a path
 * that a client should believe must not be able to add an option to its configuration.
 */
export function plainValue(text: string): boolean {
  return /^[A-Za-z0-9!$&()*+,./:;=@_~[\]%-]+$/.test(text) && !text.startsWith("-");
}

/** A path for a line: absolute, of a client of either family of systems. Backslashes are names' own on one of them. */
export function plainPath(text: string): boolean {
  return /^(?:\/|[A-Za-z]:\\)/.test(text) && plainValue(text.replaceAll("\\", "/"));
}

/** A mirror's address with the mount behind it: the last slash of one is the first of the other. */
export function below(entry: HostEntry, mount: string): string {
  return entry.address + mount.slice(1);
}

/** Words about mirrors that a kind of client cannot use. */
export function leftOut(entries: readonly HostEntry[], why: string): readonly string[] {
  return entries.length === 0 ? [] : [`left out, for ${why}: ${entries.map(({ name }) => name).join(", ")}`];
}
