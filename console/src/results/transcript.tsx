// The transcript beside its player: read along, click to go there, correct, and have it saved.
import type { RefObject } from "preact";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import type { ResultProps } from "../props";
import { ask, get } from "../api";
import { clock } from "../format";
import { t } from "../i18n";
import { useNow } from "../playing";
import type { Job } from "../types";
import { Button, Loading, Panel, Trouble, saveFile, useLoaded } from "../ui";
import { useHistory, useRevisions } from "./revise";
import { Saved } from "./saved";
import { asSrt, asText, asVtt, edited, found, joins, merged, renamed, replaced, speakers, split, spokenBy, type Document, type Segment } from "./segments";
import { Waveform } from "./waveform";

const SKIP_S = 3;
const SPEEDS = [0.5, 0.75, 1, 1.25, 1.5, 2];
const UNSURE = 0.5;
/** So many segments are on the page at a time; more on demand. */
const SHOWN = 400;

function mediaOf(job: Job): { url: string; film: boolean } | null {
  const [input] = job.inputs;
  if (!input || !("stored" in input.source)) return null;
  return { url: `/v1/jobs/${job.id}/inputs/0`, film: /\.(mp4|m4v|mov|webm)$/i.test(input.name) };
}

function Words({ segment, gap, now, unsure, query, seek }: { segment: Segment; gap: string; now: number; unsure: boolean; query: string; seek: (at: number) => void }) {
  if (!segment.words?.length) return <>{segment.text}</>;
  return (
    <>
      {segment.words.map((word) => {
        const lit = now >= word.start_s && now < word.end_s;
        const matches = query !== "" && word.text.toLowerCase().includes(query.toLowerCase());
        const marks = ["word", lit && "now", unsure && word.prob !== undefined && word.prob < UNSURE && "unsure", matches && "found"];
        return <><span class={marks.filter(Boolean).join(" ")} onClick={() => seek(word.start_s)}>{word.text}</span>{gap}</>;
      })}
    </>
  );
}

interface RowProps {
  at: number;
  segment: Segment;
  /** What stands between two words of the language. */
  gap: string;
  names: string[];
  now: number;
  query: string;
  unsure: boolean;
  editing: boolean;
  mayEdit: boolean;
  seek: (at: number) => void;
  open: (at: number | null) => void;
  change: (make: (document: Document) => Document) => void;
}

function Editing({ at, segment, change, open }: RowProps) {
  const area = useRef<HTMLTextAreaElement>(null);
  useEffect(() => area.current?.focus(), []);
  // A field that goes loses the focus first: what its key did must not be done again.
  const over = useRef(false);
  // What is typed counts after a short pause, so that it is saved while the field is open; Escape takes it back.
  const before = useRef(segment.text);
  const pause = useRef<number>(undefined);
  const counted = useRef(false);
  const typed = (text: string) => {
    window.clearTimeout(pause.current);
    pause.current = window.setTimeout(() => {
      counted.current = true;
      change((document) => edited(document, at, text));
    }, 500);
  };
  useEffect(() => () => window.clearTimeout(pause.current), []);
  const end = (make?: (document: Document) => Document) => {
    if (over.current) return;
    over.current = true;
    window.clearTimeout(pause.current);
    if (make) change(make);
    open(null);
  };
  const keep = (text: string) => end((document) => edited(document, at, text));
  const keys = (event: KeyboardEvent) => {
    const { value, selectionStart, selectionEnd } = event.currentTarget as HTMLTextAreaElement;
    if (event.key === "Escape") {
      event.preventDefault();
      if (counted.current) keep(before.current);
      else end();
    } else if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      end((document) => split(edited(document, at, value), at, selectionStart));
    } else if (event.key === "Enter" && !event.shiftKey) {
      event.preventDefault();
      keep(value);
    } else if (event.key === "Backspace" && selectionStart === 0 && selectionEnd === 0 && at > 0) {
      event.preventDefault();
      end((document) => merged(edited(document, at, value), at));
    }
  };
  return (
    <div>
      <textarea ref={area} rows={Math.max(2, Math.ceil(segment.text.length / 70))} defaultValue={segment.text} aria-label={t("segment.text", clock(segment.start_s))}
        dir="auto" onKeyDown={keys} onInput={(event) => typed(event.currentTarget.value)} onBlur={(event) => keep(event.currentTarget.value)} />
      <span class="help">{t("segment.keys")}</span>
    </div>
  );
}

