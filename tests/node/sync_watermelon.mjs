// Two WatermelonDB databases of one bowler sync through the served API; what they have in the end is told as JSON.
import { Database, Model, appSchema, tableSchema } from "@nozbe/watermelondb";
import LokiJSAdapter from "@nozbe/watermelondb/adapters/lokijs/index.js";
import Loki from "lokijs";
import { syncScorebook } from "./watermelon_sync.mjs";

const [, , baseUrl, token] = process.argv;
const string = (name) => ({ name, type: "string", isOptional: true });
const number = (name) => ({ name, type: "number", isOptional: true });
const boolean = (name) => ({ name, type: "boolean", isOptional: true });
const VER = { name: "ver", type: "number" };
const schema = appSchema({
  version: 1,
  tables: [
    tableSchema({ name: "sessions", columns: [VER, string("started_at"), string("comment")] }),
    tableSchema({ name: "games", columns: [VER, string("session_id"), number("game_number"), number("entered_score"), string("comment")] }),
    tableSchema({
      name: "shots",
      columns: [VER, string("session_id"), string("game_id"), number("frame_number"), number("shot_number"), number("count"), number("pins_standing"), boolean("foul"), number("board")],
    }),
  ],
});
class Session extends Model { static table = "sessions"; }
class Game extends Model { static table = "games"; }
class Shot extends Model { static table = "shots"; }

async function call(method, path, body) {
  const headers = { Authorization: `Bearer ${token}`, ...(body && { "Content-Type": "application/json" }) };
  const reply = await fetch(baseUrl + path, { method, headers, body: body && JSON.stringify(body) });
  if (reply.status !== 200) throw new Error(`${reply.status} ${await reply.text()}`);
  return reply.json();
}

class Phone {
  constructor(name) {
    const adapter = new (LokiJSAdapter.default ?? LokiJSAdapter)({
      schema, dbName: name, useWebWorker: false, useIncrementalIndexedDB: true,
      _testLokiAdapter: new Loki.LokiMemoryAdapter(),
    });
    this.database = new Database({ adapter, modelClasses: [Session, Game, Shot] });
    this.held = [];
    this.carry = call;
  }
  sync = () => syncScorebook(this.database, (...sent) => this.carry(...sent), async (held) => void this.held.push(held));
  find = (table, id) => this.database.get(table).find(id);
  add = (table, id, fields) =>
    this.database.write(() =>
      this.database.get(table).create((record) => {
        record._raw.id = id;
        for (const [name, value] of Object.entries(fields)) record._setRaw(name, value);
      }),
    );
  change = (table, id, fields) =>
    this.database.write(async () =>
      (await this.find(table, id)).update((record) => {
        for (const [name, value] of Object.entries(fields)) record._setRaw(name, value);
      }),
    );
  remove = (table, id) => this.database.write(async () => (await this.find(table, id)).markAsDeleted());
  async rows() {
    const all = {};
    for (const table of ["sessions", "games", "shots"])
      for (const { _raw: raw } of await this.database.get(table).query()) {
        const { _status, _changed, id, ...columns } = raw;
        const fields = Object.entries(columns).filter(([name, value]) => name !== "$loki" && name !== "meta" && value !== null);
        all[`${table}/${id}`] = { ...Object.fromEntries(fields), status: _status };
      }
    return Object.fromEntries(Object.entries(all).sort(([one], [other]) => (one < other ? -1 : 1)));
  }
}

const told = {};
const [one, two] = [new Phone("one"), new Phone("two")];
const both = async () => { for (const phone of [one, two, one, two]) await phone.sync(); };
const same = async () => JSON.stringify(await one.rows()) === JSON.stringify(await two.rows());

// A session with games and shots goes from one to two.
await one.add("sessions", "s1", { started_at: "2026-11-24T18:00:00+01:00", comment: "🎳" });
for (const game of [1, 2, 3]) await one.add("games", `g${game}`, { session_id: "s1", game_number: game });
for (const shot of [1, 2])
  await one.add("shots", `h${shot}`, { session_id: "s1", game_id: "g1", frame_number: 1, shot_number: shot, count: shot + 3, foul: false, board: 17.5 });
await both();
told.first = { same: await same(), rows: await two.rows() };

// Edits of one entry on both, in different fields and in a note.
await one.change("games", "g1", { entered_score: 150 });
await two.change("games", "g1", { comment: "new grip" });
await two.change("shots", "h2", { board: null });
await both();
told.merged = { same: await same(), g1: (await one.rows())["games/g1"], h2: (await one.rows())["shots/h2"], held: [...one.held, ...two.held] };

// The same score field on both: the later phone is asked, and sees the other's.
await one.change("games", "g1", { entered_score: 160 });
await two.change("games", "g1", { entered_score: 170, comment: "counted twice" });
await both();
told.conflict = { same: await same(), g1: (await two.rows())["games/g1"], held: two.held.splice(0), others: one.held.length };
await two.change("games", "g1", { entered_score: 170 });
await both();
told.kept = { same: await same(), g1: (await one.rows())["games/g1"], held: [...one.held, ...two.held] };

// Deletions: one that goes through, one that meets a newer score, one that meets an unsent edit.
await one.remove("games", "g2");
await both();
await one.change("games", "g1", { entered_score: 180 });
await one.sync();
await two.remove("games", "g1");
await both();
told.deletion = { same: await same(), games: Object.keys(await two.rows()).filter((key) => key.startsWith("games")), held: two.held.splice(0), g1: (await two.rows())["games/g1"] };
await one.remove("games", "g3");
await one.sync();
await two.change("games", "g3", { comment: "unsent" });
await both();
told.gone = { same: await same(), held: two.held.splice(0) };

