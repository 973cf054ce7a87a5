import * as z from "zod";

/** What `nft -j list ruleset` prints, as far as it is read here (libnftables-json(5)). */
const statement = z.record(z.string(), z.unknown());
const chain = z.looseObject({
  family: z.string(),
  table: z.string(),
  name: z.string(),
  type: z.string().optional(),
  hook: z.string().optional(),
  prio: z.number().optional(),
  policy: z.string().optional(),
});
const rule = z.looseObject({ family: z.string(), table: z.string(), chain: z.string(), expr: z.array(statement) });
const ruleset = z.looseObject({
  nftables: z.array(z.looseObject({ chain: chain.optional(), rule: rule.optional() })).max(100_000),
});

type Statement = z.infer<typeof statement>;
export type Chain = z.infer<typeof chain> & { readonly rules: readonly (readonly Statement[])[] };

function key(of: { readonly family: string; readonly table: string }, name: string): string {
  return JSON.stringify([of.family, of.table, name]);
}

/** The chains with their rules, or `null` for what is no rule set. */
export function readRuleset(value: unknown): readonly Chain[] | null {
  const parsed = ruleset.safeParse(value);
  if (!parsed.success) return null;
  const chains = new Map<string, Chain & { rules: (readonly Statement[])[] }>();
  for (const { chain: each } of parsed.data.nftables)
    if (each !== undefined) chains.set(key(each, each.name), { ...each, rules: [] });
  for (const { rule: each } of parsed.data.nftables)
    if (each !== undefined) chains.get(key(each, each.chain))?.rules.push(each.expr);
  return [...chains.values()];
}

/** The chains that see what comes in for this machine, of tables that see IPv4, IPv6 or both. */
export function inputFilters(chains: readonly Chain[]): readonly Chain[] {
  return chains.filter(({ hook, type }) => hook === "input" && type === "filter");
}

/** A new connection of a stranger: all that is known of it. */
export interface Knock {
  readonly family: "ip" | "ip6";
  readonly interface: string;
  readonly port: number;
}

/** "perhaps": it hangs on something that is not read here. */
export type Fate = "accepted" | "dropped" | "perhaps";

/**
 * What becomes of a knock. Every chain of the hook must let it through: one drop is enough. A rule that could match but
 * need not, for example by a client's address, makes the answer "perhaps" where it accepts.
 */
export function fateOf(chains: readonly Chain[], knock: Knock): Fate {
  const fates = inputFilters(chains)
    .filter(({ family }) => family === "inet" || family === knock.family)
    .map((base) => fateIn(chains, base, knock, 0) ?? (base.policy === "drop" ? "dropped" : "accepted"));
  if (fates.includes("dropped")) return "dropped";
  return fates.includes("perhaps") ? "perhaps" : "accepted";
}

/** Jumps in jumps: nft itself allows no more (NFT_JUMP_STACK_SIZE). */
const MOST_JUMPS = 16;

function fateIn(chains: readonly Chain[], at: Chain, knock: Knock, depth: number): Fate | null {
  if (depth > MOST_JUMPS) return "perhaps";
  let doubted = false;
  for (const expr of at.rules) {
    const matching = matches(expr, knock);
    if (matching === "no") continue;
    const fate = fateOfVerdict(chains, at, expr, knock, depth);
    if (fate === null) continue;
    // What drops perhaps does not keep it out; what accepts perhaps lets it in.
    if (matching === "yes" && fate !== "perhaps") return doubted && fate === "dropped" ? "perhaps" : fate;
    if (fate !== "dropped") doubted = true;
  }
  return doubted ? "perhaps" : null;
}

function fateOfVerdict(
  chains: readonly Chain[],
  at: Chain,
  expr: readonly Statement[],
  knock: Knock,
  depth: number,
): Fate | null {
  for (const each of expr) {
    if ("accept" in each) return "accepted";
    if ("drop" in each || "reject" in each) return "dropped";
    if ("vmap" in each || "queue" in each) return "perhaps";
    const aim = each["jump"] ?? each["goto"];
    if (aim === undefined) continue;
    const name = z.looseObject({ target: z.string() }).safeParse(aim);
    const next = chains.find(
      ({ family, table, name: called }) =>
        family === at.family && table === at.table && name.success && called === name.data.target,
    );
    return next === undefined ? "perhaps" : fateIn(chains, next, knock, depth + 1);
  }
  return null;
}

