import path from "node:path";
import process from "node:process";
import { HOUR, MINUTE } from "../src/core/kernel/instant.ts";
import { run, startTestDaemon, type TestDaemon } from "../test/fixtures/daemon.ts";
import { type HttpVendor, startHttpVendor } from "../test/upstream/http-vendor.ts";
import { SignedListVendor } from "../test/upstream/signed-list.ts";
import type { Shown, Stop, Walk } from "./stops.ts";
import {
  CANARIES,
  DESKS,
  digestOf,
  FILE,
  forward,
  type Machine,
  recorded,
  SOURCE,
  storyTime,
  update,
  Watcher,
  writeHistory,
} from "./story-fleet.ts";

const here = import.meta.dirname;

/** The same bad day, twice: an update that harms at once, and one that harms after two hours. */
export async function storyStops(): Promise<Walk> {
  const http = await startHttpVendor({});
  const daemon = await startTestDaemon({
    config: { session: { idle: "0s", most: "0s" } },
    main: { file: path.join(here, "ringfortd-compressed.ts"), args: [] },
  });
  const story = new Story(http, daemon);
  return {
    setUp: () => story.setUp(),
    stops: story.stops(),
    end: async () => {
      // What went wrong while it asked is told by the last stop; here it must not hide what went wrong before.
      await story.watcher.stop().catch(() => {});
      await daemon.end();
      await http.close();
    },
  };
}

/** What the vendor publishes, in this order: revision 1 is at index 0. */
const CONTENTS = ["good", "crashes at once", "fixed", "crashes after two hours", "fixed again"].map((what) =>
  Buffer.from(`channel file 291, ${what}\n`.repeat(500)),
);
/** Two of the canaries run something that the update does not harm. */
const UNHARMED = CANARIES.slice(0, 2);

interface Canaries {
  readonly verdict: string;
  readonly reasons: readonly { readonly code: string }[];
  readonly tally: { readonly fetched: number; readonly proven: number; readonly silent: number };
}

interface Exposed {
  readonly took: number;
  readonly recovered: number;
  readonly exposed: number;
  readonly contained: number;
  readonly next: number;
}

class Story {
  readonly watcher = new Watcher();
  readonly #vendor: SignedListVendor;
  readonly #daemon: TestDaemon;
  readonly #began = performance.now();
  #first = 0;

  constructor(http: HttpVendor, daemon: TestDaemon) {
    this.#vendor = new SignedListVendor(http, SOURCE);
    this.#daemon = daemon;
  }

