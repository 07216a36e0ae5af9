// Reads SmartDot files with a reader that Kaitai Struct's compiler makes from smartdot.ksy, and prints what they hold.
// node read_smartdot.mjs KSY FILE...  prints one JSON object: by file, what stands in it.
// Ticks are text: u64 does not fit a JSON number.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import zlib from "node:zlib";
import Module from "node:module";

const require = createRequire(import.meta.url);
const KaitaiStream = require("kaitai-struct/KaitaiStream");
const compiler = require("kaitai-struct-compiler");
const YAML = require("yaml");

// The runtime reads u64 as a double; ticks late in a device's life need every bit.
KaitaiStream.prototype.readU8le = function () {
  this.ensureBytesLeft(8);
  const value = this._dataView.getBigUint64(this.pos, true);
  this.pos += 8;
  return value;
};

// zlib.crc32 came with Node 20.15 and 22.2.
function crc32(bytes) {
  if (zlib.crc32) return zlib.crc32(bytes);
  let register = 0xffffffff;
  for (const byte of bytes) {
    register ^= byte;
    for (let bit = 0; bit < 8; bit += 1) register = (register >>> 1) ^ (register & 1 ? 0xedb88320 : 0);
  }
  return (register ^ 0xffffffff) >>> 0;
}

async function compile(path) {
  const files = await compiler.compile("javascript", YAML.parse(readFileSync(path, "utf8")), null, false);
  const made = new Module("Smartdot.js");
  made.paths = require.resolve.paths("kaitai-struct");
  made._compile(files["Smartdot.js"], "Smartdot.js");
  return made.exports.Smartdot ?? made.exports;
}

const isRight = (page) => page.crc === crc32(page.covered);
const version = ({ major, minor, patch }) => [major, minor, patch];

const first = (body) => ({
  serial: body.serial,
  hardware: version(body.hardwareVersion),
  firmware: version(body.firmwareVersion),
  page_count: body.pageCount,
  directory_pages: body.directoryPages,
  format_version: body.formatVersion,
  page_size: body.pageSize,
});

const sensor = (body) => ({
  kind: body.kind,
  axes: body.axes,
  sample_type: body.sampleType,
  rate_millihertz: body.rateMillihertz,
  lsb_per_unit: body.lsbPerUnit,
  full_scale: body.fullScale,
  clip_low: body.clipLow,
  clip_high: body.clipHigh,
});

const header = (page) => ({
  record: page.record,
  start_ticks: String(page.header.startTicks),
  tick_hz: page.header.tickHz,
  power_up: page.header.powerUp,
  sensors: page.header.sensors.map(sensor),
});

const block = ({ page, block: samples }) => ({
  sensor: page.data.sensor,
  first_index: page.data.firstIndex,
  first_ticks: String(page.data.firstTicks),
  span_ticks: page.data.spanTicks,
  count: page.data.count,
  offsets: page.data.offsets ?? [],
  counts: samples.counts,
});

const end = ({ end: body }) => ({
  end_ticks: String(body.endTicks),
  page_count: body.pageCount,
  reason: body.reason,
  totals: body.totals.map(({ stored, made, clipped }) => [stored, made, clipped]),
});

// Pages whose checksum is wrong are left out, and so is every block behind a damaged header.
function record(found, Smartdot) {
  const { PageKind } = Smartdot;
  const right = found.pages.filter(({ page }) => isRight(page));
  const headers = right.filter(({ page, number }) => number === 0 && page.kind === PageKind.HEADER);
  const of = (kind) => right.filter(({ page }) => page.kind === kind);
  return {
    header: headers.length ? header(headers[0].page) : null,
    blocks: headers.length ? of(PageKind.DATA).map(block) : [],
    end: of(PageKind.END).map(({ page }) => end(page))[0] ?? null,
  };
}

// FORMAT.md 3.2: a slot with other values is empty.
function isNamed({ page, number }, { pageCount, directoryPages, firstRingPage, ringPages }, { PageKind }) {
  if (!isRight(page) || page.kind !== PageKind.DIRECTORY || page.record === 0) return false;
  const { firstPage, pageCount: length } = page.slot;
  const isHere = page.number === number && page.record % directoryPages === number;
  return isHere && firstPage >= firstRingPage && firstPage < pageCount && length >= 2 && length <= ringPages;
}

function read(Smartdot, path) {
  const data = new Smartdot(new KaitaiStream(readFileSync(path)));
  const [, ...pages] = data.pages;
  const wrong = data.pages.flatMap((page, index) => (isRight(page) ? [] : [index]));
  const facts = { magic: data.magic.length === 8, format_version: data.formatVersion, wrong_checksums: wrong };
  if (data.formatVersion !== 1 || wrong.includes(0)) return facts;
  facts.first = first(data.first);
  if (!data.isMemoryImage) return { ...facts, record: pages.length ? record(data.captured, Smartdot) : null };
  const named = data.directory.filter((slot) => isNamed(slot, data.first, Smartdot));
  facts.slots = named.map(({ page, number }) => ({
    number,
    record: page.record,
    first_page: page.slot.firstPage,
    page_count: page.slot.pageCount,
  }));
  facts.records = Object.fromEntries(named.map((slot) => [slot.page.record, record(slot.named, Smartdot)]));
  return facts;
}

const [ksy, ...files] = process.argv.slice(2);
const Smartdot = await compile(ksy);
console.log(JSON.stringify(Object.fromEntries(files.map((path) => [path, read(Smartdot, path)]))));
