import { Failure } from "../core/kernel/errors.ts";
import type { HostEntry, HostFile } from "../core/model/host-file.ts";
import type { RecallList } from "../core/model/recall.ts";
import { hostsFor } from "../core/publish/choose-hosts.ts";
import type { Identity } from "../formats/liveupdate/names.ts";
import { type AgentCode, troubleOf } from "./agent-code.ts";
import type { AgentConfig, ClientProduct } from "./agent-config.ts";
import type { ClientDoors } from "./doors.ts";
import type { RunBudget } from "./download.ts";
import { takeLock } from "./lock.ts";
import { readRecalls } from "./recall.ts";
import { sendReport } from "./report.ts";
import { openState, type StateStore } from "./state.ts";
import { type ProductEnd, type ProductRun, recoverProduct, updateProduct } from "./update-product.ts";

/** How the run of one product ended. Sequences are `null` where nothing is installed. */
export interface ProductResult {
  readonly product: Identity;
  readonly result: ProductEnd["result"] | "failed";
  readonly from: number | null;
  readonly to: number | null;
  readonly code: AgentCode | null;
  readonly detail: string;
  /** The mirror that it came from, by its name in the host file. */
  readonly host: string | null;
}

export interface AgentRun {
  readonly config: AgentConfig;
  readonly hostFile: HostFile;
  /** This machine's own IP addresses: they choose among the mirrors. */
  readonly addresses: readonly string[];
  readonly doors: ClientDoors;
  /** Say what would be done, and change nothing. */
  readonly check: boolean;
  /** Asked between products: a run that is to stop leaves the rest for the next. */
  readonly stopping: () => boolean;
}

/**
 * One run over every product. Mirrors are asked in the host file's order for this place; what one cannot give, or gives
 * wrong, is asked of the next. Throws `Failure` `config.invalid`, `store.*`; what happens to a product is its result.
 */
export async function runAgent(run: AgentRun): Promise<readonly ProductResult[]> {
  const { trust } = run.hostFile;
  if (trust.liveupdate === undefined)
    throw new Failure("config.invalid", "the host file says nobody to believe: trust.liveupdate is missing");
  const hosts = hostsFor(run.hostFile, run.addresses);
  if (hosts.length === 0) throw new Failure("config.invalid", "the host file names no mirror");
  // The lock comes first: a memory that was read before it would write an older one over what another run has learnt.
  const unlock = run.check ? async (): Promise<void> => {} : await takeLock(run.config.state);
  try {
    const store = await openState(run.config.state, () => randomName(run.doors.random), run.check);
    const round = new Round(run, hosts, store);
    const results: ProductResult[] = [];
    for (const product of run.config.products) {
      if (!run.stopping()) results.push(await round.product(product, trust.liveupdate));
    }
    return results;
  } finally {
    await unlock();
  }
}

/** The original's exit codes: 0 something was updated, 1 nothing new, 4 something failed. */
export function exitCodeOf(results: readonly ProductResult[]): 0 | 1 | 4 {
  if (results.some(({ result }) => result === "failed")) return 4;
  return results.some(({ result }) => result !== "nothing-new") ? 0 : 1;
}

function randomName(random: () => number): string {
  return Array.from({ length: 16 }, () => Math.floor(random() * 16).toString(16)).join("");
}

/** A mirror that gave no answer at all is asked last by the products that follow. */
const NO_ANSWER: ReadonlySet<string> = new Set([
  "upstream.unreachable",
  "upstream.name-unknown",
  "upstream.timeout",
  "upstream.stalled",
  "upstream.tls",
]);

class Round {
  readonly #run: AgentRun;
  readonly #hosts: readonly HostEntry[];
  readonly #store: StateStore;
  readonly #budget: RunBudget;
  readonly #silent = new Set<HostEntry>();
  readonly #recalls = new Map<HostEntry, Promise<RecallList | null>>();

  constructor(run: AgentRun, hosts: readonly HostEntry[], store: StateStore) {
    this.#run = run;
    this.#hosts = hosts;
    this.#store = store;
    this.#budget = { left: run.config.limits.runBytes };
  }

