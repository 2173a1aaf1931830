"""The unmodified package `openai` of PyPI against a gateway: openai_client.py BASE_URL CLIP WHAT.

Prints what a test in Rust looks at; an assertion that fails ends it.
"""

import base64
import io
import json
import sys
import wave

import openai

base_url, clip, what = sys.argv[1:4]
client = openai.OpenAI(base_url=base_url, api_key="none", timeout=120)
NAMES = ["whisper-1", "gpt-4o-transcribe", "gpt-4o-mini-transcribe", "gpt-transcribe", "gpt-4o-mini-transcribe-2025-12-15"]


def transcribe(client=client, **more):
    with open(clip, "rb") as file:
        return client.audio.transcriptions.create(**{"file": file, "model": "whisper-1", "language": "en", **more})


def refused(status, code, call, **more):
    try:
        call(**more)
    except openai.APIStatusError as error:
        assert error.status_code == status, (error.status_code, error.body)
        assert set(error.body) == {"message", "type", "param", "code"}, error.body
        assert error.code == code, error.body
        assert error.response.headers["x-should-retry"] == "false", error.response.headers
        return error
    raise AssertionError(f"{more} was not refused")


def formats():
    plain = transcribe()
    assert "fail" in plain.text.lower(), plain.text
    assert plain.usage.type == "duration" and 5 < plain.usage.seconds < 20, plain.usage
    assert [language.code for language in plain.languages] == ["en"], plain.languages
    assert plain._request_id
    for name in NAMES:
        assert transcribe(model=name).text == plain.text, name

    logprobs = transcribe(include=["logprobs"]).logprobs
    assert "".join(token.token for token in logprobs) == plain.text
    assert all(token.logprob <= 0 and bytes(map(int, token.bytes)).decode() == token.token for token in logprobs)

    assert transcribe(response_format="text") == plain.text + "\n"
    srt, vtt = transcribe(response_format="srt"), transcribe(response_format="vtt")
    assert srt.startswith("1\n00:00:0") and " --> " in srt, srt
    assert vtt.startswith("WEBVTT"), vtt

    for granularities in [None, ["segment"], ["word"], ["word", "segment"]]:
        more = {"timestamp_granularities": granularities} if granularities else {}
        verbose = transcribe(response_format="verbose_json", **more)
        assert (verbose.language, verbose.text) == ("english", plain.text)
        assert verbose.duration == plain.usage.seconds == verbose.usage.seconds
        has_segments = granularities is None or "segment" in granularities
        has_words = granularities is not None and "word" in granularities
        assert (verbose.segments is not None) == has_segments, granularities
        assert (verbose.words is not None) == has_words, granularities
        if has_segments:
            assert "".join(segment.text for segment in verbose.segments) == plain.text
            assert [segment.id for segment in verbose.segments] == list(range(len(verbose.segments)))
            for segment in verbose.segments:
                assert 0 <= segment.start <= segment.end <= verbose.duration and segment.avg_logprob <= 0
                assert segment.compression_ratio > 0 and isinstance(segment.seek, int) and segment.tokens == []
        if has_words:
            starts = [word.start for word in verbose.words]
            assert starts == sorted(starts) and starts[0] >= 0, starts
            assert all(word.start <= word.end <= verbose.duration + 0.01 for word in verbose.words), verbose.words

    raw = client.audio.transcriptions.with_raw_response.create(
        file=("a.wav", open(clip, "rb")), model="whisper-1", language="en", temperature=0.4,
        chunking_strategy={"type": "server_vad", "prefix_padding_ms": 300}, keywords=["Beckett"])
    assert "temperature" in raw.headers["x-medley-warnings"] and "prefix_padding_ms" in raw.headers["x-medley-warnings"]
    assert raw.headers["x-request-id"] and raw.headers["x-medley-job"]
    assert raw.parse().text

    translated = client.audio.translations.create(file=open(clip, "rb"), model="whisper-1", response_format="verbose_json")
    assert translated.language == "english" and translated.segments and translated.text


def stream():
    plain = transcribe(model="gpt-4o-transcribe")
    for more in [{}, {"response_format": "text"}, {"response_format": "verbose_json", "timestamp_granularities": ["word"]}]:
        events = list(transcribe(model="gpt-4o-transcribe", stream=True, **more))
        assert [event.type for event in events[:-1]] == ["transcript.text.delta"] * (len(events) - 1), events
        assert events[-1].type == "transcript.text.done" and len(events) > 1, events
        assert events[-1].text == plain.text == "".join(event.delta for event in events[:-1]), events
    assert events[-1].words and events[-1].language == "english"
    with_logprobs = list(transcribe(stream=True, include=["logprobs"]))
    assert with_logprobs[0].logprobs and with_logprobs[-1].logprobs
    subtitles = list(transcribe(stream=True, response_format="vtt"))
    assert subtitles[-1].text == "".join(event.delta for event in subtitles[:-1]) == transcribe(response_format="vtt")


