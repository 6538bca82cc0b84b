// An export folder in the browser, as vgan_tf/ondevice runs it in Python: by LiteRT.js, on the CPU.
"use strict";

// Where a folder has several recipes of a model, the first of these, as in Python.
const RECIPES = ["int8", "qat", "dynamic", "float16", "float32"];
const UNCHANGED_LEVELS = 2; // an output that differs by no more counts as the unprotected input
const GREY = 127.5; // behind a head that a model gives with alpha
// Alignment: side of what is seen; rounds; the most by which one round moves the middle and changes the side, in
// shares of the side.
const [ALIGNMENT_SIZE, ROUNDS, FARTHEST, SMALLEST, LARGEST] = [64, 2, 0.35, 0.25, 1.3];
// A head with alpha: the side of its picture, and how far its middle lies below that of the face, in sides of the face.
const [HEAD_SCALE, HEAD_SHIFT] = [1.5, -0.09];

// Load the models. `read` gives the bytes of a file, by its name.
async function openExport(read) {
  const record = JSON.parse(new TextDecoder().decode(await read("export/export.json")));
  const runtime = await read("runtime/litert.wasm");
  self.LiteRtModule = {
    instantiateWasm(imports, receive) {
      WebAssembly.instantiate(runtime, imports).then(({ instance, module }) => receive(instance, module));
      return {};
    },
  };
  await LiteRT.loadLiteRt("runtime/");
  const load = async (part) => {
    const name = RECIPES.map((recipe) => `${part}_${recipe}.tflite`).find((one) => one in record.files);
    if (name === undefined) return null;
    const model = await LiteRT.loadAndCompile(await read(`export/${name}`), { accelerator: "wasm" });
    return { name, model, outputs: record.files[name].outputs };
  };
  return {
    record,
    identities: record.identities,
    expressions: record.expressions,
    size: record.image_size,
    anonymizer: await load("anonymizer"),
    expression: await load("expression"),
    alignment: await load("alignment"),
  };
}

// The square that holds the face, where a picture shows a head in its middle.
async function findFace(models, picture) {
  let square = centralSquare(picture);
  if (models.alignment === null) return square;
  for (let round = 0; round < ROUNDS; round++) {
    const image = scaled(cut(picture, square), { left: 0, top: 0, side: square.side }, ALIGNMENT_SIZE);
    const { place } = await run(models.alignment, { image });
    const [right, down] = [place[0], place[1]].map((moved) => Math.min(Math.max(moved, -FARTHEST), FARTHEST));
    const side = square.side * Math.min(Math.max(Math.exp(Math.min(place[2], 1)), SMALLEST), LARGEST);
    const x = square.left + (0.5 + right) * square.side;
    const y = square.top + (0.5 + down) * square.side;
    const [left, top, whole] = [x - side / 2, y - side / 2, side].map(roundHalfToEven);
    square = { left, top, side: Math.max(1, whole) };
  }
  return square;
}

// The face in a square, as the models take it: RGB bytes. Without alignment it is cut as Pillow's `ImageOps.fit` does.
function faceIn(models, picture, square) {
  if (models.alignment !== null) {
    return scaled(cut(picture, square), { left: 0, top: 0, side: square.side }, models.size);
  }
  const { side } = square;
  return scaled(picture, { left: (picture.width - side) / 2, top: (picture.height - side) / 2, side }, models.size);
}

// Protect one face: RGB bytes and the index of an identity -> RGBA bytes. { shown }: the picture, where the model gives
// alpha before grey. { head }: the head alone, with alpha. Throws where the output is no protected face.
async function protect(models, face, target) {
  const code = new Float32Array(models.identities.length);
  if (!(target in code)) throw new RangeError(`target ${target}: must be below ${code.length}`);
  code[target] = 1;
  const { protected: output } = await run(models.anonymizer, { image: face, target: code });
  const count = models.size ** 2;
  const channels = output.length / count;
  const shown = new Uint8ClampedArray(4 * count).fill(255);
  const head = shown.slice();
  let [flat, unchanged] = [true, true];
  for (let pixel = 0; pixel < count; pixel++) {
    const alpha = channels === 4 ? output[4 * pixel + 3] : 255;
    const share = Math.max(alpha, 1) / 255;
    for (let colour = 0; colour < 3; colour++) {
      const value = output[channels * pixel + colour];
      flat &&= value === output[colour];
      unchanged &&= Math.abs(value - face[3 * pixel + colour]) <= UNCHANGED_LEVELS;
      shown[4 * pixel + colour] = value;
      head[4 * pixel + colour] = alpha > 0 ? GREY + (value - GREY) / share : GREY; // rounded and clipped
    }
    head[4 * pixel + 3] = alpha;
  }
  if (flat) throw new Error("the model gave a picture of one colour, no face");
  if (unchanged) throw new Error("the model gave the picture back unprotected");
  return { shown, head };
}

// The expression of a face: shares of 1, in the order of `models.expressions`.
async function readExpression(models, face) {
  const { probabilities } = await run(models.expression, { image: face });
  const sum = probabilities.reduce((a, b) => a + b);
  if (!(sum > 0) || probabilities.some((share) => share < 0)) {
    throw new Error("the expression model gave no probabilities");
  }
  return Array.from(probabilities, (share) => share / sum);
}

// The square that a head with alpha fills, where its face lies in `square`.
function headSquare(square) {
  const side = Math.round(square.side * HEAD_SCALE);
  const [x, y] = [square.left + square.side / 2, square.top + (0.5 + HEAD_SHIFT) * square.side];
  return { left: Math.round(x - side / 2), top: Math.round(y - side / 2), side };
}

// Run a model. Pictures are bytes, whatever the file stores; all else is real numbers.
async function run({ name, model, outputs }, arrays) {
  const inputs = {};
  for (const { name: input, dtype, shape } of model.getInputDetails()) {
    inputs[input] = new LiteRT.Tensor(stored(arrays[input], input, dtype), shape);
  }
  let results = {};
  try {
    results = await model.run(inputs); // by name: the order in the file is not that of the signature
    return Object.fromEntries(
      Object.entries(results).map(([output, tensor]) => {
        const values = tensor.toTypedArray();
        if (!values.every(Number.isFinite)) throw new Error(`${name}: its output ${output} is not finite`);
        return [output, restored(values, output, outputs?.[output])];
      }),
    );
  } finally {
    for (const tensor of [...Object.values(inputs), ...Object.values(results)]) tensor.delete();
  }
}

function stored(values, name, dtype) {
  if (name === "image") return dtype === "uint8" ? values : Float32Array.from(values, (level) => level / 127.5 - 1);
  return dtype === "uint8" ? Uint8Array.from(values, (share) => 255 * share) : values;
}

function restored(values, name, quantization) {
  if (values instanceof Float32Array) {
    return name === "protected" ? Uint8ClampedArray.from(values, (value) => (value + 1) * 127.5) : values;
  }
  if (name !== "place") return values; // pictures, and probabilities, of which the sum is made 1
  const { scale, zero_point: zero } = quantization;
  return Float64Array.from(values, (value) => Math.fround((value - zero) * Math.fround(scale)));
}

// As Python's `round`.
function roundHalfToEven(value) {
  const below = Math.floor(value);
  const rest = value - below;
  return rest > 0.5 || (rest === 0.5 && below % 2 !== 0) ? below + 1 : below;
}
