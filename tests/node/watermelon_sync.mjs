// WatermelonDB's synchronize() against RevMetrix: tables and columns are named as types and fields, and each has `ver`.
import { Q } from "@nozbe/watermelondb";
import { synchronize } from "@nozbe/watermelondb/sync/index.js";

// Parents before children.
const TYPES = { balls: "ball", establishments: "establishment", events: "event", sessions: "session", games: "game", frames: "frame", shots: "shot", captures: "capture" };
const TABLES = Object.fromEntries(Object.entries(TYPES).map(([table, type]) => [type, table]));
const CURSOR = "revmetrix_cursor";
const BATCH = "revmetrix_batch";
const MOST_CHANGES = 500;

/**
 * Pull, then push; call it again after a push, so that what the server made of it comes down.
 * @param call (method, path, body) => the reply's JSON; throws for any status but 200.
 * @param hold ({table, id, reason, mine, server, problem}) => a promise, kept once what the user wrote is on the disk.
 */
export async function syncScorebook(database, call, hold) {
  let cursor, saved;
  const tables = Object.keys(TYPES).filter((table) => table in database.schema.tables);

  async function pullChanges({ lastPulledAt }) {
    cursor = lastPulledAt ? await database.adapter.getLocal(CURSOR) : null;
    let isWhole = !cursor, page;
    const latest = new Map();
    do {
      page = await call("GET", `/v1/sync/pull?limit=1000${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ""}`);
      if (page.reset) latest.clear();
      isWhole ||= page.reset;
      for (const entry of page.changes) latest.set(`${entry.type}/${entry.id}`, entry);
      cursor = page.cursor;
    } while (page.more);
    const changes = Object.fromEntries(tables.map((table) => [table, { created: [], updated: [], deleted: [] }]));
    for (const entry of latest.values()) {
      const of = changes[TABLES[entry.type]];
      if (of && entry.deleted) of.deleted.push(entry.id);
      else if (of) of.updated.push(rawOf(entry));
    }
    await holdWhatGoes(changes, isWhole);
    const timestamp = Math.max(Date.now(), lastPulledAt ?? 1);
    return { changes, timestamp, ...(isWhole && { experimentalStrategy: "replacement" }) };
  }

  // WatermelonDB removes what the server no longer has, unsent edits of it too.
  async function holdWhatGoes(changes, isWhole) {
    for (const table of tables) {
      const stays = new Set(changes[table].updated.map(({ id }) => id)), goes = new Set(changes[table].deleted);
      for (const { _raw: raw } of await database.get(table).query(Q.where("_status", Q.oneOf(["created", "updated"])))) {
        const isGone = goes.has(raw.id) || (isWhole && raw._status === "updated" && !stays.has(raw.id));
        if (isGone) await hold({ table, id: raw.id, reason: "deleted", mine: fieldsOf(database, table, raw) });
      }
    }
  }

  async function pushChanges({ changes }) {
    const sent = [], experimentalRejectedIds = Object.fromEntries(tables.map((table) => [table, []]));
    for (const table of tables.filter((one) => one !== "captures"))
      for (const raw of [...changes[table].created, ...changes[table].updated])
        sent.push({ table, raw, change: changeOf(database, table, raw) });
    for (const table of tables.filter((one) => one !== "captures").reverse())
      for (const { id, ver } of await deletedRaws(database, table, changes[table].deleted))
        sent.push({ table, raw: null, change: { id, type: TYPES[table], op: "delete", base_ver: ver } });
    for (let at = 0; at < sent.length; at += MOST_CHANGES) {
      const part = sent.slice(at, at + MOST_CHANGES);
      const batch = { id: crypto.randomUUID(), part };
      await database.adapter.setLocal(BATCH, JSON.stringify(batch));
      for (const { table, change } of await send(batch)) experimentalRejectedIds[table].push(change.id);
    }
    return { experimentalRejectedIds };
  }

  // Returns what WatermelonDB must leave as it is.
  async function send({ id, part }) {
    const { results } = await call("POST", "/v1/sync/push", { batch_id: id, changes: part.map(({ change }) => change) });
    const stay = [];
    for (const [place, one] of part.entries()) if (await settle(one, results[place])) stay.push(one);
    await database.adapter.removeLocal(BATCH);
    return stay;
  }

  // A push whose reply was lost goes out again under its name before anything else; then its records are synced, as after
  // any push, but for what the user has edited since.
  async function sendAgain() {
    const batch = JSON.parse((await database.adapter.getLocal(BATCH)) ?? "null");
    if (!batch) return;
    const stay = await send(batch);
    for (const { table, raw, change } of batch.part.filter((one) => !stay.includes(one))) {
      if (!raw) await database.adapter.destroyDeletedRecords(table, [change.id]);
      const record = raw && (await database.get(table).find(change.id).catch(() => null));
      const edit = () => {
        const changed = fieldNames(database, table).filter((name) => record._raw[name] !== raw[name]);
        Object.assign(record._raw, { _status: changed.length ? "updated" : "synced", _changed: changed.join(",") });
      };
      if (record && record.syncStatus !== "deleted") await database.write(() => database.batch(record.prepareUpdate(edit)));
    }
  }

  // Returns whether WatermelonDB must leave the record as it is.
  async function settle({ table, raw, change }, { status, ver, server, problem }) {
    const told = { table, id: change.id, mine: change.fields ?? null, server, problem };
    if (status === "rejected" || (status === "conflict" && !server)) {
      await hold({ ...told, reason: status });
      return true;
    }
    if (server?.deleted) {
      // As after every deletion, the next pull takes the record away.
      await hold({ ...told, reason: "deleted", mine: fieldsOf(database, table, raw) });
    } else if (status === "conflict") {
      await hold({ ...told, reason: "conflict" });
      await take(table, raw, change.id, rawOf(server));
      return raw === null;
    } else if (raw && status !== "merged" && !(change.base_ver && ver > change.base_ver + 1)) {
      // A version further on is one that came back from a deletion: with it is what the user has not seen.
      await take(table, raw, change.id, { ver });
    }
    return false;
  }

  // The record and the copy that WatermelonDB compares it with change alike, so that it is marked as synced.
  async function take(table, raw, id, columns) {
    const collection = database.get(table);
    if (raw === null) await database.adapter.destroyDeletedRecords(table, [id]);
    await database.write(async () => {
      if (raw === null) {
        await database.batch(collection.prepareCreateFromDirtyRaw({ ...columns, _status: "synced", _changed: "" }));
        return;
      }
      const record = await collection.find(id).catch(() => null);
      // A deletion since then must not answer a conflict that the user has not seen.
      if (!record || ("id" in columns && record.syncStatus === "deleted")) return;
      const names = "id" in columns ? fieldNames(database, table) : [];
      // Nor may an edit since then: it stays one of the version that the user saw.
      const keepsVer = names.some((name) => record._raw[name] !== raw[name]);
      await database.batch(
        record.prepareUpdate(() => {
          for (const name of ["ver", ...names]) {
            // What the user has edited since it was sent stays.
            if (record._raw[name] === raw[name] && !(keepsVer && name === "ver")) record._raw[name] = columns[name] ?? null;
            raw[name] = columns[name] ?? null;
          }
        }),
      );
    });
  }

  await sendAgain();
  await synchronize({
    database, pullChanges, pushChanges, sendCreatedAsUpdated: true,
    // An unsent edit stays one of the version that the user saw: the server sees what happened since, and judges.
    conflictResolver: (_table, local, _remote, resolved) =>
      local._status === "synced" ? resolved : { ...resolved, ver: local.ver || 1 },
    // Not before the changes are in: a cursor that is ahead of them would lose them.
    onDidPullChanges: () => { saved = database.adapter.setLocal(CURSOR, cursor); },
  }).finally(() => saved);
}

