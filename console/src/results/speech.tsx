// Speech, with its words lit as they sound.
import { useRef } from "preact/hooks";
import type { ResultProps } from "../props";
import { get } from "../api";
import { useNow } from "../playing";
import { t } from "../i18n";
import { Loading, Panel, Trouble, useLoaded } from "../ui";

interface Timing {
  duration_s: number;
  sentences: { start_s: number; end_s: number; text: string; language?: string }[];
  words: { start_s: number; end_s: number; text: string }[];
}

export function Speech({ job }: ResultProps) {
  const audio = useRef<HTMLAudioElement>(null);
  const now = useNow(audio);
  const sound = job.artifacts.find((artifact) => artifact.media_type.startsWith("audio/"));
  const url = job.artifacts.find((artifact) => artifact.name === "timing.json")?.url ?? "";
  const timing = useLoaded((signal) => get<Timing>(url, signal), [url]);
  const seek = (at: number) => {
    if (!audio.current) return;
    audio.current.currentTime = at;
    void audio.current.play().catch(() => {});
  };
  return (
    <Panel title={t("speech")}>
      {sound && <audio ref={audio} controls preload="metadata" src={sound.url} aria-label={t("speech")} />}
      {timing.error !== undefined && <Trouble error={timing.error} again={timing.reload} />}
      {!timing.value && timing.error === undefined && <Loading />}
      {timing.value?.sentences.map((sentence) => (
        <p class="said" lang={sentence.language} dir="auto">
          {timing.value?.words.filter((word) => word.start_s >= sentence.start_s - 0.001 && word.start_s < sentence.end_s).map((word) => {
            const lit = now >= word.start_s && now < word.end_s;
            return <><span class={lit ? "word now" : "word"} onClick={() => seek(word.start_s)}>{word.text}</span>{" "}</>;
          })}
        </p>
      ))}
    </Panel>
  );
}
