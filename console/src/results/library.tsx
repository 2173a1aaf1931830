// A library as a grid that holds only the cells in view, with facets and a search in what the images were found to show.
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import type { ResultProps } from "../props";
import { ask } from "../api";
import { bytes, number, percent } from "../format";
import { t } from "../i18n";
import { Button, Empty, Loading, Panel, Trouble, useLoaded } from "../ui";

interface Image {
  path: string;
  width?: number;
  height?: number;
  bytes?: number;
  caption?: string | null;
  tags?: (string | { name?: string; label?: string; tag?: string })[];
  text?: string[];
  people?: number | null;
  colours?: { name: string; share: number }[];
  exif?: { taken?: string; date_time?: string } | null;
  phash?: string;
  nsfw?: number | null;
  group?: number | null;
  dropped?: string | null;
  thumbnail?: string | null;
  error?: { code?: string; message?: string } | string | null;
}

interface Row {
  at: number;
  image: Image;
  /** All that a search looks at, in small letters. */
  words: string;
  tags: string[];
}

const CELL_W = 210;
const CELL_H = 236;
const MAX_FACETS = 12;
/** CSS has most of the names; these it has not, or means otherwise. */
const COLOURS: Record<string, string> = { "light blue": "lightblue", "dark blue": "darkblue", "dark green": "darkgreen", "light grey": "lightgray", "dark grey": "darkslategray", cream: "#fff3d6" };

function tagsOf(image: Image): string[] {
  return (image.tags ?? []).map((tag) => (typeof tag === "string" ? tag : tag.name ?? tag.label ?? tag.tag ?? "")).filter(Boolean);
}

async function readRows(url: string, signal: AbortSignal, tell: (count: number) => void): Promise<Row[]> {
  const response = await ask("GET", url, { signal });
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  const rows: Row[] = [];
  let rest = "";
  for (;;) {
    const { done, value = "" } = await reader.read();
    const lines = (rest + value).split("\n");
    rest = done ? "" : lines.pop() ?? "";
    for (const line of lines) {
      if (!line.trim()) continue;
      const image = JSON.parse(line) as Image;
      const tags = tagsOf(image);
      rows.push({ at: rows.length, image, tags, words: [image.path, image.caption, ...tags, ...image.text ?? []].join(" ").toLowerCase() });
    }
    tell(rows.length);
    if (done) return rows;
  }
}

type Facet = "tag" | "colour" | "people" | "text" | "state";

function facetsOf({ image, tags }: Row): [Facet, string][] {
  const people = image.people ?? 0;
  return [
    ...tags.map((tag): [Facet, string] => ["tag", tag]),
    ...(image.colours ?? []).map((colour): [Facet, string] => ["colour", colour.name]),
    ["people", people === 0 ? "0" : people === 1 ? "1" : "2+"],
    ["text", (image.text?.length ?? 0) > 0 ? "yes" : "no"],
    ...(image.error ? [["state", "unreadable"] as [Facet, string]] : image.dropped ? [["state", image.dropped] as [Facet, string]] : []),
  ];
}

function count(rows: Row[]): Map<Facet, [string, number][]> {
  const all = new Map<Facet, Map<string, number>>();
  for (const row of rows) {
    for (const [facet, value] of facetsOf(row)) {
      const values = all.get(facet) ?? new Map<string, number>();
      values.set(value, (values.get(value) ?? 0) + 1);
      all.set(facet, values);
    }
  }
  return new Map([...all].map(([facet, values]) => [facet, [...values].sort((one, other) => other[1] - one[1]).slice(0, MAX_FACETS)]));
}

/** Bits in which two perceptual hashes differ. */
function distance(one: string, other: string): number {
  let bits = BigInt(`0x${one}`) ^ BigInt(`0x${other}`);
  let differ = 0;
  for (; bits > 0n; bits &= bits - 1n) differ++;
  return differ;
}

function Facets({ rows, chosen, toggle }: { rows: Row[]; chosen: ReadonlySet<string>; toggle: (key: string) => void }) {
  const all = useMemo(() => count(rows), [rows]);
  return (
    <div class="stack" role="group" aria-label={t("facets")}>
      {(["people", "text", "colour", "tag", "state"] as const).filter((facet) => all.has(facet)).map((facet) => (
        <fieldset>
          <legend>{t(`facet.${facet}`)}</legend>
          {all.get(facet)?.map(([value, times]) => {
            const key = `${facet}:${value}`;
            return (
              <label class="check"><input type="checkbox" checked={chosen.has(key)} onChange={() => toggle(key)} /><bdi>{value}</bdi> <span class="sub">{number(times)}</span></label>
            );
          })}
        </fieldset>
      ))}
    </div>
  );
}

function Thumbnail({ data }: { data: string }) {
  const [url, setUrl] = useState<string>();
  useEffect(() => {
    const raw = atob(data.replace(/^data:[^,]*,/, ""));
    const made = URL.createObjectURL(new Blob([Uint8Array.from(raw, (one) => one.charCodeAt(0))], { type: "image/jpeg" }));
    setUrl(made);
    return () => URL.revokeObjectURL(made);
  }, [data]);
  return url ? <img src={url} alt="" width="180" height="110" style={{ objectFit: "contain" }} /> : null;
}

