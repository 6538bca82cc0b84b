// Protects faces and reads expressions in the browser, on the CPU: no picture leaves the device.
import { loadAndCompile, loadLiteRt, Tensor } from "@litertjs/core";

// Load the int8 files of an export folder; `wasm` is the URL of node_modules/@litertjs/core/wasm/.
export async function openExport(folder, wasm) {
  const response = await fetch(`${folder}/export.json`);
  if (!response.ok) throw new Error(`${folder}: no export folder`);
  const { identities, expressions, image_size: size } = await response.json();
  await loadLiteRt(wasm);
  const load = (part) => loadAndCompile(`${folder}/${part}_int8.tflite`, { accelerator: "wasm" });
  return { identities, expressions, size, anonymizer: await load("anonymizer"), expression: await load("expression") };
}

// ImageData of a face, `models.size` pixels wide and high, and the index of an identity -> ImageData of that identity
// with the same expression; where the model gives alpha, before grey.
export async function protect(models, face, target) {
  const code = new Uint8Array(models.identities.length);
  if (!(target in code)) throw new RangeError(`target ${target}: must be below ${code.length}`);
  code[target] = 255;
  const { protected: pixels } = await run(models.anonymizer, { image: withoutAlpha(face), target: code });
  const channels = pixels.length / (face.width * face.height);
  const result = new ImageData(face.width, face.height);
  result.data.forEach((_, i, data) => (data[i] = i % 4 < 3 ? pixels[Math.floor(i / 4) * channels + (i % 4)] : 255));
  return result;
}

// ImageData of a face -> { expression: share of 1 }.
export async function readExpression(models, face) {
  const { probabilities } = await run(models.expression, { image: withoutAlpha(face) });
  const sum = probabilities.reduce((a, b) => a + b);
  return Object.fromEntries(models.expressions.map((label, i) => [label, probabilities[i] / sum]));
}

const withoutAlpha = (face) => Uint8Array.from(face.data.filter((_, i) => i % 4 < 3));

async function run(model, arrays) {
  const inputs = {};
  for (const { name, shape } of model.getInputDetails()) inputs[name] = new Tensor(arrays[name], shape);
  const outputs = await model.run(inputs); // By name: the order in the file is not the order of the signature.
  const values = {};
  for (const [name, tensor] of Object.entries(outputs)) values[name] = tensor.toTypedArray();
  for (const tensor of [...Object.values(inputs), ...Object.values(outputs)]) tensor.delete();
  return values;
}