  async product(product: ClientProduct, trust: ProductRun["trust"]): Promise<ProductResult> {
    const { config, hostFile, doors, check } = this.#run;
    const id: Identity = { product: product.product, version: product.version, language: product.language };
    const recallsOf = (host: HostEntry): Promise<RecallList | null> => this.#recallsOf(host);
    const run = { config, hostFile, trust, product, store: this.#store, doors, budget: this.#budget, check, recallsOf };
    const [result, host] = await this.#overHosts(run, id);
    doors.event(`agent.${result.result}`, {
      ...fieldsOf(id),
      from: result.from,
      to: result.to,
      host: result.host,
      code: result.code,
      detail: result.detail,
    });
    if (config.report && !check && host !== null) await this.#report(result, host);
    return result;
  }

  async #overHosts(run: ProductRun, id: Identity): Promise<readonly [ProductResult, HostEntry | null]> {
    const from = this.#store.product(id).sequence;
    let last: ProductResult = { product: id, result: "failed", from, to: from, code: null, detail: "", host: null };
    const hosts = [...this.#hosts.filter((host) => !this.#silent.has(host)), ...this.#silent];
    let told: HostEntry | null = null;
    try {
      if (!run.check) await recoverProduct(run);
    } catch (cause) {
      const { code, detail } = failed(cause);
      return [{ ...last, code, detail }, hosts[0] ?? null];
    }
    for (const host of hosts) {
      try {
        const end = await updateProduct(run, host);
        this.#silent.delete(host);
        return [{ product: id, host: host.name, ...end }, host];
      } catch (cause) {
        const trouble = failed(cause);
        last = { ...last, code: trouble.code, detail: trouble.detail, host: host.name };
        if (trouble.code !== null && NO_ANSWER.has(trouble.code)) this.#silent.add(host);
        else told ??= host;
        run.doors.event("agent.host-failed", {
          ...fieldsOf(id),
          host: host.name,
          code: trouble.code,
          detail: trouble.detail,
        });
        if (!trouble.elsewhere) break;
      }
    }
    return [last, told];
  }

  /** A recall that is not to be believed is told of and passed over: it must not keep updates away. */
  #recallsOf(host: HostEntry): Promise<RecallList | null> {
    const known = this.#recalls.get(host);
    if (known !== undefined) return known;
    const asked = this.#askRecalls(host);
    this.#recalls.set(host, asked);
    return asked;
  }

  async #askRecalls(host: HostEntry): Promise<RecallList | null> {
    const { doors, hostFile } = this.#run;
    try {
      const { recallsIssuedAt } = this.#store.state;
      const list = await readRecalls(doors.fetcher, host, hostFile, recallsIssuedAt, doors.now(), this.#budget);
      if (list !== null && list.issuedAt !== recallsIssuedAt[hostFile.channel]) {
        const next = { ...recallsIssuedAt, [hostFile.channel]: list.issuedAt };
        await this.#store.save({ ...this.#store.state, recallsIssuedAt: next });
      }
      return list;
    } catch (cause) {
      const trouble = failed(cause);
      if (!trouble.elsewhere) throw cause;
      doors.event("agent.recall-refused", { host: host.name, code: trouble.code, detail: trouble.detail });
      return null;
    }
  }

  async #report(result: ProductResult, host: HostEntry): Promise<void> {
    const words = { back: "back", failed: "failed", updated: "ok", "nothing-new": "ok" } as const;
    const { from, to, code, product: id } = result;
    const report = { id, from, to, code, result: words[result.result], client: this.#store.state.client };
    await sendReport(this.#run.doors.fetcher, host, report);
  }
}

function fieldsOf({ product, version, language }: Identity): Readonly<Record<string, string>> {
  return { product, version, language };
}

/** The fields of a failed result; a bug is thrown on. */
function failed(cause: unknown): Pick<ProductResult, "code" | "detail"> & { readonly elsewhere: boolean } {
  const trouble = troubleOf(cause);
  if (trouble === null) throw cause;
  return trouble;
}