def errors():
    refused(400, "unsupported_yet", transcribe, known_speaker_names=["Ann"],
            known_speaker_references=["data:audio/wav;base64," + "UklG" * 200_000])
    refused(400, "params_invalid", transcribe, language="klingon")
    refused(400, "params_invalid", transcribe, keywords=["<b>"])
    refused(404, "model_not_found", transcribe, model="nova-9")
    refused(404, "model_not_found", lambda: client.models.retrieve("gpt-9"))
    refused(400, "media_unsupported", lambda: client.audio.transcriptions.create(
        file=("a.mp3", b"This is a text and no sound at all.\n"), model="whisper-1"))
    refused(400, "media_empty", lambda: client.audio.transcriptions.create(file=("a.wav", b""), model="whisper-1"))
    speak = client.audio.speech.create
    refused(400, "params_invalid", lambda: speak(input="Hello.", model="tts-1", voice="nobody"))
    refused(400, "params_invalid", lambda: speak(input="Hello.", model="tts-1", voice="alloy", speed=9))
    refused(400, "media_empty", lambda: speak(input=" ", model="tts-1", voice="alloy"))
    refused(400, "language_unsupported", lambda: speak(input="Привет, как дела?", model="tts-1", voice="alloy"))
    for permanent in [lambda: client.post("/audio/transcriptions", cast_to=object, body={"model": "whisper-1"})]:
        refused(400, "form_invalid", permanent)


def speakers():
    """Of a build whose kind `transcribe` tells speakers apart."""
    diarized = transcribe(response_format="diarized_json", model="gpt-4o-transcribe-diarize", chunking_strategy="auto")
    assert diarized.task == "transcribe" and diarized.duration > 5 and diarized.segments, diarized
    for segment in diarized.segments:
        assert segment.type == "transcript.text.segment" and isinstance(segment.id, str) and segment.speaker, segment
    events = list(transcribe(response_format="diarized_json", model="gpt-4o-transcribe-diarize", stream=True))
    told = [event for event in events if event.type == "transcript.text.segment"]
    assert [event.speaker for event in told] == [segment.speaker for segment in diarized.segments]
    assert events[-1].type == "transcript.text.done" and events[-1].text == diarized.text


def no_speakers():
    refused(400, "unsupported_yet", transcribe, response_format="diarized_json", model="gpt-4o-transcribe-diarize")


def models():
    names = {model.id: model for model in client.models.list()}
    for name in NAMES + ["tts-1", "tts-1-hd", "gpt-4o-mini-tts", "gpt-4o-transcribe-diarize"]:
        assert names[name].shutdown_date is None and names[name].object == "model"
        assert client.models.retrieve(name).id == name
    voices = client.get("/audio/voices", cast_to=object)
    ids = [voice["id"] for voice in voices["voices"]]
    assert {"alloy", "onyx", "marin"} <= set(ids) and voices["data"] == voices["voices"], voices


MAGIC = {"mp3": (b"ID3", b"\xff\xfb", b"\xff\xf3"), "opus": (b"OggS",), "aac": (b"\xff\xf1", b"\xff\xf9"), "flac": (b"fLaC",), "wav": (b"RIFF",)}


def speech():
    text, files = "Good morning, and welcome aboard.", {}
    for sound in ["mp3", "opus", "aac", "flac", "wav", "pcm"]:
        made = client.audio.speech.create(input=text, model="gpt-4o-mini-tts", voice="alloy", response_format=sound)
        files[sound] = made.read()
        assert sound == "pcm" or files[sound].startswith(MAGIC[sound]), (sound, files[sound][:8])
        assert len(files[sound]) == int(made.response.headers["content-length"])
    assert files["wav"].endswith(files["pcm"]) and len(files["wav"]) - len(files["pcm"]) < 200
    seconds = len(files["pcm"]) / 2 / 24_000
    with wave.open(io.BytesIO(files["wav"])) as sound:
        assert (sound.getframerate(), sound.getnchannels()) == (24_000, 1)
    assert 1 < seconds < 6, seconds

    with client.audio.speech.with_streaming_response.create(
            input=text, model="tts-1", voice={"id": "onyx"}, response_format="wav", stream_format="sse", speed=1.5,
            instructions="Speak in a cheerful tone.") as answer:
        assert "instructions" in answer.headers["x-medley-warnings"]
        lines = [line for line in answer.iter_lines() if line.startswith("data: ")]
    events = [json.loads(line.removeprefix("data: ")) for line in lines]
    assert {event["type"] for event in events[:-2]} == {"speech.audio.delta"}, events[-3:]
    assert [event["type"] for event in events[-2:]] == ["speech.audio.timing", "speech.audio.done"]
    sound = base64.b64decode("".join(event["audio"] for event in events[:-2]))
    assert sound.startswith(b"RIFF") and [word["word"] for word in events[-2]["words"]][0].startswith("Good")
    assert events[-1]["usage"]["total_tokens"] == 0 and events[-1]["usage"]["seconds"] > 0

    # More than OpenAI takes, and more than fits into a job's record.
    raw = client.audio.speech.with_raw_response.create(
        input="Good morning. " * 5_000, model="tts-1", voice="alloy", extra_headers={"Prefer": "respond-async"})
    assert raw.status_code == 202 and raw.headers["location"] == "/v1/jobs/" + raw.headers["x-medley-job"], raw.headers
    assert raw.headers["preference-applied"] == "respond-async"
    print(raw.headers["x-medley-job"])


def impatient():
    """A client that gives up twice, each time sending the whole file again."""
    try:
        transcribe(client.with_options(timeout=1.5, max_retries=2))
    except openai.APITimeoutError:
        return
    raise AssertionError("the call was answered without a worker")


def patient():
    """One call, and no second one."""
    answer = transcribe(client.with_options(max_retries=0))
    assert "fail" in answer.text.lower(), answer.text


globals()[what]()
