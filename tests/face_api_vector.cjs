// Prints what face-api.js' recognizer answers for 150x150x3 float32 values 0..255 in a file, as JSON.
//
//     NODE_PATH=exports/web/node_modules node tests/face_api_vector.cjs FACE_API PIXELS

const fs = require('node:fs');

const [folder, pixels] = process.argv.slice(2);
const faceapi = require(`${folder}/dist/face-api.node-wasm.js`); // asks for the tfjs packages that NODE_PATH leads to

async function main() {
  await faceapi.tf.setBackend('cpu');
  await faceapi.nets.faceRecognitionNet.loadFromDisk(`${folder}/model`);
  const bytes = fs.readFileSync(pixels);
  const values = new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
  const input = new faceapi.NetInput([faceapi.tf.tensor(values, [150, 150, 3])]);
  const vector = await faceapi.nets.faceRecognitionNet.forwardInput(input);
  console.log(JSON.stringify(Array.from(await vector.data())));
}

main().catch((error) => {
  console.error(String(error));
  process.exit(1);
});
