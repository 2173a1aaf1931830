// A transcript that is edited: pure functions, each of which returns another transcript.

export interface Word {
  start_s: number;
  end_s: number;
  text: string;
  prob?: number;
}

export interface Segment {
  start_s: number;
  end_s: number;
  text: string;
  speaker?: string | null;
  words?: Word[];
  [other: string]: unknown;
}

export interface Document {
  language?: string;
  duration_s: number;
  text: string;
  segments: Segment[];
  [other: string]: unknown;
}

/** Chinese and Japanese are written without spaces between words. */
export const joins = (language?: string) => (language === "zh" || language === "ja" || language === "yue" ? "" : " ");

/** The pieces that have times: words, or single characters where there are no spaces; Latin words stay whole there. */
function pieces(text: string, language?: string): string[] {
  return text.match(joins(language) === "" ? /[A-Za-z0-9'’.,-]+|\S/gu : /\S+/g) ?? [];
}

/** The words as pieces: one of several characters shares its time among them. */
function timed(words: Word[], language?: string): Word[] {
  return words.flatMap((word) => {
    const parts = pieces(word.text, language);
    if (parts.length < 2) return [word];
    const step = (word.end_s - word.start_s) / parts.length;
    return parts.map((text, n) => ({ ...word, text, start_s: round(word.start_s + step * n), end_s: round(word.start_s + step * (n + 1)) }));
  });
}

/** The longest common subsequence: which new words are old ones. */
function kept(before: string[], after: string[]): Map<number, number> {
  const lengths = Array.from({ length: before.length + 1 }, () => new Uint32Array(after.length + 1));
  for (let i = before.length - 1; i >= 0; i--) {
    for (let j = after.length - 1; j >= 0; j--) {
      lengths[i]![j] = before[i] === after[j] ? lengths[i + 1]![j + 1]! + 1 : Math.max(lengths[i + 1]![j]!, lengths[i]![j + 1]!);
    }
  }
  const pairs = new Map<number, number>();
  for (let i = 0, j = 0; i < before.length && j < after.length;) {
    if (before[i] === after[j]) pairs.set(j++, i++);
    else if (lengths[i + 1]![j]! >= lengths[i]![j + 1]!) i++;
    else j++;
  }
  return pairs;
}

/** Words that stayed keep their times; those between share the time between. */
function retimed(segment: Segment, text: string, language?: string): Word[] | undefined {
  if (!segment.words) return undefined;
  const before = timed(segment.words, language);
  const after = pieces(text, language);
  const pairs = kept(before.map((word) => word.text), after);
  const words: Word[] = [];
  for (let at = 0; at < after.length;) {
    const old = pairs.get(at);
    if (old !== undefined) {
      words.push(before[old]!);
      at += 1;
      continue;
    }
    let until = at;
    while (until < after.length && !pairs.has(until)) until += 1;
    const from = words.at(-1)?.end_s ?? segment.start_s;
    const next = pairs.get(until);
    const to = Math.max(from, next === undefined ? segment.end_s : before[next]!.start_s);
    const step = (to - from) / (until - at);
    for (let n = at; n < until; n++) {
      words.push({ start_s: round(from + step * (n - at)), end_s: round(from + step * (n - at + 1)), text: after[n]! });
    }
    at = until;
  }
  return words;
}

const round = (seconds: number) => Math.round(seconds * 1000) / 1000;

function whole(document: Document, segments: Segment[]): Document {
  return { ...document, segments, text: segments.map((segment) => segment.text.trim()).filter(Boolean).join(joins(document.language)) };
}

export function edited(document: Document, at: number, text: string): Document {
  const segment = document.segments[at];
  const now = text.replace(/\s+/g, " ").trim();
  if (!segment || now === segment.text.trim()) return document;
  const segments = [...document.segments];
  if (now === "") segments.splice(at, 1);
  else segments[at] = { ...segment, text: now, ...(segment.words ? { words: retimed(segment, now, document.language) } : {}) };
  return whole(document, segments);
}

/** Cuts a segment before the word that begins at or after so many characters of its text. */
export function split(document: Document, at: number, caret: number): Document {
  const segment = document.segments[at];
  if (!segment) return document;
  const [head, tail] = [segment.text.slice(0, caret).trim(), segment.text.slice(caret).trim()];
  if (head === "" || tail === "") return document;
  const count = pieces(head, document.language).length;
  const words = segment.words && timed(segment.words, document.language);
  const cut = words?.[count]?.start_s
    ?? round(segment.start_s + ((segment.end_s - segment.start_s) * head.length) / segment.text.length);
  const first: Segment = { ...segment, text: head, end_s: words?.[count - 1]?.end_s ?? cut };
  const second: Segment = { ...segment, text: tail, start_s: cut };
  if (words) [first.words, second.words] = [words.slice(0, count), words.slice(count)];
  return whole(document, document.segments.toSpliced(at, 1, first, second));
}

/** Puts a segment and the one before it together. */
export function merged(document: Document, at: number): Document {
  const [before, segment] = [document.segments[at - 1], document.segments[at]];
  if (!before || !segment) return document;
  const one: Segment = { ...before, end_s: segment.end_s, text: `${before.text.trim()}${joins(document.language)}${segment.text.trim()}` };
  if (before.words && segment.words) one.words = [...before.words, ...segment.words];
  return whole(document, document.segments.toSpliced(at - 1, 2, one));
}

/** Calls a speaker something else everywhere; the name of another one makes one of the two. */
export function renamed(document: Document, from: string, to: string): Document {
  if (to.trim() === "" || from === to) return document;
  return whole(document, document.segments.map((segment) => (segment.speaker === from ? { ...segment, speaker: to.trim() } : segment)));
}

export function spokenBy(document: Document, at: number, speaker: string): Document {
  const segment = document.segments[at];
  return segment ? whole(document, document.segments.with(at, { ...segment, speaker: speaker || undefined })) : document;
}

export function speakers(document: Document): string[] {
  return [...new Set(document.segments.map((segment) => segment.speaker).filter((one): one is string => Boolean(one)))];
}

/** How often a text is there, whatever its case. */
export function found(document: Document, text: string): number[] {
  if (text === "") return [];
  const wanted = text.toLowerCase();
  return document.segments.flatMap((segment, at) => (segment.text.toLowerCase().includes(wanted) ? [at] : []));
}

export function replaced(document: Document, text: string, by: string): Document {
  const wanted = new RegExp(text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"), "gi");
  // From the end, since an emptied segment goes.
  return found(document, text).reverse().reduce((now, at) => edited(now, at, now.segments[at]!.text.replace(wanted, () => by)), document);
}

function stamp(seconds: number, mark: string): string {
  const ms = Math.round(seconds * 1000);
  const part = (value: number, digits = 2) => String(value).padStart(digits, "0");
  return `${part(Math.floor(ms / 3_600_000))}:${part(Math.floor(ms / 60_000) % 60)}:${part(Math.floor(ms / 1000) % 60)}${mark}${part(ms % 1000, 3)}`;
}

/** Lines of at most so many letters, or half as many wide characters. */
function lines(text: string, language?: string): string[] {
  const limit = joins(language) === "" ? 16 : 42;
  const all: string[] = [];
  // Where there are no spaces between words, those between Latin ones stay.
  const parts = joins(language) === "" ? text.trim().match(/\s+|[A-Za-z0-9'’.,-]+|\S/gu) ?? [] : pieces(text, language);
  for (const piece of parts) {
    const line = all.at(-1);
    const longer = line === undefined ? piece : `${line}${joins(language)}${piece}`;
    if (line !== undefined && longer.length <= limit) all[all.length - 1] = longer;
    else all.push(piece);
  }
  return all;
}

interface Cue {
  start_s: number;
  end_s: number;
  text: string;
}

/** Two lines at a time; a long segment shares its time by length where it has no words. */
function cues(document: Document): Cue[] {
  return document.segments.flatMap((segment) => {
    const rows = lines(segment.text, document.language);
    const total = rows.reduce((sum, row) => sum + row.length, 0);
    const made: Cue[] = [];
    const words = segment.words && timed(segment.words, document.language);
    let [at, word] = [segment.start_s, 0];
    for (let n = 0; n < rows.length; n += 2) {
      const pair = rows.slice(n, n + 2);
      word += pair.flatMap((row) => pieces(row, document.language)).length;
      const length = pair.reduce((sum, row) => sum + row.length, 0);
      const end = n + 2 >= rows.length ? segment.end_s : words?.[word - 1]?.end_s ?? at + ((segment.end_s - segment.start_s) * length) / total;
      made.push({ start_s: at, end_s: end, text: `${n === 0 && segment.speaker ? `${segment.speaker}: ` : ""}${pair.join("\n")}` });
      at = words?.[word]?.start_s ?? end;
    }
    return made;
  });
}

export function asSrt(document: Document): string {
  return cues(document).map((cue, n) => `${n + 1}\n${stamp(cue.start_s, ",")} --> ${stamp(cue.end_s, ",")}\n${cue.text}\n`).join("\n");
}

export function asVtt(document: Document): string {
  const safe = (text: string) => text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
  return `WEBVTT\n\n${cues(document).map((cue) => `${stamp(cue.start_s, ".")} --> ${stamp(cue.end_s, ".")}\n${safe(cue.text)}\n`).join("\n")}`;
}

export function asText(document: Document): string {
  return `${document.segments.map((segment) => (segment.speaker ? `${segment.speaker}: ${segment.text.trim()}` : segment.text.trim())).join("\n")}\n`;
}
