// The shape of the sound, drawn from the sound itself, with the place that plays.
import type { RefObject } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { ask } from "../api";

const MAX_BYTES = 60 << 20;
const COLUMNS = 800;

async function peaks(url: string, signal: AbortSignal): Promise<Float32Array> {
  const response = await ask("GET", url, { signal });
  if (Number(response.headers.get("Content-Length") ?? 0) > MAX_BYTES) throw new Error("too long to draw");
  const context = new OfflineAudioContext(1, 1, 8000);
  const sound = await context.decodeAudioData(await response.arrayBuffer());
  const samples = sound.getChannelData(0);
  const found = new Float32Array(COLUMNS);
  for (let n = 0; n < samples.length; n++) {
    const column = Math.floor((n * COLUMNS) / samples.length);
    found[column] = Math.max(found[column]!, Math.abs(samples[n]!));
  }
  return found;
}

export function Waveform({ url, player, now }: { url: string; player: RefObject<HTMLMediaElement | null>; now: number }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const [shape, setShape] = useState<Float32Array>();
  useEffect(() => {
    const stop = new AbortController();
    peaks(url, stop.signal).then(setShape, () => setShape(undefined));
    return () => stop.abort();
  }, [url]);
  useEffect(() => {
    const pen = canvas.current?.getContext("2d");
    if (!pen || !shape || !canvas.current) return;
    const style = getComputedStyle(canvas.current);
    const { width, height } = canvas.current;
    const length = player.current?.duration || 1;
    pen.clearRect(0, 0, width, height);
    shape.forEach((peak, column) => {
      const tall = Math.max(1, peak * height);
      pen.fillStyle = style.getPropertyValue(column / COLUMNS < now / length ? "--accent" : "--soft");
      pen.fillRect((column * width) / COLUMNS, (height - tall) / 2, Math.max(1, width / COLUMNS - 0.4), tall);
    });
  }, [shape, now]);
  if (!shape) return null;
  const seek = (event: MouseEvent) => {
    const box = canvas.current?.getBoundingClientRect();
    if (box && player.current) player.current.currentTime = ((event.clientX - box.left) / box.width) * player.current.duration;
  };
  // The player beside it does the same by keyboard.
  return <canvas ref={canvas} class="wave" width={1200} height={96} aria-hidden="true" onClick={seek} />;
}
