import { hash } from "node:crypto";
import { constants } from "node:fs";
import { mkdir, open, readdir, rm } from "node:fs/promises";
import path from "node:path";
import { errnoOf } from "../core/kernel/disk.ts";
import { Failure } from "../core/kernel/errors.ts";
import type { Revision, RevisionEntry } from "../core/model/revision.ts";
import { channelName, sourceName } from "../core/model/source.ts";
import type { AtStep, PointerMount, Views, Withheld } from "../core/ports.ts";
import { formatChannelPointer } from "../core/publish/channel-pointer.ts";
import { encodeView } from "../core/publish/encode-view.ts";
import { RevisionView } from "../core/publish/revision-view.ts";
import { HEADER_BYTES } from "../core/publish/view-layout.ts";
import { onDisk, replaceDurably, syncDirectory } from "./durable.ts";

const VIEW_NAME = /^([1-9]\d{0,9})\.view$/;

/**
 * Opens the views below a folder (`views` in the data folder), and makes it where there is none. One writer: the
 * daemon. Throws `Failure` `store.*`, as all methods do.
 */
export async function openViews(folder: string, atStep: AtStep): Promise<Views> {
  const views = new ViewFolder(folder, atStep);
  await views.prepare();
  return views;
}

class ViewFolder implements Views {
  readonly #revisions: string;
  readonly #channels: string;
  readonly #atStep: AtStep;

  constructor(folder: string, atStep: AtStep) {
    this.#revisions = path.join(folder, "revisions");
    this.#channels = path.join(folder, "channels");
    this.#atStep = atStep;
  }

  async prepare(): Promise<void> {
    await onDisk("opening the views", async () => {
      for (const folder of [this.#revisions, this.#channels]) {
        await mkdir(folder, { recursive: true, mode: 0o755 });
        await syncDirectory(path.dirname(folder));
      }
      await syncDirectory(path.dirname(path.dirname(this.#revisions)));
    });
  }

  async writeRevision(revision: Revision, entries: readonly RevisionEntry[]): Promise<void> {
    if (await this.hasRevision(revision.source, revision.number)) return;
    const file = this.#fileOf(revision.source, revision.number);
    await onDisk("making a folder for views", async () => {
      const made = await mkdir(path.dirname(file), { recursive: true, mode: 0o755 });
      // The folder's own name must be durable before a ledger row says that the view is there.
      if (made !== undefined) await syncDirectory(this.#revisions);
    });
    await replaceDurably(
      file,
      encodeView(revision.number, entries, (text) => hash("sha256", text, "buffer")),
      {
        written: () => this.#atStep("revision.view-written"),
        renamed: () => this.#atStep("revision.view-renamed"),
      },
    );
  }

  /** Whether a view stands there whole, as far as its header and its length say: a damaged one is written anew. */
  async hasRevision(source: string, number: number): Promise<boolean> {
    return onDisk("looking at a view", async () => {
      const file = this.#fileOf(source, number);
      const handle = await open(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK).catch(absent);
      if (handle === null) return false;
      try {
        const { size } = await handle.stat();
        const header = new Uint8Array(HEADER_BYTES);
        const { bytesRead } = await handle.read(header, 0, HEADER_BYTES, 0);
        const bytes = { length: size, read: () => header.subarray(0, bytesRead) };
        return new RevisionView(bytes, () => new Uint8Array(32)).revision === number;
      } catch (cause) {
        if (cause instanceof Failure && cause.code === "store.damaged") return false;
        throw cause;
      } finally {
        await handle.close();
      }
    });
  }

  async removeRevision(source: string, number: number): Promise<void> {
    const file = this.#fileOf(source, number);
    await onDisk("removing a view", async () => {
      await rm(file, { force: true });
      await syncDirectory(path.dirname(file)).catch(absent);
    });
  }

  async listRevisions(): Promise<readonly { readonly source: string; readonly number: number }[]> {
    return onDisk("listing the views", async () => {
      const found: { readonly source: string; readonly number: number }[] = [];
      for (const source of await readdir(this.#revisions)) {
        if (!sourceName.safeParse(source).success) continue;
        for (const name of await readdir(path.join(this.#revisions, source))) {
          const number = VIEW_NAME.exec(name)?.[1];
          if (number !== undefined) found.push({ source, number: Number(number) });
        }
      }
      return found;
    });
  }

  async writePointer(channel: string, mounts: readonly PointerMount[], withheld?: Withheld): Promise<void> {
    const file = path.join(this.#channels, `${channelName.parse(channel)}.json`);
    await replaceDurably(file, Buffer.from(formatChannelPointer(channel, mounts, withheld)), {
      written: () => this.#atStep("pointer.written"),
      renamed: () => this.#atStep("pointer.renamed"),
    });
  }

  #fileOf(source: string, number: number): string {
    if (!Number.isSafeInteger(number) || number < 1) throw new Error(`${number} is no revision`);
    return path.join(this.#revisions, sourceName.parse(source), `${number}.view`);
  }
}

function absent(cause: unknown): null {
  if (["ENOENT", "ELOOP"].includes(errnoOf(cause) ?? "")) return null;
  throw cause;
}
