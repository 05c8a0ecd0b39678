// Images in one file: as much of PNG and zip as the rows of a bench need. In: pixels; files with their paths. Out: buffers.

import { crc32, deflateSync } from "node:zlib";

const SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);

/** Entries that a zip can have without its 64-bit parts. */
const MAX_ENTRIES = 0xffff;

/** 1 January 1980, the first day that a zip knows. */
const DATE = 0x21;

function chunk(type, data) {
  const bytes = Buffer.alloc(12 + data.length);
  bytes.writeUInt32BE(data.length, 0);
  bytes.write(type, 4, "latin1");
  data.copy(bytes, 8);
  bytes.writeUInt32BE(crc32(bytes.subarray(4, 8 + data.length)), 8 + data.length);
  return bytes;
}

/** A PNG of `side` by `side` pixels, whose three bytes `color(row, column)` gives. */
export function squarePng(side, color) {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(side, 0);
  header.writeUInt32BE(side, 4);
  header.set([8, 2], 8); // bits of a colour; RGB
  const stride = 1 + 3 * side; // each row begins with its filter: none
  const rows = Buffer.alloc(side * stride);
  for (let row = 0; row < side; row++)
    for (let column = 0; column < side; column++) rows.set(color(row, column), row * stride + 1 + 3 * column);
  const pixels = chunk("IDAT", deflateSync(rows));
  return Buffer.concat([SIGNATURE, chunk("IHDR", header), pixels, chunk("IEND", Buffer.alloc(0))]);
}

/** A zip of `[path, bytes]`, which are stored as they are. */
export function zip(files) {
  if (files.length > MAX_ENTRIES) throw new Error(`${files.length} files are too many for a zip, ${MAX_ENTRIES} are the most`);
  const [entries, directory] = [[], []];
  let start = 0;
  for (const [path, bytes] of files) {
    const name = Buffer.from(path);
    // Version 2.0, no flags, stored, time and date, checksum, size twice, length of the name, nothing more.
    const common = Buffer.alloc(26);
    common.writeUInt16LE(20, 0);
    common.writeUInt16LE(DATE, 8);
    common.writeUInt32LE(crc32(bytes), 10);
    common.writeUInt32LE(bytes.length, 14);
    common.writeUInt32LE(bytes.length, 18);
    common.writeUInt16LE(name.length, 22);
    const [local, central] = [Buffer.from("PK\x03\x04", "latin1"), Buffer.from("PK\x01\x02\x14\x00", "latin1")];
    const rest = Buffer.alloc(14); // no comment, the first disk, no attributes
    rest.writeUInt32LE(start, 10);
    entries.push(local, common, name, bytes);
    directory.push(central, common, rest, name);
    start += local.length + common.length + name.length + bytes.length;
  }
  const packed = Buffer.concat(directory);
  const end = Buffer.alloc(22);
  end.write("PK\x05\x06", 0, "latin1");
  end.writeUInt16LE(files.length, 8);
  end.writeUInt16LE(files.length, 10);
  end.writeUInt32LE(packed.length, 12);
  end.writeUInt32LE(start, 16);
  return Buffer.concat([...entries, packed, end]);
}
