import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type Counted, LeaseTable, leaseHolds } from "./leases.ts";
import { Sessions } from "./sessions.ts";

const limits = { idle: 100, most: 1_000 };

class View implements Counted {
  users = 1;
  readonly name: string;
  constructor(name: string) {
    this.name = name;
  }
  retain(): void {
    assert.ok(this.users > 0, `${this.name} was closed and is used again`);
    this.users += 1;
  }
  release(): void {
    this.users -= 1;
    assert.ok(this.users >= 0);
  }
}

test("a lease holds until its client is idle too long, or it is too old", () => {
  const lease = { view: null, first: 0, last: 500, active: 0 };
  assert.equal(leaseHolds(lease, 600, limits), true);
  assert.equal(leaseHolds(lease, 601, limits), false);
  assert.equal(leaseHolds({ ...lease, active: 1 }, 1_000, limits), true);
  assert.equal(leaseHolds({ ...lease, active: 1 }, 1_001, limits), false);
  assert.equal(leaseHolds({ ...lease, last: 1_000 }, 1_001, limits), false);
});

test("a client that comes back soon sees what it began with; another, or a late one, the present", () => {
  const [old, present] = [new View("old"), new View("present")];
  const table = new LeaseTable<View>(limits);
  assert.equal(table.begin("a", 0, old), old);
  table.end("a", 10);
  assert.equal(table.begin("a", 100, present), old);
  assert.equal(table.begin("b", 100, present), present);
  table.end("a", 110);
  assert.equal(table.begin("a", 211, present), present);
});

test("a client that never pauses is moved on after the longest time", () => {
  const [old, present] = [new View("old"), new View("present")];
  const table = new LeaseTable<View>(limits);
  const seen: string[] = [];
  for (let now = 0; now <= 1_050; now += 50) {
    seen.push(table.begin("a", now, now === 0 ? old : present).name);
    table.end("a", now);
  }
  assert.deepEqual(seen, [...Array.from({ length: 21 }, () => "old"), "present"]);
});

test("a client that waits for a long body is not idle", () => {
  const [old, present] = [new View("old"), new View("present")];
  const table = new LeaseTable<View>(limits);
  table.begin("a", 0, old);
  table.sweep(900);
  assert.equal(table.begin("a", 900, present), old);
});

test("old leases are swept, and let go of their views", () => {
  const view = new View("v");
  const table = new LeaseTable<View>(limits);
  for (const client of ["a", "b", "c"]) {
    table.begin(client, 0, view);
    if (client !== "b") table.end(client, 0);
  }
  assert.equal(view.users, 4);
  table.sweep(101);
  assert.equal(table.size, 1);
  table.clear();
  assert.equal(view.users, 1);
});

test("the table is bounded: the oldest goes", () => {
  const view = new View("v");
  const table = new LeaseTable<View>({ idle: 1e9, most: 1e9 }, 100);
  for (let i = 0; i < 1_000; i++) table.begin(`client ${i}`, i, view);
  assert.deepEqual([table.size, view.users], [100, 101]);
});

test("a connection stays on its view, and no view is used after it was closed", () => {
  const step = fc.record({
    wait: fc.nat(300),
    what: fc.constantFrom("request", "request", "end", "publish", "close", "sweep"),
    which: fc.nat(5),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
      let current = new View("0");
      const views = [current];
      const sessions = new Sessions<View>(limits, () => current);
      const connections = Array.from({ length: 6 }, (_, i) => sessions.open(`address ${i % 2}`));
      const pinned = new Map<number, { readonly view: View; readonly since: number }>();
      let now = 0;
      for (const { wait, what, which } of steps) {
        now += wait;
        const connection = connections[which] ?? assert.fail();
        if (what === "publish") {
          const before = current;
          current = new View(String(views.length));
          views.push(current);
          before.release();
        } else if (what === "request") {
          const view = connection.begin(`agent ${which % 3}`, now);
          assert.ok(view.users > 0, "a closed view");
          const pin = pinned.get(which);
          if (pin !== undefined && now - pin.since <= limits.most)
            assert.equal(view, pin.view, "a connection saw two views");
          else pinned.set(which, { view, since: now });
        } else if (what === "sweep") sessions.sweep(now);
        else if (what === "end") connection.end(now);
        else {
          connection.close(now);
          pinned.delete(which);
        }
      }
      for (const connection of connections) connection.close(now);
      sessions.clear();
      assert.deepEqual(
        views.map((view) => view.users),
        views.map((view) => (view === current ? 1 : 0)),
      );
    }),
    { numRuns: 500 },
  );
});

test("new connections of one program at one address share a view; another program does not", () => {
  let current = new View("old");
  const sessions = new Sessions<View>(limits, () => current);
  assert.equal(sessions.open("10.0.0.1").begin("apt", 0).name, "old");
  current = new View("new");
  assert.equal(sessions.open("10.0.0.1").begin("apt", 50).name, "old");
  assert.equal(sessions.open("10.0.0.1").begin("freshclam", 50).name, "new");
  assert.equal(sessions.open("10.0.0.2").begin("apt", 50).name, "new");
});

test("a cache is held on nothing: each request of each of its connections sees the present view, which then goes", () => {
  const old = new View("old");
  let current = old;
  const sessions = new Sessions<View>(
    limits,
    () => current,
    (address) => address === "10.0.0.9",
  );
  const [cache, client] = [sessions.open("10.0.0.9"), sessions.open("10.0.0.1")];
  assert.deepEqual([cache.begin("apt", 0).name, client.begin("apt", 0).name], ["old", "old"]);
  current = new View("new");
  // Until it has been answered it keeps what it began with.
  assert.equal(old.users, 4);
  cache.end(1);
  assert.equal(old.users, 3);
  assert.deepEqual([cache.begin("apt", 2).name, client.begin("apt", 2).name], ["new", "old"]);
  assert.equal(sessions.open("10.0.0.9").begin("apt", 3).name, "new");
  cache.close(4);
  client.close(4);
  sessions.clear();
  assert.equal(old.users, 1);
});
