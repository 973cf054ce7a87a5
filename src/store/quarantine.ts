import { createHash } from "node:crypto";
import { constants, rmSync } from "node:fs";
import { lstat, mkdir, readdir, rename, rm } from "node:fs/promises";
import path from "node:path";
import { errnoOf } from "../core/kernel/disk.ts";
import type { Instant } from "../core/kernel/instant.ts";
import type { AtStep, Landing, Quarantine } from "../core/ports.ts";
import { BufferPool } from "./buffer-pool.ts";
import { onDisk } from "./durable.ts";
import { type KeptNote, NEW_FILE, orNotOurs, readNote, writeNote } from "./kept-note.ts";
import { type KeptPart, LandingFile } from "./landing.ts";
import { OpenFile } from "./open-file.ts";
import { RunningDigest } from "./running-digest.ts";

export interface QuarantineOptions {
  readonly folder: string;
  readonly atStep: AtStep;
  /** Whether the inspector is another user: then whoever may enter the data folder reads here. */
  readonly shared?: boolean;
  /** Letters and digits that no other start of the daemon has had; asked for once. */
  readonly random: () => string;
}

const PART_NAME = /^[A-Za-z0-9]{1,64}-[0-9]{1,16}\.part$/;
const RESUME_NAME = /^([0-9a-f]{64})\.resume$/;
/** The path of a landed file; a bug when the name is not one that a quarantine gave. */
export function quarantinePath(folder: string, file: string): string {
  if (!PART_NAME.test(file)) throw new Error("not the name of a file in quarantine");
  return path.join(folder, file);
}

/** Opens the quarantine, makes its folder where there is none. Throws `Failure` `store.*`, as all of its methods do. */
export async function openQuarantine(options: QuarantineOptions): Promise<Quarantine> {
  return onDisk("opening the quarantine", async () => {
    await mkdir(options.folder, { recursive: true, mode: options.shared === true ? 0o755 : 0o700 });
    const held = new Set<string>();
    for (const name of await readdir(options.folder)) {
      const key = RESUME_NAME.exec(name)?.[1];
      if (key !== undefined) held.add(key);
    }
    return new QuarantineFolder(options, held);
  });
}

class QuarantineFolder implements Quarantine {
  readonly #folder: string;
  readonly #atStep: AtStep;
  readonly #mode: number;
  readonly #run: string;
  readonly #pool = new BufferPool();
  // Names of what lies there to be resumed. Only this process writes here, so that the many small files that were
  // never interrupted cost no look at the disk.
  readonly #held: Set<string>;
  readonly #notes = new Map<string, { readonly landing: Landing; note: string }>();
  #count = 0;

  constructor({ folder, atStep, random, shared }: QuarantineOptions, held: Set<string>) {
    this.#folder = folder;
    this.#mode = shared === true ? 0o644 : 0o600;
    this.#atStep = atStep;
    this.#run = random();
    this.#held = held;
  }