/** What a row looks like by; its functions do the same whenever they were made. */
const looks = ({ at, segment, names, now, query, unsure, editing, mayEdit }: RowProps) => [at, segment, names, now, query, unsure, editing, mayEdit];

/** A row that looks as before is not drawn again: while it plays, all but one do, sixty times a second. */
function Row(props: RowProps) {
  const drawn = useRef<{ by: unknown[]; row: ReturnType<typeof DrawnRow> }>(undefined);
  const by = looks(props);
  if (!drawn.current || drawn.current.by.some((one, n) => !Object.is(one, by[n]))) drawn.current = { by, row: <DrawnRow {...props} /> };
  return drawn.current.row;
}

function DrawnRow(props: RowProps) {
  const { at, segment, gap, names, now, query, unsure, editing, mayEdit, seek, open, change } = props;
  const lit = now >= 0;
  const classes = ["segment", lit && "now", names.length === 0 && "no-speaker"].filter(Boolean).join(" ");
  const row = useRef<HTMLLIElement>(null);
  const was = useRef(false);
  useEffect(() => {
    if (was.current && !editing && document.activeElement === document.body) row.current?.querySelector<HTMLElement>(".at")?.focus();
    was.current = editing;
  }, [editing]);
  return (
    <li class={classes} ref={row} data-segment={at}>
      <button type="button" class="at" aria-label={t("seek", clock(segment.start_s, true))} onClick={() => seek(segment.start_s)}>{clock(segment.start_s, true)}</button>
      {names.length > 0 && (
        <select class="speaker" aria-label={t("speaker.of", clock(segment.start_s))} value={segment.speaker ?? ""} disabled={!mayEdit}
          onChange={(event) => { const { value } = event.currentTarget; change((document) => spokenBy(document, at, value)); }}>
          <option value="">–</option>
          {names.map((name) => <option value={name}>{name}</option>)}
        </select>
      )}
      {editing ? <Editing {...props} /> : (
        <div class="words" dir="auto" onDblClick={() => mayEdit && open(at)}>
          <Words segment={segment} gap={gap} now={now} unsure={unsure} query={query} seek={seek} />
        </div>
      )}
      {mayEdit && !editing && (
        <span class="tools">
          <Button aria-label={t("segment.edit", clock(segment.start_s))} onClick={() => open(at)}>{t("edit")}</Button>
          {at > 0 && <Button aria-label={t("segment.merge", clock(segment.start_s))} onClick={() => change((document) => merged(document, at))}>{t("merge")}</Button>}
        </span>
      )}
    </li>
  );
}

function Speakers({ document, change }: { document: Document; change: RowProps["change"] }) {
  const names = speakers(document);
  if (names.length === 0) return null;
  return (
    <fieldset class="row">
      <legend class="label">{t("speakers")}</legend>
      {names.map((name) => (
        <input key={name} class="speaker-name" aria-label={t("speaker.rename", name)} defaultValue={name} size={Math.max(8, name.length)} dir="auto"
          onKeyDown={(event) => event.key === "Enter" && event.currentTarget.blur()}
          onBlur={(event) => { const { value } = event.currentTarget; change((now) => renamed(now, name, value)); }} />
      ))}
      <span class="help">{t("speakers.help")}</span>
    </fieldset>
  );
}

function Find({ document, query, setQuery, change, mayEdit, go }: {
  document: Document; query: string; setQuery: (text: string) => void; change: RowProps["change"]; mayEdit: boolean; go: (at: number) => void;
}) {
  const [by, setBy] = useState("");
  const [place, setPlace] = useState(0);
  const all = useMemo(() => found(document, query), [document, query]);
  const next = () => {
    const now = all[place % Math.max(1, all.length)];
    setPlace(place + 1);
    if (now !== undefined) go(now);
  };
  return (
    <div class="row" role="search" aria-label={t("find")}>
      <input type="search" placeholder={t("find")} aria-label={t("find")} value={query} onInput={(event) => { setQuery(event.currentTarget.value); setPlace(0); }}
        onKeyDown={(event) => event.key === "Enter" && next()} />
      {query && <span class="help" role="status">{t("found", all.length)}</span>}
      {query && <Button disabled={all.length === 0} onClick={next}>{t("find.next")}</Button>}
      {query && mayEdit && <>
        <input placeholder={t("replace.by")} aria-label={t("replace.by")} value={by} onInput={(event) => setBy(event.currentTarget.value)} />
        <Button disabled={all.length === 0} onClick={() => change((now) => replaced(now, query, by))}>{t("replace.all")}</Button>
      </>}
    </div>
  );
}

