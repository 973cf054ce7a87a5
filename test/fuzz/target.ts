import type { Dice } from "../fixtures/dice.ts";

/** A parser under fire. */
export interface FuzzTarget {
  /** The next input: something sound from our own writers, with things wrong in it. At most some 300 KB. */
  input(dice: Dice): Uint8Array;
  /**
   * Gives it to the parser; true when the parser took it. Throws on what must never be: an exception that is not
   * documented, or an answer that cannot be true.
   */
  run(input: Uint8Array): Promise<boolean>;
}

/** Makes a target with its corpus. Keys are made anew each time, so that an input is kept as bytes, not as a seed. */
export type MakeTarget = () => Promise<FuzzTarget>;

/** What holds for every answer of a parser, whatever it was given. */
export function mustHold(holds: boolean, what: string): asserts holds {
  if (!holds) throw new Error(`an answer that cannot be: ${what}`);
}