function Cell({ row, left, top, width, like }: { row: Row; left: number; top: number; width: number; like: (row: Row) => void }) {
  const { image } = row;
  const trouble = typeof image.error === "string" ? image.error : image.error?.message ?? image.error?.code;
  return (
    <div class="cell" role="listitem" style={{ left: `${left}px`, top: `${top}px`, width: `${width}px`, height: `${CELL_H}px` }}>
      {image.thumbnail && <Thumbnail data={image.thumbnail} />}
      <div class="swatches" aria-hidden="true">{image.colours?.map((colour) => <span style={{ background: COLOURS[colour.name] ?? colour.name.replace(/ /g, ""), flexGrow: Math.round(colour.share * 100) }} />)}</div>
      <strong class="sub"><bdi>{image.path}</bdi></strong>
      {trouble ? <p class="bad"><bdi>{trouble}</bdi></p> : <p dir="auto">{image.caption}</p>}
      <span class="sub">{[image.width && `${image.width}×${image.height}`, image.bytes && bytes(image.bytes), image.people ? t("people", image.people) : "", image.nsfw && image.nsfw > 0.5 ? `nsfw ${percent(image.nsfw)}` : ""].filter(Boolean).join(" · ")}</span>
      {image.phash && <div><Button kind="quiet" aria-label={t("similar.to", image.path)} onClick={() => like(row)}>{t("similar")}</Button></div>}
    </div>
  );
}

function Grid({ rows, like }: { rows: Row[]; like: (row: Row) => void }) {
  const box = useRef<HTMLDivElement>(null);
  const [view, setView] = useState({ top: 0, width: 800, height: 600 });
  useEffect(() => {
    const measure = () => box.current && setView({ top: box.current.scrollTop, width: box.current.clientWidth, height: box.current.clientHeight });
    measure();
    const watcher = new ResizeObserver(measure);
    if (box.current) watcher.observe(box.current);
    return () => watcher.disconnect();
  }, []);
  useEffect(() => { if (box.current) box.current.scrollTop = 0; }, [rows]);
  const columns = Math.max(1, Math.floor(view.width / CELL_W));
  const width = Math.floor(view.width / columns);
  const [from, until] = [Math.max(0, Math.floor(view.top / CELL_H) - 1), Math.ceil((view.top + view.height) / CELL_H) + 1];
  const shown = rows.slice(from * columns, until * columns);
  return (
    <div class="grid" ref={box} tabIndex={0} role="region" aria-label={t("images", rows.length)} onScroll={(event) => setView({ ...view, top: event.currentTarget.scrollTop })}>
      <div class="rel" role="list" style={{ height: `${Math.ceil(rows.length / columns) * CELL_H}px` }}>
        {shown.map((row, n) => {
          const at = from * columns + n;
          return <Cell key={row.at} row={row} left={(at % columns) * width} top={Math.floor(at / columns) * CELL_H} width={width} like={like} />;
        })}
      </div>
    </div>
  );
}

export function Library({ job }: ResultProps) {
  const url = job.artifacts.find((artifact) => artifact.name === "captions.jsonl")?.url ?? "";
  const [loaded, setLoaded] = useState(0);
  const read = useLoaded((signal) => readRows(url, signal, setLoaded), [url]);
  const [query, setQuery] = useState("");
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const [like, setLike] = useState<Row>();
  const rows = read.value ?? [];
  const fits = useMemo(() => {
    const words = query.toLowerCase().split(/\s+/).filter(Boolean);
    const found = rows.filter((row) => words.every((word) => row.words.includes(word))
      && (chosen.size === 0 || [...chosen].every((key) => facetsOf(row).some(([facet, value]) => `${facet}:${value}` === key))));
    const hash = like?.image.phash;
    if (!hash) return found;
    return found.filter((row) => row.image.phash).map((row) => ({ row, far: distance(hash, row.image.phash!) })).sort((one, other) => one.far - other.far).map(({ row }) => row);
  }, [rows, query, chosen, like]);
  const toggle = (key: string) => {
    const now = new Set(chosen);
    if (!now.delete(key)) now.add(key);
    setChosen(now);
  };
  if (read.error !== undefined) return <Trouble error={read.error} again={read.reload} />;
  if (!read.value) return <Loading what={t("images.loading", loaded)} />;
  return (
    <Panel title={t("library")} extra={<span class="sub" role="status">{t("images.of", number(fits.length), number(rows.length))}</span>}>
      <div class="row">
        <input type="search" aria-label={t("library.search")} placeholder={t("library.search")} value={query} onInput={(event) => setQuery(event.currentTarget.value)} />
        {like && <Button onClick={() => setLike(undefined)}>{t("similar.to", like.image.path)} ✕</Button>}
        {chosen.size > 0 && <Button onClick={() => setChosen(new Set())}>{t("facets.none")}</Button>}
      </div>
      <div class="library">
        <Facets rows={fits} chosen={chosen} toggle={toggle} />
        {fits.length > 0 ? <Grid rows={fits} like={setLike} /> : <Empty title={t("images.none")} />}
      </div>
    </Panel>
  );
}