// A change that the server refuses stays where it is, and is sent again once it is put right.
await one.add("games", "g4", { session_id: "nowhere", game_number: 4 });
await one.sync();
told.rejected = { g4: (await one.rows())["games/g4"], held: one.held.splice(0) };
await one.change("games", "g4", { session_id: "s1" });
await both();
told.corrected = { same: await same(), g4: (await two.rows())["games/g4"], held: [...one.held, ...two.held] };

// A lost reply: it is pushed once more, and counts once.
one.carry = async (...sent) => { const reply = await call(...sent); if (sent[0] === "POST") throw new Error("lost"); return reply; };
await one.add("games", "g5", { session_id: "s1", game_number: 5 });
told.lost = { problem: await one.sync().catch((error) => error.message) };
one.carry = call;
await one.change("games", "g5", { entered_score: 200 });
await both();
told.lost = { ...told.lost, same: await same(), g5: (await two.rows())["games/g5"], held: [...one.held, ...two.held] };

// Edits whose reply is lost, and what comes after them: one's own total is no question, and the other's later note stays.
const sent = [];
const losing = async (...request) => { const reply = await call(...request); if (request[0] === "POST") { sent.push(request[2]); throw new Error("lost"); } return reply; };
const noting = async (...request) => { if (request[0] === "POST") sent.push(request[2]); return call(...request); };
one.carry = losing;
await one.change("games", "g5", { entered_score: 210, comment: "mine" });
await one.sync().catch(() => {});
one.carry = noting;
await two.sync();
await two.change("games", "g5", { comment: "theirs" });
await two.sync();
await one.change("games", "g5", { entered_score: 220 });
await both();
told.again = { same: await same(), batches: sent, g5: (await one.rows())["games/g5"], held: [...one.held, ...two.held] };

// A score that is written behind a push without a reply, or while a push is on its way, beside another phone's score.
for (const game of [10, 11, 12]) await one.add("games", `g${game}`, { session_id: "s1", game_number: game, entered_score: 100 });
await one.add("shots", "h9", { session_id: "s1", shot_number: 1, count: 3, foul: false });
await both();
await two.change("games", "g10", { entered_score: 150 });
await two.sync();
await two.change("games", "g10", { comment: "theirs" });
await two.sync();
// g10: the push was a conflict; g12: it went in, and the other's score came after it; h9: it brought the shot back.
await two.change("shots", "h9", { count: 5 });
await two.sync();
await two.remove("shots", "h9");
await two.sync();
const unseen = async (...request) => {
  if (request[0] === "GET") return { changes: [], cursor: await one.database.adapter.getLocal("revmetrix_cursor"), more: false, reset: false };
  return losing(...request);
};
one.carry = unseen;
await one.change("games", "g10", { entered_score: 160 });
await one.change("games", "g12", { entered_score: 160 });
await one.change("shots", "h9", { foul: true });
await one.sync().catch(() => {});
await two.sync();
await two.change("games", "g12", { entered_score: 150 });
await two.sync();
await one.change("games", "g10", { entered_score: 170 });
await one.change("games", "g12", { entered_score: 170 });
await one.change("shots", "h9", { count: 7 });
one.carry = call;
await both();
await two.change("games", "g11", { entered_score: 150 });
await two.sync();
one.carry = async (...request) => {
  const reply = await (request[0] === "GET" ? unseen : call)(...request);
  if (request[0] === "POST") { one.carry = call; await one.change("games", "g11", { entered_score: 170 }); }
  return reply;
};
await one.change("games", "g11", { entered_score: 160 });
await one.sync();
await both();
told.behind = { same: await same(), rows: await two.rows(), held: one.held.splice(0), others: two.held.length };
for (const game of [10, 11, 12]) await one.remove("games", `g${game}`);
await one.remove("shots", "h9");
await both();

// A deletion whose reply is lost, and entries that are deleted after the reply to what was in them was lost.
await one.add("games", "g8", { session_id: "s1", game_number: 8 });
await both();
one.carry = losing;
await one.change("games", "g8", { entered_score: 230 });
await one.remove("games", "g5");
await one.add("games", "g7", { session_id: "s1", game_number: 7 });
await one.sync().catch(() => {});
one.carry = call;
await one.remove("games", "g7");
await one.remove("games", "g8");
await both();
told.vanished = { same: await same(), games: Object.keys(await two.rows()).filter((key) => key.startsWith("games")), held: [...one.held.splice(0), ...two.held.splice(0)] };

// A cursor of another feed: everything comes anew, an unsent entry stays, and what the server does not have goes.
const foreign = Buffer.from(JSON.stringify(["0123456789abcdef", 5, 1, Math.floor(Date.now() / 86_400_000)])).toString("base64url");
await two.database.adapter.setLocal("revmetrix_cursor", foreign);
await two.database.write(() =>
  two.database.batch(two.database.get("games").prepareCreateFromDirtyRaw({ id: "stray", ver: 3, session_id: "s1", _status: "synced", _changed: "" })),
);
await two.add("games", "g6", { session_id: "s1", game_number: 6 });
await two.sync();
await both();
told.reset = { same: await same(), games: Object.keys(await two.rows()).filter((key) => key.startsWith("games")), held: two.held };

// More than a page, and more than one push.
for (let shot = 0; shot < 1203; shot += 1) await one.add("shots", `m${shot}`, { session_id: "s1", shot_number: 1, count: shot % 11 });
await both();
told.many = { same: await same(), shots: Object.keys(await two.rows()).filter((key) => key.startsWith("shots")).length };

process.stdout.write(JSON.stringify(told), () => process.exit());
