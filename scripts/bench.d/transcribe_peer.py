"""One faster-whisper process: transcribes a file several times and prints what it took as JSON.

transcribe_peer.py MODEL_DIR COMPUTE_TYPE BATCHED BEAM LANGUAGE FILE REPEATS
"""
import json, resource, sys, time

from faster_whisper import BatchedInferencePipeline, WhisperModel
from faster_whisper.audio import decode_audio

folder, compute, batched, beam, language, file, repeats = sys.argv[1:]
model = WhisperModel(folder, device="cpu", compute_type=compute, cpu_threads=2)
engine, more = (BatchedInferencePipeline(model), {"batch_size": 8}) if batched == "1" else (model, {"condition_on_previous_text": False})
walls = []
for _ in range(int(repeats)):
    started = time.time()
    segments, info = engine.transcribe(decode_audio(file), beam_size=int(beam), language=None if language == "auto" else language, vad_filter=True, **more)
    segments = [{"start_s": s.start, "end_s": s.end, "text": s.text} for s in segments]
    walls.append(time.time() - started)
print(json.dumps({"walls_s": walls, "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, "segments": segments}))
