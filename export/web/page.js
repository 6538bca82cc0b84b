// What a person sees and does. Pictures are handled in pictures.js, models in models.js.
"use strict";

const element = (id) => document.getElementById(id);
let models;
let source = null; // the picture that is shown, an ImageBitmap
let opening = null; // the file that is being opened
let random = 0; // the index that stands for "anyone": drawn for each picture, once for all that a camera gives
let camera = null; // the MediaStream in use
let result = null; // RGBA bytes of the protected face that is shown
let timesShown = 0; // when the times were, in milliseconds
let working = Promise.resolve(); // one thing after another: the models are not to be used twice at once

// A file of the page: embedded in it, or beside it.
async function readFile(name) {
  const embedded = document.querySelector(`script[data-file="${name}"]`);
  if (embedded !== null) {
    const packed = Uint8Array.from(atob(embedded.textContent), (letter) => letter.charCodeAt(0));
    const whole = new Response(new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip")));
    return new Uint8Array(await whole.arrayBuffer());
  }
  const response = await fetch(name);
  if (!response.ok) throw new Error(`${name}: ${response.status}`);
  return new Uint8Array(await response.arrayBuffer());
}

const CAMERA_ON = "The camera is on. Keep your face in the middle.";

function say(text, bad = false) {
  if (element("status").textContent !== text) element("status").textContent = text; // else it would be read out again
  element("status").classList.toggle("bad", bad);
}

// From the browser's cryptographic randomness, uniformly: values of an incomplete last round are drawn again.
function drawTarget() {
  const count = models.identities.length;
  let value;
  do [value] = crypto.getRandomValues(new Uint32Array(1));
  while (value >= 2 ** 32 - (2 ** 32 % count));
  random = value % count;
}

function chosenTarget() {
  const { value } = document.querySelector("input[name=target]:checked");
  return value === "" ? random : Number(value);
}

// Show nothing: no face, or none that was protected.
function clearAll() {
  clearProtected();
  const canvas = element("original");
  canvas.getContext("2d").clearRect(0, 0, canvas.width, canvas.height);
  canvas.setAttribute("aria-label", "Your face: none yet");
  element("drop").classList.remove("filled");
  showExpression(1, null);
}

function clearProtected() {
  result = null;
  const canvas = element("protected");
  canvas.getContext("2d").clearRect(0, 0, canvas.width, canvas.height);
  canvas.setAttribute("aria-label", "Protected face: none yet");
  element("result").classList.remove("filled");
  element("protected-caption").textContent = "Protected";
  element("timing").textContent = "";
  element("download").disabled = true;
  showExpression(2, null);
}

// Protect the face of `source` and show it. Whatever fails, nothing that was not protected stands in its place.
async function update() {
  const bitmap = source;
  const target = chosenTarget();
  try {
    const start = performance.now();
    const picture = pictureOf(bitmap);
    const square = await findFace(models, picture);
    const face = faceIn(models, picture, square);
    const found = performance.now();
    const { shown, head } = await protect(models, face, target);
    const done = performance.now();
    const ours = await readExpression(models, face);
    const protectedPicture = pictureOfBytes(shown, models.size);
    const protectedSquare = await findFace(models, protectedPicture);
    const theirs = await readExpression(models, faceIn(models, protectedPicture, protectedSquare));
    if (bitmap !== source) return face; // another picture was opened meanwhile
    result = head;
    paint("original", bitmap, square);
    paintBytes(element("protected"), head);
    element("drop").classList.add("filled");
    element("result").classList.add("filled");
    const name = models.identities[target];
    element("protected").setAttribute("aria-label", `Protected face, shown as ${name}`);
    element("original").setAttribute("aria-label", "Your face, as the model sees it");
    element("protected-caption").textContent = `Protected, as ${name}`;
    element("download").disabled = false;
    showTimes(found - start, done - found);
    showExpression(1, ours);
    showExpression(2, theirs);
    const read = `Shown as ${name}. Yours: ${mostLikely(ours)}. Protected: ${mostLikely(theirs)}.`;
    say(camera === null ? read : CAMERA_ON);
    return face;
  } catch (error) {
    if (bitmap === source) {
      clearProtected();
      say(`Not protected: ${error.message}.`, true);
    }
    return null;
  }
}

// Twice a second at most, so that they can be read while the camera is on.
function showTimes(finding, protecting) {
  if (camera !== null && performance.now() - timesShown < 500) return;
  timesShown = performance.now();
  const [cut, made] = [finding, protecting].map((time) => `${time.toFixed(1)} ms`);
  element("timing").textContent = `Face cut out in ${cut}, protected in ${made}`;
}

function mostLikely(shares) {
  const index = shares.indexOf(Math.max(...shares));
  return `${models.expressions[index]}, ${Math.round(100 * shares[index])} %`;
}

// The part of the picture that the protected face is to be compared with.
function paint(id, bitmap, square) {
  const { left, top, side } = models.record.alpha ? headSquare(square) : square;
  const context = element(id).getContext("2d");
  const size = element(id).width;
  context.clearRect(0, 0, size, size);
  context.imageSmoothingQuality = "high";
  context.drawImage(bitmap, left, top, side, side, 0, 0, size, size);
}

function paintBytes(canvas, bytes) {
  canvas.getContext("2d").putImageData(new ImageData(bytes, canvas.width), 0, 0);
}

function showExpression(column, shares) {
  const most = shares === null ? -1 : shares.indexOf(Math.max(...shares));
  [...element("expressions").tBodies[0].rows].forEach((row, index) => {
    const percent = shares === null ? 0 : 100 * shares[index];
    row.cells[column].querySelector(".bar").style.width = `${percent}%`;
    row.cells[column].querySelector(".number").textContent = shares === null ? "" : `${Math.round(percent)} %`;
    row.cells[column].classList.toggle("most", index === most);
  });
}

async function openPicture(file) {
  stopCamera();
  opening = file;
  source = null;
  clearAll();
  document.querySelector(".views").classList.remove("mirrored");
  say("Opening the picture…");
  let bitmap;
  try {
    // Upright, and with the colours of the file, as Python reads them.
    bitmap = await createImageBitmap(file, { imageOrientation: "from-image", colorSpaceConversion: "none" });
  } catch {
    if (opening === file) say(`Not protected: ${file.name} is no picture that this browser can read.`, true);
    return;
  }
  if (opening !== file) return; // another one was chosen meanwhile
  source = bitmap;
  drawTarget();
  working = working.then(async () => {
    const face = await update();
    if (face !== null) await showTargets(face);
  });
}

// All targets with the expression of a face.
async function showTargets(face) {
  for (const [index, canvas] of document.querySelectorAll("#targets canvas").entries()) {
    try {
      paintBytes(canvas, (await protect(models, face, index)).head);
    } catch {
      canvas.getContext("2d").clearRect(0, 0, canvas.width, canvas.height);
    }
  }
}

async function startCamera() {
  let stream;
  element("camera").disabled = true; // while the browser asks
  try {
    const video = { facingMode: "user", width: { ideal: 640 }, height: { ideal: 480 } };
    stream = await navigator.mediaDevices.getUserMedia({ video, audio: false });
  } catch (error) {
    const reasons = { NotAllowedError: "it is not allowed to this page", NotFoundError: "there is none" };
    say(`The camera cannot be used: ${reasons[error.name] ?? error.message}.`, true);
    return;
  } finally {
    element("camera").disabled = false;
  }
  opening = source = null;
  clearAll();
  drawTarget();
  camera = stream;
  stream.getTracks()[0].addEventListener("ended", stopCamera);
  element("camera").textContent = "Stop the camera";
  document.querySelector(".views").classList.add("mirrored");
  say(CAMERA_ON);
  const video = element("video");
  video.srcObject = stream;
  await video.play();
  let face = null;
  while (camera === stream) {
    await new Promise(requestAnimationFrame); // stands still while the page is not seen
    const frame = await createImageBitmap(video);
    if (camera !== stream) break;
    source?.close();
    source = frame;
    face = await (working = working.then(update));
  }
  if (face !== null) working = working.then(() => showTargets(face));
}

function stopCamera() {
  if (camera === null) return;
  for (const track of camera.getTracks()) track.stop();
  camera = null;
  element("video").srcObject = null;
  element("camera").textContent = "Use the camera";
  say(result === null ? "The camera is off." : "The camera is off. The last picture stays.");
}

async function download() {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(await pngOf(result, models.size));
  link.download = "protected.png";
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000); // some browsers read it late
}

