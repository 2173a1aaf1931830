// All that a job made, to be fetched; corrected files are the newest.
import { bytes } from "../format";
import { t } from "../i18n";
import type { Job } from "../types";
import { Panel } from "../ui";

export function Files({ job }: { job: Job }) {
  return (
    <Panel title={t("files")} extra={<span class="sub">{bytes(job.artifacts.reduce((sum, one) => sum + one.bytes, 0))}</span>}>
      <div class="scroll">
        <table class="table">
          <thead><tr><th>{t("name")}</th><th>{t("type")}</th><th class="num">{t("size")}</th><th><span class="hidden">{t("download")}</span></th></tr></thead>
          <tbody>
            {job.artifacts.map((artifact) => (
              <tr key={artifact.name}>
                <td><bdi>{artifact.name}</bdi></td>
                <td class="sub">{artifact.media_type}</td>
                <td class="num">{bytes(artifact.bytes)}</td>
                <td class="num"><a href={`${artifact.url}?download=1`} aria-label={t("download.of", artifact.name)}>{t("download")}</a></td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </Panel>
  );
}