  async setUp(): Promise<void> {
    this.#publish(1);
    await this.#daemon.addSource(this.#vendor.source());
    await this.#must(0, "sync", SOURCE);
    await this.#must(0, "promote", SOURCE, "--reason", "the first one");
    await this.#daemon.stop();
    await writeHistory(this.#daemon, digestOf(CONTENTS[0] ?? Buffer.of()));
    await this.#daemon.start();
    this.#first = storyTime(this.#daemon);
    await this.#must(0, "policy", "set", SOURCE, "--preset", "signatures", "--reason", "agreed");
    this.watcher.start(await this.#daemon.url("production"));
    await this.#visit(DESKS);
  }

  stops(): readonly Stop[] {
    return [
      { what: "a signed, valid, harmful update", show: () => this.#arrives(2) },
      { what: "canaries fetch it; six of eight crash", show: () => this.#fetched(2) },
      { what: "two hours on: six are silent", show: () => this.#silentAfter([UNHARMED, UNHARMED]) },
      { what: "production is not moved, and why", show: () => this.#whyNot(1) },
      { what: "who took it, who will not get it", show: () => this.#counts(2, [8, 0, 8, 13, 0]) },
      { what: "blocked: staging goes back at once", show: () => this.#blocked(2, 1) },
      { what: "the fix, alone, may not go ahead", show: () => this.#proposedAlone() },
      { what: "a second person signs: it is out", show: () => this.#signed() },
      { what: "everybody has left the bad one", show: () => this.#recovered(2, 3) },
      { what: "a slow poison arrives", show: () => this.#arrives(4) },
      { what: "it is fetched; all is well for two hours", show: () => this.#wellFor() },
      {
        what: "three hours on: six are silent",
        show: () => this.#silentAfter([UNHARMED, UNHARMED, UNHARMED]),
      },
      { what: "four hours are over; it stays", show: () => this.#whyNot(3, ["promotion.health-suspect"]) },
      { what: "who took it, who will not get it (4)", show: () => this.#counts(4, [8, 0, 8, 13, 0]) },
      { what: "blocked, and left by who came back", show: () => this.#leftBlocked() },
      { what: "the next fix proves itself, alone", show: () => this.#byItself() },
      { what: "the bad ones were never in production", show: () => this.#never() },
    ];
  }

  /** The command line, at the story's time. */
  async #cli(...args: readonly string[]): Promise<{ readonly code: number; readonly value: unknown }> {
    const { configFile } = this.#daemon;
    const program = path.join(here, "ringfort-compressed.ts");
    const { code, stdout, stderr } = await run(process.execPath, [program, "--config", configFile, "--json", ...args]);
    if (stdout === "") throw new Error(`ringfort ${args.join(" ")}: exit ${code}: ${stderr}`);
    return { code, value: JSON.parse(stdout) as unknown };
  }

  async #must(code: number, ...args: readonly string[]): Promise<unknown> {
    const ran = await this.#cli(...args);
    if (ran.code !== code)
      throw new Error(`ringfort ${args.join(" ")}: exit ${ran.code}: ${JSON.stringify(ran.value)}`);
    return ran.value;
  }

  #publish(revision: number): void {
    this.#vendor.publish(new Map([[FILE, CONTENTS[revision - 1] ?? Buffer.of()]]), storyTime(this.#daemon));
  }

  /** These machines update, and the record knows of it. */
  async #visit(who: readonly Machine[]): Promise<ReadonlySet<string>> {
    const since = storyTime(this.#daemon);
    const given = new Set<string>();
    for (const machine of who) given.add(await update(await this.#daemon.url(machine.channel), machine));
    await recorded(this.#daemon, who, since);
    return given;
  }

  /** An hour passes, these canaries come, and the daemon looks at its rings, as it does after each run. */
  async #hour(who: readonly Machine[]): Promise<void> {
    await forward(this.#daemon, HOUR);
    await this.#visit(who);
    const ran = await this.#daemon.sync(SOURCE);
    if ("code" in ran) throw new Error(`sync: ${ran.code}`);
  }

  async #at(channel: string): Promise<number | null> {
    const { positions } = await this.#daemon.must({ verb: "channels", source: SOURCE });
    return positions.find((position) => position.channel === channel)?.revision ?? null;
  }

  async #arrives(revision: number): Promise<Shown> {
    await forward(this.#daemon, MINUTE);
    this.#publish(revision);
    const { code } = await this.#cli("sync", SOURCE);
    const [staging, production] = [await this.#at("staging"), await this.#at("production")];
    return {
      seen: `sync: exit ${code}; staging at ${staging ?? "none"}, production at ${production ?? "none"}`,
      ok: code === 0 && staging === revision && production === revision - 1,
    };
  }

  async #fetched(revision: number): Promise<Shown> {
    const given = await this.#visit(CANARIES);
    const [is] = [...given];
    const ok = given.size === 1 && is === digestOf(CONTENTS[revision - 1] ?? Buffer.of());
    return { seen: `${CANARIES.length} canaries were given revision ${revision}`, ok };
  }

  async #silentAfter(hours: readonly (readonly Machine[])[]): Promise<Shown> {
    for (const who of hours) await this.#hour(who);
    const { code, value } = await this.#cli("canaries", SOURCE);
    const { verdict, tally, reasons } = value as Canaries;
    const codes = reasons.map((reason) => reason.code);
    return {
      seen: `canaries: ${verdict} (exit ${code}): ${tally.fetched} fetched, ${tally.silent} silent; ${codes.join(", ")}`,
      ok:
        code === 3 &&
        verdict === "suspect" &&
        tally.fetched === 8 &&
        tally.silent === 6 &&
        codes.includes("health.silent-canaries"),
    };
  }

  /** Exactly these hindrances are left where they are given; else one of them is that the revision is suspect. */
  async #whyNot(stays: number, exactly?: readonly string[]): Promise<Shown> {
    const { value } = await this.#cli("policy", "explain", SOURCE);
    const { rings } = value as {
      rings: { channel: string; next: { mayMove: boolean; hindrances: { code: string }[] } | null }[];
    };
    const next = rings.find(({ channel }) => channel === "production")?.next;
    const codes = next?.hindrances.map(({ code }) => code) ?? [];
    const promoted = await this.#cli("promote", SOURCE);
    const production = await this.#at("production");
    const right =
      exactly === undefined ? codes.includes("promotion.health-suspect") : String(codes) === String(exactly);
    return {
      seen: `policy explain: ${codes.join(", ")}; promote: exit ${promoted.code}; production at ${production ?? "none"}`,
      ok: right && next?.mayMove === false && promoted.code === 3 && production === stays,
    };
  }

  async #counts(revision: number, expected: readonly number[]): Promise<Shown> {
    const { value } = await this.#cli("exposure", SOURCE, String(revision));
    const { took, recovered, exposed, contained, next } = value as Exposed;
    return {
      seen: `exposure ${revision}: ${took} took it, ${recovered} recovered, ${exposed} hold it, ${contained} contained, ${next} next`,
      ok: String([took, recovered, exposed, contained, next]) === String(expected),
    };
  }

  async #blocked(revision: number, back: number): Promise<Shown> {
    const { code } = await this.#cli("block", SOURCE, "--revision", String(revision), "--reason", "crashes clients");
    const staging = await this.#at("staging");
    const given = await this.#visit(UNHARMED);
    const served = given.size === 1 && given.has(digestOf(CONTENTS[back - 1] ?? Buffer.of()));
    const counted = await this.#counts(revision, [8, 2, 6, 13, 0]);
    return {
      seen: `staging at ${staging ?? "none"}; ${counted.seen}`,
      ok: code === 0 && staging === back && served && counted.ok,
    };
  }

  async #proposedAlone(): Promise<Shown> {
    const arrived = await this.#arrivesAfterBlock(3);
    const wish = ["propose", SOURCE, "--emergency", "--revision", "3", "--reason", "repairs the crash"];
    const shown = await this.#cli(...wish);
    const made = await this.#cli(...wish, "--yes");
    const own = await this.#cli("sign-off", "1", "--version", "1");
    const { error } = own.value as { error?: { code: string } };
    const production = await this.#at("production");
    return {
      seen: `propose --emergency: exit ${made.code}, it waits; one's own sign-off: ${error?.code ?? "taken"}; production at ${production ?? "none"}`,
      ok:
        arrived &&
        shown.code === 0 &&
        made.code === 5 &&
        own.code === 3 &&
        error?.code === "proposal.own" &&
        production === 1,
    };
  }

  async #arrivesAfterBlock(revision: number): Promise<boolean> {
    await forward(this.#daemon, MINUTE);
    this.#publish(revision);
    const { code } = await this.#cli("sync", SOURCE);
    return code === 0 && (await this.#at("staging")) === revision;
  }

  /** The command line says the user that it runs as, and a tour is only one: the second person asks the daemon as it does. */
  async #signed(): Promise<Shown> {
    const sign = { verb: "sign-off", id: 1, version: 1, comment: "seen", by: "second-person" } as const;
    const { moved } = await this.#daemon.must(sign);
    const production = await this.#at("production");
    const moves = JSON.stringify((await this.#cli("log", "--moves")).value);
    const told = moves.includes("signed by second-person") && moves.includes("promotion.soaking");
    return {
      seen: `production at ${production ?? "none"}; the record says who signed, and what was overruled`,
      ok: moved && production === 3 && told,
    };
  }

  /** The crashed ones have been repaired by hand; everybody updates. */
  async #recovered(bad: number, good: number): Promise<Shown> {
    const given = await this.#visit([...CANARIES, ...DESKS]);
    const left = await this.#counts(bad, [8, 8, 0, 13, 0]);
    const took = await this.#counts(good, [21, 0, 21, 0, 0]);
    const right = given.size === 1 && given.has(digestOf(CONTENTS[good - 1] ?? Buffer.of()));
    return {
      seen: `${left.seen}; exposure ${good}: ${took.ok ? "21 took it" : took.seen}`,
      ok: left.ok && took.ok && right,
    };
  }

  async #wellFor(): Promise<Shown> {
    const fetched = await this.#fetched(4);
    for (let hour = 0; hour < 2; hour += 1) await this.#hour(CANARIES);
    const { code, value } = await this.#cli("canaries", SOURCE);
    const { verdict, tally } = value as Canaries;
    return {
      seen: `canaries: ${verdict} (exit ${code}): ${tally.fetched} fetched, ${tally.silent} silent, ${tally.proven} proven`,
      ok: fetched.ok && code === 4 && tally.fetched === 8 && tally.silent === 0 && tally.proven === 0,
    };
  }

  async #leftBlocked(): Promise<Shown> {
    const blocked = await this.#blocked(4, 3);
    await this.#visit(CANARIES);
    const left = await this.#counts(4, [8, 8, 0, 13, 0]);
    return { seen: `staging at 3; ${left.seen}`, ok: blocked.ok && left.ok };
  }

  /** The same policy lets a good one through: what held the bad ones back was not that nothing moves. */
  async #byItself(): Promise<Shown> {
    const arrived = await this.#arrivesAfterBlock(5);
    await this.#visit(CANARIES);
    for (let hour = 0; hour < 4; hour += 1) await this.#hour(CANARIES);
    const production = await this.#until("production", 5);
    const [last] = (await this.#daemon.must({ verb: "log", what: "moves", source: SOURCE, limit: 1 })).moves;
    return {
      seen: `after 4 h: production at ${production ?? "none"}, moved by ${last?.by ?? "nobody"}`,
      ok: arrived && production === 5 && last?.by === "policy",
    };
  }

  /** The daemon looks at its rings a moment after the run that has it look. */
  async #until(channel: string, revision: number): Promise<number | null> {
    for (let turn = 0; turn < 100 && (await this.#at(channel)) !== revision; turn += 1)
      await new Promise((resolve) => setTimeout(resolve, 100));
    return this.#at(channel);
  }

  async #never(): Promise<Shown> {
    await this.#visit(DESKS);
    await this.watcher.stop();
    const { given, asked } = this.watcher;
    const of = (revision: number): number => given.get(digestOf(CONTENTS[revision - 1] ?? Buffer.of())) ?? 0;
    const counts = CONTENTS.map((_, at) => of(at + 1));
    const hours = (storyTime(this.#daemon) - this.#first) / HOUR;
    const seconds = (performance.now() - this.#began) / 1_000;
    return {
      seen: `asked ${asked} times all along: revisions 1 to 5 were given ${counts.join(", ")} times; ${hours.toFixed(1)} h in ${seconds.toFixed(0)} s`,
      ok:
        of(2) === 0 &&
        of(4) === 0 &&
        of(1) > 0 &&
        of(3) > 0 &&
        of(5) > 0 &&
        counts.reduce((sum, count) => sum + count, 0) === asked,
    };
  }
}
