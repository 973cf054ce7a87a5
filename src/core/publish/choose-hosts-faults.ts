import { quoteOutside } from "../kernel/errors.ts";
import type { HostEntry, HostFile } from "../model/host-file.ts";
import { type NetworkFault, readAddress, readNetwork } from "./choose-hosts-network.ts";

type HostFaultCode =
  | "no-hosts"
  | "name-twice"
  | "unsafe-text"
  | "address-unreadable"
  | "address-of-another-type"
  | "address-of-the-client"
  | "address-without-slash"
  | "address-with-query"
  | "login-in-address"
  | "login-on-share"
  | "password-without-login"
  | "password-in-clear"
  | "mask-without-subnet"
  | "subnet-host-bits"
  | `subnet-${NetworkFault}`;

/** What is odd about a host file that its schema lets through. */
export interface HostFault {
  readonly code: HostFaultCode;
  /** The entry's name; `null` for the file as a whole. */
  readonly host: string | null;
  /** Where the entry stands in `hosts`; `null` for the file as a whole. */
  readonly at: number | null;
  /** `wrong`: no such file is written. `unwise`: it works, and a person should know. */
  readonly weight: "wrong" | "unwise";
  /** For people. It never holds an address or a login: either may carry a password by mistake. */
  readonly message: string;
}

type Said = readonly [code: HostFaultCode, message: string, weight?: HostFault["weight"]];

/** Everything that is wrong or unwise about a host file, in the order of its entries. */
export function hostFileFaults(file: HostFile): readonly HostFault[] {
  const names = new Set<string>();
  const ofEntries = file.hosts.flatMap((entry, at) => {
    const twice: readonly Said[] = names.has(entry.name) ? [["name-twice", "another entry has this name"]] : [];
    names.add(entry.name);
    return [...twice, ...faultsOf(entry)].map(([code, message, weight = "wrong"]: Said) => ({
      code,
      host: quoteOutside(entry.name),
      at,
      weight,
      message,
    }));
  });
  const ofFile: Said[] = isUnsafe(file.deployment)
    ? [["unsafe-text", "a character that cannot be seen stands in the deployment's name"]]
    : [];
  if (file.hosts.length === 0) ofFile.push(["no-hosts", "it names no mirror yet", "unwise"]);
  const whole = ofFile.map(([code, message, weight = "wrong"]) => ({ code, host: null, at: null, weight, message }));
  return [...whole, ...ofEntries];
}

function faultsOf(entry: HostEntry): readonly Said[] {
  const { name, address, login, passwordFile, type } = entry;
  const faults: Said[] = [];
  // Whatever ends a line would end it in every file that is made from this one, and begin another.
  if ([name, address, login, passwordFile].some((text) => text !== undefined && isUnsafe(text)))
    faults.push(["unsafe-text", "a character that cannot be seen stands in its name, address or login"]);
  faults.push(...(type === "share" ? shareFaults(address) : urlFaults(address, type)));
  if (type === "share" && login !== undefined)
    faults.push(["login-on-share", "a share is opened with the rights of the machine; the login does nothing"]);
  if (passwordFile !== undefined && login === undefined)
    faults.push(["password-without-login", "a password file without a login"]);
  else if (passwordFile !== undefined && (type === "http" || type === "ftp"))
    faults.push([
      "password-in-clear",
      "the password crosses the network as it is: anyone on the way reads it",
      "unwise",
    ]);
  return [...faults, ...subnetFaults(entry)];
}

/** What a message shows escaped is in no file that we write: control characters, half characters, turned directions. */
function isUnsafe(text: string): boolean {
  return quoteOutside(text, text.length) !== text;
}

function urlFaults(address: string, type: HostEntry["type"]): readonly Said[] {
  const faults: Said[] = [];
  // `http:host/` and `http:///host/` are addresses to a URL reader alone; other programs find another host in them.
  if (/\s/.test(address) || !/^[a-z]+:\/\/[^/?#\\]/i.test(address) || !URL.canParse(address))
    return [["address-unreadable", `an address of type ${type} is ${type}://host/ or ${type}://host:port/path/`]];
  const url = new URL(address);
  if (url.protocol !== `${type}:`) faults.push(["address-of-another-type", `the address is not one of ${type}`]);
  if (url.username !== "" || url.password !== "")
    faults.push(["login-in-address", "a login does not belong into an address; use login and passwordFile"]);
  if (isClientItself(url.hostname))
    faults.push(["address-of-the-client", "this address leads every client to itself, and not to a mirror", "unwise"]);
  if (/[?#]/.test(address)) faults.push(["address-with-query", "an address ends before any ? or #"]);
  else if (!address.endsWith("/")) faults.push(["address-without-slash", 'an address ends with "/"']);
  return faults;
}

/** A daemon that listens on loopback, or on every address, tells where it listens and not where it is found. */
function isClientItself(hostname: string): boolean {
  const address = readAddress(hostname.replace(/^\[|\]$/g, ""));
  if (address === null) return /^(?:.+\.)?localhost$/i.test(hostname);
  const { family, value } = address;
  return family === 4 ? value >> 24n === 127n || value === 0n : value <= 1n;
}

/** A path that is whole in itself: relative, it would mean another folder to each program that reads it. */
function shareFaults(address: string): readonly Said[] {
  if (/^[a-z][a-z0-9+.-]+:/i.test(address))
    return [["address-of-another-type", "a share's address is a path and no URL"]];
  const whole = /^\/(?!\/)|^\\\\[^\\/]+\\[^\\/]+\\|^[A-Za-z]:\\/.test(address);
  if (!whole || address.split(/[\\/]/).some((part) => part === "." || part === ".."))
    return [["address-unreadable", "a share's address is an absolute path: /mnt/updates/ or \\\\server\\updates\\"]];
  return /[\\/]$/.test(address) ? [] : [["address-without-slash", "a share's path ends with its slash"]];
}

const NETWORK_WORDS: Readonly<Record<NetworkFault, string>> = {
  unreadable: "the subnet is no network: write 10.1.0.0/16, 10.1.0.0 with a mask, or 2001:db8::/48",
  "without-length": "the subnet says nowhere how long it is: add a mask, or /16 behind it",
  "mask-unreadable": "the mask is none: write 255.255.0.0 or 16",
  "mask-gaps": "the mask has gaps: its ones must stand before its zeros",
  "mask-disagrees": "the mask is not as long as the subnet says",
};

function subnetFaults({ subnet, mask }: HostEntry): readonly Said[] {
  if (subnet === undefined) return mask === undefined ? [] : [["mask-without-subnet", "a mask without a subnet"]];
  const network = readNetwork(subnet, mask);
  if (typeof network === "string") return [[`subnet-${network}`, NETWORK_WORDS[network]]];
  return network.hostBits ? [["subnet-host-bits", "the subnet names a machine inside it, not the network"]] : [];
}
