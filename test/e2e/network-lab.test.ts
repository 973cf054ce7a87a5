import assert from "node:assert/strict";
import { test } from "node:test";
import { needs, needsProgram } from "../fixtures/needs.ts";
import { needsNetns } from "../fixtures/netns.ts";
import { BastionHost } from "../lab/bastion.ts";

const skip = needs(
  needsProgram("nft", "nftables"),
  needsProgram("curl", "curl"),
  needsProgram("sysctl", "procps"),
  needsNetns(),
);

/** The short form of `npm run lab`. */
test("behind the rules that ringfort makes, each client reaches its own channel and nothing else, on both versions of IP", {
  skip,
}, async () => {
  const host = await BastionHost.start();
  try {
    await host.harden();
    const cells = await host.matrix();
    assert.equal(cells.length, 54);
    assert.deepEqual(
      cells.filter(({ wanted, found }) => wanted !== found),
      [],
    );
  } finally {
    await host.end();
  }
});
