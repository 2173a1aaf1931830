// The unmodified package `openai` of npm against a gateway: openai_client.cjs BASE_URL CLIP.
const assert = require("node:assert");
const fs = require("node:fs");
const OpenAI = require("openai");

const [baseURL, clip] = process.argv.slice(2);
const client = new OpenAI({ baseURL, apiKey: "none", timeout: 120_000 });
const transcribe = (more) =>
  client.audio.transcriptions.create({ file: fs.createReadStream(clip), model: "whisper-1", language: "en", ...more });

async function main() {
  const { text } = await transcribe({});
  assert.match(text.toLowerCase(), /fail/);
  assert.strictEqual(await transcribe({ response_format: "text" }), text + "\n");
  assert.match(await transcribe({ response_format: "srt" }), / --> /);
  assert.match(await transcribe({ response_format: "vtt" }), /^WEBVTT/);
  for (const granularities of [["segment"], ["word"], ["word", "segment"]]) {
    const verbose = await transcribe({ response_format: "verbose_json", timestamp_granularities: granularities });
    assert.strictEqual(verbose.text, text);
    assert.strictEqual(Array.isArray(verbose.segments), granularities.includes("segment"));
    assert.strictEqual(Array.isArray(verbose.words), granularities.includes("word"));
  }
  const { logprobs } = await transcribe({ model: "gpt-4o-transcribe", include: ["logprobs"] });
  assert.strictEqual(logprobs.map((word) => word.token).join(""), text);

  let said = "";
  let last;
  for await (const event of await transcribe({ model: "gpt-4o-transcribe", stream: true })) {
    if (event.type === "transcript.text.delta") said += event.delta;
    last = event;
  }
  assert.strictEqual(last.type, "transcript.text.done");
  assert.deepStrictEqual([said, last.text], [text, text]);

  const { data, request_id } = await transcribe({}).withResponse();
  assert.ok(request_id && data.usage.seconds > 5);

  await assert.rejects(transcribe({ known_speaker_names: ["Ann"] }), (error) => {
    assert.deepStrictEqual([error.status, error.code, error.param], [400, "unsupported_yet", "known_speaker_names"]);
    return error instanceof OpenAI.BadRequestError;
  });

  const speech = await client.audio.speech.create({ input: "Good morning.", model: "tts-1", voice: "nova" });
  assert.strictEqual(speech.headers.get("content-type"), "audio/mpeg");
  assert.ok((await speech.arrayBuffer()).byteLength > 1_000);

  const names = [];
  for await (const model of client.models.list()) names.push(model.id);
  assert.ok(names.includes("whisper-1") && names.includes("tts-1-hd"));
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
