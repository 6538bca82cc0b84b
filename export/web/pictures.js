// Pictures as Python handles them (vgan_tf/images.py, vgan_tf/ondevice/pictures.py), to the same pixels.
// A picture is { width, height, read(left, top, width, height) }; `read` gives RGBA bytes of a part that lies within it.
// A square is { left, top, side }, in pixels.
"use strict";

const STRIP = 256; // rows that are read at once: a photograph of a phone need not fit into one canvas
const BITS = 22; // of the fraction of a weight, as in Pillow

// The picture of an ImageBitmap; on white where it is transparent.
function pictureOf(bitmap) {
  const context = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
  return {
    width: bitmap.width,
    height: bitmap.height,
    read(left, top, width, height) {
      context.canvas.width = width; // also clears it
      context.canvas.height = height;
      context.fillStyle = "white";
      context.fillRect(0, 0, width, height);
      context.drawImage(bitmap, left, top, width, height, 0, 0, width, height);
      return context.getImageData(0, 0, width, height).data;
    },
  };
}

// The picture of RGBA bytes.
function pictureOfBytes(bytes, width) {
  return {
    width,
    height: bytes.length / (4 * width),
    read(left, top, columns, rows) {
      const part = new Uint8ClampedArray(4 * columns * rows);
      for (let row = 0; row < rows; row++) {
        const start = 4 * ((top + row) * width + left);
        part.set(bytes.subarray(start, start + 4 * columns), 4 * row * columns);
      }
      return part;
    },
  };
}

// A square cut out of a picture; beyond the picture its edge is repeated.
function cut(picture, square) {
  const within = (place, length) => Math.min(Math.max(place, 0), length - 1);
  return {
    width: square.side,
    height: square.side,
    read(left, top, width, height) {
      const x = square.left + left;
      const y = square.top + top;
      const [first, last] = [within(x, picture.width), within(x + width - 1, picture.width)];
      const [above, below] = [within(y, picture.height), within(y + height - 1, picture.height)];
      const columns = last - first + 1;
      const seen = picture.read(first, above, columns, below - above + 1);
      if (columns === width && below - above + 1 === height) return seen;
      const from = new Uint32Array(seen.buffer, seen.byteOffset, seen.length / 4); // whole pixels
      const part = new Uint32Array(width * height);
      for (let row = 0; row < height; row++) {
        const start = (within(y + row, picture.height) - above) * columns - first;
        for (let column = 0; column < width; column++) {
          part[row * width + column] = from[start + within(x + column, picture.width)];
        }
      }
      return new Uint8ClampedArray(part.buffer);
    },
  };
}

// The largest square in the middle of a picture, in whole pixels.
function centralSquare({ width, height }) {
  const side = Math.min(width, height);
  return { left: Math.floor((width - side) / 2), top: Math.floor((height - side) / 2), side };
}

// The square scaled to size x size pixels, by Pillow's Lanczos filter: RGB bytes. The filter reaches over the square's
// edges, not over the picture's.
function scaled(picture, square, size) {
  const across = weights(square.left, square.side, size, picture.width);
  const down = weights(square.top, square.side, size, picture.height);
  const [left, top] = [across[0].first, down[0].first];
  const width = Math.max(...across.map(({ end }) => end)) - left;
  const height = Math.max(...down.map(({ end }) => end)) - top;
  const narrow = new Uint8ClampedArray(3 * size * height);
  for (let strip = 0; strip < height; strip += STRIP) {
    const rows = Math.min(STRIP, height - strip);
    const pixels = picture.read(left, top + strip, width, rows);
    for (let row = 0; row < rows; row++) {
      for (let column = 0; column < size; column++) {
        const start = 4 * (row * width + across[column].first - left);
        mix(pixels, start, 4, across[column].shares, narrow, 3 * ((strip + row) * size + column));
      }
    }
  }
  const result = new Uint8ClampedArray(3 * size * size);
  for (let row = 0; row < size; row++) {
    for (let column = 0; column < size; column++) {
      const start = 3 * ((down[row].first - top) * size + column);
      mix(narrow, start, 3 * size, down[row].shares, result, 3 * (row * size + column));
    }
  }
  return new Uint8Array(result.buffer);
}

// One pixel of `to`: the weighted sum of pixels of `from`, each `step` bytes after the one before.
function mix(from, start, step, shares, to, place) {
  let red = 1 << (BITS - 1); // a half, so that the shift rounds
  let green = red;
  let blue = red;
  for (let index = 0, at = start; index < shares.length; index++, at += step) {
    const share = shares[index];
    red += from[at] * share;
    green += from[at + 1] * share;
    blue += from[at + 2] * share;
  }
  to[place] = red >> BITS; // a clamped array
  to[place + 1] = green >> BITS;
  to[place + 2] = blue >> BITS;
}

// For each of `size` pixels of the result the pixels from `first` to before `end` that it is made of, and their shares.
function weights(start, length, size, limit) {
  const scale = length / size;
  const stretch = Math.max(scale, 1);
  return Array.from({ length: size }, (_, index) => {
    const center = start + (index + 0.5) * scale;
    const first = Math.max(0, Math.trunc(center - 3 * stretch + 0.5));
    const end = Math.min(limit, Math.trunc(center + 3 * stretch + 0.5));
    const shares = Float64Array.from({ length: end - first }, (_, i) => lanczos((first + i - center + 0.5) / stretch));
    const sum = shares.reduce((a, b) => a + b);
    const whole = shares.map((share) => Math.trunc((share / sum) * 2 ** BITS + (share / sum < 0 ? -0.5 : 0.5)));
    return { first, end, shares: Int32Array.from(whole) };
  });
}

function lanczos(x) {
  const wave = (t) => (t === 0 ? 1 : Math.sin(Math.PI * t) / (Math.PI * t));
  return x >= -3 && x < 3 ? wave(x) * wave(x / 3) : 0;
}

// RGBA bytes as a PNG file that holds the pixels and nothing else. A canvas would round colours that are almost
// transparent, and some browsers add noise to what they read from one.
async function pngOf(bytes, width) {
  const height = bytes.length / (4 * width);
  const lines = new Uint8Array(height * (4 * width + 1)); // each begins with 0: no filter
  for (let row = 0; row < height; row++) {
    lines.set(bytes.subarray(4 * row * width, 4 * (row + 1) * width), row * (4 * width + 1) + 1);
  }
  const packed = new Response(new Blob([lines]).stream().pipeThrough(new CompressionStream("deflate")));
  const header = new DataView(new ArrayBuffer(13));
  header.setUint32(0, width);
  header.setUint32(4, height);
  header.setUint16(8, 0x0806); // 8 bits, RGB and alpha
  const parts = [
    Uint8Array.of(137, 80, 78, 71, 13, 10, 26, 10),
    chunk("IHDR", new Uint8Array(header.buffer)),
    chunk("IDAT", new Uint8Array(await packed.arrayBuffer())),
    chunk("IEND", new Uint8Array(0)),
  ];
  return new Blob(parts, { type: "image/png" });
}

// A part of a PNG file: length, kind, content, and the CRC-32 of the last two.
function chunk(kind, content) {
  const bytes = new Uint8Array(content.length + 12);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, content.length);
  bytes.set(new TextEncoder().encode(kind), 4);
  bytes.set(content, 8);
  let check = ~0;
  for (const byte of bytes.subarray(4, content.length + 8)) {
    check ^= byte;
    for (let bit = 0; bit < 8; bit++) check = (check >>> 1) ^ (check & 1 ? 0xedb88320 : 0);
  }
  view.setUint32(content.length + 8, ~check);
  return bytes;
}
