import { type Document, parseDocument } from "yaml";

/** Where nobody has written a configuration yet: what `ringfort setup` adds its answers to. */
const begun = (
  least: "kernel" | "users",
): string => `# Ringfort's configuration, begun by \`ringfort setup\`. \`ringfort config check\` names what is wrong with it, and
# docs/reference/configuration.md has every setting. Run \`ringfort setup\` again to change what it has asked for.
data: /var/lib/ringfort

# In the order of promotion: a sync moves the first by itself, every further one is moved by a person.
channels:
  staging:
    listen: 127.0.0.1:8081
  production:
    listen: 127.0.0.1:8082

# The least confinement that the daemon starts with (docs/hardening.md): users is a user for each role, by systemd.
confinement:
  least: ${least}

# The host around it: \`ringfort harden\` makes socket units and a packet filter of this.
host: {}
`;

/** A configuration as its file is written: what somebody has put there, remarks too, stays as it is. */
export class ConfigDocument {
  readonly #document: Document;

  private constructor(document: Document) {
    this.#document = document;
  }

  /** Of a file's text, which is valid; `null`: there is none yet. `hasService`: whether systemd's units are there. */
  static of(text: string | null, hasService: boolean): ConfigDocument {
    return new ConfigDocument(parseDocument(text ?? begun(hasService ? "users" : "kernel"), { version: "1.2" }));
  }

  at(path: readonly string[]): unknown {
    const found = this.#document.getIn(path);
    return found === undefined ? undefined : (this.#plainAt(path) ?? null);
  }

  #plainAt(path: readonly string[]): unknown {
    return path.reduce<unknown>(
      (around, key) => (typeof around === "object" && around !== null ? Reflect.get(around, key) : undefined),
      this.plain(),
    );
  }

  /** The same with a key set, or left out where the value is `null`. */
  with(path: readonly string[], value: unknown): ConfigDocument {
    const copy = this.#document.clone();
    if (value === null) copy.deleteIn(path);
    else {
      // A map that was written empty, between braces, is continued line by line.
      for (const depth of path.keys()) unfold(copy.getIn(path.slice(0, depth), true));
      copy.setIn(path, copy.createNode(value, { flow: Array.isArray(value) }));
    }
    return new ConfigDocument(copy);
  }

  plain(): unknown {
    return this.#document.toJS();
  }

  text(): string {
    return this.#document.toString({ lineWidth: 0 });
  }
}

function unfold(node: unknown): void {
  if (typeof node === "object" && node !== null && "items" in node && Array.isArray(node.items) && "flow" in node)
    if (node.items.length === 0) node.flow = false;
}
