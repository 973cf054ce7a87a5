import { say } from "../report.ts";

export interface Step {
  readonly step: string;
  readonly ok: boolean;
  readonly why: string;
  readonly seconds: number;
}

/** What a proof does one after another; a step that fails is kept, and those after it are tried all the same. */
export class Steps {
  readonly done: Step[] = [];

  async take(step: string, work: () => Promise<void>): Promise<void> {
    const began = performance.now();
    const why = await work().then(
      () => "",
      (error: unknown) => (error instanceof Error ? error.message : String(error)),
    );
    const seconds = Math.round((performance.now() - began) / 100) / 10;
    this.done.push({ step, ok: why === "", why, seconds });
    say(`${why === "" ? "ok " : "NO "} ${step} (${seconds} s)${why === "" ? "" : `\n${why}`}`);
  }
}

/** Throws where something is not as it should be. */
export function expect(is: boolean, otherwise: string): void {
  if (!is) throw new Error(otherwise);
}
