// Two languages, the same keys: `zh` has the type of `en`'s keys, so a missing string does not compile.
import { useEffect, useState } from "preact/hooks";
import { en } from "./strings/en";
import { zh } from "./strings/zh";

export type Key = keyof typeof en;
export type Language = "en" | "zh";
const STRINGS: Record<Language, Record<Key, string>> = { en, zh };
const KEPT = "medley.language";

function first(): Language {
  const kept = localStorage.getItem(KEPT);
  if (kept === "en" || kept === "zh") return kept;
  return navigator.language.toLowerCase().startsWith("zh") ? "zh" : "en";
}

let language = first();
const watchers = new Set<(language: Language) => void>();
document.documentElement.lang = language === "zh" ? "zh-Hans" : "en";

export function currentLanguage(): Language {
  return language;
}

export function setLanguage(wanted: Language) {
  language = wanted;
  localStorage.setItem(KEPT, wanted);
  document.documentElement.lang = wanted === "zh" ? "zh-Hans" : "en";
  for (const watcher of watchers) watcher(wanted);
}

/** Renders again when the language changes. */
export function useLanguage(): Language {
  const [now, set] = useState(language);
  useEffect(() => {
    watchers.add(set);
    return () => void watchers.delete(set);
  }, []);
  return now;
}

/** The string of a key, `{0}`, `{1}` replaced by the values. */
export function t(key: Key, ...values: (string | number)[]): string {
  return STRINGS[language][key].replace(/\{(\d)\}/g, (_, n: string) => String(values[Number(n)] ?? ""));
}

/** The string of a key that is made of data; the data itself where there is none. */
export function maybe(key: string, otherwise: string): string {
  return (STRINGS[language] as Record<string, string>)[key] ?? otherwise;
}