function rawOf({ id, ver, fields }) {
  const plain = Object.entries(fields).map(([name, value]) => [name, value && typeof value === "object" ? JSON.stringify(value) : value]);
  return { ...Object.fromEntries(plain), id, ver };
}

const fieldNames = (database, table) =>
  Object.keys(database.schema.tables[table].columns).filter((name) => !["ver", "created_at", "updated_at"].includes(name));

function fieldsOf(database, table, raw) {
  return Object.fromEntries(fieldNames(database, table).filter((name) => raw[name] !== null).map((name) => [name, raw[name]]));
}

function changeOf(database, table, raw) {
  const change = { id: raw.id, type: TYPES[table] };
  if (raw.updated_at) change.edited_at = new Date(raw.updated_at).toISOString();
  if (!raw.ver) return { ...change, op: "put", fields: fieldsOf(database, table, raw) };
  const changed = raw._changed.split(",").filter((name) => fieldNames(database, table).includes(name));
  return { ...change, op: "patch", base_ver: raw.ver, fields: Object.fromEntries(changed.map((name) => [name, raw[name]])) };
}

// WatermelonDB tells of deleted records only the ids; the versions are in the rows that it still keeps.
async function deletedRaws(database, table, ids) {
  const query = database.get(table).query(Q.where("id", Q.oneOf(ids)));
  query.description = query._rawDescription;
  return database.adapter.unsafeQueryRaw(query);
}
