import type { RefObject } from "preact";
import { useEffect, useState } from "preact/hooks";

/** Where a player is, each frame while it plays. */
export function useNow(player: RefObject<HTMLMediaElement | null> | RefObject<HTMLAudioElement | null>): number {
  const [now, set] = useState(0);
  useEffect(() => {
    const media = player.current;
    if (!media) return;
    let frame = 0;
    const tick = () => {
      set(media.currentTime);
      frame = media.paused ? 0 : requestAnimationFrame(tick);
    };
    const start = () => {
      cancelAnimationFrame(frame);
      tick();
    };
    for (const event of ["play", "seeked", "pause", "timeupdate"]) media.addEventListener(event, start);
    return () => {
      cancelAnimationFrame(frame);
      for (const event of ["play", "seeked", "pause", "timeupdate"]) media.removeEventListener(event, start);
    };
  }, [player.current]);
  return now;
}
