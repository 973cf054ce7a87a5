import assert from "node:assert/strict";
import { test } from "node:test";
import { choosePair } from "./choose-pair.ts";

test("the layouts of the tools that renew certificates", () => {
  const certbot = ["README", "cert.pem", "chain.pem", "fullchain.pem", "privkey.pem"];
  assert.deepEqual(choosePair(certbot, null), { certificate: "fullchain.pem", key: "privkey.pem" });
  const acme = ["ca.cer", "fullchain.cer", "m.example.cer", "m.example.conf", "m.example.csr", "m.example.key"];
  assert.deepEqual(choosePair(acme, null), { certificate: "fullchain.cer", key: "m.example.key" });
  const lego = ["m.example.crt", "m.example.issuer.crt", "m.example.json", "m.example.key"];
  assert.deepEqual(choosePair(lego, null), { certificate: "m.example.crt", key: "m.example.key" });
  assert.deepEqual(choosePair(["tls.crt", "tls.key"], null), { certificate: "tls.crt", key: "tls.key" });
});

test("of several the one that is named; none is guessed", () => {
  const two = ["a.crt", "a.key", "b.crt", "b.key"];
  assert.equal(choosePair(two, null), 2);
  assert.deepEqual(choosePair(two, "b"), { certificate: "b.crt", key: "b.key" });
  assert.equal(choosePair(two, "c"), 0);
  assert.equal(choosePair(["a.crt", "b.key"], null), 0);
  assert.equal(choosePair([], null), 0);
});
