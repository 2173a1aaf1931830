// The unmodified package `tus-js-client` of npm against a gateway: uploads_client.cjs ADDRESS FILE
// Prints the URL of a finished upload; its second upload is ended half-way.
const assert = require("node:assert");
const fs = require("node:fs");
const { PassThrough } = require("node:stream");
const tus = require("tus-js-client");

const [address, file] = process.argv.slice(2);
const endpoint = `http://${address}/v1/inputs`;
const uploadSize = fs.statSync(file).size;
const metadata = { filename: "录音.bin", filetype: "application/octet-stream" };

function upload(more, source = fs.createReadStream(file)) {
  return new Promise((resolve, reject) => {
    const it = new tus.Upload(source, {
      endpoint, uploadSize, metadata, chunkSize: 6_000_000, retryDelays: [0, 100],
      onError: reject, onSuccess: () => resolve(it), ...more(() => it, resolve),
    });
    it.start();
  });
}

async function main() {
  const whole = await upload(() => ({}));
  const early = await upload(() => ({ uploadDataDuringCreation: true, chunkSize: Infinity, overridePatchMethod: true }));
  assert.notEqual(whole.url, early.url);
  // A stream and no file: of a file whose length is deferred the package announces more bytes in the last piece than it sends.
  const stream = fs.createReadStream(file).pipe(new PassThrough());
  const deferred = await upload(() => ({ uploadSize: null, uploadLengthDeferred: true }), stream);
  const ended = await upload((it, resolve) => ({
    onChunkComplete: () => it().abort(true).then(() => resolve(it()), (error) => { throw error; }),
  }));
  const gone = await fetch(ended.url);
  assert.equal(gone.status, 404, "an upload that was ended is still there");
  for (const { url } of [whole, early, deferred]) console.log(url);
}

main().catch((error) => { console.error(error); process.exit(1); });
