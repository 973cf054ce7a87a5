import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { config } from "../core/config.ts";
import { Failure } from "../core/kernel/errors.ts";
import { DAY } from "../core/kernel/instant.ts";
import type { EventRecord } from "../core/ports.ts";
import type { CertificateFacts } from "../core/publish/judge-certificate.ts";
import { Certificates, type ReadIdentity } from "./certificates.ts";

const CONFIG = config.parse({
  data: "/data",
  channels: {
    staging: { listen: "127.0.0.1:80", ftp: { listen: "127.0.0.1:21", tls: { certificate: "/c", key: "/k" } } },
    production: { listen: "127.0.0.1:81" },
  },
});

/** A house whose files say what a test wants. */
class Files {
  now = 0;
  next: ReadIdentity | Failure;
  readonly events: Pick<EventRecord, "name" | "fields">[] = [];
  readonly handed: string[] = [];

  constructor(first: ReadIdentity) {
    this.next = first;
  }

  async open(): Promise<Certificates> {
    const certificates = await Certificates.open(CONFIG, {
      clock: { now: () => this.now },
      events: { emit: (name, fields) => void this.events.push({ name, fields }) },
      readIdentity: async () => {
        if (this.next instanceof Failure) throw this.next;
        return this.next;
      },
    });
    certificates.start((channel, by, { certificate }) => void this.handed.push(`${channel} ${by} ${certificate}`));
    return certificates;
  }

  said(): readonly string[] {
    return this.events
      .splice(0)
      .map(({ name, fields }) => `${name} ${String(fields["code"] ?? fields["expired"] ?? "")}`);
  }
}

function pair(name: string, facts: Partial<CertificateFacts> = {}): ReadIdentity {
  return {
    identity: { certificate: name, key: "the key of it", authorities: null },
    facts: { fingerprint: name, notBefore: 0, notAfter: 90 * DAY, names: ["DNS:a"], fault: null, ...facts },
    mark: name,
  };
}

const differs = { code: "certificate.key-differs", detail: "no pair" } as const;

describe("the certificates of the channels", () => {
  test("a new pair is handed over once, and said without its key", async () => {
    const files = new Files(pair("one"));
    const certificates = await files.open();
    assert.equal(certificates.shown("staging", "ftp")?.certificate, "one");
    assert.equal(certificates.shown("production", "ftp"), null);
    files.next = pair("two");
    await certificates.reload();
    await certificates.reload();
    assert.deepEqual(files.handed, ["staging ftp two"]);
    assert.ok(!JSON.stringify(files.events).includes("the key"));
    assert.deepEqual(files.said(), ["certificate.loaded "]);
    assert.equal(certificates.states("staging")[0]?.fingerprint, "two");
    certificates.stop();
  });

  test("while the new one is not fit, the old one is shown; each fault is said once, and the cure too", async () => {
    const files = new Files(pair("one"));
    const certificates = await files.open();
    const faults: readonly (readonly [ReadIdentity | Failure, string])[] = [
      [pair("two", { fault: differs }), "certificate.key-differs"],
      [pair("three", { notAfter: -1 }), "certificate.expired"],
      [pair("four", { notBefore: DAY }), "certificate.not-yet-valid"],
      [new Failure("config.unreadable", "gone"), "config.unreadable"],
      [new Failure("config.invalid", "no PEM"), "config.invalid"],
    ];
    for (const [next, code] of faults) {
      files.next = next;
      await certificates.reload();
      await certificates.reload();
      assert.deepEqual(files.said(), [`certificate.refused ${code}`]);
      assert.equal(certificates.states("staging")[0]?.refused, code);
      assert.equal(certificates.shown("staging", "ftp")?.certificate, "one");
    }
    assert.deepEqual(files.handed, []);
    files.next = pair("one");
    await certificates.reload();
    assert.equal(certificates.states("staging")[0]?.refused, null);
    files.next = pair("four", { notBefore: DAY });
    files.now = 2 * DAY;
    await certificates.reload();
    assert.deepEqual(files.handed, ["staging ftp four"]);
    certificates.stop();
  });

  test("looked at by chance, a pair that does not fit may be half written: it is said at the second look", async (t) => {
    t.mock.timers.enable({ apis: ["setInterval"] });
    const files = new Files(pair("one"));
    const certificates = await files.open();
    const look = async (): Promise<void> => {
      t.mock.timers.tick(30_000);
      await new Promise((resolve) => setImmediate(resolve));
    };
    files.next = pair("two", { fault: differs });
    await look();
    assert.deepEqual(files.said(), []);
    await look();
    assert.deepEqual(files.said(), ["certificate.refused certificate.key-differs"]);
    files.next = pair("three", { fault: differs });
    await look();
    files.next = pair("three-whole");
    await look();
    assert.deepEqual(files.said(), ["certificate.loaded "]);
    certificates.stop();
  });

  test("a certificate that should have been renewed is said once a day, and one that has ended is shown all the same", async () => {
    const files = new Files(pair("one"));
    files.now = 70 * DAY;
    const certificates = await files.open();
    assert.deepEqual(files.said(), ["certificate.ending false"]);
    await certificates.reload();
    assert.deepEqual(files.said(), []);
    files.now = 71 * DAY;
    await certificates.reload();
    assert.deepEqual(files.said(), ["certificate.ending false"]);
    files.now = 91 * DAY;
    await certificates.reload();
    assert.deepEqual(files.said(), ["certificate.ending true"]);
    certificates.stop();
    const late = await files.open();
    assert.equal(late.shown("staging", "ftp")?.certificate, "one");
    assert.deepEqual(files.said(), ["certificate.ending true"]);
    late.stop();
  });

  test("at the start what is no pair at all is a fault of the configuration", async () => {
    await assert.rejects(new Files(pair("one", { fault: differs })).open(), { code: "config.invalid" });
  });
});