function addTarget(value, name, picture) {
  const label = document.createElement("label");
  label.className = "target";
  const radio = document.createElement("input");
  Object.assign(radio, { type: "radio", name: "target", value, checked: value === "" });
  picture.classList.add("face");
  picture.setAttribute("aria-hidden", "true");
  label.append(radio, picture, name);
  element("targets").append(label);
}

async function start() {
  models = await openExport(readFile);
  const { record, size } = models;
  element("protected").width = element("protected").height = size;
  const anyone = document.createElement("span");
  anyone.textContent = "?";
  anyone.classList.add("anyone");
  addTarget("", "anyone", anyone);
  models.identities.forEach((name, index) => {
    const canvas = document.createElement("canvas");
    canvas.width = canvas.height = size;
    addTarget(index, name, canvas);
  });
  for (const name of models.expressions) {
    const row = element("expressions").tBodies[0].insertRow();
    row.append(element("expression-row").content.cloneNode(true));
    row.cells[0].textContent = name;
  }
  element("place").textContent =
    models.alignment === null
      ? "It does not look for faces: the square in the middle of the picture is taken for one face. Cut it out first."
      : "It does not look for people: one head, in the middle of the picture, is taken, and the rest is left out.";
  if (record.audit?.verdict) element("audit").textContent = ` The audit of this model says: ${record.audit.verdict}.`;
  element("model").textContent = `Model: ${record.run}, pictures of ${size} × ${size} pixels.`;
  await showTargets(new Uint8Array(3 * size * size).fill(128)); // of nobody
  element("choose").disabled = element("camera").disabled = false;
  say("Ready. Choose a picture, drop one on the page, or use the camera.");
}

element("choose").addEventListener("click", () => element("file").click());
element("file").addEventListener("change", ({ target }) => {
  if (target.files.length > 0) openPicture(target.files[0]);
  target.value = ""; // so that the same file can be chosen again
});
element("camera").addEventListener("click", () => (camera === null ? startCamera() : stopCamera()));
element("download").addEventListener("click", download);
// "Anyone", chosen again, draws another one.
element("targets").addEventListener("click", ({ target }) => {
  if (target.name !== "target") return;
  if (target.value === "") drawTarget();
  if (source !== null && camera === null) working = working.then(update);
});
document.addEventListener("dragover", (event) => {
  event.preventDefault();
  element("drop").classList.add("over");
});
document.addEventListener("dragleave", (event) => {
  if (event.relatedTarget === null) element("drop").classList.remove("over");
});
document.addEventListener("drop", (event) => {
  event.preventDefault();
  element("drop").classList.remove("over");
  const [file] = event.dataTransfer.files;
  if (file !== undefined && models !== undefined) openPicture(file);
});

working = start().catch((error) => say(`Cannot start: ${error.message}.`, true));
