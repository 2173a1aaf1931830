// Pictures and maps: side by side, or one laid over the photo.
import { useState } from "preact/hooks";
import type { ResultProps } from "../props";
import { bytes } from "../format";
import { t } from "../i18n";
import type { Artifact } from "../types";
import { Button, Panel } from "../ui";

function Over({ photo, map }: { photo: string; map: Artifact }) {
  const [share, set] = useState(60);
  return (
    <div class="stack">
      <div class="compare">
        <img src={photo} alt={t("picture.photo")} />
        <img src={map.url} alt={map.name} style={{ opacity: share / 100 }} />
      </div>
      <label class="field inline"><span class="label">{t("picture.opacity")}</span>
        <input type="range" min="0" max="100" value={share} onInput={(event) => set(Number(event.currentTarget.value))} />
      </label>
    </div>
  );
}

export function Pictures({ job }: ResultProps) {
  const pictures = job.artifacts.filter((artifact) => artifact.media_type.startsWith("image/"));
  const [over, setOver] = useState<string>();
  const chosen = pictures.find((one) => one.name === over);
  const stored = job.inputs[0] && "stored" in job.inputs[0].source;
  return (
    <Panel title={t("pictures", pictures.length)}>
      {chosen && <Over photo={`/v1/jobs/${job.id}/inputs/0`} map={chosen} />}
      <div class="pictures">
        {pictures.map((picture) => (
          <figure class="picture" key={picture.name}>
            <a href={picture.url} target="_blank" rel="noopener"><img src={picture.url} alt={picture.name} loading="lazy" /></a>
            <figcaption><bdi>{picture.name}</bdi>
              <span class="row">
                <span class="sub">{bytes(picture.bytes)}</span>
                {stored && <Button kind="quiet" aria-pressed={over === picture.name} aria-label={t("picture.over.of", picture.name)} onClick={() => setOver(over === picture.name ? undefined : picture.name)}>{t("picture.over")}</Button>}
              </span>
            </figcaption>
          </figure>
        ))}
      </div>
    </Panel>
  );
}