function Export({ document }: { document: Document }) {
  const formats: Record<string, () => void> = {
    TXT: () => saveFile("transcript.txt", asText(document), "text/plain"),
    SRT: () => saveFile("transcript.srt", asSrt(document), "application/x-subrip"),
    VTT: () => saveFile("transcript.vtt", asVtt(document), "text/vtt"),
    JSON: () => saveFile("transcript.json", JSON.stringify(document), "application/json"),
    DOCX: () => void import("./docx").then(({ asDocx }) => asDocx(document)).then((blob) => {
      const url = URL.createObjectURL(blob);
      const link = window.document.createElement("a");
      link.href = url;
      link.download = "transcript.docx";
      link.click();
      setTimeout(() => URL.revokeObjectURL(url), 10_000);
    }),
  };
  return <div class="row" role="group" aria-label={t("export")}><span class="label">{t("export")}</span>{Object.entries(formats).map(([name, save]) => <Button onClick={save}>{name}</Button>)}</div>;
}

function Player({ media, player, now }: { media: { url: string; film: boolean }; player: RefObject<HTMLMediaElement | null>; now: number }) {
  const [speed, setSpeed] = useState(1);
  useEffect(() => { if (player.current) player.current.playbackRate = speed; }, [speed]);
  const skip = (by: number) => { if (player.current) player.current.currentTime += by; };
  return (
    <div class="player">
      {media.film
        ? <video ref={player as RefObject<HTMLVideoElement | null>} controls preload="metadata" src={media.url} aria-label={t("player")} />
        : <audio ref={player as RefObject<HTMLAudioElement | null>} controls preload="metadata" src={media.url} aria-label={t("player")} />}
      {!media.film && <Waveform url={media.url} player={player} now={now} />}
      <div class="row">
        <Button onClick={() => skip(-SKIP_S)}>−{SKIP_S} s</Button>
        <Button onClick={() => skip(SKIP_S)}>+{SKIP_S} s</Button>
        <label class="field inline"><span class="label">{t("speed")}</span>
          <select value={String(speed)} onChange={(event) => setSpeed(Number(event.currentTarget.value))}>{SPEEDS.map((one) => <option value={String(one)}>{one}×</option>)}</select>
        </label>
        <span class="help">{t("player.keys")}</span>
      </div>
    </div>
  );
}

/** Keys that work wherever nobody types. */
function useKeys(player: RefObject<HTMLMediaElement | null>, undo: () => void, redo: () => void) {
  const acts = useRef({ undo, redo });
  acts.current = { undo, redo };
  useEffect(() => {
    const press = (event: KeyboardEvent) => {
      const typing = (event.target as HTMLElement).closest("input, textarea, select, audio, video");
      const command = event.ctrlKey || event.metaKey;
      if (command && event.key.toLowerCase() === "z" && !typing) {
        event.preventDefault();
        if (event.shiftKey) acts.current.redo();
        else acts.current.undo();
      } else if (!typing && !command && player.current) {
        if (event.key === "k") void (player.current.paused ? player.current.play() : player.current.pause());
        else if (event.key === "j") player.current.currentTime -= SKIP_S;
        else if (event.key === "l") player.current.currentTime += SKIP_S;
      }
    };
    window.addEventListener("keydown", press);
    return () => window.removeEventListener("keydown", press);
  }, []);
}

