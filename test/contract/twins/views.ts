import type { Revision, RevisionEntry } from "../../../src/core/model/revision.ts";
import type { PointerMount, Views, Withheld } from "../../../src/core/ports.ts";
import { formatChannelPointer } from "../../../src/core/publish/channel-pointer.ts";

/** The views in memory, for tests of the operations. */
export class MemoryViews implements Views {
  /** The entries of each view, by "source/number". */
  readonly revisions = new Map<string, readonly RevisionEntry[]>();
  /** What each channel's pointer file says. */
  readonly withheld = new Map<string, Withheld>();
  readonly pointers = new Map<string, readonly PointerMount[]>();

  async writeRevision(revision: Revision, entries: readonly RevisionEntry[]): Promise<void> {
    this.revisions.set(`${revision.source}/${revision.number}`, entries);
  }

  async hasRevision(source: string, number: number): Promise<boolean> {
    return this.revisions.has(`${source}/${number}`);
  }

  async removeRevision(source: string, number: number): Promise<void> {
    this.revisions.delete(`${source}/${number}`);
  }

  async listRevisions(): Promise<readonly { readonly source: string; readonly number: number }[]> {
    return [...this.revisions.keys()].map((key) => {
      const [source = "", number] = key.split("/");
      return { source, number: Number(number) };
    });
  }

  async writePointer(channel: string, mounts: readonly PointerMount[], withheld?: Withheld): Promise<void> {
    // Throws where the real pointer file could not be read back.
    formatChannelPointer(channel, mounts, withheld);
    this.withheld.set(channel, withheld ?? { digests: [], revisions: [] });
    this.pointers.set(channel, mounts);
  }
}
