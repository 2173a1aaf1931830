// Where saving stands, in words.
import { t } from "../i18n";
import { Button, Notice, sentence } from "../ui";
import type { useRevisions } from "./revise";

export function Saved({ saving, reload }: { saving: ReturnType<typeof useRevisions>; reload: () => void }) {
  const { state, error, revision, now, overwrite } = saving;
  if (state === "stale") {
    return (
      <Notice tone="warn">
        <span>{t("saved.stale")}</span>
        <span class="row"><Button onClick={reload}>{t("saved.theirs")}</Button><Button onClick={() => void overwrite()}>{t("saved.mine")}</Button></span>
      </Notice>
    );
  }
  if (state === "failed") return <Notice tone="bad"><span>{t("saved.failed")} {sentence(error)}</span><Button onClick={() => void now()}>{t("again")}</Button></Notice>;
  const told = { saved: revision > 0 ? t("saved.as", revision) : t("saved.original"), changed: t("saved.changed"), saving: t("saved.saving") }[state];
  return <span class="saved" role="status" data-saving={state}>{told}</span>;
}
