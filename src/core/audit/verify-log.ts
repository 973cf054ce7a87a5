import { type Refusal, refuse } from "../kernel/errors.ts";
import { completedNodes, type NodeAt, rootOf, type TreeHash } from "./merkle-tree.ts";

/** What a signed state says of a log. `label` names it in messages: which file it was in. */
export interface SignedState {
  readonly label: string;
  readonly size: number;
  /** 32 bytes. */
  readonly root: Uint8Array;
}

/**
 * Reads a log entry by entry and says where it is not the one that was signed. Of the tree only its right edge is kept:
 * a log of any length takes the same memory.
 */
export class LogVerifier {
  readonly #hash: TreeHash;
  readonly #states: readonly SignedState[];
  /** Of each level the node that was completed last. */
  readonly #edge = new Map<number, { readonly index: number; readonly hash: Uint8Array }>();
  #size = 0;
  #next = 0;

  /** The states in any order; each is compared when the log has reached its size. */
  constructor(hash: TreeHash, states: readonly SignedState[]) {
    this.#hash = hash;
    this.#states = states.toSorted((a, b) => a.size - b.size);
  }

  get size(): number {
    return this.#size;
  }

  /** Takes the next entry's bytes; `n` is the number that it says it has. */
  add(leaf: Uint8Array, n: number): Refusal | null {
    const wrong = this.#compare();
    if (wrong !== null) return wrong;
    if (n !== this.#size)
      return refuse(
        "audit.numbering",
        `where entry ${this.#size} belongs stands entry ${n}: one is missing, doubled or out of its place`,
      );
    for (const node of completedNodes(this.#hash, this.#size, leaf, this.#nodeAt))
      this.#edge.set(node.level, { index: node.index, hash: node.hash });
    this.#size += 1;
    return null;
  }

  /** The log has ended: every state must have been reached, and the last entry be covered by one. */
  end(): Refusal | null {
    const wrong = this.#compare();
    if (wrong !== null) return wrong;
    const beyond = this.#states[this.#next];
    if (beyond !== undefined)
      return refuse(
        "audit.truncated",
        `${beyond.label} was signed over ${beyond.size} entries; there are ${this.#size}`,
      );
    const covered = this.#states.at(-1)?.size ?? 0;
    return covered < this.#size
      ? refuse("audit.unsigned-tail", `no checkpoint covers the entries from ${covered} to ${this.#size - 1}`)
      : null;
  }

  #compare(): Refusal | null {
    for (
      let state = this.#states[this.#next];
      state !== undefined && state.size <= this.#size;
      state = this.#states[this.#next]
    ) {
      this.#next += 1;
      const root = rootOf(this.#hash, this.#size, this.#nodeAt);
      if (root.every((byte, at) => byte === state.root[at])) continue;
      const before = this.#states[this.#next - 2]?.size ?? 0;
      return refuse(
        "audit.changed",
        `the first ${state.size} entries are not those that ${state.label} was signed over; ` +
          `the first ${before} are, so look from entry ${before} on`,
      );
    }
    return null;
  }

  readonly #nodeAt: NodeAt = (level, index) => {
    const node = this.#edge.get(level);
    if (node?.index !== index) throw new Error("a node that is not on the edge");
    return node.hash;
  };
}
