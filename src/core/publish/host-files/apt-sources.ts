import type { HostFile } from "../../model/host-file.ts";
import { hostsFor } from "../choose-hosts.ts";
import { below, leftOut, plainPath, plainValue, unfit, type WriteOptions, type Written } from "./written.ts";

/**
 * A deb822 source for apt (sources.list(5)). It has one address: apt reads every address that stands there, each as a
 * source of its own, and none in another's place. `Signed-By` binds the source to the vendor's keyring, so that no
 * other key on the machine vouches for it, and neither does this mirror.
 */
export function aptSources(file: HostFile, options: WriteOptions): Written {
  const { suite, components, keyring } = options;
  if (suite === null) return unfit("option-missing", "apt sources need a suite: --suite bookworm-security, or ./");
  if (keyring === null)
    return unfit(
      "option-missing",
      "apt sources need the vendor's keyring on the client: --keyring /usr/share/keyrings/…",
    );
  // sources.list(5): an exact path, with "/" at its end, has no components, and anything else must have one.
  const flat = suite.endsWith("/");
  // apt asks for "./" as it stands, and a channel resolves nothing: "/" means the same and leaves no dot in the path.
  const exact = suite === "./" ? "/" : suite.replace(/^(?:\.\/)+/, "");
  if (flat !== (components.length === 0))
    return unfit("option-missing", flat ? "a suite that ends with / has no component" : "a suite needs a --component");
  const hosts = hostsFor(file, options.addresses);
  const usable = hosts.filter(({ type, login }) => (type === "http" || type === "https") && login === undefined);
  const [first, ...spare] = usable;
  if (first === undefined) return unfit("no-mirror", "an http or https mirror without a login is needed");
  const uri = below(first, options.mount);
  if (![uri, exact, ...components].every(plainValue) || !plainPath(keyring))
    return unfit("unsafe-value", "an address, the suite, a component or the keyring's path could end its line");
  const lines = ["Types: deb", `URIs: ${uri}`, `Suites: ${exact}`];
  if (!flat) lines.push(`Components: ${components.join(" ")}`);
  lines.push(`Signed-By: ${keyring}`);
  const notes = [
    "put it into /etc/apt/sources.list.d/, and take the vendor's own entries out",
    `the keyring ${keyring} is the vendor's: take it from the vendor's own package, never from this mirror`,
    ...leftOut(spare, "apt fails over to no second address"),
    ...leftOut(
      hosts.filter((entry) => !usable.includes(entry)),
      "apt's ftp method is off unless asked for, and a login belongs into auth.conf.d",
    ),
  ];
  return { kind: "written", name: `${file.channel}.sources`, text: `${lines.join("\n")}\n`, notes };
}