function Editor({ job, mayEdit, first, reload }: { job: Job; mayEdit: boolean; first: Document; reload: () => void }) {
  const media = mediaOf(job);
  const player = useRef<HTMLMediaElement>(null);
  const now = useNow(player);
  const { value: document, change, undo, redo, canUndo, canRedo } = useHistory(first);
  const files = () => [
    { name: "transcript.json", type: "application/json", text: JSON.stringify(document) },
    { name: "transcript.txt", type: "text/plain; charset=utf-8", text: asText(document) },
    { name: "transcript.srt", type: "application/x-subrip", text: asSrt(document) },
    { name: "transcript.vtt", type: "text/vtt", text: asVtt(document) },
  ];
  const saving = useRevisions(job.id, job.revision, "edited in the console", files);
  const [open, setOpen] = useState<number | null>(null);
  const [query, setQuery] = useState("");
  const [unsure, setUnsure] = useState(true);
  const [following, setFollowing] = useState(true);
  const [shown, setShown] = useState(SHOWN);
  const list = useRef<HTMLOListElement>(null);
  useKeys(player, undo, redo);
  const seen = useRef(document);
  useEffect(() => {
    if (seen.current !== document) saving.touch();
    seen.current = document;
  }, [document]);
  const goTo = (at: number) => {
    if (at >= shown) setShown(at + SHOWN);
    requestAnimationFrame(() => list.current?.querySelector(`[data-segment="${at}"]`)?.scrollIntoView({ block: "center" }));
  };
  const current = document.segments.findIndex((segment) => now >= segment.start_s && now < segment.end_s);
  useEffect(() => {
    if (following && current >= 0 && open === null && !player.current?.paused) {
      list.current?.querySelector(`[data-segment="${current}"]`)?.scrollIntoView({ block: "nearest" });
    }
  }, [current]);
  const seek = (at: number) => {
    if (!player.current) return;
    player.current.currentTime = at;
    void player.current.play().catch(() => {});
  };
  const names = useMemo(() => speakers(document), [document]);
  return (
    <>
      {media && <Player media={media} player={player} now={now} />}
      <div class="row spread">
        <Find document={document} query={query} setQuery={setQuery} change={change} mayEdit={mayEdit} go={goTo} />
        {mayEdit && <div class="row">
          <Button disabled={!canUndo} onClick={undo}>{t("undo")}</Button>
          <Button disabled={!canRedo} onClick={redo}>{t("redo")}</Button>
          <Saved saving={saving} reload={reload} />
        </div>}
      </div>
      <div class="row">
        <label class="check"><input type="checkbox" checked={unsure} onChange={(event) => setUnsure(event.currentTarget.checked)} />{t("unsure")}</label>
        {media && <label class="check"><input type="checkbox" checked={following} onChange={(event) => setFollowing(event.currentTarget.checked)} />{t("follow")}</label>}
      </div>
      {mayEdit && <Speakers document={document} change={change} />}
      <ol class="segments" ref={list} lang={document.language}>
        {document.segments.slice(0, shown).map((segment, at) => (
          <Row key={`${segment.start_s}-${at}`} at={at} segment={segment} gap={joins(document.language)} names={names} now={now >= segment.start_s && now < segment.end_s ? now : -1} query={query} unsure={unsure} editing={open === at} mayEdit={mayEdit} seek={seek} open={setOpen} change={change} />
        ))}
      </ol>
      {document.segments.length > shown && <Button onClick={() => setShown(shown + SHOWN)}>{t("more")}</Button>}
      <Export document={document} />
    </>
  );
}

function Chapters({ job }: { job: Job }) {
  const url = job.artifacts.find((artifact) => artifact.name === "chapters.json")?.url;
  const chapters = useLoaded(async (signal) => (url ? get<{ chapters?: { startTime?: number; start_s?: number; title: string }[] }>(url, signal) : undefined), [url]);
  const all = chapters.value?.chapters;
  if (!all?.length) return null;
  return <Panel title={t("chapters")}><ol>{all.map((chapter) => <li><bdi>{clock(chapter.startTime ?? chapter.start_s ?? 0)} {chapter.title}</bdi></li>)}</ol></Panel>;
}

function Summary({ job }: { job: Job }) {
  const url = job.artifacts.find((artifact) => artifact.name === "summary.md")?.url;
  const summary = useLoaded(async (signal) => (url ? (await ask("GET", url, { signal })).text() : ""), [url]);
  if (!summary.value) return null;
  return <Panel title={t("summary")}><p class="plain" dir="auto">{summary.value}</p></Panel>;
}

export function Transcript({ job, mayEdit }: ResultProps) {
  const url = job.artifacts.find((artifact) => artifact.name === "transcript.json")?.url ?? "";
  // An editor belongs to one reading: what is read anew gets an editor of its own.
  const readings = useRef(0);
  // With the revision that it is of, read together: what is saved goes on top of that.
  const read = useLoaded(async (signal) => {
    const now = await get<Job>(`/v1/jobs/${job.id}`, signal);
    return { now, document: await get<Document>(`${url}?revision=${now.revision}`, signal), reading: ++readings.current };
  }, [job.id, url]);
  return (
    <>
      <Panel title={t("transcript")}>
        {read.error !== undefined && <Trouble error={read.error} again={read.reload} />}
        {!read.value && read.error === undefined && <Loading />}
        {read.value && <Editor key={read.value.reading} job={read.value.now} first={read.value.document} mayEdit={mayEdit} reload={read.reload} />}
      </Panel>
      <Chapters job={job} />
      <Summary job={job} />
    </>
  );
}
