// A film, with the subtitles that came with it, and its poster.
import { useEffect, useRef, useState } from "preact/hooks";
import type { ResultProps } from "../props";
import { ask } from "../api";
import { clock } from "../format";
import { t } from "../i18n";
import { Button, Panel } from "../ui";

const FRAMES = 8;

/** Frames of the film at even distances, drawn by the browser itself. */
function Storyboard({ url, seek }: { url: string; seek: (at: number) => void }) {
  const [frames, set] = useState<{ at: number; picture: string }[]>([]);
  useEffect(() => {
    const film = document.createElement("video");
    const urls: string[] = [];
    let stopped = false;
    film.muted = true;
    film.preload = "auto";
    film.src = url;
    const draw = async () => {
      const canvas = document.createElement("canvas");
      canvas.width = 160;
      canvas.height = Math.round((160 * film.videoHeight) / Math.max(1, film.videoWidth));
      for (let n = 0; n < FRAMES && !stopped; n++) {
        const at = (film.duration * (n + 0.5)) / FRAMES;
        film.currentTime = at;
        await new Promise((resolve) => film.addEventListener("seeked", resolve, { once: true }));
        canvas.getContext("2d")?.drawImage(film, 0, 0, canvas.width, canvas.height);
        const blob = await new Promise<Blob | null>((resolve) => canvas.toBlob(resolve, "image/jpeg", 0.8));
        if (!blob || stopped) return;
        const picture = URL.createObjectURL(blob);
        urls.push(picture);
        set((now) => [...now, { at, picture }]);
      }
    };
    film.addEventListener("loadeddata", () => void draw(), { once: true });
    return () => {
      stopped = true;
      film.removeAttribute("src");
      urls.forEach((one) => URL.revokeObjectURL(one));
    };
  }, [url]);
  return (
    <div class="row">
      {frames.map(({ at, picture }) => (
        <Button kind="quiet" onClick={() => seek(at)} aria-label={t("seek", clock(at))}><img src={picture} alt="" width="120" /></Button>
      ))}
    </div>
  );
}

export function Film({ job }: ResultProps) {
  const film = useRef<HTMLVideoElement>(null);
  const [subtitles, setSubtitles] = useState<string>();
  const video = job.artifacts.find((artifact) => artifact.media_type.startsWith("video/"));
  const vtt = job.artifacts.find((artifact) => artifact.name.endsWith(".vtt"));
  const poster = job.artifacts.find((artifact) => artifact.name === "poster.jpg");
  // The route sends text in a sandbox; a track reads it from here.
  useEffect(() => {
    if (!vtt) return;
    let url: string | undefined;
    void ask("GET", vtt.url).then((response) => response.blob()).then((blob) => {
      url = URL.createObjectURL(new Blob([blob], { type: "text/vtt" }));
      setSubtitles(url);
    }, () => {});
    return () => url && URL.revokeObjectURL(url);
  }, [vtt?.sha256]);
  if (!video) return null;
  const seek = (at: number) => {
    if (film.current) film.current.currentTime = at;
  };
  const script = job.inputs.map((input) => input.source).find((source) => "text" in source);
  return (
    <Panel title={t("film")}>
      <video ref={film} class="film" controls preload="metadata" src={video.url} poster={poster?.url} aria-label={t("film")}>
        {subtitles && <track kind="subtitles" src={subtitles} default label={t("subtitles")} srclang="en" />}
      </video>
      <Storyboard url={video.url} seek={seek} />
      {script && "text" in script && <><h3>{t("script")}</h3><p class="words" dir="auto">{script.text}</p></>}
    </Panel>
  );
}