type Matching = "yes" | "no" | "perhaps";
const VERDICTS = new Set(["accept", "drop", "reject", "jump", "goto", "return", "continue"]);
const HARMLESS = new Set(["counter", "log", "comment", ...VERDICTS]);

function matches(expr: readonly Statement[], knock: Knock): Matching {
  let sure: Matching = "yes";
  for (const each of expr) {
    const [name] = Object.keys(each);
    const one = name === "match" ? matchesOne(each["match"], knock) : HARMLESS.has(name ?? "") ? "yes" : "perhaps";
    if (one === "no") return "no";
    if (one === "perhaps") sure = "perhaps";
  }
  return sure;
}

const match = z.looseObject({ op: z.string(), left: z.unknown(), right: z.unknown() });

function matchesOne(value: unknown, knock: Knock): Matching {
  const parsed = match.safeParse(value);
  if (!parsed.success) return "perhaps";
  const { op, left, right } = parsed.data;
  const holds = holdsFor(JSON.stringify(left), right, knock);
  if (holds === null) return "perhaps";
  return holds === (op !== "!=") ? "yes" : "no";
}

const left = (of: object): string => JSON.stringify(of);
const INTERFACE = new Set([left({ meta: { key: "iifname" } }), left({ meta: { key: "iif" } })]);
const FAMILY = left({ meta: { key: "nfproto" } });
const PROTOCOL = new Set([left({ meta: { key: "l4proto" } })]);
const STATE = left({ ct: { key: "state" } });
const PORT = new Set([
  left({ payload: { protocol: "tcp", field: "dport" } }),
  left({ payload: { protocol: "th", field: "dport" } }),
]);

/** Whether what stands on the right holds of the knock; `null`: not known here. */
function holdsFor(of: string, right: unknown, knock: Knock): boolean | null {
  if (INTERFACE.has(of)) return isIn(right, (each) => interfaceFits(each, knock.interface));
  if (PORT.has(of)) return isIn(right, (each) => portFits(each, knock.port));
  if (PROTOCOL.has(of)) return isIn(right, (each) => each === "tcp");
  if (of === FAMILY) return isIn(right, (each) => each === (knock.family === "ip" ? "ipv4" : "ipv6"));
  if (of === STATE) return isIn(right, (each) => each === "new");
  // A match on another protocol's header is none of a TCP knock.
  if (/"protocol":"(?:udp|icmp|icmpv6)"/.test(of)) return false;
  if (knock.family === "ip" && of.includes('"protocol":"ip6"')) return false;
  if (knock.family === "ip6" && of.includes('"protocol":"ip"')) return false;
  return null;
}

function isIn(right: unknown, fits: (each: unknown) => boolean | null): boolean | null {
  const list = z.looseObject({ set: z.array(z.unknown()) }).safeParse(right);
  const all = list.success ? list.data.set : Array.isArray(right) ? (right as readonly unknown[]) : [right];
  let holds: boolean | null = false;
  for (const each of all) {
    const one = fits(each);
    if (one === true) return true;
    if (one === null) holds = null;
  }
  return holds;
}

function interfaceFits(each: unknown, name: string): boolean | null {
  // A named set ("@inside") stands elsewhere.
  if (typeof each !== "string" || each.startsWith("@")) return null;
  return each.endsWith("*") ? name.startsWith(each.slice(0, -1)) : each === name;
}

function portFits(each: unknown, port: number): boolean | null {
  if (typeof each === "number") return each === port;
  const range = z.looseObject({ range: z.tuple([z.number(), z.number()]) }).safeParse(each);
  if (range.success) return port >= range.data.range[0] && port <= range.data.range[1];
  return null;
}

/**
 * Rules that count connections, or limit their rate, for all clients together: one client then shuts all others out. A count
 * for each source stands in a dynamic set, not in the rule.
 */
export function globalLevers(chains: readonly Chain[]): readonly string[] {
  const found: string[] = [];
  for (const { table, name, rules } of chains)
    for (const expr of rules) {
      const counts = expr.some((each) => "ct count" in each);
      const limits = expr.some((each) => "limit" in each) && /"protocol":"(?:tcp|th)"/.test(JSON.stringify(expr));
      if (counts || limits) found.push(`${table} ${name}`);
    }
  return [...new Set(found)];
}