  async land(
    key: string,
    options: { readonly most: number; readonly resume: boolean; readonly sha512: boolean },
  ): Promise<Landing> {
    return onDisk("opening a file in quarantine", async () => {
      const name = nameOf(key);
      const file = this.#freshName();
      const kept = this.#held.has(name) ? await this.#claim(name, file, options) : null;
      const handle = kept?.handle ?? (await OpenFile.create(this.#path(file), NEW_FILE, this.#mode));
      const landing = new LandingFile({
        file,
        path: this.#path(file),
        handle,
        digest: kept?.digest ?? new RunningDigest(options.sha512),
        most: options.most,
        pool: this.#pool,
        written: () => this.#atStep("quarantine.written"),
        keep: (part) => this.#keep(name, landing, part),
        ended: () => this.#forgetNote(name, landing),
      });
      this.#notes.set(name, { landing, note: kept?.note ?? "" });
      return landing;
    });
  }

  async held(key: string): Promise<{ readonly size: number; readonly note: string } | null> {
    const name = nameOf(key);
    if (!this.#held.has(name)) return null;
    return onDisk("looking for an interrupted download", async () => {
      const note = await readNote(this.#path(`${name}.note`));
      const stat = await lstat(this.#path(`${name}.resume`)).catch(orAbsent);
      if (note === null || stat === null || !stat.isFile() || stat.size !== note.size) return null;
      return { size: note.size, note: note.note };
    });
  }

  /** For the landing under way, else for the bytes that are held; nothing to note otherwise. */
  async note(key: string, note: string): Promise<void> {
    const name = nameOf(key);
    const current = this.#notes.get(name);
    if (current !== undefined) {
      current.note = note;
      return;
    }
    await onDisk("noting an interrupted download", async () => {
      const old = this.#held.has(name) ? await readNote(this.#path(`${name}.note`)) : null;
      if (old !== null) await this.#writeNote(name, { ...old, note });
    });
  }

  async discard(file: string): Promise<void> {
    await onDisk("removing a file from quarantine", async () =>
      rmSync(quarantinePath(this.#folder, file), { force: true }),
    );
  }

  /**
   * Parts of an earlier start go, those of this one when they are older than `keepSince`: a run that still owned one
   * would have ended. Whatever else lies here was put by somebody else and goes too; links are removed, not followed.
   */
  async sweep(keepSince: Instant): Promise<void> {
    await onDisk("sweeping the quarantine", async () => {
      for (const name of await readdir(this.#folder)) {
        const stat = await lstat(this.#path(name)).catch(orAbsent);
        if (stat === null) continue;
        const young = stat.isFile() && stat.mtimeMs >= keepSince;
        const key = RESUME_NAME.exec(name)?.[1];
        if (young && name.startsWith(`${this.#run}-`)) continue;
        if (young && key !== undefined && (await readNote(this.#path(`${key}.note`))) !== null) continue;
        if (young && name.endsWith(".note") && this.#held.has(name.slice(0, -".note".length))) continue;
        if (key !== undefined) await this.#drop(key);
        else await rm(this.#path(name), { recursive: true, force: true });
      }
    });
  }

  #freshName(): string {
    this.#count += 1;
    return `${this.#run}-${this.#count}.part`;
  }

  #path(name: string): string {
    return path.join(this.#folder, name);
  }

  // Written beside first: half a note would cost the bytes that it stands for.
  async #writeNote(name: string, note: KeptNote): Promise<void> {
    await writeNote(this.#path(`${name}.note`), this.#path(this.#freshName()), note);
  }

  #forgetNote(name: string, landing: Landing): void {
    if (this.#notes.get(name)?.landing === landing) this.#notes.delete(name);
  }

  /**
   * Makes held bytes the beginning of a new part: renamed first, so that no two landings write one file, then read,
   * hashed and compared with what was noted of them. `null` when they may not be used; they are gone then.
   */
  async #claim(
    name: string,
    file: string,
    { most, resume, sha512 }: { readonly most: number; readonly resume: boolean; readonly sha512: boolean },
  ): Promise<{ readonly handle: OpenFile; readonly digest: RunningDigest; readonly note: string } | null> {
    const note = await readNote(this.#path(`${name}.note`));
    if (!resume || note === null || note.size > most) {
      await this.#drop(name);
      return null;
    }
    const part = this.#path(file);
    await rename(this.#path(`${name}.resume`), part).catch(orAbsent);
    await this.#drop(name);
    const handle = openOwn(part);
    const digest = new RunningDigest(sha512);
    const stat = handle?.stat();
    // A second name of the inode would be a way to have us write into a file elsewhere.
    const ours = handle !== null && stat?.isFile() === true && stat.nlink === 1 && stat.size === note.size;
    if (ours && (await this.#pool.lend((buffer) => digest.read(handle, buffer, note.size)))) {
      if (digest.sha256() === note.sha256) return { handle, digest, note: note.note };
    }
    handle?.close();
    await rm(part, { recursive: true, force: true });
    return null;
  }

  async #keep(name: string, landing: Landing, part: KeptPart): Promise<boolean> {
    const current = this.#notes.get(name);
    // A later landing of the same download has taken over: its bytes count.
    if (current?.landing !== landing) return false;
    await this.#writeNote(name, { note: current.note, size: part.size, sha256: part.sha256 });
    await rename(part.path, this.#path(`${name}.resume`));
    this.#held.add(name);
    return true;
  }

  async #drop(name: string): Promise<void> {
    this.#held.delete(name);
    await rm(this.#path(`${name}.resume`), { recursive: true, force: true });
    await rm(this.#path(`${name}.note`), { recursive: true, force: true });
  }
}

/** Opens a part that should be ours; `null` when there is none, or something else lies in its place. */
function openOwn(part: string): OpenFile | null {
  try {
    return OpenFile.open(part, constants.O_RDWR | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (cause) {
    return orNotOurs(cause);
  }
}

// Hashed, so that a key may be any text and can never be a path.
function nameOf(key: string): string {
  return createHash("sha256").update(key).digest("hex");
}

function orAbsent(cause: unknown): null {
  if (errnoOf(cause) === "ENOENT") return null;
  throw cause;
}
