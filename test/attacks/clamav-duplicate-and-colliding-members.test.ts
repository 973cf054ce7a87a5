import assert from "node:assert/strict";
import test from "node:test";
import { gzipSync } from "node:zlib";
import { FORGED_KEYS, type ForgedMember, forgeCvd, MEMBERS, tarMember } from "../fixtures/clamav-forge.ts";
import { inspectClamav } from "../fixtures/inspected.ts";

/**
 * Two members that are one file to whoever unpacks them: the verifier checks the one, the client loads the other. So it
 * is with equal names, with names that differ in case on Windows and macOS, with a second archive or gzip member
 * behind the first, and with a second `.info`.
 */
const evil: ForgedMember = { name: "forged.hdb", bytes: Buffer.from("evil\n") };

async function malformed(database: Parameters<typeof forgeCvd>[0]): Promise<string> {
  const seen = await inspectClamav("main.cvd", forgeCvd(database), { keys: FORGED_KEYS });
  assert.deepEqual(
    seen.signatures.slice(0, 1).map(({ status }) => status),
    ["good"],
    "the body is signed: that is not what stops it",
  );
  return seen.malformed ?? "";
}

test("a member of the same name", async () => {
  assert.match(await malformed({ members: [...MEMBERS, evil], listed: MEMBERS }), /one file/);
  assert.match(await malformed({ members: [evil, ...MEMBERS], listed: MEMBERS }), /one file/);
});

test("a member whose name differs in case", async () => {
  assert.match(
    await malformed({ members: [...MEMBERS, { ...evil, name: "FORGED.HDB" }], listed: MEMBERS }),
    /one file/,
  );
});

test("a second .info, in whatever case and place of the name", async () => {
  for (const name of ["other.info", "other.INFO", "other.info.hdb"]) {
    assert.match(
      await malformed({ members: [...MEMBERS, { ...evil, name }], listed: MEMBERS }),
      /more than one \.info/,
      name,
    );
  }
});

test("a second archive behind the end of the first", async () => {
  const tar = (info: ForgedMember, members: readonly ForgedMember[]): Buffer =>
    Buffer.concat([
      ...[info, ...members].map(tarMember),
      Buffer.alloc(1_024),
      tarMember({ ...evil, name: "hidden.hdb" }),
    ]);
  assert.match(await malformed({ tar }), /end mark/);
});

test("a second gzip member, which some unpackers read and some do not", async () => {
  const hidden = gzipSync(tarMember({ ...evil, name: "hidden.hdb" }));
  assert.match(
    await malformed({ body: (tar) => Buffer.concat([gzipSync(tar), hidden]) }),
    /after the end of the gzip stream/,
  );
  assert.match(
    await malformed({ body: (tar) => Buffer.concat([gzipSync(tar), Buffer.alloc(16)]) }),
    /after the end of the gzip stream/,
  );
});

test("bytes in the padding of a member", async () => {
  const tar = (info: ForgedMember, members: readonly ForgedMember[]): Buffer => {
    const archive = Buffer.concat([info, ...members].map(tarMember));
    archive[archive.length - 1] = 1;
    return archive;
  };
  assert.match(await malformed({ tar }), /padding/);
});
