import { Connection } from "../../src/store/ledgers/connection.ts";
import { openSqliteLedger } from "../../src/store/ledgers/sqlite.ts";
import { AT, draftOf, specOf } from "./ledger-samples.ts";

/**
 * A process that holds a ledger, for ledger-crash.test.ts. `hold <file>` opens it and waits; `die <file>` writes half
 * a revision and dies in the middle of the transaction, after its pages have reached the disk.
 */
const [deed, file = ""] = process.argv.slice(2);

if (deed === "hold") {
  const ledger = await openSqliteLedger({ file, atStep: () => undefined });
  process.stdout.write("held\n");
  setInterval(() => void ledger.sources(), 60_000);
} else {
  const ledger = await openSqliteLedger({ file, atStep: () => undefined });
  await ledger.putSource(specOf("s"));
  await ledger.sealRevision(draftOf("s", { "a.bin": "one" }), AT);
  await ledger.close();
  const connection = await Connection.open(file);
  connection.transaction(() => {
    connection.run("UPDATE numbering SET last = 2");
    connection.run("UPDATE entry SET until = 2");
    // More than the page cache holds, so that pages of the open transaction are in the log on disk.
    for (let n = 0; n < 2_000; n += 1) {
      const path = `${n}/${"x".repeat(30_000)}`;
      connection.run(
        "INSERT INTO entry (source, path, since, sha256, size) SELECT id, ?, 2, ?, 1 FROM source",
        path,
        "ab".repeat(32),
      );
    }
    process.kill(process.pid, "SIGKILL");
  });
}
